"""Settings of a tournament: stages, contestants, who meets whom, how many worlds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leagues.players import PlayerSpec, known_kinds
from leagues.schedule import graph, line_up, round_robin
from leagues.stage import Stage
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types, config_hash, from_dict, load_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestConfig:
    """Players of one role on one stage, each against each."""

    name: str
    stage: Stage
    role: str
    """whose seats the contestants take"""
    players: tuple[PlayerSpec, ...]
    """contestants"""
    background: tuple[PlayerSpec, ...] = ()
    """who sits at the seats of other roles; each names its role"""
    at_once: int = 2
    """different contestants in a market; 1: each meets the background alone, and worlds are compared"""
    selves: bool = True
    """each contestant also alone with itself, where `at_once` is more than 1"""
    line_ups: tuple[tuple[str, ...], ...] = ()
    """groups of contestants that meet, in place of the round robin"""
    worlds: int = 64
    """worlds that every group plays, the same for all"""
    first_world: int = 0
    """seed of the first one"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.worlds <= 10**6, self, "worlds", "in [1, 1_000_000]", self.worlds)
        require(self.first_world >= 0, self, "first_world", ">= 0", self.first_world)
        names = [spec.name for spec in (*self.players, *self.background)]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"contest {self.name!r}", "players", "of different names", twice)
        require(len(self.players) > 0, f"contest {self.name!r}", "players", "at least one", 0)
        for spec in (*self.players, *self.background):
            kinds = known_kinds()
            require(spec.kind in kinds, f"player {spec.name!r}", "kind", f"one of {', '.join(kinds)}", spec.kind)
        for spec in self.players:
            if spec.role not in ("", self.role):
                raise ConfigError(f"player {spec.name!r} plays {spec.role}, not {self.role!r} of contest {self.name!r}")
        for group in self.groups():
            fair = self.stage.rotations == 0 or self.stage.fair_to(self.seated(group))
            require(fair, self.stage, "rotations", f"enough for {' / '.join(group)} to sit at all seats equally often",
                    self.stage.rotations)  # fmt: skip

    def groups(self) -> list[tuple[str, ...]]:
        """Contestants that meet."""
        names = [spec.name for spec in self.players]
        return graph(self.line_ups, names) if self.line_ups else round_robin(names, self.at_once, self.selves)

    def seated(self, group: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Who sits where in rotation 0: role -> names, seat by seat."""
        roles: dict[str, list[str]] = {}
        for spec in self.background:
            roles.setdefault(spec.role, []).append(spec.name)
        return line_up(group, self.role, self.stage.seats, roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class TournamentConfig:
    """A list of contests."""

    name: str
    contests: tuple[ContestConfig, ...]
    note: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        names = [contest.name for contest in self.contests]
        require(len(names) > 0, self, "contests", "at least one", 0)
        require(len(set(names)) == len(names), self, "contests", "of different names", names)

    @property
    def digest(self) -> str:
        """Hex digest of the settings."""
        return config_hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A tournament as a file has it: stages and players may be written once and named afterwards."""

    name: str
    contests: tuple[dict[str, Any], ...]
    note: str = ""
    stages: dict[str, Any] = field(default_factory=dict)
    """by name"""
    players: tuple[PlayerSpec, ...] = ()
    """that contests name"""


def load_tournament(file: str | Path) -> TournamentConfig:
    """Read a tournament from YAML.

    A contest's `stage`, and each of its `players` and `background`, is settings, or the name of one that the file lists
    under `stages` and `players`. A folder of a checkpoint or a pool that lies beside the file is found there.

    Raises: ConfigError naming what is unknown or out of its range.
    """
    read = load_yaml(_File, file)
    stages = {
        name: from_dict(Stage, {"name": name, **values}, f"stages.{name}") for name, values in read.stages.items()
    }
    players = {spec.name: _beside(file, spec) for spec in read.players}
    contests = []
    for at, values in enumerate(read.contests):
        made = dict(values)
        where = f"contests[{at}]"
        if isinstance(made.get("stage"), str):
            require(made["stage"] in stages, where, "stage", f"one of {', '.join(stages)}", made["stage"])
            made["stage"] = stages[made["stage"]]
        for key in ("players", "background"):
            listed = []
            for one in made.get(key, ()):
                if isinstance(one, str):
                    require(one in players, where, key, f"of {', '.join(players)}", one)
                    one = players[one]
                listed.append(_beside(file, from_dict(PlayerSpec, one, f"{where}.{key}")))
            made[key] = tuple(listed)
        contests.append(from_dict(ContestConfig, made, where))
    return TournamentConfig(name=read.name, contests=tuple(contests), note=read.note)


def _beside(file: str | Path, spec: PlayerSpec) -> PlayerSpec:
    """A spec whose folder is looked for beside a file first."""
    content = dict(spec.content)
    for key in ("folder", "pool"):
        place = Path(file).parent / str(content.get(key, ""))
        if content.get(key) and place.is_dir():
            content[key] = str(place)
    return replace(spec, content=content)
