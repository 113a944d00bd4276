"""The native vector form of `qsl/AvellanedaStoikov-v0`: every env in one compiled pass."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode

from qsl_envs.envs import avellaneda_stoikov_step as at
from qsl_envs.envs.avellaneda_stoikov_config import AvellanedaStoikovConfig, as_config, model_record, observation_fields
from qsl_envs.envs.contract import autoreset_mode_of, masked, rebuild, step_limit_of
from qsl_envs.envs.native import NativeVectorEnv
from qsl_envs.errors import ConfigError, require, require_flag, require_whole
from qsl_envs.kernel.draw import seed_key
from qsl_envs.market.batch import Threads
from qsl_envs.settings import config_hash

ACTION_NAMES = ("bid_offset", "ask_offset")
MODES = {
    AutoresetMode.DISABLED: at.DISABLED, AutoresetMode.NEXT_STEP: at.NEXT_STEP, AutoresetMode.SAME_STEP: at.SAME_STEP,
}  # fmt: skip
SNAPSHOT_VERSION = 1
SNAPSHOT_HEAD = struct.Struct("<8sI32s")
MAGIC = b"qsl-avst"


class AvellanedaStoikovVectorEnv(NativeVectorEnv):
    """Many `qsl/AvellanedaStoikov-v0` in one compiled call; see `AvellanedaStoikovEnv` for the task.

    Env i depends on its own seed alone, never on how many others there are. Observations are handed out in two buffers
    in turn (the previous one stays readable for one more call); `copy=True` gives fresh arrays; `use_buffers` takes
    the caller's. Rewards, terminations and truncations are fresh arrays. An info is empty unless an episode ended.

    Args:
        num_envs: markets side by side.
        config: settings of the task in one piece: an `AvellanedaStoikovConfig`, a dict, or a YAML file.
        split: family of worlds; no seed of one split reaches another.
        num_threads: plain threads that share the envs; results do not depend on it.
        autoreset_mode: Gymnasium's `AutoresetMode`, or its value as a string.
        max_episode_steps: truncates an episode; None: only the horizon ends it.
        copy: fresh observations at each call.
        step_info: `info["account"]` holds the accounts at each call.
        stagger: the first episode after a seed begins at a drawn age, so that envs do not end together.
        render_mode: None or "ansi".
        task: settings of the task, see `AvellanedaStoikovConfig`; they win over `config`.
    Raises: ConfigError naming an argument, what is allowed and its value.
    """

    action_names = ACTION_NAMES

    def __init__(self, num_envs: int = 1, *,
                 config: AvellanedaStoikovConfig | dict[str, Any] | str | PathLike[str] | None = None,
                 split: str = "train", num_threads: int = 1,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 copy: bool = False, step_info: bool = False, stagger: bool = False, render_mode: str | None = None,
                 **task: Any):  # fmt: skip
        self._arguments = {
            "num_envs": num_envs, "config": config, "split": split, "num_threads": num_threads,
            "autoreset_mode": autoreset_mode, "max_episode_steps": max_episode_steps, "copy": copy,
            "step_info": step_info, "stagger": stagger, "render_mode": render_mode, **task,
        }  # fmt: skip
        self.task = as_config(task, config)
        n = require_whole(self, "num_envs", num_envs, 1, 10_000_000)
        require(render_mode in (None, "ansi"), self, "render_mode", "None or 'ansi'", render_mode)
        self.max_episode_steps = limit = step_limit_of(self, max_episode_steps)
        self.step_info, stagger = require_flag(self, "step_info", step_info), require_flag(self, "stagger", stagger)
        seed_key(split, 0)  # refuses a bad name now
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {"render_modes": ["ansi"], "render_fps": 10, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.split = render_mode, split
        self._prepare(n, observation_fields(self.task), Box(-1.0, 1.0, (len(ACTION_NAMES),), np.float32), copy)
        self._models = model_record(self.task, limit, MODES[self.autoreset_mode], stagger)
        self._values = np.zeros((at.NUM_VALUES, n))
        self._numbers = np.zeros((at.NUM_NUMBERS, n), np.int64)
        for term, name in enumerate(at.REWARD_TERMS):
            self._values[at.WEIGHTS + term] = getattr(self.task, f"{name}_weight")
        self._threads = Threads(num_threads)
        self._scratch = np.zeros((num_threads, at.SCRATCH_ROWS, at.BLOCK))
        self._num_ended = 0

    # --- Gymnasium

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None):
        """Begin an episode in every env, or in those of `options["reset_mask"]` (bool, (num_envs,)).

        Args:
            seed: an int gives env i the seed `seed + i`; a sequence one each (None: that env goes on with its next
                episode); None: every env goes on, after random seeds the first time.
        Returns: observations float32 (num_envs, 3), infos.
        """
        mask = self._begin_seeds(seed, options)
        obs = self._next_buffer()
        at.begin_rows(self._models, self._values, self._numbers, mask, self._last_obs, obs)
        self._keep(obs)
        self._started = True
        self._num_ended = int(self._numbers[at.ENDED].sum())
        return obs, self.account_info()

    def step(self, actions: np.ndarray):
        """Step every env. Returns: observations, rewards (float64), terminations, truncations (bool), infos.

        Raises: ConfigError for actions of another shape or with a NaN, naming its place; ResetNeeded.
        """
        actions = np.asarray(actions, np.float32, order="C")
        if actions.shape != (self.num_envs, len(ACTION_NAMES)):
            shape = (self.num_envs, len(ACTION_NAMES))
            require(False, self, "actions", f"of shape {shape}", actions.shape)
        obs = self._next_buffer()
        reward = np.empty(self.num_envs)
        terminated, truncated = np.empty(self.num_envs, np.bool_), np.empty(self.num_envs, np.bool_)
        ended = self.step_into(actions, obs, reward, terminated, truncated)
        infos = self.account_info() if self.step_info else {}
        if ended:
            self._add_end(infos, terminated | truncated)
        return obs, reward, terminated, truncated, infos

    def render(self) -> tuple[str, ...] | None:
        """One line a env when `render_mode` is "ansi"."""
        return tuple(self.text(i) for i in range(self.num_envs)) if self.render_mode == "ansi" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is held but memory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._arguments, self.spec)

    # --- beyond Gymnasium

    @property
    def reward_names(self) -> tuple[str, ...]:
        """Names of the reward terms."""
        return at.REWARD_TERMS

    @property
    def reward_terms(self) -> np.ndarray:
        """Terms of the last step, unweighted, float64 (num_envs, term), see `reward_names`. A view."""
        return self._values[at.TERMS : at.TERMS + 3].T

    @property
    def reward_weights(self) -> np.ndarray:
        """Weights of the terms, float64 (num_envs, term): write to it to set them, also between two steps. A view."""
        return self._values[at.WEIGHTS : at.WEIGHTS + 3].T

    @reward_weights.setter
    def reward_weights(self, weights: Any) -> None:
        weights = np.asarray(weights, np.float64)
        require(bool(np.isfinite(weights).all()), self, "reward_weights", "finite numbers", weights)
        self.reward_weights[:] = weights

    @property
    def episode_reward_terms(self) -> np.ndarray:
        """The terms summed over each running episode, unweighted, float64 (num_envs, term). Fresh."""
        v = self._values
        utility = np.where(self._numbers[at.ENDED] != 0, v[at.TERMS + at.UTILITY], 0.0)
        return np.stack([v[at.WEALTH], v[at.HELD_SUM], utility], axis=1)

    @property
    def inventory(self) -> np.ndarray:
        """Lots held, whole numbers as float64 (num_envs,). A view."""
        return self._values[at.HELD]

    def accounts(self) -> dict[str, np.ndarray]:
        """Accounts now, float64 arrays (num_envs,): `equity` gained since the start, `inventory`, `cash` (0 at the
        start), `mid`, `time_left`.
        """
        v, m, start = self._values, self._models[0], self.task.start_price
        mid = start + v[at.WALK] * m.move
        cash = v[at.WEALTH] + self.task.start_inventory * start - v[at.HELD] * mid
        left = self.task.horizon - self._numbers[at.STEP] * m.dt
        return {"equity": v[at.WEALTH].copy(), "inventory": v[at.HELD].copy(), "cash": cash, "mid": mid,
                "time_left": left}  # fmt: skip

    def offsets(self, actions: np.ndarray) -> np.ndarray:
        """Offsets of bid and ask from the mid that actions (n, 2) stand for, float64 (n, 2)."""
        m = self._models[0]
        return m.offset_low + (np.clip(np.asarray(actions, np.float64), -1.0, 1.0) + 1.0) * m.offset_range

    def snapshot(self, env: int = 0) -> bytes:
        """One env as bytes: its episode, its reward weights, its last observation."""
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        head = SNAPSHOT_HEAD.pack(MAGIC, SNAPSHOT_VERSION, config_hash(self.task).encode())
        return b"".join([head, *(a.tobytes() for a in self._columns(env))])

    def restore(self, data: bytes, env: int = 0) -> np.ndarray:
        """Put a snapshot into an env (also another one of equal settings); returns its last observation.

        Raises: ConfigError if it is not of these settings.
        """
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        self._let_go()
        columns = self._columns(env)
        size = SNAPSHOT_HEAD.size + sum(a.nbytes for a in columns)
        require(len(data) == size, self, "data", f"a snapshot of {size} bytes", len(data))
        magic, version, digest = SNAPSHOT_HEAD.unpack_from(data)
        require(magic == MAGIC, self, "data", "a snapshot of this kind of env", magic)
        require(version == SNAPSHOT_VERSION, self, "version", str(SNAPSHOT_VERSION), version)
        mine = config_hash(self.task)
        require(digest.decode() == mine, self, "task hash", mine, digest.decode())
        place = SNAPSHOT_HEAD.size
        for column in columns:
            column[:] = np.frombuffer(data, column.dtype, len(column), place)
            place += column.nbytes
        self._started = self._seeded = True
        self._num_ended = int(self._numbers[at.ENDED].sum())
        return self._last_obs[env].copy()

    def text(self, env: int = 0) -> str:
        """What `render` shows of one env."""
        a = {name: float(value[env]) for name, value in self.accounts().items()}
        paid = float(self.reward_terms[env] @ self.reward_weights[env])
        return (
            f"time left {a['time_left']:.4f}   mid {a['mid']:.4f}   inventory {a['inventory']:+.0f}   "
            f"P&L {a['equity']:+.4f}   reward {paid:+.4f}"
        )

    def step_into(self, actions, obs, reward, terminated, truncated) -> int:
        """Step with actions of the right shape and type into arrays of the caller; returns how many episodes ended."""
        if not self._started:
            raise ResetNeeded("call reset() before step()")
        if self._num_ended and self.autoreset_mode == AutoresetMode.DISABLED:
            ended = np.flatnonzero(self._numbers[at.ENDED]).tolist()
            raise ResetNeeded(f"the episodes of envs {ended} are over; reset them (options={{'reset_mask': mask}})")
        rest = self._models, self._values, self._numbers
        outputs = actions, obs, self._final_obs, reward, terminated, truncated
        if self._threads.count == 1 or self.num_envs == 1:
            count = at.step_rows(*rest, self._scratch[0], *outputs, 0, self.num_envs)
        else:
            bad = at.first_nan(actions)
            counts = [0] * self._threads.count

            def work(first: int, end: int, thread: int) -> None:
                counts[thread] = at.step_rows(*rest, self._scratch[thread], *outputs, first, end)

            if bad < 0:
                self._threads.run(self.num_envs, work)
            count = sum(counts) if bad < 0 else at.NOT_A_NUMBER - bad
        if count < 0:
            env, element = divmod(at.NOT_A_NUMBER - count, len(ACTION_NAMES))
            raise ConfigError(f"actions[{env}, {element}] ({ACTION_NAMES[element]}) must be a number, was nan")
        self._keep(obs)
        self._num_ended = count
        return count

    def end_info(self, infos: dict[str, Any]) -> None:
        """Add the summary of the one env of a single form whose episode has just ended."""
        self._add_end(infos, np.ones(1, np.bool_))

    # --- inside

    def _columns(self, env: int) -> list[np.ndarray]:
        return [self._values[:, env], self._numbers[:, env], self._last_obs[env]]

    def _reseed(self, seeds: np.ndarray, given: np.ndarray) -> None:
        for i in np.flatnonzero(given):
            self._numbers[at.BASE_KEY, i] = seed_key(self.split, int(seeds[i]))
            self._numbers[at.EPISODE, i] = -1

    def account_info(self) -> dict[str, Any]:
        """What `step_info` adds to every info; empty without it."""
        if not self.step_info:
            return {}
        whole = np.ones(self.num_envs, np.bool_)
        return {"account": masked(self.accounts(), whole), "_account": whole}

    def _summary(self, ended: np.ndarray) -> dict[str, np.ndarray]:
        v, steps = self._values, self._numbers[at.END_STEPS]
        columns = {
            "return": v[at.END_RETURN], "length": steps, "end": self._numbers[at.END_CODE],
            "inventory": v[at.END_HELD], "mean_spread": v[at.END_QUOTED] / np.maximum(steps, 1),
            "pnl": v[at.END_WEALTH], "inventory_sum": v[at.END_HELD_SUM], "utility": v[at.END_UTILITY],
        }  # fmt: skip
        return masked({name: np.where(ended, c, c.dtype.type(0)) for name, c in columns.items()}, ended)
