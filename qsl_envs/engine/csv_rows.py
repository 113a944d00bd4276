"""CSV to MESSAGE records and columns of numbers to CSV, compiled: ten million rows in seconds, a block at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine import words
from qsl_envs.engine.constants import GTC, LIMIT, NIL
from qsl_envs.engine.messages import (
    BAD_OFFSET_BIT,
    HAS_DISPLAY,
    HAS_NEW_ID,
    HAS_OFFSET,
    HAS_PARTICIPANT,
    HAS_PRICE,
    HAS_STOP,
)
from qsl_envs.kernel.jit import kernel

COLUMNS = (
    "action",
    "order_id",
    "side",
    "order_type",
    "tif",
    "price",
    "qty",
    "display_qty",
    "stop_price",
    "peg",
    "offset",
    "post_only",
    "participant",
    "new_order_id",
)
(
    ACTION,
    ORDER_ID,
    SIDE,
    ORDER_TYPE,
    TIF,
    PRICE,
    QTY,
    DISPLAY_QTY,
    STOP_PRICE,
    PEG,
    OFFSET,
    POST_ONLY,
    PARTICIPANT,
    NEW_ORDER_ID,
) = range(len(COLUMNS))

REQUIRED = ("action", "order_id", "side", "price", "qty")

FILE_TIFS = {word: words.TIFS[word] for word in ("gtc", "ioc", "fok")}
WORDS = {
    "action": words.ACTIONS,
    "side": words.SIDES,
    "order_type": words.ORDER_TYPES,
    "tif": FILE_TIFS,
    "peg": words.PEGS,
    "post_only": {"0": 0, "1": 1, **words.POST_ONLY},
}
"""The columns of words, and what each word is; the others hold integers."""

ALLOWED = {column: ", ".join(table) for column, table in WORDS.items()}
"""What a cell may hold, for error messages."""

FINE, BAD_CELL, TOO_MANY_CELLS, BAD_QUOTES = 0, 1, 2, 3

FAR = 2**62
"""What an integer beyond 64 bits is read as, in a column where it only has to be out of range."""

_WIDTH = 24


class WordTable(NamedTuple):
    """The words of all columns: `text` uint8 (n, 24), `length`, `code`; column c has `first[c]` to `first[c + 1]`."""

    text: np.ndarray
    length: np.ndarray
    code: np.ndarray
    first: np.ndarray


def word_table(tables: list[dict[str, int]]) -> WordTable:
    """Pack word lists for kernels."""
    flat = [(word.encode(), code) for table in tables for word, code in table.items()]
    text = np.zeros((len(flat), _WIDTH), np.uint8)
    for row, (word, _) in zip(text, flat, strict=True):
        row[: len(word)] = np.frombuffer(word, np.uint8)
    length = np.array([len(word) for word, _ in flat], np.int64)
    first = np.cumsum([0, *(len(table) for table in tables)])
    return WordTable(text, length, np.array([code for _, code in flat], np.int64), first.astype(np.int64))


def input_words() -> WordTable:
    """The words of the columns of an orders file."""
    return word_table([WORDS.get(column, {}) for column in COLUMNS])


@kernel
def parse_rows(data, start, end, last, columns, table, messages, place):
    """Read rows of CSV into MESSAGE records, until the block or the records are used up.

    Args:
        data: uint8, the block; `start` and `end` are where to read.
        last: 1 when no more data follows: a row may end without a line break.
        columns: int64 per cell of a row, its index in COLUMNS or NIL for a column that is not ours.
        table: WordTable of COLUMNS.
        messages: MESSAGE records to fill.
        place: int64 (4,), out: position behind the last whole row read; lines read; FINE or what is wrong; the index in
            COLUMNS of a bad cell.

    Returns:
        Number of messages.
    """
    count = 0
    lines = 0
    place[0] = start
    place[2] = FINE
    at = start
    while count < len(messages) and at < end:
        line_end = at
        while line_end < end and data[line_end] != 10:
            line_end += 1
        if line_end == end and last == 0:
            break
        lines += 1
        stop = line_end
        if stop > at and data[stop - 1] == 13:
            stop -= 1
        if stop > at:
            clear_message(messages, count)
            wrong = parse_line(data, at, stop, columns, table, messages, count, place)
            if wrong != FINE:
                place[1] = lines
                place[2] = wrong
                return count
            count += 1
        at = line_end + 1
        place[0] = min(at, end)
    place[1] = lines
    return count


@kernel
def clear_message(messages, n):
    """What an empty row says."""
    message = messages[n]
    message.action = NIL
    message.side = NIL
    message.order_type = LIMIT
    message.tif = GTC
    message.peg = 0
    message.post_only = 0
    message.has = 0
    message.order_id = 0
    message.price = 0
    message.qty = 0
    message.display_qty = 0
    message.participant = 0
    message.new_order_id = 0
    message.stop_price = 0
    message.offset = 0


@kernel
def parse_line(data, at, stop, columns, table, messages, n, place):
    """Read one row into a message; return FINE or what is wrong."""
    seen_action = False
    seen_id = False
    cell = 0
    while True:
        first = at
        after = at
        if at < stop and data[at] == 34:  # a quoted cell; ours never hold a quote
            first = at + 1
            after = first
            while after < stop and data[after] != 34:
                after += 1
            at = after + 1
            if after == stop or (at < stop and data[at] != 44):
                return BAD_QUOTES
        else:
            while after < stop and data[after] != 44:
                after += 1
            at = after
            while first < after and data[first] == 32:
                first += 1
            while first < after and data[after - 1] == 32:
                after -= 1
        if cell >= len(columns):
            return TOO_MANY_CELLS
        column = columns[cell]
        if column != NIL and first < after:
            place[3] = column
            value = np.int64(0)
            if table.first[column] != table.first[column + 1]:
                value = word_code(data, first, after, table, column)
                if value == NIL:
                    return BAD_CELL
                seen_action = seen_action or column == ACTION
            else:
                value, kind = parse_integer(data, first, after)
                names = column == ORDER_ID or column == PARTICIPANT or column == NEW_ORDER_ID
                if kind == 0 or (kind == 2 and names):
                    return BAD_CELL
                seen_id = seen_id or column == ORDER_ID
            set_field(messages, n, column, value)
        if at >= stop:
            break
        at += 1
        cell += 1
    if not seen_action or not seen_id:
        place[3] = ORDER_ID if seen_action else ACTION
        return BAD_CELL
    return FINE


@kernel
def word_code(data, first, after, table, column):
    """Code of a word of a column; NIL when it is none."""
    length = after - first
    for k in range(table.first[column], table.first[column + 1]):
        if table.length[k] == length:
            same = 0
            while same < length and table.text[k, same] == data[first + same]:
                same += 1
            if same == length:
                return table.code[k]
    return np.int64(NIL)


@kernel
def parse_integer(data, first, after):
    """(value, 1), or (0, 0) when it is no integer, or (+-FAR, 2) when it is one beyond 64 bits."""
    negative = data[first] == 45
    if negative or data[first] == 43:
        first += 1
    if first == after:
        return np.int64(0), 0
    value = np.int64(0)  # counted downwards: the range is one wider there
    far = False
    for k in range(first, after):
        digit = np.int64(data[k]) - 48
        if digit < 0 or digit > 9:
            return np.int64(0), 0
        if value < -922337203685477580 or (value == -922337203685477580 and digit > 8):
            far = True
        if not far:
            value = value * 10 - digit
    if value == -(2**63) and not negative:
        far = True
    if far:
        return np.int64(-FAR if negative else FAR), 2
    return (value if negative else -value), 1


@kernel
def set_field(messages, n, column, value):
    """Write a cell into its field. What does not fit an int32 stays out of range."""
    message = messages[n]
    if column == ACTION:
        message.action = value
    elif column == ORDER_ID:
        message.order_id = value
    elif column == SIDE:
        message.side = value
    elif column == PRICE:
        message.price = value
        message.has |= HAS_PRICE
    elif column == QTY:
        message.qty = value
    elif column == ORDER_TYPE:
        message.order_type = value
    elif column == TIF:
        message.tif = value
    elif column == DISPLAY_QTY:
        message.display_qty = value
        message.has |= HAS_DISPLAY
    elif column == STOP_PRICE:
        message.stop_price = value if 0 <= value < 2**31 else -2
        message.has |= HAS_STOP
    elif column == PEG:
        message.peg = value
    elif column == OFFSET:
        if -(2**31) <= value < 2**31:
            message.offset = value
            message.has |= HAS_OFFSET
        else:
            message.has |= BAD_OFFSET_BIT
    elif column == POST_ONLY:
        message.post_only = value
    elif column == PARTICIPANT:
        message.participant = value
        message.has |= HAS_PARTICIPANT
    else:
        message.new_order_id = value
        message.has |= HAS_NEW_ID


NUMBER, OPTIONAL_NUMBER, WORD = 0, 1, 2
"""Kinds of an output column: an integer; an integer whose NIL is written as nothing; an index into a list of words."""

CELL_BYTES = 24
"""No cell is longer, its comma included."""


@kernel
def format_rows(values, kinds, table, out):
    """Write rows of numbers as CSV.

    Args:
        values: int64 (rows, columns).
        kinds: int64 (columns,), NUMBER, OPTIONAL_NUMBER or WORD; words of column c are those of `table` for c.
        table: WordTable.
        out: uint8, at least CELL_BYTES a cell.

    Returns:
        Bytes written.
    """
    at = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            if kinds[column] == WORD:
                word = table.first[column] + value
                for k in range(table.length[word]):
                    out[at] = table.text[word, k]
                    at += 1
            elif kinds[column] == NUMBER or value != NIL:
                if value < 0:
                    out[at] = 45
                    at += 1
                head = at
                while True:
                    rest = value // 10 if value >= 0 else -(-value // 10)
                    out[at] = 48 + abs(value - rest * 10)
                    at += 1
                    value = rest
                    if value == 0:
                        break
                tail = at - 1
                while head < tail:  # the digits came last first
                    digit = out[head]
                    out[head] = out[tail]
                    out[tail] = digit
                    head += 1
                    tail -= 1
            out[at] = 44
            at += 1
        out[at - 1] = 10
    return at
