"""Genomes as training runs: what genes set, processes that change nothing, runs that fail or die."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml

from evolve.agents import METRIC_NAMES, AgentSpec, run_job
from evolve.genome import Genome
from evolve.objectives import read_objectives
from evolve.spec import EvolveSpec
from qsl_envs.cli import main
from qsl_envs.errors import ConfigError

pytestmark = pytest.mark.compiled

TINY = {"num_envs": 8, "num_steps": 8, "minibatch_size": 32, "num_epochs": 1, "hidden": 8}
SPEC = {
    "name": "tiny",
    "agent": {"env_options": {"session_ns": 1_000_000_000, "rewards": {"fees": 0.5}}, "frames": 128, "ppo": TINY,
              "settings": {"near": {}, "far": {"latency": 5_000_000}}},
    "worlds": {"count": 3, "test_count": 3},
    "genome": {"reward.inventory": {"type": "float", "low": 0.001, "high": 1, "scale": "log"},
               "ppo.learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "scale": "log"},
               "env.max_quote_qty": {"type": "int", "low": -1, "high": 8}},
    "objectives": [{"metric": "pnl", "worst_over": "setting"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def spec() -> EvolveSpec:
    return EvolveSpec.from_dict(SPEC)


def row(spec: EvolveSpec, inventory: float, rate: float, qty: int) -> np.ndarray:
    return spec.genome.row({"reward.inventory": inventory, "ppo.learning_rate": rate, "env.max_quote_qty": qty})


def test_genes_set_what_their_names_say(spec, tmp_path):
    values = {"reward.inventory": 0.25, "ppo.learning_rate": 0.01, "env.max_quote_qty": 4}
    job = spec.subject.job(values, 0.5, "validation", 3, tmp_path)
    training = job["training"]
    options = json.loads(training["env_options"])
    assert options == {"session_ns": 1_000_000_000, "rewards": {"fees": 0.5, "inventory": 0.25}, "max_quote_qty": 4}
    assert training["learning_rate"] == 0.01 and training["hidden"] == 8
    assert training["total_frames"] == 64 and training["split"] == "train" and job["split"] == "validation"
    again = spec.subject.job(values, 0.5, "test", 9, tmp_path)
    assert again["training"] == training  # one run, measured elsewhere
    other = spec.subject.job({**values, "reward.inventory": 0.26}, 0.5, "validation", 3, tmp_path)
    assert other["training"]["out"] != training["out"]


def test_processes_change_nothing_and_failures_have_their_reason(spec, tmp_path):
    rows = np.stack([row(spec, 0.01, 0.01, 4), row(spec, 0.5, 0.05, 2), row(spec, 0.01, 0.01, -1)])
    evaluator = spec.evaluator(workers=2, folder=tmp_path / "processes")
    judged = evaluator(rows, 1.0)
    evaluator.close()
    assert judged.reasons[:2] == ["", ""] and "max_quote_qty" in judged.reasons[2]
    assert np.isnan(judged.objectives[2]).all() and np.isnan(judged.metrics[2]).all()
    for n in range(2):
        job = spec.subject.job(spec.genome.values(rows[n]), 1.0, "validation", 3, tmp_path / "here")
        found = run_job(job)
        assert all(len(found[name]) == 6 for name in METRIC_NAMES)
        assert [np.mean(found[name]) for name in METRIC_NAMES] == pytest.approx(judged.metrics[n].tolist(), abs=0,
                                                                                nan_ok=True)  # fmt: skip
        assert judged.objectives[n, 0] == min(np.mean(found["pnl"][:3]), np.mean(found["pnl"][3:]))
    assert judged.metrics[0].tolist() != judged.metrics[1].tolist()


def test_what_was_trained_is_not_trained_again(spec, tmp_path):
    job = spec.subject.job(spec.genome.values(row(spec, 0.01, 0.01, 4)), 1.0, "validation", 3, tmp_path)
    first = run_job(job)
    log = next(tmp_path.glob("*/progress.jsonl"))
    log.unlink()
    assert repr(run_job(job)) == repr(first) and not log.exists()


@pytest.mark.slow
def test_a_search_over_learners_leaves_its_champions_policy(tmp_path):
    file, out = tmp_path / "tiny.yaml", tmp_path / "run"
    genome = {**SPEC["genome"], "env.max_quote_qty": {"type": "int", "low": 1, "high": 8}}
    file.write_text(yaml.safe_dump({**SPEC, "genome": genome}))
    words = ["--method", "halving", "--population", "4", "--generations", "2", "--workers", "2"]
    assert main(["evolve", str(file), "--out", str(out), "--control", "none", *words]) == 0
    assert (out / "policy" / "manifest.json").is_file()
    lines = list(csv.DictReader(open(out / "lineage.csv")))
    assert {line["effort"] for line in lines} == {"0.25", "1"}


def test_a_process_that_dies_is_told(tmp_path):
    agent = AgentSpec(env_id="tests.evolve.deadly:Nothing-v0", frames=64, ppo=TINY)
    genome = Genome.from_dict({"ppo.gamma": {"type": "float", "low": 0.9, "high": 1}})
    evaluator = agent.evaluator(genome, read_objectives(["pnl"]), "validation", 1, folder=tmp_path)
    judged = evaluator(np.array([[0.95]]), 1.0)
    evaluator.close()
    assert "ended without a word" in judged.reasons[0] and np.isnan(judged.objectives).all()


@pytest.mark.parametrize(
    ("genes", "words"),
    [({"inventory": {"type": "float", "low": 0, "high": 1}}, "genome.inventory.name must be reward.TERM"),
     ({"ppo.learning_rates": {"type": "float", "low": 0, "high": 1}}, "genome.ppo.learning_rates.name"),
     ({"ppo.seed": {"type": "int", "low": 0, "high": 1}}, "genome.ppo.seed.name"),
     ({"ppo.hidden": {"type": "float", "low": 8, "high": 16}}, "genome.ppo.hidden.type"),
     ({"reward.fun": {"type": "float", "low": 0, "high": 1}}, "genome.reward.fun.name.*pnl, inventory"),
     ({"reward.pnl": {"type": "bool"}}, "genome.reward.pnl.type")],
)  # fmt: skip
def test_genes_that_set_nothing_are_named(genes, words):
    with pytest.raises(ConfigError, match=words):
        EvolveSpec.from_dict({**SPEC, "genome": genes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"frames": 0}, "frames"), ({"ppo": {"out": "x"}}, "'out'"), ({"env": {}}, "agent.env is not a setting"),
     ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_settings_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        EvolveSpec.from_dict({**SPEC, "agent": changes})


def test_agents_have_no_other_axis_than_their_settings():
    with pytest.raises(ConfigError, match="worst_over must be setting, for agents, was 'latency'"):
        EvolveSpec.from_dict({**SPEC, "objectives": [{"metric": "pnl", "worst_over": "latency"}]}).evaluator()
