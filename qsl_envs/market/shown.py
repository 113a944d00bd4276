"""The displayed book of a recorded tape: what it showed after each matching event, and the mid over time."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.market.events import Kind
from qsl_envs.metrics.fills import MidPath

PLACED = (Kind.NEW, Kind.STANDING, Kind.REPLACED)
GONE = (Kind.CANCELED, Kind.EXPIRED)
CHANGED = (Kind.RESTATED, Kind.REDUCED)


class ShownBook:
    """Displayed lots by price, from the rows of one book's tape."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        """order -> side, price, lots that it shows"""
        self.open: dict[int, tuple[int, int]] = {}
        """order -> open lots, lots of a clip (-1: all shown, 0: hidden)"""
        self.depth: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])

    def play(self, event: list[dict[str, int]]) -> None:
        """The rows of one matching event. Its own order stands as its row says, when the event is over."""
        own = {row["order_id"] for row in event if row["kind"] in PLACED}
        for row in event:
            kind, order_id = row["kind"], row["order_id"]
            if kind in PLACED:
                clip = self.open[order_id][1] if kind == Kind.REPLACED and order_id in self.open else row["display_qty"]
                self.open[order_id] = (row["qty"], clip)
            elif kind == Kind.TRADE:
                self._fill(order_id, row["qty"], row["shown_qty"])
                self._fill(row["taker_order_id"], row["qty"], None)
            elif kind in GONE:
                own.discard(order_id)
                self.open.pop(order_id, None)
                self._show(order_id, 0, 0, 0)
            elif kind in CHANGED and order_id in self.open:
                self.open[order_id] = (row["leaves_qty"], self.open[order_id][1])
                if order_id not in own:
                    price = row["price"] if kind == Kind.RESTATED else self.orders.get(order_id, (0, 0, 0))[1]
                    self._show(order_id, row["side"], price, row["shown_qty"])
        for row in event:
            if row["kind"] in PLACED and row["order_id"] in own:
                self._show(row["order_id"], row["side"], row["price"], row["shown_qty"])

    def _fill(self, order_id: int, qty: int, shown: int | None) -> None:
        """One side of a trade. What an order shows then is told of the resting one; of an auction's other side it is
        what is left, or a clip of it."""
        if order_id not in self.open:
            return
        leaves, clip = self.open[order_id]
        leaves -= qty
        self.open[order_id] = (leaves, clip)
        if order_id in self.orders:
            side, price, _ = self.orders[order_id]
            self._show(order_id, side, price, shown if shown is not None else leaves if clip < 0 else min(leaves, clip))

    def _show(self, order_id: int, side: int, price: int, lots: int) -> None:
        """Put what an order shows in place of what it showed."""
        if order_id in self.orders:
            was_side, was_price, was = self.orders.pop(order_id)
            self._change(was_side, was_price, -was)
        if lots > 0 and price > 0:
            self.orders[order_id] = (side, price, lots)
            self._change(side, price, lots)

    def _change(self, side: int, price: int, lots: int) -> None:
        depth, prices = self.depth[side], self.prices[side]
        total = depth.get(price, 0) + lots
        if total == lots:
            insort(prices, price)
        if total:
            depth[price] = total
        else:
            del depth[price]
            del prices[bisect_left(prices, price)]

    @property
    def mid_x2(self) -> int:
        """Best bid + best ask; 0 while a side is empty."""
        bids, asks = self.prices[BUY], self.prices[SELL]
        return bids[-1] + asks[0] if bids and asks else 0


COLUMNS = ("kind", "order_id", "taker_order_id", "side", "price", "qty", "leaves_qty", "display_qty", "shown_qty")


def mid_path(tapes: list[np.ndarray], book: int = 0, end_ns: np.ndarray | None = None) -> MidPath:
    """Mids of a book over the tapes of several episodes: as displayed, everybody's orders in it.

    While a side is empty the mid before holds.

    Args:
        tapes: TAPE_ROW (rows,) of each episode, from its start.
        book: `venue * num_symbols + symbol`.
        end_ns: the last time that is known of each episode; None: that of its last row.
    """
    episodes, times, mids = [], [], []
    last = np.zeros(len(tapes), np.int64)
    for episode, tape in enumerate(tapes):
        last[episode] = int(tape["ts_ns"].max(initial=0)) if end_ns is None else int(end_ns[episode])
        rows = tape[tape["book"] == book]
        shown, known = ShownBook(), 0
        cuts = np.flatnonzero(np.diff(rows["seq"])) + 1
        starts = [0, *cuts.tolist()] if len(rows) else []
        columns = [rows[name].tolist() for name in COLUMNS]
        stamps = rows["ts_ns"].tolist()
        dicts = [dict(zip(COLUMNS, values)) for values in zip(*columns)]
        for start, end in zip(starts, [*starts[1:], len(rows)]):
            shown.play(dicts[start:end])
            mid = shown.mid_x2
            if mid and mid != known:
                episodes.append(episode)
                times.append(stamps[start])
                mids.append(mid)
                known = mid
    return MidPath(*(np.array(values, np.int64) for values in (episodes, times, mids)), last)
