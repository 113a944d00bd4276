"""How the trained agents of a season come to be: independent learners, leagues and PSRO, as courses in a YAML file.

A course is deterministic on one kind of machine, so that whoever trains a season's agents anew plays the same season.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines import ippo, mappo
from baselines.learning.cloning import imitate
from baselines.learning.crowds import make_crowd, spec_of_role
from baselines.learning.networks import Actor
from baselines.learning.run_files import ProgressLine
from leagues.arena import SEEDS_APART
from leagues.imitation import watch
from leagues.players import PlayerSpec, seat_player
from leagues.pool import Pool
from leagues.tournament_config import TournamentConfig
from leagues.training import learn, open_shop
from leagues.training_config import load_config
from qsl_envs.errors import require
from qsl_envs.settings import check_types, load_yaml

TRAINERS: dict[str, Any] = {"ippo": ippo, "mappo": mappo}
LEAGUES = ("league", "psro")
PASSES = 10
"""Over the frames that a first network has watched."""
COURSES = "courses.yaml"
"""Beside the folders of the agents that it tells about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One training, and the agents that it leaves."""

    name: str
    method: str
    """ippo or mappo: all seats learn at once; league or psro: self-play by the settings of `preset`"""
    agents: dict[str, str]
    """role -> name of the folder that its policy goes to"""
    preset: str = ""
    """of `leagues.training_config`"""
    env_id: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """of the environment, as `qsl_envs.make_marl_vec` takes them"""
    teachers: tuple[PlayerSpec, ...] = ()
    """whom the first networks imitate, one of each role"""
    watched: int = 200
    """steps that they watch their teachers for"""
    learner: dict[str, Any] = field(default_factory=dict)
    """settings of `baselines.ippo.Args` or `baselines.mappo.Args`"""
    seed: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        allowed = (*TRAINERS, *LEAGUES)
        require(self.method in allowed, self, "method", f"one of {', '.join(allowed)}", self.method)
        alone = self.method in TRAINERS
        require(bool(self.env_id) == alone and bool(self.preset) != alone, self, "env_id, preset",
                "the first for independent learners, the second for self-play", (self.env_id, self.preset))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """A file of courses."""

    courses: tuple[Course, ...]

    def __post_init__(self) -> None:
        folders = [folder for course in self.courses for folder in course.agents.values()]
        require(len(set(folders)) == len(folders), self, "agents", "in folders of their own", folders)


def train_agents(
    config: TournamentConfig, out: Path, tell: Callable[[float, str], None] | None = None
) -> TournamentConfig:
    """Train the agents of a season anew; returns the same season with these in their places.

    Args:
        config: checkpoints in it lie beside a `courses.yaml`, or are not trained here.
        out: folder of the runs, and of the agents, `agents/NAME`. What is finished there is not trained again.
    """
    folders = {
        Path(spec.content["folder"])
        for contest in config.contests
        for spec in (*contest.players, *contest.background)
        if spec.kind == "checkpoint"
    }
    for place in sorted({folder.parent for folder in folders if (folder.parent / COURSES).is_file()}):
        wanted = {folder.name for folder in folders if folder.parent == place}
        for course in load_yaml(Courses, place / COURSES).courses:
            if wanted & set(course.agents.values()):
                attend(course, out, tell or ProgressLine(f"{course.name} "))

    def moved(spec: PlayerSpec) -> PlayerSpec:
        made = out / "agents" / Path(str(spec.content.get("folder", ""))).name
        there = spec.kind == "checkpoint" and made.is_dir()
        return replace(spec, content={**spec.content, "folder": str(made)}) if there else spec

    contests = tuple(
        replace(c, players=tuple(map(moved, c.players)), background=tuple(map(moved, c.background)))
        for c in config.contests
    )
    return replace(config, contests=contests)


def attend(course: Course, out: Path, tell: Callable[[float, str], None]) -> None:
    """Train what a course leaves, into `out/agents`; nothing where all of it is there."""
    places = {role: out / "agents" / name for role, name in course.agents.items()}
    if all(place.is_dir() for place in places.values()):
        return
    made = (independent if course.method in TRAINERS else self_play)(course, out / "runs" / course.name, tell)
    for role, place in places.items():
        require(role in made, f"course {course.name!r}", "agents", f"of {', '.join(made)}", role)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".new-") as new:  # whole, or not there
            shutil.copytree(made[role], Path(new) / "policy")
            (Path(new) / "policy").rename(place)


def independent(course: Course, run: Path, tell: Callable[[float, str], None]) -> dict[str, Path]:
    """IPPO or MAPPO from clones of the teachers; role -> folder of the policy."""
    trainer = TRAINERS[course.method]
    args = trainer.Args(env_id=course.env_id, env_options=json.dumps(course.settings), seed=course.seed, out=str(run),
                        **course.learner)  # fmt: skip
    envs = make_crowd(course.env_id, args.num_envs, course.settings, threads=args.num_threads)
    try:
        trainer.train(args, envs, initial=clones(course, envs, args), tell=tell)
    finally:
        envs.close()
    return {role: run / "policy" / role for role in envs.roles}


def clones(course: Course, envs: Any, args: ippo.Args) -> dict[str, Actor]:
    """Networks that do what the teachers do, by role; none where the course has no teachers."""
    if not course.teachers:
        return {}
    by_role = {spec.role: seat_player(spec) for spec in course.teachers}
    require(set(by_role) == set(envs.roles), f"course {course.name!r}", "teachers", "one of each role", list(by_role))
    teachers = {f"{role}_{k}": by_role[role].sit(envs, role)
                for role, made in envs.roles.items() for k in range(made.num_seats)}  # fmt: skip
    torch.set_num_threads(args.torch_threads)
    chance = np.random.default_rng((course.seed, 2))
    frames = watch(envs, teachers, list(envs.roles), course.watched, course.seed * SEEDS_APART, chance)
    found = {}
    for role in envs.roles:
        torch.manual_seed(course.seed)
        found[role] = Actor(spec_of_role(envs, role, hidden=(args.hidden, args.hidden)), log_std=args.init_log_std)
        imitate(found[role], *frames[role], PASSES, course.seed)
    return found


def self_play(course: Course, run: Path, tell: Callable[[float, str], None]) -> dict[str, Path]:
    """A league's last main agent, or the strategy that has most weight in PSRO's last mixture; role -> its folder."""
    config = load_config(course.preset, method=course.method, seed=course.seed)
    shop = open_shop(config, run, resume=(run / "config.yaml").is_file(), tell=tell)
    try:
        agents = learn(shop)
        best = agents[-1]
        if course.method == "psro":
            stage = shop.facts["psro"][-1]
            best = stage["strategies"][int(np.argmax(stage["mixture"]))]
    finally:
        shop.log.close()
    folder = Pool(run / "pool", create=False).files(best)
    assert folder is not None
    return {config.arena.role: folder}
