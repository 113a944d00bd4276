"""Courses: what the trained agents of a season are trained by, tiny; a season is played with the ones trained anew."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from leagues import schooling
from leagues.command_tournament import seasons
from leagues.players import PlayerSpec
from leagues.schooling import COURSES, Course, Courses, attend, train_agents
from leagues.tournament_config import ContestConfig, TournamentConfig, load_tournament
from qsl_envs.errors import ConfigError
from qsl_envs.settings import load_yaml, save_yaml
from tests.leagues.small import MAKERS
from tests.leagues.tiny import MARKET, tiny

SETTINGS = {"seats": {"maker": 2}, "session_ns": 1_000_000_000, "config": MARKET}
QUOTES = {"policy": "fixed spread", "parameters": {"half_spread": 1.0}}
TEACHER = PlayerSpec(name="teacher", role="maker", content=QUOTES)


def course(**changes) -> Course:
    small = {"num_envs": 4, "num_steps": 5, "total_frames": 20, "minibatch_size": 16, "hidden": 8}
    return Course(**{"name": "small", "method": "ippo", "env_id": "qsl/MarketMakers-v0", "settings": SETTINGS,
                     "agents": {"maker": "small-maker"}, "teachers": (TEACHER,), "watched": 5, "learner": small,
                     **changes})  # fmt: skip


def silent(share: float, text: str) -> None:
    """Tell nobody."""


def test_every_trained_agent_of_a_season_has_a_course():
    config = load_tournament(seasons()["first"])
    folders = {Path(spec.content["folder"]) for contest in config.contests for spec in contest.players
               if spec.kind == "checkpoint"}  # fmt: skip
    known = {name for course in load_yaml(Courses, next(iter(folders)).parent / COURSES).courses
             for name in course.agents.values()}  # fmt: skip
    assert {folder.name for folder in folders} == known
    assert all((folder / "manifest.json").is_file() for folder in folders)


@pytest.mark.parametrize("method", ["ippo", "mappo", "league", "psro"])
def test_a_season_is_played_with_agents_that_were_trained_anew(tmp_path, monkeypatch, method):
    alone = method in schooling.TRAINERS
    monkeypatch.setattr(schooling, "load_config", lambda preset, method, seed: tiny(method=method))
    chosen = course(method=method) if alone else course(method=method, preset="tiny", env_id="")
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    save_yaml(Courses(courses=(chosen,)), shipped / COURSES)
    player = PlayerSpec(name="it", kind="checkpoint", role="maker", content={"folder": str(shipped / "small-maker")})
    other = PlayerSpec(name="other", content={"policy": "do nothing"})
    config = TournamentConfig(name="t", contests=(
        ContestConfig(name="c", stage=MAKERS, role="maker", players=(player, other)),
    ))  # fmt: skip
    found = train_agents(config, tmp_path / "out", silent)
    made = tmp_path / "out" / "agents" / "small-maker"
    assert found.contests[0].players[0].content == {"folder": str(made)} and (made / "manifest.json").is_file()
    assert found.contests[0].players[1] == other
    before = (made / "policy.pt").stat().st_mtime_ns
    attend(chosen, tmp_path / "out", silent)  # nothing is trained twice
    assert (made / "policy.pt").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "guessing"}, "method"),
        ({"preset": "makers"}, "env_id, preset"),
        ({"method": "league"}, "env_id, preset"),
    ],
)
def test_courses_that_make_no_sense_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        course(**changes)


def test_a_teacher_is_missing(tmp_path):
    with pytest.raises(ConfigError, match="teachers"):
        attend(course(teachers=(dataclasses.replace(TEACHER, role="executor"),)), tmp_path, silent)
