"""`OrderBook` for people: errors that name field and value, what it shows, time, totals, venue options."""

from __future__ import annotations

import doctest
from math import nan

import numpy as np
import pytest

from qsl_envs.engine import EngineConfig, OrderBook, book
from qsl_envs.errors import ConfigError, OrderError
from tests.naive.book import NaiveBook
from tests.naive.streams import random_day


def test_the_examples_of_the_docstrings():
    result = doctest.testmod(book)
    assert result.attempted >= 5 and result.failed == 0


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        (lambda b: b.submit("bid", 1, 5), "side", "'bid'"),
        (lambda b: b.submit(2, 1, 5), "side", "2"),
        (lambda b: b.submit("buy", 1.5, 5), "qty", "1.5"),
        (lambda b: b.submit("buy", nan, 5), "qty", "nan"),
        (lambda b: b.submit("buy", True, 5), "qty", "True"),
        (lambda b: b.submit("buy", 1, "5"), "price", "'5'"),
        (lambda b: b.submit("buy", 1, 5.0), "price", "5.0"),
        (lambda b: b.submit("buy", 1, 2**63), "price", str(2**63)),
        (lambda b: b.submit("buy", 1, 5, order_type="iceberg"), "order_type", "'iceberg'"),
        (lambda b: b.submit("buy", 1, 5, order_type=9), "order_type", "9"),
        (lambda b: b.submit("buy", 1, 5, tif="gfd"), "tif", "'gfd'"),
        (lambda b: b.submit("buy", 1, 5, tif="gtd"), "expire_ns", "None"),
        (lambda b: b.submit("buy", 1, 5, display_qty=0.5), "display_qty", "0.5"),
        (lambda b: b.submit("buy", 1, order_type="stop", stop_price="x"), "stop_price", "'x'"),
        (lambda b: b.submit("buy", 1, order_type="pegged", peg="last"), "peg", "'last'"),
        (lambda b: b.submit("buy", 1, order_type="pegged", peg="mid", offset=0.5), "offset", "0.5"),
        (lambda b: b.submit("buy", 1, 5, post_only="maybe"), "post_only", "'maybe'"),
        (lambda b: b.submit("buy", 1, 5, participant="me"), "participant", "'me'"),
        (lambda b: b.submit("buy", 1, 5, order_id=2**64), "order_id", str(2**64)),
        (lambda b: b.cancel("1"), "order_id", "'1'"),
        (lambda b: b.reduce(1, None), "qty", "None"),
        (lambda b: b.replace(1, 1, price=1.0), "price", "1.0"),
        (lambda b: b.replace(1, 1, new_order_id=[]), "new_order_id", "[]"),
        (lambda b: b.cancel_all("all"), "participant", "'all'"),
        (lambda b: b.uncross(1.5), "price", "1.5"),
        (lambda b: b.advance(-1), "now_ns", "-1"),
        (lambda b: b.depth(-1), "n", "-1"),
        (lambda b: b.queue("buy", 0), "price", "0"),
        (lambda b: b.queue("up", 1), "side", "'up'"),
        (lambda b: b.process([1, 2]), "messages", "list"),
        (lambda b: b.process(np.zeros(3)), "messages", "float64"),
    ],
)
def test_a_mistake_of_the_program_is_an_error_that_names_field_and_value(call, field, value):
    b = OrderBook(window_ticks=64)
    with pytest.raises(ValueError, match=rf"\b{field}\b") as error:
        call(b)
    assert value in str(error.value) and isinstance(error.value, OrderError)
    b.check()
    assert b.submit("buy", 1, 5).status == "ack"


@pytest.mark.parametrize("settings", [{"stp": "never"}, {"window_ticks": 100}, {"window_ticks": 32}, {"max_orders": 0}])
def test_impossible_settings(settings):
    ((field, value),) = settings.items()
    with pytest.raises((ConfigError, OrderError), match=field) as error:
        OrderBook(**settings)
    assert str(value) in str(error.value)


