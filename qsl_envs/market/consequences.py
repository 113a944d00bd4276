"""After the engine: whom a message's trades, cancels and moves concern. Accounts, gates, reports, tape."""

from numpy import int64

from qsl_envs.engine.constants import (
    BUY,
    EV_DECREMENTED,
    EV_EXPIRED,
    EV_FILL,
    EV_LEVEL,
    EV_REPRICED,
    EV_STOP_DONE,
    EV_TRIGGERED,
    HOLD_BIT,
    NIL,
    QTY_MAX,
)
from qsl_envs.engine.machine import resume
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number, venue_number
from qsl_envs.market.client import client_of
from qsl_envs.market.constants import CROSS, RECORD, T_CANCELED, T_EXPIRED, T_RESTATED
from qsl_envs.market.gate import gate_of, shrink_order, venue_gate_of
from qsl_envs.market.ledger import (  # fmt: skip
    IN_AUCTION,
    MAKER,
    TAKER,
    account_of,
    accrue_short,
    book_trade,
    entity_of_flow,
    entity_of_lender,
    entity_of_venue,
    pay_fee,
    trade_fee,
)
from qsl_envs.market.near import FEW, fetch_client, fetch_trader
from qsl_envs.market.recorder import CLIENT_MASK
from qsl_envs.market.recording import (  # fmt: skip
    record_decrement,
    record_print,
    record_slot,
    record_stop_done,
    record_trade,
    record_triggered,
    seat_own,
)
from qsl_envs.market.reports import mark_dirty, mark_moved
from qsl_envs.market.rules import note_trade
from qsl_envs.market.tape import publish, publish_level
from qsl_envs.replay.playback import EV_PRINT


@kernel
def settle_side(m, r, book, owner, tag, role, sign, price, qty):
    """Book one side of a trade: account, fee, the gate's position and, for a participant's order, its totals.

    Returns the fee.
    """
    run = m.runs[r]
    venue, symbol = venue_number(run, book), symbol_number(run, book)
    entity = owner if owner >= 0 else entity_of_flow(m, r, book)
    account = m.accounts[account_of(m, r, entity, symbol)]
    if owner >= 0:
        accrue_short(account, run.now_ns)
    fee_unit = run.fee_unit
    value = price * qty * fee_unit
    book_trade(account, sign, price, qty, fee_unit)
    volume = account.volume  # of a flow: it trades at one venue only
    if owner >= 0:
        whole = m.gates[venue_gate_of(m, r, owner, book)]
        whole.venue_volume = volume = min(int64(whole.venue_volume) + qty, QTY_MAX)
    fee = trade_fee(m.venues[run.venues + venue], role, volume, qty, value)
    if fee != 0:
        pay_fee(account, m.accounts[account_of(m, r, entity_of_venue(m, r, venue), symbol)], fee)
    if owner < 0:
        return fee
    m.gates[gate_of(m, r, owner, book)].position += sign * qty
    if role == TAKER and m.venues[run.venues + venue].impact_rate != 0:
        fee += charge_impact(m, r, book, owner, symbol, qty)
    client = client_of(m, r, tag)
    c = m.clients[run.clients + client]
    c.true_filled += qty
    c.true_cash -= sign * value + fee
    c.true_fees += fee
    return fee


@kernel
def settle_cross(m, r, book, e, price, qty):
    """Book an auction's trade: `slot` of the event is the buy, `taker_slot` the sell; nobody is the aggressor."""
    run = m.runs[r]
    b = m.book.books[run.books + book]
    flow = m.flows[run.flows + book]
    flow.trades += 1
    flow.traded_qty += qty
    flow.volume += qty
    buy_fee = settle_in_cross(m, r, book, int64(e.owner), int64(e.tag), 1, price, qty)
    sell = m.book.orders[b.orders_base + e.taker_slot]
    seller, tag = int64(NIL), int64(NIL)
    if (sell.bits & HOLD_BIT) == 0:
        seller, tag = int64(sell.owner), int64(sell.tag)
    sell_fee = settle_in_cross(m, r, book, seller, tag, -1, price, qty)
    if m.entries[RECORD] != 0:
        record_trade(m, r, book, e, CROSS, seller, buy_fee, sell_fee, run.now_ns)


