"""What happens to a policy when a market's lines get slower or its fees higher, with and without learning there.

At each point three are compared on the same held-out worlds: the policy as it is (frozen), the same learner that went
on learning in the training worlds of that point (retrained), and nobody. A frozen policy at a high latency measures its
own cancels, which come too late; a retrained one measures what can be earned there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from baselines.evaluation.tasks import NOTHING, Task
from baselines.evaluation.variations import with_fees, with_latency

AXES: dict[str, Callable[[Task, float], Task]] = {"latency": with_latency, "fees": with_fees}
FACTORS = (0.1, 1.0, 10.0, 100.0)
FROZEN, RETRAINED = "frozen", "retrained"
SHOWN = ("score", "pnl", "orders", "fills", "turnover", "quote_age")
"""Metrics that are told of each point."""


class Point(NamedTuple):
    """One place of the sweep."""

    axis: str
    factor: float

    @property
    def name(self) -> str:
        """As a folder is called."""
        return f"{self.axis}_{self.factor:g}"


@dataclass(frozen=True)
class Sweep:
    """What a sweep is of.

    Args:
        task: the market in which the policy was learned.
        policy: its folder (kind `actor`).
        settings: of `ppo.Args`: of the learner, its `total_frames` those of the learning at each point.
        worlds: held-out worlds, recorded.
        out: folder for the runs.
        processes: points that are worked on at a time.
    """

    task: Task
    policy: Path
    settings: Mapping[str, Any]
    worlds: int
    out: Path
    processes: int = 1


Found = dict[Point, dict[str, dict[str, np.ndarray]]]
"""Point -> frozen, retrained, do nothing -> metric -> float64 (world,)."""


def points() -> list[Point]:
    """Every point once: at a factor of 1 the axes meet, and `latency` holds the point."""
    return [Point(axis, f) for axis in AXES for f in FACTORS if f != 1.0 or axis == next(iter(AXES))]


def along(found: Found, axis: str) -> dict[float, dict[str, dict[str, np.ndarray]]]:
    """The results of one axis, factor by factor; the common point is on each."""
    return {p.factor: found[p] for p in sorted(found, key=lambda p: p.factor) if p.axis == axis or p.factor == 1.0}


def sweep(plan: Sweep, tell: Callable[[float, str], None] | None = None) -> Found:
    """Work on all points; the result does not depend on how many processes share them."""
    wanted, found = points(), {}

    def told(point: Point, result: dict[str, dict[str, np.ndarray]]) -> None:
        found[point] = result
        if tell:
            tell(len(found) / len(wanted), f"{point.axis} x {point.factor:g}: {len(found)} of {len(wanted)}")

    if plan.processes == 1:
        for point in wanted:
            told(point, work(plan, point))
    else:
        with ProcessPoolExecutor(plan.processes, mp_context=get_context("spawn")) as pool:
            jobs = {pool.submit(work, plan, point): point for point in wanted}
            for job in as_completed(jobs):
                told(jobs[job], job.result())
    return {point: found[point] for point in wanted}


def work(plan: Sweep, point: Point) -> dict[str, dict[str, np.ndarray]]:
    """One point: learn on there, then run all three."""
    from baselines import ppo
    from baselines.evaluate import evaluate
    from baselines.learning.acting import NetworkPolicy

    task = replace(AXES[point.axis](plan.task, point.factor), num_threads=1)
    settings = ppo.Args(**{**plan.settings, "init": str(plan.policy), "out": str(plan.out / point.name)})
    envs = task.make(settings.num_envs, "train", step_info=False)
    try:
        agent, _ = ppo.train(settings, envs, lambda share, text: None)
    finally:
        envs.close()
    policies = {
        FROZEN: task.load(plan.policy),
        RETRAINED: NetworkPolicy(agent.actor, RETRAINED),
        NOTHING: task.scripted(NOTHING, {}),
    }
    return evaluate(policies, task.worlds(plan.worlds, block=min(32, plan.worlds)), record=True)


def save_sweep(path: Path, found: Found) -> None:
    """Write every metric of every world as JSON; what is not a number is null."""

    def plain(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(v) else float(v) for v in values]

    content = {p.name: {who: {m: plain(v) for m, v in r.items()} for who, r in one.items()} for p, one in found.items()}
    path.write_text(json.dumps(content) + "\n")


def sweep_table(found: Found, metrics: Sequence[str] = SHOWN) -> list[list[str]]:
    """Rows of a table, titles first: axis, factor, who, then the metrics, mean over worlds."""
    from baselines.intervals import bootstrap

    rows = [["market", "policy", *(metric.replace("_", " ") for metric in metrics)]]
    for axis in AXES:
        for factor, one in along(found, axis).items():
            for who, result in one.items():
                cells = [bootstrap(result[metric]) for metric in metrics]
                texts = [str(cell) if metric in ("score", "pnl") else _short(cell.mean)
                         for metric, cell in zip(metrics, cells)]  # fmt: skip
                rows.append([f"{axis} x {factor:g}", who, *texts])
    return rows


def _short(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
