"""The match log: a row a match, in Parquet; a match is one world with the players in one order over the seats."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leagues.match import MatchResult
from qsl_envs.errors import DataError

SEAT_FLOATS = ("pnl", "reward", "fees")
SEAT_COUNTS = ("inventory", "peak_inventory", "fills", "volume", "steps", "end")
SCHEMA = pa.schema(
    [
        ("contest", pa.string()),
        ("scenario", pa.string()),  # the stage's name
        ("group", pa.list_(pa.string())),  # contestants that met, without repetition
        ("line_up", pa.list_(pa.string())),  # who sat where in rotation 0, seat by seat
        ("rotation", pa.int32()),
        ("seats", pa.list_(pa.string())),  # who sat where
        ("roles", pa.list_(pa.string())),  # of the seats
        ("split", pa.string()),
        ("seed", pa.int64()),  # of the world
        *((name, pa.list_(pa.float64())) for name in SEAT_FLOATS),  # by seat, ticks x lots
        *((name, pa.list_(pa.int64())) for name in SEAT_COUNTS),  # by seat; `end`: why its part was over
        ("forfeits", pa.list_(pa.string())),  # by seat: why it forfeited, or empty
        ("fee_unit", pa.int64()),  # money units of a tick x lot
        ("wall_s", pa.float64()),  # time of the block, divided by its matches
    ]
)
"""Columns of the log; all but `wall_s` are the same whoever plays it again."""


def rows_of(contest: str, group: Sequence[str], result: MatchResult, count: int) -> pa.Table:
    """The matches of a block as rows, world by world, rotation by rotation.

    Args:
        count: worlds that count; those after them only fill the block.
    """
    turns = len(result.entrants)
    names = [[result.names[k] for k in row] for row in result.entrants]
    matches = count * turns
    columns: dict[str, list] = {
        "contest": [contest] * matches,
        "scenario": [result.stage.title] * matches,
        "group": [list(group)] * matches,
        "line_up": [list(result.names)] * matches,
        "rotation": list(range(turns)) * count,
        "seats": names * count,
        "roles": [list(result.roles)] * matches,
        "split": [result.stage.split] * matches,
        "seed": [int(seed) for seed in result.worlds[:count] for _ in range(turns)],
        "fee_unit": [result.fee_unit] * matches,
        "wall_s": [result.seconds / (len(result.worlds) * turns)] * matches,
        "forfeits": [
            [result.forfeits.get((world, turn, seat), "") for seat in range(len(result.roles))]
            for world in range(count)
            for turn in range(turns)
        ],
    }
    for name in (*SEAT_FLOATS, *SEAT_COUNTS):
        columns[name] = result.numbers[name][:count].reshape(matches, -1).tolist()
    return pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)


def write_log(path: Path, table: pa.Table, about: dict[str, str]) -> None:
    """Write a log; what stood there stays until the new file is whole and on the disk."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    pq.write_table(table.replace_schema_metadata({**about}), new)
    with open(new, "rb") as file:
        os.fsync(file.fileno())
    new.replace(path)


def read_log(path: Path) -> tuple[pa.Table, dict[str, str]]:
    """A log and what was written about it. Raises: DataError for a file that is none."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no match log: {error}") from error
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise DataError(f"{path} is no match log: it has no column {missing[0]}")
    return table, about
