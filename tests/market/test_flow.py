"""The Poisson flow through a whole market against the zero-intelligence table that an independent program gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.engine.state import SIDES
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import MarketConfig, SizeConfig, SymbolConfig
from tests.market.worlds import MS, SECOND, ready, small, touch


@dataclass(frozen=True)
class Row:
    """One row of the table: rates, width, and the three figures with the standard error of the mean spread."""

    market: float
    limit: float
    cancel: float
    ticks: int
    spread: float
    error: float
    tight: float
    depth: float


ROWS = {
    "wide": Row(1, 0.1, 0.2, 300, 8.108, 0.017, 0.0847, 1.143),
    "widest": Row(1, 0.02, 0.02, 1000, 25.10, 0.09, 0.0211, 1.144),
    "tight": Row(1, 0.5, 0.2, 60, 2.050, 0.003, 0.414, 1.806),
}


def sample(row: Row, replicas: int, count: int, seed: int, speed: float = 100.0) -> np.ndarray:
    """Means over equally spaced times of (spread, P(spread = 1), depth of the best levels), float64 (replica, 3).

    Rates are raised by `speed`: only their ratios matter. Times are a quarter of an order's mean life apart.
    """
    rates = {"market_rate": row.market, "limit_rate": row.limit, "cancel_rate": row.cancel}
    flow = PoissonFlowConfig(**{name: rate * speed for name, rate in rates.items()}, ticks=row.ticks)
    most = int(flow.mean_orders + 8 * np.sqrt(flow.mean_orders)) + 40
    size = SizeConfig(max_orders=most, window_ticks=2048, max_special=1, max_clients=4, max_messages=8, max_calendar=8,
                      max_events=64, tape=64, wheel=2048)  # fmt: skip
    config = MarketConfig(flow=flow, participants=(), symbols=(SymbolConfig(start_price=50_000),), size=size,
                          templates=min(8, replicas), session_ns=3_600 * SECOND)  # fmt: skip
    market = ready(config, replicas, seed=seed)
    life = int(1e9 / flow.cancel_rate)
    market.advance(4 * life)  # replicas that began at one template have parted
    sums = np.zeros((replicas, 3))
    for n in range(1, count + 1):
        market.advance(4 * life + n * life // 4)
        for i in range(replicas):
            bids, asks = market.true_book(replica=i, levels=1)
            spread = asks[0, 0] - bids[0, 0]
            sums[i] += spread, spread == 1, (asks[0, 1] + bids[0, 1]) / 2
    assert all(market.counters(i)["flow_pool_full"] == 0 for i in range(replicas))
    return sums / count


def check(row: Row, found: np.ndarray) -> None:
    """Within four standard errors, the reference's own included (its digits for the last two figures)."""
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    spread, tight, depth = found.mean(axis=0)
    assert abs(spread - row.spread) < 4 * np.hypot(error[0], row.error), (spread, error[0])
    relative = row.error / row.spread  # the reference's spread tells how long it ran
    assert abs(tight - row.tight) < 4 * np.hypot(error[1], 2 * relative * row.tight + 0.0001), (tight, error[1])
    assert abs(depth - row.depth) < 4 * np.hypot(error[2], relative * row.depth + 0.0005), (depth, error[2])


def test_the_tight_row_of_the_zero_intelligence_table():
    found = sample(ROWS["tight"], 24, 120, seed=100)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert error[0] < 0.03 * ROWS["tight"].spread  # the test could fail
    check(ROWS["tight"], found)


@pytest.mark.slow
@pytest.mark.parametrize("name, replicas, count", [("tight", 64, 1000), ("wide", 64, 1000), ("widest", 32, 600)])
def test_the_zero_intelligence_table(name, replicas, count):
    check(ROWS[name], sample(ROWS[name], replicas, count, seed=7))


def test_a_side_is_never_emptied_by_flow_however_large_its_orders():
    """Market orders of many lots against thin sides: the last order of a side stays."""
    flow = PoissonFlowConfig(market_rate=60, limit_rate=4, cancel_rate=8, ticks=10, qty_low=1, qty_high=40)
    market = ready(small(flow=flow, participants=()), 4, seed=2)
    fewest = 99
    for t in range(MS, 1_500 * MS, MS):
        market.advance(t)
        for i in range(4):
            run = market.arrays.runs[i * market.stride]
            orders = [int(market.arrays.book.sides[SIDES * int(run.books) + side].num_orders) for side in (BUY, SELL)]
            fewest = min(fewest, *orders)
            assert min(touch(market, i)) > 0
    assert fewest == 1
    assert market.counters(0)["idle_candidates"] > 100
