"""How a strategy acts."""

from __future__ import annotations

from typing import Any

from qsl_envs.engine.constants import BUY, GTC, IOC, NIL, PRICE_MAX, SELL
from qsl_envs.market.client import client_of, tag_of
from qsl_envs.market.constants import NEVER
from qsl_envs.market.market import Market
from qsl_envs.market.recorder import CLIENT_MASK
from qsl_envs.market.wakes import set_timer
from qsl_envs.participants.knowledge import inventory
from qsl_envs.participants.orders import (
    BAD_PRICE,
    BAD_QTY,
    QTY_MAX,
    cancel,
    cancel_all,
    market_order,
    order,
    quote,
    refuse_own,
)
from qsl_envs.sdk.live import live


def whole(value: Any, most: int) -> int:
    """A number of lots or ticks as an int; 0 for what is none: a fraction, NaN, a text, too large a number."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if number == value and -most <= number <= most else 0


class Trader:
    """One participant's hands. Prices in ticks, quantities in lots, money in 1/fee_unit of tick x lot.

    What is no order (no lots, a price that does not exist) is a reject: `rejects` counts it, `last_reason` says why,
    and the call returns minus the reason. It never raises.
    """

    def __init__(self, market: Market, replica: int, agent: int):
        self._market, self._r, self._agent = market, replica * market.stride, agent
        self._replica = replica
        self._run = live(market.arrays.runs, self._r)
        self._known = live(market.arrays.traders, int(self._run["traders"]) + agent)

    def _now(self) -> int:
        return int(self._run["now_ns"])

    def _check_room(self) -> None:
        if self._run["error"] != 0:
            self._market.raise_error(self._r)

    def _reject(self, reason: int) -> int:
        return int(refuse_own(self._market.arrays, self._r, self._agent, reason))

    def _send(self, side: int, qty: Any, price: Any, book: int, tif: int, post_only: bool) -> int:
        self._market._book(book)
        m, lots = self._market.arrays, whole(qty, QTY_MAX)
        if lots < 1:
            return self._reject(BAD_QTY)
        if price is None:
            sent = market_order(m, self._r, self._agent, book, side, lots, self._now())
        else:
            ticks = whole(price, PRICE_MAX)
            if ticks < 1:
                return self._reject(BAD_PRICE)
            sent = order(m, self._r, self._agent, book, side, ticks, lots, tif, int(post_only), self._now())
        self._check_room()
        return int(tag_of(m, self._r, sent)) if sent >= 0 else int(sent)

    def buy(self, qty: int, price: int | None = None, *, book: int = 0, tif: int = GTC, post_only: bool = False) -> int:
        """Send an order to buy: at `price` or better, or at any price (None). Returns its number (>= 0) for `cancel`
        and `Report.order`, or minus the `Reason` for which it never left.
        """
        return self._send(BUY, qty, price, book, tif, post_only)

    def sell(
        self, qty: int, price: int | None = None, *, book: int = 0, tif: int = GTC, post_only: bool = False
    ) -> int:
        """Send an order to sell; see `buy`."""
        return self._send(SELL, qty, price, book, tif, post_only)

    def take(self, side: int, qty: int, price: int, *, book: int = 0) -> int:
        """Send an order whose rest is cancelled at once; see `buy`."""
        return self._send(side, qty, price, book, IOC, False)

    def quote(self, bid: int, bid_qty: int, ask: int, ask_qty: int, *, book: int = 0, post_only: bool = True) -> None:
        """Make the standing orders in a book those of the target; 0 lots: no quote on that side. An order whose price
        stays keeps its place in the queue. A side that is no quote counts as a reject and is left as it is.
        """
        self._market._book(book)
        bids, asks = whole(bid_qty, QTY_MAX), whole(ask_qty, QTY_MAX)
        # what is no number of lots must not be taken for 0, which cancels
        bids = bids if bids == bid_qty else NIL
        asks = asks if asks == ask_qty else NIL
        quote(self._market.arrays, self._r, self._agent, book, whole(bid, PRICE_MAX), bids, whole(ask, PRICE_MAX), asks,
              int(post_only), self._now())  # fmt: skip
        self._check_room()

    def cancel(self, number: int) -> bool:
        """Ask for the cancel of an order; False if it is known to be over, or that is pending already."""
        m = self._market.arrays
        # the kernel trusts a tag's place: a number that nobody was given must not reach beyond the records
        given = 0 <= number < 2**31 and (number & CLIENT_MASK) < m.runs[self._r].max_clients
        client = int(client_of(m, self._r, number)) if given else NIL
        if client < 0 or m.clients[m.runs[self._r].clients + client].owner != self._agent:
            return False
        sent = cancel(m, self._r, client, self._now())
        self._check_room()
        return bool(sent)

    def cancel_all(self) -> None:
        """Ask every venue to cancel all that stands there."""
        cancel_all(self._market.arrays, self._r, self._agent, self._now())
        self._check_room()

    def set_timer(self, at_ns: int | None) -> None:
        """Call `on_timer` at this time (ns from the start; a time that is over: one ns from now); None: not at all."""
        at = NEVER if at_ns is None else min(max(int(at_ns), self._now() + 1), NEVER)
        set_timer(self._market.arrays, self._r, self._agent, at)

    @property
    def position(self) -> int:
        """Lots of the first symbol that are known to be held."""
        return self.held(0)

    def held(self, symbol: int = 0) -> int:
        """Lots of a symbol that are known to be held, over all venues."""
        self._market._symbol(symbol)
        return int(inventory(self._market.arrays, self._r, self._agent, symbol))

    @property
    def cash(self) -> int:
        """Cash by the reports heard, fees taken off."""
        return int(self._known["known_cash"])

    @property
    def rejects(self) -> int:
        """Orders that were refused, here or at a venue, as heard."""
        return int(self._known["rejects"])

    @property
    def last_reason(self) -> int:
        """`Reason` of the last of them, 0: none."""
        return int(self._known["last_reason"])

    @property
    def orders(self) -> list[dict[str, int]]:
        """Orders whose end is not known, newest first, as `Market.orders` tells them, with their `number`."""
        m = self._market.arrays
        found = self._market.orders(self._agent, replica=self._replica)
        return [{**one, "number": int(tag_of(m, self._r, one["client"]))} for one in found]
