"""A stream of messages with outside ids through one book: the compiled loop behind `OrderBook`."""

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.arrive import BAD_TYPE, submit_slow
from qsl_envs.engine.constants import (
    ADD,
    CALL,
    CANCEL,
    CANCEL_ALL,
    CANCELED,
    DAY,
    EV_CANCELED,
    EV_DECREMENTED,
    EV_EXPIRED,
    EV_FILL,
    EV_STOP_DONE,
    GTC,
    GTD,
    IOC,
    LIMIT,
    LIVE_BIT,
    MARKET,
    MARKET_IOC,
    NIL,
    POST_OFF,
    PRICE_MAX,
    QTY_MAX,
    REDUCE,
    REJECT,
    REPLACE,
    SELL,
    UNCROSS,
)
from qsl_envs.engine.ids import erase_key, fetch_place, find_key, find_order, insert_key, likely_index, rest_of
from qsl_envs.engine.machine import begin_message, refuse, resume
from qsl_envs.engine.messages import (
    BAD_OFFSET_BIT,
    HAS_DISPLAY,
    HAS_NEW_ID,
    HAS_OFFSET,
    HAS_PARTICIPANT,
    HAS_PRICE,
    HAS_STOP,
    MESSAGE,
    REPORT,
    TOTAL_BIT,
    TRADE,
)
from qsl_envs.engine.orders import replace_order
from qsl_envs.engine.phase import start_call, uncross
from qsl_envs.engine.plain import place_plain, reduce_plain, report_of, withdraw_plain
from qsl_envs.engine.pool import has_ext, has_slot
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import BookArrays, record
from qsl_envs.engine.withdraw import cancel_all, run_deadlines
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel
from qsl_envs.kernel.views import Views, inside, outside

DUPLICATE_ORDER = int(Reason.DUPLICATE_ORDER)

FINISHED, NEED_POOL, NEED_TRADES, NEED_PARTICIPANTS = 0, 1, 2, 3
"""Why the loop came back: all is done; or an array is too small for the next message, which has not been looked at."""

EXPIRE = 7
"""An action of the facade only: the time is `price` now."""

AHEAD = 16
"""Messages by which an id is looked for ahead of its turn; its order at half of that."""

SHIFT, NUM_PARTICIPANTS, PARTICIPANT_SHIFT, GROWS, NUM_TRADES, NEXT, FIRST_SEQ, NAMED = 0, 1, 2, 3, 4, 5, 6, 7
NUM_MESSAGES, TRADE_ROOM, PARTICIPANT_ROOM = 8, 9, 10
"""`Names.state`: shift of the id table; participants known; shift of theirs; 1: the pool may grow; trades written;
message that comes next; seq of the first message; 1: the message's own order has its name; lengths of the arrays."""


NAME = record(
    16,
    ("order_id", "i8"),
    ("filled_qty", "i8"),  # lots that have traded
)
"""What the outside knows of the order in a slot."""


class Names(NamedTuple):
    """Outside names of a book's orders and participants.

    | field          | dtype   | meaning                                          |
    | -------------- | ------- | ------------------------------------------------ |
    | `table`        | int64   | hash from order ids to slots                     |
    | `slots`        | NAME    | per slot: the order's id, what of it has traded  |
    | `who`          | int64   | hash from participants to owners                 |
    | `participants` | int64   | per owner: the participant                       |
    | `state`        | int64   | see the constants of `stream`                    |
    """

    table: np.ndarray
    slots: np.ndarray
    who: np.ndarray
    participants: np.ndarray
    state: np.ndarray


class StreamArrays(Views):
    """A book, its names, and a stream: what `run_stream` takes."""

    book = inside(BookArrays)
    table = outside(np.int64)
    slots = outside(NAME)
    who = outside(np.int64)
    participants = outside(np.int64)
    state = outside(np.int64)
    messages = outside(MESSAGE)
    reports = outside(REPORT)
    trades = outside(TRADE)


