"""Cells of the benchmark: one policy in one environment, with a training seed; what is run, and what comes back.

A cell says everything that its result depends on. Running it touches no file of the caller: what it leaves behind comes
back as values, so that it can be run in this process, in another one, or on another machine.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from baselines import tuned
from baselines.evaluate import evaluate
from baselines.evaluation.tasks import Task, has_tuned
from baselines.learning.presets import EASY_FIRST, correcting
from baselines.policies.library import names_for
from baselines.portable import hash_of, save_scripted
from qsl_envs.errors import require

METRICS = ("score", "pnl", "fees", "fills", "volume", "turnover", "mean_abs_inventory", "max_drawdown", "step_sharpe",
           "ruined", "steps")  # fmt: skip
"""What is kept of every world."""
CURVE = ("frames", "seconds", "return", "length")
"""What is kept of every update of a training."""
BLOCK = 64


@dataclass(frozen=True)
class Cell:
    """One policy in one environment with one training seed.

    Args:
        env_id, role: where; `role` for environments of several agents.
        policy: a scripted name, or one of `LEARNERS`.
        seed: of the training, 10^6 worlds apart from the next; 0 for scripted policies, which have none.
        frames: of the training; 0 for scripted policies.
        worlds: held-out worlds of split `test`.
        options: of the environment.
        settings: of the trainer, where they are not its own defaults.
    """

    env_id: str
    policy: str
    role: str | None = None
    seed: int = 0
    frames: int = 0
    worlds: int = 128
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Environment and role as a folder is called: `MarketMaking-v0`, `MakersTakers-v0.maker`."""
        name = self.env_id.rpartition("/")[2]
        return f"{name}.{self.role}" if self.role else name

    @property
    def name(self) -> str:
        """As `qsl reproduce` takes it: `MarketMaking-v0/PPO/1`; scripted policies have no seed."""
        return f"{self.group}/{self.seed}" if self.learned else self.group

    @property
    def group(self) -> str:
        """The cell of the table, all training seeds together: `MarketMaking-v0/PPO`."""
        return f"{self.place}/{slug(self.policy)}"

    @property
    def learned(self) -> bool:
        """Whether it is trained."""
        return self.policy in LEARNERS

    @property
    def task(self) -> Task:
        """Its environment."""
        return Task(self.env_id, self.role, self.options)

    def key(self) -> str:
        """Hash of everything that is said here, and of the tuned parameters that it stands on: a result of another key
        is not this cell's.
        """
        known = tuned.load(self.env_id, self.role) if has_tuned(self.env_id, self.role) else {}
        stands_on = known.get(self.task.best_scripted() if self.policy in ON_BEST else self.policy)
        text = json.dumps([asdict(self), stands_on], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Outcome(NamedTuple):
    """What running a cell leaves behind."""

    metrics: dict[str, np.ndarray]
    """float64 (world,)"""
    curve: dict[str, np.ndarray]
    """float64 (update,); empty for scripted policies"""
    files: dict[str, bytes]
    """the policy's folder: name -> content"""
    config_hash: str


def slug(name: str) -> str:
    """A policy's name as part of a path: `PPO from clone` -> `PPO-from-clone`."""
    return name.replace(" ", "-")


def run_cell(cell: Cell) -> Outcome:
    """Train where there is something to train, then run the held-out worlds."""
    task = cell.task
    envs = task.make(1)
    digest = hash_of(getattr(envs, "inner", envs))
    with tempfile.TemporaryDirectory() as place:
        folder, curve = Path(place) / "policy", {}
        if cell.learned:
            rows = LEARNERS[cell.policy].train(cell, Path(place) / "run")
            folder = Path(place) / "run" / "policy"
            curve = {key: np.array([row.get(key, np.nan) for row in rows], np.float64) for key in CURVE}
        else:
            save_scripted(folder, task.scripted(cell.policy), getattr(envs, "inner", envs), cell.role)
        envs.close()
        policy = task.load(folder, trust=True)  # what was trained here
        found = evaluate({"it": policy}, task.worlds(cell.worlds, block=min(BLOCK, cell.worlds)))["it"]
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return Outcome({metric: found[metric] for metric in METRICS}, curve, files, digest)


def scripted_names(env_id: str, role: str | None) -> tuple[str, ...]:
    """Scripted policies of an environment that need no tuning or have been tuned."""
    names = names_for(env_id, role)
    return names if has_tuned(env_id, role) else tuple(name for name in names if name in ("do nothing", "random"))


# --- learners


def _quiet(share: float, text: str) -> None:
    """Many cells run at once: none shows its own progress."""


def _train(module: str, cell: Cell, out: Path, **changes: Any) -> list[dict[str, float]]:
    """Train by one of our trainers; the rows of its curve. Settings are its own, `changes`, and the cell's."""
    trainer = importlib.import_module(module)
    settings = {"env_id": cell.env_id, "env_options": json.dumps(cell.options), "out": str(out)}
    settings |= {"seed": cell.seed, "total_frames": cell.frames, **changes, **cell.settings}
    return trainer.train(trainer.Args(**settings), tell=_quiet)[1]


def _train_from_clone(cell: Cell, out: Path) -> list[dict[str, float]]:
    """PPO from a clone of the best tuned scripted policy, with less noise; the value is fitted first."""
    from baselines.learning.cloning import clone

    best = cell.task.best_scripted()
    require(best is not None, cell.name, "policy", "of an environment whose scripted policies were tuned", cell.env_id)
    envs = cell.task.make(64, "train", step_info=False)
    try:
        clone(cell.task.scripted(best), envs, out / "start", seed=cell.seed)
    finally:
        envs.close()
    return _train("baselines.ppo", cell, out, init=str(out / "start"), init_log_std=-1.4, critic_updates=5)


class Learner(NamedTuple):
    """How a cell is trained."""

    train: Callable[[Cell, Path], list[dict[str, float]]]
    """function of (cell, folder) that writes `policy/` there and returns the curve's rows"""
    kinds: tuple[str, ...]
    """kinds of environments that it fits, as in `baselines.learning.trainers.KINDS`"""
    corrects: str = ""
    """algorithm by which it learns to correct the best tuned scripted policy; empty: it does not"""
    settings: Mapping[str, Any] = {}
    """on top of the preset"""

    def settings_on(self, env_id: str) -> dict[str, Any]:
        """Of its trainer, beside the trainer's defaults."""
        preset = correcting(self.corrects, env_id) if self.corrects else {}
        return {**preset, **self.settings}


LEARNERS: dict[str, Learner] = {
    "PPO": Learner(partial(_train, "baselines.ppo"), ("box", "choice")),
    "PPO from clone": Learner(_train_from_clone, ("box", "choice")),
    "PPO with memory": Learner(partial(_train, "baselines.ppo_lstm"), ("box", "choice")),
    "SAC": Learner(partial(_train, "baselines.sac"), ("box",)),
    "DDPG": Learner(partial(_train, "baselines.ddpg"), ("box",)),
    "DQN": Learner(partial(_train, "baselines.dqn"), ("choice",)),
    "PPO residual": Learner(partial(_train, "baselines.ppo"), ("box",), "ppo"),
    "PPO residual with curriculum": Learner(
        partial(_train, "baselines.ppo"), ("box",), "ppo", {"curriculum": EASY_FIRST}
    ),
    "SAC residual": Learner(partial(_train, "baselines.sac"), ("box",), "sac"),
    "SB3 PPO": Learner(partial(_train, "baselines.sb3.runner", algorithm="ppo"), ("box", "choice")),
}
ON_BEST = ("PPO from clone", *(name for name, learner in LEARNERS.items() if learner.corrects))
"""Learners that start from the best tuned scripted policy, or correct it."""
