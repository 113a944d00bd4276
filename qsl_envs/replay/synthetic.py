"""Makes a day that looks like a LOBSTER sample: a zero-intelligence order flow, written as its two CSV files.

The flow lives on a full book of its own; the files show, as LOBSTER's do, only the best levels of it. So they have the
same gaps: orders that rested before the first row have no add, prices come into the recorded levels unannounced, what
leaves them may be cancelled unseen. There are partial cancels, replaces (a deletion and an add of one stamp), hidden
executions (id 0, some off the tick) and market orders that take several orders in one stamp.

Chance is Python's `random.Random`, whose `random()` is the same everywhere, and the logarithm is this package's own:
a seed gives the same bytes on every machine.
"""

from __future__ import annotations

import gzip
import random
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import require
from qsl_envs.kernel.fmath import log_
from qsl_envs.replay import lobster
from qsl_envs.replay.lobster import ASK_SENTINEL, BID_SENTINEL, CENT

SECOND_NS = 1_000_000_000
SIZES = (100, 100, 100, 100, 100, 200, 300, 500, 50, 25, 18, 7)
"""Lots of an order, each as likely as the others."""
WARM_UP_EVENTS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticConfig:
    """A synthetic day. Rates are per second; those of orders are per side."""

    seed: int = 7
    """of the day's flow"""
    symbol: str = "SYNTH"
    """ticker in the files' names"""
    date: str = "2000-01-03"
    """date in the files' names"""
    start_s: int = 34_200
    """seconds after midnight of the first possible event"""
    duration_s: int = 1_800
    """seconds that the files cover"""
    num_levels: int = 10
    """levels of the book file"""
    mid_price: int = 10_000
    """ticks (cents) around which the book is built"""
    limit_rate: float = 6.0
    """limit orders"""
    depth: int = 40
    """ticks from the opposite best price that limit orders spread over, the nearer the more likely"""
    cancel_rate: float = 0.14
    """cancels per resting order"""
    market_rate: float = 0.9
    """market orders"""
    sweep_share: float = 0.25
    """share of market orders that are as large as the best level and more"""
    hidden_rate: float = 0.15
    """executions of hidden orders"""

    def __post_init__(self) -> None:
        require(1 <= self.num_levels <= 50, self, "num_levels", "in [1, 50]", self.num_levels)
        require(1 <= self.duration_s <= 86_400 - self.start_s, self, "duration_s", "inside the day", self.duration_s)
        require(self.depth >= 2 * self.num_levels, self, "depth", ">= 2 * num_levels", self.depth)
        require(2 * self.depth < self.mid_price < 10_000_000, self, "mid_price", "far from 0", self.mid_price)
        for name in ("limit_rate", "cancel_rate", "market_rate"):
            require(getattr(self, name) > 0, self, name, "> 0", getattr(self, name))

    @property
    def file_stem(self) -> str:
        """Names of the files up to `message` and `orderbook`."""
        end_s = self.start_s + self.duration_s
        return f"{self.symbol}_{self.date}_{self.start_s * 1000}_{end_s * 1000}"


class _FullBook:
    """Every order of the synthetic market: per side a sorted list of prices and a FIFO of [id, qty] at each."""

    def __init__(self) -> None:
        self.prices: tuple[list[int], list[int]] = ([], [])  # ascending
        self.queues: tuple[dict[int, list[list[int]]], ...] = ({}, {})
        self.orders: list[tuple[int, int, list[int]]] = []  # (side, price, order), in no order
        self.place: dict[int, int] = {}  # id -> index in `orders`

    def best(self, side: int) -> int:
        return self.prices[side][-1 if side == BUY else 0]

    def add(self, side: int, price: int, order_id: int, qty: int) -> None:
        order = [order_id, qty]
        if price not in self.queues[side]:
            self.queues[side][price] = []
            insort(self.prices[side], price)
        self.queues[side][price].append(order)
        self.place[order_id] = len(self.orders)
        self.orders.append((side, price, order))

    def remove(self, side: int, price: int, order: list[int]) -> None:
        queue = self.queues[side][price]
        queue.remove(order)
        if not queue:
            del self.queues[side][price]
            del self.prices[side][bisect_left(self.prices[side], price)]
        at = self.place.pop(order[0])
        last = self.orders.pop()
        if last[2] is not order:
            self.orders[at] = last
            self.place[last[2][0]] = at

    def levels(self, side: int, count: int) -> list[tuple[int, int]]:
        """The best `count` (price, lots) of a side."""
        prices = self.prices[side][: -count - 1 : -1] if side == BUY else self.prices[side][:count]
        return [(price, sum(order[1] for order in self.queues[side][price])) for price in prices]

    def is_seen(self, side: int, price: int, count: int) -> bool:
        """Whether a price is among the best `count` of its side, or would be."""
        prices = self.prices[side]
        at = bisect_left(prices, price)
        return (len(prices) - at - (at < len(prices) and prices[at] == price) if side == BUY else at) < count


