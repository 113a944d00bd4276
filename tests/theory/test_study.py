"""Options, pages and JSON of the studies, and the command `qsl theory`."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from qsl_envs import cli
from qsl_envs.errors import ConfigError
from qsl_envs.theory.models import MODELS, study
from qsl_envs.theory.study import Comparison, Study, deviation_and_error, mean_and_error

KEYS = {
    "avellaneda-stoikov": ("spread_mean", "pnl_mean", "pnl_sd", "inventory_sd"),
    "zero-intelligence": ("spread_mean", "spread_sd", "p_spread_1", "best_depth_mean", "diffusion"),
    "cont-stoikov-talreja": ("probability", "standard_error"),
    "cont-de-larrard": ("probability", "exact"),
    "hawkes": ("rate", "count_variance"),
    "almgren-chriss": ("kappa", "expected_cost", "cost_sd", "trajectory"),
    "glft": ("bid_offset", "ask_offset"),
}
SMALL = {
    "avellaneda-stoikov": "--dt 0.1 --A 8 --episodes 20",
    "zero-intelligence": "--limit-rate 2 --cancel-rate 2 --ticks 4 --duration 4",
    "cont-stoikov-talreja": "--paths 10 --bid 2",
    "cont-de-larrard": "--paths 4 --bid 1 --ask 1",
    "hawkes": "--duration 700",
    "almgren-chriss": "--paths 10",
    "glft": "--Q 3 --inventory 1",
}


def test_the_models_are_those_of_the_promise():
    assert set(MODELS) == set(KEYS)


@pytest.mark.parametrize("model", KEYS)
def test_json_has_its_keys_and_the_page_its_parts(model, capsys):
    words = ["theory", model, *SMALL[model].split(), "--seed", "3"]
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == model and found["seed"] == 3
    for key in KEYS[model]:
        values = found[key] if isinstance(found[key], list) else [found[key]]
        assert values and all(isinstance(v, float) and math.isfinite(v) for v in values), key
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found  # the seed decides everything
    assert cli.main(words) == 0
    page = capsys.readouterr().out
    assert "Ingredients" in page and not re.search(r"\bnan\b", page)
    assert ("Simulation against theory" in page and "Verdict" in page) or model in ("glft", "zero-intelligence")


@pytest.mark.parametrize("model", KEYS)
def test_help_lists_every_option(model, capsys):
    assert cli.main(["theory", model, "--help"]) == 0
    page = capsys.readouterr().out
    assert all(f"--{option.name}" in page for option in MODELS[model].options) and "--seed" in page


@pytest.mark.parametrize(
    "words, said",
    [
        ("avellaneda-stoikov --gamma -1", "--gamma must be a number >= 0 and <= 1e+06, was -1"),
        ("avellaneda-stoikov --k 0", "--k must be a number > 0"),
        ("avellaneda-stoikov --sigma x", "--sigma must be a number >= 0 and <= 1e+06, was x"),
        ("avellaneda-stoikov --dt 0.3", "--dt must be T = 1 divided by a whole number"),
        ("avellaneda-stoikov --strategy best", "--strategy must be one of inventory, symmetric, was best"),
        ("avellaneda-stoikov --episodes 2.5", "--episodes must be a whole number >= 2"),
        ("avellaneda-stoikov --A nan", "--A must be a number > 0"),
        ("zero-intelligence --ticks 0", "--ticks must be a whole number >= 1"),
        ("zero-intelligence --duration 1", "--duration must be in [40, 5e+06] at these rates, was 1.0"),
        ("zero-intelligence --ticks 100000 --limit-rate 100", "--ticks must be so few"),
        ("cont-stoikov-talreja --bid 0", "--bid must be a whole number >= 1 and <= 300, was 0"),
        ("cont-stoikov-talreja --event down", "--event must be one of up, fill, was down"),
        ("cont-stoikov-talreja --limit-rates 1,x", "--limit-rates must be numbers with commas between them, each >= 0"),
        ("cont-stoikov-talreja --limit-rates 1,2", "--cancel-rates must be as many as --limit-rates, 2"),
        ("cont-stoikov-talreja --market-rate 0 --event fill", "--market-rate must be > 0: else nothing fills"),
        ("hawkes --alpha 1", "--alpha must be >= 0 and < beta = 1"),
        ("hawkes --duration 5", "--duration must be >= 64 windows of 10"),
        ("hawkes --seed -1", "--seed must be a whole number >= 0"),
        ("almgren-chriss --N 0", "--N must be a whole number >= 1"),
        ("almgren-chriss --gamma 1", "--eta must be > gamma T / (2 N) = 0.5"),
        ("glft --inventory 31", "--inventory must be in [-Q, Q] = [-30, 30], was 31"),
        ("glft --T 1e9", "--T must be <= "),
    ],
)
def test_a_bad_option_is_named_with_its_range(words, said, capsys):
    assert cli.main(["theory", *words.split()]) == 2
    assert said in capsys.readouterr().err


def test_unknown_models_and_options():
    with pytest.raises(ConfigError, match="model must be one of"):
        study("heston")
    with pytest.raises(ConfigError, match="speed is not an option"):
        study("hawkes", speed=3)
    assert cli.main(["theory", "heston"]) == 2


def test_whole_numbers_may_be_written_with_an_exponent():
    paths = MODELS["cont-de-larrard"].option("paths")
    assert paths.convert("1e5") == 100_000 and isinstance(paths.convert("1e5"), int)
    assert paths.convert(7) == 7


def test_means_and_deviations_against_many_samples():
    samples = np.random.default_rng(0).exponential(2.0, (2_000, 100))
    found = np.array([[*mean_and_error(row), *deviation_and_error(row)] for row in samples])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.05)
    assert found[:, 2].mean() == pytest.approx(2.0, rel=0.05)
    assert found[:, 3].mean() == pytest.approx(found[:, 2].std(), rel=0.2)
    assert deviation_and_error(np.ones(5)) == (0.0, 0.0)


@pytest.mark.parametrize("simulated, word", [(1.1, "agrees"), (1.35, "borderline"), (1.5, "DISAGREES")])
def test_the_verdict_counts_standard_errors(simulated, word):
    page = Study("t", {}, comparisons=[Comparison("x", simulated, 0.1, 1.0, "s"), Comparison("y", 2.0, 0, 2.0, "s")])
    assert word in page.verdict() and "largest: x" in page.verdict()
    assert Comparison("y", 2.0, 0.0, 2.1, "s").deviation == math.inf
