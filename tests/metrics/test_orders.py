"""Fill ratio, queue time, inventory and turnover against loops and hand-worked cases; Kyle's lambda against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.fills import MAKER, TAKER, Fills
from qsl_envs.metrics.impact import kyle_lambda
from qsl_envs.metrics.orders import (
    fill_ratio,
    inventory_statistics,
    maker_share,
    queue_time,
    traded_qty,
    turnover,
)
from tests.metrics.worlds import worlds


def test_fill_ratio_and_queue_time_by_hand():
    episode, qty, filled = [0, 0, 2], [10, 30, 5], [10, 0, 1]
    np.testing.assert_array_equal(fill_ratio(episode, qty, filled, 3), [0.25, np.nan, 0.2])
    waited = queue_time([0, 0, 0, 2], [100, 100, 7, NIL], [150, 250, NIL, 9], 3)
    np.testing.assert_array_equal(waited, [100.0, np.nan, np.nan])


@given(st.integers(0, 2**31))
def test_fill_ratio_against_a_loop(seed):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(0, 12))
    episode, qty = draw.integers(0, 3, n), draw.integers(1, 9, n)
    filled = draw.integers(0, qty + 1)
    for e, found in enumerate(fill_ratio(episode, qty, filled, 3)):
        sent = sum(int(q) for k, q in enumerate(qty) if episode[k] == e)
        got = sum(int(q) for k, q in enumerate(filled) if episode[k] == e)
        assert np.isnan(found) if sent == 0 else 0 <= found <= 1 and found == pytest.approx(got / sent)


@given(worlds)
def test_traded_lots_and_maker_share(world):
    fills, _ = world
    for e in range(fills.num_episodes):
        mine = [k for k in range(len(fills)) if fills.episode[k] == e]
        lots = sum(int(fills.qty[k]) for k in mine)
        made = sum(int(fills.qty[k]) for k in mine if fills.liquidity[k] == MAKER)
        assert traded_qty(fills)[e] == lots
        share = maker_share(fills)[e]
        assert np.isnan(share) if not lots else share == pytest.approx(made / lots)


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(1, 5)), min_size=1, max_size=20), st.integers(0, 4))
def test_inventory_against_a_loop_over_time(steps, padding):
    """Each step's inventory is written out once for every unit of its time."""
    path = [lots for lots, time in steps for _ in range(time)]
    inventory = [lots for lots, _ in steps] + [np.nan] * padding
    found = inventory_statistics(inventory, [time for _, time in steps] + [3] * padding)
    assert float(found.mean) == pytest.approx(np.mean(path))
    assert float(found.mean_abs) == pytest.approx(np.mean(np.abs(path)))
    assert float(found.deviation) == pytest.approx(np.std(path), abs=1e-12)
    assert float(found.max_abs) == max(map(abs, path))
    assert float(found.flat_share) == pytest.approx(path.count(0) / len(path))
    signs = [x > 0 for x in path if x != 0]
    assert float(found.crossings) == sum(a != b for a, b in zip(signs, signs[1:]))
    assert float(found.final) == path[-1]
    assert found.mean_abs >= abs(found.mean) and found.max_abs >= found.mean_abs - 1e-12


def test_inventory_of_no_steps_is_nan():
    assert all(np.isnan(value) for value in inventory_statistics([np.nan, np.nan]))


def test_turnover_by_hand():
    """12 lots bought and sold again around a mean inventory of 6: turned over twice."""
    fills = Fills([0, 0], [1, 2], [BUY, SELL], [9, 9], [12, 12], [0, 0], [TAKER, MAKER], 1)
    assert turnover(fills, [6.0]).tolist() == [2.0]
    assert np.isnan(turnover(fills, [0.0]))[0]


def test_kyle_lambda_against_scipy():
    linregress = pytest.importorskip("scipy.stats").linregress
    draw = np.random.default_rng(5)
    flow = draw.integers(-20, 20, (6, 40)).astype(float)
    change = 0.3 * flow + draw.normal(size=flow.shape)
    change[2, 30:] = np.nan
    found = kyle_lambda(change, flow)
    for row in range(6):
        held = ~np.isnan(change[row])
        fit = linregress(flow[row, held], change[row, held])
        expected = (fit.slope, fit.intercept, fit.rvalue**2, fit.stderr)
        np.testing.assert_allclose([values[row] for values in found], expected, rtol=1e-9)


def test_kyle_lambda_of_an_exact_line_and_of_no_flow():
    exact = kyle_lambda([1.0, 3.0, 5.0], [0.0, 4.0, 8.0])
    assert [float(value) for value in exact] == [0.5, 1.0, 1.0, 0.0]
    assert np.isnan(kyle_lambda([1.0, 2.0], [0.1, 0.1]).slope) and np.isnan(kyle_lambda([1.0], [1.0]).slope)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: fill_ratio([0], [1], [2], 1), r"fill_ratio\.filled_qty must be <= qty"),
        (lambda: fill_ratio([3], [1], [1], 2), r"fill_ratio\.episode must be <= 1, was 3"),
        (lambda: queue_time([0], [5], [4], 1), r"queue_time\.first_fill_ns must be >= arrival_ns"),
        (lambda: inventory_statistics([]), r"inventory_statistics\.inventory must be of at least one step"),
        (lambda: inventory_statistics([1, 2], [1, -1]), r"inventory_statistics\.elapsed_ns must be >= 0"),
        (lambda: inventory_statistics([1, 2], [1]), r"inventory_statistics\.elapsed_ns must be of a shape"),
        (lambda: kyle_lambda([1, 2], [1]), r"kyle_lambda\.signed_qty must be of shape \(2,\), was \(1,\)"),
    ],
)
def test_bad_arguments_are_named(call, names):
    with pytest.raises(MetricError, match=names):
        call()
