"""One message from its first trade to its last consequence, as a machine of stages that can stop and go on.

    own order or a triggered stop:  MATCHING -> PEGS -> STOPS -> MATCHING ... -> IDLE
    cancel, reduce, a stop's wait:              PEGS -> STOPS -> IDLE
    cancel_all, deadlines, call:    a loop   -> PEGS ...
    uncross:          UNCROSSING -> RESTS    -> PEGS ...

Each step first looks for room in the events. Without it the message is suspended: the caller drains the events and
calls `resume`.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.auction import cancel_market_rests, walk_auction
from qsl_envs.engine.constants import (
    ACK,
    BUY,
    CANCELED,
    CONTINUOUS,
    EV_CANCELED,
    EV_EXPIRED,
    EV_STOP_DONE,
    EV_TRIGGERED,
    FILL,
    FOK,
    HIDDEN_BIT,
    HOLD_BIT,
    IOC,
    LIMIT,
    LIVE_BIT,
    NIL,
    PARTIAL,
    PEG_BIT,
    PRICE_MAX,
    REJECT,
    SPECIAL_BIT,
    STOP,
    STOP_BIT,
)
from qsl_envs.engine.events import has_room, order_event
from qsl_envs.engine.heap import GTD_HEAP, heap_push, heap_remove, heap_top
from qsl_envs.engine.life import append_peg, bury_order, detach_order, rest_order
from qsl_envs.engine.match import LOST_ALL, LOST_KILLED, LOST_SOME, can_fill, match_taker
from qsl_envs.engine.pegs import park_pegs, reprice_pegs
from qsl_envs.engine.pool import ext_at, free_ext
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.stops import pop_triggered, trigger_stops
from qsl_envs.kernel.jit import kernel

IDLE, MATCHING, PEGS, STOPS, UNCROSSING, RESTS, REMOVING, EXPIRING, PARKING = 0, 1, 2, 3, 4, 5, 6, 7, 8

NONE = int(Reason.NONE)
SELF_TRADE = int(Reason.SELF_TRADE)
FOK_KILLED = int(Reason.FOK_KILLED)
MARKET_REST = int(Reason.MARKET_REST)
IOC_REST = int(Reason.IOC_REST)
EXPIRED = int(Reason.EXPIRED)


@kernel
def begin_message(m, h):
    """Forget the message before."""
    book = m.books[h]
    book.num_events = 0
    book.touched = NIL
    book.suspended = 0
    write_report(m, h, ACK, NONE, 0, 0, 0, NIL)


@kernel
def write_report(m, h, status, reason, filled_qty, leaves_qty, notional, slot):
    """Leave the report of the message's own order in the BOOK."""
    book = m.books[h]
    book.status = status
    book.reason = reason
    book.filled_qty = filled_qty
    book.leaves_qty = leaves_qty
    book.notional = notional
    book.slot = slot


@kernel
def refuse(m, h, reason):
    """Reject the message: nothing has changed."""
    write_report(m, h, REJECT, reason, 0, 0, 0, NIL)


@kernel
def run_message(m, h):
    """Go on from `stage` until the message is over or the events are full."""
    book = m.books[h]
    book.suspended = 0
    while book.stage != IDLE:
        if not has_room(m, h) or not run_stage(m, h):
            book.suspended = 1
            return


@kernel
def resume(m, h, now_ns):
    """Go on with a suspended message after its events were drained; its report is whole when `suspended` is 0."""
    m.books[h].num_events = 0
    run_message(m, h)


@kernel
def run_stage(m, h):
    """Do one stage and name the next; return False when the events are full."""
    book = m.books[h]
    stage = np.int64(book.stage)
    following = PEGS
    if stage == MATCHING:
        if not match_taker(m, h) or not has_room(m, h):
            return False
        finish_taker(m, h)
    elif stage == PEGS:
        if not reprice_pegs(m, h):
            return False
        following = STOPS
    elif stage == STOPS:
        slot = pop_triggered(m, h)
        if slot == NIL:
            following = IDLE
        else:
            start_stop(m, h, slot)
            following = MATCHING
    elif stage == UNCROSSING:
        if not walk_auction(m, h):
            return False
        following = RESTS
    elif stage == RESTS:
        if not cancel_market_rests(m, h):
            return False
        book.phase = CONTINUOUS
        book.special -= 1
        book.peg_bid = NIL - 1
        if book.last_price != NIL:
            trigger_stops(m, h, book.last_price)
    elif stage == REMOVING:
        if not remove_owner(m, h):
            return False
    elif stage == EXPIRING:
        if not remove_expired(m, h):
            return False
    elif not park_pegs(m, h):
        return False
    book.stage = following
    return True


@kernel
def start_taker(m, h, home, stop, side, tif, market, owner, price, qty):
    """Fill the taker fields; a FOK that cannot fill is killed here, before anything happens."""
    book = m.books[h]
    book.taker_home = home
    book.taker_stop = stop
    book.taker_side = side
    book.taker_tif = tif
    book.taker_market = market
    book.taker_owner = owner
    book.taker_price = price
    book.taker_leaves = qty
    book.taker_filled = 0
    book.taker_notional = 0
    book.taker_lost = 0
    book.stage = MATCHING
    if tif == FOK and not can_fill(m, h, side, price, qty, owner):
        book.taker_leaves = 0
        book.taker_lost = LOST_KILLED


