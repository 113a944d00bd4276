"""A participant's node: what its reports do to what it knows."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import hasten, order_key, push
from qsl_envs.market.client import (
    client_of,
    conn_of,
    free_client,
    free_message,
    kill,
    known_inventory,
    send_cancel_book,
    send_change,
)
from qsl_envs.market.constants import (  # fmt: skip
    C_AT_NODE,
    C_RISK,
    C_WAKE,
    K_LIVE,
    K_SENT,
    KIND_OUTSIDE,
    M_CANCEL,
    M_CANCEL_REJECT,
    M_REJECT,
    M_REPLACED,
    M_STATUS,
    M_STATUS_ANSWER,
    P_CANCEL,
    P_REDUCE,
    P_REPLACE,
    RECORD,
    STOP_FILL,
    WHY_FILL,
    WHY_REPORT,
)
from qsl_envs.market.crowd import after_reports
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.recording import record_heard

LOST_REASON = int(Reason.LOST)
RESENT = 1
"""MSG.extra of a report that its line lost: it comes by resend."""


@kernel
def hear_reports(m, r, first, now_ns):
    """Take up one delivery: the chain of MSG records that starts at `first`. Frees them."""
    run = m.runs[r]
    i = first
    trader_index = int64(m.msgs[run.msgs + first].trader)
    trader = m.traders[run.traders + trader_index]
    filled = False
    while i >= 0:
        msg = m.msgs[run.msgs + i]
        following = int64(msg.next)
        conn = m.conns[conn_of(m, r, trader_index, int64(msg.book))]
        trader.reports_heard += 1
        if msg.number > conn.heard_number + 1:
            trader.gaps_seen += 1
            ask_resend(m, r, trader_index, int64(msg.book), conn, msg.number, now_ns)
        conn.heard_number = max(conn.heard_number, msg.number)
        tells_fill = hear_one(m, r, trader, conn, msg, now_ns)
        filled = filled or tells_fill
        wanted = WHY_FILL | WHY_REPORT if tells_fill else WHY_REPORT
        if is_kept(m, r, trader_index, wanted):
            keep_report(m, r, m.actors[m.crowds[run.crowd].actors + trader_index], i)
        else:
            free_message(m, r, i)
        i = following
    if filled and run.wake_on_fill != 0 and trader_index < run.num_agents:
        run.stop = STOP_FILL
        run.stop_trader = trader_index
    after_reports(m, r, trader_index, filled, now_ns)
    if trader.max_drawdown > 0 and trader.killed == 0:
        check_drawdown(m, r, trader_index, now_ns)


@kernel
def is_kept(m, r, trader_index, why):
    """Whether somebody outside wants to read the report himself, for one of the WHY_ bits."""
    crowd = m.crowds[m.runs[r].crowd]
    if crowd.num_actors == 0:
        return False
    actor = m.actors[crowd.actors + trader_index]
    return actor.kind == KIND_OUTSIDE and (actor.wakes_on & why) != 0


@kernel
def keep_report(m, r, actor, i):
    """Put a report behind those that somebody outside has not read yet; he frees them."""
    run = m.runs[r]
    m.msgs[run.msgs + i].next = NIL
    if actor.first_report < 0:
        actor.first_report = i
    else:
        m.msgs[run.msgs + actor.last_report].next = i
    actor.last_report = i


@kernel
def ask_resend(m, r, trader_index, book, conn, number, now_ns):
    """The gap before report `number` shows: what was lost comes one round trip later instead of after a heartbeat."""
    run = m.runs[r]
    up, down = m.links[conn.up_link].latency_ns, m.links[conn.down_link].latency_ns
    due = now_ns + up + down + conn.up_extra_ns + conn.down_extra_ns
    for n in range(run.cal_size):  # upwards: what a hastened entry pushes down has been looked at
        c = m.cal[run.cal + n]
        if c.what == C_AT_NODE:
            msg = m.msgs[run.msgs + c.arg]
            lost = msg.extra == RESENT and msg.number < number
            if lost and msg.trader == trader_index and msg.book == book and c.t_ns > due:
                hasten(m, r, C_AT_NODE, int64(c.arg), due)


@kernel(inline=True)
def hear_one(m, r, trader, conn, msg, now_ns):
    """Take up one report; True if it tells of a fill not heard of before."""
    run = m.runs[r]
    if msg.kind == M_REJECT or msg.kind == M_CANCEL_REJECT:
        trader.rejects += 1
        trader.last_reason = msg.reason
    if msg.kind == M_CANCEL_REJECT and msg.client < 0:  # a `cancel_all` that a full gateway refused
        send_cancel_book(m, r, int64(msg.trader), int64(msg.book), now_ns)
        return False
    client = client_of(m, r, int64(msg.client)) if msg.client >= 0 else NIL
    if client < 0:
        return False
    if m.entries[RECORD] != 0 and (msg.kind != M_STATUS_ANSWER or msg.reason != LOST_REASON):
        record_heard(m, r, client, msg, now_ns)
    c = m.clients[run.clients + client]
    new = int64(msg.filled_qty) - int64(c.filled_qty)
    if new > 0:
        conn.known_position += new if c.side == BUY else -new
        trader.known_cash += msg.cash - c.cash
        trader.known_fees += msg.fees - c.fees
        trader.fills_heard += 1
        c.filled_qty, c.cash, c.fees = msg.filled_qty, msg.cash, msg.fees
    if msg.kind == M_CANCEL_REJECT:  # says nothing of the order: it may never have arrived
        c.pending &= ~(P_CANCEL | P_REDUCE | P_REPLACE)
        c.next_price, c.next_qty = NIL, 0
        return new > 0
    if c.state == K_SENT:
        c.state = K_LIVE
        c.ack_ns = now_ns
    if msg.number < c.heard_number:  # overtaken by a later report of the same order, which told all but this
        if msg.kind == M_REPLACED:
            c.pending &= ~(P_REPLACE | P_REDUCE)
    else:
        c.heard_number = msg.number
        c.leaves_qty = msg.leaves_qty
        if msg.kind == M_REPLACED:
            c.pending &= ~(P_REPLACE | P_REDUCE)
            c.next_price, c.next_qty = NIL, 0
        if msg.price >= 0:
            c.price = msg.price
    if msg.kind == M_STATUS_ANSWER and msg.reason != LOST_REASON:
        c.pending = 0  # the answer is the whole truth about this order: what was asked for before is settled
        c.next_price, c.next_qty = NIL, 0
    if msg.leaves_qty == 0:
        free_client(m, r, client)
    elif msg.kind == M_STATUS_ANSWER and trader.killed != 0:  # the `cancel_all` of the kill switch was lost
        send_change(m, r, client, M_CANCEL, NIL, 0, now_ns)
    return new > 0


@kernel
def time_out(m, r, tag, now_ns):
    """An answer is overdue: ask for the order's status, and set the next time-out; never send it again blindly."""
    client = client_of(m, r, tag)
    if client < 0:
        return
    c = m.clients[m.runs[r].clients + client]
    if c.state == K_SENT or c.pending != 0:
        send_change(m, r, client, M_STATUS, 0, 0, now_ns)