@kernel
def settle_in_cross(m, r, book, owner, tag, sign, price, qty):
    """One side of an auction's trade, and the open lots of a participant's order; returns its fee."""
    fee = settle_side(m, r, book, owner, tag, IN_AUCTION, sign, price, qty)
    if owner >= 0:
        client = client_of(m, r, tag)
        shrink_client(m, r, book, tag, qty, m.clients[m.runs[r].clients + client].true_leaves == qty)
        mark_dirty(m, r, client, 0, 0)
    return fee


@kernel
def charge_impact(m, r, book, owner, symbol, qty):
    """Temporary impact of a taker, proportional to his share of the volume; paid to the impact account.

    Cost = impact_rate (money per lot at full participation) x qty x own / all, volumes over the running window and the
    one before it, this trade included.
    """
    run = m.runs[r]
    venue = m.venues[run.venues + venue_number(run, book)]
    gate = m.gates[gate_of(m, r, owner, book)]
    flow = m.flows[run.flows + book]
    gate.own_volume += qty
    own = int64(gate.own_volume) + int64(gate.own_volume_before)
    total = max(own, flow.volume + flow.volume_before + qty)
    cost = venue.impact_rate * qty * own // total
    entity = entity_of_lender(m, r) + 1
    pay_fee(m.accounts[account_of(m, r, owner, symbol)], m.accounts[account_of(m, r, entity, symbol)], cost)
    return cost


@kernel
def roll_volume(m, r, book, now_ns):
    """Begin a new window of the volumes that participation is measured by, when the old one is over."""
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    turns = (now_ns - flow.window_start_ns) // run.impact_window_ns
    if turns <= 0:
        return
    flow.window_start_ns += turns * run.impact_window_ns
    flow.volume_before = flow.volume if turns == 1 else 0
    flow.volume = 0
    for p in range(run.num_traders):
        gate = m.gates[gate_of(m, r, p, book)]
        gate.own_volume_before = gate.own_volume if turns == 1 else 0
        gate.own_volume = 0


@kernel(inline=True)
def consequences(m, r, book, side, owner, tag, now_ns):
    """Carry out what the engine reports about the message in progress, to its end.

    Args:
        side, owner, tag: of the order that the message brought (owner NIL: background flow or nobody).
    """
    b = m.book.books[m.runs[r].books + book]
    simple = b.num_events == 1 and b.special == 0 and m.entries[RECORD] == 0
    if simple and m.book.events[b.events_base].kind == EV_LEVEL:  # an order came or went: nobody else is concerned
        publish_level(m, r, book, now_ns)
    else:
        all_consequences(m, r, book, side, owner, tag, now_ns)


@kernel
def all_consequences(m, r, book, side, owner, tag, now_ns):
    """`consequences` of any message: one with more events than the engine hands over at a time goes on here."""
    h = m.runs[r].books + book
    while True:
        handle_events(m, r, book, side, owner, tag, now_ns)
        if m.book.books[h].suspended == 0 or m.runs[r].error != 0:
            return
        resume(m.book, h, now_ns)


