"""What every native vector environment does alike: buffers, masks, seeds and the tale of an episode's end."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Space
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from qsl_envs.envs.contract import reset_mask_of, seeds_of
from qsl_envs.envs.fields import Field, field_box, field_names, field_units
from qsl_envs.errors import require, require_flag


class NativeVectorEnv(VectorEnv, abc.ABC):
    """Base of vector environments that one compiled call steps; says nothing of what a step is.

    Observations are handed out in two buffers in turn (the previous one stays readable for one more call);
    `copy=True` gives fresh arrays; `use_buffers` takes the caller's.
    """

    autoreset_mode: AutoresetMode

    def _prepare(self, num_envs: int, fields: Sequence[Field], action_space: Space, copy: bool) -> None:
        """Make spaces and buffers; `autoreset_mode` is set before."""
        n = self.num_envs = num_envs
        self.fields, self.copy = tuple(fields), require_flag(self, "copy", copy)
        self.observation_names, self.observation_units = field_names(self.fields), field_units(self.fields)
        self.single_observation_space, self.single_action_space = field_box(self.fields), action_space
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(action_space, n)
        self._shape = (n, len(self.observation_names))
        self._buffers: list[np.ndarray] = [np.zeros(self._shape, np.float32) for _ in range(2)]
        self._turn = 0
        self._last_obs = self._buffers[0]
        same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._final_obs = np.zeros(self._shape if same_step else (1, self._shape[1]), np.float32)
        self._seeded = self._started = False

    @abc.abstractmethod
    def _reseed(self, seeds: np.ndarray, given: np.ndarray) -> None:
        """Give envs their seeds, int64 (num_envs,), where `given` (bool) is set; their episodes start at 0."""

    @abc.abstractmethod
    def _summary(self, ended: np.ndarray) -> dict[str, np.ndarray]:
        """What the episodes that ended (bool, (num_envs,)) were like, with masks."""

    @property
    def seeded(self) -> bool:
        """Whether the envs have seeds: a reset without one goes on with their next episodes."""
        return self._seeded

    def use_buffers(self, *buffers: np.ndarray) -> None:
        """Write observations into these arrays in turn from now on: float32 (num_envs, element), contiguous."""
        require(len(buffers) > 0, self, "buffers", "at least one array", buffers)
        for b in buffers:
            fits = isinstance(b, np.ndarray) and b.shape == self._shape and b.dtype == np.float32
            allowed = f"contiguous float32 arrays of shape {self._shape}"
            require(fits and b.flags.c_contiguous, self, "buffers", allowed, getattr(b, "shape", b))
        self._let_go()
        self._buffers, self._turn, self.copy = list(buffers), -1, False

    def _next_buffer(self) -> np.ndarray:
        """Where the next observations go; `_keep` makes them the last ones."""
        if self.copy:
            return np.empty(self._shape, np.float32)
        return self._buffers[(self._turn + 1) % len(self._buffers)]

    def _keep(self, obs: np.ndarray) -> None:
        """These observations are written: a call that fails before leaves the last ones as they were."""
        self._last_obs = obs
        self._turn = (self._turn + 1) % len(self._buffers)

    def _let_go(self) -> None:
        """Keep a copy of the last observations: what was handed out is the caller's, a restore must not write there."""
        self._last_obs = self._last_obs.copy()

    def _begin_seeds(
        self, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None
    ) -> np.ndarray:  # fmt: skip
        """Check a reset's arguments, give seeds, and tell which envs begin an episode, bool (num_envs,)."""
        mask = reset_mask_of(self, options, self.num_envs, self._started)
        if seed is None or isinstance(seed, (int, np.integer)):
            super().reset(seed=None if seed is None else int(seed))
        if seed is not None or not self._seeded:
            seeds, given = seeds_of(self, seed, self.num_envs, self.np_random, self._seeded)
            self._reseed(seeds, given & mask)
            self._seeded = True
        return mask

    def _add_end(self, infos: dict[str, Any], ended: np.ndarray) -> None:
        """Tell what the episodes that ended were like; in SAME_STEP mode also their last observations."""
        summary = {"episode_summary": self._summary(ended), "_episode_summary": ended.copy()}
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos["final_obs"] = np.where(ended[:, None], self._final_obs, np.float32(0))
            infos["_final_obs"] = ended.copy()
            infos["final_info"], infos["_final_info"] = summary, ended.copy()
        else:
            infos.update(summary)
