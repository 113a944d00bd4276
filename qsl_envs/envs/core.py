"""Seats in many markets: the arrays of an environment, and the calls that begin and step its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from gymnasium.vector import AutoresetMode
from numba.core import types

from qsl_envs.envs.observe import LOOK
from qsl_envs.envs.roles import Role
from qsl_envs.envs.state import (
    DECISION_NAMES,
    DESK,
    DISABLED,
    ENV,
    NEXT_STEP,
    NUM_TERMS,
    ROLE,
    SAME_STEP,
    SEAT,
    SUMMARY,
    TASK,
    TaskArrays,
    env_layout,
)
from qsl_envs.envs.step import MARKET_ERROR, NOT_A_NUMBER, STEPPED, begin_rows, step_rows
from qsl_envs.errors import ConfigError, require
from qsl_envs.kernel.beside import compile_beside
from qsl_envs.market.config import ParticipantConfig
from qsl_envs.market.market import Market
from qsl_envs.market.state import MarketArrays
from qsl_envs.market.world import make_template

MODES = {AutoresetMode.DISABLED: DISABLED, AutoresetMode.NEXT_STEP: NEXT_STEP, AutoresetMode.SAME_STEP: SAME_STEP}


def prepare_kernels() -> None:
    """Let another process compile what follows while a market compiles its loop here; before the market is made."""
    if numba.config.DISABLE_JIT:
        return
    flat, number = types.Array(types.float32, 1, "C"), types.int64
    arrays = MarketArrays._numba_type_, TaskArrays._numba_type_
    begin = (*arrays, types.Array(types.boolean, 1, "C"), flat, flat, number, number, number)
    step = (*arrays, flat, flat, flat, number, number, number)
    template = (arrays[0], number, number, number)
    compile_beside([(make_template, template), (begin_rows, begin), (step_rows, step)])


def inventory_limit(participant: ParticipantConfig) -> int:
    """Lots, long or short, that a participant means to hold at most: its firm-wide limit where it has one."""
    return participant.risk.firm_max_inventory or participant.risk.max_inventory


class Seats:
    """The compiled side of an environment: markets, the seats in them, and what is known, wanted and paid.

    Actions and observations are flat float32 arrays, role after role; `actions_of` and `observations_of` show a role's
    part of them as (num_envs, num_seats, width).

    Args:
        market: its first participants are the seats, role after role; the environment owns it from now on.
        roles: at least one; all decide together.
        mode: what follows the end of an episode.
        max_steps: truncates an episode; 0: only the market ends it.
        stagger: a world's first episode begins at a drawn age.
    """

    def __init__(self, market: Market, roles: Sequence[Role], mode: AutoresetMode, max_steps: int, stagger: bool):
        self.market, self.roles = market, tuple(roles)
        self.num_envs, self.num_seats = market.num_replicas, sum(role.num_seats for role in roles)
        config = market.config
        enough = len(config.participants) >= self.num_seats
        require(enough, config, "participants", f"at least {self.num_seats}, one a seat", len(config.participants))
        n, books = self.num_envs, config.num_books
        self.seat_roles = np.repeat(np.arange(len(self.roles)), [role.num_seats for role in self.roles])
        self.role_records = np.zeros(len(self.roles), ROLE).view(np.recarray)
        self._place_roles()
        tasks = np.zeros(1, TASK).view(np.recarray)
        t, task = tasks[0], self.roles[0].task
        t.stride, t.row_longs = market.stride, market.row_longs
        t.first_template, t.num_templates = market.num_replicas, config.templates
        t.scratch_longs, t.scratch_cap = market.scratch_longs, config.size.tape
        t.num_seats, t.num_books, t.num_symbols = self.num_seats, books, len(config.symbols)
        t.num_roles = len(self.roles)
        t.autoreset, t.max_steps, t.step_ns = MODES[mode], max_steps, task.step_ns
        t.stagger = int(stagger)
        t.decide_on = DECISION_NAMES.index(task.decide_on)
        t.with_day = int(market.day is not None)
        t.first_start_ns, t.last_start_ns = market.day_first_ns, market.day_last_ns
        t.look_levels = max(LOOK, *(role.task.levels for role in self.roles))
        self.layout = env_layout(self.num_seats, books)
        self.arena = self.layout.allocate(n)
        self._place_sections(t)
        self.envs = self._section("envs", ENV).reshape(n)
        self.seats = self._section("seats", SEAT)
        self.ends = self._section("ends", SUMMARY)
        self.desks = self._section("desks", DESK).reshape(n, self.num_seats, books)
        self._place_seats()
        self.past = np.zeros(self._past_size, np.float32)
        self.terms, self.sums, self.weights, self.end_sums = (
            self._section(name, np.dtype(np.float64)).reshape(n, self.num_seats, NUM_TERMS)
            for name in ("terms", "sums", "weights", "end_sums")
        )
        self.weights[:] = np.array([list(role.task.weights().values()) for role in self.roles])[self.seat_roles]
        table = np.concatenate([np.zeros(1, np.float32), *(role.choices().reshape(-1) for role in self.roles)])
        self.arrays = TaskArrays(
            self.arena, tasks=tasks, roles=self.role_records, past=self.past, table=table,
            base_keys=market.base_keys, episodes=market.episodes, starts=market.starts,
        )  # fmt: skip

    def _section(self, name: str, dtype: np.dtype) -> Any:
        """A section of all rows of the arena, (num_envs, records); a recarray where they have fields."""
        start = self.layout.base(name) * dtype.itemsize
        part = self.arena[:, start : start + self.layout.count(name) * dtype.itemsize].view(dtype)
        return part.view(np.recarray) if dtype.names else part

    def _place_sections(self, task) -> None:
        """Tell kernels where the sections of an env's row lie."""
        for name in ("seats", "desks", "ends", "mids", "terms", "sums", "weights", "end_sums"):
            setattr(task, name, self.layout.base(name))
        for name in ("seat", "desk", "env", "end"):
            setattr(task, f"{name}_stride", self.layout.stride(f"{name}s"))
        task.row_cells, task.hot_cells = self.layout.stride("mids"), self.layout.base("end_sums")

    def _place_roles(self) -> None:
        """Lay the roles' parts of the flat arrays one behind the other."""
        obs = act = past = seat = 0
        table = 1
        for role, record in zip(self.roles, self.role_records, strict=True):
            role.fill(record, self.market.config)
            record.obs_base, record.act_base, record.first_seat = obs, act, seat
            record.past_base, record.table_at = past, table
            cells = self.num_envs * role.num_seats
            obs += cells * int(record.width)
            act += cells * int(record.act_width)
            past += cells * int(record.width) if record.frames > 1 else 0
            table += 4 * int(record.num_choices)
            seat += role.num_seats
        self.obs_size, self.act_size, self._past_size = obs, act, max(past, 1)

    def _place_seats(self) -> None:
        """What stays the same of every seat."""
        for s, role in enumerate(self.seat_roles):
            participant = self.market.config.participants[s]
            self.seats["role"][:, s] = role
            self.seats["index"][:, s] = s - int(self.role_records["first_seat"][role])
            self.seats["feed_max_ns"][:, s] = participant.feed_link.max_transit_ns
            self.seats["max_inventory"][:, s] = inventory_limit(participant)

    # --- a role's part of the flat arrays

    def observations_of(self, role: int, flat: np.ndarray) -> np.ndarray:
        """A role's observations, a view (num_envs, num_seats, width) of a flat array."""
        record = self.role_records[role]
        return self._part(flat, int(record.obs_base), int(record.seats), int(record.width))

    def actions_of(self, role: int, flat: np.ndarray) -> np.ndarray:
        """A role's actions, a view (num_envs, num_seats, numbers) of a flat array."""
        record = self.role_records[role]
        return self._part(flat, int(record.act_base), int(record.seats), int(record.act_width))

    def _part(self, flat: np.ndarray, base: int, seats: int, width: int) -> np.ndarray:
        return flat[base : base + self.num_envs * seats * width].reshape(self.num_envs, seats, width)

    def by_seat(self, name: str) -> np.ndarray:
        """A number of every seat, a view (num_envs, num_seats)."""
        return self.seats[name]

    # --- what is compiled

    def begin(self, mask: np.ndarray, last_obs: np.ndarray, obs: np.ndarray) -> None:
        """Begin an episode where `mask` (bool, (num_envs,)) is set; elsewhere `last_obs` is copied. Both flat."""

        def work(first: int, end: int, thread: int) -> None:
            begin_rows(self.market.arrays, self.arrays, mask, last_obs, obs, first, end, thread)

        self.market.threads.run(self.num_envs, work)

    def step(self, actions: np.ndarray, obs: np.ndarray, final_obs: np.ndarray) -> None:
        """Step every env; all three are flat float32. Raises: ConfigError naming a NaN, CapacityError."""
        m, w, threads = self.market.arrays, self.arrays, self.market.threads
        if threads.count == 1 or self.num_envs == 1:
            code = step_rows(m, w, actions, obs, final_obs, 0, self.num_envs, 0)
        else:
            codes = [STEPPED] * threads.count

            def work(first: int, end: int, thread: int) -> None:
                codes[thread] = step_rows(m, w, actions, obs, final_obs, first, end, thread)

            threads.run(self.num_envs, work)
            code = codes[0] if codes[0] >= NOT_A_NUMBER else min(codes)
        if code != STEPPED:
            self._fail(code)

    def _fail(self, code: int) -> None:
        if code == MARKET_ERROR:
            self.market.raise_error(int(np.flatnonzero(self.envs["error"])[0]))
        at = code - NOT_A_NUMBER
        role = int(np.flatnonzero(self.role_records["act_base"] <= at)[-1])
        record = self.role_records[role]
        row, number = divmod(at - int(record.act_base), int(record.act_width))
        env, seat = divmod(row, int(record.seats))
        name = self.roles[role].action_names(self.market.config)[number]
        place = f"[{env}, {number}]" if self.num_seats == 1 else f"[{self.roles[role].name!r}][{env}, {seat}, {number}]"
        raise ConfigError(f"actions{place} ({name}) must be a number, was nan")

    # --- copies

    def state_rows(self, env: int) -> list[np.ndarray]:
        """Everything but the market that belongs to an env, as views of bytes."""
        rows = [self.arena[env]]
        for record in self.role_records:
            if record.frames > 1:
                size = int(record.seats * record.width)
                at = int(record.past_base) + env * size
                rows.append(self.past[at : at + size].view(np.uint8))
        return rows
