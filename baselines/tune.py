"""Chooses parameters of scripted policies on training worlds: as many tries for each, on the same worlds.

What is tried does not depend on what was found: `budget` points fill each policy's space evenly, and every try is kept,
so that a table can say of how many the best one is the best. `qsl tune` is the command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from baselines.evaluate import Worlds, bootstrap, evaluate
from baselines.policies.desk import Desk
from baselines.policies.library import POLICIES, build, candidates, names_at
from baselines.policies.plain import DoNothing
from baselines.policies.protocol import Policy

BUDGET = 16
"""Tries of each policy that has parameters."""
LEAST_SIGMA = 1e-3

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Tuned:
    """The best setting of one policy, and every try: parameters, mean score, interval, mean P&L."""

    name: str
    parameters: dict[str, float]
    tries: list[dict[str, Any]]
    validation: dict[str, list[float]] = field(default_factory=dict)
    """where that was measured: `score` and `minus_do_nothing`, each as mean, low, high"""

    @property
    def score(self) -> float:
        """Mean score of the best try."""
        return max(one["score"] for one in self.tries)

    def build(self, desk: Desk) -> Policy:
        """The policy with the best setting."""
        return build(self.name, desk, self.parameters)


def tunable(desk: Desk) -> tuple[str, ...]:
    """Names of the policies at a desk that have something to tune."""
    return tuple(name for name in names_at(desk.kind) if POLICIES[name].space(desk, 1.0))


def measure_sigma(worlds: Worlds) -> float:
    """Volatility of the true mid in a market left alone, ticks per square root of a second; at the desk of a model,
    what the model says.

    Over changes of the mid from step to step, in all worlds together.
    """
    envs = worlds.make(worlds.block)
    try:
        desk = Desk.of(envs)
        if desk.model is not None:
            return max(desk.model.sigma, LEAST_SIGMA)
        policy = DoNothing(desk)
        obs, info = envs.reset(seed=worlds.first_seed)
        mids, going = [np.array(info["account"]["mid"], np.float64)], np.ones(envs.num_envs, bool)
        changes = []
        while going.any():
            obs, _, terminated, truncated, info = envs.step(policy(obs))
            going &= ~(terminated | truncated)
            mids.append(np.array(info["account"]["mid"], np.float64))
            changes.append((mids[-1] - mids[-2])[going])
        variance = np.mean(np.concatenate(changes) ** 2)
        return max(float(np.sqrt(variance / desk.step_s)), LEAST_SIGMA)
    finally:
        envs.close()


def tune(
    worlds: Worlds, names: Sequence[str] | None = None, budget: int = BUDGET, tell: Tell | None = None
) -> dict[str, Tuned]:
    """Try every candidate of every policy on the same worlds; the best mean score wins, the earlier one among equals.

    Args:
        worlds: training worlds.
        names: policies of the library; None: all that have parameters at this desk.
        budget: tries of each.
        tell: takes the share that is complete and a line about it.
    """
    envs = worlds.make(1)
    desk = Desk.of(envs)
    envs.close()
    sigma = measure_sigma(worlds)
    names = tunable(desk) if names is None else names
    grid = {name: candidates(name, desk, budget, sigma) for name in names}
    policies = {
        label(name, n): build(name, desk, parameters) for name in grid for n, parameters in enumerate(grid[name])
    }
    results = evaluate(policies, worlds, tell)
    return {name: chosen(name, grid[name], [results[label(name, n)] for n in range(len(grid[name]))]) for name in names}


def label(name: str, n: int) -> str:
    """What try n of a policy is called."""
    return f"{name} {n}"


def chosen(name: str, tried: Sequence[dict[str, float]], results: Sequence[Mapping[str, np.ndarray]]) -> Tuned:
    """The best of the tries of one policy, by its mean score over worlds."""
    tries = []
    for parameters, found in zip(tried, results):
        score, low, high = (float(f"{x:.8g}") for x in bootstrap(found["score"]))
        pnl = float(f"{np.mean(found['pnl']):.8g}")
        tries.append({"parameters": parameters, "score": score, "interval": [low, high], "pnl": pnl})
    best = max(tries, key=lambda one: one["score"])
    return Tuned(name, best["parameters"], tries)


def save_tuned(path: Path, found: Mapping[str, Tuned], about: Mapping[str, Any]) -> None:
    """Write what was found, and on what, as JSON: a try a line."""
    parts = []
    for name, one in found.items():
        tries = ",\n    ".join(json.dumps(tried) for tried in one.tries)
        parts.append(
            f'  {json.dumps(name)}: {{\n   "parameters": {json.dumps(one.parameters)},\n'
            f'   "validation": {json.dumps(one.validation)},\n   "tries": [\n    {tries}\n   ]\n  }}'
        )
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    text = f'{{\n "about": {{\n{lines}\n }},\n "policies": {{\n' + ",\n".join(parts) + "\n }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def load_tuned(path: Path) -> dict[str, Tuned]:
    """Read what `save_tuned` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))["policies"]
    return {name: Tuned(name, one["parameters"], one["tries"], one["validation"]) for name, one in content.items()}
