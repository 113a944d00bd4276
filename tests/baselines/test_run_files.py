"""What a run leaves behind: rows, pace, episodes, and what TensorBoard and Weights & Biases are told."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

from baselines.learning.episodes import Episodes, step_discounts
from baselines.learning.run_files import Log, Pace
from baselines.reports.film import PICTURES, episode_pictures, write_gif
from tests.baselines.toys import Shifts, Shop

SETTINGS = {"tensorboard": False, "track": False, "wandb_project": "p", "resume": False, "seed": 3}


def rows_of(out):
    return [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]


def test_a_resumed_log_is_that_of_a_run_without_a_break(tmp_path):
    rows = [{"frames": 10 * n, "return": float("nan") if n == 1 else n / 2} for n in range(1, 5)]
    log = Log(SETTINGS, tmp_path)
    for row in rows[:3]:  # the third comes after the checkpoint and is lost with the crash
        log.write(row)
    log.close()
    log = Log({**SETTINGS, "resume": True}, tmp_path, rows[:2])
    for row in rows[2:]:
        log.write(row)
    log.close()
    assert [row["frames"] for row in rows_of(tmp_path)] == [10, 20, 30, 40]
    assert rows_of(tmp_path)[0]["return"] is None
    assert json.loads((tmp_path / "args.json").read_text())["seed"] == 3


def test_tensorboard_is_told_every_number(tmp_path):
    log = Log({**SETTINGS, "tensorboard": True}, tmp_path)
    log.write({"frames": 10, "return": 1.5, "loss": float("nan")})
    log.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path)).Reload()
    assert "train/loss" not in events.Tags()["scalars"]
    [told] = events.Scalars("train/return")
    assert (told.step, told.value) == (10, 1.5)


def stand_in(told):
    """A module in place of wandb that notes what it is told in the list `told`."""

    class Artifact:
        def __init__(self, name, type):
            self.name, self.type, self.files = name, type, []

        def add_dir(self, path, name):
            self.files.append(name)

        def add_file(self, path, name):
            self.files.append(name)

    class Run:
        id = "abc"

        def log(self, row, step=None):
            told.append((step, row))

        def log_artifact(self, model):
            told.append((model.type, model.files))

        def finish(self):
            told.append("finish")

    fake = types.ModuleType("wandb")
    fake.init = lambda **given: told.append(given) or Run()
    fake.Video = lambda path, format: (path, format)
    fake.Artifact = Artifact
    return fake


def test_a_tracked_run_keeps_settings_rows_an_episode_and_its_model(tmp_path, monkeypatch):
    """A stand-in takes the place of the library: what it is told is what counts here, not how it is kept."""
    told = []
    monkeypatch.setitem(sys.modules, "wandb", stand_in(told))
    (tmp_path / "policy").mkdir()
    log = Log({**SETTINGS, "track": True}, tmp_path)
    log.write({"frames": 10, "return": 1.5, "loss": float("nan")})
    log.film(tmp_path / "episode.gif")
    log.close(tmp_path / "policy", tmp_path / "args.json")
    assert told[0]["id"] is None and (tmp_path / "wandb_id.txt").read_text() == "abc"
    assert told[0]["project"] == "p" and "commit" in told[0]["config"]
    assert told[1] == (10, {"frames": 10, "return": 1.5})
    assert told[2][1]["episode"][1] == "gif"
    assert told[3:] == [("model", ["policy", "args.json"]), "finish"]
    Log({**SETTINGS, "track": True, "resume": True}, tmp_path).close()
    assert told[5]["id"] == "abc" and told[5]["resume"] == "allow"


def test_the_pace_tells_how_long_it_still_takes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("baselines.learning.run_files.time.perf_counter", lambda: now[0])
    pace = Pace(total_frames=1_000_000, first_frames=200_000, seconds=7.0)
    now[0] += 10.0
    assert pace.seconds() == 17.0
    text = pace.text(400_000, **{"return": 1.234})
    assert text == "0.40 M frames, 20.0 k frames/s, return 1.23, 0:30 left"


def test_episodes_are_summed_and_told_once():
    envs = Shop(10)
    envs.reset(seed=1)
    episodes, total = Episodes(10), np.zeros(10)
    for step in range(20):
        _, reward, terminated, truncated, info = envs.step(np.zeros((10, 4)))
        over = terminated | truncated
        episodes.add(reward, over, info)
        total += reward if step < 10 else np.where(envs.worlds % 5 == 0, 0.0, reward)
        if step == 9:
            found = episodes.means()
            assert found["episodes"] == 2 and found["length"] == 10
            half = np.flatnonzero(envs.worlds % 5 == 0)
            assert found["return"] == pytest.approx(total[half].mean())
            assert found["pnl"] == pytest.approx(total[half].mean()) and found["volume"] > 0
    found = episodes.means()  # the ruined have had another ten steps
    assert found["episodes"] == 10
    assert np.isnan(episodes.means()["return"])


def test_a_decision_s_discount_is_that_of_its_time():
    envs = Shifts(4)
    envs.reset(seed=0)
    for _ in range(5):
        long = envs.turn == 1
        _, _, _, truncated, info = envs.step(np.zeros((4, 1)))
        found = step_discounts(envs, info, np.flatnonzero(truncated), 0.9)
        assert found == pytest.approx(np.where(long, 0.9**3, 0.9))
    assert truncated.all()
    assert step_discounts(envs, {}, np.zeros(0, int), 0.9) == pytest.approx(np.full(4, 0.9))


def test_a_film_is_one_episode_and_not_too_long(tmp_path):
    class Counting(Shop):
        """Its picture is the age of its episode."""

        def render(self):
            return tuple(np.full((8, 8, 3), min(age, 255), np.uint8) for age in self.age)

        def ends(self):
            return self.age >= 250, np.zeros(self.num_envs, bool)

    class Still:
        def reset(self, seeds):
            """Nothing to forget."""

        def __call__(self, obs):
            return np.zeros((len(obs), 4), np.float32)

    pictures = episode_pictures(Still(), Counting(1), seed=1)
    ages = [int(picture[0, 0, 0]) for picture in pictures]
    assert len(ages) <= PICTURES and ages[0] == 0 and 240 < ages[-1] < 250
    steps = np.diff(ages)
    assert len(set(steps[:-1].tolist())) == 1
    path = write_gif(tmp_path / "film.gif", pictures)
    assert path.read_bytes()[:3] == b"GIF"
