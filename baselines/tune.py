"""Chooses parameters of scripted policies on training worlds: as many tries for each, on the same worlds.

`python -m baselines.tune` tunes for an environment with its default settings and writes what it found, every try
included, so that a table can cite it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baselines.evaluate import Worlds, bootstrap, evaluate
from baselines.run_files import ProgressLine, commit
from baselines.scripted import AvellanedaStoikov, Desk, DoNothing, FixedSpread, InventorySkew, Policy, build, candidates

TUNED = (FixedSpread.name, InventorySkew.name, AvellanedaStoikov.name)
"""Policies that have parameters."""


@dataclass(frozen=True)
class Tuned:
    """The best setting of one policy, and every try: parameters, mean score, interval."""

    name: str
    parameters: dict[str, float]
    tries: list[dict[str, Any]]

    def build(self, desk: Desk) -> Policy:
        """The policy with the best setting."""
        return build(self.name, desk, self.parameters)


def measure_sigma(worlds: Worlds) -> float:
    """Volatility of the true mid in a market left alone, ticks per square root of a second.

    Over changes of the mid from step to step, in all worlds together.
    """
    envs = worlds.make(worlds.block)
    try:
        desk = Desk.of(envs)
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
        return max(float(np.sqrt(variance / (desk.step_ns * 1e-9))), 1e-3)
    finally:
        envs.close()


def tune(
    worlds: Worlds, names: Sequence[str] = TUNED, tell: Callable[[float, str], None] | None = None
) -> dict[str, Tuned]:
    """Try every candidate of every policy on the same worlds; the best mean score wins, the earlier one among equals.

    Args:
        worlds: training worlds.
        tell: takes the share that is done and a line about it.
    """
    sigma = measure_sigma(worlds)
    envs = worlds.make(1)
    desk = Desk.of(envs)
    envs.close()
    grid = [(name, parameters) for name in names for parameters in candidates(name, desk, sigma)]
    labels = [f"{name} {n}" for n, (name, _) in enumerate(grid)]
    policies = {label: build(name, desk, parameters) for label, (name, parameters) in zip(labels, grid)}
    results = evaluate(policies, worlds, tell)
    found: dict[str, Tuned] = {}
    for name in names:
        tries = []
        for label, (of, parameters) in zip(labels, grid):
            if of == name:
                score = bootstrap(results[label]["score"])
                pnl = float(results[label]["pnl"].mean())
                tries.append({"parameters": parameters, "score": score.mean, "interval": score[1:], "pnl": pnl})
        best = max(tries, key=lambda t: t["score"])
        found[name] = Tuned(name, best["parameters"], tries)
    return found


def save_tuned(path: Path, found: dict[str, Tuned], about: dict[str, Any]) -> None:
    """Write what was found, and on what, as JSON."""
    content = {"about": {**about, "commit": commit()}}
    content["policies"] = {name: {"parameters": t.parameters, "tries": t.tries} for name, t in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def load_tuned(path: Path) -> dict[str, Tuned]:
    """Read what `save_tuned` wrote."""
    content = json.loads(path.read_text())["policies"]
    return {name: Tuned(name, entry["parameters"], entry["tries"]) for name, entry in content.items()}


@dataclass
class Args:
    """Settings of the tuner."""

    env_id: str = "qsl/MarketMaking-v0"
    """environment, with its default settings"""
    count: int = 256
    """training worlds, the same for every try"""
    out: Path = Path("runs/tuned.json")
    """file to write"""


def main(args: Args) -> None:
    """Tune and print the winners."""
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode

    import qsl_envs  # noqa: F401  registers the environments

    def make(num_envs: int) -> gym.vector.VectorEnv:
        return gym.make_vec(
            args.env_id, num_envs=num_envs, split="train", autoreset_mode=AutoresetMode.SAME_STEP, step_info=True
        )

    found = tune(Worlds(make, args.count, block=min(256, args.count)), tell=ProgressLine("tuning "))
    save_tuned(args.out, found, {"env_id": args.env_id, "split": "train", "worlds": args.count})
    for name, tuned in found.items():
        print(f"{name:20} {max(t['score'] for t in tuned.tries):12.2f}  {tuned.parameters}")


if __name__ == "__main__":
    import tyro

    main(tyro.cli(Args, description=__doc__))
