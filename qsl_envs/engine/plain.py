"""The fast paths: displayed limit and market orders, cancels and reductions, in a book without pegs, stops, calls.

They are copied into their callers, do what the slow road would do, and take it wherever they are not the whole truth.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.arrive import POOL_FULL, arrive
from qsl_envs.engine.constants import (
    ACK,
    CANCELED,
    EV_FILL,
    FILL,
    FLAG_BITS,
    GTC,
    HOLD_BIT,
    IOC,
    LIMIT,
    LIVE_BIT,
    MARKET,
    MARKET_IOC,
    NIL,
    OUTSIDE_BIT,
    PARTIAL,
    REJECT,
    SPECIAL_BIT,
    STP_OFF,
)
from qsl_envs.engine.events import ROOM, touch_level, write_event, write_level
from qsl_envs.engine.ladder import clear_bit, crosses, depth_of, is_better, is_inside, price_at, set_bit
from qsl_envs.engine.life import start_order
from qsl_envs.engine.machine import begin_message, run_message, start_taker
from qsl_envs.engine.pool import free_slot, return_slot, take_slot
from qsl_envs.engine.queue import enqueue, find_best
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.withdraw import cancel_slow, reduce_slow
from qsl_envs.kernel.bits import ONE, low_zeros
from qsl_envs.kernel.jit import kernel

NONE = int(Reason.NONE)
IOC_REST = int(Reason.IOC_REST)
MARKET_REST = int(Reason.MARKET_REST)


@kernel(inline=True)
def fast_report(m, h, status, reason, filled_qty, leaves_qty, notional, slot):
    """Leave the report of a message in the BOOK."""
    book = m.books[h]
    book.status = status
    book.reason = reason
    book.filled_qty = filled_qty
    book.leaves_qty = leaves_qty
    book.notional = notional
    book.slot = slot


@kernel(inline=True)
def submit_plain(m, h, side, price, qty, ioc, bits, owner, tag):
    """Send a displayed limit order, GTC or (`ioc` = 1) immediate-or-cancel, or a market order (`ioc` = MARKET_IOC).

    Args:
        price: 1..PRICE_MAX, unchecked; of a market order PRICE_MAX (buy) or 1 (sell).
        qty: 1..QTY_MAX, unchecked.
        bits: 0 or HOLD_BIT; then `owner` and `tag` are not written.
    Returns: the slot where it rests; NIL when it does not.
    """
    book = m.books[h]
    if book.special != 0:
        return submit_beside_special(m, h, side, price, qty, ioc, bits, owner, tag)
    book.num_events = 0
    slot = np.int64(NIL)
    if ioc == 0:
        slot = take_slot(m, h)
        if slot == NIL:
            fast_report(m, h, REJECT, POOL_FULL, 0, 0, 0, NIL)
            return slot
    leaves = qty
    filled = np.int64(0)
    if crosses(side, price, m.sides[SIDES * h + (side ^ 1)].best):
        leaves = match_plain(m, h, side, price, qty, ioc, bits, owner, tag, slot)
        if leaves < 0:  # the slow road took over and has finished the message
            return np.int64(book.slot)
        filled = qty - leaves
        if leaves == 0:
            return np.int64(NIL)
    if ioc != 0:
        reason = MARKET_REST if ioc == MARKET_IOC else IOC_REST
        if filled == 0:
            book.notional = 0
        book.status = CANCELED
        book.reason = reason
        book.filled_qty = filled
        book.leaves_qty = 0
        book.slot = NIL
        return slot

    order = m.orders[book.orders_base + slot]
    order.price = price
    order.leaves_qty = leaves
    order.bits = np.int64(order.bits) & ~FLAG_BITS | LIVE_BIT | bits | side
    if bits & HOLD_BIT == 0:
        order.ext = NIL
        order.owner = owner
        order.tag = tag
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        level = m.levels[ladder.levels_base + depth]
        if book.publish != 0:
            write_level(m, h, side, price, level.qty)
        tail = np.int64(level.tail)
        order.next = NIL
        order.prev = tail
        level.tail = slot
        level.qty += leaves
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
    book.slot = slot
    book.leaves_qty = leaves
    book.reason = NONE
    book.filled_qty = filled
    if filled == 0:
        book.status = ACK
        book.notional = 0
    else:
        book.status = PARTIAL
    return slot


@kernel
def submit_beside_special(m, h, side, price, qty, ioc, bits, owner, tag):
    """`submit_plain` in a book with pegs, stops or a call: by the slow road."""
    begin_message(m, h)
    order_type = MARKET if ioc == MARKET_IOC else LIMIT
    tif = IOC if ioc == 1 else GTC
    arrive(m, h, 0, NIL, side, order_type, tif, price, qty, NIL, NIL, 0, 0, bits, owner, tag, NIL)
    return np.int64(m.books[h].slot)


@kernel
def enqueue_far(m, h, slot):
    """Put an order into its queue whose price lies outside the window."""
    order = m.orders[m.books[h].orders_base + slot]
    m.books[h].touched = NIL
    touch_level(m, h, np.int64(order.bits) & 1, np.int64(order.price))
    enqueue(m, h, slot)


@kernel
def match_plain(m, h, side, price, qty, ioc, bits, owner, tag, home):
    """Match a plain order against plain displayed orders, a level at a time; return what it has left.

    At the first other order, and when the events are full, the slow road takes the message over and finishes it: NIL.
    A fill that leaves nothing is reported here and gives `home` back.
    """
    book = m.books[h]
    base = book.orders_base
    other = side ^ 1
    opposite = m.sides[SIDES * h + other]
    watch_owner = book.stp != STP_OFF and owner != NIL
    last_event = np.int64(book.num_events_max) - ROOM
    leaves = qty
    notional = np.int64(0)
    touched = np.int64(NIL)
    slow = False
    while leaves > 0 and not slow and crosses(side, price, opposite.best):
        at = opposite.best
        depth = depth_of(m, h, other, at)
        level = m.levels[opposite.levels_base + depth]
        maker = np.int64(level.head)
        if maker == NIL or book.num_events > last_event:
            slow = True
            break
        if book.publish != 0:
            write_level(m, h, other, at, level.qty)
            touched = other << 32 | at
        taken = np.int64(0)
        gone = np.int64(0)
        fills = np.int64(0)
        while maker != NIL and leaves > 0:
            order = m.orders[base + maker]
            maker_bits = np.int64(order.bits)
            maker_owner = np.int64(NIL)
            maker_tag = np.int64(NIL)
            if maker_bits & HOLD_BIT == 0:
                maker_owner = np.int64(order.owner)
                maker_tag = np.int64(order.tag)
            own = watch_owner and maker_owner == owner
            if maker_bits & SPECIAL_BIT or own or book.num_events > last_event:
                slow = True
                break
            open_qty = np.int64(order.leaves_qty)
            traded = min(open_qty, leaves)
            write_event(m, h, EV_FILL, maker, at, traded, open_qty - traded, maker_owner, maker_tag, NIL)
            fills += 1
            taken += traded
            leaves -= traded
            order.leaves_qty = open_qty - traded
            if open_qty != traded:
                break
            gone += 1
            behind = np.int64(order.next)
            if maker_bits & HOLD_BIT:
                order.bits = maker_bits & ~LIVE_BIT
            else:
                free_slot(m, h, maker)
            maker = behind
        if fills > 0:
            level.qty -= taken
            notional += taken * at
            book.last_price = at
            book.trades += fills
        if gone > 0:
            opposite.num_orders -= gone
            level.head = maker
            if maker != NIL:
                m.orders[base + maker].prev = NIL
            else:
                level.tail = NIL
                if level.hidden_head == NIL:
                    close_level(m, h, other, at, depth)
    if not slow:
        book.notional = notional
        if leaves == 0:
            if home != NIL:
                return_slot(m, h, home)
            fast_report(m, h, FILL, NONE, qty, 0, notional, NIL)
        return leaves
    book.touched = touched
    if home != NIL:
        start_order(m, h, home, bits | side, owner, tag)
    start_taker(m, h, home, NIL, side, IOC if ioc == 1 else GTC, 1 if ioc == MARKET_IOC else 0, owner, price, qty)
    book.taker_leaves = leaves
    book.taker_filled = qty - leaves
    book.taker_notional = notional
    book.slot = NIL
    run_message(m, h)
    return np.int64(NIL)


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


@kernel(inline=True)
def cancel_order(m, h, slot):
    """Cancel an order; `slot` NIL is an unknown one. Return the lots that it had left (0: unknown)."""
    book = m.books[h]
    if slot == NIL or book.special != 0:
        return cancel_slow(m, h, slot)
    order = m.orders[book.orders_base + slot]
    bits = np.int64(order.bits)
    if bits & (LIVE_BIT | SPECIAL_BIT | OUTSIDE_BIT) != LIVE_BIT:
        return cancel_slow(m, h, slot)
    book.num_events = 0
    side = bits & 1
    price = np.int64(order.price)
    qty = np.int64(order.leaves_qty)
    before = np.int64(order.prev)
    behind = np.int64(order.next)
    ladder = m.sides[SIDES * h + side]
    depth = depth_of(m, h, side, price)
    level = m.levels[ladder.levels_base + depth]
    if book.publish != 0:
        write_level(m, h, side, price, level.qty)
    level.qty -= qty
    ladder.num_orders -= 1
    if before != NIL:
        m.orders[book.orders_base + before].next = behind
    else:
        level.head = behind
    if behind != NIL:
        m.orders[book.orders_base + behind].prev = before
    else:
        level.tail = before
        if before == NIL and level.hidden_head == NIL:
            close_level(m, h, side, price, depth)
    order.leaves_qty = 0
    free_slot(m, h, slot)
    fast_report(m, h, CANCELED, NONE, 0, 0, 0, NIL)
    return qty


@kernel(inline=True)
def reduce_order(m, h, slot, qty):
    """Take `qty` lots from an order, which keeps its place; as many as it has, or more, cancel it."""
    book = m.books[h]
    if slot == NIL or book.special != 0:
        reduce_slow(m, h, slot, qty)
        return
    order = m.orders[book.orders_base + slot]
    bits = np.int64(order.bits)
    leaves = np.int64(order.leaves_qty) - qty
    if bits & (LIVE_BIT | SPECIAL_BIT | OUTSIDE_BIT) != LIVE_BIT or qty < 1 or leaves < 1:
        reduce_slow(m, h, slot, qty)
        return
    book.num_events = 0
    side = bits & 1
    price = np.int64(order.price)
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth_of(m, h, side, price)]
    if book.publish != 0:
        write_level(m, h, side, price, level.qty)
    level.qty -= qty
    order.leaves_qty = leaves
    fast_report(m, h, ACK, NONE, 0, leaves, 0, slot)
