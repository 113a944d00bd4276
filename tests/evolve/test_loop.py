"""The outer loop on problems with known answers; resumed searches are uninterrupted ones; failures are never scored."""

# ruff: noqa: NPY002  the global generators are what DEAP draws from

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from evolve.archive import first_front, hypervolume
from evolve.loop import Search, SearchConfig
from evolve.methods import METHODS, halving_rungs
from qsl_envs.errors import ConfigError, DataError
from tests.evolve.problems import REFERENCE, VOLUMES, shape, sphere, zdt_problem


def search(method: str = "nsga2", problem=None, population: int = 12, generations: int = 6, seed: int = 1) -> Search:
    problem = problem or (sphere() if method == "cma" else zdt_problem("zdt1", 5))
    reference = REFERENCE if len(problem.signs) == 2 else None
    return Search(SearchConfig(method=method, population=population, generations=generations, seed=seed), problem,
                  reference=reference)  # fmt: skip


def same(a: Search, b: Search) -> bool:
    one, other = a.archive.state(), b.archive.state()
    arrays, values = a.method.state()
    other_arrays, other_values = b.method.state()
    assert set(arrays) == set(other_arrays)
    return (all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype == np.float64) for name in one)
            and all(np.array_equal(arrays[name], other_arrays[name]) for name in arrays)
            and values == other_values and a.history == b.history)  # fmt: skip


# --- fronts and volumes


@pytest.mark.parametrize("name", sorted(VOLUMES))
def test_hypervolume_of_the_true_fronts(name):
    f1 = np.linspace(0.2807753191 if name == "zdt6" else 0.0, 1.0, 200_001)
    costs = np.stack([f1, shape(name, f1, 1.0)], 1)
    assert hypervolume(costs, REFERENCE) == pytest.approx(VOLUMES[name], abs=2e-5)


def test_hypervolume_by_counting_cells():
    chance = np.random.default_rng(3)
    for dims, points in product((1, 2, 3, 4), (1, 4, 9)):
        costs = chance.integers(0, 6, (points, dims)).astype(float)
        cells = np.array(list(product(range(5), repeat=dims)))
        covered = (costs[:, None, :] <= cells[None]).all(2).any(0).sum()
        assert hypervolume(costs, np.full(dims, 5.0)) == pytest.approx(covered)


def test_first_front_by_comparing_all_pairs():
    chance = np.random.default_rng(4)
    for dims in (1, 2, 3):
        costs = chance.integers(0, 5, (60, dims)).astype(float)
        beaten = (costs[:, None] <= costs[None]).all(2) & (costs[:, None] < costs[None]).any(2)
        expected = {tuple(row) for row in costs[~beaten.any(0)]}
        found = first_front(costs)
        assert {tuple(row) for row in costs[found]} == expected and len(found) == len(expected)


# --- searches


def test_nsga2_reaches_the_published_volume_of_zdt1():
    done = search(problem=zdt_problem("zdt1"), population=100, generations=250)
    done.run()
    living = hypervolume(done.archive.objectives[done.method.living], REFERENCE)
    assert living == pytest.approx(0.869, abs=0.003)
    assert living < done.hypervolume() < VOLUMES["zdt1"]
    assert done.spent == 25_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("zdt2", 0.53), ("zdt3", 1.32), ("zdt4", 0.85), ("zdt6", 0.48)])
def test_nsga2_reaches_the_other_fronts(name, least):
    done = search(problem=zdt_problem(name), population=100, generations=250)
    done.run()
    assert least < done.hypervolume() < VOLUMES[name]


def test_nsga3_goes_the_same_way():
    done, control = (search(name, zdt_problem("zdt1", 10), 40, 60) for name in ("nsga3", "random"))
    done.run()
    control.run()
    assert done.hypervolume() > 0.8 > control.hypervolume()


def test_cma_finds_the_middle_of_a_sphere():
    done = search("cma", population=12, generations=60)
    done.run()
    best = done.archive.front()
    assert len(best) == 1 and done.archive.objectives[best[0], 0] < 1e-6
    assert np.allclose(done.archive.genes[best[0]], 3.0, atol=1e-3)


