"""A venue serves one message: gate, engine, consequences, report."""

from numpy import int64

from qsl_envs.engine.constants import (
    ACK,
    BUY,
    CANCELED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    NIL,
    PEGGED,
    REJECT,
    SPECIAL_BIT,
    STOP,
    STOP_LIMIT,
)
from qsl_envs.engine.orders import replace_order, submit_order
from qsl_envs.engine.plain import cancel_order, reduce_order
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.withdraw import cancel_all
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.background import hear_cancel, hear_new
from qsl_envs.market.bands import BAND, band_refuses, follow_trades, stopped_by_band, watch_limit, within_band
from qsl_envs.market.books import venue_number
from qsl_envs.market.client import client_of, free_message
from qsl_envs.market.consequences import consequences, roll_volume, shrink_client
from qsl_envs.market.constants import (  # fmt: skip
    M_ACK,
    M_CANCEL,
    M_CANCEL_ALL,
    M_CANCEL_REJECT,
    M_CANCELED,
    M_FILL,
    M_NEW,
    M_REJECT,
    M_REPLACE,
    M_REPLACED,
    M_STATUS,
    M_STATUS_ANSWER,
    RECORD,
    T_CANCELED,
    T_NEW,
    T_REDUCED,
    T_REPLACED,
)
from qsl_envs.market.deadline import set_deadline
from qsl_envs.market.gate import (
    check_new,
    gate_of,
    open_order,
    shrink_order,
    spend_token,
    venue_gate_of,
    worst_price,
)
from qsl_envs.market.ideal import skip_queue, take_untouched, takes_untouched
from qsl_envs.market.recorder import begin_event
from qsl_envs.market.recording import close_order, record_order, record_reject, record_withdrawn
from qsl_envs.market.reports import report, report_dirty, tell

IOC_REST = int(Reason.IOC_REST)
LOST_REASON = int(Reason.LOST)
UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
MIN_RESTING = int(Reason.MIN_RESTING)
SECOND_EVENT = 1 << 40
"""Added to the number of a replace: it is a cancel and a new order."""


@kernel
def refuse(m, r, i, reason, now_ns):
    """Answer a message that was not carried out."""
    msg = m.msgs[m.runs[r].msgs + i]
    kind = int64(msg.kind)
    if m.entries[RECORD] != 0:
        record_refused(m, r, i, reason, now_ns)
    if kind == M_NEW:
        report(m, r, int64(msg.trader), int64(msg.book), M_REJECT, int64(msg.client), reason, NIL, now_ns)
    else:
        report(m, r, int64(msg.trader), int64(msg.book), M_CANCEL_REJECT, int64(msg.client), reason, NIL, now_ns)


@kernel
def record_refused(m, r, i, reason, now_ns):
    """The tape's row of a message that was not carried out."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    book, tag = int64(msg.book), int64(msg.client)
    slot, side, price, qty = NIL, NIL, NIL, 0
    if msg.kind == M_NEW:
        side, price, qty = int64(msg.side), int64(msg.price), int64(msg.qty)
    elif tag >= 0:
        client = client_of(m, r, tag)
        slot = int64(m.clients[run.clients + client].slot) if client >= 0 else NIL
    record_reject(m, r, book, slot, side, price, qty, int64(msg.trader), tag, reason, i, now_ns)


@kernel
def serve_message(m, r, i, now_ns):
    """Serve participant's message `i` (a MSG record) and free it."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    kind, trader, book, tag = int64(msg.kind), int64(msg.trader), int64(msg.book), int64(msg.client)
    run.served += 1
    if run.impact_window_ns > 0:
        roll_volume(m, r, book, now_ns)
    if m.rules[run.rules + book].bucket_ns > 0:
        follow_trades(m, r, book, now_ns)
    if kind == M_NEW:
        serve_new(m, r, i, now_ns)
    elif kind == M_CANCEL_ALL:
        if msg.extra != 0:
            m.gates[gate_of(m, r, trader, book)].blocked = 1
        serve_cancel_all(m, r, trader, book, now_ns)
    else:
        client = client_of(m, r, tag)
        slot = int64(m.clients[run.clients + client].slot) if client >= 0 else NIL
        if kind == M_STATUS:
            serve_status(m, r, trader, book, tag, client, slot, now_ns)
        elif slot < 0:
            refuse(m, r, i, UNKNOWN_ORDER, now_ns)
        elif is_fresh(m, r, book, slot, now_ns):
            spend_token(m.gates[venue_gate_of(m, r, trader, book)], m.traders[run.traders + trader], now_ns)
            refuse(m, r, i, MIN_RESTING, now_ns)
        elif kind == M_REPLACE:
            serve_replace(m, r, i, client, slot, now_ns)
        else:
            spend_token(m.gates[venue_gate_of(m, r, trader, book)], m.traders[run.traders + trader], now_ns)
            serve_less(m, r, i, client, slot, now_ns)
    set_deadline(m, r, book)
    if m.venues[run.venues + venue_number(run, book)].limit_state_ns > 0:
        watch_limit(m, r, book, now_ns)
    free_message(m, r, i)


