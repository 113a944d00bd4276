"""Messages to hold a book against its twin: seeded random days, six regimes of trouble, and mirror images.

A message is a dict of cells in words, as `NaiveBook.apply` takes it; a missing cell is empty. All prices of a day lie
in a range so small that everything meets everything; cancels, reduces and replaces name ids of the last few dozen
messages, so that most of them hit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

SIDES = ("buy", "sell")
BAD_PRICES = (0, -1, 2**31, -(2**31), 10**12)
BAD_OFFSETS = (2**40, -(2**40))
WEIGHTS = {"add": 58, "cancel": 14, "reduce": 9, "replace": 15, "cancel_all": 1}
TYPES = {"limit": 55, "market": 9, "pegged": 16, "stop": 8, "stop_limit": 12}
TIFS = {None: 60, "gtc": 14, "day": 4, "ioc": 12, "fok": 10}


def pick(rng: random.Random, weights: dict):
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


@dataclass
class Day:
    """A source of messages; `mid` may be moved between calls and prices follow it.

    Attributes: `bad` is the share of messages with a value that makes no sense, `unborn` the share of references to
    an id that comes later or never, `plain` gives limit and market orders only, `sides` the sides that adds take.
    """

    seed: int
    mid: int = 100
    half_width: int = 8
    max_qty: int = 12
    memory: int = 40
    participants: int = 3
    bad: float = 0.03
    unborn: float = 0.05
    auctions: float = 0.02
    plain: bool = False
    sides: tuple = SIDES
    weights: dict = field(default_factory=lambda: dict(WEIGHTS))
    types: dict = field(default_factory=lambda: dict(TYPES))
    next_id: int = 1

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.recent: list[int] = []

    def messages(self, n: int) -> list[dict]:
        """The next `n` messages."""
        return [self.message() for _ in range(n)]

    def message(self) -> dict:
        rng = self.rng
        if rng.random() < self.auctions and not self.plain:
            action = rng.choice(("call", "uncross", "uncross", "uncross"))
            cells = {"action": action, "order_id": 0}
            if action == "uncross" and rng.random() < 0.7:
                cells["price"] = self.price()
            return cells
        action = pick(rng, self.weights)
        message = getattr(self, action)()
        if rng.random() < self.bad:
            self.spoil(message)
        return message

    def price(self) -> int:
        return self.mid + self.rng.randint(-self.half_width, self.half_width)

    def qty(self) -> int:
        return self.rng.randint(1, self.max_qty)

    def born(self, order_id: int) -> int:
        self.recent.append(order_id)
        del self.recent[: -self.memory]
        return order_id

    def new_id(self) -> int:
        """Mostly a fresh id; now and then one that was used before and may be alive."""
        if self.recent and self.rng.random() < 0.04:
            return self.born(self.rng.choice(self.recent))
        self.next_id += 1
        return self.born(self.next_id - 1)

    def old_id(self) -> int:
        """An id of the last few messages, or one that is not born yet."""
        if not self.recent or self.rng.random() < self.unborn:
            return self.next_id + self.rng.randint(0, 20)
        return self.rng.choice(self.recent)

    def add(self) -> dict:
        rng = self.rng
        m = {"action": "add", "order_id": self.new_id(), "side": rng.choice(self.sides), "qty": self.qty()}
        if self.plain:
            kind = "market" if rng.random() < 0.15 else "limit"
        else:
            kind = pick(rng, self.types)
        if kind != "limit" or rng.random() < 0.1:
            m["order_type"] = kind
        if kind in ("limit", "stop_limit") or kind == "pegged" and rng.random() < 0.3:
            m["price"] = self.price()
        if rng.random() < 0.8:
            m["participant"] = rng.randint(1, self.participants)
        if self.plain:
            return m
        tif = pick(rng, TIFS)
        if tif:
            m["tif"] = tif
        if kind in ("stop", "stop_limit"):
            m["stop_price"] = self.price()
        if kind == "pegged":
            m["peg"] = rng.choice(("primary", "market", "mid"))
            if rng.random() < 0.6:
                m["offset"] = rng.randint(-4, 4)
        if rng.random() < 0.35:
            m["display_qty"] = rng.choice((0, 0, 1, 2, 3, 5, 8, 20))
        if rng.random() < (0.25 if tif not in ("ioc", "fok") and kind in ("limit", "pegged") else 0.02):
            m["post_only"] = rng.choice(("reject", "slide", "slide"))
        return m

    def cancel(self) -> dict:
        return {"action": "cancel", "order_id": self.old_id()}

    def reduce(self) -> dict:
        return {"action": "reduce", "order_id": self.old_id(), "qty": self.rng.randint(1, max(1, self.max_qty // 2))}

    def replace(self) -> dict:
        rng = self.rng
        m = {"action": "replace", "order_id": self.old_id(), "qty": self.qty()}
        if rng.random() < 0.6:
            m["price"] = self.price()
        if self.plain:
            return m
        if rng.random() < 0.2:
            m["display_qty"] = rng.choice((0, 1, 2, 4, 30))
        if rng.random() < 0.25:
            m["stop_price"] = self.price()
        if rng.random() < 0.25:
            m["offset"] = rng.randint(-4, 4)
        if rng.random() < 0.25:
            m["new_order_id"] = self.new_id()
        return m

    def cancel_all(self) -> dict:
        if self.rng.random() < 0.2:
            return {"action": "cancel_all", "order_id": 0}
        return {"action": "cancel_all", "order_id": 0, "participant": self.rng.randint(1, self.participants + 1)}

    def spoil(self, m: dict) -> None:
        """Give one cell a value that makes no sense, or empty it."""
        rng = self.rng
        name = rng.choice(("qty", "price", "stop_price", "display_qty", "offset", "side", "peg", "qty", "price"))
        if name in ("side", "peg") or rng.random() < 0.2:
            m.pop(name, None)
        elif name == "offset":
            m[name] = rng.choice(BAD_OFFSETS)
        elif name == "display_qty":
            m[name] = rng.choice((-1, 2**31, -(2**40)))
        else:
            m[name] = rng.choice(BAD_PRICES)


def random_day(seed: int, n: int, **settings) -> list[dict]:
    """`n` messages that mix everything; see `Day` for the settings."""
    return Day(seed, **settings).messages(n)


# ---- the six regimes of real trouble


def thin_books(seed: int, n: int) -> list[dict]:
    """Hardly an order in the book, prices far apart."""
    weights = {"add": 50, "cancel": 35, "reduce": 5, "replace": 10, "cancel_all": 3}
    return Day(seed, half_width=3_000, mid=10_000, memory=3, weights=weights).messages(n)


def one_side_empty(seed: int, n: int) -> list[dict]:
    """Bids only, then offers only, and market orders that find nothing."""
    day = Day(seed)
    out = []
    while len(out) < n:
        day.sides = (SIDES[len(out) // 50 % 2],)
        out += day.messages(10)
    return out[:n]


def cancel_storms(seed: int, n: int) -> list[dict]:
    """Quiet building, then runs of nothing but cancels, reduces and cancel_alls, many of them late."""
    day = Day(seed, memory=120)
    build, storm = dict(WEIGHTS), {"add": 1, "cancel": 75, "reduce": 10, "replace": 10, "cancel_all": 4}
    out = []
    while len(out) < n:
        day.weights = storm if len(out) // 60 % 2 else build
        out += day.messages(20)
    return out[:n]


def price_jumps(seed: int, n: int) -> list[dict]:
    """The price jumps by 20,000 ticks and back while old orders stay where they are."""
    day = Day(seed, mid=30_000)
    out = []
    while len(out) < n:
        out += day.messages(30)
        day.mid = day.rng.choice((10_000, 30_000, 50_000, 30_040, 29_950))
    return out[:n]


def sweeps(seed: int, n: int, resting: int = 1_000) -> list[dict]:
    """`resting` orders on a side, icebergs and hidden ones among them, swept by one order; again and again."""
    rng = random.Random(seed)
    out: list[dict] = []
    order_id = 1
    while len(out) < n:
        side, other = SIDES if rng.random() < 0.5 else SIDES[::-1]
        sign = 1 if side == "sell" else -1
        for _ in range(resting):
            m = {"action": "add", "order_id": order_id, "side": side, "qty": rng.randint(1, 5)}
            m["price"] = 20_000 + sign * rng.randint(1, 300)
            if rng.random() < 0.15:
                m["display_qty"] = rng.choice((0, 1, 2))
            out.append(m)
            order_id += 1
        if rng.random() < 0.5:
            stop = 20_000 + sign * rng.randint(50, 300)
            out.append({"action": "add", "order_id": order_id, "side": other, "order_type": "stop"})
            out[-1] |= {"stop_price": stop, "qty": 50}
            order_id += 1
        out.append({"action": "add", "order_id": order_id, "side": other, "order_type": "market", "qty": 5 * resting})
        order_id += 1
    return out[:n] if n > resting else out


def unborn_ids(seed: int, n: int) -> list[dict]:
    """Half of all references name an id before its order comes."""
    return Day(seed, unborn=0.5, memory=15).messages(n)


REGIMES = {f.__name__: f for f in (thin_books, one_side_empty, cancel_storms, price_jumps, sweeps, unborn_ids)}


def scatter_ids(messages: list[dict]) -> list[dict]:
    """The same day with ids all over the 64 bits, negative ones among them; 0 stays 0."""

    def far(order_id: int) -> int:
        return (order_id * 0x9E3779B97F4A7C15 + 2**63) % 2**64 - 2**63

    return [m | {k: far(m[k]) for k in ("order_id", "new_order_id") if m.get(k) is not None} for m in messages]


# ---- mirror images

AXIS = 2**31
"""Prices p and AXIS - p are images of each other; the valid range 1..2^31-1 is its own image, edges included."""


def mirror_message(m: dict) -> dict:
    """The same message on the other side of the world. Values out of range stay as bad as they were."""
    image = dict(m)
    if m.get("side") in SIDES:
        image["side"] = SIDES[1 - SIDES.index(m["side"])]
    for name in ("price", "stop_price"):
        if m.get(name) is not None:
            image[name] = AXIS - m[name]
    if m.get("offset") is not None:
        image["offset"] = -m["offset"]
    return image


def mirror_trades(trades: list[tuple], auction_volume: int = 0) -> list[tuple]:
    """Image of a message's trades. An uncross prints its volume first, and names the buy first, not the maker."""
    image = []
    for seq, maker, taker, price, qty in trades:
        pair = (taker, maker) if auction_volume > 0 else (maker, taker)
        auction_volume -= qty
        image.append((seq, *pair, AXIS - price, qty))
    return image


def mirror_rows(rows: list[tuple]) -> list[tuple]:
    """Image of `l3()` rows, bids first again."""
    image = [
        (SIDES[1 - SIDES.index(side)], None if price is None else AXIS - price, *rest) for side, price, *rest in rows
    ]
    return sorted(image, key=lambda row: SIDES.index(row[0]))


def mirror_pending(rows: list[tuple]) -> list[tuple]:
    """Image of `pending()` rows."""
    return [(order_id, SIDES[1 - SIDES.index(side)], *rest) for order_id, side, *rest in rows]
