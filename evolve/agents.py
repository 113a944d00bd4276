"""What is evolved, second kind: how an agent learns. Each individual is a short PPO run, in a process of its own pool.

A gene's name says what it sets: `reward.inventory` the weight of a reward term of the environment, `ppo.learning_rate`
a setting of `baselines.ppo.Args` (`ppo.hidden` is the network's width), `env.max_quote_qty` an argument of the
environment. What counts is the trained agent's true account on worlds of the validation, never the reward that it
learned by.

A run depends on its genes and the spec's seed alone. What it has learned is kept in a folder named after them, so a
resumed search trains nothing twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from baselines.ray_pool import RayPool
from evolve.fast import Outcome
from evolve.genome import BOOL, CATEGORICAL, FIXED, FLOAT, Genome
from evolve.loop import Judged
from evolve.objectives import Objective, score
from qsl_envs.envs.state import REWARD_TERMS
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types, from_dict

METRIC_NAMES = ("pnl", "fees", "max_drawdown", "volume", "fills", "mean_abs_inventory", "step_sharpe")
"""Metrics of `baselines.evaluate` that agents are measured by."""
ROOMS = ("reward", "ppo", "env")
OURS = ("env_id", "env_options", "split", "seed", "total_frames", "out", "resume", "num_threads", "torch_threads")
"""Settings of a run that a search decides itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """An environment, and how long an agent learns in it."""

    env_id: str = "qsl/MarketMaking-v0"
    env_options: dict[str, Any] = field(default_factory=dict)
    """arguments of the environment"""
    frames: int = 200_000
    """steps that a full evaluation trains; a rung of a halving trains a share of them"""
    ppo: dict[str, Any] = field(default_factory=dict)
    """settings of `baselines.ppo.Args` that do not vary"""
    seed: int = 1
    """of every training run: individuals differ by their genes alone"""
    settings: dict[str, Any] = field(default_factory=dict)
    """axis `setting`: name -> further arguments of the environment to be measured in; empty: `env_options` alone"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.frames <= 10**10, self, "frames", "in [1, 1e10]", self.frames)
        require(self.seed >= 0, self, "seed", ">= 0", self.seed)
        known = _ppo_fields()
        for name in self.ppo:
            require(name in known, self, "ppo", f"settings of ppo.Args, not of {', '.join(OURS)}", name)

    def check_genes(self, genome: Genome) -> None:
        """Raise a ConfigError naming a gene that sets nothing, or whose ends the environment or PPO refuses."""
        known = _ppo_fields()
        for gene in genome.genes:
            room, _, rest = gene.name.partition(".")
            allowed = "reward.TERM, ppo.SETTING or env.ARGUMENT"
            require(room in ROOMS and rest != "", f"genome.{gene.name}", "name", allowed, gene.name)
            if room == "ppo":
                require(rest in known, f"genome.{gene.name}", "name", f"ppo. and one of {', '.join(known)}", rest)
                whole = known[rest] == "int"
                require(not whole or gene.type in ("int", CATEGORICAL, FIXED), f"genome.{gene.name}", "type",
                        "int: this setting is whole", gene.type)  # fmt: skip
            if room == "reward":
                terms = ", ".join(REWARD_TERMS)
                require(rest in REWARD_TERMS, f"genome.{gene.name}", "name", f"reward. and one of {terms}", rest)
                require(gene.type != BOOL, f"genome.{gene.name}", "type", f"{FLOAT}: a weight", gene.type)

    def evaluator(self, genome: Genome, objectives: tuple[Objective, ...], split: str, count: int, *,
                  workers: int = 1, folder: Path | None = None,
                  ray_address: str | None = None) -> AgentEvaluator:  # fmt: skip
        """Measures genomes on worlds of a split."""
        return AgentEvaluator(self, genome, objectives, split, count, workers=workers, folder=folder,
                              ray_address=ray_address)  # fmt: skip

    def job(self, values: Mapping[str, Any], effort: float, split: str, count: int, folder: Path) -> dict[str, Any]:
        """One training and measuring run in plain values."""
        options, rewards, ppo = dict(self.env_options), dict(self.env_options.get("rewards", {})), dict(self.ppo)
        for name, value in values.items():
            room, _, rest = name.partition(".")
            {"reward": rewards, "ppo": ppo, "env": options}[room][rest] = value
        if rewards:
            options["rewards"] = rewards
        frames = max(1, round(self.frames * effort))
        training = {**ppo, "env_id": self.env_id, "env_options": json.dumps(options, sort_keys=True), "split": "train",
                    "seed": self.seed, "total_frames": frames, "torch_threads": 1}  # fmt: skip
        name = hashlib.blake2b(json.dumps(training, sort_keys=True).encode(), digest_size=8).hexdigest()
        return {"training": {**training, "out": str(folder / name)}, "split": split, "count": count,
                "settings": self.settings or {"market": {}}}  # fmt: skip


def run_job(job: dict[str, Any]) -> dict[str, list[float]]:
    """Train unless that was done before, then measure: metric -> one value a world, settings outermost.

    In a process of its own; whatever it raises is the individual's reason.
    """
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode

    import qsl_envs  # noqa: F401  registers the environments
    from baselines import ppo
    from baselines.evaluate import Worlds, evaluate
    from baselines.portable import load_policy

    args = ppo.Args(**job["training"])
    options = json.loads(args.env_options)
    folder = Path(args.out) / "policy"
    if not (folder / "manifest.json").is_file():
        ppo.train(args, tell=lambda share, text: None)
    columns: dict[str, list[float]] = {name: [] for name in METRIC_NAMES}
    for changes in job["settings"].values():

        def make(num_envs: int, changes: dict[str, Any] = changes) -> gym.vector.VectorEnv:
            given = {"autoreset_mode": AutoresetMode.SAME_STEP, "step_info": True, "split": job["split"]}
            return gym.make_vec(args.env_id, num_envs=num_envs, **{**options, **given, **changes})

        envs = make(1)
        policy = load_policy(folder, envs)
        envs.close()
        found = evaluate({"agent": policy}, Worlds(make, job["count"], block=min(64, job["count"])))["agent"]
        for name in METRIC_NAMES:
            columns[name] += found[name].tolist()
    return columns


class AgentEvaluator:
    """Genomes as settings of training runs.

    Args:
        spec: environment and budget of a run.
        split, count: worlds that a trained agent is measured on.
        workers: processes; the results do not depend on it.
        folder: where runs are kept; None: a temporary one.
        ray_address: of a Ray cluster ("auto", "local" or host:port) that trains in place of processes; it must see the
            folder.
    """

    metric_names = METRIC_NAMES

    def __init__(self, spec: AgentSpec, genome: Genome, objectives: tuple[Objective, ...], split: str, count: int, *,
                 workers: int = 1, folder: Path | None = None, ray_address: str | None = None):  # fmt: skip
        require(workers >= 1, "evolve", "workers", ">= 1", workers)
        self.spec, self.genome, self.objectives = spec, genome, objectives
        self.split, self.count, self.workers = split, count, workers
        self.names = tuple(objective.name for objective in objectives)
        self.signs = np.array([objective.sign for objective in objectives])
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if folder is None:
            self._own = tempfile.TemporaryDirectory()
            folder = Path(self._own.name)
        self.folder = folder
        self._pool: ProcessPoolExecutor | RayPool | None = None
        self.ray_address = ray_address
        for objective in objectives:
            if objective.worst_over:
                self.labels(objective.worst_over)

    def labels(self, axis: str) -> np.ndarray:
        """Setting of each world, str (world,)."""
        require(axis == "setting", "evolve", "worst_over", "setting, for agents", axis)
        return np.repeat(list(self.spec.settings or {"market": {}}), self.count)

    def measure(self, rows: np.ndarray, effort: float = 1.0) -> Outcome:
        """What agents trained by rows, float64 (n, gene), do in every world."""
        self.genome.check(rows)
        jobs = [self.spec.job(self.genome.values(row), effort, self.split, self.count, self.folder) for row in rows]
        results = self._all(jobs)
        worlds = self.count * max(1, len(self.spec.settings))
        metrics = {
            name: np.array([np.full(worlds, np.nan) if isinstance(found, str) else found[name] for found in results])
            for name in METRIC_NAMES
        }
        reasons = [found if isinstance(found, str) else "" for found in results]
        return Outcome(metrics, reasons, None, 0.0, 0.0)

    def policy_of(self, row: np.ndarray) -> Path:
        """Folder of the policy that a genome's full training has left (`baselines.portable`)."""
        job = self.spec.job(self.genome.values(row), 1.0, self.split, self.count, self.folder)
        return Path(job["training"]["out"]) / "policy"

    def __call__(self, rows: np.ndarray, effort: float) -> Judged:
        """Objectives of rows; see `loop.Evaluator`."""
        outcome = self.measure(rows, effort)
        table, reasons = score(self.objectives, outcome.metrics, self.labels, outcome.reasons)
        means = np.stack([outcome.metrics[name].mean(-1) for name in METRIC_NAMES], -1)
        return Judged(table, reasons, means)

    def close(self) -> None:
        """End the processes; a temporary folder goes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        if self._own is not None:
            self._own.cleanup()

    # --- processes

    def _all(self, jobs: Sequence[dict[str, Any]]) -> list[dict[str, list[float]] | str]:
        """Results in the order of the jobs; a job that failed is its reason."""
        different = {json.dumps(job, sort_keys=True): job for job in jobs}  # equal runs would write to one folder
        found: dict[str, dict[str, list[float]] | str] = {}
        futures = {key: self._submit(job) for key, job in different.items()}
        for key, future in futures.items():
            try:
                found[key] = future.result()
            except BrokenProcessPool:
                continue  # somebody's process has died, and took the others' with it
            except Exception as error:
                found[key] = f"{type(error).__name__}: {error}"
        for key in [key for key in different if key not in found]:
            self._pool = None
            try:  # alone, so that it is known whose process dies
                found[key] = self._submit(different[key]).result()
            except BrokenProcessPool:
                found[key] = "its process ended without a word (killed, or out of memory)"
            except Exception as error:
                found[key] = f"{type(error).__name__}: {error}"
        if any(isinstance(result, str) and "without a word" in result for result in found.values()):
            self._pool = None
        return [found[json.dumps(job, sort_keys=True)] for job in jobs]

    def _submit(self, job: dict[str, Any]):
        if self._pool is None and self.ray_address:
            self._pool = RayPool(self.ray_address)
        elif self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_one_thread)
        return self._pool.submit(run_job, job)


def _one_thread() -> None:
    """A worker computes on one core; more would only wait for each other, and may round differently."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _ppo_fields() -> dict[str, str]:
    """Settings of a PPO run that a spec or a gene may set, with the names of their types."""
    from baselines.ppo import Args

    return {f.name: str(f.type) for f in dataclasses.fields(Args) if f.name not in OURS}


def check_agent(values: Any) -> AgentSpec:
    """From plain values. Raises: ConfigError that names the field."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"agent must be a mapping of settings, was {values!r}")
    return from_dict(AgentSpec, dict(values), "agent")
