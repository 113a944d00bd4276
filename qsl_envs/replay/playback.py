"""Plays a table of events into one engine book in which agents trade.

Historical orders are engine orders with HOLD_BIT and no owner, in the slots that the table gave them: the pool's first
`num_slots` slots are theirs (`reserve_slots`), agents get the rest. Nothing is corrected here: an order only ever has
the smaller of what history leaves it and what agents left it.

Rules, where an agent makes the world differ from history:

- An aggressor (EXECUTE rows of one group) has the quantity of its whole list. At each listed order it first fills
  agents' orders that stand before it: at better prices, or earlier in its queue. What agents took is taken off the end
  of the list. A listed order that an agent consumed is passed over; its quantity goes to nobody else.
- A hidden print fills agents' orders at or better than its price; what is left of it only prints.
- A new historical order that meets agents' orders trades with them first; what is left of it rests.
- After each event the order has at most its historical rest.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY, EV_FILL, HOLD_BIT, NIL
from qsl_envs.engine.events import has_room, order_event, touch_level, write_event
from qsl_envs.engine.ladder import depth_of, is_better, is_inside, no_best, shown_of
from qsl_envs.engine.life import bury_order, detach_order, rest_order, start_order, take_lots
from qsl_envs.engine.machine import PEGS, begin_message, run_message
from qsl_envs.engine.state import SIDES, record
from qsl_envs.engine.stops import check_triggers
from qsl_envs.engine.views import first_order, next_order, next_price
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay.events import AT_FRONT, BEFORE_AGENTS, Kind
from qsl_envs.replay.places import move_before

K_ADD, K_SYNTH_ADD = int(Kind.ADD), int(Kind.SYNTH_ADD)
K_EXECUTE, K_MOVE_FRONT = int(Kind.EXECUTE), int(Kind.MOVE_FRONT)
K_HIDDEN, K_CROSS = int(Kind.HIDDEN_PRINT), int(Kind.CROSS_PRINT)
K_HALT, K_TRADE_RESUME = int(Kind.HALT), int(Kind.TRADE_RESUME)

EV_PRINT = 32
"""Kind of an EVENT of playback: a print that no order of the book took part in. `slot` = side of the resting order,
`price` in ticks (rounded down), `leaves_qty` = price units beyond it, `qty` lots, `tag` = `Kind`."""

ROWS, AFTER = 1, 2
"""`PLAY.busy`: the message's rows are being played; pegs and triggered stops are being worked off after them."""

PLAY = record(
    96,
    ("next", "i8"),
    ("num_events", "i8"),
    ("left", "i8"),
    ("list_left", "i8"),
    ("agent_fills", "i8"),
    ("agent_lots", "i8"),
    ("withheld_lots", "i8"),
    ("no_ops", "i8"),
    ("num_slots", "i4"),
    ("busy", "i4"),
    ("opened", "i4"),
    ("group", "i4"),
    ("halt", "i4"),
)
"""Where a book's playback is.

| field           | meaning                                                                              |
| --------------- | ------------------------------------------------------------------------------------ |
| `next`          | index of the event to play next                                                      |
| `num_events`    | events of the table: playback is over when `next` is there                           |
| `left`          | lots that the row under way has still to trade                                       |
| `list_left`     | lots that the aggressor under way has still to trade                                 |
| `agent_fills`, `agent_lots` | fills and lots that history gave to agents' resting orders               |
| `withheld_lots` | lots of listed orders that did not trade: agents took them first, or took the orders |
| `no_ops`        | events that named an order which an agent had consumed                               |
| `num_slots`     | slots of historical orders                                                           |
| `busy`          | 0 between messages, `ROWS` or `AFTER` in one that was paused for room in the event buffer |
| `opened`        | 1 while the row at `next` is under way: it was paused for room in the event buffer   |
| `group`         | the aggressor under way, `NIL` none                                                  |
| `halt`          | `Kind` of the last halt marker, 0 before the first                                   |
"""


def reserve_slots(m, h, play, index, num_slots, num_events) -> None:
    """Prepare an empty book for playback: its first `num_slots` slots are history's.

    Args:
        m, h: the book, just initialised, with `num_slots` + agents' orders slots.
        play, index: the PLAY record of the book.
    """
    assert m.books[h].used_slots == 0 and m.books[h].num_slots >= num_slots
    start = int(m.books[h].orders_base)
    m.books[h].used_slots = num_slots
    history = m.orders[start : start + num_slots]
    history["bits"] = HOLD_BIT
    history["owner"] = NIL
    history["tag"] = NIL
    state = play[index]
    for name in PLAY.names:
        setattr(state, name, 0)
    state.num_events, state.num_slots, state.group = num_events, num_slots, NIL


