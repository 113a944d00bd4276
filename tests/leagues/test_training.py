"""Leagues on the full book, tiny: what is learned by whom, resumption after a kill, the judgment, bad input."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.learning.run_files import read_tensors
from leagues.arena import Arena, Student
from leagues.judging import cycles, spaced
from leagues.players import seat_player
from leagues.pool import Pool
from leagues.training import train
from leagues.training_config import load_config, presets
from leagues.workshop import learner_args
from qsl_envs.errors import ConfigError
from qsl_envs.settings import load_yaml, save_yaml, to_dict
from tests.leagues.tiny import MARKET, scripted, tiny

ROOT = Path(__file__).resolve().parents[2]


def silent(share: float, text: str) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Callable[[str], Path]:
    """A run of a method that nobody interrupted, made when it is asked for first."""
    folder = tmp_path_factory.mktemp("whole")

    @functools.cache
    def made(method: str) -> Path:
        train(tiny(method=method), folder / method, tell=silent)
        return folder / method

    return made


def left(out: Path) -> dict:
    """Everything that a run leaves, but times."""
    state = read_tensors(out / "league.pt")
    flat = {}
    for name, student in state["students"].items():
        flat |= {f"{name}/{key}": value for key, value in student["agent"].items()}
    report = json.loads((out / "report.json").read_text())
    report["about"].pop("seconds")
    rows = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds")
    pool = [(entry.name, entry.digest, entry.parent, entry.step) for entry in Pool(out / "pool").entries()]
    return {"tensors": flat, "report": report, "rows": rows, "pool": pool, "rates": state["rates"]}


def equal(a: dict, b: dict) -> None:
    assert a["tensors"].keys() == b["tensors"].keys()
    assert all(torch.equal(a["tensors"][key], b["tensors"][key]) for key in a["tensors"])
    for part in ("pool", "rates", "rows", "report"):
        assert json.dumps(a[part]) == json.dumps(b[part]), part


# --- one session


def test_only_the_student_learns_and_its_games_are_those_of_its_block():
    config = tiny()
    arena, args = Arena(config.arena, {}), learner_args(config)
    student, other = Student(arena, args, 1), Student(arena, args, 2)
    before = [p.clone() for p in student.agent.parameters()]
    rest = {key: value.clone() for key, value in other.agent.state_dict().items()}
    frozen = [arena.frozen("other", other.actor), seat_player(config.starters[0])]
    session = arena.teach(student, frozen, args, seed=5, number=1)
    assert any(not torch.equal(a, b) for a, b in zip(before, student.agent.parameters()))
    assert all(torch.equal(rest[key], value) for key, value in other.agent.state_dict().items())
    assert session.opponents == ["other", "near"]
    assert [len(part) for part in session.own] == [len(part) for part in session.others] == [3, 3]
    assert student.frames == config.arena.frames and student.sessions == 1


def test_a_session_is_a_function_of_seed_and_number():
    config = tiny()
    arena, args = Arena(config.arena, {}), learner_args(config)
    found = []
    for seed, number in ((5, 0), (5, 0), (5, 2), (6, 0)):
        student = Student(arena, args, 1)
        arena.teach(student, [seat_player(config.starters[1])], args, seed, number)
        found.append(torch.cat([p.detach().flatten() for p in student.agent.parameters()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2]) and not torch.equal(found[0], found[3])


def test_a_student_that_imitates_does_what_its_teacher_does():
    settings = {**tiny().arena.settings, "session_ns": 5_000_000_000}
    config = tiny(arena={**to_dict(tiny().arena), "settings": settings, "worlds": 48, "rollouts": 10},
                  learner={"hidden": 32})  # fmt: skip
    arena, args = Arena(config.arena, {}), learner_args(config)
    teacher, student = seat_player(config.starters[1]), Student(arena, args, 1)
    obs, _ = arena.envs.reset(seed=77)
    rows = obs["maker"][:, 0].copy()
    wanted = teacher.sit(arena.envs, "maker")(rows)

    def distance() -> float:
        return float(np.abs(arena.frozen("student", student.actor).sit(arena.envs, "maker")(rows) - wanted).mean())

    before = distance()
    assert not student.taught
    arena.imitate(student, teacher, seed=5)
    assert student.taught and distance() < 0.3 * before


def test_what_a_student_and_its_opponents_earn_is_told_from_its_seat():
    settings = {**tiny().arena.settings, "session_ns": 5_000_000_000}
    config = tiny(arena={**to_dict(tiny().arena), "settings": settings, "rollouts": 10})
    arena, args = Arena(config.arena, {}), learner_args(config)
    quiet = seat_player(load("idle", "do nothing"))
    for number in (0, 1):  # it sits at seat 0, then at seat 1
        session = arena.teach(Student(arena, args, 1), [quiet], args, 5, number)
        assert all((part == 0.0).all() for part in session.others)
        assert any((part != 0.0).any() for part in session.own)


def load(name: str, policy: str):
    from leagues.players import PlayerSpec

    return PlayerSpec(name=name, kind="scripted", content={"policy": policy})


# --- whole runs


def test_a_league_leaves_checkpoints_with_parents_and_a_report(whole):
    pool = Pool(whole("league") / "pool")
    names = pool.names()
    assert names[:3] == ["near", "far", "start"]
    assert {"main-1@0", "main-1@1", "main-1@4", "main-exploiter-1@2", "league-exploiter-1@2"} <= set(names)
    assert pool["main-1@2"].parent == "main-1@1" and pool["main-1@0"].parent == "start"
    assert pool.check() == []
    report = json.loads((whole("league") / "report.json").read_text())
    assert report["ladder"] == ["main-1@0", "main-1@2", "main-1@4"]
    assert report["leads"][1][1] == [0.0, 0.0, 0.0]  # an agent does not lead itself
    assert set(report["exploiters"]) == {"main-1@0", "main-1@4"}
    for found in report["exploiters"].values():
        mean = found["payoff"][0] - found["target among itself"][0]
        assert found["gain"][0] == pytest.approx(mean, abs=1e-9)
        assert set(found["scripted gains"]) == {"near", "far", "middle"}
        assert found["scripted gains"][found["best scripted"]] == max(found["scripted gains"].values())
    middle = report["populations"]["middle"]
    assert set(middle["visitor"]) == {"start", "main-1@0", "main-1@4"}
    text = (whole("league") / "report.md").read_text()
    assert "Fresh exploiters" in text and "Held out: middle" in text
    rows = (whole("league") / "progress.jsonl").read_text().splitlines()
    assert len(rows) == report["about"]["sessions"] == 1 + 2 * 4 + 2


def test_psro_grows_a_population_by_responses(whole):
    report = json.loads((whole("psro") / "report.json").read_text())
    stages = report["psro"]
    assert [stage["strategies"] for stage in stages] == [
        [f"response@{k}" for k in range(n + 1)] for n in range(3)
    ]  # fmt: skip
    for stage in stages:
        assert np.array(stage["payoffs"]).shape == (len(stage["strategies"]),) * 2
        assert sum(stage["mixture"]) == pytest.approx(1.0)
    assert Pool(whole("psro") / "pool")["response@2"].parent == "response@1"


@pytest.mark.parametrize(
    ("method", "place", "count"),
    [
        ("league", "enter", 4),
        pytest.param("league", "teach", 4, marks=pytest.mark.slow),
        pytest.param("league", "pay", 5, marks=pytest.mark.slow),
        pytest.param("psro", "enter", 3, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_killed_and_resumed_is_the_run_that_was_not(tmp_path, whole, method, place, count):
    command = [sys.executable, "-m", "tests.leagues.tiny", str(tmp_path), method, place, str(count)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "report.json").exists()
    train(tiny(method=method), tmp_path, resume=True, tell=silent)
    equal(left(tmp_path), left(whole(method)))


def test_other_roles_are_played_by_the_background(tmp_path):
    roles = ("executor", "arbitrageur", "informed")
    policies = {"executor": "TWAP", "arbitrageur": "do nothing", "informed": "do nothing"}
    background = [{"name": f"{role} there", "kind": "scripted", "role": role, "content": {"policy": policies[role]}}
                  for role in roles]  # fmt: skip
    settings = {"session_ns": 1_000_000_000, "config": MARKET}
    arena = {"env_id": "qsl/MakersTakers-v0", "settings": settings, "worlds": 4, "blocks": 2, "rollout_steps": 5,
             "rollouts": 2, "role": "maker", "background": background}  # fmt: skip
    report = train(tiny(arena=arena, starters=[scripted("near", 1.0, "maker")], matchmaking={"turns": 1}), tmp_path,
                   tell=silent)  # fmt: skip
    assert report["about"]["role"] == "maker" and len(report["ladder"]) == 2


# --- judgment


def test_a_ranking_has_no_cycles_and_rock_paper_scissors_is_nothing_else():
    def leads(score: np.ndarray) -> list:
        return [[[x, x - 0.1, x + 0.1] for x in row] for row in 2 * score]

    strength = np.array([3.0, 1.0, 0.0])
    assert cycles(leads(strength[:, None] - strength[None, :])) == {"share": pytest.approx(0.0), "triples": []}
    rps = np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])
    assert cycles(leads(rps)) == {"share": pytest.approx(1.0), "triples": [[0, 1, 2]]}


def test_the_ladder_keeps_first_and_last():
    assert spaced(["a", "b", "c", "d", "e"], 3) == ["a", "c", "e"]
    assert spaced(["a", "b"], 5) == ["a", "b"]


# --- settings


def test_presets_can_be_read_and_written(tmp_path):
    assert "makers" in presets()
    for name in presets():
        config = load_config(name)
        save_yaml(config, tmp_path / f"{name}.yaml")
        assert load_yaml(type(config), tmp_path / f"{name}.yaml") == config
    assert load_config("makers", seed=7).seed == 7


def test_bad_input_is_refused_by_name(tmp_path, whole):
    with pytest.raises(ConfigError, match="preset"):
        load_config("nothing")
    with pytest.raises(ConfigError, match="learning_rat"):
        train(tiny(learner={"learning_rat": 1.0}), tmp_path, tell=silent)
    with pytest.raises(ConfigError, match="kind"):
        tiny(starters=[{"name": "x", "kind": "unheard of"}])
    with pytest.raises(ConfigError, match=r"role of 'x'"):
        tiny(starters=[scripted("x", 1.0, "executor")])
    with pytest.raises(ConfigError, match="two seats"):
        tiny(arena={"env_id": "qsl/MakersTakers-v0", "role": "informed"})
    with pytest.raises(ConfigError, match="resume it"):
        train(tiny(), whole("league"), tell=silent)
    with pytest.raises(ConfigError, match="other settings"):
        train(tiny(seed=4), whole("league"), resume=True, tell=silent)
    with pytest.raises(ConfigError, match="no run to resume"):
        train(tiny(), tmp_path / "nowhere", resume=True, tell=silent)
