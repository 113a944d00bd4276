"""One env: the native vector environment with one replica, handing out fresh arrays and dicts."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode

from qsl_envs.envs.contract import rebuild
from qsl_envs.envs.rendering import FPS, RENDER_MODES
from qsl_envs.envs.vector import TradingVectorEnv
from qsl_envs.errors import ConfigError, require

SHARED = {
    "market", "task", "role", "fields", "observation_names", "observation_units", "action_names", "reward_names",
    "max_inventory", "session_ns", "realism",
}  # fmt: skip
"""Attributes of the vector form that the single env has too."""


class TradingEnv(gym.Env):
    """A Gymnasium environment over a `TradingVectorEnv` of one env; its arguments are that one's."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": FPS}
    vector_class: ClassVar[type[TradingVectorEnv]]

    def __init__(self, *, render_mode: str | None = None, **kwargs: Any):
        for name in ("num_envs", "autoreset_mode", "copy"):
            if name in kwargs:
                raise ConfigError(f"{name} is an argument of the vector form: gym.make_vec")
        self._arguments = {"render_mode": render_mode, **kwargs}
        self._vector = self.vector_class(1, autoreset_mode=AutoresetMode.DISABLED, render_mode=render_mode, **kwargs)
        self.render_mode = render_mode
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space
        self._action = np.zeros(len(self._vector.action_names), np.float32)
        self._width = len(self._vector.observation_names)
        self._num_choices = int(self.action_space.n) if isinstance(self.action_space, Discrete) else 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Begin an episode: of world (split, seed, 0) with a seed, else the next one of the same seed."""
        super().reset(seed=seed)
        if seed is None and not self._vector.seeded:
            seed = int(self.np_random.integers(2**31))
        obs, infos = self._vector.reset(seed=seed, options=options)
        return obs[0].copy(), _first(infos)

    def step(self, action: np.ndarray):
        """One decision. Raises: ConfigError (another shape, a NaN), ResetNeeded, CapacityError."""
        vector = self._vector
        if self._num_choices:
            self._action[0] = self._take_choice(action)
        else:
            action = np.asarray(action)
            if action.shape != self._action.shape:
                require(False, self, "action", f"of shape {self._action.shape}", action.shape)
            self._action[:] = action
        obs = np.empty(self._width, np.float32)
        reward, terminated, truncated, info = vector.step_one(self._action, obs)
        return obs, reward, terminated, truncated, _first(info) if info else info

    def _take_choice(self, action: Any) -> int:
        count = self._num_choices
        whole = np.ndim(action) == 0 and np.issubdtype(np.asarray(action).dtype, np.integer)
        require(whole and 0 <= action < count, self, "action", f"a whole number in [0, {count})", action)
        return int(action)

    def render(self) -> Any:
        """A picture (uint8 (480, 640, 3)) or a text of the book as known, own orders and the account, as `render_mode`
        says; "human" shows it in a window as it goes.
        """
        shown = self._vector.render()
        return None if shown is None else shown[0]

    def close(self) -> None:
        """Close the window, where there is one."""
        self._vector.close()

    def snapshot(self) -> bytes:
        """The env as bytes; see `restore`."""
        return self._vector.snapshot(0)

    def restore(self, data: bytes) -> np.ndarray:
        """Go back to a snapshot; returns the last observation of then."""
        return self._vector.restore(data, 0)

    def accounts(self) -> dict[str, Any]:
        """The true account now, as numbers; see `TradingVectorEnv.accounts`."""
        return {name: value[0].item() for name, value in self._vector.accounts().items()}

    @property
    def reward_terms(self) -> np.ndarray:
        """Terms of the last reward before they are weighted, float64 (term,), ticks x lots. A view."""
        return self._vector.reward_terms[0]

    @property
    def reward_weights(self) -> np.ndarray:
        """What each term counts in the reward, float64 (term,). A view: write to it to change the reward."""
        return self._vector.reward_weights[0]

    @property
    def episode_reward_terms(self) -> np.ndarray:
        """The same, summed over the running episode. A view."""
        return self._vector.episode_reward_terms[0]

    def __getattr__(self, name: str) -> Any:
        """Names, units, settings, fields and the market are those of the vector form."""
        vector = self.__dict__.get("_vector")
        if vector is not None and (name in SHARED or name in {f.name for f in dataclasses.fields(vector.task)}):
            return getattr(vector, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __repr__(self) -> str:
        """As of the vector form, without its number."""
        vector = repr(self._vector) if "_vector" in self.__dict__ else ""
        notes = vector.partition("num_envs=1")[2].removeprefix(", ").rstrip(")")
        return f"{type(self).__name__}({notes})"

    def __str__(self) -> str:
        return repr(self)

    def __reduce__(self):
        return rebuild, (type(self), self._arguments, self.spec)


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """Infos of one env out of the vector form's: numbers and arrays, without masks."""
    return {
        name: _first(value) if isinstance(value, dict) else value[0].copy() if value.ndim > 1 else value[0].item()
        for name, value in infos.items()
        if not name.startswith("_")
    }
