"""Run a file of orders through a matching engine, and write its trades and the book that is left.

The orders come as CSV with a header, or as Parquet (extra [data]). Columns: action (add, cancel, reduce, replace,
cancel_all, call, uncross), order_id, side, price, qty; and, where they are needed, order_type, tif, display_qty,
stop_price, peg, offset, post_only, participant, new_order_id. The rules are those of docs/matching.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from qsl_envs.engine import csv_rows, words
from qsl_envs.engine.book import OrderBook
from qsl_envs.engine.csv_rows import COLUMNS, NUMBER, OPTIONAL_NUMBER, REQUIRED, WORD, word_table
from qsl_envs.engine.messages import MESSAGE
from qsl_envs.engine.parquet_rows import read_parquet
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import DataError

BLOCK_BYTES = 1 << 23
BLOCK_ROWS = 1 << 16
WINDOW_TICKS = 1 << 16
BAR_WIDTH = 32

TRADE_COLUMNS = ("seq", "maker_order_id", "taker_order_id", "price", "qty")
BOOK_COLUMNS = ("side", "price", "position", "order_id", "qty", "display_qty")
REPORT_COLUMNS = ("seq", "order_id", "status", "reason", "filled", "leaves")
PENDING_COLUMNS = ("order_id", "side", "order_type", "qty")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl match`."""
    parser.add_argument("orders", metavar="ORDERS", type=Path, help="the stream: .csv, or .parquet")
    parser.add_argument("--trades", metavar="T", type=Path, required=True, help="CSV of the trades, to write")
    parser.add_argument("--book", metavar="B", type=Path, required=True, help="CSV of the orders that rest at the end")
    parser.add_argument("--reports", metavar="R", type=Path, help="CSV of a report for every row")
    parser.add_argument("--pending", metavar="P", type=Path, help="CSV of waiting stops and parked pegs at the end")
    parser.add_argument("--stp", choices=tuple(words.STP_MODES), default="off", help="self-trade prevention")


def run(args: argparse.Namespace) -> int:
    """Match a file; 0, or an error that names the line.

    Raises:
        DataError: a row cannot be read.
    """
    book = OrderBook(stp=args.stp, window_ticks=WINDOW_TICKS)
    start = time.perf_counter()
    seq = 0
    num_trades = 0
    bar = _Bar()
    with _Table(args.trades, TRADE_COLUMNS) as trades_file, _Reports(args.reports) as reports_file:
        for messages, share in read_messages(args.orders):
            reports, trades = book.process(messages)
            trades_file.write([trades[column] for column in TRADE_COLUMNS])
            reports_file.write(seq, reports)
            seq += len(messages)
            num_trades += len(trades)
            bar.show(share, seq, time.perf_counter() - start)
    write_book(book, args.book)
    if args.pending is not None:
        write_pending(book, args.pending)
    bar.finish(seq, num_trades, time.perf_counter() - start)
    return 0


