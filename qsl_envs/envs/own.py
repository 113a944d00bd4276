"""What a seat knows of its own orders in a book, in one pass; and where others stand beside them."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import K_LIVE, K_SENT

OWN_OPEN, OWN_IN_FLIGHT, OWN_PENDING, OWN_BEST, OWN_PRICE, OWN_HEARD, OWN_AT_TOUCH = range(7)
"""What `survey` finds of a side: lots known open; orders not yet acknowledged; orders with a change not yet answered;
the client record of the best order (of equals the oldest; NIL: none) and its price; lots that the feed is sure to have
told of: at that price, at the best known price."""
OWN_CELLS = 8


@kernel
def survey(m, r, s, book, heard_by_ns, bid, ask):
    """List a seat's own orders in a book, as known, in m.scratch: OWN_CELLS of bids from run.scratch on, then of asks.

    Args:
        heard_by_ns: what was known live by then is among what the feed has told.
        bid, ask: best known prices, NIL where a side is empty.
    """
    run, scratch = m.runs[r], m.scratch
    at = run.scratch
    for k in range(2 * OWN_CELLS):
        scratch[at + k] = 0
    scratch[at + OWN_BEST] = scratch[at + OWN_CELLS + OWN_BEST] = NIL
    k = int64(m.traders[run.traders + s].client_head)
    while k >= 0:
        c = m.clients[run.clients + k]
        if c.book == book:
            own = at + OWN_CELLS * int64(c.side)
            if c.pending != 0:
                scratch[own + OWN_PENDING] += 1
            if c.state == K_SENT:
                scratch[own + OWN_IN_FLIGHT] += 1
            else:
                price, leaves = int64(c.price), int64(c.leaves_qty)
                scratch[own + OWN_OPEN] += leaves
                heard = leaves if c.state == K_LIVE and c.ack_ns <= heard_by_ns else 0
                if price == (bid if c.side == BUY else ask):
                    scratch[own + OWN_AT_TOUCH] += heard
                better = price - scratch[own + OWN_PRICE] if c.side == BUY else scratch[own + OWN_PRICE] - price
                if scratch[own + OWN_BEST] == NIL or better > 0:
                    scratch[own + OWN_BEST], scratch[own + OWN_PRICE], scratch[own + OWN_HEARD] = k, price, heard
                elif better == 0:
                    scratch[own + OWN_BEST] = k
                    scratch[own + OWN_HEARD] += heard
        k = int64(c.next)


@kernel
def others_touch(m, r, s, book, side, levels_at, count, heard_by_ns):
    """Best price of a side at which somebody else is known to show lots; NIL when nobody is. After `survey`.

    The known levels stand at m.scratch[levels_at], as price and lots.
    """
    if count == 0:
        return NIL
    if m.scratch[levels_at + 1] > m.scratch[m.runs[r].scratch + OWN_CELLS * side + OWN_AT_TOUCH]:
        return m.scratch[levels_at]
    for n in range(1, count):
        price, qty = m.scratch[levels_at + 2 * n], m.scratch[levels_at + 2 * n + 1]
        if qty > own_heard(m, r, s, book, side, price, heard_by_ns):
            return price
    return NIL


@kernel
def own_heard(m, r, s, book, side, price, heard_by_ns):
    """Lots of the seat's orders at a price that must be among what its feed has told: known live by then."""
    clients = m.runs[r].clients
    total = 0
    k = int64(m.traders[m.runs[r].traders + s].client_head)
    while k >= 0:
        c = m.clients[clients + k]
        if c.state == K_LIVE and c.side == side and c.book == book and c.price == price and c.ack_ns <= heard_by_ns:
            total += int64(c.leaves_qty)
        k = int64(c.next)
    return total
