"""Where to start: one environment to begin with, and four more, each with one difficulty more than the last.

Each rung is an environment that there is, with settings that stay as they are: `digest` is the hash of all of them,
held by a test, so that a rung that changes gets a new version. `threshold` is Gymnasium's `reward_threshold`: the mean
return over episodes from which the rung counts as solved. How it was set: docs/start-here.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LIMITS = {"max_inventory": 20, "max_order_qty": 20, "max_open_orders": 8, "messages_per_s": 50.0, "burst": 20}
"""Of the rungs from the fourth on: inventory, order size, open orders, messages a second."""
OPPONENTS = [
    {"kind": "inventory_skew", "count": 2, "params": {"spread": (4, 8), "qty": 5, "widen": 1.0}},
    {"kind": "avellaneda_stoikov", "count": 2, "params": {"gamma": (0.005, 0.02), "qty": 5, "widen": 1.0}},
    {"kind": "momentum", "count": 2, "params": {}},
]
"""Of the fifth: makers who widen after adverse fills, and followers of momentum."""


class Rung(NamedTuple):
    """One difficulty: an id of its own, and the environment and settings behind it."""

    name: str
    env_id: str
    base_id: str
    kwargs: dict[str, Any]
    adds: str
    """what it adds to the rung before"""
    threshold: float
    """mean return from which it is solved"""
    digest: str
    """first 16 digits of the hash of all its settings"""


LADDER = (
    Rung("no book", "qsl/StartHere-v0", "qsl/AvellanedaStoikov-v0", {},
         "quotes around a random walk; a formula fills them", 66.0, "68885d2b86d64b43"),
    Rung("book", "qsl/StartHereBook-v0", "qsl/MarketMaking-v0",
         {"realism": {"latency": False, "fees": False}},
         "a price-time book with queues, seen at once and free of fees", 260.0, "c839e96388ce5213"),
    Rung("latency", "qsl/StartHereLatency-v0", "qsl/MarketMaking-v0",
         {"realism": {"fees": False}},
         "a millisecond each way, with jitter", 260.0, "78a481c2a9f57580"),
    Rung("fees and limits", "qsl/StartHereFees-v0", "qsl/MarketMaking-v0",
         {"config": {"venues": [{"maker_fee_bps": 0.1}], "participants": [{"risk": LIMITS}]}, "max_quote_qty": 5},
         "fees for makers too, tight limits on inventory and messages", 200.0, "cca3dd198ef84ef9"),
    Rung("adaptive opponents", "qsl/StartHereOpponents-v0", "qsl/MarketMaking-v0",
         {"config": {"venues": [{"maker_fee_bps": 0.1}], "participants": [{"risk": LIMITS}],
                     "population": OPPONENTS}, "max_quote_qty": 5},
         "makers who widen after bad fills, traders who follow the price", 105.0, "7166aed010cadb1a"),
)  # fmt: skip


def rung_digest(rung: Rung) -> str:
    """Hash of all settings of a rung as they are now, of task and market, 16 hex digits."""
    import gymnasium as gym

    from qsl_envs.settings import config_hash

    envs = gym.make_vec(rung.env_id, num_envs=1).unwrapped
    parts = [envs.task, getattr(getattr(envs, "market", None), "config", None)]
    return config_hash([part for part in parts if part is not None])[:16]
