"""The fast way through the doors of a book against the slow one: reports, events, queues, message by message."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.arrive import replace_slow, submit_slow
from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import (
    BUY,
    FLAG_BITS,
    GTC,
    IOC,
    LIMIT,
    LIVE_BIT,
    MARKET,
    NIL,
    PEG_PRIMARY,
    PEGGED,
    POST_OFF,
    POST_REJECT,
    POST_SLIDE,
    SELL,
    STP_DECREMENT,
)
from qsl_envs.engine.machine import resume
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.orders import replace_order, submit_order
from qsl_envs.engine.plain import cancel_order
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.withdraw import cancel_slow

REPORT = ("status", "reason", "filled_qty", "leaves_qty", "notional", "slot", "num_events", "last_price", "trades")
EVENT = ("kind", "slot", "price", "qty", "leaves_qty", "owner", "tag", "taker_slot")


def book(**fields) -> BookMemory:
    config = EngineConfig(**{"max_orders": 64, "window_ticks": 64, "max_events": 32, "publish": True} | fields)
    return BookMemory(config, False)


def told(memory: BookMemory) -> list:
    """Everything that the message in progress has left in the book, drained to its end."""
    b, out = memory.book, []
    while True:
        events = memory.arrays.events[int(b.events_base) :][: int(b.num_events)]
        out.append([tuple(int(e[name]) for name in EVENT) for e in events])
        out.append(tuple(int(b[name]) for name in REPORT))
        if not b.suspended:
            return out
        resume(memory.arrays, memory.h, 0)


def standing(memory: BookMemory) -> list:
    """Live orders by slot, with their neighbors."""
    orders = memory.section("orders")
    names = ("price", "leaves_qty", "owner", "tag", "next", "prev")
    return [
        (slot, int(o["bits"]) & FLAG_BITS, *(int(o[name]) for name in names))
        for slot, o in enumerate(orders)
        if o["bits"] & LIVE_BIT
    ]


def ladders(memory: BookMemory) -> list:
    """Best price, orders and window of both sides."""
    names = ("best", "num_orders", "num_outside", "low")
    return [[int(memory.arrays.sides[SIDES * memory.h + side][name]) for name in names] for side in (BUY, SELL)]


@pytest.mark.parametrize("fields", [{}, {"keep_on_decrease": True}, {"stp": STP_DECREMENT}, {"max_events": 16}])
@pytest.mark.parametrize("specials", [0.0, 0.03])
def test_both_ways_leave_the_same_behind(fields, specials):
    rng = np.random.default_rng(3)
    fast, slow = book(**fields), book(**fields)
    seen, mid = {"moved": 0, "traded": 0, "post": 0, "rejected": 0}, 1_000
    for n in range(700):
        mid += int(rng.integers(-300, 301)) if rng.random() < 0.01 else 0
        price, qty = mid + int(rng.integers(-12, 13)), int(rng.integers(1, 9))
        live = [row[0] for row in standing(fast)]
        pick = int(rng.choice(live)) if live and rng.random() < 0.97 else int(rng.integers(0, 64))
        draw = rng.random()
        if draw < 0.5:
            kind = MARKET if rng.random() < 0.15 else PEGGED if rng.random() < specials else LIMIT
            tif = IOC if kind == MARKET or rng.random() < 0.15 else GTC
            post = int(rng.choice((POST_REJECT, POST_SLIDE))) if tif == GTC and rng.random() < 0.3 else POST_OFF
            display = 2 if kind == LIMIT and rng.random() < specials else NIL
            qty = 0 if rng.random() < 0.02 else qty
            price = price if kind == LIMIT else NIL
            order = (n, int(rng.choice((BUY, SELL))), kind, tif, price, qty, display, NIL, PEG_PRIMARY, 0, post,
                     int(rng.integers(0, 4)), n, 0)  # fmt: skip
            submit_order(fast.arrays, fast.h, *order)
            submit_slow(slow.arrays, slow.h, *order)
            seen["post"] += post != POST_OFF
        elif draw < 0.85:
            at = NIL if rng.random() < 0.3 else price
            change = (n, pick, at, qty, NIL, NIL, 0, 0, 0)
            replace_order(fast.arrays, fast.h, *change)
            replace_slow(slow.arrays, slow.h, *change)
            seen["moved"] += int(fast.book.slot) == pick
        else:
            cancel_order(fast.arrays, fast.h, pick)
            cancel_slow(slow.arrays, slow.h, pick)
        seen["traded"] += int(fast.book.filled_qty) > 0
        seen["rejected"] += int(fast.book.reason) > 0
        assert told(fast) == told(slow), n
        assert standing(fast) == standing(slow), n
        assert ladders(fast) == ladders(slow), n
    assert min(seen.values()) > 20, seen