@kernel
def is_fresh(m, r, book, slot, now_ns):
    """Whether a participant's order has not stood for the venue's minimum resting time yet."""
    run = m.runs[r]
    least = m.venues[run.venues + venue_number(run, book)].min_resting_ns
    return least > 0 and now_ns - m.longs[m.flows[run.flows + book].births + slot] < least


@kernel
def serve_new(m, r, i, now_ns):
    """A new order: gate, engine, report."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    trader, book, tag, side = int64(msg.trader), int64(msg.book), int64(msg.client), int64(msg.side)
    order_type, price, qty = int64(msg.order_type), int64(msg.price), int64(msg.qty)
    h = run.books + book
    client = client_of(m, r, tag)
    if client < 0:  # the venue has told its sender that it never came, and stands by that
        refuse(m, r, i, LOST_REASON, now_ns)
        return
    worst = int64(msg.stop_price) if order_type == STOP else price
    reason = check_new(m, r, trader, book, side, order_type, worst, qty, 0, 0, now_ns)
    if reason != 0:
        refuse(m, r, i, reason, now_ns)
        return
    tif = int64(msg.tif)
    if band_refuses(m, r, book, side, order_type, tif, price):
        refuse(m, r, i, BAND, now_ns)
        return
    asked = price
    if tif == IOC or tif == FOK:
        price = within_band(m, r, book, side, price)
    counted = worst_price(m, h, side, order_type, worst)
    c = m.clients[run.clients + client]
    c.gate_price = counted
    if (order_type == LIMIT or order_type == MARKET) and takes_untouched(
        m, r, trader, book, side, order_type, price, int64(msg.post_only)
    ):
        done = take_untouched(m, r, trader, book, tag, side, order_type, price, qty)
        kind = M_FILL if done == qty else M_CANCELED
        answer(m, r, book, trader, tag, client, kind, 0 if done == qty else IOC_REST, price, now_ns)
        return
    submit_order(m.book, h, now_ns, side, order_type, tif, price, qty, int64(msg.display_qty),
    int64(msg.stop_price),
                 int64(msg.peg), int64(msg.offset), int64(msg.post_only), trader, tag, msg.cash)  # fmt: skip
    b = m.book.books[h]
    if b.status == REJECT:
        refuse(m, r, i, int64(b.reason), now_ns)
        return
    recording = m.entries[RECORD] != 0
    if recording:
        display = int64(msg.display_qty)
        record_order(m, r, book, T_NEW, NIL, side, order_type, tif, asked, qty, display, trader, tag, i, now_ns)
    hear_new(m, r, book, trader, msg.number, side, order_type, now_ns)
    consequences(m, r, book, side, trader, tag, now_ns)
    if b.status == CANCELED and stopped_by_band(m, r, book, side, asked, int64(b.reason)):
        b.reason = BAND
    if recording:
        close_order(m, r, book, now_ns)
    count_open(m, r, trader, book, client, side, now_ns)
    skip_queue(m, r, trader, book, int64(c.slot))
    kind = M_ACK if b.status == ACK else M_CANCELED if b.status == CANCELED else M_FILL
    answer(m, r, book, trader, tag, client, kind, int64(b.reason), standing_price(m, h, c, price), now_ns)


@kernel
def standing_price(m, h, c, price):
    """Price at which an order stands, which a slide or a peg makes another than was asked for; `price` if it is
    gone.
    """
    return int64(m.book.orders[m.book.books[h].orders_base + c.slot].price) if c.slot >= 0 else price


@kernel
def count_open(m, r, trader, book, client, side, now_ns):
    """Count what the message's own order left open; triggered stops may have taken some of it already."""
    run = m.runs[r]
    b = m.book.books[run.books + book]
    left = int64(b.leaves_qty)
    if left == 0:
        return
    c = m.clients[run.clients + client]
    gate = m.gates[gate_of(m, r, trader, book)]
    open_order(gate, m.gates[venue_gate_of(m, r, trader, book)], side, int64(c.gate_price), left)
    c.true_leaves += left
    if c.true_leaves > 0:
        c.slot = b.slot
        m.longs[m.flows[run.flows + book].births + b.slot] = now_ns  # a participant's order has no other use for it


@kernel
def answer(m, r, book, trader, tag, client, kind, code, price, now_ns):
    """The report of a participant's message, then everybody else's."""
    c = m.clients[m.runs[r].clients + client]
    if c.dirty != 0:  # touched again by what followed (a stop, a peg): one report, the last word
        forget_dirty(m, r, client)
    tell(m, r, trader, book, kind, tag, client, code, price, now_ns)
    report_dirty(m, r, book, now_ns)


@kernel
def forget_dirty(m, r, client):
    """Take an order off the list of touched ones: its owner hears of it by the report of his own message."""
    run = m.runs[r]
    before, i = NIL, run.dirty_head
    while i != client:
        before, i = i, int64(m.clients[run.clients + i].dirty_next)
    after = int64(m.clients[run.clients + client].dirty_next)
    if before < 0:
        run.dirty_head = after
    else:
        m.clients[run.clients + before].dirty_next = after
    if run.dirty_tail == client:
        run.dirty_tail = before
    m.clients[run.clients + client].dirty = 0


