"""What a book is made of: records, and the views that kernels work on.

Every record array is a 1-D contiguous view of a whole arena (`kernel.arena`). A book is named by the index `h` of its
BOOK record, whose first two cache lines are its two SIDE records: as items of the SIDE view they stand at
`SIDES * h + side`. BOOK and SIDE hold the absolute indices of the book's other sections (`orders_base`, ...), so a
kernel takes (arrays, h, ...) and nothing else. After a row is copied to another place, `layout.bind_books` writes those
indices anew. Slots are relative to `orders_base`.
"""

import numpy as np

from qsl_envs.kernel.views import Views, inside


def record(size: int, *fields: tuple) -> np.dtype:
    """A record dtype of exactly `size` bytes from (name, format) in order, or (name, format, offset) for a union."""
    names, formats, offsets, at = [], [], [], 0
    for name, fmt, *where in fields:
        item = np.dtype(fmt).itemsize
        start = where[0] if where else at
        assert start % item == 0 and start + item <= size, (name, start, item, size)
        names.append(name), formats.append(fmt), offsets.append(start)
        at = max(at, start + item)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size}, align=True)


ORDER = record(
    32,
    ("price", "i4"),
    ("leaves_qty", "i4"),
    ("next", "i4"),  # slot behind in the queue (or the next free slot)
    ("prev", "i4"),
    ("bits", "i4"),  # flags and generation, see constants
    ("ext", "i4"),  # index of the EXT record, NIL when plain; with HOLD_BIT free for the flow's own link
    ("owner", "i4"),  # participant, NIL = nobody
    ("tag", "i4"),  # the owner's own number for the order; the engine only carries it
    ("expiry_ns", "i8", 24),  # union with owner and tag, for orders with HOLD_BIT
)
"""One order, half a cache line. A plain order shows all of `leaves_qty`."""

LEVEL = record(
    24,
    ("head", "i4"),  # displayed queue
    ("tail", "i4"),
    ("hidden_head", "i4"),
    ("hidden_tail", "i4"),
    ("qty", "i8"),  # lots shown at this price
)
"""One price of one side, inside the window."""

EXT = record(
    64,
    ("shown_qty", "i4"),  # lots of the clip shown now (0: hidden)
    ("display_qty", "i4"),  # clip size; 0 = hidden order
    ("stop_price", "i4"),
    ("offset", "i4"),
    ("limit_price", "i4"),  # a peg's limit, NIL = none; a stop-limit's limit
    ("kind", "i4"),  # order_type
    ("peg", "i4"),
    ("tif", "i4"),
    ("entry", "i8"),  # order of entry: pegs and stops
    ("expire_ns", "i8"),  # GTD
    ("next", "i4"),  # peg list in order of entry / free list
    ("prev", "i4"),
    ("heap_at", "i4"),  # place in the stop heap of its side, or in the GTD heap
    ("heap_at2", "i4"),
)
"""What only special orders have."""

SIDE = record(
    64,
    ("best", "i8"),  # best price of any order inside or outside the window; NO_BID / NO_ASK when empty
    ("low", "i8"),  # lowest price of the ladder window of this side
    ("levels_base", "i8"),
    ("bits_base", "i8"),
    ("out_head", "i4"),  # orders outside the window, one list in FIFO order per price
    ("out_tail", "i4"),
    ("num_orders", "i4"),  # resting orders, outside the window and hidden included; not a call's market orders
    ("num_outside", "i4"),
    ("num_stops", "i4"),
    ("trigger", "i4"),  # stop price that triggers first; with no stop PRICE_MAX (buy) or 0 (sell), a harmless look
    ("market_head", "i4"),  # market orders of a call, in order of arrival
    ("market_tail", "i4"),
)

