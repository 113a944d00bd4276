"""One side's ladder window: its coordinates, its bitmap, the levels in it.

`depth` counts the ticks of the window from its best edge: 0 is the best price that fits, `window - 1` the worst, below
0 is better than the window, from `window` on worse. So the best level of a side is the lowest set bit of its bitmap,
for bids and asks alike, and one code serves both.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import HIDDEN_BIT, NIL, NO_ASK, SPECIAL_BIT
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.bits import ONE, low_zeros
from qsl_envs.kernel.jit import kernel


@kernel(inline=True)
def depth_of(m, h, side, price):
    """Place of a price in the window, from its best edge."""
    flip = side - 1  # bids: all ones
    return ((price - m.sides[SIDES * h + side].low) ^ flip) + (np.int64(m.books[h].window) & flip)


@kernel(inline=True)
def price_at(m, h, side, depth):
    """Price at a place of the window: the inverse of `depth_of`."""
    flip = side - 1
    return m.sides[SIDES * h + side].low + ((depth - (np.int64(m.books[h].window) & flip)) ^ flip)


@kernel(inline=True)
def is_inside(m, h, depth):
    """Whether 0 <= depth < window."""
    return depth & -np.int64(m.books[h].window) == 0


@kernel(inline=True)
def no_best(side):
    """`SIDE.best` of an empty side: NO_BID or NO_ASK."""
    return side * NO_ASK


@kernel(inline=True)
def crosses(side, price, opposite_price):
    """Whether a price on `side` would trade with an opposite one: at it or through it."""
    return ((price - opposite_price) ^ -side) + side >= 0


@kernel(inline=True)
def is_better(side, price, other):
    """Whether a price is strictly nearer to the other side than another of its own side."""
    return ((price - other) ^ -side) + side > 0


@kernel
def set_bit(m, h, side, depth):
    """Mark a level as occupied."""
    window = np.int64(m.books[h].window)
    base = m.sides[SIDES * h + side].bits_base
    at = base + (depth >> 6)
    word = m.words[at]
    m.words[at] = word | ONE << np.uint64(depth & 63)
    if word == 0:
        base += window >> 6
        at = base + (depth >> 12)
        word = m.words[at]
        m.words[at] = word | ONE << np.uint64((depth >> 6) & 63)
        if word == 0:
            at = base + ((window + 4095) >> 12)
            m.words[at] = m.words[at] | ONE << np.uint64(depth >> 12)


@kernel
def clear_bit(m, h, side, depth):
    """Mark a level as empty."""
    window = np.int64(m.books[h].window)
    base = m.sides[SIDES * h + side].bits_base
    at = base + (depth >> 6)
    word = m.words[at] & ~(ONE << np.uint64(depth & 63))
    m.words[at] = word
    if word == 0:
        base += window >> 6
        at = base + (depth >> 12)
        word = m.words[at] & ~(ONE << np.uint64((depth >> 6) & 63))
        m.words[at] = word
        if word == 0:
            at = base + ((window + 4095) >> 12)
            m.words[at] = m.words[at] & ~(ONE << np.uint64(depth >> 12))


@kernel
def first_level(m, h, side):
    """Depth of the best occupied level of the window; NIL when it is empty."""
    window = np.int64(m.books[h].window)
    base = m.sides[SIDES * h + side].bits_base
    upper = base + (window >> 6)
    top = m.words[upper + ((window + 4095) >> 12)]
    if top == 0:
        return np.int64(NIL)
    at = low_zeros(top)
    at = at << 6 | low_zeros(m.words[upper + at])
    return at << 6 | low_zeros(m.words[base + at])


@kernel
def next_level(m, h, side, depth):
    """Depth of the best occupied level at `depth` or worse, inside the window; NIL when there is none."""
    window = np.int64(m.books[h].window)
    if depth >= window:
        return np.int64(NIL)
    base = m.sides[SIDES * h + side].bits_base
    word = m.words[base + (depth >> 6)] >> np.uint64(depth & 63)
    if word != 0:
        return depth + low_zeros(word)
    at = (depth >> 6) + 1
    upper = base + (window >> 6)
    num_upper = (window + 4095) >> 12
    if at >> 6 < num_upper:
        word = m.words[upper + (at >> 6)] >> np.uint64(at & 63)
        if word != 0:
            at += low_zeros(word)
            return at << 6 | low_zeros(m.words[base + at])
    at = (at >> 6) + 1
    if at >= num_upper:
        return np.int64(NIL)
    word = m.words[upper + num_upper] >> np.uint64(at)
    if word == 0:
        return np.int64(NIL)
    at += low_zeros(word)
    at = at << 6 | low_zeros(m.words[upper + at])
    return at << 6 | low_zeros(m.words[base + at])


@kernel
def shown_of(m, h, slot):
    """Lots that an order shows now: 0 when hidden, the clip of an iceberg, else all that is open."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    if order.bits & SPECIAL_BIT:
        return np.int64(m.exts[book.exts_base + order.ext].shown_qty)
    return np.int64(order.leaves_qty)


@kernel
def append_to_level(m, h, slot, depth):
    """Put an order at the back of its queue (displayed or hidden) of the level at `depth`."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    side = np.int64(order.bits) & 1
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth]
    if level.head == NIL and level.hidden_head == NIL:
        set_bit(m, h, side, depth)
    order.next = NIL
    if order.bits & HIDDEN_BIT:
        order.prev = level.hidden_tail
        if level.hidden_tail == NIL:
            level.hidden_head = slot
        else:
            m.orders[base + level.hidden_tail].next = slot
        level.hidden_tail = slot
    else:
        order.prev = level.tail
        if level.tail == NIL:
            level.head = slot
        else:
            m.orders[base + level.tail].next = slot
        level.tail = slot
        level.qty += shown_of(m, h, slot)


@kernel
def remove_from_level(m, h, slot, depth):
    """Take an order out of its queue of the level at `depth`; return whether the level is empty now."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    side = np.int64(order.bits) & 1
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth]
    hidden = order.bits & HIDDEN_BIT
    if order.prev != NIL:
        m.orders[base + order.prev].next = order.next
    elif hidden:
        level.hidden_head = order.next
    else:
        level.head = order.next
    if order.next != NIL:
        m.orders[base + order.next].prev = order.prev
    elif hidden:
        level.hidden_tail = order.prev
    else:
        level.tail = order.prev
    if not hidden:
        level.qty -= shown_of(m, h, slot)
    if level.head == NIL and level.hidden_head == NIL:
        clear_bit(m, h, side, depth)
        return True
    return False
