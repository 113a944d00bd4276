"""An alpha as a `Strategy`: the looks, values and orders of the compiled participant, in Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from evolve.alpha import Alpha
from evolve.expression import evaluate
from qsl_envs.engine.constants import BUY, PRICE_MAX, SELL
from qsl_envs.participants.programmed import DEEP, MEMORY
from qsl_envs.sdk import Book, MarketData, Report, Strategy, Trader

QTY_LIMIT = 1e6
"""Lots of a quote, at most."""
LIVE = 2
"""`state` of an order that is known to stand."""


class ProgramStrategy(Strategy):
    """Trades an alpha in the first book: looks by its clock and when it hears of a fill. Twin: kind `program`.

    Args:
        alpha: what it trades on.
        first_look_ns: time of the first look; None: one period after the start. (The compiled one draws it.)
    """

    listens = "nothing"

    def __init__(self, alpha: Alpha, first_look_ns: int | None = None) -> None:
        self.alpha, self.first_look_ns = alpha, first_look_ns

    def on_start(self, md: MarketData, trader: Trader) -> None:
        """Take note of how things stand; the first look comes later."""
        self.md, self.trader = md, trader
        period = self.alpha.settings.period_ns
        self.unit = md.config.fee_unit
        self.mid = float(md.config.symbols[0].start_price)
        self.mean = self.mid_before = self._mid(md.book(0))
        self.bought, self.sold = md.volume(0)
        self.worth = self._worth()
        self.looked_ns = -1
        trader.set_timer(md.now_ns + period if self.first_look_ns is None else self.first_look_ns)

    def on_fill(self, report: Report) -> None:
        """Look again."""
        self._act(report.ts_ns)

    def on_timer(self, ts: int) -> None:
        """Look, and set the clock."""
        self._act(ts)
        self.trader.set_timer(ts + self.alpha.settings.period_ns)

    def _mid(self, book: Book) -> float:
        """The known mid, or the last one while a side is empty."""
        self.mid = self.mid if book.mid is None else book.mid
        return self.mid

    def _worth(self) -> float:
        return self.trader.cash / self.unit + self.trader.position * self.mid

    def look(self) -> dict[str, float]:
        """What it knows now: the inputs of programs. Takes note of this look."""
        book, held = self.md.book(0), self.trader.position
        mid, (bought, sold) = self._mid(book), self.md.volume(0)
        bids, asks = self.md.levels(0, DEEP)
        known = {
            "spread": 0.0 if book.bid is None or book.ask is None else float(book.ask - book.bid),
            "imbalance": (book.bid_qty - book.ask_qty) / max(book.bid_qty + book.ask_qty, 1),
            "mid_change": mid - self.mid_before,
            "mid_change_slow": mid - self.mean,
            "bought": float(bought - self.bought),
            "sold": float(sold - self.sold),
            "inventory": float(held),
            "inventory_share": held / self.alpha.settings.max_inventory,
            "queue_bid": self._shown(bids, BUY),
            "queue_ask": self._shown(asks, SELL),
            "feed_age": self.md.feed_age_ns(0) * 1e-9,
            "time_left": (self.md.close_ns - self.md.now_ns) * 1e-9,
            "gain": self._worth() - self.worth,
            "bid_qty": float(book.bid_qty),
            "ask_qty": float(book.ask_qty),
            "depth_bid": float(bids[:, 1].sum()),
            "depth_ask": float(asks[:, 1].sum()),
        }
        self.mid_before = mid
        self.mean = MEMORY * self.mean + (1.0 - MEMORY) * mid
        self.bought, self.sold = bought, sold
        return known

    def _shown(self, levels: np.ndarray, side: int) -> float:
        """Lots shown at the price of the best own order that is known to stand; 0 without one."""
        own = [one["price"] for one in self.trader.orders if one["state"] == LIVE and one["side"] == side]
        if not own:
            return 0.0
        there = levels[levels[:, 0] == (max(own) if side == BUY else min(own)), 1]
        return float(there[0]) if len(there) else 0.0

    def _act(self, ts: int) -> None:
        if ts == self.looked_ns:  # one look a moment, whatever has come together
            return
        self.looked_ns = ts
        known: Any = self.look()
        values = [float(evaluate(tree, known)) for tree in self.alpha.trees]
        if self.alpha.kind == "maker":
            self._quote(*values)
        else:
            self._take(values[0])

    def _quote(self, skew: float, half: float, size: float) -> None:
        half, qty = max(half, 0.0), int(min(max(size + 0.5, 0.0), QTY_LIMIT))
        bid, ask = math.floor(self.mid + skew - half), math.ceil(self.mid + skew + half)
        ask = max(ask, bid + 1)
        book, held, most = self.md.book(0), self.trader.position, self.alpha.settings.max_inventory
        if book.ask is not None:
            bid = min(bid, book.ask - 1)
        if book.bid is not None:
            ask = max(ask, book.bid + 1)
        bid_qty = max(0, min(qty, most - held)) if bid >= 1 else 0
        ask_qty = max(0, min(qty, most + held)) if 1 <= ask <= PRICE_MAX else 0
        self.trader.quote(bid, bid_qty, ask, ask_qty)

    def _take(self, signal: float) -> None:
        s = self.alpha.settings
        wanted = s.max_inventory if signal > s.threshold else -s.max_inventory if signal < -s.threshold else 0
        missing = wanted - self.trader.position
        book = self.md.book(0)
        price = book.ask if missing > 0 else book.bid
        if missing != 0 and price is not None and not self.trader.orders:
            self.trader.take(BUY if missing > 0 else SELL, min(abs(missing), s.qty), price)
