"""How the thresholds of the front door's rungs were set: the best tuned scripted maker on worlds that tuning never saw.

`python -m baselines.front_door` tunes each maker of `baselines.tune` on training worlds of each rung with a book,
measures the winners on validation worlds, and writes the table between the markers of docs/start-here.md. A rung's
threshold in `qsl_envs.front_door` is the mean of the best one, rounded down to a multiple of 5. The rung without a
book has an exact optimum instead (`qsl_envs.theory.as_oracle`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

import qsl_envs  # noqa: F401  registers the environments
from baselines.evaluate import Worlds, bootstrap, evaluate
from baselines.policies.desk import Desk
from baselines.policies.plain import DoNothing, Random
from baselines.tune import tune
from qsl_envs.front_door import LADDER, Rung


@dataclass
class Args:
    """Settings of the measurement."""

    train_worlds: int = 64
    """for tuning, the same for every try"""
    validation_worlds: int = 256
    page: Path = Path("docs/start-here.md")
    """whose table between markers is rewritten"""


def worlds_of(rung: Rung, split: str, count: int) -> Worlds:
    """Worlds of a rung."""

    def make(num_envs: int) -> Any:
        return gym.make_vec(rung.env_id, num_envs=num_envs, split=split, autoreset_mode="SameStep", step_info=True)

    return Worlds(make, count)


def measure(rung: Rung, train_worlds: int, validation_worlds: int) -> dict[str, Any]:
    """Mean return and interval of every policy on validation worlds, the tuned ones with what tuning found."""
    found = tune(worlds_of(rung, "train", train_worlds))
    worlds = worlds_of(rung, "validation", validation_worlds)
    envs = worlds.make(1)
    desk = Desk.of(envs)
    envs.close()
    policies: dict[str, Any] = {"do nothing": DoNothing(desk), "random": Random(desk)}
    policies |= {name: tuned.build(desk) for name, tuned in found.items()}
    results = evaluate(policies, worlds)
    return {name: bootstrap(values["score"]) for name, values in results.items()}


def main(args: Args) -> None:
    """Measure all rungs with a book and write the table."""
    scores = {}
    for rung in LADDER[1:]:
        sys.stdout.write(f"{rung.env_id} ...\n")
        scores[rung.env_id] = measure(rung, args.train_worlds, args.validation_worlds)
    names = list(next(iter(scores.values())))
    lines = [f"| rung | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    lines += [f"| `{env_id}` | {' | '.join(str(row[name]) for name in names)} |" for env_id, row in scores.items()]
    begin, end = "<!-- scores:front_door begin -->", "<!-- scores:front_door end -->"
    head, _, rest = args.page.read_text().partition(begin)
    args.page.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.partition(end)[2])
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    import tyro

    main(tyro.cli(Args))
