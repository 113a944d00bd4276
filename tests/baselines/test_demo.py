"""`qsl demo` from a day to a page, as small as it goes; and that what is held out stays out."""

from __future__ import annotations

import json

import gymnasium
import pytest

from baselines.commands import demo
from baselines.demo import setting as demo_setting
from baselines.demo import sweep
from qsl_envs import cli


def test_it_is_a_command():
    assert cli.commands()["demo"] == "baselines.commands.demo"


def test_bad_arguments_are_named(capsys, tmp_path):
    assert cli.main(["demo", "--minutes", "0", "--out", str(tmp_path)]) == cli.EXIT_USAGE
    assert "--minutes must be > 0" in capsys.readouterr().err
    assert cli.main(["demo", "--data", str(tmp_path / "none_message_1.csv"), "--out", str(tmp_path)]) == cli.EXIT_USAGE
    assert "none_message_1.csv" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("learn_on", ["worlds", "day"])
def test_from_a_day_to_a_page(capsys, tmp_path, monkeypatch, learn_on):
    """Two updates and a few worlds; what is held out was not learned, tuned or measured on."""
    monkeypatch.setattr(demo, "TUNING_WORLDS", 4)
    monkeypatch.setattr(demo, "FRAMES_AN_UPDATE", 1920)
    monkeypatch.setattr(sweep, "FACTORS", (1.0, 10.0))
    made = []
    make_vec = gymnasium.make_vec
    monkeypatch.setattr(gymnasium, "make_vec", lambda *args, **kw: made.append((args[0], kw)) or make_vec(*args, **kw))
    out = tmp_path / "demo"
    words = ["demo", "--frames", "3840", "--worlds", "3", "--threads", "1", "--out", str(out), "--learn-on", learn_on]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    told = ("[1/7]", "[7/7]", "minus ", "On the last 40 %", "On held-out worlds of qsl/MarketMaking-v0", "report.html")
    for words in told:
        assert words in said, words
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 7 and "latency x 10" in page and "fees x 10" in page
    synthetic, replayed = json.loads((out / "results.json").read_text()).values()
    makers = {"fixed spread", "inventory skew", "Avellaneda-Stoikov", "GLFT"}
    assert set(replayed) == set(synthetic) == {"PPO", "random", "do nothing"} | makers
    assert len(synthetic["PPO"]["pnl"]) == 3 and len(replayed["PPO"]["pnl"]) >= demo_setting.MIN_SESSIONS
    assert set(replayed["do nothing"]["fills"]) == {0.0}
    points = json.loads((out / "sweep.json").read_text())
    assert set(points) == {"latency_1", "latency_10", "fees_10"}
    for one in points.values():
        assert set(one) == {"frozen", "retrained", "do nothing"} and set(one["do nothing"]["orders"]) == {0.0}
        assert one["frozen"]["score"] != one["retrained"]["score"]
    learned_on = "qsl/MarketMaking-v0" if learn_on == "worlds" else "qsl/ReplayMarketMaking-v0"
    manifest = json.loads((out / "ppo" / "policy" / "manifest.json").read_text())
    assert manifest["env_id"] == learned_on and manifest["frames"] == 3840
    tests = {env_id for env_id, kw in made if kw["split"] == "test"}
    assert tests == {"qsl/MarketMaking-v0", "qsl/ReplayMarketMaking-v0"}
    replays = [kw for env_id, kw in made if env_id == "qsl/ReplayMarketMaking-v0"]
    first_held_out = {kw["start_ns"] for kw in replays if kw["split"] == "test"}
    last_learned = {kw["end_ns"] for kw in replays if kw["split"] == "train"}
    assert last_learned == (first_held_out if learn_on == "day" else set())
