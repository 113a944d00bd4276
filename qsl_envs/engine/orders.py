"""The doors for single orders of participants: what is plain goes the fast way, everything else the slow one.

Both doors leave in the BOOK what `arrive.submit_slow` and `arrive.replace_slow` would leave there.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.arrive import replace_slow, submit_slow
from qsl_envs.engine.constants import (
    ACK,
    BUY,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_IOC,
    NIL,
    POST_OFF,
    POST_REJECT,
    POST_REJECT_BIT,
    POST_SLIDE,
    POST_SLIDE_BIT,
    PRICE_MAX,
    QTY_MAX,
    SELL,
)
from qsl_envs.engine.ladder import crosses
from qsl_envs.engine.machine import market_limit
from qsl_envs.engine.plain import fast_report, is_plain, submit_plain
from qsl_envs.engine.plain_queue import join_level, leave_level
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel

NONE = int(Reason.NONE)


@kernel
def submit_order(m, h, now_ns, side, order_type, tif, price, qty, display_qty, stop_price, peg, offset, post_only,
                 owner, tag, expire_ns):  # fmt: skip
    """Send any order to the book. NIL: no price, no display_qty (all is shown), no stop price, nobody, no expiry.

    The report is left in the BOOK, the consequences in its events. A twin is the naive book of the tests.
    """
    plain = m.books[h].special == 0 and display_qty == NIL and 1 <= qty <= QTY_MAX and (side == BUY or side == SELL)
    flags = np.int64(0)
    ioc = 1 if tif == IOC else 0
    if order_type == MARKET:
        plain = plain and tif == IOC and post_only == POST_OFF
        price = market_limit(m, h, side) if plain else price
        ioc = MARKET_IOC
    else:
        plain = plain and order_type == LIMIT and 1 <= price <= PRICE_MAX
        if post_only == POST_OFF:
            plain = plain and (tif == GTC or tif == IOC)
        else:  # one that would trade is refused or slid
            flags = np.int64(POST_REJECT_BIT if post_only == POST_REJECT else POST_SLIDE_BIT)
            plain = plain and tif == GTC and (post_only == POST_REJECT or post_only == POST_SLIDE)
            plain = plain and not crosses(side, price, m.sides[SIDES * h + (side ^ 1)].best)
    if plain:
        m.books[h].suspended = 0
        submit_plain(m, h, side, price, qty, ioc, flags, owner, tag)
    else:
        submit_slow(m, h, now_ns, side, order_type, tif, price, qty, display_qty, stop_price, peg, offset, post_only,
                    owner, tag, expire_ns)  # fmt: skip


@kernel
def replace_order(m, h, now_ns, slot, price, qty, display_qty, stop_price, offset, has_offset, total):
    """Give an order new values and let it arrive anew, in the same slot and with the same handle.

    Args:
        price, display_qty, stop_price: NIL keeps the old value; `offset` counts when `has_offset` is 1.
        qty: the new open quantity; or, with `total` > 0, the order's whole quantity (FIX 38), of which `total` lots
            were filled so far: what is open is the difference, and with nothing left the order is cancelled.
    A refused replace leaves the order as it was.
    """
    if (
        m.books[h].special == 0
        and total == 0
        and has_offset == 0
        and display_qty == NIL
        and stop_price == NIL
        and 1 <= qty <= QTY_MAX
        and 1 <= price <= PRICE_MAX
        and slot != NIL
        and is_plain(m, h, slot)
        and moves_alone(m, h, slot, price, qty)
    ):
        move_plain(m, h, slot, price, qty)
    else:
        replace_slow(m, h, now_ns, slot, price, qty, display_qty, stop_price, offset, has_offset, total)


@kernel(inline=True)
def moves_alone(m, h, slot, price, qty):
    """Whether a plain order goes to the back of a queue by its new price, and does nothing else on its way."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    side = np.int64(order.bits) & 1
    keeps = book.keep_on_decrease != 0 and price == order.price and qty < order.leaves_qty
    return not keeps and not crosses(side, price, m.sides[SIDES * h + (side ^ 1)].best)


@kernel(inline=True)
def move_plain(m, h, slot, price, qty):
    """Take a plain order out of its queue and put it at the back of another, or of the same."""
    book = m.books[h]
    book.num_events = 0
    book.suspended = 0
    order = m.orders[book.orders_base + slot]
    side, stood = np.int64(order.bits) & 1, np.int64(order.price)
    leave_level(m, h, slot, side, stood, np.int64(order.leaves_qty))
    told = np.int64(book.num_events)
    order.price = price
    order.leaves_qty = qty
    join_level(m, h, slot, side, price, qty)
    if price == stood:  # one level, one event: what it showed before
        book.num_events = told
    fast_report(m, h, ACK, NONE, 0, qty, 0, slot)