def stream_arrays(
    arena: np.ndarray, names: Names, messages: np.ndarray, reports: np.ndarray, trades: np.ndarray
) -> StreamArrays:
    """Bundle what a stream needs, and note the lengths in `state`."""
    names.state[NUM_MESSAGES] = len(messages)
    names.state[TRADE_ROOM] = len(trades)
    names.state[PARTICIPANT_ROOM] = len(names.participants)
    records = {"messages": messages, "reports": reports, "trades": trades, "slots": names.slots}
    records = {key: value.view(np.recarray) for key, value in records.items()}
    return StreamArrays(arena, **names._asdict() | records)


@kernel
def run_stream(names, h, now_ns):
    """Process messages from `state[NEXT]` on, until all are done or an array must grow; return why it came back.

    Reports are written at the index of their message, trades from `state[NUM_TRADES]` on. It may come back in the
    middle of a message whose trades need more room; called again, it goes on there.
    """
    m = names.book
    messages = names.messages
    state = names.state
    book = m.books[h]
    last_trade = state[TRADE_ROOM] - np.int64(book.num_events_max)
    shift = state[SHIFT]
    grows = state[GROWS]
    num_messages = state[NUM_MESSAGES]
    first_seq = state[FIRST_SEQ]
    num_trades = state[NUM_TRADES]
    n = state[NEXT]
    need = FINISHED
    while n < num_messages:
        if num_trades > last_trade:
            need = NEED_TRADES
            break
        if n + AHEAD < num_messages:
            fetch_ahead(names, h, shift, n)
        message = messages[n]
        order_id = message.order_id
        if book.suspended != 0:
            resume(m, h, now_ns)
            name_order(names, h, own_id(names, n), 1 if message.action == REPLACE else 0)
            answer = report_of(m, h)
        elif message.action == ADD:
            if grows != 0 and not has_slot(m, h):
                need = NEED_POOL
                break
            owner = np.int64(NIL)
            if message.has & HAS_PARTICIPANT:
                owner = owner_of(names, message.participant)
                if owner == NIL:
                    need = NEED_PARTICIPANTS
                    break
            state[NAMED] = 0
            if find_order(names.table, shift, m, h, order_id) != NIL:
                reject(m, h, DUPLICATE_ORDER)
                answer = report_of(m, h)
            else:
                side = np.int64(message.side)
                price = message.price
                qty = message.qty
                tif = np.int64(message.tif)
                ioc = 1 if tif == IOC else 0
                plain = message.order_type == LIMIT and message.has & (HAS_PRICE | HAS_DISPLAY) == HAS_PRICE
                if message.order_type == MARKET and book.special == 0:  # else it may be a call, where it rests
                    plain = True
                    ioc = MARKET_IOC
                    price = np.int64(1) if side == SELL else np.int64(PRICE_MAX)
                plain = plain and (tif == GTC or tif == DAY or tif == IOC) and message.post_only == POST_OFF
                if plain and side >> 1 == 0 and 1 <= qty <= QTY_MAX and 1 <= price <= PRICE_MAX:
                    answer = place_plain(m, h, side, price, qty, ioc, 0, owner, rest_of(order_id))
                else:
                    if grows != 0 and not has_ext(m, h):
                        need = NEED_POOL
                        break
                    submit_message(names, h, now_ns, n, owner)
                    answer = report_of(m, h)
                slot = answer[5]
                if slot != NIL:
                    insert_key(names.table, shift, order_id, slot)
                    name = names.slots[slot]
                    name.order_id = order_id
                    name.filled_qty = answer[2]
                    state[NAMED] = 1
        elif message.action == CANCEL:
            slot = find_order(names.table, shift, m, h, order_id)
            answer = withdraw_plain(m, h, slot)
            if slot != NIL:
                erase_key(names.table, shift, order_id, slot)
        elif message.action == REDUCE:
            slot = find_order(names.table, shift, m, h, order_id)
            answer = reduce_plain(m, h, slot, message.qty)
            if answer[0] == CANCELED:
                erase_key(names.table, shift, order_id, slot)
        else:
            if grows != 0 and not has_ext(m, h):
                need = NEED_POOL
                break
            state[NAMED] = 0
            other_action(names, h, now_ns, n)
            answer = report_of(m, h)
        if book.num_events > 0:
            num_trades = drain_events(names, h, first_seq + n, own_id(names, n), num_trades)
        if book.suspended != 0:
            continue
        report = names.reports[n]
        report.order_id = order_id
        report.status, report.reason, report.filled_qty, report.leaves_qty, report.notional, slot = answer
        n += 1
    state[NUM_TRADES] = num_trades
    state[NEXT] = n
    return need


