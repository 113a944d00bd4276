"""What a listener knows of a book: the true book, with what has not reached him undone.

A view is a link profile (plus one constant latency) on one book's tape. Its `cursor` is the first record that has not
arrived in order, its `tail` the first record that the listener's book does not reflect: they differ only after a loss,
until a snapshot mends it. The listener's book at t is the book now, minus the records from `tail` on that he has not
heard: nothing is stored per listener but these numbers.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, NO_ASK, NO_BID
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import NEVER, PUB_CALL_BIT, PUB_CROSS_BIT, PUB_LAST_BIT, PUB_SIDE_BIT, PUB_TRADE
from qsl_envs.network.links import LOST, is_through, transit_ns


@kernel(inline=True)
def arrival_of(m, view, ts_ns):
    """Arrival (ns) of an event published at ts_ns, before the order of the line; LOST. A function of keys alone."""
    delay = transit_ns(m.links, m.link_longs, view.link, view.skey, ts_ns, ts_ns)
    return LOST if delay == LOST else ts_ns + delay + view.extra_ns


@kernel(inline=True)
def mend(view):
    """A snapshot has come: the listener's book is whole up to his cursor, and a gap unseen so far shows by it."""
    view.tail = view.cursor
    view.recover_ns = NEVER
    view.gaps += view.unseen
    view.unseen = 0


@kernel
def hear(m, r, v, now_ns):
    """Move a view forward to what has arrived by `now_ns`; later calls never pass an earlier time."""
    view = m.views[v]
    if view.sure_ns < NEVER:
        hear_all(m, r, view, now_ns)
    else:
        hear_rest(m, r, view, now_ns)


@kernel(inline=True)
def hear_all(m, r, view, now_ns):
    """`hear` on a line that loses nothing.

    What left less than the latency ago is on its way, whatever its draw; what left more than the longest jitter before
    that has arrived: most draws are not made. When a record came is nobody's concern once it has come, so on a line
    that keeps the order the first one that is not through by itself is the first that has not arrived.
    """
    run = m.runs[r]
    tape = m.tapes[run.tapes + view.book]
    mask, head = run.max_pubs - 1, tape.head
    cursor = view.cursor
    newest = now_ns - m.links[view.link].latency_ns - view.extra_ns
    surely = now_ns - view.sure_ns
    at = int64(NIL)
    while cursor < head:
        p = m.pubs[tape.first_pub + (cursor & mask)]
        ts = p.ts_ns
        if ts > newest:
            break
        if ts > surely and not is_through(m.links, view.link, view.skey, ts, now_ns - ts - view.extra_ns):
            break
        while cursor < head:  # the records of one event come together
            at = tape.first_pub + (cursor & mask)
            p = m.pubs[at]
            if (p.code & 1) == PUB_TRADE:
                hear_print(view, p)
            cursor += 1
            if (p.code & PUB_LAST_BIT) != 0:
                break
    if at == NIL:
        return
    view.cursor = view.tail = cursor
    view.heard_ts_ns, view.heard_seq = m.pubs[at].ts_ns, m.pubs[at].seq
    if run.keeps_tops != 0:
        top = m.tops[m.crowds[run.crowd].tops + at - m.tapes[run.tapes].first_pub]
        view.bid, view.bid_qty, view.ask, view.ask_qty = top.bid, top.bid_qty, top.ask, top.ask_qty


@kernel
def hear_rest(m, r, view, now_ns):
    """`hear` on a line that may lose records."""
    run = m.runs[r]
    tape = m.tapes[run.tapes + view.book]
    mask = run.max_pubs - 1
    while view.cursor < tape.head:
        first = m.pubs[tape.first_pub + (view.cursor & mask)]
        ts, seq = first.ts_ns, first.seq
        arrival = arrival_of(m, view, ts)
        lost = arrival == LOST
        if view.fifo != 0 and arrival < view.last_arrival_ns:
            arrival = view.last_arrival_ns
        if not lost:
            if arrival > now_ns:
                break
            if view.recover_ns <= arrival:
                mend(view)
            elif view.recover_ns != NEVER:
                view.gaps += view.unseen
                view.unseen = 0
                view.recover_ns = min(view.recover_ns, arrival + run.snapshot_ns)
            view.last_arrival_ns = arrival
            view.heard_ts_ns = ts
            view.heard_seq = seq
        elif ts > now_ns:
            break
        else:
            if view.recover_ns <= ts:
                mend(view)
            view.lost += 1
            view.unseen = 1
            seen = ts + m.links[view.link].latency_ns + run.heartbeat_ns
            view.recover_ns = min(view.recover_ns, seen + run.snapshot_ns)
        whole = view.tail == view.cursor and not lost
        while view.cursor < tape.head:
            p = m.pubs[tape.first_pub + (view.cursor & mask)]
            if p.seq != seq:
                break
            if not lost and (p.code & 1) == PUB_TRADE:
                hear_print(view, p)
            view.cursor += 1
        if whole:
            view.tail = view.cursor
        if run.keeps_tops != 0 and not lost:
            last = (view.cursor - 1) & mask
            top = m.tops[m.crowds[run.crowd].tops + view.book * run.max_pubs + last]
            view.bid, view.bid_qty, view.ask, view.ask_qty = top.bid, top.bid_qty, top.ask, top.ask_qty
    if view.recover_ns <= now_ns:
        mend(view)


