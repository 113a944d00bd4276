"""Specs: those of the package are sound, what contradicts itself is an error that names the place."""

from __future__ import annotations

import copy

import pytest
import yaml

from evolve.spec import EvolveSpec, presets, read_spec
from qsl_envs.errors import ConfigError
from tests.evolve.small_spec import SMALL


@pytest.mark.parametrize("name", presets())
def test_what_comes_with_the_package_is_sound(name):
    spec = read_spec(name)
    assert spec.name == name and spec.about
    assert EvolveSpec.from_dict(yaml.safe_load(yaml.safe_dump(spec.to_dict()))).label == spec.label


def test_a_file_is_read(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    spec = read_spec(file)
    assert spec.genome.names == ("spread", "skew", "qty", "post_only")
    assert [setting.name for setting in spec.subject.settings()] == ["near/base", "near/volatile", "far/base",
                                                                     "far/volatile"]  # fmt: skip
    assert [objective.name for objective in spec.objectives] == ["pnl", "drawdown, worst latency"]


def spoiled(*path, value):
    made = copy.deepcopy(SMALL)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return made


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (spoiled("genome", "spread", value={"type": "float", "low": 3, "high": 2}), "genome.spread.low must be below"),
        (spoiled("genome", "spred", value={"type": "float", "low": 1, "high": 2}), "genome.spred.name must be a param"),
        (spoiled("genome", "spread", value={"type": "float", "low": -1, "high": 2}), r"genome.spread.bounds.*was -1"),
        (spoiled("genome", "qty", value={"type": "categorical", "choices": [1, "x"]}), "genome.qty.bounds.*was 'x'"),
        (spoiled("objectives", value=["profit"]), "metric must be one of pnl"),
        (spoiled("objectives", value=[{"metric": "pnl", "worst_over": "fees"}]), "axis must be one of setting"),
        (spoiled("strategy", "kind", value="wizard"), "'wizard' is no kind"),
        (spoiled("strategy", "regimes", value=["stormy"]), "scenario 'stormy'"),
        (spoiled("strategy", "latency_ns", value={"near": -1}), r"latency_ns\[near\]"),
        (spoiled("strategy", "market", value={"venue": []}), "strategy.market.venue is not a setting"),
        (spoiled("strategy", "group", value={"count": 3}), "without 'count'"),
        (spoiled("strategy", "group", value={"params": {"skew": 1}}), "genome.skew.name must be a parameter that"),
        (spoiled("worlds", value={"count": 0}), "count must be >= 1"),
        (spoiled("search", value={"method": "magic"}), "method must be one of"),
        (spoiled("agent", value={}), "strategy/agent must be one of the two"),
        (spoiled("goal", value=1), "spec.fields"),
        ({"name": "x"}, "spec.genome must be given"),
    ],
)
def test_what_contradicts_itself_is_named(values, words):
    with pytest.raises(ConfigError, match=words):
        EvolveSpec.from_dict(values).evaluator()


def test_a_file_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match="'nothing.yaml' is no file, and none of .*skewed-maker"):
        read_spec("nothing.yaml")
