"""The naive book against checks that know no book: conservation, priority, mirror."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from tests.naive.book import NaiveBook
from tests.naive.referee import Referee
from tests.naive.strategies import days
from tests.naive.streams import REGIMES, mirror_message, mirror_pending, mirror_rows, mirror_trades, random_day

STP = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")


def refereed(messages) -> Counter:
    book, referee = NaiveBook(), Referee()
    for m in messages:
        before, n = book.l3(), len(book.trades)
        report = book.apply(m)
        referee.watch(m, report, book.trades[n:], before, book.l3(), book.pending())
    return referee.seen


@settings(max_examples=60, deadline=None)
@given(days())
def test_conservation_and_priority_in_short_days(day):
    refereed(day)


def test_conservation_and_priority_in_long_days():
    seen = sum((refereed(random_day(seed, 400)) for seed in range(12)), Counter())
    assert seen["trades"] > 1_000 and seen["comparisons"] > 300


@pytest.mark.parametrize("name", [n for n in REGIMES if n != "sweeps"])
def test_conservation_and_priority_in_trouble(name):
    assert refereed(REGIMES[name](seed=3, n=500))["messages"] == 500


def mirrored(messages, stp) -> int:
    """Play a day and its image; return the number of trades that were compared."""
    book, image = NaiveBook(stp), NaiveBook(stp)
    for m in messages:
        n = len(book.trades)
        report = book.apply(m)
        assert image.apply(mirror_message(m))[:4] == report[:4]
        volume = report.filled if m["action"] == "uncross" else 0
        assert image.trades[n:] == mirror_trades(book.trades[n:], volume)
        assert image.l3() == mirror_rows(book.l3())
        assert image.pending() == mirror_pending(book.pending())
    return len(book.trades)


@pytest.mark.parametrize("stp", STP)
def test_mirror(stp):
    assert sum(mirrored(random_day(seed, 300), stp) for seed in range(6)) > 300


@settings(max_examples=40, deadline=None)
@given(days())
def test_mirror_in_short_days(day):
    mirrored(day, "off")


def test_the_referee_sees_a_wrong_maker():
    """Two sellers at one price: a fill with the second one is a foul."""
    book, referee = NaiveBook(), Referee()
    adds = [{"action": "add", "order_id": i, "side": "sell", "price": 5, "qty": 2} for i in (1, 2)]
    for m in adds:
        referee.watch(m, book.apply(m), [], [], book.l3(), [])
    buy = {"action": "add", "order_id": 3, "side": "buy", "price": 5, "qty": 2}
    before = book.l3()
    with pytest.raises(AssertionError, match="passed over"):
        referee.watch(buy, book.apply(buy), [(2, 2, 3, 5, 2)], before, before[:1], [])
