"""`qsl data`: the JSON is a contract, the table is for people."""

from __future__ import annotations

import argparse
import json

import pytest

from qsl_envs.errors import DataError
from qsl_envs.replay import command
from qsl_envs.replay.synthetic import SyntheticConfig, write_day

KEYS = [
    "rows",
    "counts",
    "visible_volume",
    "hidden_volume",
    "one_step_share",
    "free_run_best_share",
    "corrections",
]


def run(*words) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture(scope="module")
def message_file(tmp_path_factory):
    return write_day(tmp_path_factory.mktemp("day"), SyntheticConfig(seed=5, duration_s=20, num_levels=3))


def test_json(message_file, capsys):
    assert run("check", message_file, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    lines = [line.split(",") for line in message_file.read_text().splitlines()]
    assert list(report) == KEYS
    assert report["rows"] == len(lines)
    assert report["counts"] == {str(kind): sum(line[1] == str(kind) for line in lines) for kind in range(1, 8)}
    assert report["visible_volume"] == sum(int(line[3]) for line in lines if line[1] == "4")
    assert report["hidden_volume"] == sum(int(line[3]) for line in lines if line[1] == "5")
    assert report["one_step_share"] == 1.0
    assert 0 < report["free_run_best_share"] < 1
    assert report["corrections"]["initial"] == 1
    assert report["corrections"]["level_entered"] > 1


def test_without_a_book_file(message_file, tmp_path, capsys):
    alone = tmp_path / message_file.name
    alone.write_bytes(message_file.read_bytes())
    assert run("check", alone, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == KEYS
    assert [report[key] for key in KEYS[4:]] == [None, None, None]
    assert run("check", alone) == 0
    assert "no book file beside it" in capsys.readouterr().out


def test_the_table_for_people(message_file, capsys):
    assert run("check", message_file) == 0
    text = capsys.readouterr().out
    for part in ("100.0000%", "executions of visible orders", "level entered", "orderbook_3.csv"):
        assert part in text


def test_a_truncated_file_is_an_error(message_file, tmp_path):
    cut = tmp_path / message_file.name
    cut.write_bytes(message_file.read_bytes()[:-4])
    line = message_file.read_text().count("\n")
    with pytest.raises(DataError, match=rf"{cut.name}, line {line}: field \d"):
        run("check", cut)
    with pytest.raises(DataError, match="nowhere.csv: no such file"):
        run("check", tmp_path / "nowhere.csv")


def test_sample(tmp_path, capsys):
    assert run("sample", tmp_path / "new") == 0
    paths = capsys.readouterr().out.split()
    assert [path.split("_")[-2] for path in paths] == ["message", "orderbook"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(path.rsplit("/", 1)[-1] for path in paths)
