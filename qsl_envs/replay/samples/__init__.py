"""The synthetic day that comes with the package: made by `replay.synthetic` with its default settings, no real data."""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path

from qsl_envs.errors import DataError


def sample_names() -> list[str]:
    """Names of the packaged files, compressed: the message file, then the book file."""
    names = sorted(entry.name for entry in resources.files(__package__).iterdir() if entry.name.endswith(".csv.gz"))
    return sorted(names, key=lambda name: "_message_" not in name)


def write_sample(folder: str | Path) -> list[Path]:
    """Write the packaged day into `folder` as plain CSV; return the paths of the message and the book file.

    Raises: DataError if `folder` is a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file, must be a folder")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in sample_names():
        path = folder / name.removesuffix(".gz")
        path.write_bytes(gzip.decompress(resources.files(__package__).joinpath(name).read_bytes()))
        paths.append(path)
    return paths
