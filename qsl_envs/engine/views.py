"""What a book shows: best prices, quantities per price, places in the queue. Nothing here changes anything."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import HIDDEN_BIT, NIL, OUTSIDE_BIT, PARKED_BIT, STOP_BIT
from qsl_envs.engine.ladder import depth_of, is_better, is_inside, next_level, no_best, price_at, shown_of
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def shown_qty(m, h, side, price):
    """Lots displayed on `side` at `price`."""
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        return m.levels[ladder.levels_base + depth].qty
    qty = np.int64(0)
    base = m.books[h].orders_base
    slot = np.int64(ladder.out_head)
    while slot != NIL:
        order = m.orders[base + slot]
        if order.price == price:
            qty += shown_of(m, h, slot)
        slot = np.int64(order.next)
    return qty


@kernel
def best_outside(m, h, side, price, displayed):
    """Best price outside the window and worse than `price`, with `displayed` 1 of displayed orders; or the sentinel."""
    base = m.books[h].orders_base
    best = no_best(side)
    slot = np.int64(m.sides[SIDES * h + side].out_head)
    while slot != NIL:
        order = m.orders[base + slot]
        at = np.int64(order.price)
        counts = displayed == 0 or order.bits & HIDDEN_BIT == 0
        if counts and is_better(side, at, best) and is_better(side, price, at):
            best = at
        slot = np.int64(order.next)
    return best


@kernel
def shown_from(m, h, side, price, depth):
    """Best displayed price from `depth` on inside, else outside and worse than `price`."""
    ladder = m.sides[SIDES * h + side]
    depth = next_level(m, h, side, depth)
    while depth != NIL:
        if m.levels[ladder.levels_base + depth].qty > 0:
            return price_at(m, h, side, depth)
        depth = next_level(m, h, side, depth + 1)
    if ladder.num_outside == 0:
        return np.int64(no_best(side))
    return best_outside(m, h, side, price, 1)


@kernel
def best_shown(m, h, side):
    """Best displayed price of a side; NO_BID or NO_ASK when nothing is displayed."""
    best = m.sides[SIDES * h + side].best
    if best == no_best(side):
        return best
    depth = depth_of(m, h, side, best)
    if m.levels[m.sides[SIDES * h + side].levels_base + depth].qty > 0:
        return best
    return shown_from(m, h, side, best, depth + 1)


@kernel
def next_shown(m, h, side, price):
    """Best displayed price of a side that is worse than `price`; NO_BID or NO_ASK when there is none."""
    return shown_from(m, h, side, price, max(depth_of(m, h, side, price) + 1, 0))


@kernel
def next_price(m, h, side, price):
    """Best price of a side that is worse than `price` and has an order of any kind; or NO_BID, NO_ASK."""
    depth = next_level(m, h, side, max(depth_of(m, h, side, price) + 1, 0))
    if depth != NIL:
        return price_at(m, h, side, depth)
    return best_outside(m, h, side, price, 0)


@kernel
def first_order(m, h, side, price, hidden):
    """Slot of the first displayed (0) or hidden (1) order at a price; NIL when there is none."""
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        level = m.levels[ladder.levels_base + depth]
        return np.int64(level.hidden_head if hidden else level.head)
    return outside_order(m, h, np.int64(ladder.out_head), price, hidden)


@kernel
def next_order(m, h, slot):
    """Slot behind this order in its queue; NIL when it is the last."""
    order = m.orders[m.books[h].orders_base + slot]
    behind = np.int64(order.next)
    if order.bits & OUTSIDE_BIT:
        return outside_order(m, h, behind, np.int64(order.price), 1 if order.bits & HIDDEN_BIT else 0)
    return behind


@kernel
def outside_order(m, h, slot, price, hidden):
    """First order at a price, displayed (0) or hidden (1), in the list outside from `slot` on."""
    base = m.books[h].orders_base
    while slot != NIL:
        order = m.orders[base + slot]
        if order.price == price and (order.bits & HIDDEN_BIT != 0) == (hidden != 0):
            return slot
        slot = np.int64(order.next)
    return np.int64(NIL)


@kernel
def queue_ahead(m, h, slot):
    """Lots in front of a resting order at its price; for a hidden one all displayed lots and the hidden before it.

    A waiting stop, a parked peg and a market order of a call stand in no queue: NIL.
    """
    order = m.orders[m.books[h].orders_base + slot]
    if order.bits & (STOP_BIT | PARKED_BIT):
        return np.int64(NIL)
    side = np.int64(order.bits) & 1
    price = np.int64(order.price)
    hidden = 1 if order.bits & HIDDEN_BIT else 0
    ahead = shown_qty(m, h, side, price) if hidden else np.int64(0)
    other = first_order(m, h, side, price, hidden)
    while other != slot:
        ahead += np.int64(m.orders[m.books[h].orders_base + other].leaves_qty) if hidden else shown_of(m, h, other)
        other = next_order(m, h, other)
    return ahead