@kernel
def market_limit(m, h, side):
    """Price up to which a market order trades: the end of the range, or the book's protective price."""
    book = m.books[h]
    if side == BUY:
        return np.int64(book.market_high) if book.market_high > 0 else np.int64(PRICE_MAX)
    return max(np.int64(1), np.int64(book.market_low))


@kernel
def start_stop(m, h, slot):
    """A triggered stop arrives: a market order, or a limit order with its own tif."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    ext = m.exts[ext_at(m, h, slot)]
    qty = np.int64(order.leaves_qty)
    order_event(m, h, EV_TRIGGERED, slot, np.int64(ext.stop_price), qty, qty, NIL)
    side = np.int64(order.bits) & 1
    order.bits &= ~STOP_BIT
    market = 1 if ext.kind == STOP else 0
    price = np.int64(ext.limit_price)
    if market:
        price = market_limit(m, h, side)
    if ext.expire_ns != NIL:
        heap_remove(m, h, GTD_HEAP, slot)
    ext.kind = LIMIT
    ext.stop_price = NIL
    start_taker(m, h, slot, slot, side, np.int64(ext.tif), market, np.int64(order.owner), price, qty)


@kernel
def finish_taker(m, h):
    """The arriving order has matched: its rest goes into the book or is cancelled, and its report is written."""
    book = m.books[h]
    home = np.int64(book.taker_home)
    leaves = book.taker_leaves
    reason = SELF_TRADE if book.taker_lost == LOST_SOME else NONE
    status = PARTIAL if book.taker_filled > 0 else ACK
    immediate = book.taker_market != 0 or book.taker_tif == IOC or book.taker_tif == FOK
    if book.taker_lost == LOST_KILLED:
        status, reason = CANCELED, FOK_KILLED
    elif book.taker_lost == LOST_ALL:
        status, reason = CANCELED, SELF_TRADE
    elif leaves == 0:
        status = FILL if reason == NONE else CANCELED
    elif immediate:
        status, reason = CANCELED, MARKET_REST if book.taker_market else IOC_REST
        leaves = np.int64(0)
    if leaves > 0:
        m.orders[book.orders_base + home].leaves_qty = leaves
        settle_order(m, h, home)
        rest_order(m, h, home, book.taker_price)
    elif home != NIL:
        bury_order(m, h, home, 0)
        home = np.int64(NIL)
    stop = np.int64(book.taker_stop)
    if stop == NIL:
        write_report(m, h, status, reason, book.taker_filled, leaves, book.taker_notional, home)
    else:
        order_event(m, h, EV_STOP_DONE, stop, status + 256 * reason, book.taker_filled, leaves, reason)


@kernel
def settle_order(m, h, slot):
    """An order stays: show its first clip, list it as a peg, set its deadline; drop an EXT that says nothing."""
    order = m.orders[m.books[h].orders_base + slot]
    bits = np.int64(order.bits)
    if bits & SPECIAL_BIT == 0:
        return
    ext = m.exts[ext_at(m, h, slot)]
    leaves = np.int64(order.leaves_qty)
    if bits & HIDDEN_BIT:
        ext.shown_qty = 0
    else:
        ext.shown_qty = leaves if ext.display_qty == NIL else min(leaves, np.int64(ext.display_qty))
    if bits & PEG_BIT:
        append_peg(m, h, slot)
    if ext.expire_ns != NIL:
        heap_push(m, h, GTD_HEAP, slot)
    elif ext.display_qty == NIL and bits & (PEG_BIT | STOP_BIT) == 0:
        free_ext(m, h, np.int64(order.ext))
        order.ext = NIL
        order.bits = bits & ~SPECIAL_BIT


@kernel
def remove_owner(m, h):
    """Cancel the orders of owner `loop_left` from slot `cursor` on; return whether it is finished."""
    book = m.books[h]
    while book.cursor < book.used_slots:
        if not has_room(m, h):
            return False
        slot = np.int64(book.cursor)
        order = m.orders[book.orders_base + slot]
        if order.bits & (LIVE_BIT | HOLD_BIT) == LIVE_BIT and order.owner == book.loop_left:
            price = np.int64(order.price)
            qty = np.int64(order.leaves_qty)
            detach_order(m, h, slot)
            order_event(m, h, EV_CANCELED, slot, price, qty, 0, NONE)
            bury_order(m, h, slot, 0)
        book.cursor += 1
    return True


@kernel
def remove_expired(m, h):
    """Cancel the orders whose time is over at `loop_left`; return whether it is finished."""
    book = m.books[h]
    while book.num_gtd > 0:
        slot = heap_top(m, h, GTD_HEAP)
        if m.exts[ext_at(m, h, slot)].expire_ns > book.loop_left:
            return True
        if not has_room(m, h):
            return False
        price = np.int64(m.orders[book.orders_base + slot].price)
        qty = np.int64(m.orders[book.orders_base + slot].leaves_qty)
        detach_order(m, h, slot)
        order_event(m, h, EV_EXPIRED, slot, price, qty, 0, EXPIRED)
        bury_order(m, h, slot, 0)
    return True