def test_mistakes_of_a_trader_are_reports():
    b = OrderBook(window_ticks=64)
    assert b.cancel(7).reason == "UNKNOWN_ORDER"
    assert b.submit("sell", 1, 5, order_id=3).status == "ack"
    assert b.submit("buy", 1, 5, order_id=3).reason == "DUPLICATE_ORDER"
    assert b.submit("buy", 1, 5, post_only=True).reason == "POST_ONLY_WOULD_TRADE"
    assert b.submit("buy", 1, 5, tif="ioc", post_only=True).reason == "BAD_COMBINATION"
    assert b.uncross().reason == "WRONG_PHASE"
    assert len(b) == 1


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        (lambda b: b.submit("buy", 0, 5), "qty", "0"),
        (lambda b: b.submit("buy", 2**40, 5, tif="ioc"), "qty", str(2**40)),
        (lambda b: b.submit("buy", 1, -5), "price", "-5"),
        (lambda b: b.submit("buy", 1), "price", "None"),
        (lambda b: b.submit("buy", 1, 5, display_qty=-1), "display_qty", "-1"),
        (lambda b: b.submit("buy", 1, order_type="stop"), "stop_price", "None"),
        (lambda b: b.submit("buy", 1, order_type="pegged"), "peg", "None"),
        (lambda b: b.submit("buy", 1, order_type="pegged", peg="mid", offset=2**31), "offset", str(2**31)),
        (lambda b: b.reduce(1, 0), "qty", "0"),
        (lambda b: b.replace(1, -3), "qty", "-3"),
        (lambda b: b.replace(1, 4, price=0), "price", "0"),
    ],
)
def test_a_number_that_no_market_takes_is_an_error_and_changes_nothing(call, field, value):
    b = OrderBook(window_ticks=64)
    b.submit("sell", 9, 7, order_id=1, display_qty=4)
    before = b.l3()
    with pytest.raises(ValueError, match=rf"OrderBook\.{field} must be") as error:
        call(b)
    assert str(error.value).endswith(f"was {value}") and isinstance(error.value, OrderError)
    assert b.l3() == before and len(b) == 1
    b.check()


def test_methods_do_what_the_naive_book_does():
    """A day through submit, cancel, reduce, replace, cancel_all, call and uncross, with words."""
    b, naive = OrderBook(stp="decrement", window_ticks=64), NaiveBook("decrement")
    trades = []
    for m in random_day(80, 600, bad=0):
        cells = {k: v for k, v in m.items() if k not in ("action", "order_id") and v is not None}
        action, order_id = m["action"], m["order_id"]
        if action == "add":
            if "side" not in cells:
                continue
            report = b.submit(**cells, order_id=order_id)
        elif action == "cancel_all":
            if "participant" not in cells:
                continue
            report = b.cancel_all(**cells)
        elif action in ("call", "uncross"):
            report = getattr(b, action)(**cells)
        else:
            report = getattr(b, action)(order_id, **cells)
        assert tuple(report)[:5] == naive.apply(m), m
        trades += map(tuple, report.trades)
        assert b.l3() == naive.l3() and b.pending() == naive.pending()
        for reference in (95, 104):
            if b.in_call:
                assert b.indicative(reference) == naive.indicative(reference)
        assert (b.in_call, b.last_price) == (naive.phase == "call", naive.last)
        assert len(b) == len(naive.alive)
    assert trades == naive.trades and len(trades) > 50
    b.check()


def test_what_it_shows():
    b = OrderBook(window_ticks=64)
    for order_id, (side, price, qty, shown) in enumerate(
        [("buy", 10, 5, None), ("buy", 10, 9, 2), ("buy", 11, 4, 0), ("buy", 10, 3, 0), ("sell", 90_000, 7, None)]
    ):
        b.submit(side, qty, price, display_qty=shown, order_id=order_id)
    assert b.top() == ((10, 7), (90_000, 7))
    assert b.depth(5) == ([(10, 7)], [(90_000, 7)])
    assert b.depth(0) == ([], [])
    assert b.queue("buy", 10) == [(0, 5, 5), (1, 9, 2), (3, 3, 0)]
    assert b.queue("buy", 11) == [(2, 4, 0)]
    assert b.queue("sell", 10) == []
    assert (b.queue_ahead(0), b.queue_ahead(1)) == (0, 5)
    assert b.queue_ahead(99) is None


