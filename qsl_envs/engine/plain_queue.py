"""A plain order, one that shows all it has, comes into its queue and leaves it; copied into the fast paths."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.engine.events import touch_level, write_level
from qsl_envs.engine.ladder import clear_bit, depth_of, is_better, is_inside, price_at, set_bit
from qsl_envs.engine.queue import enqueue, find_best
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.bits import ONE, low_zeros
from qsl_envs.kernel.jit import kernel


@kernel(inline=True)
def join_level(m, h, slot, side, price, qty):
    """Put a displayed order that stands nowhere at the back of its queue; its price and lots are in its record."""
    book = m.books[h]
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        level = m.levels[ladder.levels_base + depth]
        if book.publish != 0:
            write_level(m, h, side, price, level.qty)
        order = m.orders[book.orders_base + slot]
        tail = np.int64(level.tail)
        order.next = NIL
        order.prev = tail
        level.tail = slot
        level.qty += qty
        ladder.num_orders += 1
        if tail != NIL:
            m.orders[book.orders_base + tail].next = slot
        else:
            level.head = slot
            at = ladder.bits_base + (depth >> 6)
            word = m.words[at]
            if word == 0:
                set_bit(m, h, side, depth)
            else:
                m.words[at] = word | ONE << np.uint64(depth & 63)
            if is_better(side, price, ladder.best):
                ladder.best = price
    else:
        enqueue_far(m, h, slot)


@kernel
def enqueue_far(m, h, slot):
    """Put an order into its queue whose price lies outside the window."""
    order = m.orders[m.books[h].orders_base + slot]
    m.books[h].touched = NIL
    touch_level(m, h, np.int64(order.bits) & 1, np.int64(order.price))
    enqueue(m, h, slot)


@kernel(inline=True)
def leave_level(m, h, slot, side, price, qty):
    """Take a plain order out of its queue; best price and window follow. Its record still says where it stood."""
    book = m.books[h]
    base = book.orders_base
    before = np.int64(m.orders[base + slot].prev)
    behind = np.int64(m.orders[base + slot].next)
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    level = m.levels[ladder.levels_base + depth]
    if book.publish != 0:
        write_level(m, h, side, price, level.qty)
    level.qty -= qty
    ladder.num_orders -= 1
    if before != NIL:
        m.orders[base + before].next = behind
    else:
        level.head = behind
    if behind != NIL:
        m.orders[base + behind].prev = before
    else:
        level.tail = before
        if before == NIL and level.hidden_head == NIL:
            close_level(m, h, side, price, depth)


@kernel(inline=True)
def close_level(m, h, side, price, depth):
    """Clear the bit of a level that has just become empty; the best price follows."""
    ladder = m.sides[SIDES * h + side]
    at = ladder.bits_base + (depth >> 6)
    word = m.words[at] & ~(ONE << np.uint64(depth & 63))
    if word != 0:
        m.words[at] = word
        if price == ladder.best:
            ladder.best = price_at(m, h, side, (depth & ~63) | low_zeros(word))
    else:
        clear_bit(m, h, side, depth)
        if price == ladder.best:
            find_best(m, h, side)
