"""Where a book lies in a row of an arena: its sections, how they begin, how they are bound."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import BUY, CONTINUOUS, NIL, NO_ASK, NO_BID, PRICE_MAX, SELL
from qsl_envs.engine.state import BOOK, EVENT, EXT, LEVEL, ORDER, SIDES, BookArrays
from qsl_envs.kernel.arena import Layout


def bitmap_words(window: int) -> int:
    """uint64 words of a side's bitmap: one bit a price, one a word of these, one a word of those."""
    return -(-window // 64) + -(-window // 4096) + 1


def add_book_sections(layout: Layout, name: str, config: EngineConfig, count: int = 1) -> None:
    """Append the sections of `count` equal books, what a message always touches first.

    Sections are named `name.books` (with its sides), `.words`, `.levels`, `.orders`, `.events`, `.exts`, `.heaps`.
    """
    window = config.window_ticks
    layout.add(f"{name}.books", BOOK, count)
    layout.add(f"{name}.words", np.uint64, 2 * count * bitmap_words(window))
    layout.add(f"{name}.levels", LEVEL, 2 * count * window)
    layout.add(f"{name}.orders", ORDER, count * config.max_orders)
    layout.add(f"{name}.events", EVENT, count * config.max_events)
    layout.add(f"{name}.exts", EXT, count * config.num_special)
    layout.add(f"{name}.heaps", np.int32, count * 3 * config.num_special)


def book_arrays(arena: np.ndarray) -> BookArrays:
    """The typed views of a whole arena that engine kernels take."""
    return BookArrays(arena)


def bind_books(arrays: BookArrays, layout: Layout, name: str, replica: int = 0) -> None:
    """Write the absolute indices of the books of one row: after allocation, and after a row was copied to its place."""
    first = layout.base(f"{name}.books", replica)
    count = layout.count(f"{name}.books")

    def base(section: str, index: int, of: int) -> int:
        return layout.base(f"{name}.{section}", replica) + index * (layout.count(f"{name}.{section}") // of)

    for index in range(count):
        book = arrays.books[first + index]
        book.orders_base = base("orders", index, count)
        book.events_base = base("events", index, count)
        book.exts_base = base("exts", index, count)
        book.heaps_base = base("heaps", index, count)
        for side in (BUY, SELL):
            record = arrays.sides[SIDES * (first + index) + side]
            record.levels_base = base("levels", 2 * index + side, 2 * count)
            record.bits_base = base("words", 2 * index + side, 2 * count)


def init_books(arrays: BookArrays, layout: Layout, name: str, config: EngineConfig, replica: int = 0) -> None:
    """Make the books of one zeroed row empty, and bind them."""
    first = layout.base(f"{name}.books", replica)
    count = layout.count(f"{name}.books")
    start = layout.base(f"{name}.levels", replica)
    levels = arrays.levels[start : start + layout.count(f"{name}.levels")]
    for field in ("head", "tail", "hidden_head", "hidden_tail"):
        levels[field] = NIL
    for index in range(first, first + count):
        book = arrays.books[index]
        for field in ("free_head", "free_ext", "peg_head", "peg_tail", "queue_head", "queue_tail", "slot"):
            setattr(book, field, NIL)
        book.last_price = NIL
        book.touched = NIL
        book.peg_bid = NIL - 1
        book.num_slots = config.max_orders
        book.num_exts = config.num_special
        book.num_events_max = config.max_events
        book.window = config.window_ticks
        book.stp = config.stp
        book.phase = CONTINUOUS
        book.publish = int(config.publish)
        book.keep_on_decrease = int(config.keep_on_decrease)
        for side, best, trigger in ((BUY, NO_BID, PRICE_MAX), (SELL, NO_ASK, 0)):
            record = arrays.sides[SIDES * index + side]
            record.best = best
            record.trigger = trigger
            for field in ("out_head", "out_tail", "market_head", "market_tail"):
                setattr(record, field, NIL)
    bind_books(arrays, layout, name, replica)
