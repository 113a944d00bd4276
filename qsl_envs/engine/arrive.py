"""Orders that arrive, new or replaced: what is refused, what waits, what matches."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    ACK,
    AUCTION_CALL,
    BUY,
    DAY,
    FOK,
    GTC,
    GTD,
    HIDDEN_BIT,
    HOLD_BIT,
    IOC,
    LIMIT,
    LIVE_BIT,
    MARKET,
    MARKET_BIT,
    NIL,
    PARKED_BIT,
    PEG_BIT,
    PEG_MID,
    PEG_PRIMARY,
    PEGGED,
    POST_OFF,
    POST_REJECT,
    POST_REJECT_BIT,
    POST_SLIDE,
    POST_SLIDE_BIT,
    PRICE_MAX,
    QTY_MAX,
    SELL,
    SPECIAL_BIT,
    STOP,
    STOP_BIT,
    STOP_LIMIT,
)
from qsl_envs.engine.heap import heap_push
from qsl_envs.engine.ladder import crosses
from qsl_envs.engine.life import append_market, detach_order, rest_order, start_order
from qsl_envs.engine.machine import (
    PEGS,
    begin_message,
    market_limit,
    refuse,
    run_message,
    settle_order,
    start_taker,
    write_report,
)
from qsl_envs.engine.pegs import peg_price, reference_price
from qsl_envs.engine.pool import ext_at, free_ext, has_ext, has_slot, take_ext, take_slot
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.stops import is_reached
from qsl_envs.engine.withdraw import cancel_slow, reduce_slow
from qsl_envs.kernel.jit import kernel

NONE = int(Reason.NONE)
UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
BAD_SIDE = int(Reason.BAD_SIDE)
BAD_TYPE = int(Reason.BAD_TYPE)
BAD_TIF = int(Reason.BAD_TIF)
BAD_QTY = int(Reason.BAD_QTY)
BAD_DISPLAY = int(Reason.BAD_DISPLAY)
BAD_PRICE = int(Reason.BAD_PRICE)
BAD_STOP_PRICE = int(Reason.BAD_STOP_PRICE)
BAD_PEG = int(Reason.BAD_PEG)
BAD_COMBINATION = int(Reason.BAD_COMBINATION)
WRONG_PHASE = int(Reason.WRONG_PHASE)
NO_REFERENCE = int(Reason.NO_REFERENCE)
POST_ONLY_WOULD_TRADE = int(Reason.POST_ONLY_WOULD_TRADE)
POOL_FULL = int(Reason.POOL_FULL)

OFFSET_MAX = 2**31 - 1


@kernel
def wrong_words(side, order_type, tif):
    """Reason why the codes of an order are not of their lists, else NONE."""
    if side != BUY and side != SELL:
        return BAD_SIDE
    if order_type < MARKET or order_type > PEGGED:
        return BAD_TYPE
    if tif != DAY and tif != GTC and tif != IOC and tif != FOK and tif != GTD:
        return BAD_TIF
    return NONE


@kernel
def wrong_values(now_ns, order_type, tif, price, qty, display_qty, stop_price, peg, offset, post_only, expire_ns):
    """First reason why the values of an order make no sense, else NONE. What an order does not use is not looked at."""
    immediate = tif == IOC or tif == FOK
    stop = order_type == STOP or order_type == STOP_LIMIT
    if qty < 1 or qty > QTY_MAX:
        return BAD_QTY
    if display_qty != NIL and (display_qty < 0 or display_qty > QTY_MAX):
        if not immediate and order_type != MARKET and order_type != STOP:
            return BAD_DISPLAY
    if order_type == LIMIT or order_type == STOP_LIMIT or (order_type == PEGGED and price != NIL):
        if price < 1 or price > PRICE_MAX:
            return BAD_PRICE
    if stop and (stop_price < 1 or stop_price > PRICE_MAX):
        return BAD_STOP_PRICE
    if order_type == PEGGED:
        if peg < PEG_PRIMARY or peg > PEG_MID or offset < -OFFSET_MAX - 1 or offset > OFFSET_MAX:
            return BAD_PEG
    if post_only != POST_OFF:
        if immediate or stop or order_type == MARKET or (post_only != POST_REJECT and post_only != POST_SLIDE):
            return BAD_COMBINATION
    if tif == GTD and expire_ns <= now_ns:
        return BAD_TIF
    return NONE


@kernel
def arrive(
    m,
    h,
    now_ns,
    home,
    side,
    order_type,
    tif,
    price,
    qty,
    display_qty,
    stop_price,
    peg,
    offset,
    flags,
    owner,
    tag,
    expire_ns,
):
    """Let an order arrive whose codes are good: refuse it, or let it wait, rest or match, with all consequences.

    `home` is the slot of the order that it replaces (NIL: a new order), `flags` its HOLD and post-only bits.
    """
    book = m.books[h]
    post_only = POST_OFF
    if flags & POST_REJECT_BIT:
        post_only = POST_REJECT
    elif flags & POST_SLIDE_BIT:
        post_only = POST_SLIDE
    reason = wrong_values(
        now_ns, order_type, tif, price, qty, display_qty, stop_price, peg, offset, post_only, expire_ns
    )
    if reason != NONE:
        return refuse(m, h, reason)
    call = book.phase == AUCTION_CALL
    immediate = tif == IOC or tif == FOK
    stop = order_type == STOP or order_type == STOP_LIMIT
    if call and immediate and not stop:
        return refuse(m, h, WRONG_PHASE)
    waits = stop and (call or not is_reached(side, stop_price, book.last_price))
    market = order_type == MARKET or order_type == STOP
    at = price  # where it matches and rests
    if market:
        at = market_limit(m, h, side)
    elif order_type == PEGGED:
        at = np.int64(NIL)
        if not call:
            at = peg_price(side, peg, offset, price, reference_price(m, h, BUY), reference_price(m, h, SELL))
        if at == NIL and immediate:
            return refuse(m, h, NO_REFERENCE)
    if post_only != POST_OFF and not call and at != NIL:
        touch = m.sides[SIDES * h + (side ^ 1)].best
        if crosses(side, at, touch):
            at = touch - 1 + 2 * side
            if post_only == POST_REJECT or at < 1 or at > PRICE_MAX:
                return refuse(m, h, POST_ONLY_WOULD_TRADE)
    rests = waits or (not immediate and (call or not market))
    if market or not rests or (waits and immediate):
        display_qty = np.int64(NIL)
    special = rests and (waits or order_type == PEGGED or tif == GTD or display_qty != NIL)
    if not reserve(m, h, home, rests, special):
        return refuse(m, h, POOL_FULL)

    if home != NIL:
        detach_order(m, h, home)
        order = m.orders[book.orders_base + home]
        if order.bits & SPECIAL_BIT:
            free_ext(m, h, np.int64(order.ext))
            order.bits &= ~SPECIAL_BIT
    elif rests:
        home = take_slot(m, h)
    if rests:
        hidden = special and (display_qty == 0 or (order_type == PEGGED and peg == PEG_MID))
        flags = flags | side | (HIDDEN_BIT if hidden else 0) | (SPECIAL_BIT if special else 0)
        flags |= (PEG_BIT if order_type == PEGGED else 0) | (STOP_BIT if waits else 0)
        start_order(m, h, home, flags, owner, tag)
        order = m.orders[book.orders_base + home]
        order.price = NIL if waits else at
        order.leaves_qty = qty
        if special:
            order.ext = take_ext(m, h)
            ext = m.exts[ext_at(m, h, home)]
            ext.display_qty = display_qty
            ext.kind = order_type if waits or not stop else LIMIT
            ext.tif = tif
            book.entries += 1
            ext.entry = book.entries
            if waits:
                ext.stop_price = stop_price
            if price != NIL and not market:
                ext.limit_price = price
            if order_type == PEGGED:
                ext.peg = peg
                ext.offset = offset
            if tif == GTD:
                ext.expire_ns = expire_ns

    if waits or call or at == NIL:
        settle_order(m, h, home)
        order = m.orders[book.orders_base + home]
        if waits:
            heap_push(m, h, side, home)
        elif order_type == PEGGED:
            order.bits |= PARKED_BIT
            order.price = NIL
        elif market:
            append_market(m, h, home)
        else:
            rest_order(m, h, home, at)
        write_report(m, h, ACK, NONE, 0, qty, 0, home)
        book.stage = PEGS
    else:
        start_taker(m, h, home, NIL, side, tif, 1 if market else 0, owner, at, qty)
    run_message(m, h)


@kernel
def reserve(m, h, home, rests, special):
    """Whether the pools have what an order needs if it stays; `home` is the slot that it has already, or NIL."""
    if not rests:
        return True
    if home == NIL:
        return has_slot(m, h) and (not special or has_ext(m, h))
    return not special or m.orders[m.books[h].orders_base + home].bits & SPECIAL_BIT != 0 or has_ext(m, h)


@kernel
def submit_slow(
    m,
    h,
    now_ns,
    side,
    order_type,
    tif,
    price,
    qty,
    display_qty,
    stop_price,
    peg,
    offset,
    post_only,
    owner,
    tag,
    expire_ns,
):
    """`orders.submit_order`, whatever the order is."""
    begin_message(m, h)
    reason = wrong_words(side, order_type, tif)
    if reason != NONE:
        return refuse(m, h, reason)
    flags = np.int64(0)
    if post_only == POST_REJECT:
        flags = np.int64(POST_REJECT_BIT)
    elif post_only == POST_SLIDE:
        flags = np.int64(POST_SLIDE_BIT)
    elif post_only != POST_OFF:
        return refuse(m, h, BAD_COMBINATION)
    arrive(
        m,
        h,
        now_ns,
        NIL,
        side,
        order_type,
        tif,
        price,
        qty,
        display_qty,
        stop_price,
        peg,
        offset,
        flags,
        owner,
        tag,
        expire_ns,
    )


@kernel
def replace_slow(m, h, now_ns, slot, price, qty, display_qty, stop_price, offset, has_offset, total):
    """`orders.replace_order`, whatever the order is."""
    begin_message(m, h)
    book = m.books[h]
    if slot == NIL or m.orders[book.orders_base + slot].bits & LIVE_BIT == 0:
        return refuse(m, h, UNKNOWN_ORDER)
    order = m.orders[book.orders_base + slot]
    bits = np.int64(order.bits)
    if total > 0 and 1 <= qty <= QTY_MAX:
        qty -= total
        if qty <= 0:
            cancel_slow(m, h, slot)
            return
    order_type = np.int64(LIMIT)
    tif = np.int64(GTC)
    old_price = np.int64(order.price)
    old_display = np.int64(NIL)
    old_stop = np.int64(NIL)
    old_offset = np.int64(0)
    peg = np.int64(0)
    expire_ns = np.int64(NIL)
    if bits & MARKET_BIT:
        order_type = np.int64(MARKET)
    if bits & SPECIAL_BIT:
        ext = m.exts[ext_at(m, h, slot)]
        order_type = np.int64(ext.kind)
        tif = np.int64(ext.tif)
        if order_type == PEGGED or order_type == STOP_LIMIT:
            old_price = np.int64(ext.limit_price)
        old_display = np.int64(ext.display_qty)
        old_stop = np.int64(ext.stop_price)
        old_offset = np.int64(ext.offset)
        peg = np.int64(ext.peg)
        expire_ns = ext.expire_ns
    if order_type == MARKET or order_type == STOP:
        price = np.int64(NIL)
        display_qty = np.int64(NIL)
    if order_type != STOP and order_type != STOP_LIMIT:
        stop_price = np.int64(NIL)
    if order_type != PEGGED:
        has_offset = np.int64(0)
    same = price == NIL or price == old_price
    same = same and (display_qty == NIL or display_qty == old_display) and (stop_price == NIL or stop_price == old_stop)
    same = same and (has_offset == 0 or offset == old_offset)
    if book.keep_on_decrease != 0 and same and 1 <= qty < order.leaves_qty:
        reduce_slow(m, h, slot, np.int64(order.leaves_qty) - qty)
        return
    owner = np.int64(NIL)
    tag = np.int64(NIL)
    if bits & HOLD_BIT == 0:
        owner = np.int64(order.owner)
        tag = np.int64(order.tag)
    arrive(
        m,
        h,
        now_ns,
        slot,
        bits & 1,
        order_type,
        tif,
        old_price if price == NIL else price,
        qty,
        old_display if display_qty == NIL else display_qty,
        old_stop if stop_price == NIL else stop_price,
        peg,
        offset if has_offset else old_offset,
        bits & (HOLD_BIT | POST_REJECT_BIT | POST_SLIDE_BIT),
        owner,
        tag,
        expire_ns,
    )
