"""Orders as targets: the messages that turn what stands, or is on its way, into what is wanted.

Whoever quotes (an environment's agent, a participant inside the kernel, a strategy) says what he wants to have in the
book; the difference from what he has there is sent here, and an order whose price stays keeps its place in the queue.
"""

from numpy import int64

from qsl_envs.engine.constants import GTC, IOC, LIMIT, NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number, venue_number
from qsl_envs.market.client import send_change, send_new
from qsl_envs.market.constants import M_CANCEL, M_REDUCE, M_REPLACE, P_CANCEL, P_REDUCE, P_REPLACE, P_TAKE
from qsl_envs.market.rules import on_tick


@kernel(inline=True)
def price_to_be(c):
    """Price of an order when all that its owner has asked for is carried out."""
    return int64(c.next_price) if (c.pending & P_REPLACE) != 0 else int64(c.price)


@kernel(inline=True)
def qty_to_be(c):
    """Lots open of an order when all that its owner has asked for is carried out."""
    if (c.pending & (P_CANCEL | P_TAKE)) != 0:
        return 0
    if (c.pending & P_REPLACE) != 0:
        return int64(c.next_qty)
    if (c.pending & P_REDUCE) != 0:
        return max(0, int64(c.leaves_qty) - int64(c.next_qty))
    return int64(c.leaves_qty)


@kernel
def quote_side(m, r, trader, book, side, price, qty, post_only, now_ns):
    """Bring one side of a participant's quotes in a book to `qty` lots at `price` (0 lots: no quote). Twin:
    `tests.envs.slow.wanted_messages`.

    An order that stands at the price, or is on its way there, keeps its place: too many lots are taken off the newest
    ones, missing ones are an additional order. The first order at another price is replaced, unless a change of it is
    under way already; the others are cancelled. Orders that were asked to end count as gone. A price off the venue's
    tick steps goes back to the next step.
    """
    run = m.runs[r]
    price = on_tick(m, m.venues[run.venues + venue_number(run, book)], side, price)
    clients, first = run.clients, int64(m.traders[run.traders + trader].client_head)
    there = 0
    i = first
    while i >= 0:
        c = m.clients[clients + i]
        if c.side == side and c.book == book and price_to_be(c) == price:
            there += qty_to_be(c)
        i = int64(c.next)
    i = first
    while i >= 0:
        c = m.clients[clients + i]
        following = int64(c.next)
        if c.side == side and c.book == book and (c.pending & (P_CANCEL | P_TAKE)) == 0:
            busy = (c.pending & (P_REDUCE | P_REPLACE)) != 0
            if price_to_be(c) != price:
                if there < qty and not busy and send_change(m, r, i, M_REPLACE, price, qty - there, now_ns) != 0:
                    there = qty
                else:
                    send_change(m, r, i, M_CANCEL, NIL, 0, now_ns)
            elif there > qty:
                own = qty_to_be(c)
                if there - own >= qty:
                    send_change(m, r, i, M_CANCEL, NIL, 0, now_ns)
                    there -= own
                elif not busy and send_change(m, r, i, M_REDUCE, NIL, there - qty, now_ns) != 0:
                    there = qty
        i = following
    if there < qty:
        send_new(m, r, trader, book, side, LIMIT, GTC, price, qty - there, NIL, NIL, 0, 0, post_only, 0, now_ns)


@kernel
def take(m, r, trader, book, side, price, qty, now_ns):
    """Send an order for `qty` lots that trades at `price` or better on arrival, and ends. Returns the client record, or
    minus the reason that stopped it at the participant's own node; 0 lots send nothing and return NIL.
    """
    if qty <= 0:
        return NIL
    run = m.runs[r]
    venue = m.venues[run.venues + venue_number(run, book)]
    price = on_tick(m, venue, side, price)
    i = send_new(m, r, trader, book, side, LIMIT, IOC, price, qty, NIL, NIL, 0, 0, 0, 0, now_ns)
    if i >= 0:
        m.clients[m.runs[r].clients + i].pending |= P_TAKE
    return i


@kernel
def qty_in_takes(m, r, trader, symbol, side):
    """Lots of a symbol that the participant has sent to take on a side and not heard of."""
    run = m.runs[r]
    total = 0
    i = int64(m.traders[run.traders + trader].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        if (c.pending & P_TAKE) != 0 and c.side == side and symbol_number(run, int64(c.book)) == symbol:
            total += int64(c.leaves_qty)
        i = int64(c.next)
    return total
