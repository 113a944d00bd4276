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
from qsl_envs.engine.events import ROOM, write_level
from qsl_envs.engine.ladder import crosses, depth_of
from qsl_envs.engine.life import start_order
from qsl_envs.engine.machine import begin_message, run_message, start_taker
from qsl_envs.engine.plain_queue import close_level, join_level, leave_level
from qsl_envs.engine.pool import freed_bits, take_slot
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.withdraw import cancel_slow, reduce_slow
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
def report_of(m, h):
    """The report that stands in the BOOK: (status, reason, filled_qty, leaves_qty, notional, slot), all int64."""
    book = m.books[h]
    return (
        np.int64(book.status),
        np.int64(book.reason),
        np.int64(book.filled_qty),
        np.int64(book.leaves_qty),
        np.int64(book.notional),
        np.int64(book.slot),
    )


@kernel(inline=True)
def submit_plain(m, h, side, price, qty, ioc, bits, owner, tag):
    """Send a displayed limit order, GTC or (`ioc` = 1) immediate-or-cancel, or a market order (`ioc` = MARKET_IOC).

    Args:
        price: 1..PRICE_MAX, unchecked; of a market order PRICE_MAX (buy) or 1 (sell).
        qty: 1..QTY_MAX, unchecked.
        bits: 0 or HOLD_BIT; then `owner` and `tag` are not written.
    Returns: the slot where it rests; NIL when it does not. The report is left in the BOOK.
    """
    status, reason, filled, leaves, notional, slot = place_plain(m, h, side, price, qty, ioc, bits, owner, tag)
    fast_report(m, h, status, reason, filled, leaves, notional, slot)
    return slot


@kernel(inline=True)
def place_plain(m, h, side, price, qty, ioc, bits, owner, tag):
    """`submit_plain` that returns the report, as `report_of` does; what the BOOK says of it is left as it was.

    Only a message that the slow road took over has its report there too, perhaps an unfinished one (`suspended`).
    """
    book = m.books[h]
    if book.special != 0:
        submit_beside_special(m, h, side, price, qty, ioc, bits, owner, tag)
        return report_of(m, h)
    book.num_events = 0
    slot = np.int64(NIL)
    if ioc == 0:
        slot = take_slot(m, h)
        if slot == NIL:
            return REJECT, POOL_FULL, 0, 0, 0, NIL
    leaves = qty
    notional = np.int64(0)
    if crosses(side, price, m.sides[SIDES * h + (side ^ 1)].best):
        leaves, notional = match_plain(m, h, side, price, qty, ioc, bits, owner, tag, slot)
        if leaves < 0:  # the slow road took over
            return report_of(m, h)
        if leaves == 0:
            return FILL, NONE, qty, 0, notional, NIL
    filled = qty - leaves
    if ioc != 0:
        return CANCELED, MARKET_REST if ioc == MARKET_IOC else IOC_REST, filled, 0, notional, NIL

    settle_down(m, h, slot, side, price, leaves, bits, owner, tag)
    return PARTIAL if filled > 0 else ACK, NONE, filled, leaves, notional, slot


@kernel(inline=True)
def settle_down(m, h, slot, side, price, qty, bits, owner, tag):
    """Write a plain order into the slot that was drawn for it, and put it at the back of its queue."""
    order = m.orders[m.books[h].orders_base + slot]
    order.price = price
    order.leaves_qty = qty
    order.bits = np.int64(order.bits) & ~FLAG_BITS | LIVE_BIT | bits | side
    if bits & HOLD_BIT == 0:
        order.ext = NIL
        order.owner = owner
        order.tag = tag
    join_level(m, h, slot, side, price, qty)


@kernel
def rest_plain(m, h, side, price, qty, bits, owner, tag):
    """`submit_plain` of an order that cannot trade, in a book without pegs, stops or a call: of a first book's.

    It leads to nothing of the slow road, which is most of what there is to compile.
    """
    m.books[h].num_events = 0
    slot = take_slot(m, h)
    if slot == NIL:
        fast_report(m, h, REJECT, POOL_FULL, 0, 0, 0, NIL)
    else:
        settle_down(m, h, slot, side, price, qty, bits, owner, tag)
        fast_report(m, h, ACK, NONE, 0, qty, 0, slot)
    return slot


@kernel
def submit_beside_special(m, h, side, price, qty, ioc, bits, owner, tag):
    """`place_plain` in a book with pegs, stops or a call: by the slow road."""
    begin_message(m, h)
    order_type = MARKET if ioc == MARKET_IOC else LIMIT
    tif = IOC if ioc == 1 else GTC
    arrive(m, h, 0, NIL, side, order_type, tif, price, qty, NIL, NIL, 0, 0, bits, owner, tag, NIL)