@kernel(inline=True)
def fetch_ahead(names, h, shift, n):
    """Bring near what the messages to come will look at: first the place of the id, then the order."""
    m = names.book
    fetch_place(names.table, shift, names.messages[n + AHEAD].order_id)
    slot = likely_index(names.table, shift, names.messages[n + (AHEAD >> 1)].order_id)
    # slot 0 for an id that is not known: a branch would be guessed wrongly half of the time
    slot = max(slot, 0)
    prefetch(m.orders, m.books[h].orders_base + slot)
    prefetch(names.slots, slot)


@kernel
def reject(m, h, reason):
    """A message that the book does not even see."""
    begin_message(m, h)
    refuse(m, h, reason)


@kernel
def own_id(names, n):
    """The name under which the order of a message trades."""
    message = names.messages[n]
    if message.action == REPLACE and message.has & HAS_NEW_ID:
        return message.new_order_id
    return message.order_id


@kernel
def name_order(names, h, order_id, replaced):
    """Enter the name of the message's own order, once it has a place; a replaced order keeps its count of fills."""
    slot = np.int64(names.book.books[h].slot)
    if slot == NIL or names.state[NAMED] != 0:
        return
    names.state[NAMED] = 1
    enter_name(names, h, order_id, slot)
    if replaced == 0:
        names.slots[slot].filled_qty = 0
    names.slots[slot].filled_qty += names.book.books[h].filled_qty


@kernel(inline=True)
def enter_name(names, h, order_id, slot):
    """Enter the id of the order in a slot."""
    m = names.book
    insert_key(names.table, names.state[SHIFT], order_id, slot)
    names.slots[slot].order_id = order_id
    m.orders[m.books[h].orders_base + slot].tag = rest_of(order_id)


@kernel
def owner_of(names, participant):
    """Inside number of a participant, a new one for a new one; NIL when there is no room for it."""
    state = names.state
    owner = find_key(names.who, state[PARTICIPANT_SHIFT], names.participants, participant)
    if owner == NIL and state[NUM_PARTICIPANTS] < state[PARTICIPANT_ROOM]:
        owner = state[NUM_PARTICIPANTS]
        names.participants[owner] = participant
        insert_key(names.who, state[PARTICIPANT_SHIFT], participant, owner)
        state[NUM_PARTICIPANTS] = owner + 1
    return owner


@kernel
def given(has, bit, value):
    """An optional value as the engine takes it: NIL when not given; a given -1 is as wrong as -2."""
    if has & bit == 0:
        return np.int64(NIL)
    return np.int64(value) if value != NIL else np.int64(NIL - 1)


@kernel
def given_offset(has, offset):
    """A peg's offset; one that is no int32 stays out of range."""
    return np.int64(2**40) if has & BAD_OFFSET_BIT else np.int64(offset)


@kernel
def submit_message(names, h, now_ns, n, owner):
    """Submit an order that is more than plain, or wrong."""
    message = names.messages[n]
    has = np.int64(message.has)
    submit_slow(
        names.book,
        h,
        now_ns,
        np.int64(message.side),
        np.int64(message.order_type),
        np.int64(message.tif),
        given(has, HAS_PRICE, message.price),
        message.qty,
        given(has, HAS_DISPLAY, message.display_qty),
        given(has, HAS_STOP, np.int64(message.stop_price)),
        np.int64(message.peg),
        given_offset(has, np.int64(message.offset)),
        np.int64(message.post_only),
        owner,
        rest_of(message.order_id),
        message.expire_ns if message.tif == GTD else np.int64(NIL),
    )


