"""Those who react to a book's feed: its best prices as they hear them, and the moment at which they hear something.

A view (one link profile on one book) wakes all who listen behind it by one entry: at the earliest arrival of a record
that they have not been woken for. A publication that arrives earlier moves it forward.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, NO_ASK, NO_BID, SELL
from qsl_envs.engine.views import best_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import HEAR_ALL, NEVER, WHY_BOOK
from qsl_envs.market.feed import arrival_of, hear
from qsl_envs.market.wakes import find_wake, request_wake
from qsl_envs.network.links import LOST


@kernel(inline=True)
def top_at(m, r, pub):
    """Absolute index of the TOP record that belongs to a tape record (its absolute index)."""
    run = m.runs[r]
    return m.crowds[run.crowd].tops + pub - m.tapes[run.tapes].first_pub


@kernel
def true_top(m, h):
    """Best shown prices of a book and their lots: (bid, bid_qty, ask, ask_qty); NIL and 0 for an empty side."""
    bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, SELL)
    bid_qty, ask_qty = int64(0), int64(0)
    if bid == NO_BID:
        bid = int64(NIL)
    else:
        bid_qty = shown_qty(m.book, h, BUY, bid)
    if ask == NO_ASK:
        ask = int64(NIL)
    else:
        ask_qty = shown_qty(m.book, h, SELL, ask)
    return bid, bid_qty, ask, ask_qty


@kernel
def announce(m, r, book, ts_ns, last):
    """After a matching event was published: keep the best prices beside its last record (absolute index `last`), and
    set the clock of views whose listeners will hear of it before anything else.
    """
    run = m.runs[r]
    at = top_at(m, r, last)
    m.tops[at].bid, m.tops[at].bid_qty, m.tops[at].ask, m.tops[at].ask_qty = true_top(m, run.books + book)
    tape = m.tapes[run.tapes + book]
    for v in range(run.views + tape.first_view, run.views + tape.first_view + tape.num_views):
        view = m.views[v]
        # on a FIFO line nothing overtakes what is on its way
        if view.first_listener >= 0 and (view.fifo == 0 or view.alert_ns == NEVER):
            arrival = arrival_of(m, view, ts_ns)
            if arrival != LOST:
                if view.fifo != 0:
                    arrival = max(arrival, view.last_arrival_ns)
                if arrival < view.alert_ns:
                    set_alert(m, r, v, arrival)


@kernel
def set_alert(m, r, v, t_ns):
    """Let a view wake its listeners at `t_ns`, NEVER: nothing is on its way; then look whose turn is next."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    m.views[v].alert_ns = t_ns
    best, which = NEVER, NIL
    for n in range(run.num_views):
        if m.views[run.views + n].alert_ns < best:
            best, which = m.views[run.views + n].alert_ns, n
    crowd.alert_next_ns, crowd.alert_view = best, which
    find_wake(m, r)


@kernel
def alert(m, r, now_ns):
    """Something reaches the view whose clock has struck: wake those who listen, and wait for what is still on its
    way.
    """
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    v = run.views + crowd.alert_view
    view = m.views[v]
    hear(m, r, v, now_ns)
    bid, bid_qty, ask, ask_qty = heard_top(m, r, v, now_ns)
    moved = bid != view.told_bid or bid_qty != view.told_bid_qty or ask != view.told_ask or ask_qty != view.told_ask_qty
    view.told_bid, view.told_bid_qty, view.told_ask, view.told_ask_qty = bid, bid_qty, ask, ask_qty
    line = view.first_listener
    while line >= 0:
        conn = m.conns[run.conns + line]
        if moved or conn.listens == HEAR_ALL:
            request_wake(m, r, line // run.num_books, now_ns, WHY_BOOK)
        line = int64(conn.next_listener)
    set_alert(m, r, v, next_arrival(m, r, view, now_ns))


@kernel
def next_arrival(m, r, view, now_ns):
    """When the next record or snapshot reaches a view that has heard all until now; NEVER: nothing is on its way."""
    run = m.runs[r]
    tape = m.tapes[run.tapes + view.book]
    found = view.recover_ns if view.recover_ns > now_ns else NEVER
    seq = -1
    for n in range(view.cursor, tape.head):
        p = m.pubs[tape.first_pub + (n & (run.max_pubs - 1))]
        if p.seq == seq:
            continue
        seq = p.seq
        arrival = arrival_of(m, view, p.ts_ns)
        if arrival == LOST:
            continue
        if view.fifo != 0:
            return min(found, max(arrival, max(view.last_arrival_ns, now_ns + 1)))
        if arrival > now_ns:
            found = min(found, arrival)
    return found


@kernel
def heard_top(m, r, v, now_ns):
    """Best prices of a book and their lots as a view that has heard all until now tells them: those after the newest
    event that has arrived. (bid, bid_qty, ask, ask_qty); NIL and 0 for an empty side.
    """
    run = m.runs[r]
    view = m.views[v]
    if view.fifo == 0:  # what was sent later may be here before what was sent earlier
        tape = m.tapes[run.tapes + view.book]
        seq = -1
        for n in range(tape.head - 1, view.cursor - 1, -1):
            at = tape.first_pub + (n & (run.max_pubs - 1))
            p = m.pubs[at]
            if p.seq != seq:  # the last record of its event
                seq = p.seq
                arrival = arrival_of(m, view, p.ts_ns)
                if arrival != LOST and arrival <= now_ns:
                    top = m.tops[top_at(m, r, at)]
                    return int64(top.bid), int64(top.bid_qty), int64(top.ask), int64(top.ask_qty)
    return view.bid, view.bid_qty, view.ask, view.ask_qty


@kernel
def known_top(m, r, v, now_ns):
    """`heard_top` of a view at any time: what the listeners behind it know of the best prices."""
    hear(m, r, v, now_ns)
    return heard_top(m, r, v, now_ns)


@kernel
def start_views(m, r):
    """At the start of an episode everybody knows the books as they are, and nothing is on its way."""
    run = m.runs[r]
    for v in range(run.views, run.views + run.num_views):
        view = m.views[v]
        view.bid, view.bid_qty, view.ask, view.ask_qty = true_top(m, run.books + view.book)
        view.told_bid, view.told_bid_qty, view.told_ask, view.told_ask_qty = (
            view.bid,
            view.bid_qty,
            view.ask,
            view.ask_qty,
        )
        view.alert_ns = NEVER
