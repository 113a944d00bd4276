"""What a participant does: orders, quotes as targets, cancels. All travel by his own links and meet his own limits.

An order that is no order (no lots, a price that does not exist) never leaves: it counts as a reject, with its reason.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, GTC, IOC, LIMIT, MARKET, NIL, PRICE_MAX, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.client import send_cancel_all, send_change, send_new
from qsl_envs.market.constants import M_CANCEL
from qsl_envs.market.targets import price_to_be, quote_side

BAD_QTY, BAD_PRICE = int(Reason.BAD_QTY), int(Reason.BAD_PRICE)
QTY_MAX = 2**31 - 1


@kernel
def refuse_own(m, r, p, reason):
    """Count an order that the participant's own node does not send; returns minus the reason."""
    limits = m.traders[m.runs[r].traders + p]
    limits.rejects += 1
    limits.last_reason = reason
    return -reason


@kernel
def order(m, r, p, book, side, price, qty, tif, post_only, now_ns):
    """Send a limit order: `qty` lots at `price` ticks or better, time in force GTC, IOC, ... Returns the client record,
    or minus the Reason for which it never left.
    """
    if qty < 1 or qty > QTY_MAX:
        return refuse_own(m, r, p, BAD_QTY)
    if price < 1 or price > PRICE_MAX:
        return refuse_own(m, r, p, BAD_PRICE)
    sent = send_new(m, r, p, book, side, LIMIT, tif, price, qty, NIL, NIL, 0, 0, post_only, 0, now_ns)
    return sent if sent >= 0 else refuse_own(m, r, p, -sent)


@kernel
def rest(m, r, p, book, side, price, qty, now_ns):
    """Send a limit order that stays until it is filled or cancelled; see `order`."""
    return order(m, r, p, book, side, price, qty, GTC, 0, now_ns)


@kernel
def take(m, r, p, book, side, price, qty, now_ns):
    """Send a limit order whose rest is cancelled at once; see `order`."""
    return order(m, r, p, book, side, price, qty, IOC, 0, now_ns)


@kernel
def market_order(m, r, p, book, side, qty, now_ns):
    """Send a market order; see `order`."""
    if qty < 1 or qty > QTY_MAX:
        return refuse_own(m, r, p, BAD_QTY)
    sent = send_new(m, r, p, book, side, MARKET, IOC, NIL, qty, NIL, NIL, 0, 0, 0, 0, now_ns)
    return sent if sent >= 0 else refuse_own(m, r, p, -sent)


@kernel
def best_wanted(m, r, p, book, side):
    """Price of the participant's best order of a side when all that he has asked for is carried out; NIL: none."""
    run = m.runs[r]
    best, sign = int64(NIL), 1 - 2 * side
    i = int64(m.traders[run.traders + p].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        if c.book == book and c.side == side and (best == NIL or sign * (price_to_be(c) - best) > 0):
            best = price_to_be(c)
        i = int64(c.next)
    return best


@kernel
def quote(m, r, p, book, bid, bid_qty, ask, ask_qty, post_only, now_ns):
    """Make the participant's orders in a book those of the target: `bid_qty` lots at `bid`, `ask_qty` at `ask` (0 lots:
    none). What stands at its price keeps its place. The side that moves away from the other one goes first. A quote
    that is none (a price outside the ticks, fewer lots than 0) counts as a reject, and its side is left as it is.
    """
    if bid > best_wanted(m, r, p, book, BUY):
        quote_checked(m, r, p, book, SELL, ask, ask_qty, post_only, now_ns)
        quote_checked(m, r, p, book, BUY, bid, bid_qty, post_only, now_ns)
    else:
        quote_checked(m, r, p, book, BUY, bid, bid_qty, post_only, now_ns)
        quote_checked(m, r, p, book, SELL, ask, ask_qty, post_only, now_ns)


@kernel
def quote_checked(m, r, p, book, side, price, qty, post_only, now_ns):
    """`market.targets.quote_side` for a quote that is one."""
    if qty < 0 or qty > QTY_MAX:
        refuse_own(m, r, p, BAD_QTY)
    elif qty > 0 and (price < 1 or price > PRICE_MAX):
        refuse_own(m, r, p, BAD_PRICE)
    else:
        quote_side(m, r, p, book, side, price, qty, post_only, now_ns)


@kernel
def cancel(m, r, client, now_ns):
    """Ask for the cancel of one order (its client record); returns 1 if it went out."""
    return send_change(m, r, client, M_CANCEL, NIL, 0, now_ns)


@kernel
def cancel_older(m, r, p, age_ns, now_ns):
    """Ask for the cancel of every own order that was sent `age_ns` ago or earlier."""
    run = m.runs[r]
    i = int64(m.traders[run.traders + p].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        following = int64(c.next)
        if now_ns - c.sent_ns >= age_ns:
            send_change(m, r, i, M_CANCEL, NIL, 0, now_ns)
        i = following


@kernel
def cancel_all(m, r, p, now_ns):
    """Ask every venue to cancel all that the participant has there."""
    send_cancel_all(m, r, p, now_ns)
