"""What the naive book is made of: an order, a report, and what "better" means on a side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MAX = 2**31 - 1
OTHER = {"buy": "sell", "sell": "buy"}
STOPS = ("stop", "stop_limit")
NO_REST = ("ioc", "fok")


class Report(NamedTuple):
    """What a message did: status and reason as words, lots filled and open, and the sum of price x qty of its fills."""

    status: str
    reason: str = ""
    filled: int = 0
    leaves: int = 0
    notional: int = 0


def refuse(reason: str) -> Report:
    return Report("reject", reason)


@dataclass(eq=False)
class Order:
    """An order that is alive; `price` is None for a market order, an untriggered stop and a parked peg."""

    order_id: int
    side: str
    order_type: str
    tif: str
    price: int | None
    qty: int
    display_qty: int | None
    stop_price: int | None
    peg: str | None
    offset: int
    limit: int | None  # of a peg or an untriggered stop_limit
    post_only: str | None
    participant: int | None
    expire_ns: int | None
    entry: int = 0
    shown: int = 0
    filled: int = 0

    @property
    def hidden(self) -> bool:
        return self.shown == 0

    def can_rest(self) -> bool:
        return self.order_type not in ("market", "stop") and self.tif not in NO_REST

    def clip(self) -> int:
        """Lots shown when a clip is shown anew."""
        if self.peg == "mid":
            return 0
        if self.display_qty is None or not self.can_rest():
            return self.qty
        return min(self.display_qty, self.qty)

    def rank(self) -> tuple:
        """Sort key of a side: market orders, then the better price, then displayed before hidden."""
        if self.price is None:
            return (0, 0, False)
        return (1, -self.price if self.side == "buy" else self.price, self.hidden)


def inside(value: int | None, low: int = 1, high: int = MAX) -> bool:
    return value is not None and low <= value <= high


def better(side: str, a: int, b: int) -> bool:
    """Is price `a` closer to trading than `b` for an order of `side`?"""
    return a > b if side == "buy" else a < b


def meets(side: str, limit: int | None, price: int) -> bool:
    """Would an order of `side` with this limit (None = any price) trade at `price`?"""
    return limit is None or (price <= limit if side == "buy" else price >= limit)


def short_of(side: str, price: int) -> int:
    """One tick short of `price`, seen from `side`."""
    return price - 1 if side == "buy" else price + 1


def not_beyond(side: str, price: int, limit: int) -> int:
    return min(price, limit) if side == "buy" else max(price, limit)


def bad_add(o: Order, alive: dict, phase: str) -> Report | None:
    """The first reason against a new order that does not depend on what stands in the book."""
    if o.order_id in alive:
        return refuse("DUPLICATE_ORDER")
    if o.side not in OTHER:
        return refuse("BAD_SIDE")
    if not inside(o.qty):
        return refuse("BAD_QTY")
    if o.can_rest() and o.display_qty is not None and not inside(o.display_qty, 0):
        return refuse("BAD_DISPLAY")
    if o.order_type == "limit" and not inside(o.price) or o.order_type == "stop_limit" and not inside(o.limit):
        return refuse("BAD_PRICE")
    if o.order_type == "pegged" and o.limit is not None and not inside(o.limit):
        return refuse("BAD_PRICE")
    if o.order_type in STOPS and not inside(o.stop_price):
        return refuse("BAD_STOP_PRICE")
    if o.order_type == "pegged" and not (o.peg and inside(o.offset, -(2**31))):
        return refuse("BAD_PEG")
    if o.post_only and (o.order_type in ("market", *STOPS) or o.tif in NO_REST):
        return refuse("BAD_COMBINATION")
    if phase == "call" and o.tif in NO_REST and o.order_type not in STOPS:
        return refuse("WRONG_PHASE")
    return None
