"""Genomes: rows and values, bounds, errors that name the gene."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.genome import Gene, Genome
from qsl_envs.errors import ConfigError

SPEC = {
    "spread": {"type": "float", "low": 1, "high": 100, "scale": "log"},
    "skew": {"type": "float", "low": -0.5, "high": 0.5},
    "qty": {"type": "int", "low": 1, "high": 4},
    "mode": {"type": "categorical", "choices": ["calm", 2, 0.5]},
    "post_only": {"type": "bool"},
    "period_ns": {"type": "fixed", "value": 100},
}
VALUES = {"spread": 10.0, "skew": 0.25, "qty": 3, "mode": 2, "post_only": True, "period_ns": 100}


@pytest.fixture
def genome() -> Genome:
    return Genome.from_dict(SPEC)


def test_rows_and_values(genome):
    row = genome.row(VALUES)
    assert genome.names == ("spread", "skew", "qty", "mode", "post_only") and row.shape == (5,)
    assert row[0] == pytest.approx(np.log(10), abs=1e-15) and row[1:].tolist() == [0.25, 3.0, 1.0, 1.0]
    back = genome.values(row)
    assert back["spread"] == pytest.approx(10.0, rel=1e-15) and {**back, "spread": 10.0} == VALUES
    assert [type(back[name]) for name in VALUES] == [float, float, int, int, bool, int]
    assert np.array_equal(genome.row(back), row)


def test_it_comes_back_from_plain_values(genome):
    assert Genome.from_dict(genome.to_dict()).genes == genome.genes


def test_columns_stay_inside_their_bounds(genome):
    rows = genome.random(4_000, np.random.default_rng(1))
    genome.check(rows)
    columns = genome.columns(rows)
    assert columns["spread"].min() >= 1 and columns["spread"].max() <= 100
    assert np.median(columns["spread"]) == pytest.approx(10, rel=0.1)  # even in the logarithm
    assert set(columns["qty"].tolist()) == {1, 2, 3, 4} and columns["qty"].dtype == np.int64
    counts = np.bincount(columns["qty"])[1:]
    assert counts.min() > 850 and counts.max() < 1_150  # the ends as often as the rest
    assert set(columns["post_only"].tolist()) == {True, False}
    ends = np.stack([genome.low, genome.high])
    assert genome.columns(ends)["spread"].tolist() == [1.0, 100.0]


def test_repair_brings_rows_inside(genome):
    row = genome.repair(np.array([[99.0, -3.0, 2.6, 7.0, -1.0]]))[0]
    assert row.tolist() == [genome.high[0], -0.5, 3.0, 2.0, 0.0]
    genome.check(row[None])
    with pytest.raises(ConfigError, match="genome.skew must be a number, was nan"):
        genome.repair(np.array([[0.0, np.nan, 1.0, 1.0, 1.0]]))


@pytest.mark.parametrize(
    ("column", "number", "words"),
    [(1, 0.6, r"genome\[1\]\.skew must be in \[-0.5, 0.5\], was 0.6"), (2, 1.5, r"genome\[1\]\.qty"),
     (3, 3.0, r"genome\[1\]\.mode must be one of its choices"), (0, -0.1, r"genome\[1\]\.spread must be in \[1, 100\]"),
     (1, np.nan, r"genome\[1\]\.skew")],
)  # fmt: skip
def test_a_row_out_of_bounds_is_an_error_that_names_the_gene(genome, column, number, words):
    rows = np.stack([genome.row(VALUES)] * 2)
    genome.check(rows)
    rows[1, column] = number
    with pytest.raises(ConfigError, match=words):
        genome.check(rows)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"qty": 2.5}, "genome.qty must be a whole number in"), ({"qty": 9}, "genome.qty"), ({"skew": "x"}, "genome.skew"),
     ({"mode": "wild"}, r"genome.mode must be one of \['calm', 2, 0.5\]"), ({"post_only": 1}, "genome.post_only"),
     ({"period_ns": 7}, "genome.period_ns must be 100, it is fixed"), ({"speed": 1}, "'speed'")],
)  # fmt: skip
def test_values_out_of_bounds_are_errors_that_name_the_gene(genome, changes, words):
    with pytest.raises(ConfigError, match=words):
        genome.row({**VALUES, **changes})


def test_a_missing_value_is_named(genome):
    with pytest.raises(ConfigError, match="genome.qty must be given"):
        genome.row({name: value for name, value in VALUES.items() if name != "qty"})


@pytest.mark.parametrize(
    ("entry", "words"),
    [({"type": "float", "low": 2, "high": 1}, r"genome.x.low must be below high = 1, was 2"),
     ({"type": "float", "low": 1, "high": 1}, "genome.x.low must be below"),
     ({"type": "float", "low": 0, "high": 1, "scale": "log"}, "genome.x.low must be > 0 on a logarithmic scale"),
     ({"type": "float", "low": 0}, "genome.x.high must be a number, was None"),
     ({"type": "int", "low": 0.5, "high": 2}, "genome.x.low must be a whole number"),
     ({"type": "int", "low": 1, "high": 2, "scale": "log"}, "genome.x.scale"),
     ({"type": "floaty", "low": 0, "high": 1}, "genome.x.type must be one of float, int"),
     ({"type": "categorical", "choices": [1]}, "genome.x.choices"),
     ({"type": "categorical", "choices": [1, 2], "low": 0}, "genome.x.low must be left out"),
     ({"type": "bool", "high": 1}, "genome.x.high"), ({"type": "fixed"}, "genome.x.value must be given"),
     ({"type": "float", "low": 0, "high": 1, "value": 3}, "genome.x.value must be left out"),
     ({"type": "float", "low": 0, "high": float("inf")}, "genome.x.high must be a number"),
     ({"type": "float", "lo": 0, "high": 1}, "'lo'"), (3, "genome.x must be a mapping")],
)  # fmt: skip
def test_a_spec_that_contradicts_itself_is_named(entry, words):
    with pytest.raises(ConfigError, match=words):
        Genome.from_dict({"x": entry})


def test_a_genome_needs_a_gene_that_varies():
    with pytest.raises(ConfigError, match="at least one that is not fixed"):
        Genome([Gene(name="x", type="fixed", value=1)])
    with pytest.raises(ConfigError, match="mapping of names"):
        Genome.from_dict([])
    with pytest.raises(ConfigError, match="different names"):
        Genome([Gene(name="x", low=0, high=1)] * 2)
