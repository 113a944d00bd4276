"""Train an agent: the one door to every trainer, ours and Stable-Baselines3's.

`qsl train --list` says which algorithm fits which environment, `qsl train ALGORITHM --help` lists its settings. With
`--sb3` the algorithm is Stable-Baselines3's of that name. The run's folder (`--out`) holds its settings, its curve, its
checkpoint, and the trained policy, which `qsl evaluate` and `qsl play` take.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from baselines.learning.presets import preset_of
from baselines.learning.trainers import KINDS, SB3_TRAINERS, TRAINERS, env_ids, fitting, kind_of, trainer_of
from qsl_envs.errors import require_extra


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Algorithm and environment; what follows them belongs to the algorithm."""
    parser.add_argument("--list", action="store_true", help="say which algorithm fits which environment")
    parser.add_argument("--sb3", action="store_true", help="Stable-Baselines3's algorithm of that name")
    parser.add_argument("--plain", action="store_true", help="begin with the algorithm's defaults, not with the preset")
    parser.add_argument("algorithm", nargs="?", help=", ".join([*TRAINERS, "with --sb3: " + ", ".join(SB3_TRAINERS)]))
    parser.add_argument("env_id", nargs="?", help="environment to learn; the algorithm's own default when left out")
    parser.add_argument("settings", nargs=argparse.REMAINDER, help="settings of the algorithm: --total-frames 1000000")


def run(args: argparse.Namespace) -> int:
    """Train, or list what could be trained."""
    words = [args.env_id, *args.settings] if args.env_id else list(args.settings)
    sb3 = args.sb3 or "--sb3" in words
    plain = args.plain or "--plain" in words
    words = [word for word in words if word not in ("--sb3", "--plain")]
    env_id = words.pop(0) if words and not words[0].startswith("-") else ""
    if args.list or args.algorithm is None:
        print(listing())
        return 0
    trainer = trainer_of(args.algorithm, env_id, sb3)
    module = importlib.import_module(trainer.module)
    settings = settings_of(module.Args, args.algorithm, env_id, sb3, words, plain)
    module.train(settings)
    print(f"{settings.out}: the run, and in policy/ what it learned")
    return 0


def settings_of(kind: type, algorithm: str, env_id: str, sb3: bool, words: Sequence[str], plain: bool = False) -> Any:
    """The trainer's settings: its defaults, those that suit the environment (not if `plain`), then the caller's."""
    tyro = require_extra("tyro", "train")
    default = kind(**({"algorithm": algorithm} if sb3 else {}))
    env_id = env_id or default.env_id
    name = ("sb3_" if sb3 else "") + algorithm
    place = f"runs/{name}-{env_id.removeprefix('qsl/')}"
    prog = f"qsl train {'--sb3 ' * sb3}{algorithm} {env_id}"
    preset = {} if sb3 or plain else preset_of(algorithm, env_id)
    return tyro.cli(kind, default=replace(default, env_id=env_id, out=place, **preset), args=list(words), prog=prog)


def listing() -> str:
    """The algorithms, and which of them fit which environment."""
    width = max(map(len, TRAINERS))
    lines = ["Algorithms:", *(f"  {name:<{width}}  {t.about}" for name, t in TRAINERS.items())]
    lines += [f"  with --sb3: {', '.join(SB3_TRAINERS)}", ""]
    for kind, told in KINDS.items():
        fit = [env_id for env_id in env_ids() if kind_of(env_id) == kind]
        lines += [f"{told[0].upper()}{told[1:]}: {fitting(kind)}", *(f"  {env_id}" for env_id in fit), ""]
    return "\n".join(lines[:-1])
