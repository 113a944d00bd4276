"""A spec that takes seconds: what the tests of this room share."""

from __future__ import annotations

SMALL = {
    "name": "small",
    "strategy": {
        "kind": "inventory_skew",
        "sample_ns": 100_000_000,
        "latency_ns": {"near": 100_000, "far": 20_000_000},
        "regimes": ["base", "volatile"],
        "group": {"params": {"period_ns": 50_000_000}},
        "market": {
            "venues": [{"name": "V", "maker_fee_bps": -0.2, "taker_fee_bps": 0.3}],
            "symbols": [{"name": "S", "start_price": 1000}],
            "flow": {"kind": "poisson", "market_rate": 20, "limit_rate": 8, "cancel_rate": 4, "ticks": 20, "qty_low": 1,
                     "qty_high": 4},
            "session_ns": 500_000_000, "templates": 2, "burn_in_ns": 1_000_000_000,
            "size": {"max_orders": 320, "window_ticks": 64, "max_special": 24, "max_events": 16, "max_clients": 64,
                     "max_messages": 256, "max_calendar": 512, "tape": 512, "wheel": 256},
        },
    },
    "worlds": {"count": 4, "test_count": 6},
    "genome": {
        "spread": {"type": "float", "low": 1, "high": 8, "scale": "log"},
        "skew": {"type": "float", "low": 0, "high": 0.5},
        "qty": {"type": "int", "low": 1, "high": 5},
        "post_only": {"type": "bool"},
    },
    "objectives": ["pnl", {"metric": "drawdown", "worst_over": "latency"}],
    "search": {"method": "nsga2", "population": 8, "generations": 4, "seed": 3},
}  # fmt: skip
