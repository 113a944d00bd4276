"""A native vector environment over arrays of the caller's: no copy of observations or actions, nothing made a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from qsl_envs.errors import require


class Buffers:
    """Arrays of one vector environment, or slices of larger ones: whatever the caller's trainer reads and writes.

    | array          | dtype, axes                       | meaning                                             |
    | -------------- | --------------------------------- | --------------------------------------------------- |
    | `observations` | of the space, (env, ...)          | written by `recv`; contiguous                       |
    | `actions`      | of the space, (env, ...)          | read by `send`                                      |
    | `rewards`      | float32 (env,)                    | of the last step                                    |
    | `terminals`    | bool (env,)                       | the episode ended, by the market's rules            |
    | `truncations`  | bool (env,)                       | the episode was cut off                             |
    | `masks`        | bool (env,)                       | true: the env took part in the step                 |

    Args:
        vector_env: whose spaces the arrays have to fit.
        arrays: some of the six by name; the others are allocated.
    Raises: ConfigError naming the array that does not fit.
    """

    def __init__(self, vector_env: VectorEnv, **arrays: np.ndarray):
        n = vector_env.num_envs
        obs, action = vector_env.single_observation_space, vector_env.single_action_space
        require(isinstance(obs, Box), self, "single_observation_space", "a Box", obs)
        require(isinstance(action, (Box, Discrete, MultiDiscrete)), self, "single_action_space", "a Box or discrete",
                action)  # fmt: skip
        wanted = {
            "observations": ((n, *(obs.shape or ())), obs.dtype), "actions": ((n, *(action.shape or ())), action.dtype),
            "rewards": ((n,), np.float32), "terminals": ((n,), np.bool_), "truncations": ((n,), np.bool_),
            "masks": ((n,), np.bool_),
        }  # fmt: skip
        for name in arrays:
            require(name in wanted, self, name, f"one of {', '.join(wanted)}", name)
        for name, (shape, dtype) in wanted.items():
            array = arrays[name] if name in arrays else np.zeros(shape, dtype)
            fits = isinstance(array, np.ndarray) and array.shape == shape and array.dtype == dtype
            fits = fits and (name != "observations" or array.flags.c_contiguous) and array.flags.writeable
            require(fits, self, name, f"a writeable {np.dtype(dtype)} array of shape {shape}",
                    (getattr(array, "dtype", type(array)), getattr(array, "shape", None)))  # fmt: skip
            setattr(self, name, array)

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminals: np.ndarray
    truncations: np.ndarray
    masks: np.ndarray


class BufferEnv:
    """Steps a vector environment between two sets of arrays, in PufferLib's words: `send` actions, `recv` results.

    The environment writes observations straight into the caller's array and reads actions from it. In SAME_STEP mode
    the row of an episode that ended holds the first observation of the next one; in NEXT_STEP mode the last one, and
    `masks` is false on the step that only begins the next episode, so that a learner leaves it out.

    Args:
        vector_env: a native vector environment (one with `use_buffers`).
        buffers: the arrays; None: new ones.
    """

    def __init__(self, vector_env: VectorEnv, buffers: Buffers | None = None):
        self.vector_env = vector_env
        native: Any = vector_env.unwrapped
        require(hasattr(native, "use_buffers"), self, "vector_env", "a native vector environment", vector_env)
        require(native is vector_env, self, "vector_env", "not wrapped", vector_env)
        self.buffers = buffers if buffers is not None else Buffers(vector_env)
        native.use_buffers(self.buffers.observations)
        self.num_agents = self.agents_per_batch = self.num_envs = vector_env.num_envs
        self.single_observation_space = vector_env.single_observation_space
        self.single_action_space = vector_env.single_action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.env_ids = np.arange(self.num_envs)
        self.infos: list[dict[str, Any]] = []
        self._next_step = vector_env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP

    def __getattr__(self, name: str) -> Any:
        """The six arrays are attributes here too."""
        if name in Buffers.__annotations__ and "buffers" in self.__dict__:
            return getattr(self.buffers, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def async_reset(self, seed: int | Sequence[int | None] | None = None) -> None:
        """Begin an episode in every env; `recv` tells what it shows."""
        self.vector_env.reset(seed=seed)
        b = self.buffers
        b.rewards[:], b.terminals[:], b.truncations[:], b.masks[:] = 0.0, False, False, True
        self.infos = []

    def reset(self, seed: int | Sequence[int | None] | None = None) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """`async_reset`, then the observations and no infos."""
        self.async_reset(seed)
        return self.buffers.observations, self.infos

    def send(self, actions: np.ndarray | None = None) -> None:
        """Step every env with what stands in `actions`, or with an array, which is copied there first."""
        b = self.buffers
        if actions is not None and actions is not b.actions:
            b.actions[...] = actions
        if self._next_step:
            np.logical_not(b.terminals | b.truncations, out=b.masks)
        _, reward, terminated, truncated, infos = self.vector_env.step(b.actions)
        np.copyto(b.rewards, reward, casting="same_kind")
        np.copyto(b.terminals, terminated)
        np.copyto(b.truncations, truncated)
        self.infos = _episodes(infos) if infos else []

    def recv(
        self,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]], np.ndarray, np.ndarray]:
        """Observations, rewards, terminals, truncations, infos, numbers of the envs, masks: the arrays themselves."""
        b = self.buffers
        return b.observations, b.rewards, b.terminals, b.truncations, self.infos, self.env_ids, b.masks

    def step(
        self, actions: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """`send`, then the first five of `recv`."""
        self.send(actions)
        return self.recv()[:5]

    def close(self) -> None:
        """Close the vector environment."""
        self.vector_env.close()


def _episodes(infos: dict[str, Any]) -> list[dict[str, Any]]:
    """One dict of lists about the episodes that ended, empty when none did: what a logger appends to its columns."""
    inner = infos.get("final_info", infos)
    summary, ended = inner.get("episode_summary"), inner.get("_episode_summary")
    if summary is None or ended is None or not ended.any():
        return []
    found = {f"episode_{name}": value[ended].tolist() for name, value in summary.items() if not name.startswith("_")}
    return [{"env": np.flatnonzero(ended).tolist(), **found}]
