"""Implementation shortfall: Perold's identity, a hand-worked order, and a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.fills import TAKER, Fills
from qsl_envs.metrics.shortfall import implementation_shortfall, shortfall_bps
from tests.metrics.worlds import FEE_UNIT, worlds


def test_an_order_by_hand():
    """Buy 10 decided at 100, arriving at 100.5; 6 filled at 101 for a fee of 0.25 a lot; the mid ends at 103.

    Delay 6 x 0.5 = 3, trading 6 x 0.5 = 3, fees 1.5, opportunity 4 x 3 = 12."""
    fills = Fills([0], [5], [BUY], [101], [6], [6 * FEE_UNIT // 4], [TAKER], 1)
    found = implementation_shortfall(fills, side=[BUY], qty=[10], decision_x2=[200], mark_x2=[206], arrival_x2=[201])
    assert [float(part[0]) / FEE_UNIT for part in found] == [3.0, 3.0, 1.5, 12.0, 19.5]
    assert shortfall_bps(found, [10], [200], FEE_UNIT).tolist() == [195.0]


@given(worlds, st.integers(0, 2**31))
def test_against_paper_less_made(world, seed):
    fills, _ = world
    n = fills.num_episodes
    draw = np.random.default_rng(seed)
    side, qty = draw.integers(0, 2, n), draw.integers(1, 60, n)
    decision, arrival, mark = (draw.integers(180, 221, n) for _ in range(3))
    found = implementation_shortfall(fills, side=side, qty=qty, decision_x2=decision, mark_x2=mark, arrival_x2=arrival)
    assert (found.delay + found.trading + found.fees + found.opportunity == found.total).all()
    for e in range(n):
        sign = 1 if side[e] == BUY else -1
        paper = sign * qty[e] * (mark[e] - decision[e]) / 2
        cash, lots = 0.0, 0
        for k in np.flatnonzero(fills.episode == e):
            step = 1 if fills.side[k] == BUY else -1
            cash -= step * fills.qty[k] * fills.price[k] + fills.fee[k] / FEE_UNIT
            lots += step * fills.qty[k]
        assert found.total[e] / FEE_UNIT == pytest.approx(paper - (cash + lots * mark[e] / 2))


def test_nothing_costs_nothing():
    """All filled at the decision's mid, without fees: no shortfall, wherever the mid goes."""
    fills = Fills([0, 1], [1, 1], [BUY, SELL], [100, 100], [7, 7], [0, 0], [TAKER, TAKER], 2)
    found = implementation_shortfall(fills, side=[BUY, SELL], qty=[7, 7], decision_x2=[200, 200], mark_x2=[230, 230])
    assert found.total.tolist() == [0, 0]


def test_bad_arguments_are_named():
    fills = Fills([0], [1], [BUY], [100], [7], [0], [TAKER], 1)
    good = {"side": [BUY], "qty": [7], "decision_x2": [200], "mark_x2": [200]}
    for name, value in (("side", [3]), ("qty", [0]), ("decision_x2", [1.5]), ("mark_x2", [1, 2])):
        with pytest.raises(MetricError, match=rf"implementation_shortfall\.{name} must be"):
            implementation_shortfall(fills, **{**good, name: value})
