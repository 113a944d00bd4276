"""`qsl/AvellanedaStoikov-v0`: the market-making model of the 2008 paper itself, a bridge to the theory."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from qsl_envs.envs.avellaneda_stoikov_config import (
    AvellanedaStoikovConfig,
    argument_table,
    observation_fields,
    reward_table,
)
from qsl_envs.envs.avellaneda_stoikov_picture import Film
from qsl_envs.envs.avellaneda_stoikov_vector import ACTION_NAMES, AvellanedaStoikovVectorEnv
from qsl_envs.envs.contract import rebuild
from qsl_envs.envs.fields import field_table
from qsl_envs.envs.window import Window
from qsl_envs.errors import ConfigError, require

__all__ = ["AvellanedaStoikovEnv", "AvellanedaStoikovVectorEnv"]

DEFAULT_TASK = AvellanedaStoikovConfig()

PLAIN_MODES = ("ansi", "rgb_array")
WINDOW_MODES = ("human",) if find_spec("pygame") else ()
"""Offered where pygame is installed; asked for without it, the error says how to install it."""

SHARED = frozenset(
    {"task", "fields", "action_names", "observation_names", "observation_units", "reward_names", "split"}
)
"""Attributes of the vector form that the single env has too."""


def _fill_page(cls: type) -> type:
    """Put the tables into the class docstring, which is the page."""
    cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").format(
        observation_table=field_table(observation_fields(DEFAULT_TASK)),
        reward_table=reward_table(),
        argument_table=argument_table(DEFAULT_TASK),
    )
    return cls


@_fill_page
class AvellanedaStoikovEnv(gym.Env):
    """Quote both sides around a random walk; no book, no latency: the model as it was published.

    ## Description

    The model of M. Avellaneda and S. Stoikov (2008), "High-frequency trading in a limit order book", Quantitative
    Finance 8. The mid moves up or down by `sigma` sqrt(`dt`) each step, a fair coin. The agent says how far below
    the mid it bids and how far above it asks, one lot each. A quote at offset d is filled within the step with a
    probability made of the intensity `a` exp(-`k` d). Fills use the quotes made before the step's move. After
    `horizon` the inventory is worth the mid. `qsl theory avellaneda-stoikov` runs the paper's two strategies
    through this environment, beside their exact moments and the best that any strategy could do.

    ## Assumptions

    - Fills are independent of each other and of the mid's moves: nobody knows anything, so no fill is adverse.
    - At most one lot a side and step; no queue, no tick size, no latency, no fees.
    - The rule of the fill probability matters, and the paper leaves it open: `fill="linear"` is intensity x `dt`,
      capped at 1 (d may be negative), which reproduces the paper's tables; `fill="exponential"` is
      1 - exp(-intensity x `dt`), which earns less at the same `dt`.
    - Quotes may lie on the wrong side of the mid, and the bid above the ask: the model fills them all the same, at a
      loss. Nothing can be gained by it.

    ## Action Space

    `Box(-1, 1, (2,), float32)`; what lies outside is clipped, a NaN is an error that names its place.

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 0 | `bid_offset` | bid at mid - `min_offset` | bid at mid - `max_offset` |
    | 1 | `ask_offset` | ask at mid + `min_offset` | ask at mid + `max_offset` |

    ## Observation Space

    float32, the whole state of the model; the bounds cannot be exceeded.

    {observation_table}

    ## Rewards

    The weighted sum of

    {reward_table}

    `unwrapped.reward_terms` holds the terms of the last step before weighting, `unwrapped.episode_reward_terms`
    their sums; `unwrapped.reward_weights` is an array that may be written at any time, one row an env.

    ## Starting State

    Mid `start_price`, inventory `start_inventory`, P&L 0. (split, seed, episode number) decides all chance.

    ## Episode End

    Terminated after `horizon`. Truncated after `max_episode_steps` where the caller gives fewer; then no utility is
    paid. `info["episode_summary"]` of the last step holds return, length, `end` (1 horizon, 2 step limit),
    the inventory, the mean quoted spread, and the sums of the three terms: `pnl`, `inventory_sum`, `utility`.

    ## Arguments

    {argument_table}
    | `config` | None | these settings as a dict, a YAML file or an `AvellanedaStoikovConfig`; arguments win |
    | `split` | "train" | family of worlds; no seed of one split reaches another |
    | `step_info` | False | `info["account"]` of each step holds P&L, inventory, cash, mid and time left |
    | `stagger` | False | the first episode after a seed begins at a drawn age, with less time left |
    | `render_mode` | None | "ansi" a line of text, "rgb_array" a picture, "human" a window (not the vector form) |

    ## Vector form

    `gym.make_vec("qsl/AvellanedaStoikov-v0", num_envs=10_000)` is the native form; the single one is it with one env.
    It takes `autoreset_mode` (all three of Gymnasium's), `num_threads`, `copy` and `max_episode_steps` too, and hands
    observations out in two buffers in turn.

    ## Reference Scores

    Of one episode under the defaults: mean and standard deviation of the P&L, standard deviation of the final
    inventory, and the certainty equivalent -log(E[exp(-0.1 P&L)]) / 0.1. Exact (`qsl_envs.theory.as_exact`), but for
    the random policy, which is simulated.

    | Policy | Mean P&L | sd P&L | sd inventory | Certainty equivalent |
    | --- | --- | --- | --- | --- |
    | uniformly random actions | -113.0 | 19.1 | 9.8 | |
    | symmetric strategy of the paper | 68.22 | 13.46 | 8.40 | 39.81 |
    | inventory strategy of the paper | 64.89 | 6.54 | 2.93 | 62.79 |
    | optimal policy (`qsl_envs.theory.as_oracle`) | 67.83 | 7.23 | 3.11 | 65.25 |

    ## Version History

    - v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": [*PLAIN_MODES, *WINDOW_MODES], "render_fps": 30}
    vector_class: ClassVar[type[AvellanedaStoikovVectorEnv]] = AvellanedaStoikovVectorEnv

    def __init__(self, *, render_mode: str | None = None, **kwargs: Any):
        for name in ("num_envs", "autoreset_mode", "copy", "num_threads"):
            if name in kwargs:
                raise ConfigError(f"{name} is an argument of the vector form: gym.make_vec")
        self._arguments = {"render_mode": render_mode, **kwargs}
        modes = (None, *PLAIN_MODES, "human")
        require(render_mode in modes, self, "render_mode", f"one of {modes}", render_mode)
        self._vector = self.vector_class(1, autoreset_mode=AutoresetMode.DISABLED, **kwargs)
        self.render_mode = render_mode
        task = self._vector.task
        drawn = render_mode in ("rgb_array", "human")
        self._film = Film(task.num_steps, task.start_price, task.start_inventory) if drawn else None
        self._window: Window | None = None
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space
        self._action = np.zeros((1, len(ACTION_NAMES)), np.float32)
        self._shape = (1, len(self._vector.observation_names))
        self._reward = np.zeros(1)
        self._terminated, self._truncated = np.zeros(1, np.bool_), np.zeros(1, np.bool_)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode: of world (split, seed, 0) with a seed, else the next one of the same seed."""
        super().reset(seed=seed)
        if seed is None and not self._vector.seeded:
            seed = int(self.np_random.integers(2**31))
        obs, infos = self._vector.reset(seed=seed, options=options)
        if self._film is not None:
            self._film.clear()
            self._show()
        return obs[0].copy(), _first(infos)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One decision. Raises: ConfigError (another shape, a NaN), ResetNeeded."""
        action = np.asarray(action)
        if action.shape != (len(ACTION_NAMES),):
            require(False, self, "action", f"of shape {(len(ACTION_NAMES),)}", action.shape)
        self._action[0] = action
        obs = np.empty(self._shape, np.float32)
        vector = self._vector
        mid = self.accounts()["mid"] if self._film is not None else 0.0
        ended = vector.step_into(self._action, obs, self._reward, self._terminated, self._truncated)
        info: dict[str, Any] = vector.account_info() if vector.step_info else {}
        if ended:
            vector.end_info(info)
        reward, terminated, truncated = float(self._reward[0]), bool(self._terminated[0]), bool(self._truncated[0])
        if self._film is not None:
            self._film.add(mid, vector.offsets(self._action)[0], self.accounts(), reward)
            self._show()
        return obs[0], reward, terminated, truncated, _first(info) if info else {}

    def render(self) -> str | np.ndarray | None:
        """A line of text ("ansi"), a picture, uint8 (480, 640, 3) ("rgb_array"), or None (the window shows it)."""
        if self.render_mode == "ansi":
            return self._vector.text(0)
        return self._film.draw() if self._film is not None and self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()

    def snapshot(self) -> bytes:
        """The env as bytes; see `restore`."""
        return self._vector.snapshot(0)

    def restore(self, data: bytes) -> np.ndarray:
        """Go back to a snapshot; returns the last observation of then."""
        return self._vector.restore(data, 0)

    def accounts(self) -> dict[str, float]:
        """The account now, as numbers; see `AvellanedaStoikovVectorEnv.accounts`."""
        return {name: float(value[0]) for name, value in self._vector.accounts().items()}

    @property
    def reward_terms(self) -> np.ndarray:
        """Terms of the last reward before weighting, float64 (term,). A view."""
        return self._vector.reward_terms[0]

    @property
    def episode_reward_terms(self) -> np.ndarray:
        """The same, summed over the running episode."""
        return self._vector.episode_reward_terms[0]

    @property
    def reward_weights(self) -> np.ndarray:
        """Weights of the terms, float64 (term,); write to it to set them. A view."""
        return self._vector.reward_weights[0]

    @reward_weights.setter
    def reward_weights(self, weights: Any) -> None:
        self._vector.reward_weights = weights

    def _show(self) -> None:
        """In human mode, put the picture into the window."""
        if self.render_mode == "human" and self._film is not None:
            if self._window is None:
                self._window = Window("qsl/AvellanedaStoikov-v0", self.metadata["render_fps"])
            self._window.show(self._film.draw())

    def __getattr__(self, name: str) -> Any:
        """Names, units and settings are those of the vector form."""
        if name not in SHARED or "_vector" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._vector, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._arguments, self.spec)


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """Infos of one env out of the vector form's: numbers, without masks."""
    return {
        name: _first(value) if isinstance(value, dict) else value[0].item()
        for name, value in infos.items()
        if not name.startswith("_")
    }