@kernel
def other_action(names, h, now_ns, n):
    """Replace, cancel_all, call, uncross, and the passing of time."""
    m = names.book
    message = names.messages[n]
    has = np.int64(message.has)
    action = message.action
    if action == REPLACE:
        replace_message(names, h, now_ns, n)
    elif action == CANCEL_ALL:
        owner = np.int64(NIL)
        if has & HAS_PARTICIPANT:
            owner = find_key(names.who, names.state[PARTICIPANT_SHIFT], names.participants, message.participant)
        cancel_all(m, h, owner)
    elif action == CALL:
        start_call(m, h)
    elif action == UNCROSS:
        uncross(m, h, given(has, HAS_PRICE, message.price))
    elif action == EXPIRE:
        run_deadlines(m, h, message.price)
    else:
        reject(m, h, BAD_TYPE)


@kernel
def replace_message(names, h, now_ns, n):
    """Replace an order; its old name is free from here on."""
    m = names.book
    message = names.messages[n]
    has = np.int64(message.has)
    shift = names.state[SHIFT]
    old_id, new_id = message.order_id, own_id(names, n)
    slot = find_order(names.table, shift, m, h, old_id)
    if slot != NIL and new_id != old_id and find_order(names.table, shift, m, h, new_id) != NIL:
        reject(m, h, DUPLICATE_ORDER)
        return
    replace_order(
        m,
        h,
        now_ns,
        slot,
        given(has, HAS_PRICE, message.price),
        message.qty,
        given(has, HAS_DISPLAY, message.display_qty),
        given(has, HAS_STOP, np.int64(message.stop_price)),
        given_offset(has, np.int64(message.offset)),
        1 if has & (HAS_OFFSET | BAD_OFFSET_BIT) else 0,
        names.slots[slot].filled_qty if has & TOTAL_BIT and slot != NIL else np.int64(0),
    )
    if m.books[h].status != REJECT:
        erase_key(names.table, shift, old_id, slot)
        name_order(names, h, new_id, 1)


@kernel
def drain_events(names, h, seq, taker_id, num_trades):
    """Turn the events of a message into trades, and forget the names of orders that are gone.

    Returns: the number of trades written so far, `num_trades` before.
    """
    m = names.book
    book = m.books[h]
    table = names.table
    shift = names.state[SHIFT]
    base = book.events_base
    for k in range(np.int64(book.num_events)):
        event = m.events[base + k]
        kind = np.int64(event.kind)
        slot = np.int64(event.slot)
        gone = event.leaves_qty == 0
        if kind == EV_FILL:
            maker_id = names.slots[slot].order_id
            trade = names.trades[num_trades]
            num_trades += 1
            trade.seq = seq
            trade.maker_order_id = maker_id
            trade.taker_order_id = taker_id
            trade.price = event.price
            trade.qty = event.qty
            other = np.int64(event.taker_slot)
            if other != NIL:
                trade.taker_order_id = names.slots[other].order_id
                names.slots[other].filled_qty += np.int64(event.qty)
                if m.orders[book.orders_base + other].bits & LIVE_BIT == 0:
                    erase_key(table, shift, names.slots[other].order_id, other)
            if gone:
                erase_key(table, shift, maker_id, slot)
            else:
                names.slots[slot].filled_qty += np.int64(event.qty)
        elif gone and (kind == EV_CANCELED or kind == EV_EXPIRED or kind == EV_STOP_DONE or kind == EV_DECREMENTED):
            erase_key(table, shift, names.slots[slot].order_id, slot)
    book.num_events = 0
    return num_trades
