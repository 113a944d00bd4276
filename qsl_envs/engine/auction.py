"""Call auctions: the price that trades most, and the walk of both lists at that price."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    BUY,
    EV_CANCELED,
    EV_FILL,
    HIDDEN_BIT,
    NIL,
    PARKED_BIT,
    PRICE_MAX,
    SELL,
    SPECIAL_BIT,
)
from qsl_envs.engine.events import has_room, order_event, touch_level
from qsl_envs.engine.ladder import crosses, depth_of, no_best
from qsl_envs.engine.life import bury_order, detach_order
from qsl_envs.engine.match import front_order
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import first_order, next_order, next_price
from qsl_envs.kernel.jit import kernel

MARKET_REST = int(Reason.MARKET_REST)


@kernel
def open_at(m, h, side, price):
    """Whole open lots of a side at a price, hidden orders and reserves included."""
    base = m.books[h].orders_base
    qty = np.int64(0)
    for hidden in range(2):
        slot = first_order(m, h, side, price, hidden)
        while slot != NIL:
            qty += np.int64(m.orders[base + slot].leaves_qty)
            slot = next_order(m, h, slot)
    return qty


@kernel
def market_lots(m, h, side):
    """Open lots of a side's market orders."""
    base = m.books[h].orders_base
    qty = np.int64(0)
    slot = np.int64(m.sides[SIDES * h + side].market_head)
    while slot != NIL:
        qty += np.int64(m.orders[base + slot].leaves_qty)
        slot = np.int64(m.orders[base + slot].next)
    return qty


@kernel
def lots_through(m, h, side, price):
    """Lots of a side that would trade at `price`: its market orders and the orders at that price or better."""
    qty = market_lots(m, h, side)
    at = m.sides[SIDES * h + side].best
    while at != no_best(side) and crosses(side, at, price):
        qty += open_at(m, h, side, at)
        at = next_price(m, h, side, at)
    return qty


@kernel
def most_volume(m, h):
    """The largest volume that one price can trade."""
    bought, sold = market_lots(m, h, BUY), market_lots(m, h, SELL)
    bid, ask = m.sides[SIDES * h + BUY].best, m.sides[SIDES * h + SELL].best
    worst_bid, worst_ask = np.int64(PRICE_MAX), np.int64(1)
    while True:  # the side with fewer lots takes in its next level, as long as that meets the other side's worst
        if bought <= sold:
            if bid == no_best(BUY) or bid < worst_ask:
                return bought
            bought += open_at(m, h, BUY, bid)
            worst_bid = bid
            bid = next_price(m, h, BUY, bid)
        else:
            if ask == no_best(SELL) or ask > worst_bid:
                return sold
            sold += open_at(m, h, SELL, ask)
            worst_ask = ask
            ask = next_price(m, h, SELL, ask)


@kernel
def level_of_volume(m, h, side, volume):
    """Price down to which a side brings `volume` lots (its sentinel: market orders alone do), and its next price."""
    qty = market_lots(m, h, side)
    price = np.int64(no_best(side))
    behind = m.sides[SIDES * h + side].best
    while qty < volume:
        price = behind
        qty += open_at(m, h, side, price)
        behind = next_price(m, h, side, price)
    return price, behind


@kernel
def indicative(m, h, reference):
    """Where an uncross would trade now: (price, volume, imbalance = lots to buy - lots to sell at that price).

    Most volume, then least absolute imbalance, then nearest the reference price (NIL: the last trade's). Prices that
    trade the most lie in one interval, where the imbalance only falls. Where it is least there stands the last level
    that the volume needs of a side, the level behind it, or nothing but the reference: five candidates are enough.
    With no volume the price is NIL and market orders alone count.
    """
    book = m.books[h]
    if reference == NIL:
        reference = book.last_price
    volume = most_volume(m, h)
    if volume == 0:
        return np.int64(NIL), np.int64(0), market_lots(m, h, BUY) - market_lots(m, h, SELL)
    bid, bid_behind = level_of_volume(m, h, BUY, volume)
    ask, ask_behind = level_of_volume(m, h, SELL, volume)
    best = np.int64(NIL)
    best_imbalance = np.int64(0)
    for k in range(5):
        price = bid
        if k == 1:
            price = ask
        elif k == 2:
            price = bid_behind
        elif k == 3:
            price = ask_behind
        elif k == 4:
            price = reference
        if price < 1 or price > PRICE_MAX:
            continue
        bought, sold = lots_through(m, h, BUY, price), lots_through(m, h, SELL, price)
        if min(bought, sold) < volume:
            continue
        imbalance = bought - sold
        better = best == NIL or abs(imbalance) < abs(best_imbalance)
        if not better and abs(imbalance) == abs(best_imbalance):
            better = abs(price - reference) < abs(best - reference)
        if better:
            best = price
            best_imbalance = imbalance
    return best, volume, best_imbalance


@kernel
def auction_front(m, h, side):
    """Slot of the order of a side that an uncross serves next: market orders, then the queues."""
    slot = np.int64(m.sides[SIDES * h + side].market_head)
    return slot if slot != NIL else front_order(m, h, side)


@kernel
def auction_take(m, h, slot, qty):
    """Take lots from an order in an uncross: an iceberg gives whole, keeps its place, and shows a fresh clip."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    leaves = np.int64(order.leaves_qty) - qty
    if leaves == 0:
        detach_order(m, h, slot)
        bury_order(m, h, slot, 1)
        return leaves
    bits = np.int64(order.bits)
    if bits & (PARKED_BIT | HIDDEN_BIT) == 0:
        side = bits & 1
        price = np.int64(order.price)
        touch_level(m, h, side, price)
        change = -qty
        if bits & SPECIAL_BIT:
            ext = m.exts[ext_at(m, h, slot)]
            clip = leaves if ext.display_qty == NIL else min(leaves, np.int64(ext.display_qty))
            change = clip - ext.shown_qty
            ext.shown_qty = clip
        m.levels[m.sides[SIDES * h + side].levels_base + depth_of(m, h, side, price)].qty += change
    order.leaves_qty = leaves
    return leaves


@kernel
def walk_auction(m, h):
    """Trade both lists front with front at `loop_price`, `loop_left` lots; return whether it is finished."""
    book = m.books[h]
    while book.loop_left > 0:
        if not has_room(m, h):
            return False
        buy, sell = auction_front(m, h, BUY), auction_front(m, h, SELL)
        bought, sold = (
            np.int64(m.orders[book.orders_base + buy].leaves_qty),
            np.int64(m.orders[book.orders_base + sell].leaves_qty),
        )
        qty = min(book.loop_left, min(bought, sold))
        order_event(m, h, EV_FILL, buy, book.loop_price, qty, bought - qty, sell)
        auction_take(m, h, buy, qty)
        auction_take(m, h, sell, qty)
        book.loop_left -= qty
        book.trades += 1
        book.last_price = book.loop_price
    return True


@kernel
def cancel_market_rests(m, h):
    """Cancel what market orders have left after an uncross; return whether it is finished."""
    book = m.books[h]
    for side in range(2):
        slot = np.int64(m.sides[SIDES * h + side].market_head)
        while slot != NIL:
            if not has_room(m, h):
                return False
            behind = np.int64(m.orders[book.orders_base + slot].next)
            qty = np.int64(m.orders[book.orders_base + slot].leaves_qty)
            detach_order(m, h, slot)
            order_event(m, h, EV_CANCELED, slot, NIL, qty, 0, MARKET_REST)
            bury_order(m, h, slot, 0)
            slot = behind
    return True
