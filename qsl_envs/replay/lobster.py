"""Reads the two CSV files of LOBSTER (messages, book), plain or gzip, without losing a digit.

Row k of the book file is the book right after message k. A missing level is written as price 9999999999 (ask) or
-9999999999 (bid) with size 0; it is read as `ABSENT`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError
from qsl_envs.replay import parse

NEW, PARTIAL_CANCEL, DELETION, VISIBLE_EXECUTION, HIDDEN_EXECUTION, CROSS, HALT = 1, 2, 3, 4, 5, 6, 7
"""Types of a message, as the file numbers them."""

PRICE_UNITS = 10_000
"""Price units per dollar in the files."""
CENT = 100
"""Price units of a cent, the tick of a stock above one dollar."""
ASK_SENTINEL, BID_SENTINEL = 9_999_999_999, -9_999_999_999
ABSENT = 0
"""Price of a level that the row does not have."""

MESSAGE_FIELDS = ("time", "type", "order id", "size", "price", "direction")
NAME = re.compile(r"(?P<symbol>[^_]+)_(?P<date>\d{4}-\d{2}-\d{2})_\d+_\d+_message_\d+\.csv(\.gz)?$")
LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Messages:
    """A message file, one element a row.

    | field        | dtype | unit                                                        |
    | ------------ | ----- | ----------------------------------------------------------- |
    | `ts_ns`      | int64 | ns after midnight, never decreasing                         |
    | `type`       | int8  | 1 to 7                                                      |
    | `order_id`   | int64 | the venue's; 0 for types 5 and 7                            |
    | `qty`        | int64 | lots (shares)                                               |
    | `price`      | int64 | price units, 1/10,000 dollar; type 7: -1, 0 or 1            |
    | `side`       | int8  | `BUY` or `SELL` of the resting order; the aggressor is the other |
    """

    path: Path
    ts_ns: np.ndarray
    type: np.ndarray
    order_id: np.ndarray
    qty: np.ndarray
    price: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return self.ts_ns.shape[0]


@dataclass(frozen=True, slots=True)
class BookRows:
    """A book file: `price` and `qty`, int64 (row, side, level), price units and lots; absent levels are 0 and 0."""

    path: Path
    price: np.ndarray
    qty: np.ndarray

    def __len__(self) -> int:
        return self.price.shape[0]

    @property
    def num_levels(self) -> int:
        """Levels that the file has columns for."""
        return self.price.shape[2]


@dataclass(frozen=True, slots=True)
class LobsterDay:
    """Messages and, where there is one, the book file of one stock and day (or a part of it)."""

    symbol: str
    date: str
    messages: Messages
    book: BookRows | None


def book_path(message_path: str | Path) -> Path | None:
    """The book file that stands beside a message file: `..._orderbook_L.csv[.gz]`, or `..._orderbook_L_bestonly...`."""
    path = Path(message_path)
    if "_message_" not in path.name:
        return None
    stem = path.name.removesuffix(".gz").removesuffix(".csv").replace("_message_", "_orderbook_")
    for variant in (stem, stem + "_bestonly"):
        for suffix in (".csv", ".csv.gz") if not path.name.endswith(".gz") else (".csv.gz", ".csv"):
            candidate = path.with_name(variant + suffix)
            if candidate.is_file():
                return candidate
    return None


def read_day(message_path: str | Path, book: str | Path | bool = True) -> LobsterDay:
    """Read a message file and its book file.

    Args:
        book: True looks beside the message file, False reads no book, a path names it.

    Raises: DataError naming the file and the line, if a row is short, garbled, out of order, or the files do not
        have the same number of rows; FileNotFoundError.
    """
    path = Path(message_path)
    messages = read_messages(path)
    where = (book_path(path) if book else None) if isinstance(book, bool) else Path(book)
    rows = read_book(where) if where is not None else None
    if rows is not None and len(rows) != len(messages):
        short = min(len(rows), len(messages))
        raise DataError(
            f"{where}, line {short + 1}: {len(rows)} rows beside {len(messages)} messages in {path.name}; "
            "the two files must have as many rows as each other: one of them is cut off"
        )
    name = NAME.match(path.name)
    return LobsterDay(name["symbol"] if name else path.name.split("_")[0], name["date"] if name else "", messages, rows)


def read_messages(path: str | Path) -> Messages:
    """Read a message file. Raises DataError naming the file and the line; see `Messages` for units."""
    path = Path(path)
    table = _read_table(path, MESSAGE_FIELDS, first_is_time=True)
    ts_ns, kind, order_id, qty, price, direction = (np.ascontiguousarray(column) for column in table.T)
    event = (kind >= NEW) & (kind <= HIDDEN_EXECUTION)
    _refuse(path, (kind < NEW) | (kind > HALT), "type must be 1 to 7", kind)
    _refuse(path, event & ((qty < 1) | (qty > LIMIT)), f"size must be 1 to {LIMIT}", qty)
    _refuse(path, (qty < 0) | (qty > LIMIT), f"size must be 0 to {LIMIT}", qty)
    _refuse(path, event & ((price < 1) | (price > LIMIT)), f"price must be 1 to {LIMIT}", price)
    _refuse(path, (kind == CROSS) & ((price < 0) | (price > LIMIT)), f"price must be 0 to {LIMIT}", price)
    _refuse(path, (kind == HALT) & (np.abs(price) > 1), "price of a halt marker must be -1, 0 or 1", price)
    _refuse(path, event & (np.abs(direction) != 1), "direction must be 1 or -1", direction)
    later = np.zeros(len(ts_ns), bool)
    later[1:] = ts_ns[1:] < ts_ns[:-1]
    _refuse(path, later, "time must not go back; ns after midnight", ts_ns)
    side = np.where(direction == 1, BUY, SELL).astype(np.int8)
    return Messages(path, ts_ns, kind.astype(np.int8), order_id, qty, price, side)


def read_book(path: str | Path) -> BookRows:
    """Read a book file: all levels that its name declares, or the four columns of the best quotes alone.

    Raises: DataError naming the file and the line; see `BookRows` for units.
    """
    path = Path(path)
    names = ("ask price", "ask size", "bid price", "bid size")
    table = _read_table(path, names, first_is_time=False)
    rows, columns = table.shape
    levels = table.reshape(rows, columns // 4, 2, 2)  # row, level, (ask, bid), (price, size)
    price = np.ascontiguousarray(levels[:, :, ::-1, 0].transpose(0, 2, 1))
    qty = np.ascontiguousarray(levels[:, :, ::-1, 1].transpose(0, 2, 1))
    sentinel = np.array([BID_SENTINEL, ASK_SENTINEL])[None, :, None]
    absent = price == sentinel
    _refuse(path, (absent & (qty != 0)).any((1, 2)), "size of a missing level must be 0")
    _refuse(path, (~absent & ((price < 1) | (price > LIMIT))).any((1, 2)), f"price must be 1 to {LIMIT}")
    _refuse(path, (~absent & ((qty < 1) | (qty > LIMIT))).any((1, 2)), f"size must be 1 to {LIMIT}")
    ahead = np.where(absent, sentinel, price) * np.array([-1, 1])[None, :, None]
    unsorted = (ahead[:, :, 1:] < ahead[:, :, :-1]) | ((ahead[:, :, 1:] == ahead[:, :, :-1]) & ~absent[:, :, 1:])
    _refuse(path, unsorted.any((1, 2)), "levels must go from the best price to the worst")
    price[absent] = ABSENT
    return BookRows(path, price, qty)


def _read_table(path: Path, names: tuple[str, ...], first_is_time: bool) -> np.ndarray:
    """All fields of a file as int64 (rows, fields); a book file has as many columns as its first line."""
    data = _read_bytes(path)
    if not data:
        raise DataError(f"{path}, line 1: the file is empty")
    num_fields = len(names)
    if not first_is_time:
        num_fields = data.split(b"\n", 1)[0].count(b",") + 1
        declared = re.search(r"_orderbook_(\d+)\.csv", path.name)
        full = 4 * int(declared[1]) if declared else num_fields
        if num_fields % 4 or num_fields not in (4, full):
            wanted = f"{full}, or 4 for best quotes only" if declared else "a multiple of 4"
            raise DataError(f"{path}, line 1: {num_fields} columns, must be {wanted}")
    text = np.frombuffer(data, np.uint8)
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    out = np.empty((lines, num_fields), np.int64)
    rows, field, code = parse.parse_rows(text, num_fields, first_is_time, out)
    if code != parse.OK:
        line = data.split(b"\n", rows + 1)[rows][:80].decode("ascii", "replace")
        name = names[field % len(names)] if field < num_fields else "field"
        raise DataError(f"{path}, line {rows + 1}: field {field + 1} ({name}) {parse.FAULTS[code]}: {line!r}")
    return out


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        line = _lines_before_the_break(path) + 1
        raise DataError(f"{path}, line {line}: the gzip stream is broken or cut off here ({error})") from error


def _lines_before_the_break(path: Path) -> int:
    """Whole lines that a broken gzip file still gives."""
    lines = 0
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(1 << 14):
                lines += chunk.count(b"\n")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        pass
    return lines


def _refuse(path: Path, bad: np.ndarray, rule: str, values: np.ndarray | None = None) -> None:
    """Raise for the first row where `bad` holds."""
    if bad.any():
        row = int(np.argmax(bad))
        found = "" if values is None else f", was {int(values[row])}"
        raise DataError(f"{path}, line {row + 1}: {rule}{found}")
