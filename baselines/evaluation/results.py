"""Results on disk: one Parquet row a (policy, training seed, world), and beside it what they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qsl_envs.errors import DataError, require_extra

TABLE, ABOUT = "results.parquet", "about.json"

Groups = dict[str, dict[str, np.ndarray]]
"""Policy -> metric -> float64 (seed, world)."""


def write_results(folder: Path, groups: Mapping[str, Mapping[str, np.ndarray]], about: Mapping[str, Any]) -> Path:
    """Write `results.parquet` and `about.json` into a folder (it is made).

    Raises: MissingExtraError naming the extra [data], without pyarrow.
    """
    pa, parquet = require_extra("pyarrow", "data"), require_extra("pyarrow.parquet", "data")
    folder.mkdir(parents=True, exist_ok=True)
    columns: dict[str, list[Any]] = {"policy": [], "seed": [], "world": []}
    metrics = list(dict.fromkeys(metric for group in groups.values() for metric in group))
    values: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    for name, group in groups.items():
        seeds, worlds = next(iter(group.values())).shape
        columns["policy"] += [name] * (seeds * worlds)
        columns["seed"] += np.repeat(np.arange(seeds), worlds).tolist()
        columns["world"] += np.tile(np.arange(worlds), seeds).tolist()
        for metric in metrics:
            values[metric].append(np.asarray(group.get(metric, np.full((seeds, worlds), np.nan))).reshape(-1))
    arrays = {key: pa.array(column) for key, column in columns.items()}
    arrays["policy"] = arrays["policy"].dictionary_encode()
    arrays |= {metric: pa.array(np.concatenate(parts)) for metric, parts in values.items()}
    parquet.write_table(pa.table(arrays), folder / TABLE, compression="zstd")
    (folder / ABOUT).write_text(json.dumps(dict(about), indent=2) + "\n", encoding="utf-8")
    return folder / TABLE


def read_results(folder: Path) -> tuple[Groups, dict[str, Any]]:
    """What `write_results` wrote, policies in its order. Raises: DataError if the folder holds no results."""
    parquet = require_extra("pyarrow.parquet", "data")
    if not (folder / TABLE).is_file() or not (folder / ABOUT).is_file():
        raise DataError(f"{folder} holds no results of `qsl evaluate`: {TABLE} and {ABOUT}")
    table = parquet.read_table(folder / TABLE)
    policy = np.array(table["policy"].to_pylist(), dtype=object)
    seed, world = table["seed"].to_numpy(), table["world"].to_numpy()
    metrics = [name for name in table.column_names if name not in ("policy", "seed", "world")]
    groups: Groups = {}
    for name in dict.fromkeys(policy):
        mine = policy == name
        shape = (int(seed[mine].max()) + 1, int(world[mine].max()) + 1)
        group = {}
        for metric in metrics:
            values = np.full(shape, np.nan)
            values[seed[mine], world[mine]] = table[metric].to_numpy()[mine]
            group[metric] = values
        groups[str(name)] = group
    return groups, json.loads((folder / ABOUT).read_text(encoding="utf-8"))
