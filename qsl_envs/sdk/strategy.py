"""What a strategy is, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.market.market import Market
from qsl_envs.participants.knowledge import feed_age_ns, last_print, levels, top, volumes
from qsl_envs.sdk.live import live

if TYPE_CHECKING:
    from qsl_envs.sdk.trader import Trader

MAX_LEVELS = 64


@dataclass(frozen=True, slots=True)
class Book:
    """A book as its listener knows it, at one moment. Prices in ticks, lots; None where a side is empty."""

    number: int
    """venue * num_symbols + symbol"""
    bid: int | None
    bid_qty: int
    ask: int | None
    ask_qty: int

    @property
    def mid(self) -> float | None:
        """Middle of the best prices, None while a side is empty."""
        return None if self.bid is None or self.ask is None else 0.5 * (self.bid + self.ask)


@dataclass(frozen=True, slots=True)
class Report:
    """News of an own fill, as heard."""

    order: int
    """what `Trader.buy` or `sell` returned; of a quote: the number of the order behind it"""
    book: int
    side: int
    """BUY (0) or SELL (1)"""
    qty: int
    """lots newly filled"""
    price: float
    """their mean price, ticks"""
    fee: int
    """paid for them (negative: received), in 1/fee_unit of tick x lot"""
    leaves_qty: int
    ts_ns: int
    """when it was heard"""


class MarketData:
    """What one participant knows of the market through its links. Handed to `on_start`; good for the whole run."""

    def __init__(self, market: Market, replica: int, agent: int):
        self._market, self._replica, self._agent = market, replica, agent
        self._run = live(market.arrays.runs, replica * market.stride)

    @property
    def config(self) -> Any:
        """The market's settings."""
        return self._market.config

    @property
    def now_ns(self) -> int:
        """Time from the start of the episode."""
        return int(self._run["now_ns"])

    @property
    def close_ns(self) -> int:
        """When the session ends."""
        return int(self._run["close_ns"])

    def _where(self) -> tuple:
        return self._market.arrays, self._replica * self._market.stride, self._agent

    def book(self, number: int = 0) -> Book:
        """Best prices of a book as they are known now."""
        self._market._book(number)
        bid, bid_qty, ask, ask_qty = (int(x) for x in top(*self._where(), number, self.now_ns))
        return Book(number, None if bid == NIL else bid, bid_qty, None if ask == NIL else ask, ask_qty)

    def levels(self, number: int = 0, depth: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """(bids, asks) as they are known now, best first: int64 (<= depth, 2) of price and lots; depth <= 64."""
        self._market._book(number)
        m, r, _ = self._where()
        m.runs[r].scratch, m.runs[r].scratch_cap = 0, self._market.config.size.tape
        found = levels(*self._where(), number, max(1, min(depth, MAX_LEVELS)), self.now_ns)
        bids_at, bids, asks_at, asks = (int(x) for x in found)
        sides = [m.scratch[at : at + 2 * n].reshape(-1, 2).copy() for at, n in ((bids_at, bids), (asks_at, asks))]
        return sides[0], sides[1]

    def volume(self, number: int = 0) -> tuple[int, int]:
        """Lots that aggressors have bought and sold in a book since the start, by the prints heard."""
        self._market._book(number)
        bought, sold = volumes(*self._where(), number, self.now_ns)
        return int(bought), int(sold)

    def feed_age_ns(self, number: int = 0) -> int:
        """Time since the newest record that was heard of a book left the venue."""
        self._market._book(number)
        return int(feed_age_ns(*self._where(), number, self.now_ns))

    def last_trade(self, number: int = 0) -> int | None:
        """Price of the last trade heard of a book, None before the first one."""
        self._market._book(number)
        price, trades = last_print(*self._where(), number, self.now_ns)
        return int(price) if trades > 0 else None


class Strategy:
    """Base of strategies: override what is needed.

    A strategy acts only in its callbacks, by the `Trader` that `on_start` gives it. It knows what its links have told
    it, and its orders travel by them. Several callbacks may come at one nanosecond: fills first, then the book, then
    the timer.
    """

    listens = "top"
    """what of its feeds calls `on_book_update`: `nothing`, a change of the best prices or their lots (`top`), `all`"""

    def on_start(self, md: MarketData, trader: Trader) -> None:
        """At time 0; keep `md` and `trader`."""

    def on_book_update(self, book: Book, ts: int) -> None:
        """News of a book has arrived. `ts`: now, ns from the start."""

    def on_fill(self, report: Report) -> None:
        """News of an own fill has arrived."""

    def on_timer(self, ts: int) -> None:
        """The time that `Trader.set_timer` named has come."""
