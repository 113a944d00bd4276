"""Consequences of a message, written in order of happening."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import EV_LEVEL, HOLD_BIT, NIL, QTY_MAX
from qsl_envs.engine.views import shown_qty
from qsl_envs.kernel.jit import kernel

ROOM = 4
"""Events that one step of a message writes at most: it waits while fewer fit."""


@kernel(inline=True)
def write_event(m, h, kind, slot, price, qty, leaves_qty, owner, tag, taker_slot):
    """Append an EVENT; the caller has looked for room."""
    book = m.books[h]
    count = np.int64(book.num_events)
    event = m.events[book.events_base + count]
    event.kind = kind
    event.slot = slot
    event.price = price
    event.qty = qty
    event.leaves_qty = leaves_qty
    event.owner = owner
    event.tag = tag
    event.taker_slot = taker_slot
    book.num_events = count + 1


@kernel(inline=True)
def write_level(m, h, side, price, shown):
    """Append an EV_LEVEL: what `price` showed before this message."""
    book = m.books[h]
    count = np.int64(book.num_events)
    event = m.events[book.events_base + count]
    event.kind = EV_LEVEL
    event.slot = side
    event.price = price
    event.qty = min(shown, QTY_MAX)
    event.shown_qty = shown
    event.tag = NIL
    event.taker_slot = NIL
    book.num_events = count + 1


@kernel
def order_event(m, h, kind, slot, price, qty, leaves_qty, extra):
    """Append an EVENT about the order in `slot`, owner and tag taken from it."""
    order = m.orders[m.books[h].orders_base + slot]
    owner = np.int64(NIL)
    tag = np.int64(NIL)
    if order.bits & HOLD_BIT == 0:
        owner = np.int64(order.owner)
        tag = np.int64(order.tag)
    write_event(m, h, kind, slot, price, qty, leaves_qty, owner, tag, extra)


@kernel
def touch_level(m, h, side, price):
    """Say what a level shows, before it changes; once, unless others are touched in between."""
    book = m.books[h]
    if book.publish != 0:
        key = side << 32 | price
        if book.touched != key:
            book.touched = key
            write_level(m, h, side, price, shown_qty(m, h, side, price))


@kernel(inline=True)
def has_room(m, h):
    """Whether the next step's events fit."""
    book = m.books[h]
    return np.int64(book.num_events) + ROOM <= book.num_events_max
