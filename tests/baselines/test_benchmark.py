"""The benchmark: the same table whatever the workers and however often it was killed; its page says what is stored."""

from __future__ import annotations

import dataclasses
import json
import re
import sys

import numpy as np
import pytest

from baselines import benchmark, cells, tuned
from baselines.benchmark import BUDGETS, PROOF, Store, plan, run_cells
from baselines.benchmark_page import Tables, inside, parse_cell, realism_rows, write_page
from baselines.cells import LEARNERS, METRICS, Cell, run_cell
from baselines.command_train import kind_of
from baselines.evaluate import evaluate
from qsl_envs import cli
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.registration import ENVIRONMENTS

SHORT = {"session_ns": 2_000_000_000}
MAKER = Cell("qsl/MarketMaking-v0", "random", worlds=5, options=SHORT)
SEATED = Cell("qsl/MakersTakers-v0", "random", "executor", worlds=3, options=SHORT)
CELLS = [MAKER, dataclasses.replace(MAKER, policy="do nothing"), SEATED]


@pytest.fixture
def untuned(monkeypatch, tmp_path):
    """Nothing has been tuned: these tests stand on no shipped file."""
    monkeypatch.setattr(tuned, "FOLDER", tmp_path / "none")


def content(out):
    """What a run leaves behind, as bytes and values."""
    store = Store(out)
    entries = [{k: v for k, v in entry.items() if k != "commit"} for entry in store.entries()]
    return json.dumps(entries), {n: {m: v.tobytes() for m, v in r.items()} for n, r in store.read().items()}


def test_a_cell_is_the_evaluation_of_its_policy(untuned):
    outcome = run_cell(MAKER)
    task = MAKER.task
    expected = evaluate({"it": task.scripted("random")}, task.worlds(5, block=2))["it"]
    for metric in METRICS:
        assert np.array_equal(outcome.metrics[metric], expected[metric], equal_nan=True), metric
    assert list(outcome.files) == ["manifest.json"] and outcome.curve == {}


@pytest.mark.slow
def test_processes_and_kills_change_nothing(tmp_path):
    run_cells(CELLS, tmp_path / "alone")
    run_cells(CELLS, tmp_path / "two", workers=2)
    run_cells(CELLS[1:2], tmp_path / "parts")
    store = Store(tmp_path / "parts")
    store.add(CELLS[2], run_cell(CELLS[2]))  # killed before its results were put together
    run_cells(CELLS, tmp_path / "parts")
    assert content(tmp_path / "alone") == content(tmp_path / "two") == content(tmp_path / "parts")


def test_what_is_there_is_not_run_again_unless_it_is_another_cell(monkeypatch, tmp_path, untuned):
    ran = []

    def fake(cell):
        ran.append(cell.name)
        return cells.Outcome({m: np.full(cell.worlds, float(len(ran))) for m in METRICS}, {}, {}, "abc")

    monkeypatch.setattr(benchmark, "run_cell", fake)
    run_cells(CELLS, tmp_path)
    assert ran == [cell.name for cell in CELLS]
    run_cells(CELLS, tmp_path)
    assert len(ran) == 3
    changed = dataclasses.replace(MAKER, worlds=4)
    run_cells([changed, *CELLS[1:]], tmp_path)
    assert ran[3:] == [MAKER.name]
    assert Store(tmp_path).read()[MAKER.name]["score"].tolist() == [4.0] * 4
    assert not (tmp_path / "parts").exists()
    with pytest.raises(DataError, match="no results"):
        Store(tmp_path / "none").read()


def test_a_cluster_is_asked_for_every_cell_once(monkeypatch, tmp_path, untuned):
    """Ray's calls as its documentation has them, answered here, the last job first."""
    asked = []

    class Ray:
        def init(self, address, ignore_reinit_error):
            asked.append(address)

        def remote(self, **resources):
            def decorated(function):
                class Remote:
                    def remote(self, cell):
                        return (function, cell)

                return Remote()

            return decorated

        def wait(self, references):
            return references[-1:], references[:-1]

        def get(self, reference):
            function, cell = reference
            asked.append(cell.name)
            return function(cell)

    def fake(cell):
        return cells.Outcome({m: np.full(cell.worlds, 1.0) for m in METRICS}, {}, {}, "abc")

    monkeypatch.setitem(sys.modules, "ray", Ray())
    monkeypatch.setattr(benchmark, "run_cell", fake)
    cells_of = [dataclasses.replace(cell, options={}) for cell in CELLS]
    monkeypatch.setattr(cells.Cell, "__hash__", lambda self: hash(self.name))
    run_cells(cells_of, tmp_path, ray_address="local")
    assert asked == [None, *(cell.name for cell in reversed(cells_of))]
    assert set(Store(tmp_path).read()) == {cell.name for cell in cells_of}


