"""Parquet to MESSAGE records, a batch at a time; needs the extra [data]."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qsl_envs.engine.constants import GTC, LIMIT, NIL
from qsl_envs.engine.csv_rows import ALLOWED, COLUMNS, FAR, REQUIRED, WORDS
from qsl_envs.engine.messages import (
    BAD_OFFSET_BIT,
    HAS_DISPLAY,
    HAS_NEW_ID,
    HAS_OFFSET,
    HAS_PARTICIPANT,
    HAS_PRICE,
    HAS_STOP,
    MESSAGE,
)
from qsl_envs.errors import DataError, require_extra

_HAS = {
    "price": HAS_PRICE,
    "display_qty": HAS_DISPLAY,
    "participant": HAS_PARTICIPANT,
    "new_order_id": HAS_NEW_ID,
    "stop_price": HAS_STOP,
}
_EMPTY = {"action": NIL, "side": NIL, "order_type": LIMIT, "tif": GTC}


def read_parquet(path: Path, rows: int) -> Iterator[tuple[np.ndarray, float]]:
    """Blocks of MESSAGE records, at most `rows` each, and the share of the file that is read.

    Raises:
        DataError: a column is missing or a cell is not what its column holds; the message names the row, from 1.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = require_extra("pyarrow.parquet", "data")
    with parquet.ParquetFile(path) as file:
        total = max(file.metadata.num_rows, 1)
        names = file.schema_arrow.names
        missing = [column for column in REQUIRED if column not in names]
        if missing:
            raise DataError(f"{path}: columns are missing: {', '.join(missing)}")
        done = 0
        for batch in file.iter_batches(rows, columns=[column for column in COLUMNS if column in names]):
            yield _messages(path, batch, done), (done + batch.num_rows) / total
            done += batch.num_rows


def _messages(path: Path, batch: Any, done: int) -> np.ndarray:
    messages = np.zeros(batch.num_rows, MESSAGE)
    for field, value in _EMPTY.items():
        messages[field] = value
    for column in batch.schema.names:
        values, given = (_words if column in WORDS else _integers)(path, batch.column(column), column, done)
        if column in ("action", "order_id") and not given.all():
            raise DataError(f"{path}: row {done + 1 + int(np.argmin(given))}: {column} must not be empty")
        if column == "stop_price":
            values = np.where((values >= 0) & (values < 2**31), values, -2)
        if column == "offset":
            fits = (values >= -(2**31)) & (values < 2**31)
            messages["has"] |= np.where(given, np.where(fits, HAS_OFFSET, BAD_OFFSET_BIT), 0).astype(np.uint16)
            values = np.where(fits, values, 0)
        messages[column] = np.where(given, values, messages[column])
        if column in _HAS:
            messages["has"] |= np.where(given, _HAS[column], 0).astype(np.uint16)
    return messages


def _integers(path: Path, cells: Any, column: str, done: int) -> tuple[np.ndarray, np.ndarray]:
    """Values (0 where empty) and which are given."""
    arrow = require_extra("pyarrow", "data")
    compute = require_extra("pyarrow.compute", "data")
    given = compute.is_valid(cells).to_numpy(zero_copy_only=False)
    kind = cells.type
    if not arrow.types.is_integer(kind) and not arrow.types.is_null(kind):
        raise DataError(f"{path}: column {column} must hold integers, was {kind}")
    if arrow.types.is_uint64(kind) and column in ("price", "qty", "display_qty", "stop_price", "offset"):
        cells = compute.min_element_wise(cells, arrow.scalar(FAR, arrow.uint64()))
    try:
        values = compute.fill_null(cells.cast(arrow.int64()), 0).to_numpy(zero_copy_only=False)
    except arrow.ArrowInvalid as error:
        raise DataError(f"{path}: rows from {done + 1}: {column}: {error}") from error
    return values, given


def _words(path: Path, cells: Any, column: str, done: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (0 where empty) and which are given."""
    arrow = require_extra("pyarrow", "data")
    packed = cells.cast(arrow.string()).dictionary_encode()
    table = {None: 0, "": 0, **WORDS[column]}
    found = packed.dictionary.to_pylist()
    indices = packed.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
    for k, word in enumerate(found):
        if word not in table:
            row = done + 1 + int(np.argmax(indices == k))
            raise DataError(f"{path}: row {row}: {column} must be one of {ALLOWED[column]}, was {word!r}")
    codes = np.array([table[word] for word in (*found, None)], np.int64)
    given = np.array([bool(word) for word in (*found, None)])
    return codes[indices], given[indices]