@kernel
def handle_events(m, r, book, side, owner, tag, now_ns):
    """Carry out the events that the engine has handed over, and publish them."""
    run = m.runs[r]
    b = m.book.books[run.books + book]
    flow = m.flows[run.flows + book]
    tape = m.tapes[run.tapes + book]
    taker_side, taker_owner, taker_tag = side, owner, tag
    if tape.stop_open != 0:  # the events before these ended amid the fills of a triggered stop
        taker_tag = tape.stop_open - 1
        c = m.clients[run.clients + client_of(m, r, taker_tag)]
        taker_side, taker_owner = int64(c.side), int64(c.owner)
    first_side = taker_side
    rules = m.rules[run.rules + book]
    followed, many = rules.bucket_ns > 0, run.num_traders > FEW
    recording = m.entries[RECORD] != 0
    if recording:
        seat_own(m, r, book)
    for n in range(b.num_events):
        e = m.book.events[b.events_base + n]
        kind = int64(e.kind)
        if kind == EV_LEVEL:
            continue
        if kind == EV_FILL:
            price, qty = int64(e.price), int64(e.qty)
            if followed:
                note_trade(m, rules, price)
            if taker_side == CROSS:
                settle_cross(m, r, book, e, price, qty)
                continue
            if many and e.owner >= 0:  # while the side that took is booked
                fetch_trader(m, r, int64(e.owner), book, symbol_number(run, book))
                fetch_client(m, r, int64(e.tag) & CLIENT_MASK)
            sign = 1 if taker_side == BUY else -1
            taker_fee = settle_side(m, r, book, taker_owner, taker_tag, TAKER, sign, price, qty)
            maker_fee = settle_side(m, r, book, int64(e.owner), int64(e.tag), MAKER, -sign, price, qty)
            if recording:
                record_trade(m, r, book, e, taker_side, taker_owner, maker_fee, taker_fee, now_ns)
            flow.trades += 1
            flow.traded_qty += qty
            flow.volume += qty
            if e.owner >= 0:
                shrink_client(m, r, book, int64(e.tag), qty, e.leaves_qty == 0)
                mark_dirty(m, r, client_of(m, r, int64(e.tag)), 0, 0)
            if e.taker_slot >= 0 and taker_owner >= 0:
                shrink_client(m, r, book, taker_tag, qty, False)
        elif kind == EV_PRINT:
            flow.volume += int64(e.qty)
            if recording:
                record_print(m, r, book, int64(e.price), int64(e.qty), taker_side, now_ns)
        elif kind == EV_TRIGGERED:
            taker_owner, taker_tag = int64(e.owner), int64(e.tag)
            taker_side = int64(m.clients[run.clients + client_of(m, r, taker_tag)].side)
            tape.stop_open = taker_tag + 1
            if recording:
                record_triggered(m, r, book, e, now_ns)
        elif kind == EV_STOP_DONE:
            if e.owner >= 0:
                end_stop(m, r, book, int64(e.tag), int64(e.leaves_qty), int64(e.taker_slot))
            if recording:
                record_stop_done(m, r, book, e, now_ns)
            taker_side, taker_owner, taker_tag = side, owner, tag
            tape.stop_open = 0
        else:
            if recording:
                record_other(m, r, book, e, taker_side, taker_owner, now_ns)
            if e.owner < 0:
                continue
            if kind == EV_REPRICED:
                mark_moved(m, r, client_of(m, r, int64(e.tag)))
                continue
            shrink_client(m, r, book, int64(e.tag), int64(e.qty), e.leaves_qty == 0)
            mark_dirty(m, r, client_of(m, r, int64(e.tag)), 1, int64(e.taker_slot))
    publish(m, r, book, now_ns, first_side, side)


@kernel
def record_other(m, r, book, e, taker_side, taker_owner, now_ns):
    """The tape's row of an order that was cancelled, ran out, was moved, or lost lots to self-trade prevention."""
    kind, slot = int64(e.kind), int64(e.slot)
    if kind == EV_DECREMENTED:
        record_decrement(m, r, book, e, taker_side, taker_owner, now_ns)
        return
    told = T_RESTATED if kind == EV_REPRICED else T_EXPIRED if kind == EV_EXPIRED else T_CANCELED
    reason = int64(e.taker_slot) if kind != EV_REPRICED else 0
    record_slot(m, r, book, told, slot, int64(e.price), int64(e.qty), int64(e.leaves_qty), int64(e.owner), int64(e.tag),
                reason, now_ns)  # fmt: skip


@kernel
def end_stop(m, r, book, tag, leaves, reason):
    """A triggered stop has matched: what is left of it rests at its limit, or is gone."""
    client = client_of(m, r, tag)
    c = m.clients[m.runs[r].clients + client]
    gone = c.true_leaves - leaves
    if gone > 0 or leaves == 0:
        shrink_client(m, r, book, tag, gone, leaves == 0)
    mark_dirty(m, r, client, 1 if reason != 0 else 0, reason)


@kernel
def shrink_client(m, r, book, tag, qty, gone):
    """Lower the open lots of a participant's order at the gate, and end it when it is gone."""
    run = m.runs[r]
    c = m.clients[run.clients + client_of(m, r, tag)]
    c.true_leaves -= qty
    owner = int64(c.owner)
    shrink_order(m.gates[gate_of(m, r, owner, book)], m.gates[venue_gate_of(m, r, owner, book)], int64(c.side),
                 int64(c.gate_price), qty, gone)  # fmt: skip
    if gone:
        c.slot = NIL
