"""The benchmark: environments x policies x training seeds x held-out worlds, resumable, by processes or on a cluster.

What a cell gives depends on the cell alone, so the table is the same whatever the number of workers, and whether a run
was killed and taken up again. Raw results are kept small enough for a repository:

| file | holds |
| --- | --- |
| `cells.json` | every cell: what it is of, its key, the hash of the environment's settings |
| `results.parquet` | a row a (cell, world): the metrics of `cells.METRICS` |
| `curves.parquet` | a row a (cell, update) of the learners: frames, seconds, return and length of training episodes |
| `policies/` | every trained policy, as `qsl evaluate` takes it |
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from baselines.cells import CURVE, LEARNERS, METRICS, ON_BEST, Cell, Outcome, run_cell, scripted_names
from baselines.command_train import kind_of
from baselines.policies.library import roles_of
from baselines.run_files import commit
from baselines.tasks import has_tuned
from qsl_envs.errors import DataError, require, require_extra
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS

PROOF = ("qsl/MarketMaking-v0", "qsl/OptimalExecution-v0", "qsl/CrossVenueArbitrage-v0", "qsl/DirectionalTrading-v0")
"""The environments on which learning must pay."""
ALONE = tuple(entry.env_id for entry in ENVIRONMENTS)
SHARED = tuple(entry.env_id for entry in MARL_ENVIRONMENTS)
"""Environments of one agent, and of several."""
CELLS, RESULTS, CURVES, POLICIES = "cells.json", "results.parquet", "curves.parquet", "policies"


@dataclass(frozen=True)
class Budget:
    """How much is spent.

    Args:
        seeds: training seeds of a learner on the four proof environments.
        frames: by learner, on those.
        other_seeds, other_frames: the same of every other pair: learners that `frames` has not, on the four, and all
            learners in other environments of one agent; no frames: not trained there.
        worlds: held-out worlds of a cell.
        places: ids of the environments.
        settings: of trainers, by learner, where a small budget wants others than their defaults.
        seeds_of: by learner, where it is not `seeds`.
    """

    seeds: int
    frames: dict[str, int]
    other_seeds: int
    other_frames: dict[str, int]
    worlds: int
    places: tuple[str, ...]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    seeds_of: dict[str, int] = field(default_factory=dict)


FEW = {"num_envs": 128, "minibatch_size": 2048}
"""PPO on few frames: more updates of fewer frames each."""
BUDGETS = {
    "smoke": Budget(2, {"PPO": 16_384}, 1, {}, 8, PROOF, {"PPO": FEW}),
    "small": Budget(
        5, {"PPO residual": 500_000, "SAC residual": 128_000, "PPO residual with curriculum": 500_000, "PPO": 500_000,
            "PPO from clone": 500_000},
        1, {"PPO residual": 128_000, "SAC residual": 64_000, "PPO": 128_000, "PPO from clone": 128_000,
            "PPO with memory": 64_000, "SB3 PPO": 128_000, "SAC": 64_000, "DDPG": 64_000, "DQN": 64_000},
        128, ALONE, {"PPO": FEW, "PPO from clone": FEW, "PPO with memory": FEW},
        {"PPO": 3, "PPO from clone": 3},
    ),
    "full": Budget(
        5, {"PPO residual": 4_000_000, "SAC residual": 1_000_000, "PPO residual with curriculum": 4_000_000,
            "PPO": 20_000_000, "PPO from clone": 10_000_000, "SAC": 2_000_000, "SB3 PPO": 5_000_000},
        2, {"PPO residual": 2_000_000, "SAC residual": 500_000, "PPO": 5_000_000, "PPO from clone": 2_500_000,
            "PPO with memory": 1_000_000, "SAC": 500_000, "DDPG": 500_000, "DQN": 500_000},
        512, (*ALONE, *SHARED),
    ),
}  # fmt: skip
"""`full` fits a night on two cores, `small` an hour and a half."""


def plan(
    budget: Budget, envs: Sequence[str] = (), policies: Sequence[str] = (), seeds: int | None = None,
    frames: int | None = None, worlds: int | None = None,
) -> list[Cell]:  # fmt: skip
    """The cells of a budget: scripted policies first, then all learners seed by seed, so that a part is a fair part.

    Args:
        envs: ids; empty: those of the budget.
        policies: scripted names and learners; empty: all of the budget.
        seeds, frames, worlds: in place of the budget's.
    Raises: ConfigError for an id or a policy that there is not.
    """
    known = [*ALONE, *SHARED]
    wanted = list(envs) or list(budget.places)
    for env_id in wanted:
        require(env_id in known, "benchmark", "--envs", f"of {', '.join(known)}", env_id)
    names = {*LEARNERS, *(n for env_id in wanted for role in roles_of(env_id) for n in scripted_names(env_id, role))}
    for name in policies:
        require(name in names, "benchmark", "--policies", f"of {', '.join(sorted(names))}", name)
    scripted, learned = [], []
    for env_id in wanted:
        count = budget.worlds if worlds is None else worlds
        for role in roles_of(env_id):
            for name in scripted_names(env_id, role):
                if not policies or name in policies:
                    scripted.append(Cell(env_id, name, role, worlds=count))
        for name, of, seed in _trainings(budget, env_id, policies, seeds):
            settings = {**LEARNERS[name].settings_on(env_id), **budget.settings.get(name, {})}
            learned.append(Cell(env_id, name, None, seed, frames or of, count, settings=settings))
    order = sorted(learned, key=lambda cell: (cell.seed, list(LEARNERS).index(cell.policy)))
    return [*scripted, *order]


def _trainings(
    budget: Budget, env_id: str, policies: Sequence[str], seeds: int | None
) -> Iterator[tuple[str, int, int]]:
    """(learner, frames, seed) of an environment; none in a shared market, which is the leagues' business."""
    if roles_of(env_id) != (None,):
        return
    most = budget.frames if env_id in PROOF else {}
    for name in policies or {**most, **budget.other_frames}:
        if name not in LEARNERS or kind_of(env_id) not in LEARNERS[name].kinds:
            continue
        if name in ON_BEST and not has_tuned(env_id, None):
            continue
        count = budget.seeds_of.get(name, budget.seeds) if name in most else budget.other_seeds
        frames = most.get(name) or budget.other_frames.get(name) or max(budget.frames.values())
        for seed in range(1, 1 + (seeds or count)):
            yield name, frames, seed


