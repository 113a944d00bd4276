"""Every reject and cancel reason of the engine is reached, a full pool among them, and a refusal changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine import MESSAGE, OrderBook, Reason
from qsl_envs.engine import constants as c
from tests.naive.book import NaiveBook
from tests.naive.fast import Engine, encode
from tests.naive.streams import random_day

BUY = {"action": "add", "order_id": 2, "side": "buy", "price": 10, "qty": 5}
PEG = {"action": "add", "order_id": 2, "side": "buy", "qty": 5, "order_type": "pegged"}
REPLACE = {"action": "replace", "order_id": 1, "qty": 5}

REFUSED = [
    ({"action": "cancel", "order_id": 2}, "UNKNOWN_ORDER"),
    ({"action": "reduce", "order_id": 2, "qty": 0}, "UNKNOWN_ORDER"),
    ({"action": "replace", "order_id": 2, "qty": 0}, "UNKNOWN_ORDER"),
    (BUY | {"order_id": 1, "side": None}, "DUPLICATE_ORDER"),
    (REPLACE | {"new_order_id": 3, "qty": 0}, "DUPLICATE_ORDER"),
    (BUY | {"side": None, "qty": 0}, "BAD_SIDE"),
    (BUY | {"qty": 0, "display_qty": -1}, "BAD_QTY"),
    (BUY | {"qty": 2**31}, "BAD_QTY"),
    (BUY | {"qty": -(2**40)}, "BAD_QTY"),
    ({"action": "reduce", "order_id": 1, "qty": 0}, "BAD_QTY"),
    ({"action": "reduce", "order_id": 1, "qty": 2**31}, "BAD_QTY"),
    (REPLACE | {"qty": None}, "BAD_QTY"),
    (BUY | {"display_qty": -1, "price": 0}, "BAD_DISPLAY"),
    (BUY | {"display_qty": 2**31}, "BAD_DISPLAY"),
    (REPLACE | {"display_qty": -1}, "BAD_DISPLAY"),
    (BUY | {"price": None}, "BAD_PRICE"),
    (BUY | {"price": 0}, "BAD_PRICE"),
    (BUY | {"price": -1}, "BAD_PRICE"),
    (BUY | {"price": 2**31}, "BAD_PRICE"),
    (BUY | {"price": 2**62}, "BAD_PRICE"),
    (PEG | {"peg": "mid", "price": -1}, "BAD_PRICE"),
    (REPLACE | {"price": -1}, "BAD_PRICE"),
    (REPLACE | {"price": 2**31}, "BAD_PRICE"),
    (BUY | {"order_type": "stop_limit", "price": 0, "stop_price": 0}, "BAD_PRICE"),
    (BUY | {"order_type": "stop_limit"}, "BAD_STOP_PRICE"),
    (BUY | {"order_type": "stop", "stop_price": -1}, "BAD_STOP_PRICE"),
    (BUY | {"order_type": "stop", "stop_price": 2**40}, "BAD_STOP_PRICE"),
    ({"action": "replace", "order_id": 4, "qty": 1, "stop_price": -1}, "BAD_STOP_PRICE"),
    (PEG, "BAD_PEG"),
    (PEG | {"peg": "primary", "offset": 2**31}, "BAD_PEG"),
    ({"action": "replace", "order_id": 5, "qty": 1, "offset": -(2**40)}, "BAD_PEG"),
    (BUY | {"tif": "ioc", "post_only": "slide"}, "BAD_COMBINATION"),
    ({"action": "uncross", "order_id": 0, "price": 10}, "WRONG_PHASE"),
    (PEG | {"peg": "market", "offset": -100, "tif": "ioc"}, "NO_REFERENCE"),
    (BUY | {"price": 20, "post_only": "reject"}, "POST_ONLY_WOULD_TRADE"),
]
REFUSED_IN_A_CALL = [
    ({"action": "call", "order_id": 0}, "WRONG_PHASE"),
    (BUY | {"tif": "fok"}, "WRONG_PHASE"),
    ({"action": "uncross", "order_id": 0}, "NO_REFERENCE"),
    ({"action": "uncross", "order_id": 0, "price": 0}, "BAD_PRICE"),
    ({"action": "uncross", "order_id": 0, "price": -1}, "BAD_PRICE"),
]
STANDING = [
    {"action": "add", "order_id": 1, "side": "buy", "price": 10, "qty": 5},
    {"action": "add", "order_id": 3, "side": "sell", "price": 20, "qty": 5, "display_qty": 2},
    {"action": "add", "order_id": 4, "side": "sell", "order_type": "stop", "stop_price": 5, "qty": 5},
    {"action": "add", "order_id": 5, "side": "sell", "order_type": "pegged", "peg": "mid", "qty": 5},
]


def assert_refused(engine: Engine, naive: NaiveBook, message: dict, reason: str) -> None:
    before = (engine.l3(), engine.pending(), engine.depth(), engine.last_price)
    assert engine.apply(message)[:4] == ("reject", reason, 0, 0)
    assert naive.apply(message)[:2] == ("reject", reason)
    assert (engine.l3(), engine.pending(), engine.depth(), engine.last_price) == before
    engine.check()


@pytest.mark.parametrize(("message", "reason"), REFUSED + REFUSED_IN_A_CALL, ids=str)
def test_refused(message, reason):
    engine, naive = Engine(), NaiveBook()
    call = [{"action": "call", "order_id": 0}] if (message, reason) in REFUSED_IN_A_CALL else []
    for m in STANDING + call:
        assert engine.apply(m) == naive.apply(m)
    assert_refused(engine, naive, message, reason)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("order_type", 0, Reason.BAD_TYPE),
        ("order_type", 6, Reason.BAD_TYPE),
        ("action", 99, Reason.BAD_TYPE),
        ("tif", 2, Reason.BAD_TIF),
        ("tif", 5, Reason.BAD_TIF),
        ("side", 2, Reason.BAD_SIDE),
        ("peg", 4, Reason.BAD_PEG),
        ("post_only", 3, Reason.BAD_COMBINATION),
    ],
)
def test_numbers_that_mean_nothing(field, value, reason):
    """Codes of a stream that stand in no list."""
    (message,) = encode([PEG | {"peg": "mid"} if field == "peg" else BUY])
    message[field] = value
    book = OrderBook(window_ticks=64)
    reports, trades = book.process(np.array([message], MESSAGE))
    assert (reports["status"][0], reports["reason"][0], len(trades)) == (c.REJECT, reason, 0)
    assert book.l3() == [] and book.pending() == []
    book.check()


def test_reasons_of_cancelled_rests_are_reached_in_a_day():
    seen = {r.reason for seed in range(6) for r in Engine("decrement").run(random_day(seed, 500))}
    assert {"IOC_REST", "MARKET_REST", "FOK_KILLED", "SELF_TRADE"} <= seen


def test_every_reason_of_the_engine_is_reached_somewhere():
    """What the tests of this file reach, by name, is all there is."""
    here = {reason for _, reason in REFUSED + REFUSED_IN_A_CALL}
    here |= {"BAD_TYPE", "BAD_TIF", "IOC_REST", "MARKET_REST", "FOK_KILLED", "SELF_TRADE", "POOL_FULL"}
    here |= {"EXPIRED"}  # an event's reason, not a report's: tests/engine/test_facade.py
    assert here == {r.name for r in Reason if 0 < r < Reason.PRICE_OUTSIDE_COLLAR}


@pytest.mark.parametrize("max_orders", (1, 2, 7, 20))
def test_full_pools(max_orders):
    """A book of a fixed size refuses what would have to rest, and is otherwise the book that it would be without it."""
    full = 0
    for seed in range(2):
        engine, naive = Engine(max_orders=max_orders), NaiveBook()
        for k, m in enumerate(random_day(70 + seed, 300)):
            before = (engine.l3(), engine.pending())
            report = engine.apply(m)
            if report.reason == "POOL_FULL":
                full += 1
                assert m["action"] in ("add", "replace") and (engine.l3(), engine.pending()) == before
                assert len(naive.alive) >= max_orders or m["action"] == "replace"
                naive.seq += 1
            else:
                assert report == naive.apply(m), m
            assert (engine.l3(), engine.pending()) == (naive.l3(), naive.pending()), m
            if k % 20 == 0:
                engine.check()
        assert engine.trades == naive.trades
        engine.check()
    assert full > 10
