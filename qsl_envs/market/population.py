"""The population of a market as tables: who has which number, which kernel, which cells, which laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsl_envs.errors import ParticipantError
from qsl_envs.market.config import MarketConfig, ParticipantConfig, PopulationConfig
from qsl_envs.market.constants import GROUP_LONGS, HEAR_NOTHING, LAW_LONGS, LISTENS, WHY_NAMES
from qsl_envs.market.kinds import LAWS, Draw, Kind, find_kind

MAX_EXTRA_NS = 1e12
"""Bound of an extra latency."""


@dataclass(frozen=True, slots=True)
class Line:
    """Participants with successive numbers, `first` .. `last` - 1, who have the same settings."""

    first: int
    last: int
    config: ParticipantConfig | PopulationConfig
    kind: Kind | None = None
    code: int = 0
    """place of the kind's address in `MarketArrays.crowd`"""
    group: int = 0
    """place of the group there"""
    params: int = 0
    """first cell of the first member, counted from CROWD.params; `states` likewise"""
    states: int = 0
    books: tuple[int, ...] = ()
    """that the members trade in; a member of a kind with one book has one of them, in turn"""

    @property
    def listens(self) -> int:
        """HEAR_NOTHING, HEAR_TOP or HEAR_ALL."""
        if self.config.listens:
            return LISTENS.index(self.config.listens)
        return self.kind.listens if self.kind else HEAR_NOTHING

    def home(self) -> np.ndarray:
        """First book of each member, int64 (last - first,)."""
        return np.array(self.books, np.int64)[np.arange(self.last - self.first) % len(self.books)]

    def listening(self, book: int) -> np.ndarray:
        """Numbers of the members whom the feed of a book wakes, int64, ascending."""
        members = np.arange(self.first, self.last)
        if self.listens == HEAR_NOTHING or book not in self.books:
            return members[:0]
        return members if self.kind is None or self.kind.many_books else members[self.home() == book]


def kinds_of(config: MarketConfig) -> list[Kind]:
    """Kinds in use, each once, in the order of their numbers."""
    return list({group.kind: find_kind(group.kind) for group in config.population}.values())


def wakes_anybody(config: MarketConfig) -> bool:
    """Whether somebody is woken in this market: a population, or agents that listen."""
    return bool(config.population) or any(agent.listens for agent in config.participants)


def num_traders(config: MarketConfig) -> int:
    """Participants of one replica: agents and population."""
    return len(config.participants) + sum(group.count for group in config.population)


def lines_of(config: MarketConfig) -> list[Line]:
    """All participants in the order of their numbers: agents, then the groups of the population."""
    every = tuple(range(config.num_books))
    lines = [Line(i, i + 1, agent, books=every) for i, agent in enumerate(config.participants)]
    codes = {kind.name: code for code, kind in enumerate(kinds_of(config))}
    first, group, params, states = len(lines), len(codes), 0, 0
    for settings in config.population:
        kind, books = find_kind(settings.kind), settings.books or every
        last = first + settings.count
        lines.append(Line(first, last, settings, kind, codes[kind.name], group, params, states, books))
        first = last
        group += GROUP_LONGS + len(books) + LAW_LONGS * (len(kind.params) + 1)
        params += settings.count * len(kind.params)
        states += settings.count * kind.num_states
    return lines


def population_cells(config: MarketConfig) -> tuple[int, int]:
    """float64 cells of parameters and int64 cells of states in one replica."""
    groups = [(group.count, find_kind(group.kind)) for group in config.population]
    return sum(n * len(kind.params) for n, kind in groups), sum(n * kind.num_states for n, kind in groups)


def programs_of(line: Line, texts: tuple[str, ...] | None = None) -> np.ndarray:
    """Programs of a group (`texts`, or those of its settings), int64 (program, cell). Raises: ConfigError."""
    settings = line.config
    assert line.kind is not None and isinstance(settings, PopulationConfig)
    if line.kind.read_programs is None:
        return np.zeros((0, 1), np.int64)
    return line.kind.read_programs(settings.programs if texts is None else texts, settings.name)


def crowd_table(config: MarketConfig, programs: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """`MarketArrays.crowd`: room for the kinds' addresses, then each group: its counts, its books, its laws; then the
    groups' programs, those of the settings or (by the group's name) the given ones.
    """
    rows = [(programs or {}).get(line.config.name, programs_of(line)) for line in lines_of(config) if line.kind]
    table = [0] * len(kinds_of(config))
    head = sum(GROUP_LONGS + len(line.books) + LAW_LONGS * (len(line.kind.params) + 1)
               for line in lines_of(config) if line.kind)  # fmt: skip
    data = len(table) + head
    tail: list[int] = []
    for line in lines_of(config):
        if line.kind is None:
            continue
        assert len(table) == line.group
        settings = line.config
        assert isinstance(settings, PopulationConfig)  # only its lines have a kind
        kind, books = line.kind, line.books
        laws, own = line.group + GROUP_LONGS + len(books), rows.pop(0)
        table += [len(kind.params), kind.num_states, len(books), laws, line.first, data, len(own), *books]
        tail += own.ravel().tolist()
        data += own.size
        table += law(settings.extra_latency_ns, 0.0, MAX_EXTRA_NS)
        for name, param in kind.params.items():
            table += law(settings.params.get(name, param.default), param.low, param.high)
    return np.array([*table, *tail, 0], np.int64)


def law(value: float | Draw, low: float, high: float) -> list[int]:
    """A parameter's law as LAW_LONGS numbers."""
    code, a, b = (LAWS.index(value.law), value.a, value.b) if isinstance(value, Draw) else (0, value, 0.0)
    return [code, *np.array([a, b, low, high], np.float64).view(np.int64).tolist()]


def member_number(config: MarketConfig, name: str) -> int:
    """Number of the participant of a name, -1 when nobody is called so."""
    for line in lines_of(config):
        if line.kind is None:
            if line.config.name == name:
                return line.first
        elif name.startswith(f"{line.config.name}_"):
            digits = name[len(line.config.name) + 1 :]
            if digits.isdigit() and int(digits) < line.last - line.first and digits == str(int(digits)):
                return line.first + int(digits)
    return -1


def member_name(config: MarketConfig, number: int) -> str:
    """Name of a participant."""
    line = next(line for line in lines_of(config) if line.first <= number < line.last)
    return line.config.name if line.kind is None else f"{line.config.name}_{number - line.first}"


def failure(config: MarketConfig, m, rows: range) -> ParticipantError | None:
    """The error of a participant whose kernel has failed in one of the rows (indices of RUN records); None: no
    participant was at work. Such a replica has stopped in mid-event: only a reset or a restore makes it whole.
    """
    for r in rows:
        run = m.runs[r]
        crowd = m.crowds[run.crowd]
        if crowd.acting > 0:
            p, why = int(crowd.acting) - 1, int(crowd.acting_why)
            crowd.acting = 0
            kind = kinds_of(config)[int(m.actors[crowd.actors + p].kind)].name
            reasons = ", ".join(name for bit, name in WHY_NAMES.items() if why & bit)
            return ParticipantError(
                f"participant {member_name(config, p)} (number {p}, kind {kind}) failed in replica {r // rows.step} at "
                f"{int(run.now_ns)} ns, woken by: {reasons}"
            )
    return None
