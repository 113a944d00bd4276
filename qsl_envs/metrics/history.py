"""The history of one book that realism is measured on: messages, and the best of the book after each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import SELL
from qsl_envs.errors import DataError, MetricError, require
from qsl_envs.replay.convert import convert, tick_units_of
from qsl_envs.replay.lobster import NEW, VISIBLE_EXECUTION, LobsterDay, read_day
from qsl_envs.replay.player import Player

DEPTH_LEVELS = 5
"""Levels a side that the deeper depth is the sum of."""
SETTLE_NS = 60_000_000_000
"""Without a book file the book is built from nothing; this much of its start is not looked at."""


@dataclass(frozen=True)
class Trades:
    """Aggressive orders, one element each: the rows of one stamp and side are one order.

    `ts_ns` int64; `sign` int64, 1 a buy, -1 a sell; `qty` int64 lots, displayed orders only; `first` and `last` int64,
    rows of the history.
    """

    ts_ns: np.ndarray
    sign: np.ndarray
    qty: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True)
class History:
    """One book over time, one element a message.

    | field       | dtype            | unit                                                          |
    | ----------- | ---------------- | ------------------------------------------------------------- |
    | `name`      | str              | what it is of                                                 |
    | `ts_ns`     | int64 (row,)     | ns, never decreasing                                          |
    | `kind`      | int8 (row,)      | LOBSTER's type, 1 to 7                                        |
    | `side`      | int8 (row,)      | of the resting order                                          |
    | `qty`       | int64 (row,)     | lots of the message                                           |
    | `best`      | int64 (row, side) | best prices after the message, ticks; 0: that side is empty  |
    | `best_qty`  | int64 (row, side) | lots there                                                   |
    | `depth_qty` | int64 (row, side), or None | lots in the best five levels; None: not known        |
    """

    name: str
    ts_ns: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    qty: np.ndarray
    best: np.ndarray
    best_qty: np.ndarray
    depth_qty: np.ndarray | None

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def span_ns(self) -> int:
        """From the first message to the last."""
        return int(self.ts_ns[-1] - self.ts_ns[0]) if len(self) else 0

    @property
    def mid(self) -> np.ndarray:
        """Mid after each message, ticks, float64 (row,); NaN where a side is empty."""
        both = (self.best > 0).all(1)
        return np.where(both, self.best.sum(1) / 2.0, np.nan)

    def between(self, start_ns: int, end_ns: int) -> History:
        """The messages with start_ns <= time < end_ns."""
        first, last = np.searchsorted(self.ts_ns, [start_ns, end_ns])
        rows = slice(int(first), int(last))
        depth = None if self.depth_qty is None else self.depth_qty[rows]
        names = ("ts_ns", "kind", "side", "qty", "best", "best_qty")
        return replace(self, **{name: getattr(self, name)[rows] for name in names}, depth_qty=depth)

    def halves(self) -> tuple[History, History]:
        """The messages before and after the middle of the time."""
        require(len(self) > 1, "History", "halves", "of at least two messages", len(self), MetricError)
        start, end = int(self.ts_ns[0]), int(self.ts_ns[-1])
        middle = (start + end) // 2
        return self.between(start, middle), self.between(middle, end + 1)

    def trades(self) -> Trades:
        """Aggressive orders that met displayed ones, in order. Hidden prints are left out: their side is a mask."""
        rows = np.flatnonzero(self.kind == VISIBLE_EXECUTION)
        ts_ns, side = self.ts_ns[rows], self.side[rows].astype(np.int64)
        starts = np.flatnonzero((np.diff(ts_ns, prepend=-1) != 0) | (np.diff(side, prepend=-1) != 0))
        ends = np.flatnonzero((np.diff(ts_ns, append=-1) != 0) | (np.diff(side, append=-1) != 0))
        qty = np.add.reduceat(self.qty[rows], starts) if len(starts) else np.zeros(0, np.int64)
        return Trades(ts_ns[starts], np.where(side[starts] == SELL, 1, -1), qty, rows[starts], rows[ends])

    def orders(self) -> np.ndarray:
        """Rows of new limit orders, int64 (order,)."""
        return np.flatnonzero(self.kind == NEW)


def read_history(path: str | Path) -> History:
    """The history of a LOBSTER message file, with the book file beside it or, without one, a book built from messages.

    Raises: DataError as `replay.lobster.read_day`; FileNotFoundError.
    """
    return history_of(read_day(path))


def history_of(day: LobsterDay, *, tick_units: int | None = None) -> History:
    """The history of a day in LOBSTER's form.

    Without a book file the day is played through the engine from an empty book, and its first minute is left out (a
    tenth, when it is shorter than ten minutes): what rested before the first message is not known.

    Args:
        tick_units: price units of a tick; None: a cent where every visible price is a multiple of it.
    Raises: DataError if a price is not on the tick, or the day has no message.
    """
    messages = day.messages
    if len(messages) == 0:
        raise DataError(f"{messages.path}: no messages")
    if day.book is None:
        table = convert(day, tick_units=tick_units)
        price, qty = Player(table).book_rows(len(messages), DEPTH_LEVELS)
    else:
        units = tick_units_of(messages, day.book, tick_units)
        price, qty = day.book.price // units, day.book.qty
    depth = qty[:, :, :DEPTH_LEVELS].sum(2) if qty.shape[2] >= DEPTH_LEVELS else None
    name = f"{day.symbol} {day.date}".strip() or messages.path.name
    history = History(
        name, messages.ts_ns, messages.type, messages.side, messages.qty, price[:, :, 0], qty[:, :, 0], depth
    )
    if day.book is not None:
        return history
    start, end = int(messages.ts_ns[0]), int(messages.ts_ns[-1])
    return history.between(start + min(SETTLE_NS, (end - start) // 10), end + 1)
