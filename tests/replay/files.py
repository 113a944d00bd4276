"""Small LOBSTER files, written from tuples."""

from __future__ import annotations

from pathlib import Path

from qsl_envs.replay.lobster import LobsterDay, read_day

NAMES = "TEST_2000-01-03_34200000_57600000_{}_{}.csv"
NO_ASK, NO_BID = (9_999_999_999, 0), (-9_999_999_999, 0)


def message_line(row: tuple) -> str:
    """(time as text, type, order id, size, price in ticks, direction), price written in units of 1/10,000 dollar."""
    time, kind, order_id, size, price, direction = row
    return f"{time},{kind},{order_id},{size},{round(price * 100)},{direction}"


def book_line(bids: list[tuple[int, int]], asks: list[tuple[int, int]], num_levels: int) -> str:
    """One row of the book file from (price in ticks, lots), best first; what is missing becomes the sentinel."""
    cells = []
    for level in range(num_levels):
        for side, absent in ((asks, NO_ASK), (bids, NO_BID)):
            price, qty = (side[level][0] * 100, side[level][1]) if level < len(side) else absent
            cells += [str(price), str(qty)]
    return ",".join(cells)


def write_files(folder: Path, messages: list[tuple], books: list[tuple] | None = None, num_levels: int = 2) -> Path:
    """Write a day of `message_line` rows and, if given, (bids, asks) rows; return the path of the message file."""
    path = folder / NAMES.format("message", num_levels)
    path.write_text("".join(message_line(row) + "\n" for row in messages))
    if books is not None:
        text = "".join(book_line(bids, asks, num_levels) + "\n" for bids, asks in books)
        (folder / NAMES.format("orderbook", num_levels)).write_text(text)
    return path


def make_day(folder: Path, messages: list[tuple], books: list[tuple] | None = None, num_levels: int = 2) -> LobsterDay:
    """`write_files`, read back."""
    return read_day(write_files(folder, messages, books, num_levels))
