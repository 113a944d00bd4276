"""Which trainers there are, and which environments each is for: what `qsl train` and the benchmark choose among."""

from __future__ import annotations

from typing import NamedTuple

import gymnasium as gym

import qsl_envs  # noqa: F401  registers the environments
from qsl_envs.errors import ConfigError
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
