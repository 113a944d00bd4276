"""A participant's own side: the orders he has sent, as he books them, and the pools that hold them."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.engine.reasons import Reason
from qsl_envs.kernel.draw import draw_bits, high_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.constants import (  # fmt: skip
    C_AT_VENUE,
    C_WAKE,
    E_MESSAGES,
    K_FREE,
    K_SENT,
    M_CANCEL,
    M_CANCEL_ALL,
    M_NEW,
    M_REDUCE,
    M_REPLACE,
    M_STATUS,
    P_CANCEL,
    P_REDUCE,
    P_REPLACE,
    RECORD,
)
from qsl_envs.market.near import FEW, fetch_order
from qsl_envs.market.recorder import CLIENT_MASK, stamp_sent
from qsl_envs.network.links import LOST, transit_ns

KILLED = int(Reason.KILLED)
MAX_OPEN_ORDERS = int(Reason.MAX_OPEN_ORDERS)
FIRM_LIMIT = int(Reason.FIRM_LIMIT)
SERIAL_SHIFT = 16
SERIAL_MASK = 0x7FFF


@kernel(inline=True)
def conn_of(m, r, trader, book):
    """Absolute index of the line between a participant and a book."""
    return m.runs[r].conns + trader * m.runs[r].num_books + book


@kernel(inline=True)
def tag_of(m, r, client):
    """What travels with an order of this client record: its index and its serial number."""
    return client | (m.clients[m.runs[r].clients + client].serial << SERIAL_SHIFT)


@kernel(inline=True)
def client_of(m, r, tag):
    """Client record that a tag names, NIL when it has been freed since."""
    client = tag & CLIENT_MASK
    c = m.clients[m.runs[r].clients + client]
    if c.state == K_FREE or int64(c.serial) != tag >> SERIAL_SHIFT:
        return NIL
    return client


@kernel
def take_message(m, r):
    """A free MSG record's number, or NIL with RUN.error set."""
    run = m.runs[r]
    i = run.msg_free
    if i < 0:
        run.error = E_MESSAGES
        run.error_need = run.max_msgs + 1
        return NIL
    run.msg_free = m.msgs[run.msgs + i].next
    run.msgs_used += 1
    if run.msgs_used > run.msgs_peak:
        run.msgs_peak = run.msgs_used
    m.msgs[run.msgs + i].next = NIL
    return i


@kernel
def free_message(m, r, i):
    """Give a MSG record back."""
    run = m.runs[r]
    m.msgs[run.msgs + i].next = run.msg_free
    run.msg_free = i
    run.msgs_used -= 1


@kernel
def take_client(m, r, trader_index):
    """A client record in the participant's list, or NIL when the pool is used up."""
    run = m.runs[r]
    i = run.client_free
    if i < 0:
        return NIL
    c = m.clients[run.clients + i]
    run.client_free = c.next
    run.clients_used += 1
    trader = m.traders[run.traders + trader_index]
    c.next = trader.client_head
    c.prev = NIL
    if c.next >= 0:
        m.clients[run.clients + c.next].prev = i
    trader.client_head = i
    trader.num_clients += 1
    c.owner = trader_index
    c.serial = (c.serial + 1) & SERIAL_MASK
    return i


@kernel
def free_client(m, r, i):
    """Forget an order that is known to be over."""
    run = m.runs[r]
    c = m.clients[run.clients + i]
    trader = m.traders[run.traders + c.owner]
    if c.prev >= 0:
        m.clients[run.clients + c.prev].next = c.next
    else:
        trader.client_head = c.next
    if c.next >= 0:
        m.clients[run.clients + c.next].prev = c.prev
    trader.num_clients -= 1
    c.state = K_FREE
    c.next = run.client_free
    run.client_free = i
    run.clients_used -= 1


