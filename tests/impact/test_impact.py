"""Impact on paired worlds: the law that is fitted, what the pairs cancel, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qsl_envs.cli import main
from qsl_envs.errors import ConfigError
from qsl_envs.impact.law import as_text, exponent_of, summarize
from qsl_envs.impact.study import END, POINTS, ImpactData, ImpactStudy, measure, with_options

SMALL = {"sizes": (2, 6, 18), "durations_s": (0.5, 1.0), "worlds": 12}


def made_up(exponent: float, worlds: int = 200, seed: int = 1, noise: float = 1.0) -> ImpactData:
    """Moves with a known exponent and decay, and noise."""
    study = ImpactStudy(sizes=(1, 2, 4, 8, 16), durations_s=(1.0, 4.0, 9.0), worlds=worlds)
    errors = np.random.default_rng(seed).normal(0, noise, (3, 5, worlds, len(POINTS)))
    ends = np.array([3.0, 2.0, 1.5])[:, None] * np.array(study.sizes) ** exponent
    shape = np.array([0.4, 0.7, 0.9, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
    return ImpactData(study, ends[:, :, None, None] * shape + errors, np.ones((3, 5)))


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_exponent_and_the_decay_are_found(exponent):
    found = summarize(made_up(exponent))
    low, high = found["exponent_interval"]
    assert low < exponent < high and high - low < 0.2
    assert found["exponent"] == pytest.approx(exponent, abs=0.1)
    assert found["decay"] == pytest.approx(0.5, abs=0.05)
    assert found["decay_interval"][0] < 0.5 < found["decay_interval"][1]
    assert np.array(found["path"])[:, END] == pytest.approx(1.0)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """Of 95 % intervals from 40 independent experiments no more than a handful miss."""
    intervals = [summarize(made_up(0.5, 30, seed, 2.0))["exponent_interval"] for seed in range(40)]
    assert sum(not low < 0.5 < high for low, high in intervals) <= 8
    assert np.diff(intervals).mean() > 0.02


def test_what_cannot_be_fitted_is_not_a_number():
    sizes = np.array([1.0, 2.0, 4.0])
    assert np.isnan(exponent_of(np.array([[0.0, -1.0, 2.0]]), sizes))
    assert exponent_of(np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 9.0]]), sizes) == pytest.approx(1.0)


@pytest.mark.parametrize("model", ["poisson", "hawkes"])
def test_pairs_differ_by_the_order_alone(model):
    data = measure(with_options(model, **SMALL))
    assert data.moves.shape == (2, 3, 12, len(POINTS))
    again = measure(with_options(model, **SMALL))
    assert np.array_equal(data.moves, again.moves)
    means = data.moves.mean(axis=2)[:, :, END]
    assert (means[:, 2] > means[:, 0]).all() and means[:, 2].min() > 0
    assert (data.filled > 0.9).all()
    found = summarize(data)
    assert found["reaction"] == ("reactive" if model == "hawkes" else "mechanical only")
    assert ("mechanical only" in as_text(found)) == (model == "poisson")


def test_a_flow_that_does_not_see_the_order_is_said_to_be_mechanical():
    study = with_options("queue-reactive", reactive=False)
    assert "reactive=False" in repr(study.flow)
    zeros = ImpactData(study, np.zeros((3, 5, 64, len(POINTS))), np.ones((3, 5)))
    found = summarize(zeros)
    assert found["reaction"] == "mechanical only" and np.isnan(found["exponent"])


def test_the_command_prints_text_and_json(capsys):
    words = ["impact", "poisson", "--sizes", "2,8", "--durations", "0.3", "--worlds", "4"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sizes"] == [2, 8] and len(found["impact"]) == 1 and found["reaction"] == "mechanical only"
    assert main(words) == 0
    assert "mechanical only" in capsys.readouterr().out
    assert main(["impact", "astrology"]) == 2
    assert "queue-reactive" in capsys.readouterr().err
    assert main(["impact", "poisson", "--worlds", "1"]) == 2
    with pytest.raises(ConfigError, match="sizes"):
        ImpactStudy(sizes=(5, 2))
