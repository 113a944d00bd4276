"""Arbitrageurs: they listen to the best prices of several venues and take where these disagree, by what they know."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import HEAR_TOP, KEEP, NEVER, WHY_FILL, WHY_REPORT, WHY_START, WHY_TIMER
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import (
    held,
    home,
    inventory,
    keep,
    nth_book,
    num_books,
    num_orders,
    param,
    state,
    symbol_of,
    top,
)
from qsl_envs.participants.orders import take
from qsl_envs.participants.register import participant

WAKES = WHY_START | WHY_TIMER | WHY_FILL | WHY_REPORT


@kernel(inline=True)
def toward(held_lots, side, most, qty):
    """Lots of `qty` that keep an inventory within `most`, long or short."""
    return max(0, min(qty, most - (held_lots if side == BUY else -held_lots)))


@kernel
def level_out(m, r, p, symbol, qty, now_ns):
    """Sell what is held too much (or buy back) at the best price known of any venue; True if an order was sent."""
    lots = inventory(m, r, p, symbol)
    if lots == 0:
        return False
    side = SELL if lots > 0 else BUY
    sign = 1 - 2 * side
    best, where = int64(NIL), int64(NIL)
    for n in range(num_books(m, r, p)):
        book = nth_book(m, r, p, n)
        if symbol_of(m, r, book) == symbol:
            bid, _, ask, _ = top(m, r, p, book, now_ns)
            price = ask if side == BUY else bid
            if price != NIL and (where == NIL or sign * (price - best) < 0):
                best, where = price, book
    if where == NIL:
        return False
    return take(m, r, p, where, side, best, min(abs(lots), qty), now_ns) >= 0


@participant(
    "arbitrage",
    params={
        "edge": Param(1.0, "ticks by which a bid must be above another venue's ask, after fees, for it to act",
                      high=1e6),
        "cost": Param(0.0, "ticks that both trades cost in fees", low=-1e6, high=1e6),
        "qty": Param(5, "lots of each leg, at most", low=1, high=1e6),
        "max_inventory": Param(50, "lots, long or short, at each venue", low=1, high=1e9),
        "unwind_ns": Param(1e9, "inventory that a missed leg has left is sold at the best price so much later",
                           low=1e3, high=1e13),
    },
    wakes_on=WAKES,
    listens=HEAR_TOP,
    many_books=True,
)  # fmt: skip
def wake_arbitrage(m, r, p, why, now_ns):
    """Buys at the lowest ask and sells at the highest bid of its symbol's venues at once, when what it knows of them
    pays more than `edge` after costs; one pair of orders at a time.
    """
    symbol = symbol_of(m, r, home(m, r, p))
    if (why & WHY_START) != 0:
        return NEVER
    if num_orders(m, r, p) > 0:
        return KEEP
    best_bid, bid_lots, bid_at = int64(NIL), int64(0), int64(NIL)
    best_ask, ask_lots, ask_at = int64(NIL), int64(0), int64(NIL)
    for n in range(num_books(m, r, p)):
        book = nth_book(m, r, p, n)
        if symbol_of(m, r, book) == symbol:
            bid, bid_qty, ask, ask_qty = top(m, r, p, book, now_ns)
            if bid != NIL and (bid_at == NIL or bid > best_bid):
                best_bid, bid_lots, bid_at = bid, bid_qty, book
            if ask != NIL and (ask_at == NIL or ask < best_ask):
                best_ask, ask_lots, ask_at = ask, ask_qty, book
    qty, most = int64(param(m, r, p, 2)), int64(param(m, r, p, 3))
    if bid_at != NIL and ask_at != NIL and bid_at != ask_at:
        gain = best_bid - best_ask - param(m, r, p, 1)
        lots = min(min(bid_lots, ask_lots), qty)
        lots = min(toward(held(m, r, p, ask_at), BUY, most, lots), toward(held(m, r, p, bid_at), SELL, most, lots))
        if gain > param(m, r, p, 0) and lots > 0:
            take(m, r, p, ask_at, BUY, best_ask, lots, now_ns)
            take(m, r, p, bid_at, SELL, best_bid, lots, now_ns)
            return now_ns + int64(param(m, r, p, 4))
    if (why & WHY_TIMER) != 0:
        if level_out(m, r, p, symbol, qty, now_ns):
            return now_ns + int64(param(m, r, p, 4))
        return NEVER
    return KEEP


@participant(
    "latency_arbitrage",
    params={
        "edge": Param(1.0, "ticks by which the leading venue must be beyond the other one's quote", high=1e6),
        "qty": Param(5, "lots of an order, at most", low=1, high=1e6),
        "max_inventory": Param(50, "lots, long or short", low=1, high=1e9),
        "hold_ns": Param(500e6, "after which it goes home at the best price it knows", low=1e3, high=1e13),
    },
    num_states=1,
    wakes_on=WAKES,
    listens=HEAR_TOP,
    many_books=True,
)  # fmt: skip
def wake_latency_arbitrage(m, r, p, why, now_ns):
    """The first book of its group leads: when it hears it move beyond a quote of another venue, it takes that quote
    before its owner can, and goes home a little later.
    """
    lead = nth_book(m, r, p, 0)
    symbol = symbol_of(m, r, lead)
    if (why & WHY_START) != 0:
        return NEVER
    if num_orders(m, r, p) > 0:
        return KEEP
    lead_bid, _, lead_ask, _ = top(m, r, p, lead, now_ns)
    edge, qty, most = param(m, r, p, 0), int64(param(m, r, p, 1)), int64(param(m, r, p, 2))
    lots_held, hold = inventory(m, r, p, symbol), int64(param(m, r, p, 3))
    for n in range(1, num_books(m, r, p)):
        book = nth_book(m, r, p, n)
        if symbol_of(m, r, book) != symbol:
            continue
        bid, bid_qty, ask, ask_qty = top(m, r, p, book, now_ns)
        if ask != NIL and lead_bid != NIL and lead_bid - ask > edge:
            lots = toward(lots_held, BUY, most, min(ask_qty, qty))
            if lots > 0:
                take(m, r, p, book, BUY, ask, lots, now_ns)
                keep(m, r, p, 0, now_ns + hold)
                return now_ns + hold
        if bid != NIL and lead_ask != NIL and bid - lead_ask > edge:
            lots = toward(lots_held, SELL, most, min(bid_qty, qty))
            if lots > 0:
                take(m, r, p, book, SELL, bid, lots, now_ns)
                keep(m, r, p, 0, now_ns + hold)
                return now_ns + hold
    if now_ns >= state(m, r, p, 0) and level_out(m, r, p, symbol, qty, now_ns):
        return now_ns + hold
    return now_ns + hold if lots_held != 0 else NEVER