@kernel
def dispatch(m, r, trader_index, msg_index, now_ns):
    """Put a filled MSG on the participant's line; what the line loses is gone, and nobody is told."""
    run = m.runs[r]
    trader = m.traders[run.traders + trader_index]
    msg = m.msgs[run.msgs + msg_index]
    conn = m.conns[conn_of(m, r, trader_index, int64(msg.book))]
    number = conn.sent
    conn.sent += 1
    trader.sent += 1
    leave = now_ns + trader.reaction_ns
    msg.trader = trader_index
    msg.number = number
    if m.entries[RECORD] != 0:
        stamp_sent(m, r, msg_index, now_ns, leave, m.views[run.views + conn.feed].heard_ts_ns)
    delay = transit_ns(m.links, m.link_longs, int64(conn.up_link), conn.up_skey, number, leave)
    if delay == LOST:
        trader.messages_lost += 1
        run.lost_orders += 1
        free_message(m, r, msg_index)
    else:
        arrival = leave + delay + conn.up_extra_ns
        if conn.up_fifo != 0:
            arrival = max(arrival, conn.up_last_ns)
            conn.up_last_ns = arrival
        draw = high_half(draw_bits(conn.order_skey, arrival)) >> 8
        # what one participant sent at one nanosecond arrives in sending order, whichever book it is for
        push(m, r, arrival, order_key(C_AT_VENUE, draw, int64(trader.sent)), C_AT_VENUE, msg_index)


@kernel(inline=True)
def watch(m, r, client, now_ns):
    """Set the time-out after which the participant asks what became of a message; on lines that can lose one."""
    c = m.clients[m.runs[r].clients + client]
    if m.conns[conn_of(m, r, int64(c.owner), int64(c.book))].lossy != 0:
        enter_time_out(m, r, client, now_ns)


@kernel
def enter_time_out(m, r, client, now_ns):
    """`watch` on a line that can lose a message."""
    due_ns = now_ns + m.runs[r].order_timeout_ns
    push(m, r, due_ns, order_key(C_WAKE, 0, client), C_WAKE, tag_of(m, r, client))


