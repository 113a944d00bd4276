"""Realism: histories from files, statistics of made markets with known answers, and the real samples."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.history import History, history_of, read_history
from qsl_envs.metrics.realism import compare, compare_halves, mid_by_second, realism, trade_moves
from qsl_envs.metrics.statistics import FACTS, STATISTICS
from qsl_envs.replay.lobster import LobsterDay, read_day
from qsl_envs.replay.synthetic import SyntheticConfig, write_day
from tests.replay.files import make_day

SECOND = 10**9
ADD, EXECUTE, HIDDEN = 1, 4, 5


def made_history(ts_s, kind, side, qty, bid, ask, name="made"):
    """A history from plain lists; 100 lots at either best price."""
    n = len(ts_s)
    best = np.stack([np.broadcast_to(bid, n), np.broadcast_to(ask, n)], 1).astype(np.int64)
    ts_ns = np.round(np.array(ts_s) * SECOND).astype(np.int64)
    return History(name, ts_ns, np.array(kind, np.int8), np.array(side, np.int8), np.array(qty, np.int64), best,
                   np.full((n, 2), 100, np.int64), None)  # fmt: skip


def walk(seed: int, seconds: int = 3_000, memory: float = 0.5, move: int = 1) -> History:
    """An order a second and, half a second later, a trade that moves the mid by `move` ticks its way; the aggressor
    repeats the side of the one before with probability `memory`."""
    draw = np.random.default_rng(seed)
    turn = draw.random(seconds) >= memory
    sign = np.where(np.cumsum(turn) % 2 == 0, 1, -1)
    mid = 10_000 + move * np.cumsum(sign)
    before = np.concatenate([[10_000], mid[:-1]])
    ts_s = np.repeat(np.arange(seconds), 2) + np.tile([0.0, 0.5], seconds)
    side = np.stack([np.full(seconds, BUY), np.where(sign > 0, SELL, BUY)], 1).ravel()
    price = np.stack([before, mid], 1).ravel()
    qty = np.stack([np.full(seconds, 10), draw.integers(1, 9, seconds)], 1).ravel()
    return made_history(ts_s, np.tile([ADD, EXECUTE], seconds), side, qty, price - 2, price + 2)


def test_a_history_from_two_files(tmp_path):
    """Two executions of one stamp and side are one aggressor; a hidden one between is none."""
    day = make_day(
        tmp_path,
        [("1.0", 1, 11, 100, 999, 1), ("2.0", 4, 11, 40, 999, 1), ("2.0", 5, 0, 7, 999, 1),
         ("2.0", 4, 12, 30, 998, 1), ("3.0", 4, 13, 5, 1001, -1), ("4.0", 3, 14, 5, 1001, -1)],
        [([(999, 100), (998, 30)], [(1001, 5)]), ([(999, 60), (998, 30)], [(1001, 5)]),
         ([(999, 60), (998, 30)], [(1001, 5)]), ([(997, 1)], [(1001, 5)]), ([(997, 1)], [(1003, 5)]), ([(997, 1)], [])],
    )  # fmt: skip
    history = history_of(day)
    assert history.best.tolist() == [[999, 1001]] * 3 + [[997, 1001], [997, 1003], [997, 0]]
    np.testing.assert_array_equal(history.mid, [1000, 1000, 1000, 999, 1000, np.nan])
    trades = history.trades()
    assert (trades.sign.tolist(), trades.qty.tolist()) == ([-1, 1], [70, 5])
    assert (trades.first.tolist(), trades.last.tolist()) == ([1, 4], [3, 4])
    assert trade_moves(history, trades)["impact"].tolist() == [1.0, 1.0]


def test_the_spread_is_weighted_by_time():
    """A spread of 2 for 1 s and of 6 for 3 s: 5 on average. A side empty for a while: not counted."""
    history = made_history([0, 1, 4, 5], [ADD] * 4, [BUY] * 4, [1] * 4, [9, 7, 0, 9], [11, 13, 13, 11])
    assert realism(history).facts["spread_mean"] == 5.0
    assert realism(history).facts["spread_1_share"] == 0.0


def test_the_mid_by_second_is_the_last_one_before():
    history = made_history([0, 0.5, 1.0, 3.2], [ADD] * 4, [BUY] * 4, [1] * 4, [8, 10, 12, 14], [10, 12, 14, 16])
    assert mid_by_second(history).tolist() == [9, 13, 13, 13]


def test_every_fact_and_statistic_of_a_made_market():
    """Independent signs, each trade moving the mid by one tick: all is known."""
    history = walk(3)
    found = realism(history)
    assert list(found.facts) == list(FACTS)
    facts = found.facts
    assert facts["messages_per_s"] == pytest.approx(2.0, rel=1e-3) and facts["spread_mean"] == 4.0
    assert (facts["order_qty_mean"], facts["impact_mean"]) == pytest.approx((10.0, 1.0))
    assert facts["volatility_1s"] == pytest.approx(1.0, abs=0.01)  # coin flips
    assert facts["kurtosis_1s"] == pytest.approx(-2.0, abs=0.01)
    for name in ("return_acf_1s", "sign_acf_1", "sign_acf_10"):
        assert facts[name] == pytest.approx(0.0, abs=5 / np.sqrt(3_000))
    assert facts["variance_ratio_60s"] == pytest.approx(1.0, abs=0.5)
    assert abs(facts["impact_exponent"]) < 1e-9  # the move does not depend on the size
    # no deeper levels are told, and the moves are all of one size
    known = {statistic.name for statistic in STATISTICS} - {"depth_5", "volatility_clustering"}
    assert set(found.samples) == known
    assert len(found.samples["return_kurtosis"]) == 2_999 // 300 and len(found.samples["sign_memory"]) == 30
    assert found.impact_curve[2].sum() == 3_000


def test_memory_of_signs_is_seen():
    """A side is repeated with probability 0.8: autocorrelation 0.6^lag, runs of 5."""
    found = realism(walk(4, memory=0.8))
    assert found.facts["sign_acf_1"] == pytest.approx(0.6, abs=0.06)
    assert found.samples["sign_run"].mean == pytest.approx(5.0, abs=0.6)


def test_concave_impact_is_seen():
    """Trades of n^2 lots move the mid by n ticks: an exponent of one half."""
    steps = np.random.default_rng(0).integers(1, 7, 2_000)
    sign = np.tile([1, -1], 1_000)
    mid = 10_000 + np.cumsum(2 * sign * steps)
    before = np.concatenate([[10_000], mid[:-1]])
    ts_s = np.repeat(np.arange(2_000), 2) + np.tile([0.0, 0.5], 2_000)
    price = np.stack([before, mid], 1).ravel()
    side = np.stack([np.zeros(2_000, int), np.where(sign > 0, SELL, BUY)], 1).ravel()
    qty = np.stack([np.full(2_000, 10), steps**2], 1).ravel()
    found = realism(made_history(ts_s, np.tile([ADD, EXECUTE], 2_000), side, qty, price - 1, price + 1))
    assert found.facts["impact_exponent"] == pytest.approx(0.5)


def test_distances_of_a_market_from_itself_and_from_others():
    one, twin, sticky = realism(walk(5)), realism(walk(6)), realism(walk(7, memory=0.9))
    assert all(tuple(distance) == (0.0, 0.0) for distance in compare(one, one).values())
    near, far = compare(one, twin), compare(one, sticky)
    assert far["sign_run"].l1 > 0.5 > 0.1 > near["sign_run"].l1
    assert far["sign_memory"].wasserstein > 5 * near["sign_memory"].wasserstein
    there, back = compare(one, sticky), compare(sticky, one)
    assert there.keys() == back.keys()
    for name in there:
        assert tuple(there[name]) == pytest.approx(tuple(back[name]))
        assert 0 <= there[name].l1 <= 2 + 1e-12 and there[name].wasserstein >= 0


def test_distances_do_not_depend_on_the_lot():
    one = walk(8)
    parts = (one.ts_ns, one.kind, one.side, 100 * one.qty, one.best, 100 * one.best_qty, None)
    found = compare(realism(one), realism(History("lots", *parts)))
    assert max(distance.l1 for distance in found.values()) < 1e-12


def test_halves_cut_the_time_in_two():
    history = walk(9, seconds=1_001)
    first, second = history.halves()
    assert len(first) + len(second) == len(history) and abs(first.span_ns - second.span_ns) <= SECOND
    assert compare_halves(history)["sign_run"].l1 < 0.2


@pytest.mark.compiled
def test_a_book_is_built_where_there_is_none(tmp_path):
    """The same synthetic day with and without its book file: equal best prices once the book has settled."""
    path = write_day(tmp_path, SyntheticConfig(duration_s=120, num_levels=20))
    day = read_day(path)
    whole, built = history_of(day), history_of(LobsterDay(day.symbol, day.date, day.messages, None))
    late = whole.between(int(built.ts_ns[0]) + 60 * SECOND, 10**18)
    tail = built.between(int(built.ts_ns[0]) + 60 * SECOND, 10**18)
    assert len(late) == len(tail) > 500
    assert (late.best == tail.best).all(1).mean() > 0.9
    assert len(built) < len(whole)  # the start is left out


def test_histories_without_a_market_are_refused():
    with pytest.raises(MetricError, match=r"realism\.history must be quoted on both sides, was 'made'"):
        realism(made_history([0, 1], [ADD, ADD], [BUY, BUY], [1, 1], [0, 0], [5, 5]))
    with pytest.raises(MetricError, match=r"realism\.history must be of at least two new orders"):
        realism(made_history([0, 1], [ADD, EXECUTE], [BUY, BUY], [1, 1], [4, 4], [5, 5]))


# --- the real samples
DAY = "2012-06-21"


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("name", "spread", "sizes"),
    [
        (f"AMZN_{DAY}_34200000_57600000_message_5", 12.85, (83.8, 93.0)),
        (f"MSFT_{DAY}_34200000_37800000_message_50", 1.02, (500.2, 947.0)),
    ],
)
def test_the_facts_of_real_markets(data_dir, name, spread, sizes):
    path = data_dir / "lobster" / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {data_dir}")
    history = read_history(path)
    facts = realism(history).facts
    assert facts["spread_mean"] == pytest.approx(spread, rel=0.01)
    assert (facts["order_qty_mean"], facts["trade_qty_mean"]) == pytest.approx(sizes, rel=0.01)
    # what the literature finds in every stock: Cont (2001), Lillo and Farmer (2004), Lillo et al. (2003)
    assert facts["kurtosis_1s"] > 5 > 3.5 > facts["kurtosis_60s"]
    assert abs(facts["return_acf_1s"]) < 0.1 < facts["abs_return_acf_1s"]
    assert facts["sign_acf_1"] > 0.5 and facts["sign_acf_10"] > 0.05 and 0 < facts["sign_exponent"] < 1
    assert 0 <= facts["impact_exponent"] < 0.5
    halves = compare_halves(history)
    assert set(halves) == {statistic.name for statistic in STATISTICS}
    assert all(0 <= distance.l1 <= 2 for distance in halves.values())
