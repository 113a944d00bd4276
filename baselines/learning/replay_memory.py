"""What off-policy learners remember: transitions of several steps, the oldest overwritten first."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qsl_envs.errors import require


class Batch(NamedTuple):
    """Transitions, first axis: transition."""

    obs: Tensor
    """as the environment gave them, float32 (n, obs_dim)"""
    actions: Tensor
    """float32 (n, action_dim), or choices int64 (n,)"""
    rewards: Tensor
    """of the transition's steps, discounted to the first of them, float32 (n,)"""
    next_obs: Tensor
    """after the last of them; of an episode that ended, its final one"""
    discounts: Tensor
    """of the value of `next_obs`: the product of the steps' discounts, 0 where the episode terminated"""


class ReplayMemory:
    """A ring of transitions, each over up to `num_steps` steps of one environment.

    A transition stops early where its episode ends; nothing of the next one gets into it.

    Args:
        capacity: transitions; rounded up to whole rows of `num_envs`.
        num_envs: environments side by side.
        obs_dim: width of an observation.
        action_dim: numbers of an action; 0: actions are choices, int64.
        num_steps: steps of a transition (Watkins 1989; Sutton 1988).
    """

    def __init__(self, capacity: int, num_envs: int, obs_dim: int, action_dim: int, num_steps: int = 1) -> None:
        require(num_steps >= 1, self, "num_steps", ">= 1", num_steps)
        require(capacity >= num_envs, self, "capacity", f">= num_envs, {num_envs}", capacity)
        self.num_envs, self.num_steps = num_envs, num_steps
        rows = -(-capacity // num_envs) * num_envs
        actions = torch.zeros(rows, action_dim) if action_dim else torch.zeros(rows, dtype=torch.int64)
        self.rows = Batch(torch.zeros(rows, obs_dim), actions, torch.zeros(rows), torch.zeros(rows, obs_dim),
                          torch.zeros(rows))  # fmt: skip
        self.at = self.size = 0
        self.forget_steps()

    def forget_steps(self) -> None:
        """All environments begin anew: steps that did not become transitions yet are dropped."""
        self.recent: deque[tuple[Tensor, ...]] = deque(maxlen=self.num_steps)

    def add(self, step: Batch, ended: Tensor) -> None:
        """One step of every environment, (num_envs, ...); it becomes a transition once `num_steps` of them are here.

        Args:
            step: its tensors are kept, not copied.
            ended: whether an episode ended with the step, in either way, bool (num_envs,).
        """
        self.recent.append((*step, ended))
        if len(self.recent) < self.num_steps:
            return
        _, _, rewards, next_obs, discounts, _ = self.recent[-1]
        for _, _, reward, following, discount, over in list(self.recent)[-2::-1]:
            rewards = reward + torch.where(over, 0.0, discount * rewards)
            next_obs = torch.where(over[:, None], following, next_obs)
            discounts = torch.where(over, discount, discount * discounts)
        first = self.recent[0]
        place = slice(self.at, self.at + self.num_envs)
        for ring, new in zip(self.rows, (first[0], first[1], rewards, next_obs, discounts)):
            ring[place] = new
        self.at = (self.at + self.num_envs) % len(self.rows.rewards)
        self.size = min(self.size + self.num_envs, len(self.rows.rewards))

    def sample(self, count: int, noise: torch.Generator) -> Batch:
        """`count` transitions, drawn evenly from all, with replacement. Raises: ConfigError while there is none."""
        require(self.size > 0, self, "size", "> 0 before it is sampled", self.size)
        picks = torch.randint(self.size, (count,), generator=noise)
        return Batch(*(ring[picks] for ring in self.rows))

    def state(self) -> dict[str, Any]:
        """What is remembered, as tensors and plain values."""
        return {"at": self.at, "rows": [ring[: self.size] for ring in self.rows]}

    def restore(self, state: dict[str, Any]) -> None:
        """Remember what `state` told. Raises: ConfigError if it is of a memory of another shape."""
        for ring, kept in zip(self.rows, state["rows"]):
            fits = kept.shape[1:] == ring.shape[1:] and len(kept) <= len(ring)
            require(fits, self, "rows", f"up to {tuple(ring.shape)}", tuple(kept.shape))
            ring[: len(kept)] = kept
        self.at, self.size = state["at"], len(state["rows"][0])
        self.forget_steps()