@kernel
def hear_print(view, p):
    """Take up a print, or the state of a call."""
    if (p.code & PUB_CALL_BIT) != 0:
        view.call_price, view.call_volume, view.call_imbalance = p.price, p.before, p.after
        return
    view.last_print = p.price
    view.prints += 1
    if (p.code & PUB_CROSS_BIT) != 0:
        view.call_price, view.call_volume, view.call_imbalance = NIL, 0, 0
    elif (p.code & PUB_SIDE_BIT) == 0:
        view.volume_buy += p.after
    else:
        view.volume_sell += p.after


@kernel
def undo(m, r, view, now_ns):
    """List the levels whose lots the listener believes to be other than they are.

    Writes, for each side, prices ascending to m.scratch[run.scratch + 2 * cap * side ...] and believed lots to the
    `cap` cells after it; returns (number on the bid side, number on the ask side).
    """
    run = m.runs[r]
    scratch, cap = m.scratch, run.scratch_cap
    tape = m.tapes[run.tapes + view.book]
    mask = run.max_pubs - 1
    bids, asks = 0, 0
    seq, heard = -1, False
    for n in range(view.tail, tape.head):
        p = m.pubs[tape.first_pub + (n & mask)]
        if p.seq != seq:
            seq = p.seq
            if n >= view.cursor and view.fifo != 0:
                heard = False
            else:
                arrival = arrival_of(m, view, p.ts_ns)
                heard = arrival != LOST and (n < view.cursor or arrival <= now_ns)
                if heard and p.ts_ns > view.heard_ts_ns:
                    view.heard_ts_ns = p.ts_ns
        if (p.code & 1) == PUB_TRADE:
            continue
        side = (p.code & PUB_SIDE_BIT) >> 1
        base = run.scratch + 2 * cap * side
        size = bids if side == BUY else asks
        low, high = 0, size
        price = int64(p.price)
        while low < high:
            mid = (low + high) >> 1
            if scratch[base + mid] < price:
                low = mid + 1
            else:
                high = mid
        if low < size and scratch[base + low] == price:
            if heard:
                scratch[base + cap + low] = p.after
        elif not heard:
            for i in range(size, low, -1):
                scratch[base + i] = scratch[base + i - 1]
                scratch[base + cap + i] = scratch[base + cap + i - 1]
            scratch[base + low] = price
            scratch[base + cap + low] = p.before
            if side == BUY:
                bids += 1
            else:
                asks += 1
    return bids, asks


@kernel
def known_levels(m, r, v, side, levels, size, out, at):
    """Write the best `levels` prices of a side as the listener knows them: out[at + 2 * i] price, [.. + 1] lots.

    `size` is `undo`'s count for the side (0: his book is the true one). Returns how many there are.
    """
    run = m.runs[r]
    h = run.books + m.views[v].book
    scratch, cap = m.scratch, run.scratch_cap
    base = run.scratch + 2 * cap * side
    price = best_shown(m.book, h, side)
    n = 0
    i = size - 1 if side == BUY else 0
    while n < levels:
        there = (price > NO_BID) if side == BUY else (price < NO_ASK)
        listed = 0 <= i < size
        if not there and not listed:
            break
        if listed:
            believed = scratch[base + i]
            if not there or (believed >= price if side == BUY else believed <= price):
                if there and believed == price:
                    price = next_shown(m.book, h, side, price)
                qty = scratch[base + cap + i]
                if qty > 0:
                    out[at + 2 * n] = believed
                    out[at + 2 * n + 1] = qty
                    n += 1
                i += -1 if side == BUY else 1
                continue
        out[at + 2 * n] = price
        out[at + 2 * n + 1] = shown_qty(m.book, h, side, price)
        n += 1
        price = next_shown(m.book, h, side, price)
    return n