@kernel
def open_qty(m, r, trader_index, symbol, side):
    """Lots that the participant may still buy (or sell) in a symbol through orders he has sent and not seen end."""
    run = m.runs[r]
    total = 0
    i = int64(m.traders[run.traders + trader_index].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        if c.side == side and symbol_number(run, int64(c.book)) == symbol:
            total += (
                max(int64(c.leaves_qty), int64(c.next_qty)) if (c.pending & P_REPLACE) != 0 else int64(c.leaves_qty)
            )
        i = int64(c.next)
    return total


@kernel
def known_inventory(m, r, trader_index, symbol):
    """Lots held in a symbol over all venues, as heard."""
    run = m.runs[r]
    total = 0
    for book in range(symbol, run.num_books, run.num_symbols):
        total += m.conns[conn_of(m, r, trader_index, book)].known_position
    return total


@kernel(inline=True)
def within_firm_limit(m, r, trader_index, book, side, qty):
    """Whether `qty` more open lots keep the participant within his firm-wide limit, if any, by what he has heard."""
    limit = int64(m.traders[m.runs[r].traders + trader_index].firm_max_inventory)
    return limit == 0 or within(m, r, trader_index, book, side, qty, limit)


@kernel
def within(m, r, trader_index, book, side, qty, limit):
    """`within_firm_limit` of a participant who has a limit."""
    run = m.runs[r]
    symbol = symbol_number(run, book)
    held = known_inventory(m, r, trader_index, symbol)
    signed = held if side == BUY else -held
    return signed + open_qty(m, r, trader_index, symbol, side) + qty <= limit


@kernel
def send_new(
    m,
    r,
    trader_index,
    book,
    side,
    order_type,
    tif,
    price,
    qty,
    display_qty,
    stop_price,
    peg,
    offset,
    post_only,
    expire_ns,
    now_ns,
):
    """Send a new order. Returns the client record, or minus the reason that stopped it at the participant's own
    node.
    """
    run = m.runs[r]
    trader = m.traders[run.traders + trader_index]
    if trader.killed != 0:
        return -KILLED
    if trader.num_clients >= trader.max_open_orders:
        return -MAX_OPEN_ORDERS
    if not within_firm_limit(m, r, trader_index, book, side, qty):
        return -FIRM_LIMIT
    if run.msg_free < 0:
        take_message(m, r)  # sets the error that names the size
        return -MAX_OPEN_ORDERS
    i = take_client(m, r, trader_index)
    if i < 0:
        return -MAX_OPEN_ORDERS
    c = m.clients[run.clients + i]
    c.state, c.pending, c.book, c.side, c.price, c.leaves_qty = K_SENT, 0, book, side, price, qty
    c.filled_qty, c.next_price, c.next_qty, c.slot, c.true_filled, c.true_leaves = 0, NIL, 0, NIL, 0, 0
    c.cash, c.true_cash, c.fees, c.true_fees = 0, 0, 0, 0
    c.sent_ns, c.ack_ns, c.dirty, c.gate_price, c.heard_number = now_ns, NIL, 0, 0, NIL
    k = take_message(m, r)
    msg = m.msgs[run.msgs + k]
    msg.kind, msg.book, msg.client, msg.side, msg.order_type, msg.tif = (
        M_NEW,
        book,
        tag_of(m, r, i),
        side,
        order_type,
        tif,
    )
    msg.price, msg.qty, msg.display_qty, msg.stop_price = price, qty, display_qty, stop_price
    msg.peg, msg.offset, msg.post_only = peg, offset, post_only
    msg.cash = expire_ns
    dispatch(m, r, trader_index, k, now_ns)
    watch(m, r, i, now_ns)
    return i


@kernel
def send_change(m, r, client, kind, price, qty, now_ns):
    """Ask for a cancel, a reduce (by `qty`), a replace (to `price` and `qty` open) or the status of an order.

    Returns 1 if it went out, 0 if the same is already pending, the participant's own node stopped it, or the pool of
    messages is used up.
    """
    run = m.runs[r]
    c = m.clients[run.clients + client]
    flag = P_CANCEL if kind == M_CANCEL else P_REDUCE if kind == M_REDUCE else P_REPLACE if kind == M_REPLACE else 0
    if (c.pending & (flag | P_CANCEL)) != 0 and kind != M_STATUS:
        return 0
    if kind == M_REPLACE:
        trader = m.traders[run.traders + c.owner]
        if trader.killed != 0:
            return 0
        more = qty - int64(c.leaves_qty)
        if more > 0 and not within_firm_limit(m, r, int64(c.owner), int64(c.book), int64(c.side), more):
            trader.rejects += 1
            trader.last_reason = FIRM_LIMIT
            return 0
        c.next_price, c.next_qty = price, qty
    k = take_message(m, r)
    if k < 0:
        return 0
    if kind == M_REDUCE:
        c.next_qty = qty
    if run.num_traders > FEW:
        fetch_order(m, r, int64(c.book), int64(c.slot))
    c.pending |= flag
    msg = m.msgs[run.msgs + k]
    msg.kind, msg.book, msg.client, msg.side, msg.price, msg.qty = (
        kind,
        c.book,
        tag_of(m, r, client),
        c.side,
        price,
        qty,
    )
    dispatch(m, r, int64(c.owner), k, now_ns)
    watch(m, r, client, now_ns)
    return 1


@kernel
def send_cancel_book(m, r, trader_index, book, now_ns):
    """Send `cancel_all` to one book; under the kill switch it closes the gate there too."""
    run = m.runs[r]
    k = take_message(m, r)
    if k < 0:
        return
    msg = m.msgs[run.msgs + k]
    msg.kind, msg.book, msg.client = M_CANCEL_ALL, book, NIL
    msg.extra = m.traders[run.traders + trader_index].killed
    dispatch(m, r, trader_index, k, now_ns)


@kernel
def send_cancel_all(m, r, trader_index, now_ns):
    """Send `cancel_all` to every book; what is in flight is cancelled too when it arrives later (the gates block).

    Every order is watched: where the line loses the message, its owner asks for the order's status, and cancels it.
    """
    run = m.runs[r]
    for book in range(run.num_books):
        send_cancel_book(m, r, trader_index, book, now_ns)
    i = int64(m.traders[run.traders + trader_index].client_head)
    while i >= 0:
        m.clients[run.clients + i].pending |= P_CANCEL
        watch(m, r, i, now_ns)
        i = int64(m.clients[run.clients + i].next)


@kernel
def kill(m, r, trader_index, now_ns):
    """The participant's kill switch: new orders stop at once, `cancel_all` travels to every venue."""
    trader = m.traders[m.runs[r].traders + trader_index]
    if trader.killed == 0:
        trader.killed = 1
        send_cancel_all(m, r, trader_index, now_ns)
