"""A native vector environment as a `VecEnv` of Stable-Baselines3: one compiled call a step, no loop over envs."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from qsl_envs.errors import ConfigError, require, require_extra

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv
else:
    VecEnv = require_extra("stable_baselines3.common.vec_env", "train").VecEnv

PER_ENV = ("reward_terms", "reward_weights", "episode_reward_terms")
"""Attributes whose rows belong to one env each; every other attribute is the same for all of them."""


class SB3VecEnv(VecEnv):
    """Any Gymnasium vector environment in SAME_STEP mode, as SB3 wants it.

    On a step on which no episode ends nothing is done env by env: observations are the ones that the environment hands
    out, rewards are cast to float32, infos are empty. For an episode that ends, its info holds `terminal_observation`,
    `TimeLimit.truncated` (cut off by a limit, not ended by the market), `episode` (`r`, `l`, `t` as SB3's `Monitor` has
    them) and the environment's own final info. SB3's `VecNormalize`, `VecMonitor`, `VecFrameStack` go on top.

    Observations are good until the call after the next (see `TradingVectorEnv`); make the environment with `copy=True`
    to keep them longer.

    Args:
        vector_env: made with `autoreset_mode="SameStep"`; see `make_sb3`.
    Raises: ConfigError for another autoreset mode.
    """

    def __init__(self, vector_env: VectorEnv):
        mode = vector_env.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, self, "vector_env", "made with autoreset_mode='SameStep'", mode)
        self.vector_env = vector_env
        super().__init__(vector_env.num_envs, vector_env.single_observation_space, vector_env.single_action_space)
        n = self.num_envs
        self._actions: np.ndarray | None = None
        self._quiet: list[dict[str, Any]] = [{} for _ in range(n)]
        self._returns, self._lengths = np.zeros(n), np.zeros(n, np.int64)
        self._start = time.time()

    # --- stepping

    def reset(self) -> Any:
        """Begin an episode in every env: with the seeds given to `seed`, else the next one of each."""
        options = [one for one in self._options if one]
        same = all(one == options[0] for one in options) and len(options) in (0, self.num_envs)
        require(same, self, "options", "the same for all envs", self._options)
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        obs, _ = self.vector_env.reset(seed=seeds, options=options[0] if options else None)
        self._returns[:], self._lengths[:] = 0.0, 0
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Step every env. Returns: observations, rewards (float32), whether the episode ended (bool), infos."""
        obs, reward, terminated, truncated, infos = self.vector_env.step(self._actions)
        self._returns += reward
        self._lengths += 1
        over = terminated | truncated
        return obs, reward.astype(np.float32), over, self._infos(over, terminated, infos)

    def _infos(self, over: np.ndarray, terminated: np.ndarray, infos: dict[str, Any]) -> list[dict[str, Any]]:
        if any(self._quiet):  # somebody wrote into them
            for info in self._quiet:
                info.clear()
        found = self._quiet.copy()
        if not over.any():
            return found
        seconds = round(time.time() - self._start, 6)
        for i in np.flatnonzero(over).tolist():
            found[i] = {
                **_of_env(infos.get("final_info", {}), i),
                "terminal_observation": _row(infos["final_obs"], i),
                "TimeLimit.truncated": not terminated[i],
                "episode": {"r": float(self._returns[i]), "l": int(self._lengths[i]), "t": seconds},
            }
        self._returns[over], self._lengths[over] = 0.0, 0
        return found

    def close(self) -> None:
        """Close the vector environment."""
        self.vector_env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """One picture a env, where the vector environment was made with `render_mode="rgb_array"`."""
        if self.render_mode != "rgb_array":
            warnings.warn(f"there are no pictures: render_mode is {self.render_mode!r}, not 'rgb_array'", stacklevel=2)
            return [None] * self.num_envs
        frames = self.vector_env.render()
        assert frames is not None
        return list(frames)

    # --- what SB3 asks of single envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute for each env: its row of `reward_terms` and the like, else the one value that all share.

        Raises: AttributeError.
        """
        value = self._find(attr_name)
        return [value[i].copy() if attr_name in PER_ENV else value for i in self._numbers(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the vector environment. Raises: ConfigError for a part of the envs: they share it."""
        all_of_them = sorted(self._numbers(indices)) == list(range(self.num_envs))
        require(all_of_them, self, "indices", "None: the envs share their attributes", indices)
        setattr(self.vector_env.unwrapped, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of the vector environment, and return what it says about each env.

        A method with an argument `env` (`snapshot`, `restore`, `text`) is called once an env, any other one once; of
        what that returns each env gets its row, where there is a row for each.
        """
        method, numbers = self._find(method_name), self._numbers(indices)
        if "env" in inspect.signature(method).parameters:
            return [method(*method_args, env=i, **method_kwargs) for i in numbers]
        result = method(*method_args, **method_kwargs)
        return [_row(result, i, self.num_envs) for i in numbers]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Whether the vector environment is wrapped in a class; true of SB3's `Monitor`, whose work is done here."""
        from stable_baselines3.common.monitor import Monitor

        env, wrapped = self.vector_env, issubclass(wrapper_class, Monitor)
        while not wrapped and env is not env.unwrapped:
            wrapped, env = isinstance(env, wrapper_class), env.env  # type: ignore[attr-defined]
        return [wrapped] * len(self._numbers(indices))

    def _find(self, name: str) -> Any:
        """An attribute of the outermost wrapper that has it."""
        env = self.vector_env
        while not hasattr(env, name) and env is not env.unwrapped:
            env = env.env  # type: ignore[attr-defined]
        return getattr(env, name)

    def _numbers(self, indices: None | int | Iterable[int]) -> list[int]:
        numbers = [int(i) for i in self._get_indices(indices)]
        for i in numbers:
            if not -self.num_envs <= i < self.num_envs:
                raise ConfigError(f"SB3VecEnv.indices must be in [0, {self.num_envs}), was {i}")
        return [i % self.num_envs for i in numbers]


def make_sb3(env_id: str, num_envs: int = 1, **kwargs: Any) -> SB3VecEnv:
    """`gym.make_vec` in SAME_STEP mode, as a VecEnv.

    Args:
        env_id: a registered id.
        kwargs: arguments of the environment; see its page.
    """
    import gymnasium as gym  # importing this package has registered the ids

    return SB3VecEnv(gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **kwargs))


def _of_env(infos: dict[str, Any], i: int) -> dict[str, Any]:
    """What infos in Gymnasium's form say of env `i`: values that have a mask set there, as plain numbers."""
    found: dict[str, Any] = {}
    for name, value in infos.items():
        mask = infos.get(f"_{name}")
        if name.startswith("_") or (mask is not None and not mask[i]):
            continue
        if isinstance(value, dict):
            found[name] = _of_env(value, i)
        else:
            found[name] = value[i].item() if np.ndim(value[i]) == 0 and hasattr(value[i], "item") else value[i]
    return found


def _row(value: Any, i: int, size: int | None = None) -> Any:
    """Row `i` of arrays in any nest of dicts and tuples; with `size`, only of what has so many rows."""
    if isinstance(value, dict):
        return {name: _row(part, i, size) for name, part in value.items()}
    if isinstance(value, np.ndarray) and value.ndim and (size is None or len(value) == size):
        return value[i].copy() if value.ndim > 1 else value[i].item()
    if isinstance(value, (tuple, list)) and size is not None and len(value) == size:
        return value[i]
    if isinstance(value, tuple):
        return tuple(_row(part, i, size) for part in value)
    return value
