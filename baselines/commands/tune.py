"""Tune the scripted policies of an environment: as many tries for each, on training worlds, every try kept.

Writes a file an environment, or a role of it, and prints how the winners do on validation worlds. The files that come
with the package (`baselines/tuned/`) were written by this command.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import qsl_envs
from baselines import tuned
from baselines.evaluate import Worlds, bootstrap, evaluate
from baselines.learning.run_files import ProgressLine, commit
from baselines.policies.desk import Desk
from baselines.policies.library import build, names_for, roles_of
from baselines.portable import hash_of
from baselines.tuning.roles import Incumbent, Table
from baselines.tuning.tune import BUDGET, Tuned, save_tuned, tune
from qsl_envs.errors import require
from qsl_envs.settings import json_mapping

NOTHING = "do nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl tune`."""
    parser.add_argument("env_id", metavar="ENV_ID", help="as qsl/MarketMaking-v0, or MarketMaking-v0")
    parser.add_argument("--role", help="of a multi-agent environment (default: every role, one after the other)")
    parser.add_argument("--worlds", type=int, default=128, help="training worlds of each try (default 128)")
    parser.add_argument("--budget", type=int, default=BUDGET, help=f"tries of each policy (default {BUDGET})")
    parser.add_argument("--validation", type=int, default=256, help="worlds the winners are compared on (default 256)")
    parser.add_argument("--incumbents", type=Path, metavar="FOLDER",
                        help="of earlier results: with several agents, the best of each role sits on the seats that do "
                             "not try, from the start")  # fmt: skip
    parser.add_argument("--env-options", default="{}", help="arguments of the environment as JSON")
    parser.add_argument("--out", type=Path, default=Path("runs/tuned"),
                        help="folder, or a file ending in .json for one role (default runs/tuned)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl tune`."""
    env_id = args.env_id if "/" in args.env_id else f"qsl/{args.env_id}"
    roles = roles_of(env_id)
    require(args.worlds >= 2, "tune", "--worlds", ">= 2", args.worlds)
    require(args.validation >= 2, "tune", "--validation", ">= 2", args.validation)
    require(args.budget >= 1, "tune", "--budget", ">= 1", args.budget)
    names_for(env_id, args.role or roles[0])  # refuses a role that there is not
    wanted = roles if args.role is None else (args.role,)
    one_file = args.out.suffix == ".json"
    require(not one_file or len(wanted) == 1, "tune", "--out", "a folder, for several roles", str(args.out))
    options = json_mapping("tune", "--env-options", args.env_options)
    found = _tune_one(env_id, args, options) if roles == (None,) else _tune_table(env_id, wanted, args, options)
    for role, (content, about) in found.items():
        path = args.out if one_file else args.out / tuned.file_name(env_id, role)
        save_tuned(path, content, about)
        print(f"\n{env_id}{f', role {role}' if role else ''}: mean score on {args.validation} validation worlds "
              f"[95 % interval], written to {path}\n")  # fmt: skip
        print(_table(content, about))
        for line in _warnings(content):
            print(line)
    return 0


Found = dict[str | None, tuple[dict[str, Tuned], dict[str, Any]]]


def _tune_one(env_id: str, args: argparse.Namespace, options: dict[str, Any]) -> Found:
    def worlds(split: str, count: int) -> Worlds:
        def make(num_envs: int) -> Any:
            settings = {"autoreset_mode": "SameStep", "step_info": True, **options, "split": split}
            return gym.make_vec(env_id, num_envs=num_envs, **settings)

        return Worlds(make, count, block=min(count, 128))

    training, validation = worlds("train", args.worlds), worlds("validation", args.validation)
    found = tune(training, budget=args.budget, tell=ProgressLine(f"{env_id} "))
    envs = training.make(1)
    desk, digest = Desk.of(envs), hash_of(envs)
    envs.close()
    policies = {NOTHING: build(NOTHING, desk), **{name: one.build(desk) for name, one in found.items()}}
    results = evaluate(policies, validation)
    judged = {name: judge(one, results[name]["score"], results[NOTHING]["score"]) for name, one in found.items()}
    about = {**_about(env_id, None, args, options, digest), "do_nothing": _interval(results[NOTHING]["score"])}
    return {None: (judged, about)}


def _tune_table(env_id: str, roles: tuple[str | None, ...], args: argparse.Namespace,
                options: dict[str, Any]) -> Found:  # fmt: skip
    def table(split: str, count: int) -> Table:
        def make(num_envs: int) -> Any:
            return qsl_envs.make_marl_vec(env_id, num_envs, **{"autoreset_mode": "SameStep", **options, "split": split})

        return Table(Worlds(make, count, block=min(count, 64)))

    training, validation = table("train", args.worlds), table("validation", args.validation)
    digest, found = hash_of(training.envs), {}
    if args.incumbents is not None:
        known = {name: tuned.best(env_id, name, args.incumbents) for name in training.seats}
        training.incumbents = {name: Incumbent(best.name, best.parameters) for name, best in known.items()}
    for role in roles:
        assert role is not None
        against = training.opponents()
        best = training.tune(role, budget=args.budget, tell=ProgressLine(f"{env_id} "))
        validation.incumbents.update(training.incumbents)
        desk = validation.desks[role]
        players = [build(NOTHING, desk), *(one.build(desk) for one in best.values())]
        nothing, *scores = (found["score"] for found in validation.results(role, players))
        judged = {name: judge(one, score, nothing) for (name, one), score in zip(best.items(), scores)}
        about = _about(env_id, role, args, options, digest)
        found[role] = (judged, {**about, "do_nothing": _interval(nothing), "tuned_against": against,
                                "validated_against": validation.opponents()})  # fmt: skip
    training.close()
    validation.close()
    return found


def judge(one: Tuned, scores: np.ndarray, nothing: np.ndarray) -> Tuned:
    """What was tuned, with how it did on worlds that the choice did not see, beside doing nothing there."""
    validation = {"score": _interval(scores), "minus_do_nothing": _interval(scores - nothing)}
    return dataclasses.replace(one, validation=validation)


def _interval(values: np.ndarray) -> list[float]:
    return [float(f"{x:.6g}") for x in bootstrap(values)]


def _about(env_id: str, role: str | None, args: argparse.Namespace, options: dict[str, Any],
           digest: str) -> dict[str, Any]:  # fmt: skip
    """On what it was found."""
    training = {"split": "train", "worlds": args.worlds, "first_seed": 0}
    validation = {"split": "validation", "worlds": args.validation, "first_seed": 0}
    return {
        "env_id": env_id, "role": role, "env_options": options, "config_hash": digest, "training": training,
        "validation": validation, "tries_of_each": args.budget, "commit": commit(),
        "package_version": qsl_envs.__version__,
    }  # fmt: skip


def _warnings(found: dict[str, Tuned]) -> list[str]:
    """A line for each policy whose best try lies at an open end of what was searched."""
    return [
        f"{name}: the best try is at the {' and the '.join(one.at_ends)}: better ones may lie outside"
        for name, one in found.items()
        if one.at_ends
    ]


def _table(found: dict[str, Tuned], about: dict[str, Any]) -> str:
    rows = [(NOTHING, about["do_nothing"], None, {})]
    rows += [(name, one.validation["score"], one.validation["minus_do_nothing"], one.parameters)
             for name, one in found.items()]  # fmt: skip
    lines = []
    for name, score, difference, parameters in rows:
        said = ", ".join(f"{key} {value:.4g}" for key, value in parameters.items())
        shown = "" if difference is None else "better" if difference[1] > 0 else "NOT shown better"
        lines.append(f"{name:24} {score[0]:12.2f} [{score[1]:.2f}, {score[2]:.2f}]  {shown:16} {said}")
    return "\n".join(lines)
