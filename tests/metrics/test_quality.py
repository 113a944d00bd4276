"""Markouts, slippage and spreads against loops over fills, and the identities between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.arguments import mean_by_episode
from qsl_envs.metrics.fills import MAKER, TAKER, Fills, MidPath
from qsl_envs.metrics.quality import (
    HORIZONS_NS,
    effective_spread,
    markouts,
    mean_markouts,
    price_impact,
    realized_spread,
    slippage,
)
from tests.metrics.worlds import naive_mid, random_world, worlds

HORIZONS = (0, 1, 40, 400)


def same(found: float, expected: float | None) -> bool:
    return math.isnan(found) if expected is None else found == pytest.approx(expected, abs=1e-12)


@given(worlds)
def test_markouts_against_a_loop(world):
    fills, mids = world
    found = markouts(fills, mids, HORIZONS)
    assert found.shape == (len(fills), len(HORIZONS))
    for k in range(len(fills)):
        for column, horizon in enumerate(HORIZONS):
            mid = naive_mid(mids, int(fills.episode[k]), int(fills.ts_ns[k]) + horizon)
            gain = None if mid is None else (mid / 2 - fills.price[k]) * (1 if fills.side[k] == BUY else -1)
            assert same(found[k, column], gain)


@given(worlds)
def test_mean_markouts_weigh_lots(world):
    fills, mids = world
    each, found = markouts(fills, mids, HORIZONS), mean_markouts(fills, mids, HORIZONS)
    for e in range(fills.num_episodes):
        for column in range(len(HORIZONS)):
            mine = [k for k in range(len(fills)) if fills.episode[k] == e and not math.isnan(each[k, column])]
            lots = sum(int(fills.qty[k]) for k in mine)
            expected = sum(each[k, column] * fills.qty[k] for k in mine) / lots if lots else None
            assert same(found[e, column], expected)


def test_horizons_are_the_named_ones():
    assert HORIZONS_NS == (10**7, 10**8, 10**9, 10**10)


@given(worlds, st.sampled_from(HORIZONS))
def test_effective_is_realized_plus_impact(world, horizon):
    fills, mids = world
    effective, realized = effective_spread(fills, mids), realized_spread(fills, mids, horizon)
    impact = price_impact(fills, mids, horizon)
    known = ~np.isnan(impact)
    np.testing.assert_allclose(effective[known], realized[known] + impact[known], atol=1e-12)
    neither = fills.liquidity == 0
    assert np.isnan(effective[neither]).all() and not np.isnan(effective[~neither]).any()


@given(worlds, st.sampled_from(HORIZONS))
def test_realized_spread_is_twice_a_makers_markout(world, horizon):
    fills, mids = world
    made, took = fills.liquidity == MAKER, fills.liquidity == TAKER
    markout, realized = markouts(fills, mids, [horizon])[:, 0], realized_spread(fills, mids, horizon)
    np.testing.assert_allclose(realized[made], 2 * markout[made])
    np.testing.assert_allclose(realized[took], -2 * markout[took])


def test_both_parties_of_a_trade_see_one_spread():
    """A buy at 101 under a mid of 100 that goes to 100.5: effective 2, impact 1, realized 1."""
    mids = MidPath([0, 0], [0, 11], [200, 201], [99])
    for side, liquidity in ((BUY, TAKER), (SELL, MAKER)):
        fills = Fills([0], [10], [side], [101], [3], [0], [liquidity], 1)
        found = effective_spread(fills, mids), price_impact(fills, mids, 5), realized_spread(fills, mids, 5)
        assert [float(values[0]) for values in found] == [2.0, 1.0, 1.0]


def test_slippage_by_fill_and_by_episode():
    fills = Fills([0, 0, 1], [1, 2, 3], [BUY, BUY, SELL], [101, 102, 98], [1, 1, 1], [0] * 3, [TAKER] * 3, 2)
    assert slippage(fills, [200, 203, 200]).tolist() == [1.0, 0.5, 2.0]
    assert slippage(fills, [200, 198]).tolist() == [1.0, 2.0, 1.0]
    assert np.isnan(slippage(fills, [NIL, 200])).tolist() == [True, True, False]


def test_slippage_is_half_the_effective_spread_of_a_taker():
    fills, mids = random_world(11)
    took = fills.where(fills.liquidity == TAKER)
    against_mid = slippage(took, mids.before(took.episode, took.ts_ns))
    np.testing.assert_allclose(2 * against_mid, effective_spread(took, mids))


def test_bad_arguments_are_named():
    fills, mids = random_world(2)
    other = MidPath([0], [0], [200], [9])
    for call in (markouts, effective_spread):
        with pytest.raises(MetricError, match=rf"{call.__name__}\.mids must be of 3 episodes, was 1"):
            call(fills, other)
    with pytest.raises(MetricError, match=r"markouts\.horizons_ns must be >= 0, was -1"):
        markouts(fills, mids, [-1])
    with pytest.raises(MetricError, match=r"realized_spread\.horizon_ns must be whole numbers"):
        realized_spread(fills, mids, 0.5)
    with pytest.raises(MetricError, match=r"slippage\.reference_x2 must be of length 3"):
        slippage(fills, [200, 200])
    with pytest.raises(MetricError, match=r"mean_by_episode\.weights must be >= 0"):
        mean_by_episode([1.0], [0], 1, [-1.0])
