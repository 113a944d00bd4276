"""Settings of self-play on the full book: the markets, who learns, whom they meet, how it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from leagues.pfsp import WEIGHTINGS
from leagues.players import PlayerSpec, known_kinds
from leagues.solvers import META_SOLVERS
from leagues.stage import Stage
from qsl_envs.errors import require
from qsl_envs.settings import check_types, from_dict, load_yaml

METHODS = ("league", "psro")
LEAGUE_ARGS = ("env_id", "env_options", "split", "seed", "total_frames", "num_envs", "num_steps", "num_threads",
               "torch_threads", "init", "critic_updates", "out", "checkpoint_every", "resume", "smoke", "tensorboard",
               "track", "wandb_project", "share")  # fmt: skip
"""Settings of the learner that are the league's to decide."""


def check_players(owner: object, field_name: str, specs: tuple[PlayerSpec, ...], roles: tuple[str, ...]) -> None:
    """Require specs of known kinds and of these roles; a spec without a role may have the only one."""
    for spec in specs:
        kinds = known_kinds()
        require(spec.kind in kinds, f"player {spec.name!r}", "kind", f"one of {', '.join(kinds)}", spec.kind)
        fits = spec.role in roles or (spec.role == "" and len(roles) == 1)
        require(fits, owner, f"{field_name}: role of {spec.name!r}", f"one of {', '.join(roles) or 'none'}", spec.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaConfig:
    """The markets that students learn in. A student sits at one seat of its role, opponents at the others."""

    env_id: str = "qsl/MarketMakers-v0"
    settings: dict[str, Any] = field(default_factory=dict)
    """arguments of `qsl_envs.make_marl_vec`: seats, session_ns, tasks, config, words about the market"""
    role: str = "maker"
    """whose league it is; the environment needs two seats of it"""
    background: tuple[PlayerSpec, ...] = ()
    """who sits at the seats of other roles; each names its role; several of one role take turns from block to block"""
    worlds: int = 64
    """markets side by side"""
    blocks: int = 4
    """opponents that a student meets in one session, each in an equal share of the worlds"""
    rollout_steps: int = 50
    """steps of each market between two updates"""
    rollouts: int = 8
    """of a session: a student's turn to learn, against opponents that stay as they are"""
    threads: int = 1
    """of the environment"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("worlds", "blocks", "rollout_steps", "rollouts", "threads"):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))
        require(self.blocks <= self.worlds, self, "blocks", f"at most worlds ({self.worlds})", self.blocks)
        seats = self.stage("train", 1).seats
        require(self.role in seats, self, "role", f"one of {', '.join(seats)}", self.role)
        require(seats[self.role] >= 2, self, "role", "with two seats at least", f"{self.role}: {seats[self.role]}")
        for name, count in seats.items():
            here = [spec for spec in self.background if spec.role == name]
            require(name == self.role or count == 0 or bool(here), self, "background", f"with a {name}", here)
        check_players(self, "background", self.background, tuple(name for name in seats if name != self.role))

    def stage(self, split: str, worlds: int) -> Stage:
        """The same markets for matches."""
        return Stage(env_id=self.env_id, settings=self.settings, split=split, worlds=worlds)

    @property
    def frames(self) -> int:
        """Steps of markets in a session."""
        return self.worlds * self.rollout_steps * self.rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Matchmaking:
    """Who learns and whom they meet, after Vinyals et al. (2019); see `leagues.matchmaking`."""

    turns: int = 20
    """of the league; in each every agent learns"""
    mains: int = 1
    main_exploiters: int = 1
    league_exploiters: int = 1
    main_sessions: int = 2
    """of each main agent in a turn; exploiters have one"""
    self_play: float = 0.35
    """share of a main agent's opponents that are mains as they are now"""
    past: float = 0.5
    """share that is drawn by PFSP from all past players"""
    forgotten: float = 0.15
    """share that is drawn from past mains that beat it again, and past exploiters"""
    weighting: str = "hard"
    """of PFSP: hard or var"""
    power: float = 2.0
    """exponent of PFSP"""
    floor: float = 0.01
    """least chance of an opponent in PFSP"""
    hopeless: float = 0.2
    """a main exploiter that wins less often than this meets the main's past instead"""
    beaten: float = 0.7
    """a student that wins more often than this against every target joins the pool"""
    min_games: int = 48
    """games against a target that this needs"""
    longest: int = 8
    """sessions after which a student joins the pool anyway"""
    reset: float = 0.25
    """chance that a league exploiter begins anew when it has joined; main exploiters always do"""
    memory: float = 512.0
    """games of a pair after which older ones have faded"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("self_play", "past", "forgotten", "hopeless", "beaten", "reset"):
            require(0 <= getattr(self, name) <= 1, self, name, "in [0, 1]", getattr(self, name))
        shares = self.self_play + self.past + self.forgotten
        require(abs(shares - 1) < 1e-9, self, "self_play + past + forgotten", "1", shares)
        require(self.weighting in WEIGHTINGS, self, "weighting", f"one of {', '.join(WEIGHTINGS)}", self.weighting)
        for name in ("turns", "mains", "main_sessions", "min_games", "longest"):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))
        for name in ("main_exploiters", "league_exploiters"):
            require(getattr(self, name) >= 0, self, name, ">= 0", getattr(self, name))
        require(0 <= self.floor <= 0.01, self, "floor", "in [0, 0.01]", self.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracles:
    """Policy-space response oracles."""

    meta_solver: str = "prd"
    iterations: int = 4
    sessions: int = 8
    """that each response learns for"""
    worlds: int = 32
    """that every pair is paid on"""

    def __post_init__(self) -> None:
        check_types(self)
        names = ", ".join(META_SOLVERS)
        require(self.meta_solver in META_SOLVERS, self, "meta_solver", f"one of {names}", self.meta_solver)
        for name in ("iterations", "sessions", "worlds"):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A background population that training never meets."""

    name: str
    players: tuple[PlayerSpec, ...]
    """at the seats of the league's role; several take the seats in turn"""
    background: tuple[PlayerSpec, ...] = ()
    """at the seats of other roles; empty: as in training"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is measured at the end, on worlds of a split that training never saw."""

    split: str = "test"
    worlds: int = 64
    ladder: int = 5
    """checkpoints of the main agent that are played against each other, first and last included"""
    exploiter_sessions: int = 12
    """that a fresh exploiter learns for, against the first and against the last main agent of the ladder"""
    populations: tuple[Population, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in (("worlds", 2), ("ladder", 2), ("exploiter_sessions", 1)):
            require(getattr(self, name) >= least, self, name, f">= {least}", getattr(self, name))
        names = [population.name for population in self.populations]
        require(len(set(names)) == len(names), self, "populations", "of different names", names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeagueConfig:
    """A whole run."""

    name: str
    method: str = "league"
    """league, or psro"""
    arena: ArenaConfig = ArenaConfig()
    learner: dict[str, Any] = field(default_factory=dict)
    """settings of `baselines.ippo.Args`, those of the learning itself"""
    starters: tuple[PlayerSpec, ...] = ()
    """scripted players of the league's role that are in the pool from the start"""
    imitate: str = ""
    """name of a starter that the first network is fitted to before it learns; empty: it begins from nothing"""
    imitation_passes: int = 4
    """over the frames that it watches then: more make a better copy"""
    warm_up: int = 8
    """sessions in which the first network learns, against the starters (against itself without any)"""
    critic_sessions: int = 0
    """first ones of these in which only its value learns: one that knows nothing would spoil what it has imitated"""
    matchmaking: Matchmaking = Matchmaking()
    oracles: Oracles = Oracles()
    judging: Judging = Judging()
    seed: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        require(self.method in METHODS, self, "method", f"one of {', '.join(METHODS)}", self.method)
        require(0 <= self.seed < 2**31, self, "seed", "in [0, 2^31)", self.seed)
        require(self.warm_up >= 1, self, "warm_up", ">= 1", self.warm_up)
        require(self.imitation_passes >= 1, self, "imitation_passes", ">= 1", self.imitation_passes)
        for name in LEAGUE_ARGS:
            require(name not in self.learner, self, "learner", "without what the league decides", name)
        require(0 <= self.critic_sessions <= self.warm_up, self, "critic_sessions", "in [0, warm_up]",
                self.critic_sessions)  # fmt: skip
        names = [spec.name for spec in self.starters]
        require(self.imitate in ("", *names), self, "imitate", f"empty or one of {', '.join(names)}", self.imitate)
        role = (self.arena.role,)
        check_players(self, "starters", self.starters, role)
        others = tuple(name for name in self.arena.stage("train", 1).seats if name not in role)
        for population in self.judging.populations:
            require(len(population.players) > 0, self, f"population {population.name!r}", "with players", ())
            check_players(self, f"population {population.name!r}", population.players, role)
            check_players(self, f"population {population.name!r}", population.background, others)
        used = [*self.starters, *self.arena.background]
        used += [spec for p in self.judging.populations for spec in (*p.players, *p.background)]
        by_name = {spec.name: spec for spec in used}
        for spec in used:
            require(by_name[spec.name] == spec, self, "players", "of different names", spec.name)


def presets() -> tuple[str, ...]:
    """Names of the settings that come with the package."""
    folder = resources.files("leagues") / "presets"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def load_config(preset: str | None = None, file: str | Path | None = None, **changes: Any) -> LeagueConfig:
    """Settings of a preset or a YAML file.

    Args:
        changes: top-level settings to replace; None leaves them.
    Raises: ConfigError for an unknown preset, a missing file or settings that cannot be.
    """
    require((preset is None) != (file is None), "load_config", "preset, file", "one of the two", (preset, file))
    if preset is not None:
        require(preset in presets(), "load_config", "preset", f"one of {', '.join(presets())}", preset)
        with resources.as_file(resources.files("leagues") / "presets" / f"{preset}.yaml") as path:
            config = load_yaml(LeagueConfig, path)
    else:
        path = Path(str(file))
        require(path.is_file(), "load_config", "file", "a YAML file", str(file))
        config = load_yaml(LeagueConfig, path)
    return replaced(config, {name: value for name, value in changes.items() if value is not None})


def replaced(config: LeagueConfig, changes: Mapping[str, Any]) -> LeagueConfig:
    """The settings with some of the top-level ones replaced."""
    from qsl_envs.settings import to_dict

    return from_dict(LeagueConfig, {**to_dict(config), **changes}) if changes else config
