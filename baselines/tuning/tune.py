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

from baselines.evaluate import Worlds, bootstrap
from baselines.policies.desk import Desk
from baselines.policies.library import POLICIES, at_ends, build, candidates, names_at
from baselines.policies.plain import DoNothing
from baselines.policies.protocol import Policy

BUDGET = 64
"""Tries of each policy that has parameters."""
LEAST_SIGMA = 1e-3
MOST_ENVS = 512
"""Environments that tries share at once: a step of Python is paid once for all of them."""

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Tuned:
    """The best setting of one policy, and every try: parameters, mean score, interval, mean P&L."""

    name: str
    parameters: dict[str, float]
    tries: list[dict[str, Any]]
    validation: dict[str, list[float]] = field(default_factory=dict)
    """where that was measured: `score` and `minus_do_nothing`, each as mean, low, high"""
    at_ends: list[str] = field(default_factory=list)
    """coordinates of the search whose open end the best try lies at: better ones may lie outside"""

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
    tried = [(name, build(name, desk, parameters)) for name in grid for parameters in grid[name]]
    side_by_side = max(1, MOST_ENVS // worlds.block)
    made: dict[int, Any] = {}
    found: list[dict[str, np.ndarray]] = []
    try:
        for first in range(0, len(tried), side_by_side):
            group = [policy for _, policy in tried[first : first + side_by_side]]
            if len(group) not in made:
                made[len(group)] = worlds.make(worlds.block * len(group))
            found += outcomes(made[len(group)], group, worlds)
            if tell:
                tell(len(found) / len(tried), f"{tried[len(found) - 1][0]}: try {len(found)} of {len(tried)}")
    finally:
        for envs in made.values():
            envs.close()
    results = iter(found)
    return {name: chosen(name, desk, sigma, grid[name], [next(results) for _ in grid[name]]) for name in grid}


class SideBySide:
    """Several policies as one, each for as many rows as the others, in turn."""

    name = "side by side"

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins for each."""
        for policy, part in zip(self.policies, np.split(seeds, len(self.policies))):
            policy.reset(part)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        parts = np.split(obs, len(self.policies))
        return np.concatenate([policy(part) for policy, part in zip(self.policies, parts)])

    def parameters(self) -> dict[str, Any]:
        """None of its own."""
        return {}


def outcomes(envs: Any, policies: Sequence[Policy], worlds: Worlds) -> list[dict[str, np.ndarray]]:
    """Score and P&L of policies that play the same worlds side by side: what `evaluate` gives one by one.

    Args:
        envs: `worlds.block` of them for each policy.
    Returns: for each policy `score` and `pnl`, float64 (worlds.count,).
    """
    n, team = len(policies), SideBySide(policies)
    parts = []
    for numbers, count in worlds.blocks():
        seeds = np.tile(worlds.first_seed + numbers, n)
        options = None
        if worlds.starts_ns is not None:
            starts = np.asarray(worlds.starts_ns, np.int64)[numbers % worlds.count]
            options = {"start_ns": np.tile(starts, n)}
        team.reset(seeds)
        obs, _ = envs.reset(seed=[int(seed) for seed in seeds], options=options)
        running, values = np.ones(len(seeds), bool), {key: np.zeros(len(seeds)) for key in ("score", "pnl")}
        while running.any():
            obs, reward, terminated, truncated, info = envs.step(team(obs))
            values["score"] += np.where(running, reward, 0.0)
            ends = running & (terminated | truncated)
            if ends.any():
                final = info["final_info"]["episode_summary"]
                values["pnl"][ends] = np.asarray(final["equity" if "equity" in final else "pnl"], np.float64)[ends]
                running &= ~ends
        parts.append({key: value.reshape(n, -1)[:, :count] for key, value in values.items()})
    return [{key: np.concatenate([part[key][k] for part in parts]) for key in ("score", "pnl")} for k in range(n)]


def chosen(
    name: str, desk: Desk, sigma: float, tried: Sequence[dict[str, float]], results: Sequence[Mapping[str, np.ndarray]]
) -> Tuned:
    """The best of the tries of one policy, by its mean score over worlds."""
    tries = []
    for parameters, found in zip(tried, results):
        score, low, high = (float(f"{x:.8g}") for x in bootstrap(found["score"]))
        pnl = float(f"{np.mean(found['pnl']):.8g}")
        tries.append({"parameters": parameters, "score": score, "interval": [low, high], "pnl": pnl})
    best = max(tries, key=lambda one: one["score"])
    return Tuned(name, best["parameters"], tries, at_ends=at_ends(name, desk, sigma, 1 + tries.index(best)))


def save_tuned(path: Path, found: Mapping[str, Tuned], about: Mapping[str, Any]) -> None:
    """Write what was found, and on what, as JSON: a try a line."""
    parts = []
    for name, one in found.items():
        tries = ",\n    ".join(json.dumps(tried) for tried in one.tries)
        parts.append(
            f'  {json.dumps(name)}: {{\n   "parameters": {json.dumps(one.parameters)},\n'
            f'   "validation": {json.dumps(one.validation)},\n   "at_ends": {json.dumps(one.at_ends)},\n'
            f'   "tries": [\n    {tries}\n   ]\n  }}'
        )
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in about.items())
    text = f'{{\n "about": {{\n{lines}\n }},\n "policies": {{\n' + ",\n".join(parts) + "\n }\n}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