@kernel
def play_event(m, h, table, play, index):
    """Play the next event, or the whole aggressor that it belongs to, as one message of the book.

    Fills, prints and touched levels are the book's EVENT records, as for any message; pegs and stops follow.

    Args:
        m, h: the book.
        table: EVENT_ROW (event,), a recarray.
        play, index: the PLAY record of the book; its `next` is before the end of the table.

    Returns: True when the message is over; False when the event buffer is full: read it and call again.
    """
    state = play[index]
    book = m.books[h]
    if state.busy == 0:
        begin_message(m, h)
        state.busy = ROWS
    book.num_events = 0
    if state.busy == ROWS:
        if not play_rows(m, h, table, state):
            return False
        state.busy = AFTER
        if book.special != 0 or book.queue_head != NIL:  # the last stop of a book leaves nothing special behind
            book.stage = PEGS
    run_message(m, h)
    if book.suspended != 0:
        return False
    state.busy = 0
    return True


@kernel
def play_rows(m, h, table, state):
    """Play rows up to the end of the aggressor, or a single one; False when there is no room for events."""
    group = np.int64(table[state.next].group)
    while True:
        if not play_row(m, h, table, state, table[state.next]):
            return False
        state.opened = 0
        state.next += 1
        if group == NIL or state.next >= state.num_events or table[state.next].group != group:
            return True


@kernel
def play_row(m, h, table, state, row):
    """Play one row of the table; False when it must be called again with room for events."""
    kind, slot = np.int64(row.kind), np.int64(row.slot)
    if not has_room(m, h):
        return False
    if kind == K_ADD or kind == K_SYNTH_ADD:
        return play_add(m, h, state, row)
    if kind == K_EXECUTE:
        return play_execution(m, h, table, state, row)
    if kind == K_HIDDEN or kind == K_CROSS:
        return play_print(m, h, state, row)
    if K_HALT <= kind <= K_TRADE_RESUME:
        state.halt = kind
    elif m.orders[m.books[h].orders_base + slot].leaves_qty == 0:
        state.no_ops += 1
    elif kind == K_MOVE_FRONT:
        move_before(m, h, slot, first_historical(m, h, np.int64(row.side), np.int64(row.price)))
    else:
        cap_order(m, h, slot, np.int64(row.rest_qty))
    return True


@kernel
def play_add(m, h, state, row):
    """A new historical order: agents' orders that it meets trade first, the rest of it stands in its queue."""
    side, price, slot = np.int64(row.side), np.int64(row.price), np.int64(row.slot)
    if state.opened == 0:
        state.opened = 1
        state.left = row.qty
    if not fill_agents(m, h, state, side ^ 1, price, 1, NIL):
        return False
    if state.left == 0:
        return True
    if not has_room(m, h):
        return False
    order = m.orders[m.books[h].orders_base + slot]
    order.leaves_qty = state.left
    start_order(m, h, slot, side | HOLD_BIT, NIL, NIL)
    rest_order(m, h, slot, price)
    if row.marks & AT_FRONT:
        move_before(m, h, slot, first_order(m, h, side, price, 0))
    elif row.marks & BEFORE_AGENTS:
        move_before(m, h, slot, first_of_agents(m, h, side, price))
    return True


@kernel
def play_execution(m, h, table, state, row):
    """One listed order of an aggressor: agents' orders before it, then the order itself, then its historical rest."""
    side, price, slot, qty = np.int64(row.side), np.int64(row.price), np.int64(row.slot), np.int64(row.qty)
    if state.group != row.group:
        state.group = row.group
        state.list_left = lots_of_aggressor(table, state.next, state.num_events)
    order = m.orders[m.books[h].orders_base + slot]
    alive = order.leaves_qty > 0
    state.left = state.list_left
    done = fill_agents(m, h, state, side, price, 0, slot if alive else NIL)
    state.list_left = state.left
    if not done or not has_room(m, h):
        return False
    listed = min(qty, state.list_left)
    state.list_left -= listed
    traded = min(listed, np.int64(order.leaves_qty))
    state.withheld_lots += qty - traded
    if traded > 0:
        fill_order(m, h, side, slot, price, traded)
    if not alive:
        state.no_ops += 1
    elif order.leaves_qty > row.rest_qty:
        cap_order(m, h, slot, np.int64(row.rest_qty))
    return True