@kernel
def serve_less(m, r, i, client, slot, now_ns):
    """A cancel or a reduce of a live order."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    trader, book, tag = int64(msg.trader), int64(msg.book), int64(msg.client)
    h = run.books + book
    c = m.clients[run.clients + client]
    had = int64(c.true_leaves)
    stood = int64(m.book.orders[m.book.books[h].orders_base + slot].price)
    if msg.kind == M_CANCEL:
        cancel_order(m.book, h, slot)
    else:
        reduce_order(m.book, h, slot, int64(msg.qty))
    b = m.book.books[h]
    if b.status == REJECT:
        refuse(m, r, i, int64(b.reason), now_ns)
        return
    left = int64(b.leaves_qty)
    if m.entries[RECORD] != 0:
        kind = T_CANCELED if left == 0 else T_REDUCED
        record_withdrawn(m, r, book, kind, slot, stood, had - left, left, trader, tag, i, now_ns)
    hear_cancel(m, r, book, trader, msg.number, int64(c.side), now_ns)
    consequences(m, r, book, int64(c.side), trader, tag, now_ns)
    shrink_client(m, r, book, tag, had - left, left == 0)
    answer(m, r, book, trader, tag, client, M_CANCELED if left == 0 else M_REPLACED, 0, NIL, now_ns)


@kernel
def serve_replace(m, r, i, client, slot, now_ns):
    """A replace: gate with the old order out of the count, engine, report."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    trader, book, tag = int64(msg.trader), int64(msg.book), int64(msg.client)
    h = run.books + book
    c = m.clients[run.clients + client]
    side, had, old_price = int64(c.side), int64(c.true_leaves), int64(c.gate_price)
    price, qty = int64(msg.price), int64(msg.qty)
    reason = check_new(m, r, trader, book, side, LIMIT, price, qty, had, old_price, now_ns)
    if reason == 0 and band_refuses(m, r, book, side, LIMIT, GTC, price):
        reason = BAND
    if reason != 0:
        refuse(m, r, i, reason, now_ns)
        return
    b = m.book.books[h]
    kept = b.keep_on_decrease != 0 and qty < had and price == asked_price(m, h, slot)
    replace_order(m.book, h, now_ns, slot, price, qty, NIL, NIL, 0, 0, 0)
    if b.status == REJECT:
        refuse(m, r, i, int64(b.reason), now_ns)
        return
    whole = m.gates[venue_gate_of(m, r, trader, book)]
    shrink_order(m.gates[gate_of(m, r, trader, book)], whole, side, old_price, had, True)
    c.true_leaves, c.slot = 0, NIL
    c.gate_price = price if price > 0 else old_price
    recording = m.entries[RECORD] != 0
    if recording and kept:
        record_withdrawn(m, r, book, T_REDUCED, slot, price, had - qty, qty, trader, tag, i, now_ns)
    elif recording:
        record_order(m, r, book, T_REPLACED, slot, side, 0, 0, price, qty, NIL, trader, tag, i, now_ns)
    hear_cancel(m, r, book, trader, msg.number, side, now_ns)
    if not kept:
        hear_new(m, r, book, trader, msg.number | SECOND_EVENT, side, LIMIT, now_ns)
    consequences(m, r, book, side, trader, tag, now_ns)
    if recording:
        close_order(m, r, book, now_ns)
    count_open(m, r, trader, book, client, side, now_ns)
    skip_queue(m, r, trader, book, int64(c.slot))
    answer(m, r, book, trader, tag, client, M_REPLACED, int64(b.reason), standing_price(m, h, c, price), now_ns)


@kernel
def asked_price(m, h, slot):
    """Limit price that a resting order was given: of a peg or a waiting stop-limit not the one it stands at."""
    b = m.book.books[h]
    order = m.book.orders[b.orders_base + slot]
    if (order.bits & SPECIAL_BIT) != 0:
        ext = m.book.exts[b.exts_base + order.ext]
        if ext.kind == PEGGED or ext.kind == STOP_LIMIT:
            return int64(ext.limit_price)
    return int64(order.price)


@kernel
def serve_cancel_all(m, r, trader, book, now_ns):
    """Cancel everything of a participant in one book; each order's end is a report."""
    run = m.runs[r]
    if m.entries[RECORD] != 0:
        begin_event(m, r)
    cancel_all(m.book, run.books + book, trader)
    consequences(m, r, book, BUY, NIL, NIL, now_ns)
    report_dirty(m, r, book, now_ns)


@kernel
def serve_status(m, r, trader, book, tag, client, slot, now_ns):
    """Answer what became of an order; one that never arrived is unknown, and over for its sender."""
    run = m.runs[r]
    if client < 0 or (slot < 0 and m.clients[run.clients + client].true_filled == 0):
        report(m, r, trader, book, M_STATUS_ANSWER, tag, LOST_REASON, NIL, now_ns)
    else:
        price = int64(m.book.orders[m.book.books[run.books + book].orders_base + slot].price) if slot >= 0 else NIL
        report(m, r, trader, book, M_STATUS_ANSWER, tag, 0, price, now_ns)
