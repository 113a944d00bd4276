"""The matching rules in plain Python: lists, dicts and words, written from docs/matching.md and from nothing else.

A side of the book is one list in order of time. Priority is a sort of that list by price and by displayed before
hidden; Python's sort is stable, so time comes last by itself. Going to the back of a queue is: leave the list, and
come in at its end. Nothing here is fast, and nothing here knows the engine.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from tests.naive.order import (
    NO_REST,
    OTHER,
    STOPS,
    Order,
    Report,
    bad_add,
    better,
    inside,
    meets,
    not_beyond,
    refuse,
    short_of,
)
from tests.naive.sweep import sweep


class NaiveBook:
    """One book. `apply` takes a message as a dict of cells (missing or None = empty) and returns its `Report`.

    Attributes: `trades`, a list of (seq, maker_order_id, taker_order_id, price, qty); `seq` counts the messages from 0.
    """

    def __init__(self, stp: str = "off", keep_on_decrease: bool = False):
        self.stp = stp
        self.keep_on_decrease = keep_on_decrease
        self.phase = "continuous"
        self.last: int | None = None
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}
        self.stops: list[Order] = []  # waiting, in order of entry
        self.pegs: list[Order] = []  # alive, in order of entry, in the book or parked
        self.triggered: list[Order] = []
        self.alive: dict[int, Order] = {}
        self.trades: list[tuple] = []
        self.entries = 0
        self.seq = -1

    # ---- messages

    def apply(self, message: dict) -> Report:
        """Do one message to its end: its own order, then pegs, then the stops that it triggered."""
        self.seq += 1
        action = getattr(self, "_" + message["action"])
        report = action(message)
        if report.status != "reject":
            self._settle()
        return report

    def expire(self, now_ns: int) -> list[int]:
        """Cancel every good-till-date order whose time has come; return their ids, earliest first, then by entry."""
        due = [o for o in self.alive.values() if o.tif == "gtd" and o.expire_ns <= now_ns]
        due.sort(key=lambda o: (o.expire_ns, o.entry))
        for order in due:
            self._remove(order)
        self._settle()
        return [o.order_id for o in due]

    def _add(self, m: dict) -> Report:
        order_type = m.get("order_type") or "limit"
        pegged, price = order_type == "pegged", m.get("price")
        order = Order(
            order_id=m["order_id"],
            side=m.get("side"),
            order_type=order_type,
            tif=m.get("tif") or "gtc",
            price=price if order_type == "limit" else None,
            qty=m.get("qty"),
            display_qty=m.get("display_qty"),
            stop_price=m.get("stop_price"),
            peg=m.get("peg") if pegged else None,
            offset=m.get("offset") or 0,
            limit=price if pegged or order_type == "stop_limit" else None,
            post_only={None: None, 0: None, "reject": "reject", 1: "reject", "slide": "slide"}[m.get("post_only")],
            participant=m.get("participant"),
            expire_ns=m.get("expire_ns"),
        )
        return bad_add(order, self.alive, self.phase) or self._bad_arrival(order) or self._enter(order)

    def _bad_arrival(self, o: Order) -> Report | None:
        """The reasons that depend on the book: a peg that cannot wait, post-only. May slide the order's price."""
        if self.phase == "call" or o.order_type in STOPS:
            return None
        if o.order_type == "pegged":
            o.price = self._target(o, self._references())
            if o.price is None:
                return refuse("NO_REFERENCE") if o.tif in NO_REST else None
        best = self._best(OTHER[o.side])
        if o.post_only and best is not None and meets(o.side, o.price, best):
            o.price = short_of(o.side, best)
            if o.post_only == "reject" or not inside(o.price):
                return refuse("POST_ONLY_WOULD_TRADE")
        return None

    def _cancel(self, m: dict) -> Report:
        order = self.alive.get(m["order_id"])
        if order is None:
            return refuse("UNKNOWN_ORDER")
        self._remove(order)
        return Report("canceled")

    def _reduce(self, m: dict) -> Report:
        order = self.alive.get(m["order_id"])
        if order is None:
            return refuse("UNKNOWN_ORDER")
        if not inside(m.get("qty")):
            return refuse("BAD_QTY")
        if m["qty"] >= order.qty:
            self._remove(order)
            return Report("canceled")
        order.qty -= m["qty"]
        order.shown = min(order.shown, order.qty)
        return Report("ack", leaves=order.qty)

    def _replace(self, m: dict) -> Report:
        old = self.alive.get(m["order_id"])
        if old is None:
            return refuse("UNKNOWN_ORDER")
        new_id = m["order_id"] if m.get("new_order_id") is None else m["new_order_id"]
        if new_id != m["order_id"] and new_id in self.alive:
            return refuse("DUPLICATE_ORDER")
        qty = m.get("qty")
        if not inside(qty):
            return refuse("BAD_QTY")
        if m.get("total"):
            qty -= old.filled
            if qty <= 0:
                self._remove(old)
                return Report("canceled")

        new, price = replace(old, order_id=new_id, qty=qty), m.get("price")
        if m.get("display_qty") is not None and old.can_rest():
            if not inside(m["display_qty"], 0):
                return refuse("BAD_DISPLAY")
            new.display_qty = m["display_qty"]
        if price is not None and old.order_type not in ("market", "stop"):
            if not inside(price):
                return refuse("BAD_PRICE")
            if old.order_type == "limit":
                new.price = price
            else:
                new.limit = price
        if m.get("stop_price") is not None and old.order_type in STOPS:
            if not inside(m["stop_price"]):
                return refuse("BAD_STOP_PRICE")
            new.stop_price = m["stop_price"]
        if m.get("offset") is not None and old.order_type == "pegged":
            if not inside(m["offset"], -(2**31)):
                return refuse("BAD_PEG")
            new.offset = m["offset"]

        if self.keep_on_decrease and qty < old.qty and self._same_terms(old, new):
            del self.alive[old.order_id]
            old.order_id, old.qty, old.shown = new_id, qty, min(old.shown, qty)
            self.alive[new_id] = old
            return Report("ack", leaves=qty)
        refused = self._bad_arrival(new)
        if refused:
            return refused
        self._remove(old)
        return self._enter(new)

    @staticmethod
    def _same_terms(old: Order, new: Order) -> bool:
        names = ("price", "limit", "display_qty", "stop_price", "offset")
        return all(getattr(old, name) == getattr(new, name) for name in names)

    def _cancel_all(self, m: dict) -> Report:
        who = m.get("participant")
        for order in list(self.alive.values()):
            if who is not None and order.participant == who:
                self._remove(order)
        return Report("canceled")

    # ---- arrival and matching

    def _enter(self, o: Order) -> Report:
        """A checked order comes in: it waits as a stop, is parked as a peg, or meets the other side."""
        self.entries += 1
        o.entry = self.entries
        o.shown = o.clip()
        if o.order_type in STOPS:
            if self.phase == "call" or self.last is None or not self._reached(o, self.last):
                self.alive[o.order_id] = o
                self.stops.append(o)
                return Report("ack", leaves=o.qty)
            return self._arrive(self._trigger(o))
        if o.order_type == "pegged" and (o.price is None or self.phase == "call"):
            o.price = None
            self.alive[o.order_id] = o
            self.pegs.append(o)
            return Report("ack", leaves=o.qty)
        return self._arrive(o)

    def _arrive(self, o: Order) -> Report:
        """Match an order, then let its rest stand or cancel it."""
        if self.phase == "call":
            self._rest(o)
            return Report("ack", leaves=o.qty)
        wanted = o.qty
        if o.tif == "fok":
            trial = copy.copy(o)
            run = sweep(trial, copy.deepcopy(self.sides[OTHER[o.side]]), self.stp)
            if sum(qty for _, _, qty in run.trades) < wanted:
                return Report("canceled", "FOK_KILLED")
        run = sweep(o, self.sides[OTHER[o.side]], self.stp)
        for maker in run.gone:
            self._forget(maker)
        for maker, price, qty in run.trades:
            self._print(maker.order_id, o.order_id, price, qty)
            self._trigger_reached(price)
        filled = sum(qty for _, _, qty in run.trades)
        notional = sum(price * qty for _, price, qty in run.trades)
        o.filled += filled
        if filled == wanted:
            return Report("fill", "", filled, 0, notional)
        if run.stopped or o.qty == 0:
            return Report("canceled", "SELF_TRADE", filled, 0, notional)
        if o.order_type == "market":
            return Report("canceled", "MARKET_REST", filled, 0, notional)
        if o.tif == "ioc":
            return Report("canceled", "IOC_REST", filled, 0, notional)
        self._rest(o)
        return Report("partial" if filled else "ack", "SELF_TRADE" if run.lost else "", filled, o.qty, notional)

    def _rest(self, o: Order) -> None:
        o.shown = o.clip()
        self.alive[o.order_id] = o
        self.sides[o.side].append(o)
        if o.order_type == "pegged":
            self.pegs.append(o)

    def _remove(self, o: Order) -> None:
        for group in (*self.sides.values(), self.stops):
            if o in group:
                group.remove(o)
        self._forget(o)

    def _forget(self, o: Order) -> None:
        """The order has left its queue: it is not alive any more."""
        if o in self.pegs:
            self.pegs.remove(o)
        del self.alive[o.order_id]

    def _print(self, maker_id: int, taker_id: int, price: int, qty: int) -> None:
        self.trades.append((self.seq, maker_id, taker_id, price, qty))
        self.last = price

    # ---- stops and pegs

    @staticmethod
    def _reached(stop: Order, price: int) -> bool:
        return price >= stop.stop_price if stop.side == "buy" else price <= stop.stop_price

    def _trigger_reached(self, price: int) -> None:
        """Put every stop that `price` reaches into the queue: the farthest first, then the earlier entered."""
        hit = sorted(
            (s for s in self.stops if self._reached(s, price)), key=lambda s: (-abs(s.stop_price - price), s.entry)
        )
        for stop in hit:
            self.stops.remove(stop)
        self.triggered += hit

    @staticmethod
    def _trigger(stop: Order) -> Order:
        """The market or limit order that a stop becomes."""
        stop.order_type = "market" if stop.order_type == "stop" else "limit"
        stop.price = stop.limit
        stop.limit = None
        return stop

    def _settle(self) -> None:
        """Pegs follow the book; then each triggered stop arrives, and pegs follow it."""
        self._reprice()
        while self.triggered:
            stop = self.triggered.pop(0)
            del self.alive[stop.order_id]
            self._arrive(self._trigger(stop))
            self._reprice()

    def _best(self, side: str) -> int | None:
        """Best price of any order of a side."""
        prices = [o.price for o in self.sides[side] if o.price is not None]
        return None if not prices else max(prices) if side == "buy" else min(prices)

    def _reference(self, side: str) -> int | None:
        """Best price among displayed orders that are not pegged."""
        prices = [o.price for o in self.sides[side] if o.order_type != "pegged" and not o.hidden]
        return None if not prices else max(prices) if side == "buy" else min(prices)

    def _references(self) -> dict[str, int | None]:
        return {side: self._reference(side) for side in OTHER}

    @staticmethod
    def _target(peg: Order, references: dict[str, int | None]) -> int | None:
        """Where the references want a peg; None when it has no price."""
        own, other = references[peg.side], references[OTHER[peg.side]]
        base = {"primary": own, "market": other, "mid": None}[peg.peg]
        if peg.peg == "mid" and own is not None and other is not None:
            base = (own + other) // 2 if peg.side == "buy" else (own + other + 1) // 2
        if base is None:
            return None
        price = base + peg.offset
        if peg.limit is not None:
            price = not_beyond(peg.side, price, peg.limit)
        if other is not None:
            price = not_beyond(peg.side, price, short_of(peg.side, other))
        return price if inside(price) else None

    def _reprice(self) -> None:
        """Move pegs: those that step back, then those that step forward; each group in order of entry."""
        if self.phase == "call":
            return
        references = self._references()
        wanted = [(peg, self._target(peg, references)) for peg in self.pegs]
        back = [
            (p, t)
            for p, t in wanted
            if p.price is not None and (t is None or (t != p.price and better(p.side, p.price, t)))
        ]
        forward = [(p, t) for p, t in wanted if t is not None and (p.price is None or better(p.side, t, p.price))]
        for peg, target in back:
            self._move(peg, target)
        for peg, target in forward:
            best = self._best(OTHER[peg.side])
            if best is not None:
                target = not_beyond(peg.side, target, short_of(peg.side, best))
            self._move(peg, target if inside(target) else None)

    def _move(self, peg: Order, price: int | None) -> None:
        if price == peg.price:
            return
        if peg.price is not None:
            self.sides[peg.side].remove(peg)
        peg.price = price
        if price is not None:
            self.sides[peg.side].append(peg)

    # ---- auction

    def _call(self, m: dict) -> Report:
        if self.phase == "call":
            return refuse("WRONG_PHASE")
        self.phase = "call"
        for peg in self.pegs:
            self._move(peg, None)
        return Report("ack")

    def indicative(self, reference: int) -> tuple[int | None, int, int]:
        """(price, volume, buy surplus) of an uncross now; without volume no price, and the surplus of market orders."""
        best = None
        prices = {o.price for side in self.sides.values() for o in side if o.price is not None} | {reference}
        for price in sorted(prices):
            bid, ask = (
                sum(o.qty for o in self.sides[side] if o.price is None or meets(side, o.price, price)) for side in OTHER
            )
            key = (-min(bid, ask), abs(bid - ask), abs(price - reference))
            if best is None or key < best[0]:
                best = (key, price, min(bid, ask), bid - ask)
        if best[2]:
            return best[1:]
        market = [sum(o.qty for o in self.sides[side] if o.price is None) for side in OTHER]
        return None, 0, market[0] - market[1]

    def _uncross(self, m: dict) -> Report:
        if self.phase != "call":
            return refuse("WRONG_PHASE")
        reference = self.last if m.get("price") is None else m["price"]
        if reference is None:
            return refuse("NO_REFERENCE")
        if not inside(reference):
            return refuse("BAD_PRICE")
        price, volume, _ = self.indicative(reference)
        buys, sells = (sorted(self.sides[side], key=Order.rank) for side in OTHER)
        left = volume
        while left:
            buy, sell = buys[0], sells[0]
            qty = min(buy.qty, sell.qty, left)
            self._print(buy.order_id, sell.order_id, price, qty)
            for order, queue in ((buy, buys), (sell, sells)):
                order.qty -= qty
                order.filled += qty
                if order.qty == 0:
                    queue.pop(0)
                    self._remove(order)
                else:
                    order.shown = 0 if order.hidden else order.clip()
            left -= qty
        for order in [o for side in self.sides.values() for o in side if o.price is None]:
            self._remove(order)
        self.phase = "continuous"
        self._reprice()
        if self.last is not None:
            self._trigger_reached(self.last)
        return Report("ack", "", volume, 0, volume * price if volume else 0)

    # ---- views

    def l3(self) -> list[tuple]:
        """Rows of the book file: (side, price, position, order_id, open qty, shown qty), bids first, best first."""
        rows = []
        for side in OTHER:
            position = {}
            for o in sorted(self.sides[side], key=Order.rank):
                position[o.price] = position.get(o.price, -1) + 1
                rows.append((side, o.price, position[o.price], o.order_id, o.qty, o.shown))
        return rows

    def pending(self) -> list[tuple]:
        """Rows of the pending file: waiting stops and parked pegs, (order_id, side, order_type, qty) by entry."""
        parked = [p for p in self.pegs if p.price is None]
        return [(o.order_id, o.side, o.order_type, o.qty) for o in sorted(self.stops + parked, key=lambda o: o.entry)]

    def depth(self, n: int | None = None) -> tuple[list, list]:
        """Displayed (price, qty) levels of both sides, best first, the first `n` of each."""
        both = []
        for side in OTHER:
            levels: dict[int, int] = {}
            for o in sorted(self.sides[side], key=Order.rank):
                if o.price is not None and not o.hidden:
                    levels[o.price] = levels.get(o.price, 0) + o.shown
            both.append(list(levels.items())[:n])
        return both[0], both[1]

    def top(self) -> tuple:
        """Best displayed (price, qty) of each side, None when nothing is displayed there."""
        bids, asks = self.depth(1)
        return (bids[0] if bids else None, asks[0] if asks else None)
