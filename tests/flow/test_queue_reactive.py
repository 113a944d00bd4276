"""Queue-reactive flow: the stationary law of its queues, the reference price, cancels far away, and its reaction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from tests.flow.kinds import QUEUE_REACTIVE
from tests.market.worlds import MS, SECOND, SIZE, START, participant, ready, small, touch

STILL = replace(QUEUE_REACTIVE, theta=0.0, qty_high=1, far_rate=1.0)


def queues(flow, replicas: int, count: int) -> np.ndarray:
    """Lengths of the queues around the reference price, which stays, int64 (replica, sample, side, distance)."""
    config = small(flow=flow, participants=(), templates=16, burn_in_ns=4 * SECOND, session_ns=600 * SECOND,
                   size=replace(SIZE, max_orders=448))  # fmt: skip
    market = ready(config, replicas, seed=9)
    market.advance(3 * SECOND)
    found = np.zeros((replicas, count, 2, flow.reach), np.int64)
    for n in range(count):
        market.advance(3 * SECOND + (n + 1) * 250 * MS)
        for i in range(replicas):
            for side, rows in enumerate(market.true_book(replica=i, levels=flow.reach + 2)):
                for price, qty in rows.tolist():
                    distance = START - price if side == BUY else price - START - 1
                    if 0 <= distance < flow.reach:
                        found[i, n, side, distance] = qty
    assert all(
        int(market.arrays.models[market.arrays.runs[i * market.stride].models].ref_x2) == 2 * START + 1
        for i in range(replicas)
    )
    return found


def check_law(found: np.ndarray, law: list[float]) -> None:
    """P(queue = q) for every q that is not rare, within 4.5 standard errors over replicas."""
    tested = 0
    for q, p in enumerate(law):
        if p < 0.02:
            continue
        shares = (found == q).mean(axis=(1, 2))
        error = max(shares.std(ddof=1), np.sqrt(p / found[0].size)) / np.sqrt(len(shares))
        assert abs(shares.mean() - p) < 4.5 * error, (q, shares.mean(), p)
        tested += 1
    assert tested >= 5


def test_queues_have_the_stationary_law_of_their_rates():
    found = queues(STILL, 32, 40)
    check_law(found[..., 0], STILL.stationary(1))


def test_queues_without_market_orders_have_theirs_at_every_distance():
    calm = replace(
        STILL, market_rates=(0.0, 1e-6), cancel_rates=tuple((*row[:-1], 4 * row[-1]) for row in STILL.cancel_rates)
    )
    found = queues(calm, 32, 40)
    for distance in range(1, calm.reach + 1):
        check_law(found[..., distance - 1], calm.stationary(distance))


def test_the_reference_price_follows_the_mid_with_theta():
    moved = []
    for theta in (0.0, 1.0):
        flow = replace(QUEUE_REACTIVE, theta=theta)
        market = ready(small(flow=flow, participants=(), size=replace(SIZE, max_orders=448)), 8, seed=2)
        refs = []
        for t in range(20 * MS, 2 * SECOND, 20 * MS):
            market.advance(t)
            for i in range(8):
                ref = int(market.arrays.models[market.arrays.runs[i * market.stride].models].ref_x2)
                assert ref & 1 == 1
                refs.append(ref)
                if theta == 1.0:
                    assert abs(ref - sum(touch(market, i))) <= 40  # as of the last candidate
        moved.append(len(set(refs)))
    assert moved[0] == 1 and moved[1] > 2


def test_orders_that_lie_beyond_the_last_queue_are_cancelled():
    flow = replace(STILL, far_rate=5.0)
    market = ready(small(flow=flow, participants=(participant(),), templates=1, size=replace(SIZE, max_orders=448)), 8)
    for i in range(8):
        model = market.arrays.models[market.arrays.runs[i * market.stride].models]
        model.ref_x2 = model.refused_x2 = 2 * START + 61  # thirty ticks up: the old bids are far now
        market.send(BUY, 3, START - 7, replica=i)
    bids = [
        sum(qty for price, qty in market.true_book(replica=i, levels=64)[0].tolist() if price <= START)
        for i in range(8)
    ]
    market.advance(3 * SECOND)
    left = [
        sum(qty for price, qty in market.true_book(replica=i, levels=64)[0].tolist() if price <= START)
        for i in range(8)
    ]
    assert min(bids) >= 10 and max(left) <= 5 and min(left) >= 3  # the agent's order is nobody's but his


@pytest.mark.parametrize("reactive", [True, False])
def test_a_long_queue_of_an_agent_keeps_market_orders_away_from_a_flow_that_sees_it(reactive):
    flow = replace(STILL, reactive=reactive, market_rates=(0.0, 40.0, 30.0, 20.0, 10.0, 5.0, 2.0, 1.0))
    config = small(flow=flow, templates=2, size=replace(SIZE, max_orders=448))
    trades = []
    for qty in (0, 200):
        market = ready(config, 40, seed=4)
        for i in range(40):
            if qty:
                market.send(BUY, qty, START, replica=i)
                market.send(SELL, qty, START + 1, replica=i)
        market.advance(SECOND // 2)
        flows = [market.arrays.runs[i * market.stride].flows for i in range(40)]
        trades.append(np.mean([int(market.arrays.flows[f].trades) for f in flows]))
    assert trades[0] > 5
    assert (trades[1] < 0.3 * trades[0]) if reactive else (trades[1] > 0.7 * trades[0])
