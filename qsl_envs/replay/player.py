"""A day of events in an engine book of its own, for people: checks, tests and charts. Markets call the kernels."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import BUY, NO_ASK, PRICE_MAX, QTY_MAX, SELL
from qsl_envs.engine.layout import add_book_sections, book_arrays, init_books
from qsl_envs.engine.plain import submit_plain
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.errors import ConfigError, DataError, OrderError, require
from qsl_envs.kernel.arena import Layout
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import ABSENT, LobsterDay
from qsl_envs.replay.playback import PLAY, play_event, reserve_slots


class Player:
    """Plays an event table through one engine book, alone or beside orders that are put into the book meanwhile.

    Args:
        table: the day.
        max_agent_orders: slots for orders that are not historical.
        window_ticks: of the book's ladder; None spans the day's prices as far as a ladder can.
        max_events: events handed over at a time.

    The kernels' arguments are public: `arrays` (BookArrays), `book` (its index), `events` (the table as a recarray),
    `play` (one PLAY record).
    """

    def __init__(
        self,
        table: EventTable,
        *,
        max_agent_orders: int = 1024,
        window_ticks: int | None = None,
        max_events: int = 1024,
        publish: bool = False,
    ) -> None:
        self.table = table
        self.config = EngineConfig(
            max_orders=table.num_slots + max_agent_orders,
            max_special=max_agent_orders,
            window_ticks=window_ticks or _window_for(table),
            max_events=max_events,
            publish=publish,
        )
        layout = Layout()
        add_book_sections(layout, "venue", self.config)
        layout.add("play", PLAY, 1)
        arena = layout.allocate(1)
        self.arrays = book_arrays(arena)
        init_books(self.arrays, layout, "venue", self.config)
        self.book = layout.base("venue.books")
        self.play = Layout.view(arena, PLAY)[layout.base("play") : layout.base("play") + 1]
        self.events = table.rows.view(np.recarray)
        reserve_slots(self.arrays, self.book, self.play, 0, table.num_slots, len(table))

    @property
    def next(self) -> int:
        """Index of the event that is played next; `len(table)` at the end."""
        return int(self.play[0].next)

    def run(self, until: int | None = None) -> None:
        """Play events up to (without) index `until`, the whole table when None; an aggressor is not cut."""
        end = len(self.table) if until is None else until
        if not 0 <= end <= len(self.table):
            raise ConfigError(f"Player.run.until must be in [0, {len(self.table)}], was {until}")
        play_to(self.arrays, self.book, self.events, self.play, end)

    def step(self) -> np.ndarray:
        """Play one event (or one aggressor) and return what it caused: a copy of the EVENT records."""
        parts = []
        done = False
        while not done:
            done = bool(play_event(self.arrays, self.book, self.events, self.play, 0))
            parts.append(self.caused)
        return np.concatenate(parts)

    @property
    def caused(self) -> np.ndarray:
        """What the last message caused: a copy of the book's EVENT records."""
        start = int(self.arrays.books[self.book].events_base)
        return np.array(self.arrays.events[start : start + int(self.arrays.books[self.book].num_events)])

    def submit(self, side: int, price: int, qty: int, *, ioc: bool = False, owner: int = 0, tag: int = 0) -> int:
        """Send a plain limit order of an agent; return the slot where it rests, `NIL` when it does not.

        Raises: OrderError if an argument is not of the documented form: `side` BUY or SELL, `price` (ticks) and
            `qty` (lots) from 1, `owner` from 0.
        """
        require(side in (BUY, SELL), self, "side", "BUY or SELL", side, OrderError)
        require(1 <= price <= PRICE_MAX, self, "price", f"in [1, {PRICE_MAX}]", price, OrderError)
        require(1 <= qty <= QTY_MAX, self, "qty", f"in [1, {QTY_MAX}]", qty, OrderError)
        require(owner >= 0, self, "owner", ">= 0", owner, OrderError)
        return int(send_order(self.arrays, self.book, side, price, qty, int(ioc), owner, tag))

    def depth(self, side: int, num_levels: int) -> list[tuple[int, int]]:
        """The best displayed levels of a side: (price in ticks, lots), at most `num_levels`."""
        levels = []
        price = int(best_shown(self.arrays, self.book, side))
        while 0 < price < NO_ASK and len(levels) < num_levels:
            levels.append((price, int(shown_qty(self.arrays, self.book, side, price))))
            price = int(next_shown(self.arrays, self.book, side, price))
        return levels

    def compare(self, day: LobsterDay, *, stamps_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Play the rest of the table and compare the book with the rows of the day's book file.

        Args:
            day: the day that the table was made from.
            stamps_only: look only at the last row of each time stamp.

        Returns: two bool arrays (row,): best quotes (price and size) equal, every level that the file knows equal.
            Rows that were not looked at are True.

        Raises: DataError if the day has no book file, or has fewer rows than the table was made from.
        """
        book, rows = day.book, len(day.messages)
        if book is None:
            raise DataError(f"{day.messages.path}: no book file stands beside it")
        if len(self.table) and int(self.events.row[-1]) >= rows:
            raise DataError(f"{book.path}: {rows} rows, but the events come from row {int(self.events.row[-1]) + 1}")
        ends = np.searchsorted(self.table.rows["row"], np.arange(rows), side="right")
        looked_at = np.ones(rows, np.bool_)
        if stamps_only:
            looked_at[:-1] = np.diff(day.messages.ts_ns) != 0
        best, levels = np.ones(rows, np.bool_), np.ones(rows, np.bool_)
        prices = book.price // self.table.tick_units
        compare_rows(self.arrays, self.book, self.events, self.play, ends, looked_at, prices, book.qty, best, levels)
        return best, levels

    def book_rows(self, rows: int, num_levels: int) -> tuple[np.ndarray, np.ndarray]:
        """Play the rest of the table and write down the book after each source row, as a book file has it.

        Args:
            rows: source rows to write, from the first.
            num_levels: levels a side, from 1.

        Returns: price (ticks) and qty (lots), int64 (row, side, level), best first; a missing level is `ABSENT` and 0.
            Inside an aggressor that took several orders, every row shows the book after its last one.
        """
        require(rows >= 0, self, "rows", ">= 0", rows)
        require(num_levels >= 1, self, "num_levels", ">= 1", num_levels)
        ends = np.searchsorted(self.table.rows["row"], np.arange(rows), side="right")
        price, qty = (np.zeros((rows, 2, num_levels), np.int64) for _ in range(2))
        write_rows(self.arrays, self.book, self.events, self.play, ends, price, qty)
        return price, qty


def _window_for(table: EventTable) -> int:
    """The smallest ladder window that spans the day's prices, at most 65,536 ticks; results do not depend on it."""
    prices = table.rows["price"][table.rows["slot"] >= 0]
    span = int(prices.max() - prices.min()) + 1 if prices.size else 1
    return min(max(64, 1 << (2 * span - 1).bit_length()), 65_536)


@kernel
def send_order(m, h, side, price, qty, ioc, owner, tag):
    """A limit order of an agent, from arrival to rest."""
    return submit_plain(m, h, side, price, qty, ioc, 0, owner, tag)


@kernel
def play_to(m, h, table, play, end):
    """Play events until `next` has reached `end`; what they cause is dropped."""
    while play[0].next < end:
        play_event(m, h, table, play, 0)


@kernel
def compare_rows(m, h, table, play, ends, looked_at, price, qty, best, levels):
    """After each source row, compare the book with the recorded one; see `Player.compare`."""
    for row in range(ends.shape[0]):
        play_to(m, h, table, play, ends[row])
        if looked_at[row]:
            bid = equal_levels(m, h, BUY, price[row, BUY], qty[row, BUY])
            ask = equal_levels(m, h, SELL, price[row, SELL], qty[row, SELL])
            best[row] = bid > 0 and ask > 0
            levels[row] = bid == price.shape[2] and ask == price.shape[2]


@kernel
def write_rows(m, h, table, play, ends, price, qty):
    """After each source row, write the best levels of both sides; see `Player.book_rows`."""
    for row in range(ends.shape[0]):
        play_to(m, h, table, play, ends[row])
        for side in range(2):
            at = best_shown(m, h, side)
            for level in range(price.shape[2]):
                if not 0 < at < NO_ASK:
                    break
                price[row, side, level] = at
                qty[row, side, level] = shown_qty(m, h, side, at)
                at = next_shown(m, h, side, at)


@kernel
def equal_levels(m, h, side, price, qty):
    """How many of the recorded levels of a side the book shows, from the best on; an absent one must be absent."""
    at = best_shown(m, h, side)
    for level in range(price.shape[0]):
        if price[level] == ABSENT:
            return price.shape[0] if not 0 < at < NO_ASK else level
        if at != price[level] or shown_qty(m, h, side, at) != qty[level]:
            return level
        at = next_shown(m, h, side, at)
    return price.shape[0]
