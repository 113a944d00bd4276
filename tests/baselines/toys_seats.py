"""Multi-agent toys with known answers, in the batched form: arrays by role. SAME_STEP autoreset, or DISABLED."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode

Arrays = dict[str, np.ndarray]


class Crowd:
    """Two makers and a taker; each sees a number x of its own and should say x / 2, and so should all of them together.

    Reward of seat k: -(a_k - x_k / 2)^2 - (sum of a - sum of x / 2)^2, sums over who is there. The best is 0 a step,
    saying 0 gets `silent()`. x is drawn anew at each step. Four steps, then terminated (or cut off); in worlds whose
    number is a multiple of 3 `maker_1` leaves, terminated, after the second: it observes zeros and is paid nothing.
    """

    STEPS = 4
    WIDTHS = {"maker": 2, "taker": 3}
    SEATS = {"maker": 2, "taker": 1}

    def __init__(
        self, num_envs: int, terminates: bool = True, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP
    ) -> None:
        self.num_envs, self.terminates, self.autoreset_mode = num_envs, terminates, autoreset_mode
        self.metadata = {"autoreset_mode": autoreset_mode}
        self.roles = dict(self.SEATS)
        self.possible_agents = [f"{role}_{k}" for role, seats in self.SEATS.items() for k in range(seats)]
        self.x = np.zeros((num_envs, 3))
        self.here = np.ones((num_envs, 3), bool)

    def observation_space(self, role: str) -> Box:
        return Box(-np.inf, np.inf, (self.WIDTHS[role],), np.float32)

    def action_space(self, role: str) -> Box:
        return Box(-1.0, 1.0, (1,), np.float32)

    def observation_names(self, role: str) -> tuple[str, ...]:
        return ("x", "time_left", "one")[: self.WIDTHS[role]]

    def action_names(self, role: str) -> tuple[str, ...]:
        return ("guess",)

    @property
    def alive(self) -> Arrays:
        return self.split(self.here.copy())

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Arrays, dict[str, Any]]:
        if seed is not None or not hasattr(self, "worlds"):
            self.worlds = np.arange(self.num_envs) + (0 if seed is None else seed)
            self.chance = [np.random.default_rng(int(w)) for w in self.worlds]
        self.age = 0
        self.here[:] = True
        self.draw()
        return self.observe(), {}

    def step(self, actions: Arrays) -> tuple[Arrays, Arrays, Arrays, Arrays, dict[str, Any]]:
        a = np.concatenate([actions[role][..., 0] for role in self.SEATS], 1).astype(np.float64)
        assert np.all(np.abs(a) <= 1), "an action outside the box"
        miss = np.where(self.here, a - self.x / 2, 0.0)
        reward = np.where(self.here, -(miss**2) - miss.sum(1, keepdims=True) ** 2, 0.0)
        self.age += 1
        over = self.age == self.STEPS
        leaves = np.zeros_like(self.here)
        leaves[self.worlds % 3 == 0, 1] = self.age == 2
        ends = self.here & (over | leaves)
        cut = ends & ~leaves if not self.terminates else np.zeros_like(ends)
        self.here &= ~leaves
        self.draw()
        info: dict[str, Any] = {}
        if over and self.autoreset_mode == AutoresetMode.SAME_STEP:
            info = {"final_obs": self.observe(), "_final_obs": np.ones(self.num_envs, bool)}
            self.age = 0
            self.here[:] = True
            self.draw()
        return self.observe(), self.split(reward), self.split(ends & ~cut), self.split(cut), info

    def state(self) -> np.ndarray:
        """All numbers, who is there, and the time left: float32 (num_envs, 7)."""
        left = np.full((self.num_envs, 1), 1 - self.age / self.STEPS)
        return np.concatenate([self.x, self.here, left], 1).astype(np.float32)

    def close(self) -> None:
        """Nothing is held."""

    @classmethod
    def silent(cls) -> float:
        """Mean reward of a seat at a step at which all are there and say 0: -(1/12) - 3/12, x even over [-1, 1]."""
        return -1 / 3

    def draw(self) -> None:
        self.x = np.where(self.here, np.array([c.uniform(-1, 1, 3) for c in self.chance]), 0.0)

    def observe(self) -> Arrays:
        columns = np.stack([self.x, np.full_like(self.x, 1 - self.age / self.STEPS), np.ones_like(self.x)], -1)
        columns = np.where(self.here[..., None], columns, 0.0).astype(np.float32)
        return {role: part[..., : self.WIDTHS[role]] for role, part in self.split(columns).items()}

    def split(self, seats: np.ndarray) -> Arrays:
        """By role: the first two seats are makers, the third is the taker."""
        return {"maker": seats[:, :2], "taker": seats[:, 2:]}