def test_halving_spends_its_budget_on_the_better_ones():
    rungs = halving_rungs(400)
    assert rungs == [(6400, 1 / 64), (1600, 1 / 16), (400, 1 / 4), (100, 1.0)]
    assert halving_rungs(3) == [(3, 1.0)]
    done = search("halving", zdt_problem("zdt1", 5), 20, 5)
    done.run()
    assert done.spent == pytest.approx(100, rel=0.05)
    last = np.flatnonzero(done.archive.effort == 1.0)
    assert set(done.archive.front()) <= set(last.tolist())
    assert {done.archive.origins[n] for n in last} == {f"rung {len(halving_rungs(100)) - 1}"}
    again = done.archive.parents[last, 0]
    assert np.array_equal(done.archive.genes[again], done.archive.genes[last])


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_search_is_the_uninterrupted_one(method, tmp_path):
    whole = search(method)
    whole.run()
    first = search(method)
    for stops in range(first.method.num_batches):
        first.step()
        first.save(tmp_path / "checkpoint.npz")
        random.seed(stops)  # what the caller does to the global generators is no business of the search
        np.random.seed(stops)
        first = search(method)
        first.load(tmp_path / "checkpoint.npz")
    assert first.finished and same(first, whole)
    other = search(method, seed=2)
    other.run()
    assert not same(other, whole)


def test_a_finished_search_goes_on_for_more_generations(tmp_path):
    whole, first, more = (search(generations=n) for n in (6, 4, 6))
    whole.run()
    first.run(tmp_path / "checkpoint.npz")
    more.load(tmp_path / "checkpoint.npz")
    assert first.finished and more.generation == 4
    more.run()
    assert same(more, whole)
    halved = search("halving", generations=4)
    halved.run(tmp_path / "halved.npz")
    with pytest.raises(ConfigError, match="of this very search"):
        search("halving", generations=6).load(tmp_path / "halved.npz")


def test_the_callers_generators_stand_as_they_stood():
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist()
    for method in METHODS:
        search(method).run()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("method", METHODS)
def test_what_fails_is_told_and_never_lives(method):
    problem = sphere() if method == "cma" else zdt_problem("zdt1", 5)
    problem.fails = lambda rows: rows[:, 0] > np.median(problem.genome.random(99, np.random.default_rng(0))[:, 0])
    done = search(method, problem)
    done.run()
    failed = np.array([reason != "" for reason in done.archive.reasons])
    assert failed.any() and not failed.all()
    assert np.isnan(done.archive.objectives[failed]).all() and not np.isnan(done.archive.objectives[~failed]).any()
    assert not failed[done.archive.front()].any()
    if method.startswith("nsga"):
        assert not failed[done.method.living].any()
        assert not failed[done.archive.parents[done.archive.parents >= 0]].any()


def test_a_search_in_which_all_fail_says_why():
    with pytest.raises(ConfigError, match="none of the first 12 individuals.*row 0 cannot be"):
        search(problem=zdt_problem("zdt1", 5, fails=lambda rows: rows[:, 0] >= 0)).run()


def test_lineage_names_earlier_individuals():
    done = search(generations=8)
    done.run()
    children = np.flatnonzero(np.array(done.archive.origins) == "children")
    assert len(children) == 7 * 12
    assert (done.archive.parents[children] < children[:, None]).all() and (done.archive.parents[children] >= 0).all()


def test_no_genome_is_tried_twice_while_there_are_others():
    done = search(generations=10)
    done.run()
    assert len(np.unique(done.archive.genes, axis=0)) == len(done.archive)


def test_a_checkpoint_of_another_search_is_refused(tmp_path):
    file = tmp_path / "checkpoint.npz"
    one = search()
    one.step()
    one.save(file)
    with pytest.raises(ConfigError, match="of this very search"):
        search(population=16).load(file)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match="no checkpoint"):
        search().load(file)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"method": "magic"}, "one of nsga2"), ({"population": 3}, "population"), ({"generations": 0}, "generations"),
     ({"seed": -1}, "seed")],
)  # fmt: skip
def test_bad_settings_are_named(values, words):
    with pytest.raises(ConfigError, match=words):
        SearchConfig(**values)


def test_cma_wants_one_objective():
    with pytest.raises(ConfigError, match="objectives must be one, for cma"):
        search("cma", zdt_problem("zdt1", 5))
