"""Three indexed binary heaps of slots a book: buy stops, sell stops, GTD orders. Each order knows its place."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import PRICE_MAX, SELL
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel

GTD_HEAP = 2
"""The heap by expire_ns; 0 and 1 are the stops of the sides: lowest stop price first (buy), highest first (sell)."""


@kernel
def heap_size(m, h, which):
    """Number of orders in a heap."""
    if which == GTD_HEAP:
        return np.int64(m.books[h].num_gtd)
    return np.int64(m.sides[SIDES * h + which].num_stops)


@kernel
def heap_resize(m, h, which, size):
    """Set the number of orders in a heap; a side's trigger follows."""
    book = m.books[h]
    if which == GTD_HEAP:
        book.num_gtd = size
        return
    ladder = m.sides[SIDES * h + which]
    book.special += size - ladder.num_stops
    ladder.num_stops = size
    if size == 0:
        ladder.trigger = 0 if which == SELL else PRICE_MAX
    else:
        ladder.trigger = m.exts[ext_at(m, h, heap_top(m, h, which))].stop_price


@kernel(inline=True)
def heap_top(m, h, which):
    """Slot of the first order of a heap that is not empty."""
    book = m.books[h]
    return np.int64(m.ints[book.heaps_base + which * np.int64(book.num_exts)])


@kernel
def heap_before(m, h, which, slot, other):
    """Whether one order of a heap comes before another: by key, then by entry."""
    a = m.exts[ext_at(m, h, slot)]
    b = m.exts[ext_at(m, h, other)]
    if which == GTD_HEAP:
        key, other_key = a.expire_ns, b.expire_ns
    else:
        key, other_key = np.int64(a.stop_price) * (1 - 2 * which), np.int64(b.stop_price) * (1 - 2 * which)
    return key < other_key or (key == other_key and a.entry < b.entry)


@kernel
def heap_put(m, h, which, at, slot):
    """Write an order at a place, and the place into the order."""
    book = m.books[h]
    m.ints[book.heaps_base + which * np.int64(book.num_exts) + at] = slot
    ext = m.exts[ext_at(m, h, slot)]
    if which == GTD_HEAP:
        ext.heap_at2 = at
    else:
        ext.heap_at = at


@kernel
def heap_settle(m, h, which, at, slot, size):
    """Let an order rise or sink from an open place to where it belongs."""
    book = m.books[h]
    base = book.heaps_base + which * np.int64(book.num_exts)
    while at > 0:
        above = np.int64(m.ints[base + (at - 1 >> 1)])
        if not heap_before(m, h, which, slot, above):
            break
        heap_put(m, h, which, at, above)
        at = at - 1 >> 1
    while 2 * at + 1 < size:
        child = 2 * at + 1
        below = np.int64(m.ints[base + child])
        if child + 1 < size:
            second = np.int64(m.ints[base + child + 1])
            if heap_before(m, h, which, second, below):
                child += 1
                below = second
        if not heap_before(m, h, which, below, slot):
            break
        heap_put(m, h, which, at, below)
        at = child
    heap_put(m, h, which, at, slot)


@kernel
def heap_push(m, h, which, slot):
    """Add an order."""
    size = heap_size(m, h, which)
    heap_settle(m, h, which, size, slot, size)
    heap_resize(m, h, which, size + 1)


@kernel
def heap_remove(m, h, which, slot):
    """Take an order out, wherever it stands."""
    ext = m.exts[ext_at(m, h, slot)]
    at = np.int64(ext.heap_at2 if which == GTD_HEAP else ext.heap_at)
    size = heap_size(m, h, which) - 1
    if at != size:
        book = m.books[h]
        last = np.int64(m.ints[book.heaps_base + which * np.int64(book.num_exts) + size])
        heap_settle(m, h, which, at, last, size)
    heap_resize(m, h, which, size)
