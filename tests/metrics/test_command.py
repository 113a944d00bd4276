"""`qsl realism`: the JSON is a contract, the tables are for people; the docs name what there is."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from pathlib import Path

import pytest

from qsl_envs import cli
from qsl_envs.metrics.history import read_history
from qsl_envs.metrics.realism import compare, compare_halves, realism
from qsl_envs.metrics.statistics import FACTS, STATISTICS
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS
from qsl_envs.replay.synthetic import SyntheticConfig, write_day

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Two short synthetic days."""
    return [write_day(tmp_path_factory.mktemp("day"), SyntheticConfig(seed=seed, duration_s=60)) for seed in (5, 6)]


def measured(capsys, *words) -> dict:
    assert cli.main(["realism", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_of_one_day(days, capsys):
    found = measured(capsys, days[0])
    assert list(found) == ["source", "against", "distances", "halves"]
    assert found["against"] is None and found["distances"] is None
    source, expected = found["source"], realism(read_history(days[0]))
    assert list(source) == ["name", "seconds", "facts", "statistics", "impact_curve"]
    assert list(source["facts"]) == list(FACTS) and source["seconds"] == pytest.approx(60, abs=1)
    assert source["facts"]["spread_mean"] == expected.facts["spread_mean"]
    assert source["facts"]["kurtosis_60s"] is None  # no minute has passed: NaN is not JSON
    for name, sample in expected.samples.items():
        row = source["statistics"][name]
        assert row["mean"] == sample.mean and row["count"] == len(sample) and row["p05"] <= row["median"] <= row["p95"]
    assert set(found["halves"]) == set(compare_halves(read_history(days[0])))


def test_json_of_two_days(days, capsys):
    found = measured(capsys, days[0], "--against", days[1])
    expected = compare(*(realism(read_history(day)) for day in days))
    assert {name: tuple(row.values()) for name, row in found["distances"].items()} == expected
    assert found["against"]["name"] == "SYNTH 2000-01-03"


def test_tables(days, capsys):
    assert cli.main(["realism", str(days[0]), "--against", str(days[1])]) == 0
    said = capsys.readouterr().out
    for name in (*FACTS, *(statistic.name for statistic in STATISTICS)):
        assert re.search(rf"^{name} ", said, re.MULTILINE), name


def test_what_is_no_market_is_said(capsys):
    assert cli.main(["realism", "no/such"]) == 2
    assert "no/such: no such file, and no environment of this name" in capsys.readouterr().err
    assert cli.main(["realism", "qsl/AvellanedaStoikov-v0"]) == 2
    assert "qsl/AvellanedaStoikov-v0 has no order book" in capsys.readouterr().err


def test_the_page_names_what_there_is():
    """Every metric of the page's tables exists, every statistic stands there, every module is in the reference."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    names = re.findall(r"^\| `(\w+)\.(\w+)`", text, re.MULTILINE)
    assert len(names) > 15
    for module, name in names:
        assert callable(getattr(importlib.import_module(f"qsl_envs.metrics.{module}"), name))
    listed = {name for line in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text, re.MULTILINE)
              for name in re.findall(r"`(\w+)`", line)}  # fmt: skip
    assert {statistic.name for statistic in STATISTICS} <= listed
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    for path in (ROOT / "qsl_envs" / "metrics").glob("[!_]*.py"):
        assert f"qsl_envs.metrics.{path.stem}\n" in reference


def test_the_pages_example_holds():
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "metrics.md").read_text(), re.DOTALL)[1]
    exec(code, {})


def test_measured_worlds_have_their_realism_on_their_pages():
    """A row for each recorded market, beside that market's halves, over every statistic; none where nothing is."""
    spec = importlib.util.spec_from_file_location("environment_pages", ROOT / "docs" / "_ext" / "environment_pages.py")
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    known = {entry.env_id for entry in (*ENVIRONMENTS, *MARL_ENVIRONMENTS)}
    for name in pages.RECORDED:
        rows = json.loads((pages.RESULTS / f"{name}.json").read_text())["rows"]
        measured = [row["world"] for row in rows][1:]
        assert len(measured) >= 10 and set(measured) <= known
        for row in rows[1:]:
            page = pages.realism_of(row["world"])
            for statistic in STATISTICS:
                cells = re.search(rf"^\| `{statistic.name}` \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
                assert len(cells) == 4 and row[statistic.name] in cells and rows[0][statistic.name] in cells
    assert pages.realism_of("qsl/AvellanedaStoikov-v0") == ""
