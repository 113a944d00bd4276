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
from typing import Any, NamedTuple

import gymnasium as gym

import qsl_envs  # noqa: F401  registers the environments
from baselines.learning.presets import preset_of
from qsl_envs.errors import ConfigError, require_extra
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS


class Trainer(NamedTuple):
    """A trainer: a module with `Args` (a dataclass with `env_id` and `out`) and `train(args)`."""

    module: str
    kinds: tuple[str, ...]
    """kinds of environments that it is for"""
    about: str


KINDS = {"box": "one agent, actions in a Box", "choice": "one agent, choices", "crowd": "several agents"}
"""Kinds of environments, and what they are in words."""
TRAINERS = {
    "ppo": Trainer("baselines.ppo", ("box", "choice"), "proximal policy optimization"),
    "ppo_lstm": Trainer("baselines.ppo_lstm", ("box", "choice"), "the same with a memory"),
    "sac": Trainer("baselines.sac", ("box",), "soft actor-critic"),
    "ddpg": Trainer("baselines.ddpg", ("box",), "deep deterministic policy gradient"),
    "dqn": Trainer("baselines.dqn", ("choice",), "double deep Q-learning"),
    "ippo": Trainer("baselines.ippo", ("crowd",), "PPO by each agent"),
    "mappo": Trainer("baselines.mappo", ("crowd",), "PPO with critics that see the markets' state"),
}
"""Our trainers, by the names that `qsl train` takes."""
SB3_TRAINERS = {
    "ppo": ("box", "choice"), "a2c": ("box", "choice"), "recurrent_ppo": ("box", "choice"), "sac": ("box",),
    "td3": ("box",), "ddpg": ("box",), "dqn": ("choice",),
}  # fmt: skip
"""Stable-Baselines3's algorithms, and the kinds of environments that they are for."""


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


def trainer_of(algorithm: str, env_id: str, sb3: bool = False) -> Trainer:
    """The trainer of an algorithm, once it is clear that it fits the environment.

    Args:
        env_id: empty: the trainer's own default, which fits.
    Raises: ConfigError for an algorithm or environment that there is not, or two that do not fit: it names those that
        do.
    """
    mine, theirs = ", ".join(TRAINERS), ", ".join(SB3_TRAINERS)
    if algorithm not in (SB3_TRAINERS if sb3 else TRAINERS):
        hint = "; it is Stable-Baselines3's: add --sb3" if not sb3 and algorithm in SB3_TRAINERS else ""
        known = f"with --sb3: {theirs}" if sb3 else f"{mine}; with --sb3: {theirs}"
        raise ConfigError(f"there is no algorithm {algorithm!r}{hint}; there are {known}")
    kinds = SB3_TRAINERS[algorithm] if sb3 else TRAINERS[algorithm].kinds
    if sb3:
        trainer = Trainer("baselines.sb3.runner", kinds, f"Stable-Baselines3's {algorithm}")
    else:
        trainer = TRAINERS[algorithm]
    if env_id:
        kind = kind_of(env_id)
        if kind not in kinds:
            told = " or ".join(KINDS[k] for k in kinds)
            raise ConfigError(f"{algorithm} is for {told}; {env_id} has {KINDS[kind]}: {fitting(kind)}")
    return trainer


def fitting(kind: str) -> str:
    """Algorithms for a kind of environment, in words."""
    mine = ", ".join(name for name, trainer in TRAINERS.items() if kind in trainer.kinds)
    theirs = ", ".join(name for name, kinds in SB3_TRAINERS.items() if kind in kinds)
    return mine + (f"; with --sb3: {theirs}" if theirs else "")


def kind_of(env_id: str) -> str:
    """Which of `KINDS` an environment is, told by its class: nothing is made or compiled.

    Raises: ConfigError for an id that is not registered.
    """
    if env_id in {entry.env_id for entry in MARL_ENVIRONMENTS}:
        return "crowd"
    if env_id not in gym.registry:
        raise ConfigError(f"there is no environment {env_id!r}; there are {', '.join(env_ids())}")
    entry = gym.spec(env_id).vector_entry_point
    maker = gym.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    role, market = getattr(maker, "default_role", None), getattr(maker, "default_market", None)
    if role is None or market is None:
        return "box"
    return "choice" if isinstance(role.action_space(market), gym.spaces.Discrete) else "box"


def env_ids() -> list[str]:
    """Ids of this package: those of one agent, the rungs of the front door, those of several agents."""
    plain = [entry.env_id for entry in ENVIRONMENTS]
    rungs = [name for name in gym.registry if name.startswith("qsl/") and name not in plain]
    return [*plain, *rungs, *(entry.env_id for entry in MARL_ENVIRONMENTS)]


def listing() -> str:
    """The algorithms, and which of them fit which environment."""
    width = max(map(len, TRAINERS))
    lines = ["Algorithms:", *(f"  {name:<{width}}  {t.about}" for name, t in TRAINERS.items())]
    lines += [f"  with --sb3: {', '.join(SB3_TRAINERS)}", ""]
    for kind, told in KINDS.items():
        fit = [env_id for env_id in env_ids() if kind_of(env_id) == kind]
        lines += [f"{told[0].upper()}{told[1:]}: {fitting(kind)}", *(f"  {env_id}" for env_id in fit), ""]
    return "\n".join(lines[:-1])
