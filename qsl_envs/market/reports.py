"""What a venue tells the owner of an order: numbered reports with cumulative quantities, one delivery an owner and
message.
"""

from numpy import int64

from qsl_envs.engine.constants import NIL, PARKED_BIT, PEG_BIT
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.client import client_of, conn_of, take_message
from qsl_envs.market.constants import C_AT_NODE, M_CANCELED, M_FILL
from qsl_envs.market.node import RESENT
from qsl_envs.network.links import LOST, transit_ns


@kernel
def write_report(m, r, trader_index, book, kind, tag, client, reason, price):
    """Fill a MSG record with a report on the order that `tag` names (`client`: its record, NIL when it has been freed);
    returns the report's number, or NIL with RUN.error set.
    """
    run = m.runs[r]
    i = take_message(m, r)
    if i < 0:
        return NIL
    msg = m.msgs[run.msgs + i]
    msg.kind, msg.trader, msg.book, msg.client, msg.reason, msg.price = kind, trader_index, book, tag, reason, price
    msg.extra = 0
    if client < 0:
        msg.leaves_qty, msg.filled_qty, msg.cash, msg.fees = 0, 0, 0, 0
    else:
        c = m.clients[run.clients + client]
        msg.leaves_qty, msg.filled_qty = c.true_leaves, c.true_filled
        msg.cash, msg.fees = c.true_cash, c.true_fees
    conn = m.conns[conn_of(m, r, trader_index, book)]
    msg.number = conn.reports
    conn.reports += 1
    return i


@kernel
def deliver(m, r, first, now_ns):
    """Send a chain of reports of one owner down his line. What the line loses comes by resend, later."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + first]
    trader_index = int64(msg.trader)
    conn = m.conns[conn_of(m, r, trader_index, int64(msg.book))]
    number = msg.number
    delay = transit_ns(m.links, m.link_longs, int64(conn.down_link), conn.down_skey, number, now_ns)
    if delay == LOST:
        run.lost_reports += 1
        i = first
        while i >= 0:
            m.msgs[run.msgs + i].extra = RESENT
            i = int64(m.msgs[run.msgs + i].next)
        up, down = m.links[conn.up_link].latency_ns, m.links[conn.down_link].latency_ns
        # the heartbeat shows the gap, the request travels up, the answer down
        arrival = now_ns + run.heartbeat_ns + up + 2 * down + conn.up_extra_ns + 2 * conn.down_extra_ns
    else:
        arrival = now_ns + delay + conn.down_extra_ns
        if conn.down_fifo != 0:
            arrival = max(arrival, conn.down_last_ns)
            conn.down_last_ns = arrival
    # reports to one owner at one nanosecond are heard in the order of their numbers, book by book
    push(
        m,
        r,
        arrival,
        order_key(C_AT_NODE, trader_index & 0xFFFFFF, (int64(msg.book) << 26) | (number & 0x3FFFFFF)),
        C_AT_NODE,
        first,
    )


@kernel
def report(m, r, trader_index, book, kind, tag, reason, price, now_ns):
    """Write one report and send it alone."""
    client = client_of(m, r, tag) if tag >= 0 else NIL
    tell(m, r, trader_index, book, kind, tag, client, reason, price, now_ns)


@kernel
def tell(m, r, trader_index, book, kind, tag, client, reason, price, now_ns):
    """`report` on an order whose record is known (NIL: it has been freed)."""
    i = write_report(m, r, trader_index, book, kind, tag, client, reason, price)
    if i >= 0:
        deliver(m, r, i, now_ns)


@kernel
def mark_dirty(m, r, client, canceled, reason):
    """Remember that an order was touched by the message in progress; its owner hears of it once, at the end."""
    run = m.runs[r]
    c = m.clients[run.clients + client]
    if c.dirty == 0:
        c.dirty_next = NIL
        if run.dirty_head < 0:
            run.dirty_head = client
        else:
            m.clients[run.clients + run.dirty_tail].dirty_next = client
        run.dirty_tail = client
    if c.dirty == 0 or canceled != 0:
        c.dirty = 1 | (canceled << 1) | (reason << 2)


@kernel
def mark_moved(m, r, client):
    """Remember that the venue moved a peg: its owner hears of its new price."""
    mark_dirty(m, r, client, 0, 0)


@kernel
def price_told(m, r, book, c):
    """Price at which an order stands, for its owner: 0 while it waits in no queue, NIL when it is gone."""
    if c.slot < 0:
        return int64(NIL)
    order = m.book.orders[m.book.books[m.runs[r].books + book].orders_base + c.slot]
    if (order.bits & PARKED_BIT) != 0 and (order.bits & PEG_BIT) != 0:
        return int64(0)
    return int64(order.price) if (order.bits & PEG_BIT) != 0 else int64(NIL)


@kernel(inline=True)
def report_dirty(m, r, book, now_ns):
    """Tell every owner of touched orders, if any: one delivery each, his orders in the order in which they were
    touched.
    """
    if m.runs[r].dirty_head >= 0:
        report_all(m, r, book, now_ns)


@kernel
def report_all(m, r, book, now_ns):
    """`report_dirty` where there are touched orders."""
    run = m.runs[r]
    while run.dirty_head >= 0:
        owner = m.clients[run.clients + run.dirty_head].owner
        first, last = NIL, NIL
        kept_head, kept_tail = NIL, NIL
        i = run.dirty_head
        while i >= 0:
            c = m.clients[run.clients + i]
            following = int64(c.dirty_next)
            if c.owner == owner:
                reason = int64(c.dirty) >> 2
                kind = M_CANCELED if (c.dirty & 2) != 0 else M_FILL
                c.dirty = 0
                tag = i | (int64(c.serial) << 16)
                k = write_report(m, r, int64(owner), book, kind, tag, i, reason, price_told(m, r, book, c))
                if k >= 0:
                    if first < 0:
                        first = k
                    else:
                        m.msgs[run.msgs + last].next = k
                    last = k
            else:
                if kept_head < 0:
                    kept_head = i
                else:
                    m.clients[run.clients + kept_tail].dirty_next = i
                c.dirty_next = NIL
                kept_tail = i
            i = following
        run.dirty_head, run.dirty_tail = kept_head, kept_tail
        if first >= 0:
            deliver(m, r, first, now_ns)