def rows(config: SyntheticConfig) -> Iterator[tuple[str, str]]:
    """The day's rows: (line of the message file, line of the book file), without line ends."""
    chance = random.Random(config.seed)
    book = _FullBook()
    next_id = _build(book, config, chance)
    ts_ns = config.start_s * SECOND_NS
    end_ns = ts_ns + config.duration_s * SECOND_NS
    step = 0
    while True:
        warm = step >= WARM_UP_EVENTS
        cancels = config.cancel_rate * len(book.orders)
        parts = (2 * config.limit_rate, cancels, 2 * config.market_rate, 2 * config.hidden_rate)
        total = sum(parts)
        gap_ns = int(-log_(1.0 - chance.random()) / total * SECOND_NS)
        if warm:
            ts_ns += gap_ns
            if ts_ns >= end_ns:
                return
        where = chance.random() * total
        if where < parts[0]:
            messages = _limit(book, config, chance, next_id)
        elif where < parts[0] + parts[1]:
            messages = _cancel(book, config, chance, next_id)
        elif where < parts[0] + parts[1] + parts[2]:
            messages = _market(book, config, chance)
        else:
            messages = _hidden(book, chance)
        for kind, order_id, qty, price, side, seen in messages:
            next_id = max(next_id, order_id + 1)
            if warm and seen:
                direction = 1 if side == BUY else -1
                yield f"{_time(ts_ns)},{kind},{order_id},{qty},{price},{direction}", _book_line(book, config.num_levels)
        step += 1


def _build(book: _FullBook, config: SyntheticConfig, chance: random.Random) -> int:
    """Lay the first orders; return the next free id."""
    next_id = 1_000
    for distance in range(1, config.depth + 1):
        for side, price in ((BUY, config.mid_price - distance), (SELL, config.mid_price + distance)):
            book.add(side, price, next_id, _size(chance))
            next_id += 1
    return next_id


def _size(chance: random.Random) -> int:
    return SIZES[int(chance.random() * len(SIZES))]


def _limit(book: _FullBook, config: SyntheticConfig, chance: random.Random, next_id: int):
    """A limit order, `depth` ticks at most from the opposite best price."""
    side = BUY if chance.random() < 0.5 else SELL
    spread = min(chance.random(), chance.random())
    distance = 1 + int(spread * config.depth)
    price = book.best(side ^ 1) + (distance if side == SELL else -distance)
    seen = book.is_seen(side, price, config.num_levels)
    qty = _size(chance)
    book.add(side, price, next_id, qty)
    yield lobster.NEW, next_id, qty, price * CENT, side, seen


def _cancel(book: _FullBook, config: SyntheticConfig, chance: random.Random, next_id: int):
    """A deletion, a partial cancel, or a replace (a deletion and an add of one stamp); a side keeps its last price."""
    side, price, order = book.orders[int(chance.random() * len(book.orders))]
    what = chance.random()
    seen = book.is_seen(side, price, config.num_levels)
    if what < 0.04 and order[1] > 1:
        cut = 1 + int(chance.random() * (order[1] - 1))
        order[1] -= cut
        yield lobster.PARTIAL_CANCEL, order[0], cut, price * CENT, side, seen
        return
    if len(book.prices[side]) == 1:
        return
    book.remove(side, price, order)
    yield lobster.DELETION, order[0], order[1], price * CENT, side, seen
    if what > 0.9:
        new_price = min(price + 1, book.best(SELL) - 1) if side == BUY else max(price - 1, book.best(BUY) + 1)
        seen = book.is_seen(side, new_price, config.num_levels)
        book.add(side, new_price, next_id, order[1])
        yield lobster.NEW, next_id, order[1], new_price * CENT, side, seen


def _market(book: _FullBook, config: SyntheticConfig, chance: random.Random):
    """A market order: each resting order that it takes is a row. The last price of a side stays."""
    side = BUY if chance.random() < 0.5 else SELL  # of the resting orders
    left = _size(chance)
    if chance.random() < config.sweep_share:
        left += int(book.levels(side, 1)[0][1] * (0.5 + 2.0 * chance.random()))
    while left > 0:
        price = book.best(side)
        order = book.queues[side][price][0]
        if len(book.prices[side]) == 1 and len(book.queues[side][price]) == 1:
            return
        qty = min(left, order[1])
        left -= qty
        order[1] -= qty
        if order[1] == 0:
            book.remove(side, price, order)
        yield lobster.VISIBLE_EXECUTION, order[0], qty, price * CENT, side, True


def _hidden(book: _FullBook, chance: random.Random):
    """An execution of a hidden order: at the middle of the spread (perhaps off the tick), else at the best price."""
    side = BUY if chance.random() < 0.5 else SELL
    bid, ask = book.best(BUY), book.best(SELL)
    price = (bid + ask) * CENT // 2 if chance.random() < 0.6 else book.best(side) * CENT
    yield lobster.HIDDEN_EXECUTION, 0, _size(chance), price, side, True


def _time(ts_ns: int) -> str:
    """Seconds after midnight with the trailing zeros dropped, as the publisher writes them."""
    whole, part = divmod(ts_ns, SECOND_NS)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")


def _book_line(book: _FullBook, count: int) -> str:
    cells = []
    asks, bids = book.levels(SELL, count), book.levels(BUY, count)
    for level in range(count):
        price, qty = asks[level] if level < len(asks) else (0, 0)
        cells.append(f"{price * CENT or ASK_SENTINEL},{qty}")
        price, qty = bids[level] if level < len(bids) else (0, 0)
        cells.append(f"{price * CENT or BID_SENTINEL},{qty}")
    return ",".join(cells)


def write_day(folder: str | Path, config: SyntheticConfig | None = None, *, compress: bool = False) -> Path:
    """Write a synthetic day's two files into `folder` and return the path of the message file.

    Args:
        compress: write `.csv.gz`, with no time stamp inside, so that the same day is the same bytes.
    """
    config = config or SyntheticConfig()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(rows(config))
    paths = []
    for column, what in enumerate(("message", "orderbook")):
        data = "".join(line[column] + "\n" for line in lines).encode("ascii")
        path = folder / f"{config.file_stem}_{what}_{config.num_levels}.csv{'.gz' if compress else ''}"
        path.write_bytes(gzip.compress(data, 9, mtime=0) if compress else data)
        paths.append(path)
    return paths[0]
