"""Turns a LOBSTER day into the normalised event table."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL, PRICE_MAX, SELL
from qsl_envs.engine.state import record
from qsl_envs.errors import DataError
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay import lobster
from qsl_envs.replay.correct import clear_level, correct_side
from qsl_envs.replay.events import AT_FRONT, GROUP_END, STAMP_END, Cause, EventTable, Kind
from qsl_envs.replay.lobster import ABSENT, CENT, PRICE_UNITS, BookRows, LobsterDay, Messages
from qsl_envs.replay.rebuild import (
    BEST,
    CAUSES,
    GROUP,
    NUM_EVENTS,
    NUM_GROUPS,
    NUM_SLOTS,
    add_order,
    allocate,
    count_cause,
    emit,
    first_made_up,
    has_room,
    last_made_up,
    mark_last,
    move_to_front,
    place_of,
    take_off,
)

K_ADD, K_REDUCE, K_DELETE, K_EXECUTE = int(Kind.ADD), int(Kind.REDUCE), int(Kind.DELETE), int(Kind.EXECUTE)
K_HIDDEN, K_CROSS = int(Kind.HIDDEN_PRINT), int(Kind.CROSS_PRINT)
K_SYNTH_ADD, K_WITHDRAW = int(Kind.SYNTH_ADD), int(Kind.WITHDRAW)
K_HALT, K_QUOTE_RESUME, K_TRADE_RESUME = int(Kind.HALT), int(Kind.QUOTE_RESUME), int(Kind.TRADE_RESUME)
C_NONE, C_INITIAL, C_QUEUE_JUMP = int(Cause.NONE), int(Cause.INITIAL), int(Cause.QUEUE_JUMP)
C_UNKNOWN_EXECUTION, C_UNKNOWN_REDUCTION = int(Cause.UNKNOWN_EXECUTION), int(Cause.UNKNOWN_REDUCTION)
C_OVERSIZE, C_UNDERSIZE = int(Cause.OVERSIZE), int(Cause.UNDERSIZE)
C_CROSSED, C_DUPLICATE = int(Cause.CROSSED), int(Cause.DUPLICATE)

MESSAGE = record(64, *((name, "i8") for name in ("ts_ns", "kind", "order_id", "ident", "qty", "price", "rank", "side")))
"""A message as the kernel reads it: `ident` is the order's dense id, `rank` its price's, `NIL` for types 5 to 7."""

NO_BOOK, SEED_ONLY, EVERY_ROW = 0, 1, 2
"""Use of the book file: none; its first row as the start, never corrected (the free run); every row."""


def convert(day: LobsterDay, *, tick_units: int | None = None, correct: bool = True) -> EventTable:
    """Convert a day, with the corrections by its book file if it has one.

    Without a book file only the messages speak: the book starts empty, an execution of an unknown order makes up the
    order it needs, a cancel of an unknown order does nothing, and a remembered order that a new one would cross is
    withdrawn; all are counted.

    Args:
        tick_units: price units of a tick; None takes 100 (a cent) if every visible price is a multiple of it, else 1.
        correct: False is the free run: start from the first row of the book file and never look at it again. Each
            execution is an aggressor of its own there, so that the book can be looked at after every row, and what a
            message takes off is taken off its price even if the order is unknown.

    Raises: DataError if a visible price is not on the tick.
    """
    messages, book = day.messages, day.book
    units = tick_units_of(messages, book, tick_units)
    use = NO_BOOK if book is None else EVERY_ROW if correct else SEED_ONLY
    visible = messages.type <= lobster.VISIBLE_EXECUTION
    seen = [messages.price[visible]]
    if book is not None:
        seen.append(np.unique(book.price))
    prices = np.unique(np.concatenate(seen))
    prices = prices[prices != ABSENT]
    if prices.size and prices[-1] // units > PRICE_MAX:
        raise DataError(f"{messages.path}: price {prices[-1]} does not fit {PRICE_MAX} ticks")
    ids, idents = np.unique(messages.order_id, return_inverse=True)
    rows = _message_rows(messages, idents, np.where(visible, np.searchsorted(prices, messages.price), NIL))
    takes = visible & (messages.type != lobster.NEW)
    need = np.bincount(idents[takes], weights=messages.qty[takes], minlength=ids.size).astype(np.int64)
    if book is None:
        book_ranks, book_qty = np.zeros((0, 2, 1), np.int32), np.zeros((0, 2, 1), np.int64)
    else:
        book_ranks = np.where(book.price == ABSENT, NIL, np.searchsorted(prices, book.price)).astype(np.int32)
        book_qty = book.qty
    num_events, num_slots = 2 * len(messages) + 1024, 1 << 14
    while True:
        state = allocate(num_events, num_slots, prices // units, need)
        finished = convert_rows(state, rows, book_ranks, book_qty, use, units)
        if not finished:
            num_slots *= 4
        elif state.counts[NUM_EVENTS] > num_events:
            num_events = int(state.counts[NUM_EVENTS])
        else:
            break
    events = np.array(state.events[: state.counts[NUM_EVENTS]]).view(np.ndarray)
    causes = {cause.name.lower(): int(n) for cause, n in zip(Cause, state.counts[CAUSES::2], strict=True) if n}
    return EventTable(events, int(state.counts[NUM_SLOTS]), units, PRICE_UNITS, day.symbol, day.date, causes)


def _message_rows(messages: Messages, idents: np.ndarray, ranks: np.ndarray) -> np.recarray:
    """The messages as records for the kernel."""
    rows = np.zeros(len(messages), MESSAGE)
    rows["ident"], rows["rank"], rows["kind"] = idents, ranks, messages.type
    for name in ("ts_ns", "order_id", "qty", "price", "side"):
        rows[name] = getattr(messages, name)
    return rows.view(np.recarray)


def tick_units_of(messages: Messages, book: BookRows | None, declared: int | None) -> int:
    """The declared tick, tested; or the largest of 100, 10 and 1 that divides every visible price."""
    prices = [messages.price[messages.type <= lobster.VISIBLE_EXECUTION]]
    if book is not None:
        prices.append(book.price[book.price != ABSENT])
    step = int(np.gcd.reduce(np.concatenate(prices), initial=0))
    if declared is None:
        return next(units for units in (CENT, CENT // 10, 1) if step % units == 0)
    if declared < 1 or step % declared:
        raise DataError(f"{messages.path}: tick_units {declared} must divide every visible price; their step is {step}")
    return declared


@kernel
def convert_rows(s, messages, book_ranks, book_qty, use, units):
    """Read all rows into events. Returns False, with the state half done, when the pool has no room."""
    num_rows = messages.shape[0]
    row_orders = 2 * book_ranks.shape[2] + 1
    if use != NO_BOOK:
        if not has_room(s, row_orders):
            return False
        seed(s, messages[0], book_ranks[0], book_qty[0])
    row = 0
    while row < num_rows:
        kind, ts_ns = messages[row].kind, messages[row].ts_ns
        last = row if use == SEED_ONLY else end_of_aggressor(messages, row)
        if not has_room(s, row_orders + last - row + 1):
            return False
        if kind == lobster.VISIBLE_EXECUTION:
            group = s.counts[NUM_GROUPS]
            s.counts[NUM_GROUPS] = group + 1
            s.counts[GROUP] = group
            for k in range(row, last + 1):
                convert_execution(s, messages[k], k, use == SEED_ONLY)
            mark_last(s, GROUP_END, group, ts_ns)
            s.counts[GROUP] = NIL
        elif kind == lobster.NEW:
            convert_add(s, messages[row], row, use == NO_BOOK)
        elif kind <= lobster.DELETION:
            convert_cancel(s, messages[row], row, use == SEED_ONLY)
        else:
            convert_print(s, messages[row], row, units)
        row = last
        if use == EVERY_ROW:
            for side in range(2):
                correct_side(s, ts_ns, row, side, book_ranks[row, side], book_qty[row, side])
        if row + 1 == num_rows or messages[row + 1].ts_ns != ts_ns:
            mark_last(s, STAMP_END, NIL, ts_ns)
        row += 1
    return True


@kernel
def end_of_aggressor(messages, row):
    """Last row of the run of visible executions of equal time and side that starts at `row`; else `row` itself."""
    first = messages[row]
    last = row
    if first.kind == lobster.VISIBLE_EXECUTION:
        while last + 1 < messages.shape[0]:
            other = messages[last + 1]
            if other.kind != first.kind or other.ts_ns != first.ts_ns or other.side != first.side:
                break
            last += 1
    return last


@kernel
def seed(s, first, book_ranks, book_qty):
    """The book before the first message: the first recorded row with that message undone, as made-up orders."""
    undo = 0
    if first.kind == lobster.NEW:
        undo = -first.qty
    elif first.kind <= lobster.VISIBLE_EXECUTION:
        undo = first.qty
    for side in range(2):
        for level in range(book_ranks.shape[1]):
            rank = np.int64(book_ranks[side, level])
            if rank == NIL:
                break
            qty = book_qty[side, level]
            if undo != 0 and side == first.side and rank == first.rank:
                qty += undo
                undo = 0
            if qty > 0:
                add_order(s, first.ts_ns, 0, K_SYNTH_ADD, side, rank, qty, NIL, NIL, 0, 0, C_INITIAL)
    if undo > 0:  # the first message emptied its level
        add_order(s, first.ts_ns, 0, K_SYNTH_ADD, first.side, first.rank, undo, NIL, NIL, 0, 0, C_INITIAL)


@kernel
def convert_add(s, new, row, withdraw_crossed):
    """Type 1. Without a book file, what it would cross must have left unseen."""
    slot = np.int64(s.ids[new.ident].slot)
    if slot != NIL:
        take_off(s, new.ts_ns, row, K_WITHDRAW, slot, s.orders[slot].rest, new.order_id, C_DUPLICATE)
    if withdraw_crossed:
        other = new.side ^ 1
        best = s.counts[BEST + other]
        while best != NIL and (best >= new.rank if new.side == SELL else best <= new.rank):
            clear_level(s, new.ts_ns, row, other, best, C_CROSSED)
            best = s.counts[BEST + other]
    add_order(s, new.ts_ns, row, K_ADD, new.side, new.rank, new.qty, new.ident, new.order_id, 0, 0, C_NONE)


@kernel
def convert_cancel(s, message, row, by_level):
    """Types 2 and 3. An unknown order's lots are taken from made-up orders, the newest first.

    With `by_level` a price loses as many lots as the message says whoever they belong to, as in a book of levels.
    """
    qty, whole = message.qty, message.kind == lobster.DELETION
    known = s.ids[message.ident]
    known.need -= qty
    slot = np.int64(known.slot)
    if slot != NIL:
        rest = s.orders[slot].rest
        cause = C_OVERSIZE if qty > rest else C_UNDERSIZE if whole and qty < rest else C_NONE
        taken = rest if whole and not by_level else min(qty, rest)
        take_off(s, message.ts_ns, row, K_DELETE if taken == rest else K_REDUCE, slot, taken, message.order_id, cause)
        if not by_level:
            return
        qty -= taken
    else:
        count_cause(s, C_UNKNOWN_REDUCTION, row)
    while qty > 0:
        slot = last_made_up(s, message.side, message.rank)
        if slot == NIL and by_level:
            slot = np.int64(s.places[place_of(s, message.side, message.rank)].tail)
        if slot == NIL:
            return
        rest = s.orders[slot].rest
        taken = min(qty, rest)
        kind = K_DELETE if taken == rest else K_REDUCE
        take_off(s, message.ts_ns, row, kind, slot, taken, message.order_id, C_UNKNOWN_REDUCTION)
        qty -= taken


@kernel
def convert_execution(s, message, row, by_level):
    """Type 4: the order is first of its price when it trades; an unknown one is played by made-up orders."""
    ts_ns, qty = message.ts_ns, message.qty
    known = s.ids[message.ident]
    known.need -= qty
    slot = np.int64(known.slot)
    cause = C_UNKNOWN_EXECUTION
    if slot != NIL:
        move_to_front(s, ts_ns, row, slot, message.order_id, C_QUEUE_JUMP)
        taken = min(qty, s.orders[slot].rest)
        qty -= taken
        cause = C_OVERSIZE
        take_off(s, ts_ns, row, K_EXECUTE, slot, taken, message.order_id, C_NONE)
    while qty > 0:
        slot = first_made_up(s, message.side, message.rank)
        if slot == NIL and by_level:
            slot = np.int64(s.places[place_of(s, message.side, message.rank)].head)
        if slot == NIL:
            slot = add_order(s, ts_ns, row, K_SYNTH_ADD, message.side, message.rank, qty, NIL, NIL, 1, AT_FRONT, cause)
        move_to_front(s, ts_ns, row, slot, NIL, C_QUEUE_JUMP)
        taken = min(qty, s.orders[slot].rest)
        take_off(s, ts_ns, row, K_EXECUTE, slot, taken, message.order_id, cause)
        qty -= taken


@kernel
def convert_print(s, message, row, units):
    """Types 5, 6 and 7: nothing of the displayed book changes."""
    price, qty, sub = message.price // units, message.qty, message.price % units
    if message.kind == lobster.HIDDEN_EXECUTION:
        kind = K_HIDDEN
    elif message.kind == lobster.CROSS:
        kind = K_CROSS
    else:
        kind = K_HALT if message.price < 0 else K_QUOTE_RESUME if message.price == 0 else K_TRADE_RESUME
        price, qty, sub = 0, 0, 0
    emit(s, message.ts_ns, row, kind, message.side, price, sub, qty, NIL, NIL, 0, C_NONE)