BOOK = record(
    768,
    ("orders_base", "i8", 128),  # after the two SIDE records
    ("events_base", "i8"),
    ("free_head", "i4"),  # last freed slot; NIL: take the next slot never used
    ("used_slots", "i4"),  # slots ever used: those from here to num_slots are free too
    ("num_slots", "i4"),
    ("window", "i4"),  # ticks of a side's ladder window, a power of two from 64 to 262,144
    ("num_events", "i4"),  # events of the message in progress
    ("num_events_max", "i4"),
    ("special", "i4"),  # 0: no peg, no waiting stop, no call: the fast paths are the whole truth
    ("stp", "i4"),
    ("publish", "i4"),  # 1: write EV_LEVEL events
    ("slot", "i4"),  # report: where the message's order rests or waits; NIL when it does not
    ("last_price", "i8"),  # of the last trade; NIL before the first
    # the report of the message just processed
    ("status", "i4"),
    ("reason", "i4"),
    ("filled_qty", "i8"),
    ("leaves_qty", "i8"),
    ("notional", "i8"),  # sum of price x qty of the fills of the message's own order
    ("trades", "i8"),  # count
    ("touched", "i8"),  # side << 32 | price of the level that the last EV_LEVEL named; NIL at the start of a message
    ("exts_base", "i8"),
    ("heaps_base", "i8"),  # three heaps of num_exts slots: buy stops, sell stops, GTD
    ("num_exts", "i4"),
    ("free_ext", "i4"),
    ("used_exts", "i4"),
    ("phase", "i4"),
    ("num_pegs", "i4"),
    ("peg_head", "i4"),  # slots, in order of entry
    ("peg_tail", "i4"),
    ("num_gtd", "i4"),
    ("suspended", "i4"),  # 1: events full in mid-message; drain, then `resume`
    ("keep_on_decrease", "i4"),  # venue option: replace to a smaller qty at the same price keeps the place
    ("queue_head", "i4"),  # triggered stops, in the order in which they will arrive
    ("queue_tail", "i4"),
    ("entries", "i8"),  # counter of entries (pegs, stops)
    # what the pegs were last priced by; peg_bid = NIL - 1: look again
    ("peg_bid", "i8"),
    ("peg_ask", "i8"),
    ("peg_best_bid", "i8"),
    ("peg_best_ask", "i8"),
    # the message in progress, kept here so that it can be suspended (engine/machine.py)
    ("stage", "i4"),
    ("cursor", "i4"),  # next slot of a loop over orders
    ("taker_home", "i4"),  # slot that is kept for the order's rest, NIL: it cannot rest
    ("taker_stop", "i4"),  # the triggered stop that is arriving, NIL: the message's own order
    ("taker_side", "i4"),
    ("taker_tif", "i4"),
    ("taker_market", "i4"),
    ("taker_owner", "i4"),
    ("taker_lost", "i4"),  # 1: self-trade prevention took lots from it; 2: all that was left
    ("peg_pass", "i4"),
    ("taker_price", "i8"),  # limit
    ("taker_leaves", "i8"),
    ("taker_filled", "i8"),
    ("taker_notional", "i8"),
    ("loop_price", "i8"),  # price of an uncross
    ("loop_left", "i8"),  # lots that an uncross has still to match; a deadline; an owner
    # prices beyond which market orders (a triggered stop's too) do not trade; 0: none
    ("market_high", "i8"),
    ("market_low", "i8"),
)

SIDES = BOOK.itemsize // SIDE.itemsize
"""The sides of book `h` stand at `SIDES * h + side` of the SIDE view."""

EVENT = record(
    32,
    ("kind", "i4"),  # EV_*
    ("slot", "i4"),  # EV_FILL: the maker's slot; else the order's; EV_LEVEL: side
    ("price", "i4"),
    ("qty", "i4"),  # traded, cancelled, ...
    ("leaves_qty", "i4"),  # of the order in `slot`, afterwards; 0 = it is gone
    ("owner", "i4"),  # of the order in `slot` (NIL also for flow with HOLD_BIT)
    ("tag", "i4"),
    ("shown_qty", "i8", 16),  # EV_LEVEL: lots shown before this message (in the place of leaves_qty and owner)
    ("taker_slot", "i4", 28),  # see below
)
"""One consequence of a message, in order of happening.

| kind             | slot   | price             | qty                         | leaves_qty | taker_slot |
| ---------------- | ------ | ----------------- | --------------------------- | ---------- | ---------- |
| `EV_FILL`        | maker  | of the trade      | traded                      | maker's    | NIL or the triggered stop |
| `EV_CANCELED`    | order  | its price         | lots taken off the book     | 0          | reason     |
| `EV_LEVEL`       | side   | of the level      | `shown_qty`, at most QTY_MAX | `shown_qty` | -         |
| `EV_TRIGGERED`   | stop   | its stop price    | its quantity                | the same   | -          |
| `EV_STOP_DONE`   | stop   | status + 256 x reason | filled since its trigger | rest       | reason     |
| `EV_REPRICED`    | peg    | new price, NIL parked | open quantity           | the same   | -          |
| `EV_DECREMENTED` | maker  | of the level      | lots taken from both        | maker's    | SELF_TRADE |
| `EV_EXPIRED`     | order  | its price         | lots taken off the book     | 0          | EXPIRED    |

In an uncross the `slot` of an EV_FILL is the buy and `taker_slot` the sell. A slot that a message frees is not used
again before the message is over, and a free slot keeps `owner` and `tag`.
"""


class BookArrays(Views):
    """Views of an arena that hold any number of books.

    | field    | dtype  | one record is                                   |
    | -------- | ------ | ----------------------------------------------- |
    | `books`  | BOOK   | a book                                          |
    | `sides`  | SIDE   | a side of a book, at `SIDES * h + side`         |
    | `orders` | ORDER  | a slot of an order pool                         |
    | `levels` | LEVEL  | a price of a side's ladder window               |
    | `words`  | uint64 | 64 prices of a ladder bitmap, or of a layer above |
    | `exts`   | EXT    | the rest of a special order                     |
    | `events` | EVENT  | a consequence of the message in progress        |
    | `ints`   | int32  | heap entries                                    |
    """

    books = inside(BOOK)
    sides = inside(SIDE)
    orders = inside(ORDER)
    levels = inside(LEVEL)
    words = inside(np.uint64)
    exts = inside(EXT)
    events = inside(EVENT)
    ints = inside(np.int32)
