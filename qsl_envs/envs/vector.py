"""Many envs in one native vector environment: buffers, seeds, autoreset, infos. What a task is, its subclass says."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode

from qsl_envs.envs.contract import autoreset_mode_of, masked, step_limit_of
from qsl_envs.envs.core import Seats, inventory_limit
from qsl_envs.envs.native import NativeVectorEnv
from qsl_envs.envs.realism import REALISM, words
from qsl_envs.envs.rendering import FPS, RENDER_MODES, Renderer
from qsl_envs.envs.roles import Role
from qsl_envs.envs.state import CHOOSE_QUOTE, DECISION_NAMES, REWARD_TERMS
from qsl_envs.envs.text import book_text
from qsl_envs.errors import require, require_flag
from qsl_envs.market.market import Market
from qsl_envs.settings import config_hash

AGENT = 0
"""The agent's number among the participants."""
SNAPSHOT_VERSION = 3
SNAPSHOT_HEAD = struct.Struct("<8sI32s")


class TradingVectorEnv(NativeVectorEnv):
    """One agent in each of `num_envs` markets, stepped by one compiled call.

    Env i depends on its own seed alone, never on how many others there are. Observations are handed out in two buffers
    in turn (the previous one stays readable for one more call); `copy=True` gives fresh arrays; `use_buffers` takes the
    caller's. Rewards, terminations and truncations are fresh arrays. An info is empty unless there is something to say.

    Args:
        market: `num_envs` replicas; the environment owns it from now on.
        role: what the agent does and sees.
        autoreset_mode: Gymnasium's `AutoresetMode`, or its value as a string.
        max_episode_steps: truncates an episode; None: only the market ends it.
        copy: fresh observations at each call.
        step_info: `info["account"]` holds the true accounts, `info["reward_terms"]` the reward's terms, at each call.
        stagger: the first episode after a seed begins at a drawn age, so that envs of one length do not end together.
        render_mode: None, "rgb_array", "human" or "ansi".
    """

    realism: dict[str, bool] = dict.fromkeys(REALISM, True)
    """What is switched off is False."""

    # of the class, for one whose arguments were refused: Gymnasium's finalizer closes that too
    _renderer: Renderer | None = None

    def __init__(self, market: Market, role: Role, *,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 copy: bool = False, step_info: bool = False, stagger: bool = False,
                 render_mode: str | None = None):  # fmt: skip
        self.market, self.role, self.task = market, role, role.task
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {"render_modes": list(RENDER_MODES), "render_fps": FPS, "autoreset_mode": self.autoreset_mode}
        allowed = f"None or one of {', '.join(RENDER_MODES)}"
        require(render_mode is None or render_mode in RENDER_MODES, self, "render_mode", allowed, render_mode)
        self.render_mode = render_mode
        self.max_episode_steps = step_limit_of(self, max_episode_steps)
        self.step_info, stagger = require_flag(self, "step_info", step_info), require_flag(self, "stagger", stagger)
        n, config = market.num_replicas, market.config
        self.core = Seats(market, (role,), self.autoreset_mode, self.max_episode_steps or 0, stagger)
        self.action_names = role.action_names(config)
        self._prepare(n, role.fields(config), role.action_space(config), copy)
        self._chooses, self._waits_for_fills = role.kind == CHOOSE_QUOTE, self.task.decide_on != DECISION_NAMES[0]
        self._tells = self.step_info or self._chooses or self._waits_for_fills
        seats = self.core.seats[:, AGENT]
        self._reward, self._terminated, self._truncated = seats["reward"], seats["terminated"], seats["truncated"]
        self._ended = np.zeros(n, np.bool_)
        self._flat_final = self._final_obs.reshape(-1)
        first = market.layout.base("accounts") + AGENT * len(config.symbols)
        self._account_rows = (first + np.arange(n) * market.layout.stride("accounts"))[:, None] + np.arange(
            len(config.symbols)
        )

    # --- Gymnasium

    def reset(self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None):
        """Begin an episode in every env, or in those of `options["reset_mask"]` (bool, (num_envs,)).

        Args:
            seed: an int gives env i the seed `seed + i`; a sequence one each (None: that env goes on with its next
                episode); None: every env goes on, after random seeds the first time.
        Returns: observations float32 (num_envs, element), infos.
        """
        mask = self._begin_seeds(seed, options)
        obs = self._next_buffer()
        self.core.begin(mask, self._last_obs.reshape(-1), obs.reshape(-1))
        self._keep(obs)
        self._started = True
        self._ended = self._ended & ~mask
        self._look()
        return obs, self._step_info()

    def step(self, actions: np.ndarray):
        """Step every env. Returns: observations, rewards (float64), terminations, truncations (bool), infos.

        Raises: ConfigError for actions of another shape or with a NaN, naming its place; ResetNeeded; CapacityError.
        """
        obs = self._next_buffer()
        self.step_into(self.checked(actions), obs)
        terminated, truncated = self._terminated != 0, self._truncated != 0
        ended = terminated | truncated
        infos: dict[str, Any] = self._step_info()
        if ended.any():
            self._add_end(infos, ended)
        self._ended = ended
        return obs, self._reward.copy(), terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """One picture an env, uint8 (480, 640, 3), when `render_mode` is "rgb_array"; one text an env for "ansi".
        "human" shows env 0 as it goes, in a window or on the terminal, and returns None.
        """
        if self.render_mode == "ansi":
            return tuple(self.text(i) for i in range(self.num_envs))
        if self.render_mode != "rgb_array":
            return None
        require(self._renderer is not None, self, "render", "called after `reset`", "no episode", ResetNeeded)
        assert self._renderer is not None
        return self._renderer.pictures()

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window; nothing else is held but memory."""
        if self._renderer is not None:
            self._renderer.close()

    def _look(self) -> None:
        """Take up what a picture will show; costs nothing unless pictures are wanted."""
        if self.render_mode in ("rgb_array", "human"):
            if self._renderer is None:
                self._renderer = Renderer(self, window=self.render_mode == "human")
            self._renderer.look(self)

    # --- beyond Gymnasium

    @property
    def reward_terms(self) -> np.ndarray:
        """Terms of the last step's rewards before they are weighted, float64 (num_envs, term), ticks x lots; see
        `reward_names`. A view.
        """
        return self.core.terms[:, AGENT]

    @property
    def reward_weights(self) -> np.ndarray:
        """What each term counts in the reward, float64 (num_envs, term). A view: write to it to change the reward."""
        return self.core.weights[:, AGENT]

    @property
    def episode_reward_terms(self) -> np.ndarray:
        """The same, summed over each running episode. A view."""
        return self.core.sums[:, AGENT]

    @property
    def reward_names(self) -> tuple[str, ...]:
        """Names of the reward terms."""
        return REWARD_TERMS

    def __repr__(self) -> str:
        """Class, number of envs, and what is not realistic about the market."""
        off = [words(self.realism), "" if getattr(self.market.config.flow, "reactive", True) else "flow not reactive"]
        notes = "".join(f", {note}" for note in off if note)
        return f"{type(self).__name__}(num_envs={self.num_envs}{notes})"

    @property
    def max_inventory(self) -> int:
        """Lots, long or short, that the agent may hold."""
        return inventory_limit(self.market.config.participants[AGENT])

    @property
    def session_ns(self) -> int:
        """From the start of an episode to the close."""
        return self.market.config.session_ns

    def __getattr__(self, name: str) -> Any:
        """Settings of the task are attributes."""
        if "task" in self.__dict__ and name in {f.name for f in dataclasses.fields(self.task)}:
            return getattr(self.task, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def accounts(self) -> dict[str, np.ndarray]:
        """True accounts now, arrays (num_envs,), over all symbols: `equity` gained since the start, `fees` (rebates
        count negative), both ticks x lots; `inventory`, `volume` lots; `fills`; `mid`, ticks: the first symbol's mark,
        without own orders.
        """
        a = self.market.arrays.accounts[self._account_rows]
        unit = self.market.config.fee_unit
        money = (a["cash"] + a["inventory"] * a["mark_x2"] * (unit // 2)).sum(1)
        return {
            "equity": (money - self.core.by_seat("start_equity")[:, AGENT]) / unit,
            "inventory": a["inventory"].sum(1), "fees": (a["fees"] - a["rebates"]).sum(1) / unit,
            "fills": a["fills"].sum(1), "volume": a["volume"].sum(1), "mid": a["mark_x2"][:, 0] / 2.0,
        }  # fmt: skip

    def snapshot(self, env: int = 0) -> bytes:
        """One env as bytes: its market, its episode, its last observation."""
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        head = SNAPSHOT_HEAD.pack(b"qsl-env\0", SNAPSHOT_VERSION, config_hash(self.task).encode())
        parts = [row.tobytes() for row in (*self.core.state_rows(env), self._last_obs[env])]
        return b"".join([head, *parts, self.market.snapshot(env)])

    def restore(self, data: bytes, env: int = 0) -> np.ndarray:
        """Put a snapshot into an env (also another one of equal settings); returns its last observation.

        Raises: ConfigError if it is not of these settings.
        """
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        require(len(data) > SNAPSHOT_HEAD.size, self, "data", "a snapshot", len(data))
        magic, version, digest = SNAPSHOT_HEAD.unpack_from(data)
        require(magic == b"qsl-env\0", self, "data", "a snapshot of an env", magic)
        require(version == SNAPSHOT_VERSION, self, "version", str(SNAPSHOT_VERSION), version)
        mine = config_hash(self.task)
        require(digest.decode() == mine, self, "task hash", mine, digest.decode())
        at = SNAPSHOT_HEAD.size
        self._let_go()
        rows = [*self.core.state_rows(env), self._last_obs[env].view(np.uint8)]
        self.market.restore(data[at + sum(row.nbytes for row in rows) :], env)
        for row in rows:
            row[:] = np.frombuffer(data, np.uint8, row.nbytes, at)
            at += row.nbytes
        self._started = self._seeded = True
        self._ended[env] = bool(self.core.envs["ended"][env])
        return self._last_obs[env].copy()

    def text(self, env: int = 0) -> str:
        """What `render` shows of one env."""
        return book_text(self, env)

    def checked(self, actions: Any) -> np.ndarray:
        """Actions as the kernels take them, float32 (num_envs, number).

        Raises: ConfigError for another shape, or a choice that there is not.
        """
        actions = np.asarray(actions)
        if isinstance(self.single_action_space, Discrete):
            require(actions.shape == (self.num_envs,), self, "actions", f"of shape ({self.num_envs},)", actions.shape)
            count = int(self.single_action_space.n)
            bad = np.flatnonzero(~((actions >= 0) & (actions < count) & (actions == np.floor(actions))))
            if len(bad):
                require(False, self, f"actions[{bad[0]}]", f"a whole number in [0, {count})", actions[bad[0]])
            return actions.astype(np.float32)[:, None]
        actions = np.asarray(actions, np.float32, order="C")
        shape = (self.num_envs, len(self.action_names))
        if actions.shape != shape:
            require(False, self, "actions", f"of shape {shape}", actions.shape)
        return actions

    def step_into(self, actions: np.ndarray, obs: np.ndarray) -> None:
        """Step with `checked` actions and write the observations; what was paid and what ended stays in the arrays."""
        self._check_going()
        self.core.step(actions.reshape(-1), obs.reshape(-1), self._flat_final)
        self._keep(obs)
        self._look()

    def step_one(self, action: np.ndarray, obs: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        """Step a vector of one env, in DISABLED mode, without what costs more than a step when there is but one.

        Args:
            action: float32 (number,), as `checked` gives it.
            obs: float32 (element,), written; it must stay as it is until the next step.
        Returns: reward, terminated, truncated, infos.
        """
        if self._ended[0] or not self._started:
            self._check_going()
        self.core.step(action, obs, self._flat_final)
        self._keep(obs[None])
        if self.render_mode is not None:
            self._look()
        terminated, truncated = self._terminated.item(0) != 0, self._truncated.item(0) != 0
        infos = self._step_info() if self._tells else {}
        if terminated or truncated:
            self._ended[0] = True
            self._add_end(infos, self._ended)
        return self._reward.item(0), terminated, truncated, infos

    def _check_going(self) -> None:
        """Raises: ResetNeeded before the first reset, and after an end where nothing resets by itself."""
        if not self._started:
            raise ResetNeeded("call reset() before step()")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            ended = np.flatnonzero(self._ended).tolist()
            raise ResetNeeded(f"the episodes of envs {ended} are over; reset them (options={{'reset_mask': mask}})")

    def action_masks(self) -> np.ndarray:
        """Which choices change anything, int8 (num_envs, choice): a bid is of no use at the inventory limit, an ask at
        minus that. Choice 0 always may be taken. Raises: ConfigError for continuous actions.
        """
        require(self._chooses, self, "action_masks", "of a discrete action space", self.action_space)
        return self.role.choice_masks(self.core.by_seat("known_inventory")[:, AGENT], self.max_inventory)

    # --- inside

    def _reseed(self, seeds: np.ndarray, given: np.ndarray) -> None:
        self.market.reseed(seeds, given)

    def _step_info(self) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        if not self._tells:
            return infos
        whole = np.ones(self.num_envs, np.bool_)
        if self._chooses:
            infos["action_mask"], infos["_action_mask"] = self.action_masks(), whole
        if self._waits_for_fills:
            infos["elapsed_ns"], infos["_elapsed_ns"] = self.core.envs["elapsed_ns"].copy(), whole
        if self.step_info:
            infos["account"], infos["_account"] = masked(self.accounts(), whole), whole
            terms = {name: self.reward_terms[:, k].copy() for k, name in enumerate(REWARD_TERMS)}
            infos["reward_terms"], infos["_reward_terms"] = masked(terms, whole), whole
        return infos

    def _summary(self, ended: np.ndarray) -> dict[str, np.ndarray]:
        e, unit = self.core.ends[:, AGENT], self.market.config.fee_unit
        values = {
            "return": e["total_reward"], "length": e["steps"], "end": e["end"],
            "equity": e["equity"] / unit,
            "fees": e["fees"] / unit, "inventory": e["inventory"], "peak_inventory": e["peak_inventory"],
            "volume": e["volume"], "fills": e["fills"],
        }  # fmt: skip
        values.update({f"term_{name}": self.core.end_sums[:, AGENT, k] for k, name in enumerate(REWARD_TERMS)})
        return masked({name: np.where(ended, v, v.dtype.type(0)) for name, v in values.items()}, ended)
