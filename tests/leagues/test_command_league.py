"""The command `qsl league`."""

from __future__ import annotations

import argparse
import json
import sys

import pytest

from leagues import command_league
from qsl_envs.errors import ConfigError
from qsl_envs.settings import save_yaml
from tests.baselines.test_run_files import stand_in
from tests.leagues.tiny import tiny


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command_league.add_arguments(parser)
    return command_league.run(parser.parse_args(words))


def test_a_game_prints_its_equilibria_and_every_learner(capsys):
    settings = ("--steps", "3", "--prize", "3.5", "--runs", "2", "--share", "0.001")
    assert run("game", "race", *settings, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["prize"] == 3.5 and len(found["equilibria"][0]) == 4
    names = [learner["learner"] for learner in found["learners"]]
    assert names[:2] == ["independent Q", "independent gradient"] and "PSRO, prd" in names
    assert all(0 <= run[-1]["exploitability"] for learner in found["learners"] for run in learner["runs"])
    assert run("game", "race", *settings) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in names) and "spent on speed" in text


def test_a_league_runs_from_a_file_and_goes_on_from_its_folder(tmp_path, capsys, monkeypatch):
    save_yaml(tiny(matchmaking={"turns": 1}), tmp_path / "tiny.yaml")
    out, told = tmp_path / "run", []
    monkeypatch.setitem(sys.modules, "wandb", stand_in(told))
    words = ("--config", str(tmp_path / "tiny.yaml"), "--out", str(out), "--seed", "5", "--tensorboard", "--track")
    assert run("run", *words) == 0
    rows = (out / "progress.jsonl").read_text().splitlines()
    assert len([one for one in told if isinstance(one, tuple) and "episodes" in one[1]]) == len(rows) > 0
    assert told[-1] == "finish" and len(list(out.glob("events.out.*"))) == 1
    printed = capsys.readouterr().out
    assert "tiny, seed 5" in printed and "left" in printed  # a line of progress, with the time left
    report = (out / "report.json").read_text()
    assert run("run", "--out", str(out), "--resume") == 0  # nothing is left to do, and nothing changes
    assert {**json.loads((out / "report.json").read_text()), "about": 0} == {**json.loads(report), "about": 0}


def test_bad_arguments_are_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match="--out"):
        run("run", "--resume")
    with pytest.raises(ConfigError, match="preset"):
        run("run", "--preset", "nobody", "--out", str(tmp_path))
    with pytest.raises(ConfigError, match="YAML"):
        run("run", "--config", str(tmp_path / "missing.yaml"))
    with pytest.raises(ConfigError, match=r"Race\.prize"):
        run("game", "race", "--prize", "-1")
