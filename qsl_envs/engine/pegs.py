"""Pegged orders: reference prices, a peg's price, and the re-pricing after a message."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    AUCTION_CALL,
    BUY,
    EV_REPRICED,
    HIDDEN_BIT,
    NIL,
    NO_BID,
    PARKED_BIT,
    PEG_BIT,
    PEG_MARKET,
    PEG_PRIMARY,
    PRICE_MAX,
    SELL,
)
from qsl_envs.engine.events import has_room, order_event
from qsl_envs.engine.ladder import first_level, is_better, next_level, no_best, price_at
from qsl_envs.engine.life import rest_order, unrest_order
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def reference_price(m, h, side):
    """Best price of a side among displayed orders that are not pegged; NIL when there is none."""
    base = m.books[h].orders_base
    ladder = m.sides[SIDES * h + side]
    depth = first_level(m, h, side)
    while depth != NIL:
        slot = np.int64(m.levels[ladder.levels_base + depth].head)
        while slot != NIL:
            order = m.orders[base + slot]
            if order.bits & PEG_BIT == 0:
                return price_at(m, h, side, depth)
            slot = np.int64(order.next)
        depth = next_level(m, h, side, depth + 1)
    best = no_best(side)
    slot = np.int64(ladder.out_head)
    while slot != NIL:
        order = m.orders[base + slot]
        if order.bits & (PEG_BIT | HIDDEN_BIT) == 0 and is_better(side, np.int64(order.price), best):
            best = np.int64(order.price)
        slot = np.int64(order.next)
    return best if best != no_best(side) else np.int64(NIL)


@kernel
def peg_price(side, peg, offset, limit, bid, ask):
    """Price of a peg under reference prices (NIL = none): NIL when it has none or when it leaves the range."""
    own, other = (bid, ask) if side == BUY else (ask, bid)
    if peg == PEG_PRIMARY:
        price = own
    elif peg == PEG_MARKET:
        price = other
    elif own == NIL or other == NIL:
        price = np.int64(NIL)
    else:
        price = (bid + ask + side) >> 1  # away from the other side: down for a buy, up for a sell
    if price == NIL:
        return np.int64(NIL)
    price += offset
    if side == BUY:
        if limit != NIL:
            price = min(price, limit)
        if ask != NIL:
            price = min(price, ask - 1)
    else:
        if limit != NIL:
            price = max(price, limit)
        if bid != NIL:
            price = max(price, bid + 1)
    return price if 1 <= price <= PRICE_MAX else np.int64(NIL)


@kernel
def price_of_peg(m, h, slot, bid, ask):
    """Price of a peg of the book under reference prices; NIL when it has none."""
    ext = m.exts[ext_at(m, h, slot)]
    side = np.int64(m.orders[m.books[h].orders_base + slot].bits) & 1
    return peg_price(side, np.int64(ext.peg), np.int64(ext.offset), np.int64(ext.limit_price), bid, ask)


@kernel
def move_peg(m, h, slot, price):
    """Take a peg to the back of the queue at another price, or park it (NIL)."""
    order = m.orders[m.books[h].orders_base + slot]
    if order.bits & PARKED_BIT == 0:
        unrest_order(m, h, slot)
    if price == NIL:
        order.bits |= PARKED_BIT
        order.price = NIL
    else:
        rest_order(m, h, slot, price)
    qty = np.int64(order.leaves_qty)
    order_event(m, h, EV_REPRICED, slot, price, qty, qty, NIL)


@kernel
def park_pegs(m, h):
    """Park the pegs from `cursor` on, for a call; return whether it is finished."""
    book = m.books[h]
    while book.cursor != NIL:
        if not has_room(m, h):
            return False
        slot = np.int64(book.cursor)
        if m.orders[book.orders_base + slot].bits & PARKED_BIT == 0:
            move_peg(m, h, slot, NIL)
        book.cursor = m.exts[ext_at(m, h, slot)].next
    return True


@kernel
def reprice_pegs(m, h):
    """Move the pegs to where the book wants them; return whether it is finished.

    First those that step back or lose their reference, then those that step forward or return, each group in order of
    entry; a step forward ends one tick short of the best opposite order of any kind, so nothing trades. The result
    depends on four prices only: while they stand, nothing has to move.
    """
    book = m.books[h]
    if book.num_pegs == 0 or book.phase == AUCTION_CALL:
        return True
    buys, sells = m.sides[SIDES * h + BUY], m.sides[SIDES * h + SELL]
    bid, ask = reference_price(m, h, BUY), reference_price(m, h, SELL)
    if book.peg_pass == 0:
        same = book.peg_bid == bid and book.peg_ask == ask
        if same and book.peg_best_bid == buys.best and book.peg_best_ask == sells.best:
            return True
        book.peg_pass = 1
        book.cursor = book.peg_head
    while True:
        while book.cursor != NIL:
            if not has_room(m, h):
                return False
            slot = np.int64(book.cursor)
            order = m.orders[book.orders_base + slot]
            side = np.int64(order.bits) & 1
            price = price_of_peg(m, h, slot, bid, ask)
            parked = order.bits & PARKED_BIT != 0
            if book.peg_pass == 1:
                if not parked and (price == NIL or is_better(side, np.int64(order.price), price)):
                    move_peg(m, h, slot, price)
            elif price != NIL:
                price = min(price, sells.best - 1) if side == BUY else max(price, buys.best + 1)
                if NO_BID < price <= PRICE_MAX and (parked or is_better(side, price, np.int64(order.price))):
                    move_peg(m, h, slot, price)
            book.cursor = m.exts[ext_at(m, h, slot)].next
        if book.peg_pass == 2:
            break
        book.peg_pass = 2
        book.cursor = book.peg_head
    book.peg_pass = 0
    book.peg_bid, book.peg_ask = bid, ask
    book.peg_best_bid, book.peg_best_ask = buys.best, sells.best
    return True
