"""Cells of the benchmark: one policy in one environment, with a training seed; what is run, and what comes back.

A cell says everything that its result depends on. Running it touches no file of the caller: what it leaves behind comes
back as values, so that it can be run in this process, in another one, or on another machine.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from baselines import tuned
from baselines.evaluate import evaluate
from baselines.policies.library import names_for
from baselines.portable import hash_of, save_scripted
from baselines.tasks import Task, has_tuned

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
    """

    env_id: str
    policy: str
    role: str | None = None
    seed: int = 0
    frames: int = 0
    worlds: int = 128
    options: dict[str, Any] = field(default_factory=dict)

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
        stands_on = known.get(self.task.best_scripted() if self.policy in CLONED else self.policy)
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
            rows = LEARNERS[cell.policy](cell, Path(place) / "run")
            folder = Path(place) / "run" / "policy"
            curve = {key: np.array([row.get(key, np.nan) for row in rows], np.float64) for key in CURVE}
        else:
            save_scripted(folder, task.scripted(cell.policy), getattr(envs, "inner", envs), cell.role)
        envs.close()
        policy = task.load(folder)
        found = evaluate({"it": policy}, task.worlds(cell.worlds, block=min(BLOCK, cell.worlds)))["it"]
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return Outcome({metric: found[metric] for metric in METRICS}, curve, files, digest)


def scripted_names(env_id: str, role: str | None) -> tuple[str, ...]:
    """Scripted policies of an environment that need no tuning or have been tuned."""
    names = names_for(env_id, role)
    return names if has_tuned(env_id, role) else tuple(name for name in names if name in ("do nothing", "random"))


# --- learners: name -> trains a cell, writing `policy/` into a folder, and returns the rows of its curve


def _ppo_settings(cell: Cell, out: Path, **changes: Any) -> Any:
    from baselines import ppo

    return ppo.Args(
        env_id=cell.env_id, env_options=json.dumps(cell.options), seed=cell.seed, total_frames=cell.frames,
        out=str(out), **changes,
    )  # fmt: skip


def _quiet(share: float, text: str) -> None:
    """Many cells run at once: none shows its own progress."""


def train_ppo(cell: Cell, out: Path) -> list[dict[str, float]]:
    """`baselines.ppo` with its own settings."""
    from baselines import ppo

    return ppo.train(_ppo_settings(cell, out), tell=_quiet)[1]


def train_ppo_from_clone(cell: Cell, out: Path) -> list[dict[str, float]]:
    """The same, starting from a clone of the best tuned scripted policy, with less noise; the value is fitted first."""
    from baselines import ppo
    from baselines.cloning import clone

    best = cell.task.best_scripted()
    teacher = cell.task.scripted(best if best is not None else "do nothing")
    envs = cell.task.make(64, "train", step_info=False)
    try:
        clone(teacher, envs, out / "start", seed=cell.seed)
    finally:
        envs.close()
    changes = {"init": str(out / "start"), "init_log_std": -1.4, "critic_updates": 5}
    return ppo.train(_ppo_settings(cell, out, **changes), tell=_quiet)[1]


def train_sac(cell: Cell, out: Path) -> list[dict[str, float]]:
    """`baselines.sac` with its own settings."""
    from baselines import sac

    args = sac.Args(
        env_id=cell.env_id, env_options=json.dumps(cell.options), seed=cell.seed, total_frames=cell.frames, out=str(out)
    )
    return sac.train(args, tell=_quiet)[1]


LEARNERS: dict[str, Callable[[Cell, Path], list[dict[str, float]]]] = {
    "PPO": train_ppo,
    "PPO from clone": train_ppo_from_clone,
    "SAC": train_sac,
}
CLONED = ("PPO from clone",)
"""Learners that start from the best tuned scripted policy."""
