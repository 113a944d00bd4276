"""Stops: what a trade triggers, in which order, and the queue in which they arrive."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.engine.heap import heap_remove, heap_size, heap_top
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def is_reached(side, stop_price, last_price):
    """Whether a last trade price triggers a stop."""
    if last_price == NIL:
        return False
    return stop_price <= last_price if side == BUY else stop_price >= last_price


@kernel
def reached_top(m, h, side, price):
    """Slot of the first stop of a side if a trade at `price` triggers it, else NIL."""
    if heap_size(m, h, side) == 0:
        return np.int64(NIL)
    slot = heap_top(m, h, side)
    if is_reached(side, np.int64(m.exts[ext_at(m, h, slot)].stop_price), price):
        return slot
    return np.int64(NIL)


@kernel
def trigger_stops(m, h, price):
    """Queue the stops that a trade at `price` reaches: the farthest first, then the earlier entered."""
    book = m.books[h]
    while True:
        slot = reached_top(m, h, BUY, price)
        sell = reached_top(m, h, SELL, price)
        if slot == NIL and sell == NIL:
            return
        if slot == NIL:
            slot = sell
        elif sell != NIL:
            a = m.exts[ext_at(m, h, slot)]
            b = m.exts[ext_at(m, h, sell)]
            far = (price - np.int64(a.stop_price)) - (np.int64(b.stop_price) - price)
            if far < 0 or (far == 0 and b.entry < a.entry):
                slot = sell
        heap_remove(m, h, np.int64(m.orders[book.orders_base + slot].bits) & 1, slot)
        m.exts[ext_at(m, h, slot)].next = NIL
        if book.queue_tail == NIL:
            book.queue_head = slot
        else:
            m.exts[ext_at(m, h, np.int64(book.queue_tail))].next = slot
        book.queue_tail = slot


@kernel
def check_triggers(m, h, price):
    """Look whether a trade at `price` triggers anything; nearly always not."""
    if price >= m.sides[SIDES * h + BUY].trigger or price <= m.sides[SIDES * h + SELL].trigger:
        trigger_stops(m, h, price)


@kernel
def pop_triggered(m, h):
    """Take the next triggered stop from the queue; NIL when there is none."""
    book = m.books[h]
    slot = np.int64(book.queue_head)
    if slot != NIL:
        book.queue_head = m.exts[ext_at(m, h, slot)].next
        if book.queue_head == NIL:
            book.queue_tail = NIL
    return slot