def test_the_plan_is_a_fair_part_at_any_time():
    found = plan(BUDGETS["small"])
    assert {cell.env_id for cell in found} == {entry.env_id for entry in ENVIRONMENTS} > set(PROOF)
    learned = [cell for cell in found if cell.learned]
    assert found.index(learned[0]) == len(found) - len(learned)
    assert [cell.seed for cell in learned] == sorted(cell.seed for cell in learned)
    pairs = {}
    for cell in learned:
        pairs.setdefault((cell.env_id, cell.policy), []).append(cell)
    for (env_id, policy), mine in pairs.items():
        proof = env_id in PROOF and policy in BUDGETS["small"].frames
        assert {cell.frames for cell in mine} == {BUDGETS["small"].frames[policy]} if proof else len(mine) == 1
    assert len(pairs["qsl/MarketMaking-v0", "SAC residual"]) == 5
    for env_id in PROOF:  # every learner that fits, each pair once
        fit = {name for name, learner in LEARNERS.items() if kind_of(env_id) in learner.kinds}
        assert {policy for place, policy in pairs if place == env_id} == fit
    few = plan(BUDGETS["full"], ["qsl/OrderRouting-v0"], ["PPO", "do nothing"], seeds=2, frames=64, worlds=3)
    assert [cell.name for cell in few] == [
        "OrderRouting-v0/do-nothing", "OrderRouting-v0/PPO/1", "OrderRouting-v0/PPO/2"
    ]  # fmt: skip
    assert {cell.frames for cell in few} == {0, 64}
    full = plan(BUDGETS["full"])
    assert {"qsl/AvellanedaStoikov-v0", "qsl/LatencyRace-v0"} <= {cell.env_id for cell in full}
    with pytest.raises(ConfigError, match="--envs"):
        plan(BUDGETS["small"], ["qsl/Nothing-v0"])
    with pytest.raises(ConfigError, match="--policies"):
        plan(BUDGETS["small"], policies=["oracle of Delphi"])


@pytest.fixture
def published(monkeypatch, tmp_path, untuned):
    """Results of a fake learner with three seeds, far better than doing nothing."""
    chance = np.random.default_rng(0)

    def fake(cell):
        score = chance.normal(10.0 * cell.learned + cell.seed, 1.0, cell.worlds)
        curve = {key: np.arange(30.0) for key in cells.CURVE} if cell.learned else {}
        return cells.Outcome(dict.fromkeys(METRICS, score), curve, {"manifest.json": b"{}"}, "f" * 32)

    monkeypatch.setattr(benchmark, "run_cell", fake)
    seeds = [Cell("qsl/MarketMaking-v0", "PPO", seed=s, frames=1_000_000, worlds=40) for s in (1, 2, 3)]
    run_cells([Cell("qsl/MarketMaking-v0", "do nothing", worlds=40), *seeds], tmp_path / "out")
    return tmp_path / "out"


def test_the_page_says_what_is_stored(published, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    row = "| world | spread |\n| --- | --- |\n| qsl/MarketMaking-v0 | 1.84 / 10.7 |\n"
    (docs / "metrics.md").write_text(f"x\n<!-- table:realism_amzn begin -->\n{row}<!-- table:realism_amzn end -->\n")
    page = docs / "benchmarks.md"
    names = ("tables", "effects", "profile")
    page.write_text("head\n" + "".join(f"<!-- benchmark:{n} begin -->\n<!-- benchmark:{n} end -->\n" for n in names))
    paper = tmp_path / "first.md"
    marks = ("method", "findings", "sections", "profile")
    paper.write_text("".join(f"<!-- benchmark:{n} begin -->\n<!-- benchmark:{n} end -->\n" for n in marks))
    words = ["benchmark", "--tables-only", "--out", str(published), "--page", str(page), "--paper", str(paper)]
    assert cli.main(words) == 0
    first = page.read_text()
    assert cli.main(words) == 0 and page.read_text() == first
    store = Store(published)
    score = np.stack([store.read()[f"MarketMaking-v0/PPO/{s}"]["score"] for s in (1, 2, 3)])
    assert re.search(rf"\| PPO \| 3 x 1 M \| {score.mean():.1f} \[.* better \|", first)
    for seed in score.mean(1):
        assert f"{seed:.1f}" in first
    assert "`ffffffffffff`" in first and "1.84 / 10.7" in first and "`MarketMaking-v0/PPO`" in first
    said = paper.read_text()
    assert "PPO is better than do nothing" in said and "PPO: 3 training seeds of 1 M frames" in said
    assert (docs / "images" / "benchmark-curves.png").read_bytes()[:4] == b"\x89PNG"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="no markers"):
        write_page(page, {"tables": ""})
    assert realism_rows(docs / "metrics.md", "qsl/Other-v0") == []


def test_a_cell_is_found_and_judged(published):
    tables = Tables(Store(published))
    assert parse_cell(tables, "MarketMaking-v0/PPO/2").seed == 2 and parse_cell(tables, "MarketMaking-v0/PPO").seed == 1
    with pytest.raises(ValueError, match="they are MarketMaking-v0/PPO, MarketMaking-v0/do-nothing"):
        parse_cell(tables, "MarketMaking-v0/SAC")
    cell = parse_cell(tables, "MarketMaking-v0/PPO")
    interval, mean, holds = inside(tables, cell, np.full(40, 12.0))
    assert holds and mean == 12.0 and interval.low < 12 < interval.high
    assert not inside(tables, cell, np.full(40, 30.0))[2]


@pytest.mark.slow
@pytest.mark.compiled
def test_a_learner_is_reproduced_to_the_bit(capsys, tmp_path, untuned):
    cell = Cell("qsl/MarketMaking-v0", "PPO", seed=1, frames=32_768, worlds=4, options=SHORT)
    nothing = dataclasses.replace(cell, policy="do nothing", seed=0, frames=0)
    run_cells([nothing, cell], tmp_path)
    folder = tmp_path / "policies" / cell.name
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "policy.pt"]
    assert Store(tmp_path).read("curves.parquet")[cell.name]["frames"].tolist() == [32_768.0]
    assert cli.main(["reproduce", "MarketMaking-v0/PPO", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "the same to the bit" in said and "inside the interval" in said
    assert cli.main(["reproduce", "MarketMaking-v0/TD3", "--results", str(tmp_path)]) == cli.EXIT_USAGE
