"""Crossover and mutation: published densities, means that stay, bounds, types."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.genome import Gene, Genome
from evolve.operators import Variation, children, cross, mutate
from qsl_envs.errors import ConfigError

WIDE = Genome([Gene(name="x", low=-1e6, high=1e6)])
MIXED = Genome.from_dict({
    "x": {"type": "float", "low": 0, "high": 1}, "n": {"type": "int", "low": 1, "high": 6},
    "c": {"type": "categorical", "choices": ["a", "b", "c", "d"]}, "b": {"type": "bool"},
})  # fmt: skip


def chance() -> np.random.Generator:
    return np.random.default_rng(7)


def test_sbx_spreads_by_its_law_and_keeps_the_mean():
    n, eta = 200_000, 2.0
    mothers, fathers = np.full((n, 1), 1.0), np.full((n, 1), 3.0)
    first, second = cross(WIDE, mothers, fathers, Variation(crossover=1.0, crossover_eta=eta), chance())
    assert np.allclose(first + second, 4.0)  # far from the bounds
    crossed = (first != mothers).reshape(-1) & (first != fathers).reshape(-1)
    assert crossed.mean() == pytest.approx(0.5, abs=0.01)
    beta = np.abs(first - second)[crossed, 0] / 2.0
    # the law of beta: density (eta + 1) / 2 * beta^eta up to 1, (eta + 1) / 2 / beta^(eta + 2) from there on
    assert (beta < 1).mean() == pytest.approx(0.5, abs=0.01)
    assert (beta < 0.5).mean() == pytest.approx(0.5 * 0.5 ** (eta + 1), abs=0.005)
    assert (beta > 2.0).mean() == pytest.approx(0.5 * 2.0 ** -(eta + 1), abs=0.005)


def test_polynomial_mutation_moves_by_its_law():
    n, eta = 200_000, 5.0
    rows = np.zeros((n, 1))
    moved = mutate(WIDE, rows, Variation(mutation_rate=1.0, mutation_eta=eta), chance())[:, 0] / 2e6
    assert abs(moved.mean()) < 1e-3
    # in the middle of the range: P(|delta| > d) = (1 - d)^(eta + 1), where nothing is cut
    for d in (0.05, 0.2, 0.4):
        assert (np.abs(moved) > d).mean() == pytest.approx(_beyond(d, eta), abs=0.005)


def _beyond(d: float, eta: float) -> float:
    """Share of moves longer than `d` ranges from the middle: of the law that is cut at half a range."""
    cut = 0.5 ** (eta + 1)
    return ((1 - d) ** (eta + 1) - cut) / (1 - cut)


def test_gaussian_and_uniform_mutation():
    rows = np.zeros((100_000, 1))
    moved = mutate(WIDE, rows, Variation(mutation="gaussian", mutation_rate=1.0, mutation_sigma=0.05), chance())
    assert moved.std() == pytest.approx(0.05 * 2e6, rel=0.01)
    moved = mutate(WIDE, rows, Variation(mutation="uniform", mutation_rate=1.0), chance())
    assert moved.std() == pytest.approx(2e6 / np.sqrt(12), rel=0.01) and np.abs(moved).max() <= 1e6


@pytest.mark.parametrize("mutation", ["polynomial", "gaussian", "uniform"])
def test_children_of_every_type_are_sound(mutation):
    rows = MIXED.random(3_000, chance())
    how = Variation(mutation=mutation, mutation_rate=0.5, crossover_eta=0.0, mutation_sigma=3.0)
    made = children(MIXED, rows[:1500], rows[1500:], how, chance())
    assert made.shape == (3_000, 4)
    MIXED.check(made)
    assert all(len(np.unique(made[:, k])) == n for k, n in ((1, 6), (2, 4), (3, 2)))


def test_mutation_by_type():
    rows = np.tile(MIXED.row({"x": 0.5, "n": 3, "c": "b", "b": True}), (30_000, 1))
    moved = mutate(MIXED, rows, Variation(mutation_rate=1.0, mutation_eta=200.0), chance())
    columns = MIXED.columns(moved)
    assert not columns["b"].any() and "b" not in columns["c"]  # a move is a change
    assert [(columns["c"] == c).mean() for c in "acd"] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert set(columns["n"].tolist()) == {2, 4}  # by one, where the law's steps are smaller than that
    kept = mutate(MIXED, rows, Variation(mutation_rate=0.0), chance())
    assert np.array_equal(kept, rows)
    some = mutate(MIXED, rows, Variation(), chance())
    assert (some != rows).mean() == pytest.approx(1 / 4, abs=0.01)


def test_unordered_genes_change_sides():
    mothers = np.tile(MIXED.row({"x": 0.2, "n": 1, "c": "a", "b": False}), (20_000, 1))
    fathers = np.tile(MIXED.row({"x": 0.2, "n": 1, "c": "d", "b": True}), (20_000, 1))
    first, second = cross(MIXED, mothers, fathers, Variation(crossover=1.0), chance())
    assert set(first[:, 2].tolist()) == {0.0, 3.0} and (first[:, 2] + second[:, 2] == 3.0).all()
    assert (first[:, 2] == 3.0).mean() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(first[:, :2], mothers[:, :2])
    copied, _ = cross(MIXED, mothers, fathers, Variation(crossover=0.0), chance())
    assert np.array_equal(copied, mothers)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"crossover": 1.1}, "Variation.crossover"), ({"mutation": "wild"}, "polynomial, gaussian, uniform"),
     ({"mutation_rate": -0.1}, "mutation_rate"), ({"crossover_eta": -1.0}, "crossover_eta"),
     ({"mutation_eta": -1.0}, "mutation_eta"), ({"mutation_sigma": 0.0}, "mutation_sigma")],
)  # fmt: skip
def test_bad_settings_are_named(values, words):
    with pytest.raises(ConfigError, match=words):
        Variation(**values)
