"""Checkpoints of a search: one file of arrays and plain values, whole or not there; nothing in it is run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from qsl_envs.errors import DataError

VERSION = 1


def save(path: Path, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    """Write a checkpoint; what stood there stays until the new one is whole."""
    text = json.dumps({"version": VERSION, **values})
    new = path.with_suffix(".new")
    with open(new, "wb") as file:
        np.savez(file, values=np.array(text), **arrays)
    new.replace(path)


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save` wrote. Raises: DataError if it is something else, or cut off."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        values = json.loads(str(arrays.pop("values")))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no checkpoint of a search: {error}") from error
    if values.get("version") != VERSION:
        raise DataError(f"{path} is a checkpoint of version {values.get('version')}, not {VERSION}")
    return arrays, values
