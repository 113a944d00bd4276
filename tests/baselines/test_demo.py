"""`qsl demo` from a day to a page, as small as it goes; and that what is held out stays out."""

from __future__ import annotations

import json

import pytest

from baselines import demo
from qsl_envs import cli


def test_it_is_a_command():
    assert cli.commands()["demo"] == "baselines.demo"


def test_bad_arguments_are_named(capsys, tmp_path):
    assert cli.main(["demo", "--minutes", "0", "--out", str(tmp_path)]) == cli.EXIT_USAGE
    assert "--minutes must be > 0" in capsys.readouterr().err
    assert cli.main(["demo", "--data", str(tmp_path / "none_message_1.csv"), "--out", str(tmp_path)]) == cli.EXIT_USAGE
    assert "none_message_1.csv" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.compiled
def test_from_a_day_to_a_page(capsys, tmp_path, monkeypatch):
    """Two updates and a few worlds; sessions held out begin at the split, those trained on end there."""
    monkeypatch.setattr(demo, "TUNING_WORLDS", 4)
    monkeypatch.setattr(demo, "FRAMES_AN_UPDATE", 1920)
    made = []
    make_vec = demo.gym.make_vec
    monkeypatch.setattr(demo.gym, "make_vec", lambda *args, **kw: made.append((args[0], kw)) or make_vec(*args, **kw))
    out = tmp_path / "demo"
    assert cli.main(["demo", "--frames", "3840", "--worlds", "3", "--threads", "1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for words in ("[1/6]", "[6/6]", "minus fixed spread", "On the last 40 %", "On synthetic worlds", "report.html"):
        assert words in said, words
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    results = json.loads((out / "results.json").read_text())
    replayed, synthetic = results.values()
    assert (
        set(replayed) == set(synthetic) == {"PPO", "fixed spread", "Avellaneda-Stoikov", "inventory skew", "do nothing"}
    )
    assert len(synthetic["PPO"]["pnl"]) == 3 and len(replayed["PPO"]["pnl"]) >= demo.MIN_SESSIONS
    assert set(replayed["do nothing"]["fills"]) == {0.0}
    replays = [kw for env_id, kw in made if env_id == "qsl/ReplayMarketMaking-v0"]
    train_ends = {kw["end_ns"] for kw in replays if kw["split"] == "train"}
    test_starts = {kw["start_ns"] for kw in replays if kw["split"] == "test"}
    assert len(train_ends) == 1 and train_ends == test_starts
    assert {kw["split"] for env_id, kw in made if env_id == "qsl/MarketMaking-v0"} == {"test"}
