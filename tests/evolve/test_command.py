"""`qsl evolve` from the outside: what it leaves behind, killed and resumed, with more workers."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from evolve.checkpoint import load
from qsl_envs.cli import main
from tests.baselines.test_run_files import stand_in
from tests.evolve.small_spec import SMALL

ROOT = str(Path(__file__).resolve().parents[2])

pytestmark = pytest.mark.compiled


@pytest.fixture
def spec(tmp_path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL))
    return file


def same(a: Path, b: Path) -> bool:
    """Whether two checkpoints hold the same search, to the bit; seconds apart."""
    (arrays, values), (others, other_values) = load(a), load(b)
    assert set(arrays) == set(others) and len(arrays["archive_genes"]) > 0
    equal = [arrays[n].dtype == others[n].dtype and arrays[n].tobytes() == others[n].tobytes() for n in arrays]
    timed = ("seconds", "outside_kernel")
    for plain in (values, other_values):
        plain["rows"] = [{key: value for key, value in row.items() if key not in timed} for row in plain["rows"]]
    return all(equal) and values == other_values


def test_what_a_search_leaves_behind(spec, tmp_path, capsys, monkeypatch):
    out, told = tmp_path / "run", []
    monkeypatch.setitem(sys.modules, "wandb", stand_in(told))
    assert main(["evolve", str(spec), "--out", str(out), "--tensorboard", "--track", "--wandb-project", "mine"]) == 0
    begun = [given for given in told if isinstance(given, dict)]
    assert [given["project"] for given in begun] == ["mine", "mine"] and told.count("finish") == 2
    assert len([one for one in told if isinstance(one, tuple) and "hypervolume" in one[1]]) == 8  # with the control's
    assert len(list(out.glob("events.out.*"))) == 1
    said = capsys.readouterr().out
    assert "than that of random with the same budget" in said and "champion by pnl" in said
    results = json.loads((out / "results.json").read_text())
    assert [row["search"] for row in results["rows"]] == ["nsga2", "random"]
    assert {row["full evaluations"] for row in results["rows"]} == {"32"}
    champion = yaml.safe_load((out / "champion.yaml").read_text())
    assert set(champion) == set(SMALL["genome"]) and champion == results["champion"]
    lines = list(csv.DictReader(open(out / "lineage.csv")))
    assert len(lines) == 32 and {line["origin"] for line in lines} == {"random", "children"}
    best = max(lines, key=lambda line: float(line["objective: pnl"]))
    assert float(best["spread"]) == pytest.approx(champion["spread"], rel=1e-8)
    assert all(1 <= float(line["spread"]) <= 8 and line["post_only"] in ("True", "False") for line in lines)
    rows = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert [row["generation"] for row in rows] == [1, 2, 3, 4]
    volumes = [row["hypervolume"] for row in rows]
    assert volumes == sorted(volumes) and volumes[-1] > 0
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") == 2 and "Where the champion comes from" in page
    assert yaml.safe_load((out / "spec.yaml").read_text())["search"]["seed"] == 3


def test_a_killed_process_goes_on_to_the_same_bits(spec, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = ["evolve", str(spec), "--generations", "10", "--out"]
    assert main([*words, str(whole)]) == 0
    file, kills = killed / "checkpoint.npz", 0
    for goal, more in ((2, []), (5, ["--resume", "--workers", "2"])):
        argv = [sys.executable, "-m", "qsl_envs.cli", *words, str(killed), *more]
        process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            if file.is_file() and load(file)[1]["generation"] >= goal:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2 and not (killed / "results.json").exists()
    assert main([*words, str(killed), "--resume"]) == 0
    for name in ("checkpoint.npz", "control/checkpoint.npz"):
        assert same(whole / name, killed / name)
    assert (whole / "lineage.csv").read_bytes() == (killed / "lineage.csv").read_bytes()
    results = [json.loads((folder / "results.json").read_text())["rows"] for folder in (whole, killed)]
    assert results[0] == results[1]


@pytest.mark.parametrize("words", [("--workers", "2"), ("--memory-mb", "0.01")])
def test_workers_and_waves_change_nothing(spec, tmp_path, words):
    for name, more in (("one", ()), ("other", words)):
        argv = ["evolve", str(spec), "--out", str(tmp_path / name), "--control", "none", "--generations", "3", *more]
        assert main(argv) == 0
    assert same(tmp_path / "one" / "checkpoint.npz", tmp_path / "other" / "checkpoint.npz")


@pytest.mark.parametrize("method", ["nsga3", "random", "halving"])
def test_other_methods(spec, tmp_path, method):
    out = tmp_path / "run"
    argv = ["evolve", str(spec), "--out", str(out), "--method", method, "--control", "none", "--generations", "3"]
    assert main(argv) == 0
    assert np.isfinite(json.loads((out / "progress.jsonl").read_text().splitlines()[-1])["hypervolume"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "SPEC"), (["nothing.yaml"], "'nothing.yaml' is no file"), (["small", "--method", "magic"], "--method"),
        (["small", "--workers", "0"], "--workers"), (["small", "--control", "magic"], "--control"),
        (["small", "--method", "cma"], "one, for cma"), (["small", "--population", "2"], "population"),
    ],
)  # fmt: skip
def test_mistakes_of_the_caller_are_named(spec, tmp_path, capsys, words, said):
    words = [str(spec) if word == "small" else word for word in words]
    assert main(["evolve", *words, "--out", str(tmp_path / "x")]) == 2
    assert said in capsys.readouterr().err


def test_the_list(capsys):
    assert main(["evolve", "--list"]) == 0
    assert "skewed-maker" in capsys.readouterr().out
