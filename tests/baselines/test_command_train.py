"""`qsl train` finds the right trainer, says what fits, and hands settings on."""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image

from baselines import sac
from baselines.commands.train import listing, settings_of
from baselines.learning.trainers import SB3_TRAINERS, TRAINERS, kind_of, trainer_of
from baselines.sb3.runner import ALGORITHMS, Args
from qsl_envs.cli import main
from qsl_envs.errors import ConfigError
from tests.baselines.test_run_files import stand_in


@pytest.mark.parametrize(
    ("algorithm", "env_id", "sb3", "said"),
    [
        ("sac", "qsl/MarketMakingDiscrete-v0", False, "sac is for one agent, actions in a Box; .*has.*choices.*dqn"),
        ("dqn", "qsl/OptimalExecution-v0", False, "dqn is for one agent, choices; .*: ppo.*sac"),
        ("ppo", "qsl/MarketMakers-v0", False, "has several agents: ippo, mappo$"),
        ("mappo", "qsl/MarketMaking-v0", False, "mappo is for several agents"),
        ("dqn", "qsl/MarketMaking-v0", True, "dqn is for one agent, choices"),
        ("td3", "qsl/MarketMaking-v0", False, "td3.*add --sb3"),
        ("es", "qsl/MarketMaking-v0", False, "no algorithm 'es'; there are ppo, "),
        ("ppo", "qsl/Nothing-v0", False, "no environment 'qsl/Nothing-v0'; there are qsl/MarketMaking-v0"),
    ],
)
def test_what_does_not_fit_is_said_with_what_does(algorithm, env_id, sb3, said):
    with pytest.raises(ConfigError, match=said):
        trainer_of(algorithm, env_id, sb3)


def test_kinds_are_those_of_the_environments():
    assert kind_of("qsl/MarketMakingDiscrete-v0") == "choice"
    assert kind_of("qsl/AvellanedaStoikov-v0") == kind_of("qsl/StartHereFees-v0") == "box"
    assert kind_of("qsl/LatencyRace-v0") == "crowd"
    text = listing()
    for name in ("qsl/ReplayMarketMaking-v0", "qsl/StartHere-v0", "qsl/MakersTakers-v0", *TRAINERS):
        assert name in text


def test_the_table_of_sb3_is_the_runner_s():
    kinds = {"Box": "box", "Discrete": "choice"}
    assert {name: tuple(kinds[s.__name__] for s in of.spaces) for name, of in ALGORITHMS.items()} == SB3_TRAINERS


def test_settings_reach_the_trainer():
    found = settings_of(sac.Args, "sac", "qsl/OptimalExecution-v0", False, ["--total-frames", "5000", "--seed", "7"])
    assert (found.env_id, found.total_frames, found.seed) == ("qsl/OptimalExecution-v0", 5000, 7)
    assert found.out == "runs/sac-OptimalExecution-v0" and found.gamma == 0.99
    found = settings_of(Args, "td3", "", True, ["--out", "here"])
    assert (found.algorithm, found.env_id, found.out) == ("td3", "qsl/MarketMaking-v0", "here")


def test_a_run_by_command_leaves_its_files(tmp_path, capsys):
    options = json.dumps({"session_ns": 2_000_000_000, "decide_on": "both"})
    words = ["--smoke", "--env-options", options, "--out", str(tmp_path / "run")]
    assert main(["train", "sac", "qsl/MarketMaking-v0", *words]) == 0
    assert json.loads((tmp_path / "run" / "args.json").read_text())["algorithm"] == "sac"
    assert (tmp_path / "run" / "policy" / "manifest.json").exists()
    assert main(["train", "ppo", "qsl/MarketMaking-v0", "--sb3", *words]) == 2
    assert "decide_on must be 'interval'" in capsys.readouterr().err
    assert main(["train", "dqn", "qsl/MarketMakingDiscrete-v0", "--smoke", "--out", str(tmp_path / "c")]) == 0
    assert main(["train", "dqn", "qsl/MarketMakingDiscrete-v0", "--sb3", "--smoke", "--out", str(tmp_path / "b")]) == 0
    assert json.loads((tmp_path / "b" / "policy" / "manifest.json").read_text())["algorithm"] == "DQN"
    assert main(["train", "sac", "qsl/MarketMakers-v0"]) == 2
    assert "ippo, mappo" in capsys.readouterr().err
    assert main(["train", "--list"]) == 0
    assert "qsl/OrderRouting-v0" in capsys.readouterr().out
    assert main(["train", "sac", "--help"]) == 0
    assert "--entropy-target" in capsys.readouterr().out


@pytest.mark.parametrize("sb3", [[], ["--sb3"]])
def test_a_tracked_run_shows_an_episode_and_keeps_its_policy(tmp_path, monkeypatch, sb3):
    told = []
    monkeypatch.setitem(sys.modules, "wandb", stand_in(told))
    options = json.dumps({"session_ns": 2_000_000_000})
    words = ["--smoke", "--track", "--env-options", options, "--out", str(tmp_path)]
    assert main(["train", "sac", "qsl/MarketMaking-v0", *sb3, *words]) == 0
    assert [row["frames"] for _, row in told[1:3]] == [128, 256] and "fills" in told[2][1]
    assert told[3][1]["episode"] == (str(tmp_path / "episode.gif"), "gif")
    assert told[4:] == [("model", ["policy", "args.json"]), "finish"]
    film = Image.open(tmp_path / "episode.gif")
    assert film.n_frames == 20 and film.size == (640, 480)


@pytest.mark.parametrize("options", [{}, {"seats": {"maker": 2}}])
def test_a_tracked_run_of_several_agents_shows_what_the_first_one_sees(tmp_path, monkeypatch, options):
    told = []
    monkeypatch.setitem(sys.modules, "wandb", stand_in(told))
    options = json.dumps({"session_ns": 2_000_000_000, **options})
    words = ["--smoke", "--track", "--env-options", options, "--out", str(tmp_path)]
    assert main(["train", "ippo", "qsl/MakersTakers-v0", *words]) == 0
    assert told[-3][1]["episode"] == (str(tmp_path / "episode.gif"), "gif")
    film = Image.open(tmp_path / "episode.gif")
    assert film.n_frames > 10 and film.size == (640, 480)
