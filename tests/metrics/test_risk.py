"""Ratios, drawdown and tail losses against loops, hand-worked cases, closed forms and their order."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qsl_envs.errors import MetricError
from qsl_envs.metrics.risk import (
    conditional_value_at_risk,
    drawdown,
    max_drawdown,
    sharpe,
    sortino,
    value_at_risk,
)

numbers = st.integers(-50, 50).map(float)
paths = hnp.arrays(np.float64, st.integers(1, 30), elements=numbers | st.just(math.nan))
LEVELS = st.sampled_from([0.0, 0.1, 0.5, 0.75, 0.9, 0.95, 0.99])


def kept(path: np.ndarray) -> list[float]:
    return [x for x in path.tolist() if not math.isnan(x)]


@given(paths)
def test_sharpe_against_the_statistics_module(path):
    values, found = kept(path), float(sharpe(path, periods=4))
    if len(values) < 2 or min(values) == max(values):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(2 * statistics.mean(values) / statistics.stdev(values))


@given(paths, st.sampled_from([0.0, 1.5, -3.0]))
def test_sortino_against_a_loop(path, target):
    values, found = kept(path), float(sortino(path, target=target, periods=9))
    below = [min(x - target, 0.0) ** 2 for x in values]
    if not values or sum(below) == 0:
        assert math.isnan(found)
    else:
        mean = sum(x - target for x in values) / len(values)
        assert found == pytest.approx(3 * mean / math.sqrt(sum(below) / len(values)))


def test_rounding_is_no_deviation():
    assert np.isnan(sharpe([0.1] * 10)) and np.isnan(sharpe([5.0])) and np.isnan(sortino([1.0, 2.0]))


@given(paths)
def test_drawdown_against_all_pairs(path):
    values, found = kept(path), float(max_drawdown(path))
    if not values:
        assert math.isnan(found)
        return
    worst = max(values[i] - values[j] for i in range(len(values)) for j in range(i, len(values)))
    assert found == worst >= 0
    assert np.nanmax(drawdown(path)) == worst and np.nanmin(drawdown(path)) >= 0


def test_drawdown_by_hand():
    assert max_drawdown([[0, 3, 1, 4, -2, 1], [5, 6, 7, 8, 9, 10]]).tolist() == [6.0, 0.0]


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=numbers), LEVELS)
def test_tail_losses_against_their_definition(pnl, level):
    """VaR by counting; CVaR as the smallest value of c + mean(max(loss - c, 0)) / (1 - level), found at a loss."""
    losses = sorted((-pnl).tolist())
    n = len(losses)
    at_risk, tail = float(value_at_risk(pnl, level)), float(conditional_value_at_risk(pnl, level))
    assert at_risk == min(x for x in losses if sum(y <= x for y in losses) >= level * n - 1e-9)
    least = min(c + sum(max(x - c, 0) for x in losses) / n / (1 - level) for c in losses)
    assert tail == pytest.approx(least)
    assert tail >= at_risk - 1e-12
    if level == 0:
        assert tail == pytest.approx(-pnl.mean())


def test_tail_losses_by_hand():
    """20 episodes losing 1 to 20: the worst tenth loses 19 and 20; the worst 7.5 % is 20 and half of 19."""
    pnl = -np.arange(1.0, 21.0)
    assert (float(value_at_risk(pnl, 0.9)), float(conditional_value_at_risk(pnl, 0.9))) == (18.0, 19.5)
    assert float(conditional_value_at_risk(pnl, 0.925)) == pytest.approx((20 + 19 / 2) / 1.5)
    assert float(value_at_risk(pnl, 0.95)) == 19.0


def test_tail_loss_of_normal_pnl():
    """Closed form: mean + sd x phi(z) / (1 - level)."""
    stats = pytest.importorskip("scipy.stats")
    n = 200_000
    pnl = -stats.norm.ppf((np.arange(n) + 0.5) / n)
    z = stats.norm.ppf(0.95)
    assert float(value_at_risk(pnl, 0.95)) == pytest.approx(z, abs=1e-3)
    assert float(conditional_value_at_risk(pnl, 0.95)) == pytest.approx(stats.norm.pdf(z) / 0.05, abs=1e-3)


def test_episodes_side_by_side_are_episodes_alone():
    paths = np.random.default_rng(3).normal(size=(4, 5, 30))
    paths[1, 2, 20:] = np.nan
    for metric in (sharpe, sortino, max_drawdown, value_at_risk, conditional_value_at_risk):
        together = metric(paths)
        assert together.shape == (4, 5)
        alone = [[float(metric(paths[i, j])) for j in range(5)] for i in range(4)]
        np.testing.assert_allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: sharpe([1, np.inf]), r"sharpe\.changes must be finite or NaN"),
        (lambda: sharpe(["a"]), r"sharpe\.changes must be an array of numbers"),
        (lambda: sharpe(3.0), r"sharpe\.changes must be an array of at least one dimension"),
        (lambda: sharpe([1, 2], periods=0), r"sharpe\.periods must be > 0, was 0"),
        (lambda: sortino([1, 2], target=np.nan), r"sortino\.target must be finite"),
        (lambda: value_at_risk([1, 2], 1.0), r"value_at_risk\.level must be in \[0, 1\), was 1\.0"),
        (lambda: conditional_value_at_risk([], 0.5), r"conditional_value_at_risk\.pnl must be of at least one"),
        (lambda: max_drawdown([np.inf]), r"drawdown\.equity must be finite"),
    ],
)
def test_bad_arguments_are_named(call, names):
    with pytest.raises(MetricError, match=names):
        call()
