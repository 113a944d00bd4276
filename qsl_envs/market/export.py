"""A recorded tape as the two CSV files of LOBSTER, so that others' tools read a simulated day.

What the format cannot say is turned as its authors do it: a replaced or moved order is a deletion and a new order, a
fresh clip of an iceberg is a new order, an execution of a hidden order has no id, a halt, a call and an opening are
markers (price -1, 0, 1). An auction is one print of type 6 and, for the orders it fills, deletions and partial cancels.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError, require
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.events import Kind
from qsl_envs.replay.lobster import (
    ASK_SENTINEL,
    BID_SENTINEL,
    CROSS,
    DELETION,
    HALT,
    HIDDEN_EXECUTION,
    LIMIT,
    NEW,
    PARTIAL_CANCEL,
    PRICE_UNITS,
    VISIBLE_EXECUTION,
)

MARKS = {Kind.HALT: -1, Kind.CALL: 0, Kind.OPEN: 1}


def export_lobster(rows: np.ndarray, config: MarketConfig, folder: str | Path, *, book: int = 0, levels: int = 10,
                   date: str = "2000-01-03", start_ns: int = 34_200_000_000_000) -> Path:  # fmt: skip
    """Write one book's tape as `SYMBOL_DATE_START_END_message_LEVELS.csv` and the book file beside it.

    Args:
        rows: TAPE_ROW (rows,), a whole tape: what `Market.events_array` returned since the reset, put together.
        config: the market's.
        folder: where the files go; it is made.
        book: `venue * num_symbols + symbol`.
        levels: occupied prices a side in the book file.
        start_ns: of the episode, after midnight.

    Returns: the message file. Orders that stand at the start are written as new orders at the start.
    Raises: DataError, if an id, a size or a price does not fit the format's int32.
    """
    require(0 <= book < config.num_books, "export_lobster", "book", f"in [0, {config.num_books})", book)
    require(1 <= levels <= 200, "export_lobster", "levels", "in [1, 200]", levels)
    symbol = config.symbols[book % len(config.symbols)]
    units = round(symbol.tick_size_usd * PRICE_UNITS)
    require(units >= 1, symbol, "tick_size_usd", "at least 0.0001, the unit of the format", symbol.tick_size_usd)
    writer = _Writer(units, symbol.lot_size, levels, start_ns)
    mine = rows[rows["book"] == book]
    cuts = np.flatnonzero(np.diff(mine["seq"])) + 1
    for event in np.split(mine, cuts):
        writer.play(event)
    end_ns = start_ns + (int(mine["ts_ns"][-1]) if len(mine) else 0)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{symbol.name}_{date}_{start_ns // 1_000_000}_{end_ns // 1_000_000}"
    (folder / f"{stem}_orderbook_{levels}.csv").write_text("".join(writer.books))
    path = folder / f"{stem}_message_{levels}.csv"
    path.write_text("".join(writer.messages))
    return path


@dataclass(slots=True)
class _Order:
    """What the files have told of an order so far."""

    side: int
    price: int
    leaves: int
    clip: int
    """lots that a fresh clip shows: 0 hidden, -1 all"""
    shown: int = 0
    name: int = 0
    """its present id in the files"""


class _Writer:
    """Plays a tape, event by event, and writes a message and a book row for each change of the displayed book."""

    def __init__(self, units: int, lot_size: int, levels: int, start_ns: int):
        self.units, self.lot_size, self.levels, self.start_ns = units, lot_size, levels, start_ns
        self.orders: dict[int, _Order] = {}
        self.depth: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])
        self.names = 0
        self.messages: list[str] = []
        self.books: list[str] = []
        self.now_ns = 0

    def play(self, event: np.ndarray) -> None:
        """One matching event: an order that takes is shown when it has taken, as the venue's own feed does."""
        arriving: tuple[int, np.void] | None = None
        crossed = 0
        for row in event:
            self.now_ns = int(row["ts_ns"])
            kind, order_id = int(row["kind"]), int(row["order_id"])
            taking = arriving is not None and (
                (kind == Kind.TRADE and int(row["taker_order_id"]) == arriving[0])
                or kind in (Kind.CANCELED, Kind.REDUCED)
            )
            if arriving is not None and not taking:
                self.rest(*arriving)
                arriving = None
            if kind in MARKS:
                self.write(HALT, 0, 0, MARKS[Kind(kind)], SELL)
            elif kind in (Kind.NEW, Kind.STANDING):
                clip = int(row["display_qty"])
                self.orders[order_id] = _Order(int(row["side"]), int(row["price"]), int(row["qty"]), clip)
                arriving = (order_id, row)
            elif kind == Kind.REPLACED:
                order = self.orders[order_id]
                self.hide(order)
                order.price, order.leaves = int(row["price"]), int(row["qty"])
                arriving = (order_id, row)
            elif kind == Kind.RESTATED:
                order = self.orders[order_id]
                self.hide(order)
                order.price, order.leaves = int(row["price"]), int(row["leaves_qty"])
                self.show(order, int(row["shown_qty"]))
            elif kind == Kind.TRADE:
                crossed += self.trade(row)
            elif kind in (Kind.CANCELED, Kind.EXPIRED):
                self.hide(self.orders.pop(order_id))
            elif kind == Kind.REDUCED:
                self.reduce(self.orders[order_id], int(row["leaves_qty"]))
        if arriving is not None:
            self.rest(*arriving)
        if crossed:
            self.write(CROSS, 0, crossed, int(event["price"][event["kind"] == Kind.TRADE][0]) * self.units, BUY)

    def rest(self, order_id: int, row: np.void) -> None:
        """The order that arrived has taken what it could: what is left stands, unless it waits."""
        order = self.orders.get(order_id)
        if order is None:
            return
        if order.leaves == 0:
            del self.orders[order_id]
        elif int(row["queue_ahead"]) >= 0:
            order.price = int(row["price"])
            order.clip = order.clip if int(row["shown_qty"]) > 0 else 0
            self.show(order, order.leaves if order.clip < 0 else min(order.leaves, order.clip))

    def trade(self, row: np.void) -> int:
        """A trade; returns its lots if it belongs to an auction."""
        qty, price, auction = int(row["qty"]), int(row["price"]), int(row["side"]) < 0
        maker = self.orders.get(int(row["order_id"]))
        if maker is None:
            self.write(HIDDEN_EXECUTION, 0, qty, price * self.units, int(row["side"]) ^ 1)
            return 0
        if auction:
            for order_id in (int(row["order_id"]), int(row["taker_order_id"])):
                self.fill_in_auction(order_id, qty)
            return qty
        taker = self.orders.get(int(row["taker_order_id"]))
        if taker is not None:
            taker.leaves -= qty
        maker.leaves -= qty
        if maker.shown > 0:
            self.change(maker, -qty)
            self.write(VISIBLE_EXECUTION, maker.name, qty, price * self.units, maker.side)
        else:
            self.write(HIDDEN_EXECUTION, 0, qty, price * self.units, maker.side)
        if maker.leaves == 0:
            del self.orders[int(row["order_id"])]
        elif maker.shown == 0 and maker.clip != 0:
            self.show(maker, min(maker.leaves, maker.clip))
        return 0

    def fill_in_auction(self, order_id: int, qty: int) -> None:
        """One side of an auction's trade: an iceberg gives whole, and shows a fresh clip."""
        order = self.orders[order_id]
        order.leaves -= qty
        if order.price > 0 and order.clip != 0:
            shown = order.leaves if order.clip < 0 else min(order.leaves, order.clip)
            if shown > order.shown > 0:
                self.hide(order)
                self.show(order, shown)
            else:
                self.cut(order, shown)
        if order.leaves == 0:
            del self.orders[order_id]

    def reduce(self, order: _Order, leaves: int) -> None:
        """An order loses lots, the reserve first."""
        order.leaves = leaves
        if order.shown > leaves:
            self.cut(order, leaves)

    def cut(self, order: _Order, shown: int) -> None:
        """Show fewer lots of an order, at its place."""
        gone = order.shown - shown
        if gone <= 0:
            return
        self.change(order, -gone)
        self.write(PARTIAL_CANCEL if shown > 0 else DELETION, order.name, gone, order.price * self.units, order.side)

    def hide(self, order: _Order) -> None:
        """Take an order off the displayed book."""
        self.cut(order, 0)

    def show(self, order: _Order, shown: int) -> None:
        """Put an order on the displayed book, under a new id."""
        if shown <= 0 or order.price <= 0:
            return
        self.names += 1
        order.name = self.names
        self.change(order, shown)
        self.write(NEW, order.name, shown, order.price * self.units, order.side)

    def change(self, order: _Order, lots: int) -> None:
        """Bring the displayed book up to date."""
        order.shown += lots
        depth, prices = self.depth[order.side], self.prices[order.side]
        total = depth.get(order.price, 0) + lots
        if total == lots:
            insort(prices, order.price)
        if total:
            depth[order.price] = total
        else:
            del depth[order.price]
            del prices[bisect_left(prices, order.price)]

    def write(self, kind: int, name: int, qty: int, price: int, side: int) -> None:
        """A message, and the book after it."""
        qty *= self.lot_size
        if max(name, qty, price) > LIMIT:
            raise DataError(f"LOBSTER files hold int32: id {name}, size {qty}, price {price} at {self.now_ns} ns")
        seconds, rest = divmod(self.start_ns + self.now_ns, 1_000_000_000)
        self.messages.append(f"{seconds}.{rest:09d},{kind},{name},{qty},{price},{1 if side == BUY else -1}\n")
        cells = []
        bids, asks = self.prices
        for level in range(self.levels):
            for prices, at, depth, absent in (
                (asks, level, self.depth[SELL], ASK_SENTINEL),
                (bids, len(bids) - 1 - level, self.depth[BUY], BID_SENTINEL),
            ):
                there = 0 <= at < len(prices)
                cells.append(str(prices[at] * self.units if there else absent))
                cells.append(str(depth[prices[at]] * self.lot_size if there else 0))
        self.books.append(",".join(cells) + "\n")