@kernel
def match_plain(m, h, side, price, qty, ioc, bits, owner, tag, home):
    """Match a plain order against plain displayed orders, a level at a time; return (what it has left, notional).

    At the first other order, and when the events are full, the slow road takes the message over: NIL is left then. A
    fill that leaves nothing gives `home` back. What every fill would change (the count of events, the head of the free
    list) is kept aside and written once.
    """
    book = m.books[h]
    base = book.orders_base
    events = book.events_base
    other = side ^ 1
    opposite = m.sides[SIDES * h + other]
    watch_owner = book.stp != STP_OFF and owner != NIL
    last_event = np.int64(book.num_events_max) - ROOM
    count = np.int64(0)
    free = np.int64(book.free_head)
    leaves = qty
    notional = np.int64(0)
    touched = np.int64(NIL)
    slow = False
    while leaves > 0 and not slow and crosses(side, price, opposite.best):
        at = opposite.best
        depth = depth_of(m, h, other, at)
        level = m.levels[opposite.levels_base + depth]
        maker = np.int64(level.head)
        if maker == NIL or count > last_event:
            slow = True
            break
        if book.publish != 0:
            book.num_events = count
            write_level(m, h, other, at, level.qty)
            touched = other << 32 | at
            count += 1
        before = leaves
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
            if maker_bits & SPECIAL_BIT or own or count > last_event:
                slow = True
                break
            open_qty = np.int64(order.leaves_qty)
            traded = min(open_qty, leaves)
            event = m.events[events + count]
            event.kind = EV_FILL
            event.slot = maker
            event.price = at
            event.qty = traded
            event.leaves_qty = open_qty - traded
            event.owner = maker_owner
            event.tag = maker_tag
            event.taker_slot = NIL
            count += 1
            fills += 1
            leaves -= traded
            order.leaves_qty = open_qty - traded
            if open_qty != traded:
                break
            gone += 1
            behind = np.int64(order.next)
            if maker_bits & HOLD_BIT:
                order.bits = maker_bits & ~LIVE_BIT
            else:
                order.bits = freed_bits(maker_bits)
                order.next = free
                free = maker
            maker = behind
        if fills > 0:
            level.qty -= before - leaves
            notional += (before - leaves) * at
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
    book.num_events = count
    if not slow:
        if leaves == 0 and home != NIL:
            m.orders[base + home].next = free
            free = home
        book.free_head = free
        return leaves, notional
    book.free_head = free
    book.touched = touched
    if home != NIL:
        start_order(m, h, home, bits | side, owner, tag)
    start_taker(m, h, home, NIL, side, IOC if ioc == 1 else GTC, 1 if ioc == MARKET_IOC else 0, owner, price, qty)
    book.taker_leaves = leaves
    book.taker_filled = qty - leaves
    book.taker_notional = notional
    book.slot = NIL
    run_message(m, h)
    return np.int64(NIL), np.int64(0)


@kernel(inline=True)
def cancel_order(m, h, slot):
    """Cancel an order; `slot` NIL is an unknown one. Return the lots that it had left (0: unknown)."""
    book = m.books[h]
    if slot == NIL or book.special != 0 or not is_plain(m, h, slot):
        return cancel_slow(m, h, slot)
    qty = take_away(m, h, slot)
    fast_report(m, h, CANCELED, NONE, 0, 0, 0, NIL)
    return qty


@kernel(inline=True)
def withdraw_plain(m, h, slot):
    """`cancel_order` that returns the report, as `place_plain` does."""
    book = m.books[h]
    if slot == NIL or book.special != 0 or not is_plain(m, h, slot):
        cancel_slow(m, h, slot)
        return report_of(m, h)
    take_away(m, h, slot)
    return CANCELED, NONE, 0, 0, 0, NIL


@kernel(inline=True)
def is_plain(m, h, slot):
    """Whether the order in a slot is alive, shows all it has, and stands inside the window."""
    bits = np.int64(m.orders[m.books[h].orders_base + slot].bits)
    return bits & (LIVE_BIT | SPECIAL_BIT | OUTSIDE_BIT) == LIVE_BIT


@kernel(inline=True)
def take_away(m, h, slot):
    """Take a plain order out of its queue and free its slot; return the lots that it had left."""
    book = m.books[h]
    book.num_events = 0
    order = m.orders[book.orders_base + slot]
    bits = np.int64(order.bits)
    qty = np.int64(order.leaves_qty)
    leave_level(m, h, slot, bits & 1, np.int64(order.price), qty)
    order.leaves_qty = 0
    order.bits = freed_bits(bits)
    order.next = book.free_head
    book.free_head = slot
    return qty


@kernel(inline=True)
def reduce_order(m, h, slot, qty):
    """Take `qty` lots from an order, which keeps its place; as many as it has, or more, cancel it."""
    status, reason, filled, leaves, notional, slot = reduce_plain(m, h, slot, qty)
    fast_report(m, h, status, reason, filled, leaves, notional, slot)


@kernel(inline=True)
def reduce_plain(m, h, slot, qty):
    """`reduce_order` that returns the report, as `place_plain` does."""
    book = m.books[h]
    if slot == NIL or book.special != 0:
        reduce_slow(m, h, slot, qty)
        return report_of(m, h)
    order = m.orders[book.orders_base + slot]
    leaves = np.int64(order.leaves_qty) - qty
    if not is_plain(m, h, slot) or qty < 1 or leaves < 1:
        reduce_slow(m, h, slot, qty)
        return report_of(m, h)
    book.num_events = 0
    side = np.int64(order.bits) & 1
    price = np.int64(order.price)
    level = m.levels[m.sides[SIDES * h + side].levels_base + depth_of(m, h, side, price)]
    if book.publish != 0:
        write_level(m, h, side, price, level.qty)
    level.qty -= qty
    order.leaves_qty = leaves
    return ACK, NONE, 0, leaves, 0, slot
