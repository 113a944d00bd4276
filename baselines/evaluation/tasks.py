"""What is evaluated where: an environment with its settings, and the policies that its words stand for.

A word is a folder of `baselines.portable`, or a name of the library of scripted policies, which then has the parameters
that tuning found where tuning was done. `label=word` gives it another name in tables; several words of one label are
the training seeds of one policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

import qsl_envs  # noqa: F401  registers the environments
from baselines import portable, tuned
from baselines.evaluate import Worlds, evaluate
from baselines.evaluation.one_seat import SeatVectorEnv
from baselines.policies.desk import Desk
from baselines.policies.library import build, names_for, roles_of
from baselines.policies.protocol import Policy
from qsl_envs.errors import ConfigError, require
from qsl_envs.registration import MARL_ENVIRONMENTS

BLOCK = 64
"""Worlds side by side, whatever their number."""
NOTHING = "do nothing"


@dataclass(frozen=True)
class Task:
    """An environment, one seat of it, and settings.

    Args:
        env_id: an id of Gymnasium or of `make_marl_vec`.
        role: of a multi-agent environment; None: its first.
        options: keyword arguments of the environment.
        num_threads: threads of the environment; results do not depend on it.
    """

    env_id: str
    role: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    num_threads: int = 1

    def __post_init__(self) -> None:
        roles = roles_of(self.env_id)
        known = f"one of {', '.join(map(str, roles))}"
        require(self.role is None or self.role in roles, self, "role", known, self.role)
        if self.role is None:
            object.__setattr__(self, "role", roles[0])

    @property
    def shared(self) -> bool:
        """Whether several agents act in it."""
        return self.env_id in {entry.env_id for entry in MARL_ENVIRONMENTS}

    def make(self, num_envs: int, split: str = "test", **changes: Any) -> VectorEnv:
        """The vector environment of one agent, with accounts in its infos; in a shared one the others are residents."""
        options = {**self.options, "split": split, "num_threads": self.num_threads, **changes}
        if self.shared:
            options.pop("step_info", None)  # always told there
            return SeatVectorEnv(self.env_id, num_envs, self.role, self.residents(), **options)
        common = {"autoreset_mode": AutoresetMode.SAME_STEP, "step_info": True}
        return gym.make_vec(self.env_id, num_envs=num_envs, **{**common, **options})

    def residents(self) -> dict[str, Policy]:
        """Who fills the other seats: of each role the best tuned scripted policy, where one is known."""
        probe = SeatVectorEnv(self.env_id, 1, self.role, **self.options)
        found = {}
        for role in roles_of(self.env_id):
            if has_tuned(self.env_id, role):
                best = tuned.best(self.env_id, role)
                found[role] = build(best.name, Desk.of(probe.inner, role), best.parameters)
        probe.close()
        return found

    def worlds(self, count: int, split: str = "test", block: int = BLOCK) -> Worlds:
        """A fixed list of worlds of a split."""

        def make(num_envs: int) -> VectorEnv:
            return self.make(num_envs, split)

        return Worlds(make, count, block=block)

    def desk(self) -> Desk:
        """What its numbers mean."""
        envs = self.make(1)
        try:
            return Desk.of(envs.inner, self.role) if self.shared else Desk.of(envs)
        finally:
            envs.close()

    def scripted(self, name: str, parameters: Mapping[str, Any] | None = None) -> Policy:
        """A scripted policy; its parameters are those that tuning found, else the policy's own.

        Raises: ConfigError for a name that this environment has not.
        """
        names = names_for(self.env_id, self.role)
        require(name in names, "policy", "name", f"a folder, or one of {', '.join(names)}", name)
        if parameters is None and has_tuned(self.env_id, self.role):
            parameters = tuned.load(self.env_id, self.role).get(name)
        return build(name, self.desk(), parameters)

    def best_scripted(self) -> str | None:
        """Name of the scripted policy that was best when all were tuned; None where nothing was tuned."""
        return tuned.best(self.env_id, self.role).name if has_tuned(self.env_id, self.role) else None

    def load(self, folder: str | Path, trust: bool = False) -> Policy:
        """A saved policy. Raises: as `portable.load_policy`."""
        envs = self.make(1)
        try:
            if self.shared:
                return portable.load_policy(folder, envs.inner, self.role, trust)
            return portable.load_policy(folder, envs, None, trust)
        finally:
            envs.close()


def has_tuned(env_id: str, role: str | None) -> bool:
    """Whether the package ships what tuning found for an environment, or a role of it."""
    return (tuned.FOLDER / tuned.file_name(env_id, role)).is_file()


def read_words(task: Task, words: Sequence[str], trust: bool = False) -> dict[str, list[Policy]]:
    """The policies that words stand for: label -> one policy for each training seed.

    Raises: ConfigError for a word that is neither a folder nor a name.
    """
    found: dict[str, list[Policy]] = {}
    for word in words:
        label, equals, rest = word.partition("=")
        place = rest if equals else word
        if (Path(place) / portable.MANIFEST).is_file():
            policy = task.load(place, trust)
            name = policy.name
        elif Path(place).is_dir():
            raise ConfigError(f"{place} is no policy: it has no {portable.MANIFEST}")
        else:
            policy, name = task.scripted(place), place
        found.setdefault(label if equals else name, []).append(policy)
    return found


def with_references(task: Task, policies: dict[str, list[Policy]]) -> dict[str, list[Policy]]:
    """The same with do nothing and the best tuned scripted policy behind, where they are not among them."""
    best = task.best_scripted()
    for name in (best, NOTHING):
        if name and name not in policies:
            policies = {**policies, name: [task.scripted(name)]}
    return policies


def run_all(
    task: Task, policies: Mapping[str, Sequence[Policy]], worlds: Worlds, tell: Any = None, record: bool = False
) -> dict[str, dict[str, np.ndarray]]:
    """Evaluate every seed of every policy: label -> metric -> float64 (seed, world)."""
    flat = {f"{label}\n{n}": policy for label, group in policies.items() for n, policy in enumerate(group)}
    shown = tell and (lambda share, text: tell(share, text.replace("\n", " seed ", 1)))
    found = evaluate(flat, worlds, shown, record=record)
    return {
        label: {
            metric: np.stack([found[f"{label}\n{n}"][metric] for n in range(len(group))])
            for metric in found[f"{label}\n0"]
        }
        for label, group in policies.items()
    }