def test_good_till_date():
    """Deadlines of resting orders, waiting stops and parked pegs; an order past its time is refused."""
    b, naive = OrderBook(window_ticks=64), NaiveBook()
    day = [
        {"order_id": 1, "side": "buy", "qty": 5, "price": 10, "expire_ns": 100},
        {"order_id": 2, "side": "buy", "qty": 5, "price": 9, "expire_ns": 50, "display_qty": 1},
        {"order_id": 3, "side": "sell", "qty": 5, "order_type": "stop", "stop_price": 3, "expire_ns": 70},
        {"order_id": 4, "side": "sell", "qty": 5, "order_type": "pegged", "peg": "primary", "expire_ns": 70},
        {"order_id": 5, "side": "buy", "qty": 5, "order_type": "pegged", "peg": "primary", "expire_ns": 200},
    ]
    for m in day:
        assert tuple(b.submit(**m, tif="gtd"))[:5] == naive.apply({"action": "add", "tif": "gtd"} | m)
    assert b.replace(2, 7).status == naive.apply({"action": "replace", "order_id": 2, "qty": 7}).status
    for now_ns in (49, 50, 60, 99, 100, 200):
        b.advance(now_ns)
        naive.expire(now_ns)
        assert (b.l3(), b.pending()) == (naive.l3(), naive.pending()), now_ns
        b.check()
    assert len(b) == 0
    assert b.submit("buy", 1, 5, tif="gtd", expire_ns=200).reason == "BAD_TIF"
    with pytest.raises(OrderError, match="now_ns"):
        b.advance(199)


def test_total_counts_what_was_filled():
    """FIX 38: a fill that crosses the replace on its way does not make it trade more."""
    b = OrderBook(window_ticks=64)
    b.submit("sell", 10, 5, order_id=1)
    b.submit("buy", 4, 5)
    assert b.replace(1, 12, total=True).leaves_qty == 8
    b.submit("buy", 3, 5)
    report = b.replace(1, 9, new_order_id=2, total=True)
    assert (report.status, report.leaves_qty) == ("ack", 2)
    b.submit("buy", 1, 5)
    assert b.replace(2, 8, total=True).status == "canceled"
    assert len(b) == 0
    partial = b.submit("sell", 10, 4, order_id=3)
    assert partial.status == "ack"
    b.submit("buy", 12, 4, order_id=4)
    assert b.replace(4, 12, total=True).leaves_qty == 2


@pytest.mark.parametrize("keep", (False, True))
def test_keep_on_decrease(keep):
    b = OrderBook(window_ticks=64, keep_on_decrease=keep)
    naive = NaiveBook(keep_on_decrease=keep)
    for m in random_day(81, 500, bad=0):
        cells = {k: v for k, v in m.items() if k not in ("action", "order_id") and v is not None}
        if m["action"] == "replace":
            assert tuple(b.replace(m["order_id"], **cells))[:5] == naive.apply(m), m
        elif m["action"] == "add":
            assert tuple(b.submit(**cells, order_id=m["order_id"]))[:5] == naive.apply(m), m
        assert b.l3() == naive.l3() and b.pending() == naive.pending()
    b.check()


def test_a_config_sets_the_sizes():
    b = OrderBook(EngineConfig(max_orders=3, window_ticks=64, stp=1))
    assert [b.submit("buy", 1, 5, participant=1).reason for _ in range(4)] == ["", "", "", "POOL_FULL"]
    assert b.submit("sell", 1, 5, participant=1, tif="ioc").reason == "SELF_TRADE"
