"""The zero-intelligence book: what the kernel measures is what the book shows, and it is the reference table."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import MarketConfig, SizeConfig, SymbolConfig
from qsl_envs.market.market import Market
from qsl_envs.theory import zero_intelligence
from qsl_envs.theory.book_watch import DEPTH, NUM_SUMS, ORDERS, SPREAD, SPREAD_SQUARED, TIGHT, TIME, watch_replicas
from qsl_envs.theory.models import study
from qsl_envs.theory.zero_intelligence import KNOWN

MS = 1_000_000


def small_market():
    flow = PoissonFlowConfig(market_rate=20, limit_rate=8, cancel_rate=4, ticks=10)
    size = SizeConfig(max_orders=256, window_ticks=128, max_special=1, max_clients=4, max_messages=8, max_calendar=8,
                      max_events=64, tape=64, wheel=128)  # fmt: skip
    config = MarketConfig(flow=flow, participants=(), symbols=(SymbolConfig(start_price=5_000),), size=size,
                          templates=1, session_ns=10**10)  # fmt: skip
    market = Market(config, 2, seed=3)
    market.reset()
    return market


def test_averages_and_notes_are_what_the_book_shows():
    """The same worlds, stepped finely and looked at from outside."""
    watched, twin = small_market(), small_market()
    until, grid, fine = (100, 5, 0.5) if numba_config.DISABLE_JIT else (250, 5, 0.1)
    sums, mids = np.zeros((2, NUM_SUMS)), np.zeros((2, until // grid), np.int64)
    for stop, half in ((until // 2, slice(None, until // grid // 2)), (until, slice(until // grid // 2, None))):
        part = np.zeros((2, mids[:, half].shape[1]), np.int64)
        watch_replicas(watched.arrays, 2, watched.stride, 64, stop * MS, grid * MS, sums, part)
        mids[:, half] = part
    assert watched.now_ns.tolist() == [until * MS] * 2
    expected, seen = np.zeros((2, NUM_SUMS)), set()
    for n in range(round(until / fine)):
        t = n * round(fine * MS)
        twin.advance(t)
        for i in range(2):
            bids, asks = twin.true_book(replica=i, levels=64)
            spread = asks[0, 0] - bids[0, 0]
            row = np.array([1, spread, spread**2, spread == 1, (bids[0, 1] + asks[0, 1]) / 2,
                            (bids[:, 1].sum() + asks[:, 1].sum()) / 2])  # fmt: skip
            seen.add(tuple(row.tolist()))
            expected[i] += row * fine / 1000
            if t % (grid * MS) == 0:
                assert mids[i, t // (grid * MS)] == bids[0, 0] + asks[0, 0]
    assert len(seen) > 20
    twin.advance(until * MS)
    assert watched.digest() == twin.digest()
    assert sums[:, TIME] == pytest.approx(until / 1000)
    for row in (SPREAD, SPREAD_SQUARED, TIGHT, DEPTH, ORDERS):
        assert sums[:, row] == pytest.approx(expected[:, row], rel=0.2 if numba_config.DISABLE_JIT else 0.02)


@pytest.mark.compiled
def test_the_tight_row():
    found = study("zero-intelligence", 1, limit_rate=0.5, ticks=60, duration=4_000.0)
    assert len(found.comparisons) == 5 and found.comparisons[0].reference == pytest.approx((0.5 * 60 - 1) / 0.2)
    assert all(abs(c.deviation) < 4.5 for c in found.comparisons), found.comparisons
    assert found.comparisons[1].standard_error < 0.03
    r = found.results
    assert r["diffusion_tau"] == pytest.approx(5.0)
    assert [row["tau"] for row in r["diffusions"]] == sorted(row["tau"] for row in r["diffusions"])
    assert r["diffusions"][0]["diffusion"] > r["diffusions"][2]["diffusion"]  # prices revert


@pytest.mark.compiled
def test_only_ratios_of_rates_matter():
    """Everything twice as fast in half the time: the same statistics within error, diffusion twice as large."""
    slow = study("zero-intelligence", 1, limit_rate=0.5, ticks=20, duration=3_000).results
    fast = study("zero-intelligence", 2, market_rate=2, limit_rate=1, cancel_rate=0.4, ticks=20, duration=1_500).results
    for name, scale in (("spread_mean", 1), ("p_spread_1", 1), ("best_depth_mean", 1), ("diffusion", 2)):
        error = np.hypot(scale * slow["standard_error"][name], fast["standard_error"][name])
        assert abs(scale * slow[name] - fast[name]) < 4.5 * error, name


@pytest.mark.compiled
def test_a_long_run_is_played_faster_and_told_in_its_own_time(monkeypatch):
    given = {"limit_rate": 0.5, "ticks": 20, "duration": 1_500}
    plain = study("zero-intelligence", 1, **given).results
    monkeypatch.setattr(zero_intelligence, "LONGEST", 20.0)
    fast = study("zero-intelligence", 1, **given).results
    assert [row["tau"] for row in fast["diffusions"]] == [row["tau"] for row in plain["diffusions"]]
    for name in ("spread_mean", "p_spread_1", "best_depth_mean", "diffusion"):
        error = np.hypot(plain["standard_error"][name], fast["standard_error"][name])
        assert abs(plain[name] - fast[name]) < 4.5 * error and plain[name] != fast[name], name


@pytest.mark.slow
@pytest.mark.parametrize("row, duration", [(row, d) for row, d in zip(KNOWN, (400_000, 2_000_000, 400_000))])
def test_the_zero_intelligence_table_in_full(row, duration):
    market, limit, cancel, ticks = row
    found = study("zero-intelligence", 3, market_rate=market, limit_rate=limit, cancel_rate=cancel, ticks=ticks,
                  duration=duration)  # fmt: skip
    assert all(abs(c.deviation) < 4 for c in found.comparisons), found.comparisons
    diffusions = {round(r["tau"] * cancel, 6): r for r in found.results["diffusions"]}
    short, long = {300: (38.4, 14.5), 1000: (117.6, 7.6), 60: (1.56, 0.57)}[ticks]
    first = diffusions[0.05]
    assert first["diffusion"] == pytest.approx(short, abs=4 * first["standard_error"] + 0.01 * short)
    last = found.results["diffusions"][-1]  # 625 s where the reference took 680, 2500 s where it took 2660
    assert last["diffusion"] == pytest.approx(long, abs=4 * last["standard_error"] + 0.1 * long)
