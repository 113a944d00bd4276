"""Stages: an environment with settings, in which matches are played, and who may sit where."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import qsl_envs
from baselines.policies.keyed import mix_seats
from qsl_envs.errors import require
from qsl_envs.registration import MARL_ENVIRONMENTS
from qsl_envs.settings import check_types, config_hash

LineUp = Mapping[str, Sequence[str]]
"""Role -> names of the players at its seats, seat by seat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where matches are played.

    Every match of a stage is played in blocks of `worlds` worlds, each of them once for every rotation of the players
    over the seats: one shape of all arrays, whoever plays.
    """

    env_id: str
    """a multi-agent environment"""
    name: str = ""
    """of the scenario in logs and tables; empty: the environment's id"""
    settings: dict[str, Any] = field(default_factory=dict)
    """arguments of `qsl_envs.make_marl_vec`: seats, tasks, step_ns, session_ns, config, words about the market"""
    split: str = "train"
    """family of worlds"""
    worlds: int = 64
    """of a block"""
    rotate: bool = True
    """whether players change seats, and with them lines, within each role"""
    rotations: int = 0
    """that a world is played in; 0: as many as any line-up takes. One that repeats itself, a b a b, needs fewer"""

    def __post_init__(self) -> None:
        check_types(self)
        known = [entry.env_id for entry in MARL_ENVIRONMENTS]
        require(self.env_id in known, self, "env_id", f"one of {', '.join(known)}", self.env_id)
        require(1 <= self.worlds <= 65_536, self, "worlds", "in [1, 65_536]", self.worlds)
        require(0 <= self.rotations <= 65_536, self, "rotations", "in [0, 65_536]", self.rotations)
        require(self.rotate or self.rotations == 0, self, "rotations", "0 where nobody rotates", self.rotations)
        for name in ("num_envs", "autoreset_mode", "split", "copy", "max_episode_steps", "max_cycles"):
            require(name not in self.settings, self, "settings", "without what the stage itself decides", name)

    @property
    def title(self) -> str:
        """How tables call it."""
        return self.name or self.env_id

    @property
    def digest(self) -> str:
        """Hex digest of the settings."""
        return config_hash(self)

    @property
    def seats(self) -> dict[str, int]:
        """Seats of each role."""
        place = next(entry.entry_point for entry in MARL_ENVIRONMENTS if entry.env_id == self.env_id)
        module, _, name = place.partition(":")
        envs = getattr(importlib.import_module(module), name)
        roles = envs.roles_of(self.settings.get("seats") or {}, {}, None)
        return {role.name: role.num_seats for role in roles}

    @property
    def orders(self) -> np.ndarray:
        """Who of the line-up sits where: see `rotations`."""
        return rotations(self.seats, self.rotate, self.rotations)

    def fair_to(self, line_up: LineUp) -> bool:
        """Whether every player of a line-up sits at every seat of its role equally often."""
        names = [name for part in line_up.values() for name in part]
        first = 0
        for part in line_up.values():
            here = np.array(names)[self.orders[:, first : first + len(part)]]
            for name in set(part):
                times = (here == name).sum(0)
                if (times != times[0]).any():
                    return False
            first += len(part)
        return True

    def make(self, num_envs: int) -> Any:
        """The batched environment, which begins anew in the step after an end."""
        return qsl_envs.make_marl_vec(
            self.env_id, num_envs, split=self.split, autoreset_mode="NextStep", **self.settings
        )


def rotations(seats: Mapping[str, int], rotate: bool = True, count: int = 0) -> np.ndarray:
    """Who of the line-up sits where: int64 (rotation, seat), all roles one behind the other.

    In rotation q the players of a role with n seats have moved on by q mod n seats. There are as many rotations as it
    takes until each player has sat at each seat of its role equally often: the least common multiple of the numbers of
    seats. Or `count` of them.
    """
    count = (count or math.lcm(*seats.values())) if rotate else 1
    rows = []
    for q in range(count):
        row, first = [], 0
        for n in seats.values():
            row += [first + (k - q) % n for k in range(n)]
            first += n
        rows.append(row)
    return np.array(rows, np.int64)


def seat_seeds(worlds: np.ndarray, seats: np.ndarray) -> np.ndarray:
    """Seeds of the noise of whoever sits there, int64, shapes broadcast: of the world and the seat, not of the player.

    So whoever sits down at a seat of a world draws the same noise as anybody else there, and a player against itself
    plays the same game from either seat.
    """
    return mix_seats(worlds, np.asarray(seats, np.int64))


def neutral_action(envs: Any, role: str) -> np.ndarray:
    """What a seat does when nobody moves it: no quotes, no orders, a target of nothing held. float32 (numbers,)."""
    numbers = [0.0 if name.startswith(("trade", "target", "choice")) else -1.0 for name in envs.action_names(role)]
    names = envs.action_names(role)
    if "manner" in names:
        numbers[names.index("manner")] = 1.0
    return np.array(numbers, np.float32)
