"""The book that conversion keeps while it reads history: every change of it is written down as an event.

Prices are ranks in the sorted list of all visible prices of the file, so that a level is an index however far away a
stub quote stands. There is no matching here: history already happened.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.engine.state import record
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay.events import EVENT_ROW, GROUP_END, MADE_UP, STAMP_END, Cause, Kind

BEST, NUM_EVENTS, NUM_SLOTS, NUM_FREE, NUM_GROUPS, GROUP, NUM_PRICES, CAUSES = 0, 2, 3, 4, 5, 6, 7, 8
"""Places in `Rebuild.counts`: best rank of each side (`NIL` = empty), sizes so far, the aggressor being written,
and for each cause the rows that had it and the last of them."""

K_ADD, K_MOVE_FRONT = int(Kind.ADD), int(Kind.MOVE_FRONT)
C_NONE = int(Cause.NONE)

PLACE = record(24, ("qty", "i8"), ("head", "i4"), ("tail", "i4"), ("price", "i4"))
"""A price of a side: lots in its queue, its first and last slot (`NIL` = none), and the price in ticks."""

PAST_ORDER = record(
    32, ("rest", "i8"), ("next", "i4"), ("prev", "i4"), ("rank", "i4"), ("side", "i4"), ("ident", "i4"), ("free", "i4")
)
"""A slot: lots left, neighbours in the queue, where it stands, dense id (`NIL` = made up). `free` is apart: entry k of
the stack of slots given back."""

IDENT = record(16, ("need", "i8"), ("slot", "i4"))
"""An order of the file: lots that later rows still take off it, and its slot while it is alive, else `NIL`."""


class Rebuild(NamedTuple):
    """State of a conversion.

    | field    | dtype      | one element is                                                       |
    | -------- | ---------- | -------------------------------------------------------------------- |
    | `places` | PLACE      | a price of a side, at `side * NUM_PRICES + rank`                     |
    | `orders` | PAST_ORDER | a slot                                                               |
    | `ids`    | IDENT      | an order of the file, by its dense id                                |
    | `counts` | int64      | see BEST, ...                                                        |
    | `events` | EVENT_ROW  | a row of the table being written; rows beyond its end are counted only |
    """

    places: np.ndarray
    orders: np.ndarray
    ids: np.ndarray
    counts: np.ndarray
    events: np.ndarray


def allocate(num_events: int, num_slots: int, prices: np.ndarray, need: np.ndarray) -> Rebuild:
    """An empty book over `prices` (ticks, sorted), with room for `num_slots` orders at once and `num_events` events."""
    counts = np.zeros(CAUSES + 2 * len(Cause), np.int64)
    counts[[BEST, BEST + 1, GROUP]] = NIL
    counts[NUM_PRICES] = prices.size
    counts[CAUSES + 1 :: 2] = NIL
    places = np.zeros(2 * prices.size, PLACE)
    places["head"] = places["tail"] = NIL
    places["price"] = np.tile(prices, 2)
    ids = np.zeros(need.size, IDENT)
    ids["need"], ids["slot"] = need, NIL
    orders, events = np.zeros(num_slots, PAST_ORDER), np.zeros(num_events, EVENT_ROW)
    return Rebuild(*(a.view(np.recarray) for a in (places, orders, ids)), counts, events.view(np.recarray))


@kernel
def count_cause(s, cause, row):
    """Count `row` among the rows of `cause`, once."""
    at = CAUSES + 2 * cause
    if s.counts[at + 1] != row:
        s.counts[at + 1] = row
        s.counts[at] += 1


@kernel
def emit(s, ts_ns, row, kind, side, price, price_sub, qty, slot, order_id, marks, cause):
    """Append one event; `rest_qty` is what the slot has now."""
    at = s.counts[NUM_EVENTS]
    s.counts[NUM_EVENTS] = at + 1
    if cause != C_NONE:
        count_cause(s, cause, row)
    if at >= s.events.shape[0]:
        return
    event = s.events[at]
    event.ts_ns = ts_ns
    event.order_id = order_id
    event.price = price
    event.qty = qty
    event.rest_qty = s.orders[slot].rest if slot != NIL else 0
    event.slot = slot
    event.group = s.counts[GROUP]
    event.row = row
    event.price_sub = price_sub
    event.kind = kind
    event.side = side
    event.marks = marks | (MADE_UP if slot != NIL and s.orders[slot].ident == NIL else 0)
    event.cause = cause


@kernel
def mark_last(s, mark, group, ts_ns):
    """Set `mark` on the last event if it belongs to `group` (GROUP_END) or stands at `ts_ns` (STAMP_END)."""
    at = s.counts[NUM_EVENTS] - 1
    if at < 0 or at >= s.events.shape[0]:
        return
    event = s.events[at]
    if (mark == GROUP_END and event.group == group) or (mark == STAMP_END and event.ts_ns == ts_ns):
        event.marks = np.int64(event.marks) | mark


@kernel
def has_room(s, num_orders):
    """True while so many more orders fit the pool."""
    return s.counts[NUM_FREE] + s.orders.shape[0] - s.counts[NUM_SLOTS] >= num_orders


@kernel
def take_slot(s):
    """A free slot, the one given back last if there is any."""
    if s.counts[NUM_FREE] > 0:
        s.counts[NUM_FREE] -= 1
        return np.int64(s.orders[s.counts[NUM_FREE]].free)
    slot = s.counts[NUM_SLOTS]
    s.counts[NUM_SLOTS] = slot + 1
    return slot


@kernel(inline=True)
def place_of(s, side, rank):
    """Index of a price of a side in `places`."""
    return side * s.counts[NUM_PRICES] + rank


@kernel
def link(s, slot, at_front):
    """Put an order into the queue of its price, first or last."""
    order = s.orders[slot]
    side, rank = np.int64(order.side), np.int64(order.rank)
    place = s.places[place_of(s, side, rank)]
    other = np.int64(place.head) if at_front else np.int64(place.tail)
    order.next = other if at_front else NIL
    order.prev = NIL if at_front else other
    if other == NIL:
        place.head = slot
        place.tail = slot
        best = s.counts[BEST + side]
        if best == NIL or (rank > best if side == BUY else rank < best):
            s.counts[BEST + side] = rank
    elif at_front:
        s.orders[other].prev = slot
        place.head = slot
    else:
        s.orders[other].next = slot
        place.tail = slot


@kernel
def unlink(s, slot):
    """Take an order out of its queue; the best price follows."""
    order = s.orders[slot]
    side, rank = np.int64(order.side), np.int64(order.rank)
    place = s.places[place_of(s, side, rank)]
    before, behind = np.int64(order.prev), np.int64(order.next)
    if before == NIL:
        place.head = behind
    else:
        s.orders[before].next = behind
    if behind == NIL:
        place.tail = before
    else:
        s.orders[behind].prev = before
    if place.head == NIL and s.counts[BEST + side] == rank:
        s.counts[BEST + side] = worse_level(s, side, rank)


@kernel
def worse_level(s, side, rank):
    """Rank of the next occupied price behind `rank`, `NIL` when there is none."""
    step = -1 if side == BUY else 1
    rank += step
    while 0 <= rank < s.counts[NUM_PRICES]:
        if s.places[place_of(s, side, rank)].head != NIL:
            return rank
        rank += step
    return NIL


@kernel
def add_order(s, ts_ns, row, kind, side, rank, qty, ident, order_id, at_front, marks, cause):
    """A new order; `ident` is `NIL` for a made-up one. Returns its slot."""
    slot = take_slot(s)
    order = s.orders[slot]
    order.side = side
    order.rank = rank
    order.rest = qty
    order.ident = ident
    if ident != NIL:
        s.ids[ident].slot = slot
    link(s, slot, at_front)
    place = s.places[place_of(s, side, rank)]
    place.qty += qty
    emit(s, ts_ns, row, kind, side, np.int64(place.price), 0, qty, slot, order_id, marks, cause)
    return slot


@kernel
def take_off(s, ts_ns, row, kind, slot, qty, order_id, cause):
    """Take `qty` of an order's lots and write `kind`; an order without lots leaves, and its slot is free again."""
    order = s.orders[slot]
    side = np.int64(order.side)
    place = s.places[place_of(s, side, np.int64(order.rank))]
    order.rest -= qty
    place.qty -= qty
    emit(s, ts_ns, row, kind, side, np.int64(place.price), 0, qty, slot, order_id, 0, cause)
    if order.rest == 0:
        unlink(s, slot)
        if order.ident != NIL:
            s.ids[order.ident].slot = NIL
        s.orders[s.counts[NUM_FREE]].free = slot
        s.counts[NUM_FREE] += 1


@kernel
def move_to_front(s, ts_ns, row, slot, order_id, cause):
    """Put an order before all others of its price, if it does not stand there."""
    order = s.orders[slot]
    if order.prev == NIL:
        return
    unlink(s, slot)
    link(s, slot, 1)
    price = np.int64(s.places[np.int64(order.rank)].price)
    emit(s, ts_ns, row, K_MOVE_FRONT, np.int64(order.side), price, 0, 0, slot, order_id, 0, cause)


@kernel
def first_made_up(s, side, rank):
    """The made-up order nearest the front of a price, `NIL` when there is none."""
    slot = np.int64(s.places[place_of(s, side, rank)].head)
    while slot != NIL and s.orders[slot].ident != NIL:
        slot = np.int64(s.orders[slot].next)
    return slot


@kernel
def last_made_up(s, side, rank):
    """The made-up order nearest the back of a price, `NIL` when there is none."""
    slot = np.int64(s.places[place_of(s, side, rank)].tail)
    while slot != NIL and s.orders[slot].ident != NIL:
        slot = np.int64(s.orders[slot].prev)
    return slot
