"""Order books of other people, and ours, behind one small face: one Python call a message, its fill read back.

This file also runs by itself, in the environment that has the peer: `python peer_books.py NAME STREAM.json` prints the
seconds of the best round and the lots that each message filled. It imports nothing but the standard library and the
book that is asked for.
"""

from __future__ import annotations

import json
import sys
import time
import zlib

ROUNDS = 3
BUY = 0


class QuantSimLab:
    """Ours, through the facade for people."""

    def __init__(self) -> None:
        from qsl_envs.engine import OrderBook

        self._book = OrderBook()
        self._ids: dict[int, int] = {}

    def submit(self, number: int, side: int, price: int, qty: int) -> int:
        report = self._book.submit(side, price=price, qty=qty)
        self._ids[number] = report.order_id
        return report.filled_qty

    def cancel(self, number: int) -> None:
        self._book.cancel(self._ids[number])


class OrderlyChaos:
    """C++ behind ctypes."""

    def __init__(self) -> None:
        from orderly_chaos import LimitOrderBook, Side

        self._book = LimitOrderBook()
        self._sides = (Side.BUY, Side.SELL)

    def submit(self, number: int, side: int, price: int, qty: int) -> int:
        return self._book.limit(self._sides[side], number + 1, qty, price)

    def cancel(self, number: int) -> None:
        self._book.cancel(number + 1)


class Obook:
    """Native code behind ctypes; fills come as events."""

    def __init__(self) -> None:
        import obook

        self._book = obook.Book(max_orders=1_000_000)
        self._trade = obook.EventKind.TRADE
        self._ids: dict[int, int] = {}

    def submit(self, number: int, side: int, price: int, qty: int) -> int:
        # Owners differ, because this book prevents self-trades.
        self._ids[number] = self._book.submit(number + 1, side, price, qty).order_id
        return sum(event.qty for event in self._book.events() if event.kind == self._trade)

    def cancel(self, number: int) -> None:
        self._book.cancel(self._ids[number], number + 1)
        self._book.events()


class LightMatchingEngine:
    """Plain Python."""

    def __init__(self) -> None:
        from lightmatchingengine.lightmatchingengine import LightMatchingEngine as Engine

        self._engine = Engine()
        self._ids: dict[int, int] = {}

    def submit(self, number: int, side: int, price: int, qty: int) -> int:
        order, _ = self._engine.add_order("x", price, qty, side + 1)
        self._ids[number] = order.order_id
        return order.cum_qty

    def cancel(self, number: int) -> None:
        self._engine.cancel_order(self._ids[number], "x")


BOOKS = {
    "quant-sim-lab": QuantSimLab,
    "orderly-chaos": OrderlyChaos,
    "obook": Obook,
    "lightmatchingengine": LightMatchingEngine,
}
"""Name of the distribution -> adapter. `submit(number, side, price, qty)` returns the lots filled at once."""


def play(make_book, stream: list[list[int]]) -> tuple[float, list[int]]:
    """Seconds of one pass, and the fill of each message. A message is [number, side, price, qty]; qty 0 cancels."""
    book = make_book()
    submit, cancel = book.submit, book.cancel
    fills = []
    start = time.perf_counter()
    for number, side, price, qty in stream:
        if qty:
            fills.append(submit(number, side, price, qty))
        else:
            cancel(number)
            fills.append(0)
    return time.perf_counter() - start, fills


def measure(name: str, stream: list[list[int]]) -> dict:
    """Seconds of the best of a few rounds, lots traded, and a digest of every fill."""
    play(BOOKS[name], stream[:100])  # compiled and imported outside the clock
    rounds = [play(BOOKS[name], stream) for _ in range(ROUNDS)]
    fills = rounds[0][1]
    return {
        "seconds": min(seconds for seconds, _ in rounds),
        "traded": sum(fills),
        "digest": f"{zlib.crc32(json.dumps(fills).encode()):08x}",
    }


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        print(json.dumps(measure(sys.argv[1], json.load(file))))
