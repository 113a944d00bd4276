"""Matching of one arriving order against everything that can rest; its state is in the BOOK: it can be suspended."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    EV_CANCELED,
    EV_DECREMENTED,
    EV_FILL,
    HIDDEN_BIT,
    HOLD_BIT,
    NIL,
    STP_CANCEL_BOTH,
    STP_CANCEL_RESTING,
    STP_CANCEL_TAKER,
    STP_DECREMENT,
    STP_OFF,
)
from qsl_envs.engine.events import has_room, order_event, touch_level, write_event
from qsl_envs.engine.ladder import crosses, depth_of, shown_of
from qsl_envs.engine.life import bury_order, detach_order, take_lots
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.stops import check_triggers
from qsl_envs.engine.views import first_order, next_order, next_price
from qsl_envs.kernel.jit import kernel

SELF_TRADE = int(Reason.SELF_TRADE)

LOST_SOME, LOST_ALL, LOST_KILLED = 1, 2, 3
"""`BOOK.taker_lost`: lots went by decrement; self-trade prevention cancelled the rest; a FOK that cannot fill."""


@kernel
def front_order(m, h, side):
    """Slot of the order of a side that trades first; the side is not empty."""
    ladder = m.sides[SIDES * h + side]
    level = m.levels[ladder.levels_base + depth_of(m, h, side, ladder.best)]
    return np.int64(level.head if level.head != NIL else level.hidden_head)


@kernel
def match_taker(m, h):
    """Match the order in the taker fields of the BOOK as far as it goes; return False when the events are full."""
    book = m.books[h]
    side = np.int64(book.taker_side)
    other = side ^ 1
    opposite = m.sides[SIDES * h + other]
    while book.taker_leaves > 0 and crosses(side, book.taker_price, opposite.best):
        if not has_room(m, h):
            return False
        price = opposite.best
        slot = front_order(m, h, other)
        order = m.orders[book.orders_base + slot]
        bits = np.int64(order.bits)
        if bits & HIDDEN_BIT:
            shown = np.int64(order.leaves_qty)
        else:
            touch_level(m, h, other, price)
            shown = shown_of(m, h, slot)
        owner = np.int64(NIL)
        tag = np.int64(NIL)
        if bits & HOLD_BIT == 0:
            owner = np.int64(order.owner)
            tag = np.int64(order.tag)
        if book.stp != STP_OFF and owner != NIL and owner == book.taker_owner:
            prevent_self_trade(m, h, slot, shown)
            continue
        qty = min(shown, book.taker_leaves)
        leaves = take_lots(m, h, slot, qty)
        write_event(m, h, EV_FILL, slot, price, qty, leaves, owner, tag, np.int64(book.taker_stop))
        book.taker_leaves -= qty
        book.taker_filled += qty
        book.taker_notional += qty * price
        book.last_price = price
        book.trades += 1
        check_triggers(m, h, price)
    return True


@kernel
def prevent_self_trade(m, h, slot, shown):
    """Do what the venue's rule says when the taker and the order in `slot` are the same party."""
    book = m.books[h]
    price = np.int64(m.orders[book.orders_base + slot].price)
    if book.stp == STP_DECREMENT:
        qty = min(shown, book.taker_leaves)
        leaves = take_lots(m, h, slot, qty)
        order_event(m, h, EV_DECREMENTED, slot, price, qty, leaves, SELF_TRADE)
        book.taker_leaves -= qty
        book.taker_lost = LOST_SOME
        return
    if book.stp == STP_CANCEL_RESTING or book.stp == STP_CANCEL_BOTH:
        qty = np.int64(m.orders[book.orders_base + slot].leaves_qty)
        detach_order(m, h, slot)
        order_event(m, h, EV_CANCELED, slot, price, qty, 0, SELF_TRADE)
        bury_order(m, h, slot, 0)
    if book.stp == STP_CANCEL_TAKER or book.stp == STP_CANCEL_BOTH:
        book.taker_leaves = 0
        book.taker_lost = LOST_ALL


@kernel
def can_fill(m, h, side, limit, qty, owner):
    """Trial run of a FOK: whether real trades would fill it whole, hidden lots and reserves included.

    Under `cancel_resting` own orders are passed over; under the other modes one that it would reach kills it.
    """
    book = m.books[h]
    base = book.orders_base
    other = side ^ 1
    price = m.sides[SIDES * h + other].best
    if book.stp == STP_OFF:
        owner = np.int64(NIL)
    while crosses(side, limit, price):
        first_round = np.int64(0)  # lots traded before the first round of clips reaches an order
        for hidden in range(2):
            slot = first_order(m, h, other, price, hidden)
            while slot != NIL:
                order = m.orders[base + slot]
                own = owner != NIL and order.bits & HOLD_BIT == 0 and order.owner == owner
                if own and book.stp != STP_CANCEL_RESTING:
                    return False
                if not own:
                    open_qty = np.int64(order.leaves_qty)
                    if hidden:
                        qty -= open_qty
                        if qty <= 0:
                            return True
                    else:
                        first_round += shown_of(m, h, slot)
                        if first_round >= qty:
                            return True
                slot = next_order(m, h, slot)
            if hidden == 0:
                qty -= displayed_open(m, h, other, price, owner)
                if qty <= 0:
                    return True
        price = next_price(m, h, other, price)
    return False


@kernel
def displayed_open(m, h, side, price, owner):
    """Open lots, reserves included, of the displayed queue of a price, without the orders of one owner."""
    base = m.books[h].orders_base
    qty = np.int64(0)
    slot = first_order(m, h, side, price, 0)
    while slot != NIL:
        order = m.orders[base + slot]
        if owner == NIL or order.bits & HOLD_BIT or order.owner != owner:
            qty += np.int64(order.leaves_qty)
        slot = next_order(m, h, slot)
    return qty
