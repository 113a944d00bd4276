"""A recorded day by the name of its file, or the packaged one."""

from __future__ import annotations

import functools
import tempfile
from os import PathLike
from pathlib import Path

from qsl_envs.errors import require
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.samples import write_sample


def open_day(data: EventTable | str | PathLike[str] | None) -> EventTable:
    """The events of a recorded day; a file is read once a process, as long as it does not change.

    Args:
        data: path of a LOBSTER message file (its book file beside it) or of a Parquet file of events, an `EventTable`
            (taken as it is), or None: the packaged synthetic day.
    Raises: ConfigError if there is no such file, DataError if it is not what it should be.
    """
    if isinstance(data, EventTable):
        return data
    if data is None:
        return _sample()
    allowed = "an EventTable or the path of a file"
    require(isinstance(data, (str, PathLike)), "open_day", "data", allowed, data)
    path = Path(data).resolve()
    require(path.is_file(), "open_day", "data", allowed, str(data))
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int) -> EventTable:
    return EventTable.read_parquet(path) if path.suffix == ".parquet" else convert(read_day(path))


@functools.lru_cache(maxsize=1)
def _sample() -> EventTable:
    with tempfile.TemporaryDirectory() as folder:
        return convert(read_day(write_sample(folder)[0]))