@kernel
def known_mid_x2(m, r, v, now_ns):
    """Mid as a listener knows it, in half ticks; NIL when a side is empty to him."""
    run = m.runs[r]
    hear(m, r, v, now_ns)
    bids, asks = undo(m, r, m.views[v], now_ns)
    out = run.scratch + 4 * run.scratch_cap
    nb = known_levels(m, r, v, BUY, 1, bids, m.scratch, out)
    na = known_levels(m, r, v, SELL, 1, asks, m.scratch, out + 2)
    if nb == 0 or na == 0:
        return NIL
    return m.scratch[out] + m.scratch[out + 2]


@kernel
def known_equity(m, r, trader_index, now_ns):
    """Equity (money) by what the participant has heard: known cash, known inventories at known mids of symbol's
    first venue.
    """
    run = m.runs[r]
    trader = m.traders[run.traders + trader_index]
    total = trader.known_cash
    for symbol in range(run.num_symbols):
        held = known_inventory(m, r, trader_index, symbol)
        if held != 0:
            conn = m.conns[conn_of(m, r, trader_index, symbol)]
            mid_x2 = known_mid_x2(m, r, run.views + conn.feed, now_ns)
            if mid_x2 == NIL:
                mid_x2 = conn.last_mid_x2
            conn.last_mid_x2 = mid_x2
            total += held * mid_x2 * (run.fee_unit // 2)
    return total


@kernel
def check_drawdown(m, r, trader_index, now_ns):
    """Pull the kill switch when known equity has fallen more than `max_drawdown` below its peak."""
    run = m.runs[r]
    trader = m.traders[run.traders + trader_index]
    now = known_equity(m, r, trader_index, now_ns)
    trader.peak_known = max(trader.peak_known, now)
    if trader.peak_known - now > trader.max_drawdown:
        kill(m, r, trader_index, now_ns)


@kernel
def check_risk(m, r, trader_index, now_ns):
    """Look at the drawdown by the clock, and set the clock again; after a kill there is nothing left to look at."""
    run = m.runs[r]
    trader = m.traders[run.traders + trader_index]
    if trader.killed == 0:
        check_drawdown(m, r, trader_index, now_ns)
        watch_risk(m, r, trader_index, now_ns)


@kernel
def watch_risk(m, r, trader_index, now_ns):
    """Set the clock by which a participant with a drawdown limit looks at it."""
    trader = m.traders[m.runs[r].traders + trader_index]
    if trader.max_drawdown > 0:
        push(m, r, now_ns + trader.risk_check_ns, order_key(C_WAKE, 1, trader_index), C_RISK, trader_index)
