"""The native vector form of `qsl/AvellanedaStoikov-v0`: every env in one compiled pass."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from qsl_envs.envs import avellaneda_stoikov_step as at
from qsl_envs.envs.avellaneda_stoikov_config import AvellanedaStoikovConfig, as_config, model_record, observation_fields
from qsl_envs.envs.fields import field_box, field_names, field_units
from qsl_envs.errors import ConfigError, require
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


class AvellanedaStoikovVectorEnv(VectorEnv):
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
        render_mode: None or "ansi".
        task: settings of the task, see `AvellanedaStoikovConfig`; they win over `config`.
    Raises: ConfigError naming an argument, what is allowed and its value.
    """

    def __init__(self, num_envs: int = 1, *,
                 config: AvellanedaStoikovConfig | dict[str, Any] | str | PathLike[str] | None = None,
                 split: str = "train", num_threads: int = 1,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 copy: bool = False, step_info: bool = False, render_mode: str | None = None, **task: Any):  # fmt: skip
        self._arguments = {
            "num_envs": num_envs, "config": config, "split": split, "num_threads": num_threads,
            "autoreset_mode": autoreset_mode, "max_episode_steps": max_episode_steps, "copy": copy,
            "step_info": step_info, "render_mode": render_mode, **task,
        }  # fmt: skip
        self.task = as_config(task, config)
        require(1 <= num_envs <= 10**7, self, "num_envs", "in [1, 10_000_000]", num_envs)
        require(render_mode in (None, "ansi"), self, "render_mode", "None or 'ansi'", render_mode)
        limit_ok = max_episode_steps is None or (isinstance(max_episode_steps, int) and max_episode_steps > 0)
        require(limit_ok, self, "max_episode_steps", "None or > 0", max_episode_steps)
        seed_key(split, 0)  # refuses a bad name now
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": ["ansi"], "render_fps": 10, "autoreset_mode": self.autoreset_mode}
        self.render_mode, self.split = render_mode, split
        self.max_episode_steps, self.copy, self.step_info = max_episode_steps, bool(copy), bool(step_info)
        self.num_envs = n = num_envs
        self.fields = observation_fields(self.task)
        self.observation_names, self.observation_units = field_names(self.fields), field_units(self.fields)
        self.single_observation_space = field_box(self.fields)
        self.single_action_space = Box(-1.0, 1.0, (len(ACTION_NAMES),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self._models = model_record(self.task, max_episode_steps, MODES[self.autoreset_mode])
        self._values = np.zeros((at.NUM_VALUES, n))
        self._numbers = np.zeros((at.NUM_NUMBERS, n), np.int64)
        for term, name in enumerate(at.REWARD_TERMS):
            self._values[at.WEIGHTS + term] = getattr(self.task, f"{name}_weight")
        self._threads = Threads(num_threads)
        self._scratch = np.zeros((num_threads, at.SCRATCH_ROWS, at.BLOCK))
        self._shape = (n, len(self.observation_names))
        self._buffers: list[np.ndarray] = [np.zeros(self._shape, np.float32) for _ in range(2)]
        self._turn = 0
        self._last_obs = self._buffers[0]
        same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._final_obs = np.zeros(self._shape if same_step else (1, self._shape[1]), np.float32)
        self._seeded = self._started = False
        self._num_ended = 0

    # --- Gymnasium

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None):
        """Begin an episode in every env, or in those of `options["reset_mask"]` (bool, (num_envs,)).

        Args:
            seed: an int gives env i the seed `seed + i`; a sequence one each (None: that env goes on with its next
                episode); None: every env goes on, after random seeds the first time.
        Returns: observations float32 (num_envs, 3), infos.
        """
        mask = self._reset_mask(options)
        self._seed(seed, mask)
        obs = self._next_buffer()
        at.begin_rows(self._models, self._values, self._numbers, mask, self._last_obs, obs)
        self._last_obs, self._started = obs, True
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

    def use_buffers(self, *buffers: np.ndarray) -> None:
        """Write observations into these arrays in turn from now on: float32 (num_envs, 3), contiguous."""
        require(len(buffers) > 0, self, "buffers", "at least one array", buffers)
        for b in buffers:
            fits = isinstance(b, np.ndarray) and b.shape == self._shape and b.dtype == np.float32
            allowed = f"contiguous float32 arrays of shape {self._shape}"
            require(fits and b.flags.c_contiguous, self, "buffers", allowed, getattr(b, "shape", b))
        self._last_obs = self._last_obs.copy()
        self._buffers, self._turn, self.copy = list(buffers), 0, False

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
        self._last_obs, self._num_ended = obs, count
        return count

    def end_info(self, infos: dict[str, Any]) -> None:
        """Add the summary of the one env of a single form whose episode has just ended."""
        self._add_end(infos, np.ones(1, np.bool_))

    @property
    def seeded(self) -> bool:
        """Whether the envs have seeds: a reset without one goes on with their next episodes."""
        return self._seeded

    # --- inside

    def _columns(self, env: int) -> list[np.ndarray]:
        return [self._values[:, env], self._numbers[:, env], self._last_obs[env]]

    def _next_buffer(self) -> np.ndarray:
        if self.copy:
            return np.empty(self._shape, np.float32)
        self._turn = (self._turn + 1) % len(self._buffers)
        return self._buffers[self._turn]

    def _reset_mask(self, options: dict[str, Any] | None) -> np.ndarray:
        for name in options or {}:
            require(name == "reset_mask", self, "options", "reset_mask alone", name)
        if not options:
            return np.ones(self.num_envs, np.bool_)
        mask = options["reset_mask"]
        fits = isinstance(mask, np.ndarray) and mask.shape == (self.num_envs,) and mask.dtype == np.bool_
        require(fits, self, "options['reset_mask']", f"a bool array of shape ({self.num_envs},)", mask)
        require(bool(mask.any()), self, "options['reset_mask']", "true somewhere", mask)
        require(self._started or bool(mask.all()), self, "options['reset_mask']", "all true the first time", mask)
        return mask

    def _seed(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> None:
        n = self.num_envs
        if seed is None or isinstance(seed, (int, np.integer)):
            super().reset(seed=None if seed is None else int(seed))
            if seed is None and self._seeded:
                return
            start = int(self.np_random.integers(2**31)) if seed is None else int(seed)
            seeds: list[int | None] = list(range(start, start + n))
        else:
            seeds = [None if s is None else int(s) for s in seed]
            require(len(seeds) == n, self, "seed", f"an int or a sequence of {n}", len(seeds))
            if not self._seeded and None in seeds:
                fresh = self.np_random.integers(2**31, size=n).tolist()
                seeds = [f if s is None else s for f, s in zip(fresh, seeds)]
        for i, s in enumerate(seeds):
            if s is not None and mask[i]:
                require(0 <= s < 2**63, self, "seed", "in [0, 2**63)", s)
                self._numbers[at.BASE_KEY, i] = seed_key(self.split, s)
                self._numbers[at.EPISODE, i] = -1
        self._seeded = True

    def account_info(self) -> dict[str, Any]:
        """What `step_info` adds to every info; empty without it."""
        if not self.step_info:
            return {}
        whole = np.ones(self.num_envs, np.bool_)
        pairs = {k: v for name, a in self.accounts().items() for k, v in ((name, a), (f"_{name}", whole))}
        return {"account": pairs, "_account": whole}

    def _add_end(self, infos: dict[str, Any], ended: np.ndarray) -> None:
        """Tell what the episodes that ended were like; in SAME_STEP mode also their last observations."""
        summary = {"episode_summary": self._summary(ended), "_episode_summary": ended.copy()}
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos["final_obs"] = np.where(ended[:, None], self._final_obs, np.float32(0))
            infos["_final_obs"] = ended.copy()
            infos["final_info"], infos["_final_info"] = summary, ended.copy()
        else:
            infos.update(summary)

    def _summary(self, ended: np.ndarray) -> dict[str, np.ndarray]:
        v, steps = self._values, self._numbers[at.END_STEPS]
        columns = {
            "return": v[at.END_RETURN], "length": steps, "end": self._numbers[at.END_CODE],
            "inventory": v[at.END_HELD], "mean_spread": v[at.END_QUOTED] / np.maximum(steps, 1),
            "pnl": v[at.END_WEALTH], "inventory_sum": v[at.END_HELD_SUM], "utility": v[at.END_UTILITY],
        }  # fmt: skip
        found: dict[str, np.ndarray] = {}
        for name, column in columns.items():
            found[name] = np.where(ended, column, column.dtype.type(0))
            found[f"_{name}"] = ended.copy()
        return found


def rebuild(cls: type, arguments: dict[str, Any], spec: Any) -> Any:
    """A new env of equal settings: what a pickle of one holds."""
    env = cls(**arguments)
    env.spec = spec
    return env


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    names = {m.value: m for m in AutoresetMode} | {m.name: m for m in AutoresetMode}
    known = isinstance(mode, AutoresetMode) or mode in names
    require(known, "VectorEnv", "autoreset_mode", f"one of {', '.join(m.value for m in AutoresetMode)}", mode)
    return mode if isinstance(mode, AutoresetMode) else names[mode]
