"""The matching engine for people: one book, outside ids, words or numbers, errors that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.engine import words
from qsl_envs.engine.answers import Report, Trade
from qsl_envs.engine.arguments import code_of, fill_cancel, fill_limit, fill_message, judged, whole
from qsl_envs.engine.check import check_book
from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import (
    ADD,
    AUCTION_CALL,
    BUY,
    CALL,
    CANCEL,
    CANCEL_ALL,
    GTC,
    LIMIT,
    NIL,
    PRICE_MAX,
    REDUCE,
    REPLACE,
    SELL,
    UNCROSS,
)
from qsl_envs.engine.ids import find_order
from qsl_envs.engine.ladder import no_best
from qsl_envs.engine.listing import list_pending, list_side
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.messages import MESSAGE
from qsl_envs.engine.phase import indicative
from qsl_envs.engine.runner import Runner, Stream
from qsl_envs.engine.stream import EXPIRE, SHIFT
from qsl_envs.engine.views import best_shown, next_shown, queue_ahead, shown_qty
from qsl_envs.errors import OrderError, require

__all__ = ["OrderBook", "Report", "Trade"]

FIRST_POOL = 1024
"""Slots that a book without `max_orders` starts with."""


class OrderBook:
    """A price-time book that matches every message at once, by the rule book (docs/matching.md).

    Args:
        config: sizes and venue rules; the keywords below replace its fields.
        max_orders: slots of the order pool; None: it starts small and doubles when it is full, so nothing is refused
            for room. With a number a full pool rejects (POOL_FULL) what would have to rest.
        stp: self-trade prevention: off, cancel_taker, cancel_resting, cancel_both, decrement.
        window_ticks: ticks of the ladder window; changes speed and memory, never a result.
        keep_on_decrease: a replace that only lowers the quantity keeps its place.

    >>> book = OrderBook()
    >>> book.submit("sell", 5, 101).status
    'ack'
    >>> report = book.submit("buy", 7, 101)
    >>> report.status, report.filled_qty, report.leaves_qty
    ('partial', 5, 2)
    >>> book.top()
    ((101, 2), None)
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        *,
        max_orders: int | None = None,
        stp: str | int | None = None,
        window_ticks: int | None = None,
        keep_on_decrease: bool | None = None,
    ) -> None:
        given = {"max_orders": max_orders, "window_ticks": window_ticks, "keep_on_decrease": keep_on_decrease}
        settings = {name: value for name, value in given.items() if value is not None}
        if stp is not None:
            settings["stp"] = code_of(self, "stp", stp, words.STP_MODES)
        require(
            config is None or isinstance(config, EngineConfig), self, "config", "an EngineConfig", config, OrderError
        )
        grows = config is None and max_orders is None
        base = config if config is not None else EngineConfig(max_orders=FIRST_POOL)
        fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
        self._runner = Runner(BookMemory(EngineConfig(**(fields | settings | {"publish": False})), grows))
        self._next_id = 1
        self._counts_alone = True
        """whether every id so far is one that the book counted itself"""

    # -- orders ------------------------------------------------------------------------------------------------------

    def submit(
        self,
        side: str | int,
        qty: int,
        price: int | None = None,
        *,
        order_type: str | int = LIMIT,
        tif: str | int = GTC,
        display_qty: int | None = None,
        stop_price: int | None = None,
        peg: str | int | None = None,
        offset: int = 0,
        post_only: str | int | bool | None = None,
        participant: int | None = None,
        order_id: int | None = None,
        expire_ns: int | None = None,
    ) -> Report:
        """Send one order to the book and match it at once.

        Args:
            side: buy or sell.
            qty: lots, > 0.
            price: limit in ticks; None for market and stop orders, and for a peg without a limit.
            order_type: limit, market, pegged, stop, stop_limit.
            tif: gtc, day, ioc, fok, gtd.
            display_qty: lots shown at a time; 0 = hidden, None = all.
            stop_price: ticks; the last trade price that triggers a stop.
            peg: primary, market, mid.
            offset: ticks added to a peg's reference price.
            post_only: reject (True, 1) or slide (2).
            participant: any int64; equal ones are one party.
            order_id: any int64; None: the book counts.
            expire_ns: time at which a gtd order is cancelled by `advance`.

        Returns:
            The `Report`; its `order_id` names the order from here on. What the venue refuses is its `reason`.

        Raises:
            OrderError: an argument is not of this form, or a number that no market would take (0 lots, a price below
                1): a mistake of the program, not of the trader. Field and value are named; the book is as before.
        """
        if order_id is None:
            order_id = self._fresh_id()
        else:
            self._counts_alone = False
        if (
            order_type is LIMIT and tif is GTC and stop_price is None and display_qty is None and peg is None
            and post_only is None and participant is None and offset == 0
            and fill_limit(self._runner.message, order_id, side, price, qty)
        ):  # fmt: skip
            report = self._runner.send()
            return judged(self, report, {"side": side, "price": price, "qty": qty}) if report.reason else report
        return self._send(
            ADD,
            order_id,
            side=side,
            order_type=order_type,
            tif=tif,
            price=price,
            qty=qty,
            display_qty=display_qty,
            stop_price=stop_price,
            peg=peg,
            offset=offset,
            post_only=post_only,
            participant=participant,
            expire_ns=expire_ns,
        )

    def cancel(self, order_id: int) -> Report:
        """Take an order back. Unknown ids are rejects."""
        if fill_cancel(self._runner.message, order_id):
            return self._runner.send()
        return self._send(CANCEL, order_id)

    def reduce(self, order_id: int, qty: int) -> Report:
        """Lower an order by `qty` lots, the reserve first; it keeps its place. By all it has or more: cancelled."""
        return self._send(REDUCE, order_id, qty=qty)

    def replace(
        self,
        order_id: int,
        qty: int,
        *,
        price: int | None = None,
        display_qty: int | None = None,
        stop_price: int | None = None,
        offset: int | None = None,
        new_order_id: int | None = None,
        total: bool = False,
    ) -> Report:
        """Give an order new values; it arrives anew, at the back. None keeps a value.

        Args:
            order_id: the order.
            qty: the new open quantity; with `total` that of the order's whole life (FIX 38), its fills included.
            price: new limit.
            display_qty: new clip.
            stop_price: new stop price.
            offset: new offset of a peg.
            new_order_id: its name from here on.
            total: what `qty` means.

        Raises:
            OrderError: as in `submit`.
        """
        self._counts_alone &= new_order_id is None
        return self._send(
            REPLACE,
            order_id,
            qty=qty,
            price=price,
            display_qty=display_qty,
            stop_price=stop_price,
            offset=offset,
            new_order_id=new_order_id,
            total=total,
        )

    def cancel_all(self, participant: int | None) -> Report:
        """Cancel every order of a participant, waiting stops and parked pegs included; None is nobody's."""
        return self._send(CANCEL_ALL, 0, participant=participant)

    def call(self) -> Report:
        """Begin a call auction: orders rest without matching."""
        return self._send(CALL, 0)

    def uncross(self, price: int | None = None) -> Report:
        """End a call auction. `price` is the reference (None: the last trade's); `filled_qty` is the volume."""
        return self._send(UNCROSS, 0, price=price)

    def advance(self, now_ns: int) -> Report:
        """Let time pass: gtd orders whose time has come are cancelled. Time never goes back."""
        whole(self, "now_ns", now_ns)
        require(now_ns >= self._runner.now_ns, self, "now_ns", f">= {self._runner.now_ns} ns", now_ns, OrderError)
        self._runner.now_ns = int(now_ns)
        return self._send(EXPIRE, 0, price=now_ns)

    def process(self, messages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Process a stream.

        Args:
            messages: MESSAGE records, shape (n,). A bad value of a trader is a reject; codes are those of `constants`.

        Returns:
            REPORT records, shape (n,), and TRADE records in order of execution; `seq` counts from this book's first
            message.

        Raises:
            OrderError: not an array of MESSAGE records.
        """
        good = isinstance(messages, np.ndarray) and messages.dtype == MESSAGE and messages.ndim == 1
        what = messages.dtype if isinstance(messages, np.ndarray) else type(messages).__name__
        require(good, self, "messages", "a 1-D array of engine.MESSAGE records", what, OrderError)
        self._counts_alone = False
        stream = Stream(np.ascontiguousarray(messages), self._memory)
        count = self._runner.run(stream)
        return stream.reports, stream.trades[:count]

    # -- what it shows -----------------------------------------------------------------------------------------------

    def top(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """(price, qty) of the best displayed bid and ask; None for a side that shows nothing."""
        bids, asks = self.depth(1)
        return (bids[0] if bids else None), (asks[0] if asks else None)

    def depth(self, n: int | None = None) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Displayed (price, qty) levels of both sides, best first, `n` of each (None: all)."""
        if n is not None:
            require(whole(self, "n", n) >= 0, self, "n", ">= 0 levels", n, OrderError)
        m, h = self._memory.arrays, self._memory.h
        both: tuple[list, list] = ([], [])
        for side in (BUY, SELL):
            price = int(best_shown(m, h, side))
            while price != no_best(side) and (n is None or len(both[side]) < n):
                both[side].append((price, int(shown_qty(m, h, side, price))))
                price = int(next_shown(m, h, side, price))
        return both

    def queue(self, side: str | int, price: int) -> list[tuple[int, int, int]]:
        """(order_id, open qty, shown qty) of every order at a price, displayed queue first, hidden orders behind."""
        side = code_of(self, "side", side, words.SIDES)
        require(
            1 <= whole(self, "price", price) <= PRICE_MAX, self, "price", "in [1, 2**31 - 1] ticks", price, OrderError
        )
        rows = list_side(self._memory, side)
        rows = rows[rows["price"] == price]
        return [(int(r["order_id"]), int(r["qty"]), int(r["display_qty"])) for r in rows]

    def queue_ahead(self, order_id: int) -> int | None:
        """Lots in front of an order at its price; None when it is unknown or stands in no queue."""
        slot = self._slot(whole(self, "order_id", order_id))
        ahead = NIL if slot == NIL else int(queue_ahead(self._memory.arrays, self._memory.h, slot))
        return None if ahead == NIL else ahead

    def l3(self) -> list[tuple[str, int | None, int, int, int, int]]:
        """(side, price, position, order_id, open qty, shown qty) of every resting order: bids then asks, best first."""
        rows = []
        for side in (BUY, SELL):
            for price, *rest in list_side(self._memory, side)[
                ["price", "position", "order_id", "qty", "display_qty"]
            ].tolist():
                rows.append((words.SIDE_WORDS[side], None if price == NIL else price, *rest))
        return rows

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Every resting bid and ask as `listing.ROW` records, best first, in queue order; made for large books."""
        return list_side(self._memory, BUY), list_side(self._memory, SELL)

    def pending(self) -> list[tuple[int, str, str, int]]:
        """(order_id, side, order_type, qty) of waiting stops and parked pegs, by entry."""
        memory = self._memory
        orders, exts = memory.section("orders"), memory.section("exts")
        rows = []
        for slot in list_pending(memory).tolist():
            order = orders[slot]
            order_type = words.TYPE_WORDS[int(exts[order["ext"]]["kind"])]
            rows.append(
                (
                    int(memory.names.slots["order_id"][slot]),
                    words.SIDE_WORDS[int(order["bits"]) & 1],
                    order_type,
                    int(order["leaves_qty"]),
                )
            )
        return rows

    def indicative(self, price: int | None = None) -> tuple[int | None, int, int]:
        """(price, volume, imbalance = lots to buy - lots to sell) of an uncross now; without volume no price, and the
        imbalance of market orders.

        Args:
            price: the reference price, ticks; None: the last trade's.
        """
        reference = NIL if price is None else whole(self, "price", price)
        at, volume, imbalance = indicative(self._memory.arrays, self._memory.h, reference)
        return (None if at == NIL else int(at)), int(volume), int(imbalance)

    @property
    def in_call(self) -> bool:
        """Whether a call auction is on."""
        return int(self._memory.book.phase) == AUCTION_CALL

    @property
    def last_price(self) -> int | None:
        """Price of the last trade; None before the first."""
        price = int(self._memory.book.last_price)
        return None if price == NIL else price

    def __len__(self) -> int:
        """Orders that are alive: resting, waiting, parked."""
        return int(np.count_nonzero(self._memory.names.table))

    def __contains__(self, order_id: int) -> bool:
        """Whether an order of this id is alive."""
        return self._slot(order_id) != NIL

    def __repr__(self) -> str:
        bid, ask = self.top()
        return f"<OrderBook of {len(self)} orders, bid {bid}, ask {ask}>"

    # -- state -------------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole book as bytes."""
        return self._memory.to_bytes({"seq": self._runner.seq, "next_id": self._next_id, "now_ns": self._runner.now_ns})

    def restore(self, data: bytes) -> None:
        """Become the book of a snapshot, its settings included.

        Raises:
            DataError: not a snapshot of this version.
        """
        memory, extra = BookMemory.from_bytes(data)
        self._runner = Runner(memory, extra["seq"], extra["now_ns"])
        self._next_id = extra["next_id"]
        self._counts_alone = False

    def check(self) -> None:
        """Assert what must always hold: links, sums, bitmap, best prices, counts, free lists, names."""
        check_book(self._memory)

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def _memory(self) -> BookMemory:
        return self._runner.memory

    def _slot(self, order_id: int) -> int:
        names = self._memory.names
        return int(find_order(names.table, names.state[SHIFT], self._memory.arrays, self._memory.h, order_id))

    def _fresh_id(self) -> int:
        """The next number that names no order that is alive."""
        while not self._counts_alone and self._slot(self._next_id) != NIL:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _send(self, action: int, order_id: Any, **values: Any) -> Report:
        fill_message(self, self._runner.message, action, order_id, values)
        return judged(self, self._runner.send(), values)
