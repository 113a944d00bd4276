"""What a run of self-play has on disk, and sessions that survive a kill: `league.pt` is whole after each of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baselines import ippo
from baselines.learning.run_files import Log, Pace, read_tensors, write_tensors
from baselines.portable import save_actor
from leagues.arena import Arena, Session, Student
from leagues.match import Floor
from leagues.matchmaking import Member
from leagues.pfsp import WinRates
from leagues.players import Player, PlayerSpec, seat_player
from leagues.pool import Pool
from leagues.stage import Stage
from leagues.training_config import LeagueConfig
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.settings import config_hash, load_yaml, save_yaml, to_dict

Tell = Callable[[float, str], None]
START = "start"
"""The first network: what all agents begin from, and begin anew from."""


class Workshop:
    """Students, pool, win rates and facts of one run, in a folder.

        config.yaml      settings
        league.pt        students, win rates, what has been found so far
        pool/            players: starters and everybody who joined (`leagues.pool`)
        progress.jsonl   a row a session; TensorBoard and Weights & Biases beside it where asked

    Everything that happens depends on the settings and the number of the session only, so a run that was killed and
    resumed is the run that was not.

    Args:
        config: settings of the run.
        out: its folder.
        total_sessions: of the whole run, for the time left.
        resume: go on from what is there.
        tell: takes the share that is done and a line about it.

    Raises: ConfigError for a folder that has another run in it, or none to resume.
    """

    def __init__(self, config: LeagueConfig, out: Path, total_sessions: int, *, resume: bool, tell: Tell,
                 tensorboard: bool = False, track: bool = False,
                 wandb_project: str = "quant-sim-lab") -> None:  # fmt: skip
        self.config, self.out, self.tell, self.total_sessions = config, out, tell, total_sessions
        self.args = learner_args(config)
        saved = self._saved(resume)
        out.mkdir(parents=True, exist_ok=True)
        save_yaml(config, out / "config.yaml")
        self.pool = Pool(out / "pool")
        self.students: dict[str, Student] = {}
        self.states: dict[str, Any] = saved["students"] if saved else {}
        self.rates = WinRates.from_dict(saved["rates"]) if saved else WinRates(config.matchmaking.memory)
        self.number: int = saved["number"] if saved else 0
        self.rows: list[dict[str, Any]] = saved["rows"] if saved else []
        self.facts: dict[str, Any] = json.loads(saved["facts"]) if saved else {}
        specs = {spec.name: spec for spec in (*config.arena.background, *config.starters)}
        for population in config.judging.populations:
            specs |= {spec.name: spec for spec in (*population.players, *population.background)}
        self.scripted = {name: seat_player(spec) for name, spec in specs.items()}
        self.arena = Arena(config.arena, self.scripted)
        for spec in config.starters:
            self.pool.add(spec, env_id=config.arena.env_id)
        settings = {**to_dict(config), "resume": resume, "tensorboard": tensorboard, "track": track,
                    "wandb_project": wandb_project}  # fmt: skip
        self.log = Log(settings, out, self.rows)
        self.pace = Pace(total_sessions * config.arena.frames, self.number * config.arena.frames,
                         self.rows[-1]["seconds"] if self.rows else 0.0)  # fmt: skip
        self._players: dict[str, Player] = {}
        self._floors: dict[str, Floor] = {}

    def _saved(self, resume: bool) -> dict[str, Any] | None:
        place = self.out / "league.pt"
        if (self.out / "config.yaml").is_file():
            if not resume:
                raise ConfigError(f"{self.out} has a run in it; resume it, or name another folder")
            if config_hash(load_yaml(LeagueConfig, self.out / "config.yaml")) != config_hash(self.config):
                raise ConfigError(f"{self.out} has a run with other settings in it: see its config.yaml")
        elif resume:
            raise ConfigError(f"{self.out} has no run to resume")
        return read_tensors(place) if place.is_file() else None

    def save(self) -> None:
        """Write the state; what stood there stays until the new file is whole."""
        states = {name: student.state() for name, student in self.students.items()}
        content = {"students": {**self.states, **states}, "rates": self.rates.to_dict(), "number": self.number,
                   "rows": self.rows, "facts": json.dumps(self.facts)}  # fmt: skip
        write_tensors(self.out / "league.pt", content)

    # --- students

    def student(self, name: str, parent: str = "") -> Student:
        """The student of that name; a new one begins from a player of the pool, or from nothing."""
        if name not in self.students:
            student = Student(self.arena, self.args, self.config.seed)
            if name in self.states:
                student.load(self.states[name])
            elif parent:
                self.begin_from(student, parent)
            self.students[name] = student
        return self.students[name]

    def begin_from(self, student: Student, name: str) -> None:
        """Put a student back to what a finished student was when it last learned: network, critic, optimizer."""
        state = self.students[name].state() if name in self.students else self.states.get(name)
        if state is None:
            raise DataError(f"{self.out}: there is no student {name!r} to begin from")
        student.load({**state, "sessions": 0})

    def drill(
        self, name: str, parent: str, sessions: int, opponents: Callable[[np.random.Generator], list[str]]
    ) -> None:
        """Let a student learn for so many sessions in all; those that it has had are not had again."""
        student = self.student(name, parent)
        while student.sessions < sessions:
            act = name != START or student.sessions >= self.config.critic_sessions
            self.session(name, opponents(self.chance()), act)
            self.save()

    def session(self, name: str, opponents: Sequence[str], act: bool = True) -> Session:
        """One session of a student against players by name; an agent's own name is that agent as it is now.

        The state on disk does not know of it until `save`.
        """
        student = self.students[name]
        seated = [self.player(opponent) for opponent in opponents]
        result = self.arena.teach(student, seated, self.args, self.config.seed, self.number, act)
        for opponent, own, others in zip(result.opponents, result.own, result.others):
            self.rates.record(name, opponent, own, others)
        self.number += 1
        own = np.concatenate(result.own)
        lead = own - np.concatenate(result.others)
        frames = self.number * self.config.arena.frames
        found = {"return": result.episode_return, "pnl": mean_of(own), "lead": mean_of(lead), **result.losses}
        row = {"session": self.number, "frames": frames, "seconds": self.pace.seconds(), "episodes": len(own)}
        row |= {f"{key}/{name}": value for key, value in found.items()}
        self.rows.append(row)
        self.facts.setdefault("sessions", []).append([name, *opponents])
        self.log.write(row)
        text = self.pace.text(frames, **{"P&L": found["pnl"], "lead over the others": found["lead"]})
        self.tell(min(self.number / self.total_sessions, 1.0), f"{name}: {text}")
        return result

    def chance(self) -> np.random.Generator:
        """Draws of the session that comes next."""
        return np.random.default_rng((self.config.seed, self.number, 1))

    # --- players

    def player(self, name: str) -> Player:
        """A scripted player, one of the pool, or a student as it is now."""
        if name in self.students:
            return self.arena.frozen(name, self.students[name].actor)
        if name in self.scripted:
            return self.scripted[name]
        if name not in self._players:
            self._players[name] = self.pool.load(name)
        return self._players[name]

    def enter(self, name: str, student: Student, agent: str, kind: str, parent: str = "") -> Member:
        """Put a student's network into the pool, as it is now."""
        config = self.config.arena
        if name not in self.pool:
            with tempfile.TemporaryDirectory(dir=self.out, prefix=".new-") as made:
                facts = {"name": name, "seed": self.config.seed, "frames": student.frames, "settings": config.settings}
                save_actor(made, student.actor, self.arena.envs, config.role, **facts)
                spec = PlayerSpec(name=name, kind="checkpoint", role=config.role)
                self.pool.add(spec, made, env_id=config.env_id, parent=parent, step=student.frames, note=kind)
        return Member(name, kind, agent)

    # --- matches

    def floor(self, split: str, worlds: int) -> Floor:
        """Markets for matches, made once."""
        stage: Stage = self.config.arena.stage(split, worlds)
        if stage.digest not in self._floors:
            self._floors[stage.digest] = Floor(stage)
        return self._floors[stage.digest]

    def pay(self, floor: Floor, own: str, others: Sequence[str], background: Sequence[PlayerSpec] = (),
            first_world: int = 0) -> dict[str, np.ndarray]:  # fmt: skip
        """P&L by name, float64 (worlds,), of one player of the role against others, seats rotated; played once.

        Args:
            others: at the other seats of the role, in turn.
            background: of other roles; empty: as in training.
        """
        config = self.config.arena
        seats = self.arena.seats
        names = [own, *(others[k % len(others)] for k in range(seats[config.role] - 1))]
        line_up = {config.role: names}
        for role, count in seats.items():
            here = [spec.name for spec in (background or config.background) if spec.role == role]
            if role != config.role:
                line_up[role] = [here[k % len(here)] for k in range(count)]
        stage = floor.stage
        key = json.dumps([stage.split, stage.worlds, first_world, line_up])
        known = self.facts.setdefault("matches", {})
        if key not in known:
            found = {name: self.player(name) for part in line_up.values() for name in part}
            result = floor.play({role: [found[n] for n in part] for role, part in line_up.items()}, first_world)
            known[key] = {name: values.tolist() for name, values in result.means().items()}
            self.save()
        return {name: np.array(values) for name, values in known[key].items()}


def mean_of(values: np.ndarray) -> float:
    """Mean; NaN of nothing."""
    return float(values.mean()) if len(values) else float("nan")


def learner_args(config: LeagueConfig) -> ippo.Args:
    """The learner's settings. Raises: ConfigError naming one that does not exist."""
    try:
        return ippo.Args(**config.learner, env_id=config.arena.env_id, num_steps=config.arena.rollout_steps)
    except TypeError as error:
        raise ConfigError(f"LeagueConfig.learner: {error}") from error
