"""Surplus against every possible matching, Gode and Sunder's bounds, and hand-drawn curves."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.surplus import allocative_efficiency, maximal_surplus, realized_surplus

units = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 3)), max_size=5)


def best_matching(lots: list[tuple[int, int]]) -> int:
    """The largest sum of value - cost over all ways to pair single lots, some left out."""
    values = [value for side, value in lots if side == BUY]
    costs = [value for side, value in lots if side == SELL]
    few, many = sorted((values, costs), key=len)
    return max(
        (sum(max(0, (a - b) if few is values else (b - a)) for a, b in zip(few, chosen)) for chosen in
         permutations(many, len(few))), default=0,
    )  # fmt: skip


@given(units.filter(lambda rows: sum(qty for _, _, qty in rows) <= 8))
def test_maximal_surplus_against_every_matching(rows):
    side, value, qty = (np.array([row[k] for row in rows], np.int64) for k in range(3))
    found = maximal_surplus(np.zeros(len(rows), np.int64), side, value, qty, 1)
    lots = [(s, v) for s, v, q in rows for _ in range(q)]
    assert found.total[0] == best_matching(lots)
    if found.qty[0]:
        low, high = found.price_low[0], found.price_high[0]
        assert low <= high
        for price in (low, high):  # at each, exactly the lots that gain can trade
            keen = sum(s == BUY and v > price for s, v in lots), sum(s == SELL and v < price for s, v in lots)
            willing = sum(s == BUY and v >= price for s, v in lots), sum(s == SELL and v <= price for s, v in lots)
            assert max(keen) <= found.qty[0] <= min(willing)
        assert found.buyers[0] + found.sellers[0] == pytest.approx(found.total[0])
        assert min(found.buyers[0], found.sellers[0]) >= 0


def test_curves_by_hand():
    """Values 10, 8, 4 meet costs 2, 5, 7: two trade, gaining 8 + 3; prices 5 to 7 clear."""
    side = [BUY, BUY, BUY, SELL, SELL, SELL]
    found = maximal_surplus([1] * 6, side, [4, 10, 8, 7, 2, 5], [1] * 6, 2)
    assert found.total.tolist() == [0, 11] and found.qty.tolist() == [0, 2]
    assert (found.price_low[1], found.price_high[1]) == (5.0, 7.0) and np.isnan(found.price_low[0])
    assert (found.buyers[1], found.sellers[1]) == (6.0, 5.0)


def test_realized_surplus_by_role_does_not_depend_on_prices():
    """Both parties of two trades; role 0 buys, role 1 sells."""
    for price in (5, 6):
        made = realized_surplus(
            [0, 0, 0, 0], [BUY, SELL, BUY, SELL], [10, 2, 8, 5], [price] * 4, [1, 1, 2, 2], 1, role=[0, 1, 0, 1],
            num_roles=2,
        )  # fmt: skip
        assert made.tolist() == [[(10 - price) + 2 * (8 - price), (price - 2) + 2 * (price - 5)]]
        assert made.sum() == 14


@given(st.integers(0, 2**31))
def test_no_trading_is_more_than_efficient(seed):
    """Random pairs of a buyer's and a seller's lot, whether or not they gain by it."""
    draw = np.random.default_rng(seed)
    values, costs = draw.integers(0, 30, 6), draw.integers(0, 30, 6)
    side = np.repeat([BUY, SELL], 6)
    top = maximal_surplus(np.zeros(12, np.int64), side, np.concatenate([values, costs]), np.ones(12, np.int64), 1)
    pairs = int(draw.integers(0, 7))
    buyers, sellers = draw.permutation(6)[:pairs], draw.permutation(6)[:pairs]
    price = draw.integers(0, 30, pairs)
    made = realized_surplus(
        np.zeros(2 * pairs, np.int64), np.repeat([BUY, SELL], pairs), np.concatenate([values[buyers], costs[sellers]]),
        np.concatenate([price, price]), np.ones(2 * pairs, np.int64), 1, role=np.repeat([0, 1], pairs), num_roles=2,
    )  # fmt: skip
    assert made.sum() == sum(int(values[b]) - int(costs[s]) for b, s in zip(buyers, sellers)) <= top.total[0]
    share = allocative_efficiency(made, top.total)
    if top.total[0]:
        assert share.sum() == pytest.approx(made.sum() / top.total[0]) and share.sum() <= 1 + 1e-12
        assert allocative_efficiency(made.sum(1), top.total)[0] == pytest.approx(share.sum())
    else:
        assert np.isnan(share).all()


def test_bad_arguments_are_named():
    with pytest.raises(MetricError, match=r"maximal_surplus\.side must be <= 1, was 2"):
        maximal_surplus([0], [2], [1], [1], 1)
    with pytest.raises(MetricError, match=r"maximal_surplus\.qty must be >= 1, was 0"):
        maximal_surplus([0], [0], [1], [0], 1)
    with pytest.raises(MetricError, match=r"realized_surplus\.role must be <= 0, was 1"):
        realized_surplus([0], [0], [1], [1], [1], 1, role=[1])
    with pytest.raises(MetricError, match=r"allocative_efficiency\.realized must be \(2,\)"):
        allocative_efficiency([1.0], [1, 2])