def read_messages(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Blocks of MESSAGE records of a file, and the share of it that is read; memory is bounded.

    Raises:
        DataError: a row cannot be read; the message names the line.
    """
    if path.suffix == ".parquet":
        yield from read_parquet(path, BLOCK_ROWS)
        return
    size = max(path.stat().st_size, 1)
    with path.open("rb") as file:
        columns = _read_header(path, file.readline())
        yield from _read_csv(path, file, columns, size)


def _read_header(path: Path, line: bytes) -> np.ndarray:
    """Index in COLUMNS of every cell of a row, NIL for columns that are not ours."""
    try:
        names = next(csv.reader([line.decode("utf-8-sig")]), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: line 1: must be a header in UTF-8 ({error})") from error
    names = [name.strip() for name in names]
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        raise DataError(f"{path}: line 1: columns are missing: {', '.join(missing)}")
    twice = {name for name in names if name in COLUMNS and names.count(name) > 1}
    if twice:
        raise DataError(f"{path}: line 1: columns stand twice: {', '.join(sorted(twice))}")
    return np.array([COLUMNS.index(name) if name in COLUMNS else -1 for name in names], np.int64)


def _read_csv(path: Path, file: BinaryIO, columns: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, float]]:
    table = csv_rows.input_words()
    messages = np.zeros(BLOCK_ROWS, MESSAGE)
    rows = messages.view(np.recarray)
    place = np.zeros(4, np.int64)
    line = 1
    rest = b""
    last = False
    while not last:
        block = file.read(BLOCK_BYTES)
        last = len(block) == 0
        data = np.frombuffer(rest + block, np.uint8)
        at = 0
        while True:
            count = csv_rows.parse_rows(data, at, len(data), int(last), columns, table, rows, place)
            line += int(place[1])
            if place[2] != csv_rows.FINE:
                raise DataError(f"{path}: line {line}: {_complaint(data, int(place[0]), place, columns)}")
            at = int(place[0])
            if count == 0:
                break
            yield messages[:count], file.tell() / size
        rest = data[at:].tobytes()


def _complaint(data: np.ndarray, start: int, place: np.ndarray, columns: np.ndarray) -> str:
    """What is wrong with the line that begins at `start`."""
    text = data[start : start + 4096].tobytes().split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    if place[2] == csv_rows.TOO_MANY_CELLS:
        return f"more cells than the header's {len(columns)}: {text!r}"
    if place[2] == csv_rows.BAD_QUOTES:
        return f"a quoted cell must end before a comma, on its line: {text!r}"
    column = COLUMNS[place[3]]
    cells = next(csv.reader([text]), [])
    at = columns.tolist().index(int(place[3]))
    found = cells[at] if at < len(cells) else ""
    allowed = csv_rows.ALLOWED.get(column)
    kind = f"one of {allowed}" if allowed else "an integer"
    return f"{column} must be {kind}, was {found!r}"


class _Table:
    """A CSV file that is written column by column, a block at a time."""

    def __init__(self, path: Path, columns: tuple[str, ...], lists: dict[str, list[str]] | None = None) -> None:
        lists = lists or {}
        self._file = path.open("wb")
        self._file.write((",".join(columns) + "\n").encode())
        kinds = [WORD if name in lists else OPTIONAL_NUMBER if name == "price" else NUMBER for name in columns]
        self._kinds = np.array(kinds, np.int64)
        self._table = word_table([dict.fromkeys(lists.get(name, ()), 0) for name in columns])

    def write(self, columns: list[np.ndarray]) -> None:
        """Append rows, given as columns of integers."""
        rows = np.stack([np.asarray(column, np.int64) for column in columns], axis=1)
        for start in range(0, len(rows), BLOCK_ROWS):
            part = rows[start : start + BLOCK_ROWS]
            out = np.empty(part.size * csv_rows.CELL_BYTES, np.uint8)
            self._file.write(out[: csv_rows.format_rows(part, self._kinds, self._table, out)].data)

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


class _Reports:
    """The reports file, if one is wanted."""

    def __init__(self, path: Path | None) -> None:
        reasons = [reason for reason in Reason if reason < 130]
        self._index = np.zeros(max(reasons) + 1, np.int64)
        self._index[[int(reason) for reason in reasons]] = np.arange(len(reasons))
        names = [words.reason_word(reason) for reason in reasons]
        lists = {"status": list(words.STATUSES), "reason": names}
        self._table = None if path is None else _Table(path, REPORT_COLUMNS, lists)

    def write(self, seq: int, reports: np.ndarray) -> None:
        """Append the reports of the messages from `seq` on."""
        if self._table is not None:
            numbers = np.arange(seq, seq + len(reports))
            reason = self._index[reports["reason"]]
            columns = [reports["order_id"], reports["status"], reason, reports["filled_qty"], reports["leaves_qty"]]
            self._table.write([numbers, *columns])

    def __enter__(self) -> _Reports:
        return self

    def __exit__(self, *error: object) -> None:
        if self._table is not None:
            self._table.__exit__(*error)


def write_book(book: OrderBook, path: Path) -> None:
    """Write every resting order, bids then asks, best first, in queue order."""
    with _Table(path, BOOK_COLUMNS, {"side": list(words.SIDE_WORDS)}) as file:
        for rows in book.rows():
            file.write([rows[column] for column in BOOK_COLUMNS])


def write_pending(book: OrderBook, path: Path) -> None:
    """Write waiting stops and parked pegs, by entry."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PENDING_COLUMNS)
        writer.writerows(book.pending())


class _Bar:
    """Progress on stderr, when somebody looks."""

    def __init__(self) -> None:
        self._watched = sys.stderr.isatty()
        self._shown = 0.0

    def show(self, share: float, count: int, seconds: float) -> None:
        """Draw the bar, at most five times a second."""
        if self._watched and seconds - self._shown > 0.2:
            self._shown = seconds
            full = int(min(share, 1.0) * BAR_WIDTH)
            bar = "#" * full + "." * (BAR_WIDTH - full)
            sys.stderr.write(f"\r[{bar}] {share:4.0%}  {count:,} messages, {count / seconds / 1e6:.2f} M/s ")
            sys.stderr.flush()

    def finish(self, count: int, num_trades: int, seconds: float) -> None:
        """Say what was done."""
        clear = "\r\x1b[K" if self._watched else ""
        sys.stderr.write(f"{clear}{count:,} messages, {num_trades:,} trades in {seconds:.1f} s\n")