def run_cells(
    cells: Sequence[Cell], out: Path, workers: int = 1, ray_address: str | None = None,
    tell: Callable[[float, str], None] | None = None,
) -> None:  # fmt: skip
    """Run what has no result in `out` yet, and write each result as it comes.

    Args:
        workers: processes; 1: this one.
        ray_address: of a Ray cluster ("auto", "local" or host:port) that runs the cells in place of processes.
    """
    store = Store(out)
    missing = [cell for cell in cells if not store.holds(cell)]
    done = len(cells) - len(missing)
    for cell, outcome in _outcomes(missing, workers, ray_address):
        store.add(cell, outcome)
        store.gather(cells)
        done += 1
        if tell:
            tell(done / len(cells), f"{done} of {len(cells)} cells: {cell.name}")
    store.gather(cells)  # what a run that was killed had left


def _outcomes(cells: Sequence[Cell], workers: int, ray_address: str | None) -> Iterator[tuple[Cell, Outcome]]:
    """Results as they come, in any order."""
    if ray_address:
        ray = require_extra("ray", "ray")
        ray.init(address=None if ray_address == "local" else ray_address, ignore_reinit_error=True)
        remote = ray.remote(num_cpus=1)(run_cell)
        waiting = {remote.remote(cell): cell for cell in cells}
        while waiting:
            (first, *_), _ = ray.wait(list(waiting))
            yield waiting.pop(first), ray.get(first)
    elif workers == 1:
        for cell in cells:
            yield cell, run_cell(cell)
    else:
        # Not with `max_tasks_per_child`: where all workers reach it at once, no new one is started (gh-115634).
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = {pool.submit(run_cell, cell): cell for cell in cells}
            for job in as_completed(jobs):
                yield jobs[job], job.result()


