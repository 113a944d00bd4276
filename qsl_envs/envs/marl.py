"""Many agents in each of many markets: the batched form, arrays by role."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.vector import AutoresetMode

from qsl_envs.envs.config import task_config
from qsl_envs.envs.contract import autoreset_mode_of, check_count, rebuild, reset_mask_of, seeds_of, step_limit_of
from qsl_envs.envs.core import Seats, prepare_kernels
from qsl_envs.envs.fields import field_names, field_units
from qsl_envs.envs.market_words import MARKET_WORDS, take_words, with_words
from qsl_envs.envs.privileged import state_width, write_states
from qsl_envs.envs.realism import realism_of, relieved, words
from qsl_envs.envs.roles import Role
from qsl_envs.envs.state import CHOOSE_QUOTE, REWARD_TERMS
from qsl_envs.errors import ConfigError, require, require_flag, require_whole
from qsl_envs.market.changes import market_config
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.market import Market

Arrays = dict[str, np.ndarray]
STATE_LEVELS = 5
"""Levels a side of each true book in `state()`."""


class MarlVectorEnv:
    """Several agents, of one role or more, in each of `num_envs` markets, stepped by one compiled call.

    Arrays are by role: observations float32 (num_envs, seats, width), actions float32 (num_envs, seats, numbers) or
    whole numbers (num_envs, seats) for discrete roles, rewards float64 (num_envs, seats), ends bool. Seat k of role
    `maker` is the agent `maker_k`. All agents decide together, every `step_ns`.

    An agent that is ruined or killed is liquidated and `terminated` in that step; its orders are cancelled. From then
    on its `alive` is False, its actions are ignored, it observes zeros and is paid nothing, until the episode ends: at
    the close, at a step limit, or when nobody is left. Episodes begin anew as `autoreset_mode` says, env by env.

    Args:
        num_envs: markets side by side; env i depends on its own seed alone.
        seats: agents of each role, by its name; roles left out keep their number.
        tasks: settings of each role's task, by its name.
        step_ns: time between two decisions, of all roles.
        config: the market: a dict of changes to the default one, a YAML file of such, or a `MarketConfig` with a
            participant for each seat, role after role.
        split: family of worlds; no seed of one split reaches another.
        session_ns: length of an episode; None: as configured.
        num_threads: plain threads that share the envs; results do not depend on it.
        autoreset_mode: Gymnasium's `AutoresetMode`, or its value.
        max_episode_steps: truncates an episode (`max_cycles` is another name); None: only the market ends it.
        copy: fresh observations at each call; else they are handed out in two buffers in turn.
        stagger: the first episode after a seed begins at a drawn age, so that envs do not end together.
        realism: what to switch off, as `{"latency": False}`: see `qsl_envs.envs.realism`.
        words: about the market, as `latency=20_000_000`: see `qsl_envs.envs.market_words`.
    """

    default_market: ClassVar[MarketConfig]
    default_roles: ClassVar[tuple[Role, ...]]

    def __init__(self, num_envs: int = 1, *, seats: dict[str, int] | None = None,
                 tasks: dict[str, dict[str, Any]] | None = None, step_ns: int | None = None,
                 config: MarketConfig | dict[str, Any] | str | PathLike[str] | None = None, split: str = "train",
                 session_ns: int | None = None, num_threads: int = 1,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 max_cycles: int | None = None, copy: bool = False, stagger: bool = False,
                 realism: dict[str, bool] | None = None, **words: Any):  # fmt: skip
        self._arguments = {
            "num_envs": num_envs, "seats": seats, "tasks": tasks, "step_ns": step_ns, "config": config, "split": split,
            "session_ns": session_ns, "num_threads": num_threads, "autoreset_mode": autoreset_mode,
            "max_episode_steps": max_episode_steps, "max_cycles": max_cycles, "copy": copy, "stagger": stagger,
            "realism": realism, **words,
        }  # fmt: skip
        roles = self.roles_of({} if seats is None else seats, {} if tasks is None else tasks, step_ns)
        self.realism = realism_of(realism)
        seated = sum(role.num_seats for role in roles)
        said = take_words(words)
        for name in words:
            known = ", ".join(argument for argument in self._arguments if argument not in (*words, *said))
            allowed = f"those are {known}, and words about the market: {', '.join(MARKET_WORDS)}"
            raise ConfigError(f"{name} is not an argument; {allowed}")
        check_count(self, num_envs)
        market = with_words(market_config(self.market_of(roles), config, session_ns), said, seated)
        market = relieved(market, self.realism, seated)
        self.roles = {role.name: role for role in roles}
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode, "is_parallelizable": True}
        limits = step_limit_of(self, max_episode_steps), step_limit_of(self, max_cycles, "max_cycles")
        limit = limits[0] if max_cycles is None else limits[1]
        self.max_episode_steps, self.copy, self.num_envs = limit, require_flag(self, "copy", copy), num_envs
        prepare_kernels()
        self.market = Market(market, num_envs, split=split, num_threads=num_threads)
        self.core = Seats(self.market, roles, self.autoreset_mode, limit or 0, require_flag(self, "stagger", stagger))
        self.possible_agents = [f"{role.name}_{k}" for role in roles for k in range(role.num_seats)]
        self._flats = [np.zeros(self.core.obs_size, np.float32) for _ in range(2)]
        self._turn, self._last = 0, self._flats[0]
        same = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._final = np.zeros(self.core.obs_size if same else 1, np.float32)
        self._flat_actions = np.zeros(self.core.act_size, np.float32)
        self._state_width = state_width(market.num_books, self.core.num_seats, STATE_LEVELS)
        self._ended = np.zeros(num_envs, np.bool_)
        self._seeded = self._started = False
        self.np_random = np.random.default_rng()

    # --- what it is made of

    @classmethod
    def roles_of(cls, seats: dict[str, int], tasks: dict[str, dict[str, Any]], step_ns: int | None) -> tuple[Role, ...]:
        """The roles with other numbers of seats and other settings. Raises: ConfigError naming a role that is none."""
        known = ", ".join(role.name for role in cls.default_roles)
        for field, given in (("seats", seats), ("tasks", tasks)):
            require(isinstance(given, dict), cls.__name__, field, f"by role: {known}", given)
            for name in given:
                require(any(r.name == name for r in cls.default_roles), cls.__name__, field, f"by role: {known}", name)
        made = []
        for role in cls.default_roles:
            count = require_whole(cls.__name__, f"seats[{role.name}]", seats.get(role.name, role.num_seats), 0, 64)
            settings = tasks.get(role.name, {})
            require(isinstance(settings, dict), cls.__name__, f"tasks[{role.name}]", "a mapping of settings", settings)
            settings = dict(settings)
            for name in ("step_ns", "decide_on"):
                if name in settings:
                    raise ConfigError(f"tasks[{role.name}].{name} is not one role's: all agents decide every step_ns")
            if step_ns is not None:
                settings["step_ns"] = step_ns
            if count:
                made.append(Role(name=role.name, task=task_config(settings, role.task), num_seats=count,
                                 action=role.action))  # fmt: skip
        require(len(made) > 0, cls.__name__, "seats", "one agent at least", seats)
        return tuple(made)

    @classmethod
    def market_of(cls, roles: Sequence[Role]) -> MarketConfig:
        """The default market with one participant a seat, and room for their orders."""
        market = cls.default_market
        templates = {p.name: p for p in market.participants}
        participants = tuple(
            dataclasses.replace(templates[role.name], name=f"{role.name}_{k}")
            for role in roles for k in range(role.num_seats)
        )  # fmt: skip
        clients = sum(p.risk.max_open_orders for p in participants)
        size = market.size
        size = dataclasses.replace(
            size, max_clients=clients, max_messages=max(size.max_messages, 4 * clients),
            max_calendar=max(size.max_calendar, 6 * clients), max_orders=size.max_orders + clients,
        )  # fmt: skip
        return dataclasses.replace(market, participants=participants, size=size)

    def observation_space(self, role: str) -> Box:
        """The space of one agent of a role."""
        return self._role(role).observation_space(self.market.config)

    def action_space(self, role: str) -> Space:
        """The space of one agent of a role."""
        return self._role(role).action_space(self.market.config)

    def observation_names(self, role: str) -> tuple[str, ...]:
        """A name per element of a role's observation."""
        return field_names(self._role(role).fields(self.market.config))

    def observation_units(self, role: str) -> tuple[str, ...]:
        """A unit per element of a role's observation."""
        return field_units(self._role(role).fields(self.market.config))

    def action_names(self, role: str) -> tuple[str, ...]:
        """A name per number of a role's action."""
        return self._role(role).action_names(self.market.config)

    # --- episodes

    def reset(self, *, seed: int | Sequence[int | None] | None = None,
              options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:  # fmt: skip
        """Begin an episode in every env, or in those of `options["reset_mask"]` (bool, (num_envs,)).

        Args:
            seed: an int gives env i the seed `seed + i`; a sequence one each; None: every env goes on.
        Returns: observations by role, infos.
        """
        mask = reset_mask_of(self, options, self.num_envs, self._started)
        if seed is not None or not self._seeded:
            seeds, given = seeds_of(self, seed, self.num_envs, self.np_random, self._seeded)
            self.market.reseed(seeds, given & mask)
            self._seeded = True
        obs = self._next_flat()
        self.core.begin(mask, self._last, obs)
        self._keep(obs)
        self._started = True
        self._ended &= ~mask
        return self._by_role(obs), {}

    def step(self, actions: Arrays) -> tuple[Arrays, Arrays, Arrays, Arrays, dict[str, Any]]:
        """Step every env. Returns: observations, rewards, terminations, truncations by role, and infos.

        Raises: ConfigError for a role without actions, another shape, a NaN; ResetNeeded; CapacityError.
        """
        if not self._started:
            raise ResetNeeded("call reset() before step()")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            ended = np.flatnonzero(self._ended).tolist()
            raise ResetNeeded(f"the episodes of envs {ended} are over; reset them (options={{'reset_mask': mask}})")
        for name in actions:
            self._role(name)
        for k, name in enumerate(self.roles):
            require(name in actions, self, "actions", f"by role: {', '.join(self.roles)}", sorted(actions))
            self.core.actions_of(k, self._flat_actions)[:] = self._checked(name, actions[name])
        obs = self._next_flat()
        self.core.step(self._flat_actions, obs, self._final)
        self._keep(obs)
        rewards = {name: part.copy() for name, part in self._seat_arrays("reward").items()}
        terminated = {name: part != 0 for name, part in self._seat_arrays("terminated").items()}
        truncated = {name: part != 0 for name, part in self._seat_arrays("truncated").items()}
        infos: dict[str, Any] = {}
        left = any(end.any() for end in (*terminated.values(), *truncated.values()))
        self._ended = self.core.envs["ended"] != 0
        if left:
            infos = self._end_info(terminated, truncated)
        return self._by_role(obs), rewards, terminated, truncated, infos

    @property
    def alive(self) -> Arrays:
        """Which agents still take part, bool (num_envs, seats) by role."""
        return {name: part != 0 for name, part in self._seat_arrays("alive").items()}

    def action_masks(self) -> Arrays:
        """Of discrete roles: which choices change anything, int8 (num_envs, seats, choice)."""
        held = self._seat_arrays("known_inventory")
        limit = self._seat_arrays("max_inventory")
        return {
            name: role.choice_masks(held[name], limit[name])
            for name, role in self.roles.items()
            if role.kind == CHOOSE_QUOTE
        }

    def state(self) -> np.ndarray:
        """What only the simulator knows, float32 (num_envs, width), for centralized critics; never in an observation.

        Time left; for each book mid and value (from the start price, in `tick_scale`), then distances and lots of the
        best true levels of both sides; for each agent its true inventory, its gain, and whether it takes part.
        """
        out = np.empty(self.num_envs * self._state_width, np.float32)
        m, w = self.market.arrays, self.core.arrays
        write_states(m, w, STATE_LEVELS, self._state_width, out, 0, self.num_envs)
        return out.reshape(self.num_envs, self._state_width)

    # --- rewards

    @property
    def reward_names(self) -> tuple[str, ...]:
        """Names of the reward terms."""
        return REWARD_TERMS

    def reward_terms(self, role: str) -> np.ndarray:
        """Terms of a role's last rewards, float64 (num_envs, seats, term), ticks x lots. A view."""
        return self.core.terms[:, self._seats_of(role)]

    def reward_weights(self, role: str) -> np.ndarray:
        """What each term counts, float64 (num_envs, seats, term). A view: write to it to change the reward."""
        return self.core.weights[:, self._seats_of(role)]

    # --- copies

    def snapshot(self, env: int = 0) -> bytes:
        """One env as bytes: its market, its seats, its last observations."""
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        rows = [*self.core.state_rows(env), *self._obs_rows(env)]
        return b"".join([row.tobytes() for row in rows]) + self.market.snapshot(env)

    def restore(self, data: bytes, env: int = 0) -> None:
        """Put a snapshot into an env (also another one of equal settings). Raises: ConfigError if it does not fit."""
        require(0 <= env < self.num_envs, self, "env", f"in [0, {self.num_envs})", env)
        self._last = self._last.copy()  # what was handed out is the caller's
        rows = [*self.core.state_rows(env), *self._obs_rows(env)]
        size = sum(row.nbytes for row in rows)
        require(len(data) > size, self, "data", "a snapshot of these settings", len(data))
        self.market.restore(data[size:], env)
        at = 0
        for row in rows:
            row[:] = np.frombuffer(data, np.uint8, row.nbytes, at)
            at += row.nbytes
        self._started = self._seeded = True
        self._ended[env] = bool(self.core.envs["ended"][env])

    def close(self) -> None:
        """Nothing is held but memory."""

    def __repr__(self) -> str:
        """Class, number of envs and agents, and what is not realistic about the market."""
        off = words(self.realism)
        return f"{type(self).__name__}(num_envs={self.num_envs}, agents={self.possible_agents}{', ' * bool(off)}{off})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self._arguments)

    # --- inside

    def _role(self, name: str) -> Role:
        require(name in self.roles, self, "role", f"one of {', '.join(self.roles)}", name)
        return self.roles[name]

    def _seats_of(self, role: str) -> slice:
        self._role(role)
        record = self.core.role_records[list(self.roles).index(role)]
        return slice(int(record.first_seat), int(record.first_seat + record.seats))

    def _seat_arrays(self, field: str) -> Arrays:
        whole = self.core.by_seat(field)
        return {name: whole[:, self._seats_of(name)] for name in self.roles}

    def _by_role(self, flat: np.ndarray) -> Arrays:
        return {name: self.core.observations_of(k, flat) for k, name in enumerate(self.roles)}

    def _obs_rows(self, env: int) -> list[np.ndarray]:
        return [part[env].reshape(-1).view(np.uint8) for part in self._by_role(self._last).values()]

    def _next_flat(self) -> np.ndarray:
        if self.copy:
            return np.empty(self.core.obs_size, np.float32)
        return self._flats[self._turn ^ 1]

    def _keep(self, obs: np.ndarray) -> None:
        """These observations are written: a call that fails before leaves the last ones as they were."""
        self._last = obs
        self._turn ^= 1

    def _checked(self, name: str, given: Any) -> np.ndarray:
        role, given = self.roles[name], np.asarray(given)
        if role.kind == CHOOSE_QUOTE:
            count = int(Discrete(len(role.choices())).n)
            shape = (self.num_envs, role.num_seats)
            require(given.shape == shape, self, f"actions[{name!r}]", f"of shape {shape}", given.shape)
            whole = bool(((given >= 0) & (given < count) & (given == np.floor(given))).all())
            require(whole, self, f"actions[{name!r}]", f"whole numbers in [0, {count})", given)
            return given[..., None]
        shape = (self.num_envs, role.num_seats, len(self.action_names(name)))
        require(given.shape == shape, self, f"actions[{name!r}]", f"of shape {shape}", given.shape)
        return given

    def _end_info(self, terminated: Arrays, truncated: Arrays) -> dict[str, Any]:
        """What the parts of agents that ended were like, by role, with masks; in SAME_STEP mode also last observations
        of the envs that began anew.
        """
        unit = self.market.config.fee_unit
        fields = {"return": "total_reward", "length": "steps"}
        names = {name: fields.get(name, name) for name in ("return", "length", "end", "equity", "fees", "inventory",
                                                           "peak_inventory", "volume", "fills")}  # fmt: skip
        summary: dict[str, dict[str, np.ndarray]] = {name: {} for name in self.roles}
        for key, field in names.items():
            for name in self.roles:
                part = self.core.ends[field][:, self._seats_of(name)]
                gone = terminated[name] | truncated[name]
                value = part / unit if key in ("equity", "fees") else part
                summary[name][key] = np.where(gone, value, value.dtype.type(0))
        for name in self.roles:
            gone = terminated[name] | truncated[name]
            for k, term in enumerate(REWARD_TERMS):
                summary[name][f"term_{term}"] = np.where(gone, self.core.end_sums[:, self._seats_of(name), k], 0.0)
            summary[name]["_mask"] = gone
        infos: dict[str, Any] = {"episode_summary": summary}
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            over = self.core.envs["steps"] == 0
            if over.any():
                infos["_final_obs"] = over
                infos["final_obs"] = {
                    name: np.where(over[:, None, None], self.core.observations_of(k, self._final), np.float32(0))
                    for k, name in enumerate(self.roles)
                }
        return infos


def _again(cls: type, arguments: dict[str, Any]) -> MarlVectorEnv:
    return rebuild(cls, arguments, None)
