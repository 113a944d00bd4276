"""Resting orders in order: inside the ladder window per level, outside it in one list per side; the window's moves.

The best price of a side is always inside its window. So everything outside is worse, and matching never looks there.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL, OUTSIDE_BIT
from qsl_envs.engine.ladder import (
    append_to_level,
    clear_bit,
    depth_of,
    first_level,
    is_better,
    is_inside,
    no_best,
    price_at,
    remove_from_level,
    set_bit,
)
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.bits import ONE, high_bit
from qsl_envs.kernel.jit import kernel


@kernel
def enqueue(m, h, slot):
    """Put an order at the back of its queue at its price; the window moves when the price is better than its edge."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    side = np.int64(order.bits) & 1
    price = np.int64(order.price)
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    if not is_inside(m, h, depth):
        if ladder.num_orders == 0:
            place_window(m, h, side, price)
            depth = depth_of(m, h, side, price)
        elif depth < 0:
            shift_window(m, h, side, (np.int64(book.window) >> 2) - depth)
            depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        append_to_level(m, h, slot, depth)
    else:
        append_outside(m, h, slot)
    ladder.num_orders += 1
    if is_better(side, price, ladder.best):
        ladder.best = price


@kernel
def dequeue(m, h, slot):
    """Take a resting order out of its queue; best price and window follow."""
    order = m.orders[m.books[h].orders_base + slot]
    side = np.int64(order.bits) & 1
    ladder = m.sides[SIDES * h + side]
    ladder.num_orders -= 1
    if order.bits & OUTSIDE_BIT:
        remove_outside(m, h, slot)
        return
    price = np.int64(order.price)
    if remove_from_level(m, h, slot, depth_of(m, h, side, price)) and price == ladder.best:
        find_best(m, h, side)


@kernel
def find_best(m, h, side):
    """Set `SIDE.best` anew after its level was emptied; with nothing left inside, the window jumps."""
    ladder = m.sides[SIDES * h + side]
    depth = first_level(m, h, side)
    if depth != NIL:
        ladder.best = price_at(m, h, side, depth)
    elif ladder.num_outside > 0:
        jump_window(m, h, side)
    else:
        ladder.best = no_best(side)


@kernel
def append_outside(m, h, slot):
    """Put an order at the end of its side's list of orders outside the window."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    ladder = m.sides[SIDES * h + (np.int64(order.bits) & 1)]
    order.bits |= OUTSIDE_BIT
    order.next = NIL
    order.prev = ladder.out_tail
    if ladder.out_tail == NIL:
        ladder.out_head = slot
    else:
        m.orders[base + ladder.out_tail].next = slot
    ladder.out_tail = slot
    ladder.num_outside += 1


@kernel
def remove_outside(m, h, slot):
    """Take an order out of the list of orders outside the window."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    ladder = m.sides[SIDES * h + (np.int64(order.bits) & 1)]
    order.bits &= ~OUTSIDE_BIT
    if order.prev == NIL:
        ladder.out_head = order.next
    else:
        m.orders[base + order.prev].next = order.next
    if order.next == NIL:
        ladder.out_tail = order.prev
    else:
        m.orders[base + order.next].prev = order.prev
    ladder.num_outside -= 1


@kernel
def place_window(m, h, side, price):
    """Lay the window of a side with nothing inside so that `price` stands a quarter from its best edge."""
    window = np.int64(m.books[h].window)
    ladder = m.sides[SIDES * h + side]
    ladder.low = price - (window >> 2) if side else price - window + 1 + (window >> 2)


@kernel
def jump_window(m, h, side):
    """Nothing is left inside: the window goes to the best order outside, and what is in reach comes in."""
    base = m.books[h].orders_base
    ladder = m.sides[SIDES * h + side]
    best = no_best(side)
    slot = np.int64(ladder.out_head)
    while slot != NIL:
        order = m.orders[base + slot]
        if is_better(side, np.int64(order.price), best):
            best = np.int64(order.price)
        slot = np.int64(order.next)
    place_window(m, h, side, best)
    ladder.best = best
    slot = np.int64(ladder.out_head)
    while slot != NIL:
        order = m.orders[base + slot]
        behind = np.int64(order.next)
        depth = depth_of(m, h, side, np.int64(order.price))
        if is_inside(m, h, depth):
            remove_outside(m, h, slot)
            append_to_level(m, h, slot, depth)
        slot = behind


@kernel
def shift_window(m, h, side, ticks):
    """Move the window by `ticks` > 0 towards better prices; levels that fall off its worst edge go outside."""
    window = np.int64(m.books[h].window)
    ladder = m.sides[SIDES * h + side]
    at = (window >> 6) - 1
    while at >= 0:  # worst first, so that a level's new place is free
        word = m.words[ladder.bits_base + at]
        while word != 0:
            bit = high_bit(word)
            word = word & ~(ONE << np.uint64(bit))
            depth = at << 6 | bit
            if depth + ticks >= window:
                push_level_out(m, h, side, depth)
            else:
                move_level(m, h, side, depth, depth + ticks)
        at -= 1
    ladder.low += ticks * (1 - 2 * side)


@kernel
def move_level(m, h, side, depth, new_depth):
    """Carry a level to an empty place of the window."""
    base = m.sides[SIDES * h + side].levels_base
    level = m.levels[base + depth]
    new = m.levels[base + new_depth]
    new.head = level.head
    new.tail = level.tail
    new.hidden_head = level.hidden_head
    new.hidden_tail = level.hidden_tail
    new.qty = level.qty
    empty_level(m, h, side, depth)
    set_bit(m, h, side, new_depth)


@kernel
def empty_level(m, h, side, depth):
    """Forget the queues of a level."""
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth]
    level.head = NIL
    level.tail = NIL
    level.hidden_head = NIL
    level.hidden_tail = NIL
    level.qty = 0
    clear_bit(m, h, side, depth)


@kernel
def push_level_out(m, h, side, depth):
    """Move the orders of a level to the list outside, in queue order."""
    base = m.books[h].orders_base
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth]
    for queue in range(2):
        slot = np.int64(level.head if queue == 0 else level.hidden_head)
        while slot != NIL:
            behind = np.int64(m.orders[base + slot].next)
            append_outside(m, h, slot)
            slot = behind
    empty_level(m, h, side, depth)
