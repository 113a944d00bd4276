"""What searches find, on worlds that no search saw: NSGA-II beside random search and halving of the same budget, beside
the defaults; and agents trained on an evolved reward beside agents trained on the hand-set one with the same budget.

Claim: none. The tables show what came out.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from baselines.intervals import bootstrap, paired_difference
from benchmarks.report import Row, main
from evolve.agents import run_job
from evolve.genome import Genome
from evolve.loop import Search
from evolve.outcome import Found, examine
from evolve.spec import TEST, EvolveSpec, read_spec

SEARCH, REWARD = "skewed-maker", "reward-maker"


# --- strategies


def evolve_search(smoke: bool) -> list[Row]:
    """Each method with some seeds; intervals over seeds and worlds together."""
    values = read_spec(SEARCH).to_dict()
    seeds = [1] if smoke else [1, 2, 3]
    values["worlds"] = {"count": 2, "test_count": 2} if smoke else {"count": 24, "test_count": 128}
    values["search"] |= {"population": 4, "generations": 1} if smoke else {"population": 16, "generations": 6}
    spec = EvolveSpec.from_dict(values)
    evaluator, test = spec.evaluator(), spec.evaluator(TEST)
    found: dict[str, list[Found]] = {}
    reference = None
    for method in ("nsga2", "random", "halving"):
        for seed in seeds:
            search = Search(spec.with_search(method=method, seed=seed).search, evaluator, reference=reference)
            search.run()
            reference = search.reference  # the first one's, for all
            found.setdefault(method, []).append(examine(method, search, test, reference))
    default = evaluator_of_defaults(spec).measure(np.array([[1.0]])).metrics["pnl"]
    control = np.array([one.pnl for one in found["random"]])
    rows = [
        Row(
            search=method,
            seeds=len(runs),
            full_evaluations=round(float(np.mean([one.spent for one in runs]))),
            hypervolume=_span([one.volume for one in runs]),
            on_test_worlds=_span([one.tested_volume for one in runs]),
            champions_pnl=_span([one.objectives[one.numbers.tolist().index(one.champion), 0] for one in runs]),
            its_pnl_on_test_worlds=str(bootstrap(np.array([one.pnl for one in runs]))),
            minus_random_search=""
            if method == "random"
            else str(paired_difference(np.array([one.pnl for one in runs]), control)),
        )
        for method, runs in found.items()
    ]
    rows.append(
        Row(
            search="defaults of the kind",
            seeds=None,
            full_evaluations=0,
            hypervolume="",
            on_test_worlds="",
            champions_pnl="",
            its_pnl_on_test_worlds=str(bootstrap(default)),
            minus_random_search=str(paired_difference(default, control)),
        )  # fmt: skip
    )
    return rows


def evaluator_of_defaults(spec: EvolveSpec) -> Any:
    """Measures the strategy with the parameters that its kind has when nobody sets any, on the worlds of the test."""
    genome = Genome.from_dict({"post_only": {"type": "int", "low": 0, "high": 1}})
    return spec.subject.evaluator(genome, spec.objectives, TEST, spec.worlds.test_count)


def _span(values: list[float]) -> str:
    return f"{np.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})" if len(values) > 1 else f"{values[0]:.4g}"


# --- rewards


def evolve_reward(smoke: bool) -> list[Row]:
    """Rewards found by two searches of one budget and the environment's own, each taught to agents of other seeds."""
    values = read_spec(REWARD).to_dict()
    seeds, frames = ([11], 64) if smoke else ([11, 12, 13, 14, 15], 131_072)
    values["agent"]["frames"] = 64 if smoke else 131_072
    values["search"] |= {"population": 4, "generations": 1} if smoke else {"population": 4, "generations": 3}
    if smoke:
        values["agent"]["ppo"] |= {"num_envs": 4, "num_steps": 8, "minibatch_size": 32, "num_epochs": 1}
        values["agent"]["env_options"]["session_ns"] = 1_000_000_000
        values["worlds"] = {"count": 1, "test_count": 2}
    spec = EvolveSpec.from_dict(values)
    rewards: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        evaluator = spec.evaluator(folder=Path(folder))
        for name, method in (("evolved", "nsga2"), ("random search's best", "random")):
            search = Search(spec.with_search(method=method).search, evaluator)
            search.run()
            rewards[name] = spec.genome.values(search.archive.genes[search.archive.front()[0]])
        evaluator.close()
        rewards["hand-set (the environment's own)"] = {}
        pnl = {name: taught(spec, reward, seeds, frames, Path(folder)) for name, reward in rewards.items()}
    control = pnl["hand-set (the environment's own)"]
    return [
        Row(
            reward=name,
            weights=", ".join(f"{gene.partition('.')[2]} {value:.3g}" for gene, value in rewards[name].items()),
            seeds=len(values),
            frames=frames,
            pnl_on_test_worlds=str(bootstrap(values)),
            minus_hand_set="" if values is control else str(paired_difference(values, control)),
        )
        for name, values in pnl.items()
    ]


def taught(spec: EvolveSpec, reward: dict[str, float], seeds: list[int], frames: int, folder: Path) -> np.ndarray:
    """True P&L of agents that learn by a reward, float64 (seed, world) of the test."""
    rows = []
    for seed in seeds:
        subject = dataclasses.replace(spec.subject, seed=seed, frames=frames)
        job = subject.job(reward, 1.0, TEST, spec.worlds.test_count, folder)
        rows.append(run_job(job)["pnl"])
    return np.array(rows)


TABLES = {"evolve_search": evolve_search, "evolve_reward": evolve_reward}

if __name__ == "__main__":
    main(TABLES)