@kernel
def lots_of_aggressor(table, at, num_events):
    """Lots of all listed orders of the aggressor whose first row is `at`."""
    group = table[at].group
    lots = 0
    while at < num_events and table[at].group == group:
        if table[at].kind == K_EXECUTE:
            lots += np.int64(table[at].qty)
        at += 1
    return lots


@kernel
def play_print(m, h, state, row):
    """A hidden print fills agents' orders at or better than its price, then prints; an auction's only prints."""
    side, price = np.int64(row.side), np.int64(row.price)
    if state.opened == 0:
        state.opened = 1
        state.left = row.qty
    if row.kind == K_HIDDEN:
        limit = price + 1 if side == BUY and row.price_sub > 0 else price
        if not fill_agents(m, h, state, side, limit, 1, NIL):
            return False
    if not has_room(m, h):
        return False
    if state.left > 0:
        write_event(m, h, EV_PRINT, side, price, state.left, np.int64(row.price_sub), NIL, np.int64(row.kind), NIL)
        note_trade(m, h, price)
    return True


@kernel
def fill_agents(m, h, state, side, limit, at_limit, before):
    """Fill agents' orders of `side`, best first, up to `state.left` lots.

    Orders at prices better than `limit` are filled; at `limit` itself all of them when `at_limit` is 1, else the
    displayed ones that stand before slot `before` (`NIL`: none). Historical orders are passed over.

    Returns: False when the event buffer is full before the work is done.
    """
    if m.books[h].used_slots == state.num_slots:
        return True  # no agent ever had an order here
    price = m.sides[SIDES * h + side].best
    while state.left > 0 and price != no_best(side) and (price == limit or is_better(side, price, limit)):
        slot = NIL
        if price != limit or at_limit == 1:
            slot = first_of_agents(m, h, side, price)
            if slot == NIL:
                slot = first_order(m, h, side, price, 1)
        elif before != NIL:
            slot = first_of_agents(m, h, side, price)
            if slot != NIL and not stands_before(m, h, slot, before):
                slot = NIL
        if slot == NIL:
            price = next_price(m, h, side, price)
            continue
        if not has_room(m, h):
            return False
        shown = shown_of(m, h, slot)
        if shown == 0:
            shown = np.int64(m.orders[m.books[h].orders_base + slot].leaves_qty)
        qty = min(state.left, shown)
        state.left -= qty
        state.agent_fills += 1
        state.agent_lots += qty
        fill_order(m, h, side, slot, price, qty)
        price = m.sides[SIDES * h + side].best
    return True


@kernel
def fill_order(m, h, side, slot, price, qty):
    """A trade against a resting order: level, order, event, last price."""
    touch_level(m, h, side, price)
    leaves = take_lots(m, h, slot, qty)
    order_event(m, h, EV_FILL, slot, price, qty, leaves, NIL)
    note_trade(m, h, price)


@kernel
def note_trade(m, h, price):
    """A trade at `price` was made: the last price, and the stops that it reaches."""
    book = m.books[h]
    book.last_price = price
    book.trades += 1
    check_triggers(m, h, price)


@kernel
def cap_order(m, h, slot, rest):
    """Leave a historical order at most `rest` lots, at its place; without lots it goes; its slot stays history's."""
    order = m.orders[m.books[h].orders_base + slot]
    excess = np.int64(order.leaves_qty) - rest
    if excess <= 0:
        return
    if rest == 0:
        detach_order(m, h, slot)
        bury_order(m, h, slot, 1)
        return
    side, price = np.int64(order.bits) & 1, np.int64(order.price)
    touch_level(m, h, side, price)
    order.leaves_qty = rest
    depth = depth_of(m, h, side, price)
    if is_inside(m, h, depth):
        m.levels[m.sides[SIDES * h + side].levels_base + depth].qty -= excess


@kernel
def first_of_agents(m, h, side, price):
    """First displayed order of an agent at a price, `NIL` when there is none."""
    slot = first_order(m, h, side, price, 0)
    while slot != NIL and m.orders[m.books[h].orders_base + slot].bits & HOLD_BIT != 0:
        slot = next_order(m, h, slot)
    return slot


@kernel
def first_historical(m, h, side, price):
    """First historical order at a price, `NIL` when there is none."""
    slot = first_order(m, h, side, price, 0)
    while slot != NIL and m.orders[m.books[h].orders_base + slot].bits & HOLD_BIT == 0:
        slot = next_order(m, h, slot)
    return slot


@kernel
def stands_before(m, h, slot, other):
    """Whether `slot` stands before `other` in their common queue."""
    while slot != NIL and slot != other:
        slot = next_order(m, h, slot)
    return slot == other
