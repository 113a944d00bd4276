"""Many envs in one native vector environment: buffers, seeds, autoreset, infos. What a task is, its subclass says."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from qsl_envs.envs.config import MakerConfig
from qsl_envs.envs.fields import field_box, field_names, field_units
from qsl_envs.envs.observe import observation_fields
from qsl_envs.envs.quoting import AGENT
from qsl_envs.envs.state import DISABLED, ENV, HISTORY, NEXT_STEP, REWARD_TERMS, SAME_STEP, TASK, TaskArrays
from qsl_envs.envs.step import MARKET_ERROR, NOT_A_NUMBER, STEPPED, begin_rows, step_rows
from qsl_envs.envs.text import book_text
from qsl_envs.errors import ConfigError, require
from qsl_envs.market.market import Market
from qsl_envs.settings import config_hash

MODES = {AutoresetMode.DISABLED: DISABLED, AutoresetMode.NEXT_STEP: NEXT_STEP, AutoresetMode.SAME_STEP: SAME_STEP}
SNAPSHOT_VERSION = 1
SNAPSHOT_HEAD = struct.Struct("<8sI32s")
ACTION_NAMES = ("bid_offset", "ask_offset", "bid_size", "ask_size")


class TradingVectorEnv(VectorEnv):
    """One agent in each of `num_envs` markets, stepped by one compiled call.

    Env i depends on its own seed alone, never on how many others there are. Observations are handed out in two buffers
    in turn (the previous one stays readable for one more call); `copy=True` gives fresh arrays; `use_buffers` takes the
    caller's. Rewards, terminations and truncations are fresh arrays. An info is empty unless there is something to say.

    Args:
        market: `num_envs` replicas; the environment owns it from now on.
        task: settings of the task.
        autoreset_mode: Gymnasium's `AutoresetMode`, or its value as a string.
        max_episode_steps: truncates an episode; None: only the market ends it.
        copy: fresh observations at each call.
        step_info: `info["account"]` holds the true accounts at each call.
        render_mode: None or "ansi".
    """

    def __init__(self, market: Market, task: MakerConfig, *,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 copy: bool = False, step_info: bool = False, render_mode: str | None = None):  # fmt: skip
        self.market, self.task = market, task
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": ["ansi"], "render_fps": 10, "autoreset_mode": self.autoreset_mode}
        require(render_mode in (None, "ansi"), self, "render_mode", "None or 'ansi'", render_mode)
        self.render_mode = render_mode
        limit_ok = max_episode_steps is None or (isinstance(max_episode_steps, int) and max_episode_steps > 0)
        require(limit_ok, self, "max_episode_steps", "None or > 0", max_episode_steps)
        self.max_episode_steps, self.copy, self.step_info = max_episode_steps, bool(copy), bool(step_info)
        n = self.num_envs = market.num_replicas
        self.fields = observation_fields(task.levels)
        self.observation_names, self.observation_units = field_names(self.fields), field_units(self.fields)
        self.single_observation_space = field_box(self.fields)
        self.single_action_space = Box(-1.0, 1.0, (len(ACTION_NAMES),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self._width = len(self.observation_names)
        self._buffers: list[np.ndarray] = [np.zeros((n, self._width), np.float32) for _ in range(2)]
        self._turn = 0
        self._last_obs = self._buffers[0]
        self._final_obs = np.zeros(
            (n if self.autoreset_mode == AutoresetMode.SAME_STEP else 1, self._width), np.float32
        )
        self._arrays = _task_arrays(market, task, MODES[self.autoreset_mode], max_episode_steps or 0)
        envs = self._arrays.envs
        self._reward, self._terminated, self._truncated = envs["reward"], envs["terminated"], envs["truncated"]
        self._ended = np.zeros(n, np.bool_)
        self._seeded = self._started = False
        first = market.layout.base("accounts") + AGENT
        self._account_rows = first + np.arange(n) * market.layout.stride("accounts")

    # --- Gymnasium

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None):
        """Begin an episode in every env, or in those of `options["reset_mask"]` (bool, (num_envs,)).

        Args:
            seed: an int gives env i the seed `seed + i`; a sequence one each (None: that env goes on with its next
                episode); None: every env goes on, after random seeds the first time.
        Returns: observations float32 (num_envs, element), infos.
        """
        mask = self._reset_mask(options)
        self._seed(seed, mask)
        obs = self._next_buffer()
        last = self._last_obs

        def work(first: int, end: int, thread: int) -> None:
            begin_rows(self.market.arrays, self._arrays, mask, last, obs, first, end, thread)

        self.market.threads.run(self.num_envs, work)
        self._last_obs, self._started = obs, True
        self._ended = self._ended & ~mask
        return obs, self._account_info()

    def step(self, actions: np.ndarray):
        """Step every env. Returns: observations, rewards (float64), terminations, truncations (bool), infos.

        Raises: ConfigError for actions of another shape or with a NaN, naming its place; ResetNeeded; CapacityError.
        """
        actions = np.asarray(actions, np.float32, order="C")
        if actions.shape != (self.num_envs, len(ACTION_NAMES)):
            shape = (self.num_envs, len(ACTION_NAMES))
            require(False, self, "actions", f"of shape {shape}", actions.shape)
        obs = self._next_buffer()
        self.step_into(actions, obs)
        terminated, truncated = self._terminated != 0, self._truncated != 0
        ended = terminated | truncated
        infos: dict[str, Any] = self._account_info()
        if ended.any():
            self._add_end(infos, ended)
        self._ended = ended
        return obs, self._reward.copy(), terminated, truncated, infos

    def render(self) -> tuple[str, ...] | None:
        """One text a env when `render_mode` is "ansi": the book as known, own quotes, and the account."""
        return tuple(self.text(i) for i in range(self.num_envs)) if self.render_mode == "ansi" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is held but memory."""

    # --- beyond Gymnasium

    @property
    def reward_terms(self) -> np.ndarray:
        """Terms of the last step's rewards, float64 (num_envs, term), ticks x lots; see `reward_names`. A view."""
        return self._arrays.terms

    @property
    def episode_reward_terms(self) -> np.ndarray:
        """The same, summed over each running episode. A view."""
        return self._arrays.sums

    @property
    def reward_names(self) -> tuple[str, ...]:
        """Names of the reward terms."""
        return REWARD_TERMS

    @property
    def max_inventory(self) -> int:
        """Lots, long or short, that the agent may hold."""
        return self.market.config.participants[AGENT].risk.max_inventory

    @property
    def session_ns(self) -> int:
        """From the start of an episode to the close."""
        return self.market.config.session_ns

    def __getattr__(self, name: str) -> Any:
        """Settings of the task are attributes."""
        if name in MakerConfig.__slots__ and "task" in self.__dict__:
            return getattr(self.task, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def accounts(self) -> dict[str, np.ndarray]:
        """True accounts now, arrays (num_envs,): `equity` gained since the start, `fees` (rebates count negative), both
        ticks x lots; `inventory`, `volume` lots; `fills`; `mid`, ticks: the mark, without own orders."""
        a = self.market.arrays.accounts[self._account_rows]
        unit = self.market.config.fee_unit
        money = a["cash"] + a["inventory"] * a["mark_x2"] * (unit // 2) - self._arrays.envs["start_equity"]
        return {
            "equity": money / unit, "inventory": a["inventory"].copy(), "fees": (a["fees"] - a["rebates"]) / unit,
            "fills": a["fills"].copy(), "volume": a["volume"].copy(), "mid": a["mark_x2"] / 2.0,
        }  # fmt: skip

    def use_buffers(self, *buffers: np.ndarray) -> None:
        """Write observations into these arrays in turn from now on: float32 (num_envs, element), contiguous."""
        shape = (self.num_envs, self._width)
        require(len(buffers) > 0, self, "buffers", "at least one array", buffers)
        for b in buffers:
            fits = isinstance(b, np.ndarray) and b.shape == shape and b.dtype == np.float32 and b.flags.c_contiguous
            require(fits, self, "buffers", f"contiguous float32 arrays of shape {shape}", getattr(b, "shape", b))
        self._last_obs = self._last_obs.copy()
        self._buffers, self._turn, self.copy = list(buffers), 0, False

    def snapshot(self, env: int = 0) -> bytes:
        """One env as bytes: its market, its episode, its last observation."""
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        w = self._arrays
        head = SNAPSHOT_HEAD.pack(b"qsl-env\0", SNAPSHOT_VERSION, config_hash(self.task).encode())
        parts = [a[env].tobytes() for a in (w.envs, w.mids, w.terms, w.sums, self._last_obs)]
        return b"".join([head, *parts, self.market.snapshot(env)])

    def restore(self, data: bytes, env: int = 0) -> np.ndarray:
        """Put a snapshot into an env (also another one of equal settings); returns its last observation.

        Raises: ConfigError if it is not of these settings.
        """
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        w = self._arrays
        require(len(data) > SNAPSHOT_HEAD.size, self, "data", "a snapshot", len(data))
        magic, version, digest = SNAPSHOT_HEAD.unpack_from(data)
        require(magic == b"qsl-env\0", self, "data", "a snapshot of an env", magic)
        require(version == SNAPSHOT_VERSION, self, "version", str(SNAPSHOT_VERSION), version)
        mine = config_hash(self.task)
        require(digest.decode() == mine, self, "task hash", mine, digest.decode())
        at = SNAPSHOT_HEAD.size
        rows = [a[env : env + 1] for a in (w.envs, w.mids, w.terms, w.sums, self._last_obs)]
        self.market.restore(data[at + sum(row.nbytes for row in rows) :], env)
        for row in rows:
            row.view(np.uint8).reshape(-1)[:] = np.frombuffer(data, np.uint8, row.nbytes, at)
            at += row.nbytes
        self._started = self._seeded = True
        self._ended[env] = bool(w.envs["ended"][env])
        return self._last_obs[env].copy()

    def text(self, env: int = 0) -> str:
        """What `render` shows of one env."""
        return book_text(self, env)

    def step_into(self, actions: np.ndarray, obs: np.ndarray) -> None:
        """Step with checked actions and write the observations; what was paid and what ended stays in the arrays."""
        if not self._started:
            raise ResetNeeded("call reset() before step()")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            ended = np.flatnonzero(self._ended).tolist()
            raise ResetNeeded(f"the episodes of envs {ended} are over; reset them (options={{'reset_mask': mask}})")
        m, w, final, threads = self.market.arrays, self._arrays, self._final_obs, self.market.threads
        if threads.count == 1 or self.num_envs == 1:
            code = step_rows(m, w, actions, obs, final, 0, self.num_envs, 0)
        else:
            codes = [STEPPED] * threads.count

            def work(first: int, end: int, thread: int) -> None:
                codes[thread] = step_rows(m, w, actions, obs, final, first, end, thread)

            threads.run(self.num_envs, work)
            code = codes[0] if codes[0] >= NOT_A_NUMBER else min(codes)
        if code != STEPPED:
            self._fail(code)
        self._last_obs = obs

    def outcome_of_one(self) -> tuple[float, bool, bool, dict[str, Any]]:
        """Reward, terminated, truncated and infos of env 0 after `step_into`."""
        terminated, truncated = bool(self._terminated[0]), bool(self._truncated[0])
        infos = self._account_info()
        if terminated or truncated:
            self._ended[0] = True
            self._add_end(infos, self._ended)
        return float(self._reward[0]), terminated, truncated, infos

    @property
    def seeded(self) -> bool:
        """Whether the envs have seeds: a reset without one goes on with their next episodes."""
        return self._seeded

    # --- inside

    def _fail(self, code: int) -> None:
        if code == MARKET_ERROR:
            self.market.raise_error(int(np.flatnonzero(self._arrays.envs["error"])[0]))
        env, element = divmod(code - NOT_A_NUMBER, len(ACTION_NAMES))
        raise ConfigError(f"actions[{env}, {element}] ({ACTION_NAMES[element]}) must be a number, was nan")

    def _next_buffer(self) -> np.ndarray:
        if self.copy:
            return np.empty((self.num_envs, self._width), np.float32)
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
            seeds: list[int | None] = [start + i for i in range(n)]
        else:
            seeds = [None if s is None else int(s) for s in seed]
            require(len(seeds) == n, self, "seed", f"an int or a sequence of {n}", len(seeds))
            if not self._seeded and None in seeds:
                fresh = self.np_random.integers(2**31, size=n).tolist()
                seeds = [f if s is None else s for f, s in zip(fresh, seeds)]
        given = np.array([s is not None for s in seeds]) & mask
        for s in (s for s, g in zip(seeds, given) if g):
            require(s is not None and 0 <= s < 2**63, self, "seed", "in [0, 2**63)", s)
        self.market.reseed(np.array([s or 0 for s in seeds], np.int64), given)
        self._seeded = True

    def _account_info(self) -> dict[str, Any]:
        if not self.step_info:
            return {}
        whole = np.ones(self.num_envs, np.bool_)
        accounts = self.accounts()
        return {"account": {k: v for name, a in accounts.items() for k, v in ((name, a), (f"_{name}", whole))},
                "_account": whole}  # fmt: skip

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
        e, unit = self._arrays.envs, self.market.config.fee_unit
        values = {
            "return": e["total_reward"], "length": e["end_steps"], "end": e["end_code"],
            "equity": e["end_equity"] / unit,
            "fees": e["end_fees"] / unit, "inventory": e["end_inventory"], "peak_inventory": e["peak_inventory"],
            "volume": e["end_volume"], "fills": e["end_fills"],
        }  # fmt: skip
        values.update({name: self._arrays.sums[:, k] for k, name in enumerate(REWARD_TERMS)})
        found: dict[str, np.ndarray] = {}
        for name, value in values.items():
            found[name] = np.where(ended, value, value.dtype.type(0))
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


def _task_arrays(market: Market, task: MakerConfig, mode: int, max_steps: int) -> TaskArrays:
    """Allocate what the kernels need beside the market."""
    n, config = market.num_replicas, market.config
    agent = config.participants[AGENT]
    tasks = np.zeros(1, TASK).view(np.recarray)
    t = tasks[0]
    t.stride, t.row_longs = market.stride, market.row_longs
    t.first_template, t.num_templates = market.num_replicas, config.templates
    t.scratch_longs, t.scratch_cap = market.scratch_longs, config.size.tape
    t.autoreset, t.max_steps = mode, max_steps
    for name in ("step_ns", "levels", "max_quote_qty", "min_offset", "max_offset", "unfilled_penalty_ticks",
                 "inventory_penalty", "tick_scale", "qty_scale"):  # fmt: skip
        setattr(t, name, getattr(task, name))
    t.post_only, t.max_loss = int(task.post_only), round(task.max_loss * config.fee_unit)
    t.with_day = int(market.day is not None)
    t.first_start_ns, t.last_start_ns = market.day_first_ns, market.day_last_ns
    t.max_inventory, t.borrow_rate = agent.risk.max_inventory, config.symbols[0].borrow_rate
    t.feed_max_ns = agent.feed_link.max_transit_ns
    terms = len(REWARD_TERMS)
    return TaskArrays(
        tasks=tasks, envs=np.zeros(n, ENV).view(np.recarray), mids=np.zeros((n, HISTORY), np.int64),
        terms=np.zeros((n, terms)), sums=np.zeros((n, terms)), base_keys=market.base_keys, episodes=market.episodes,
        starts=market.starts,
    )  # fmt: skip
