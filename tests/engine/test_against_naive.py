"""The engine against the naive book: every report, every trade, the whole book after each message."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.naive.book import NaiveBook
from tests.naive.compare import assert_same, compare
from tests.naive.fast import Engine
from tests.naive.scenario import read_scenarios, run_scenario
from tests.naive.strategies import days
from tests.naive.streams import REGIMES, Day, random_day, scatter_ids

STP = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")
SCENARIOS = read_scenarios(Path(__file__).with_name("scenarios.txt"))


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.title)
def test_scenarios(case):
    engine = Engine(case.stp)
    run_scenario(case, engine)
    engine.check()


def test_shared_scenarios(data_dir):
    for case in read_scenarios(data_dir / "matching" / "scenarios.txt"):
        run_scenario(case, Engine(case.stp))


@settings(max_examples=50, deadline=None)
@given(days())
def test_short_days(day):
    compare(day, check_every=5)


@pytest.mark.parametrize("stp", STP[1:])
@settings(max_examples=12, deadline=None)
@given(day=days())
def test_short_days_with_self_trade_prevention(stp, day):
    compare(day, stp, check_every=5)


@pytest.mark.parametrize("stp", STP)
@pytest.mark.parametrize("seed", range(2))
def test_random_days(stp, seed):
    seen = compare(random_day(100 + seed, 400), stp)
    assert seen["trades"] > 30


@pytest.mark.parametrize("name", [name for name in REGIMES if name != "sweeps"])
@pytest.mark.parametrize("stp", ("off", "decrement"))
def test_regimes_of_trouble(name, stp):
    compare(REGIMES[name](seed=5, n=300), stp)


def test_sweeps_of_a_thousand_orders():
    """One message that takes 1,000 orders, icebergs and hidden ones among them, and triggers a stop on its way."""
    day = REGIMES["sweeps"](seed=4, n=2_010)
    engine, naive = Engine(), NaiveBook()
    assert engine.run(day) == [naive.apply(m) for m in day]
    assert engine.trades == naive.trades
    most = max(sum(1 for t in naive.trades if t[0] == k) for k, m in enumerate(day) if m.get("order_type") == "market")
    assert most >= 1_000
    assert_same(engine, naive, "after the sweeps")
    engine.check()


def test_ids_of_64_bits():
    day = scatter_ids(random_day(8, 300))
    assert any(m["order_id"] < -(2**62) for m in day) and any(m["order_id"] > 2**62 for m in day)
    compare(day, "decrement")


def test_ids_are_free_again_once_their_order_is_gone():
    """A handful of ids used over and over, so that names are erased and entered in every state."""
    day = [m | {"order_id": m["order_id"] % 7} for m in random_day(9, 800)]
    for m in day:
        if "new_order_id" in m:
            m["new_order_id"] %= 7
    seen = compare(day)
    assert seen["DUPLICATE_ORDER"] > 50


@pytest.mark.parametrize("edge", (9, 2**31 - 10))
def test_prices_at_the_edges_of_the_range(edge):
    """Slides, pegs and stops that would leave the range of prices."""
    day = random_day(10, 400, mid=edge, half_width=8)
    for m in day:
        if "offset" in m:
            m["offset"] *= 3
    seen = compare(day)
    assert seen["trades"] > 50


def test_largest_quantities():
    """Every quantity is 2**31 - 1, every clip two thirds of it: sums of levels and notionals need 64 bits."""
    large = {"qty": 2**31 - 1, "display_qty": 2**32 // 3}
    for mid, auctions in ((2**31 - 100, 0), (1_000, 0.02)):  # an uncross of many such orders at top prices is > 2**63
        day = random_day(12, 400, mid=mid, auctions=auctions, bad=0)
        seen = compare([m | {k: v for k, v in large.items() if m.get(k)} for m in day], "decrement")
        assert seen["trades"] > 20


def test_plain_days():
    """Limit and market orders only: the fast paths."""
    seen = compare(random_day(13, 900, plain=True))
    assert seen["fill"] > 100 and seen["partial"] > 25
    compare(random_day(14, 500, plain=True), "cancel_resting")


def test_a_pool_that_grows():
    """More than 1,024 orders of every kind alive at once: pool, special orders, names and participants double."""
    engine, naive = Engine(), NaiveBook()
    source = Day(15, half_width=60, participants=300, auctions=0, weights={"add": 95, "replace": 5})
    source.types = {"limit": 75, "stop_limit": 22, "pegged": 3}
    for k in range(12):
        source.sides, source.mid = (("buy",), 9_900) if k % 2 else (("sell",), 10_100)
        part = source.messages(150)
        assert engine.run(part) == [naive.apply(m) for m in part]
        engine.check()
    assert len(naive.alive) > 1_100
    source.mid, source.half_width, source.sides, source.weights = 10_000, 150, ("buy", "sell"), Day(0).weights
    part = source.messages(300)
    assert engine.run(part) == [naive.apply(m) for m in part]
    assert engine.trades == naive.trades
    assert_same(engine, naive, "after the growth")
    engine.check()