class Store:
    """Results in a folder: each cell's comes as a file of its own and is then put into the small ones.

    A cell's file is written whole or not at all, so a run that was killed goes on where it stopped.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.parts = out / "parts"

    def part(self, cell: Cell) -> Path:
        """Where the result of a cell lies until it is put together with the others."""
        return self.parts / f"{cell.name.replace('/', '__')}.npz"

    def holds(self, cell: Cell) -> bool:
        """Whether there is a result of this cell with this key."""
        known = {entry["name"]: entry["key"] for entry in self.entries()}
        if known.get(cell.name) == cell.key():
            return True
        path = self.part(cell)
        if not path.is_file():
            return False
        with np.load(path) as file:
            return str(file["key"]) == cell.key()

    def entries(self) -> list[dict[str, Any]]:
        """The cells of `cells.json`; none where there is none yet."""
        path = self.out / CELLS
        return json.loads(path.read_text(encoding="utf-8"))["cells"] if path.is_file() else []

    def add(self, cell: Cell, outcome: Outcome) -> None:
        """Write one result, its policy first."""
        if cell.learned:
            folder = self.out / POLICIES / cell.name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name, content in outcome.files.items():
                (folder / name).write_bytes(content)
        self.parts.mkdir(parents=True, exist_ok=True)
        about = {"key": cell.key(), "config_hash": outcome.config_hash, "commit": commit()}
        values = {f"metric_{name}": column for name, column in outcome.metrics.items()}
        values |= {f"curve_{name}": column for name, column in outcome.curve.items()}
        new = self.part(cell).with_suffix(".new.npz")
        np.savez(new, **about, **values)
        new.replace(self.part(cell))

    def gather(self, cells: Sequence[Cell]) -> None:
        """Put the parts of these cells, and what was there before of others, into the small files."""
        fresh = {cell.name: cell for cell in cells if self.part(cell).is_file()}
        kept = [entry for entry in self.entries() if entry["name"] not in fresh]
        rows, curves = self._old(RESULTS, kept), self._old(CURVES, kept)
        entries = list(kept)
        for name, cell in fresh.items():
            with np.load(self.part(cell)) as file:
                about = {key: str(file[key]) for key in ("key", "config_hash", "commit")}
                entries.append({"name": name, "group": cell.group, **about, "cell": asdict(cell)})
                rows[name] = {metric: np.array(file[f"metric_{metric}"]) for metric in METRICS}
                if cell.learned:
                    curves[name] = {key: np.array(file[f"curve_{key}"]) for key in CURVE}
        entries.sort(key=lambda entry: entry["name"])
        self._write(RESULTS, rows, "world", METRICS)
        self._write(CURVES, curves, "update", CURVE)
        text = json.dumps({"format": 1, "cells": entries}, indent=1) + "\n"
        (self.out / CELLS).write_text(text, encoding="utf-8")
        shutil.rmtree(self.parts, ignore_errors=True)

    def read(self, file: str = RESULTS) -> dict[str, dict[str, np.ndarray]]:
        """Cell -> metric -> float64 (world,), or the curves. Raises: DataError where there is no result."""
        if not (self.out / CELLS).is_file():
            raise DataError(f"{self.out} holds no results of `qsl benchmark`")
        return self._old(file, self.entries())

    def _old(self, file: str, entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, np.ndarray]]:
        if not (self.out / file).is_file():
            return {}
        table = require_extra("pyarrow.parquet", "data").read_table(self.out / file)
        names = np.array(table["cell"].to_pylist(), dtype=object)
        columns = {key: table[key].to_numpy().astype(np.float64) for key in table.column_names[2:]}
        wanted = {entry["name"] for entry in entries} & set(names)
        return {name: {key: values[names == name] for key, values in columns.items()} for name in sorted(wanted)}

    def _write(self, file: str, found: dict[str, dict[str, np.ndarray]], index: str, keys: Sequence[str]) -> None:
        pa, parquet = require_extra("pyarrow", "data"), require_extra("pyarrow.parquet", "data")
        names = sorted(found)
        lengths = [len(found[name][keys[0]]) for name in names]
        columns = {
            "cell": pa.array([n for name, k in zip(names, lengths) for n in [name] * k], pa.string()),
            index: pa.array(np.concatenate([np.arange(k) for k in lengths] or [np.zeros(0)]).astype(np.int32)),
        }
        for key in keys:
            column = np.concatenate([found[name][key] for name in names] or [np.zeros(0)])
            columns[key] = pa.array(column.astype(np.float64))
        self.out.mkdir(parents=True, exist_ok=True)
        columns["cell"] = columns["cell"].dictionary_encode()
        parquet.write_table(pa.table(columns), self.out / file, compression="zstd", use_dictionary=["cell"])
