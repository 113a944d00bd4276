"""Meta-solvers against worked numbers, closed forms and an independent linear program."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from leagues.solvers import (
    META_SOLVERS,
    alpha_rank,
    alpha_rank_roles,
    both_roles,
    gains_roles,
    log_fixation,
    marginals,
    matrix_game,
    nash_conv,
    nash_conv_roles,
    nash_mixture,
    nash_roles,
    prd,
    prd_roles,
    project,
    uniform,
)
from qsl_envs.errors import ConfigError

RPS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
DOMINATED = np.array([[3.0, 5.0], [1.0, 2.0]])
SQUARES = st.integers(2, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(-9, 9), min_size=n, max_size=n), min_size=n, max_size=n)
)


def random_table(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


# --- projection


def test_the_worked_projection():
    np.testing.assert_allclose(project(np.array([0.4, 0.7, 0.6]), 0.2), [0.2, 0.45, 0.35], atol=1e-12)


@pytest.mark.parametrize("floor", [0.0, 0.1, 0.25])
def test_projection_is_the_nearest_mixture(floor):
    for seed in range(5):
        point = random_table(seed, 4)
        found = minimize(
            lambda y, point=point: ((y - point) ** 2).sum(), np.full(4, 0.25), bounds=[(floor, 1)] * 4,
            constraints={"type": "eq", "fun": lambda y: y.sum() - 1}, options={"ftol": 1e-14},
        )  # fmt: skip
        np.testing.assert_allclose(project(point, floor), found.x, atol=1e-6)


def test_projection_refuses_a_floor_that_leaves_no_mixture():
    with pytest.raises(ConfigError, match="floor"):
        project(np.zeros(3), 0.34)


# --- alpha-rank


def direct_rank(tables: list[np.ndarray], alpha: float, m: int) -> np.ndarray:
    """The definition, profile by profile, in plain probabilities, solved as a linear system."""
    shape = tables[0].shape
    profiles = list(itertools.product(*map(range, shape)))
    eta = 1.0 / sum(n - 1 for n in shape)
    chain = np.zeros((len(profiles), len(profiles)))
    for a, old in enumerate(profiles):
        for b, new in enumerate(profiles):
            changed = [role for role in range(len(shape)) if old[role] != new[role]]
            if len(changed) == 1:
                u = alpha * (tables[changed[0]][new] - tables[changed[0]][old])
                chain[a, b] = eta * ((1 - np.exp(-u)) / (1 - np.exp(-m * u)) if u else 1 / m)
        chain[a, a] = 1 - chain[a].sum()
    system = np.vstack([chain.T - np.eye(len(profiles)), np.ones(len(profiles))])
    return np.linalg.lstsq(system, np.append(np.zeros(len(profiles)), 1.0), rcond=None)[0].reshape(shape)


def test_fixation():
    for u in (-0.7, -0.01, 0.02, 1.3):
        for m in (2, 10, 50):
            assert np.exp(log_fixation(u, m)) == pytest.approx((1 - np.exp(-u)) / (1 - np.exp(-m * u)))
    assert np.exp(log_fixation(0.0, 50)) == pytest.approx(1 / 50)
    assert np.exp(log_fixation(1e-13, 50)) == pytest.approx(1 / 50)
    assert log_fixation(-1000.0, 50) == pytest.approx(-49_000)


def test_rock_paper_scissors_is_even_and_a_dominated_strategy_dies_out():
    np.testing.assert_allclose(alpha_rank(RPS), 1 / 3, atol=1e-12)
    rank = alpha_rank(DOMINATED)
    assert rank[0] == pytest.approx(1.0) and rank[1] < 1e-12


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
def test_symmetric_alpha_rank_is_the_chain_of_its_definition(alpha):
    for seed in range(4):
        table, m = random_table(seed, 4, 4), 10
        chain = np.zeros((4, 4))
        for s, r in itertools.permutations(range(4), 2):
            u = alpha * (table[r, s] - table[s, r])
            chain[s, r] = ((1 - np.exp(-u)) / (1 - np.exp(-m * u)) if u else 1 / m) / 3
        chain[range(4), range(4)] = 1 - chain.sum(1)
        long_run = np.linalg.matrix_power(chain, 200_000)[0]
        np.testing.assert_allclose(alpha_rank(table, alpha, m), long_run, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3), (2, 2, 3)])
def test_alpha_rank_of_roles_is_the_chain_of_its_definition(shape):
    tables = [random_table(10 + role, *shape) for role in range(len(shape))]
    found = alpha_rank_roles(tables, 0.5, 8)
    np.testing.assert_allclose(found, direct_rank(tables, 0.5, 8), rtol=1e-8, atol=1e-12)
    for role, mixture in enumerate(marginals(found)):
        assert mixture.shape == (shape[role],) and mixture.sum() == pytest.approx(1.0)


def test_alpha_rank_of_roles_on_matching_pennies_is_even_and_strong_selection_stays_finite():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_allclose(alpha_rank_roles([pennies, -pennies]), 0.25, atol=1e-12)
    coordination = np.array([[2.0, 0.0], [0.0, 1.0]])
    rank = alpha_rank_roles([coordination, coordination], alpha=1e4)
    assert np.isfinite(rank).all() and rank[0, 0] == pytest.approx(1.0)


def test_alpha_rank_does_not_depend_on_the_unit_of_money():
    table = random_table(3, 5, 5)
    np.testing.assert_allclose(alpha_rank(table), alpha_rank(1e6 * table + 17.0), rtol=1e-6, atol=1e-12)


# --- projected replicator dynamics


def test_prd_finds_the_strict_equilibrium_and_the_even_mixture():
    assert prd(DOMINATED)[0] > 0.999
    assert 0.9 < prd(DOMINATED, dt=0.01, burn_in=0.0)[0] < 0.999  # the whole average remembers where it came from
    np.testing.assert_allclose(prd(RPS), 1 / 3, atol=1e-9)


def test_prd_follows_the_paper_step_by_step():
    table, floor, dt, steps = random_table(5, 4, 4), 0.05, 0.1, 300
    x, y, total = np.full(4, 0.25), np.full(4, 0.25), np.zeros(4)
    scaled = table / (table.max() - table.min())
    for _ in range(steps):
        u, w = scaled @ y, scaled @ x
        x, y = project(x + dt * x * (u - x @ u), floor), project(y + dt * y * (w - y @ w), floor)
        assert x.min() >= floor - 1e-12
        total += x
    np.testing.assert_allclose(prd(table, floor, dt, steps, burn_in=0.0), total / steps, atol=1e-9)
    np.testing.assert_allclose(prd_roles(both_roles(table), floor, dt, steps, 0.0)[0], total / steps, atol=1e-9)


def test_prd_averages_to_an_equilibrium_of_a_cyclic_zero_sum_game():
    skewed = np.array([[0.0, -2.0, 1.0], [2.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])  # equilibrium (1/4, 1/4, 1/2)
    mixture = prd(skewed)
    np.testing.assert_allclose(mixture, [0.25, 0.25, 0.5], atol=0.02)
    assert nash_conv(skewed, mixture) < 0.05


def test_prd_of_roles_keeps_them_apart():
    a = np.array([[4.0, 1.0, 0.0], [5.0, 2.0, 1.0]])  # rows: the second dominates
    b = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])  # columns: the first answers it best
    rows, columns = prd_roles([a, b], steps=4_000)
    assert rows[1] > 0.999 and columns[0] > 0.999


# --- Nash and NashConv


@given(SQUARES)
def test_the_simplex_method_agrees_with_an_independent_program(rows):
    a = np.array(rows, np.float64)
    n = len(a)
    found = linprog(
        np.append(np.zeros(n), -1.0), A_ub=np.hstack([-a.T, np.ones((n, 1))]), b_ub=np.zeros(n),
        A_eq=np.append(np.ones(n), 0.0)[None], b_eq=[1.0], bounds=[(0, None)] * n + [(None, None)],
    )  # fmt: skip
    x, y, value = matrix_game(a)
    assert value == pytest.approx(-found.fun, abs=1e-7)
    assert (x @ a).min() == pytest.approx(value, abs=1e-7) and (a @ y).max() == pytest.approx(value, abs=1e-7)
    assert x.sum() == pytest.approx(1.0) and y.sum() == pytest.approx(1.0) and min(x.min(), y.min()) >= 0


def test_a_game_that_is_not_square():
    x, y, value = matrix_game(np.array([[3.0, -1.0, 0.0], [-2.0, 4.0, 1.0]]))
    assert (x @ np.array([[3.0, -1.0, 0.0], [-2.0, 4.0, 1.0]])).min() == pytest.approx(value)
    assert len(x) == 2 and len(y) == 3


def test_nash_of_the_zero_sum_score():
    np.testing.assert_allclose(nash_mixture(RPS), 1 / 3, atol=1e-12)
    common = RPS + 5.0 * (np.ones((3, 3)) + np.eye(3))  # what both earn together changes no score
    np.testing.assert_allclose(nash_mixture(common), 1 / 3, atol=1e-12)
    x, y = nash_roles(both_roles(RPS))
    np.testing.assert_allclose([x, y], 1 / 3, atol=1e-12)
    with pytest.raises(ConfigError, match="prd or alpha_rank"):
        nash_roles(both_roles(DOMINATED))


def test_nash_conv_is_the_sum_of_both_players_gains():
    assert nash_conv(RPS, np.full(3, 1 / 3)) == pytest.approx(0.0, abs=1e-12)
    assert nash_conv(RPS, np.array([1.0, 0.0, 0.0])) == pytest.approx(2.0)
    tables = [random_table(role, 2, 3, 2) for role in range(3)]
    mixtures = [np.array([0.3, 0.7]), np.array([0.2, 0.5, 0.3]), np.array([1.0, 0.0])]
    by_hand = []
    for role, table in enumerate(tables):
        pays = np.zeros(table.shape[role])
        for profile in itertools.product(range(2), range(3), range(2)):
            chance = np.prod([mixtures[k][profile[k]] for k in range(3) if k != role])
            pays[profile[role]] += chance * table[profile]
        by_hand.append(pays.max() - pays @ mixtures[role])
    np.testing.assert_allclose(gains_roles(tables, mixtures), by_hand, atol=1e-12)
    assert nash_conv_roles(tables, mixtures) == pytest.approx(sum(by_hand))


@pytest.mark.parametrize("name", META_SOLVERS)
def test_every_meta_solver_gives_a_mixture_and_knows_one_strategy(name):
    for table in (random_table(1, 6, 6), np.zeros((3, 3)), np.array([[2.0]])):
        mixture = META_SOLVERS[name](table)
        assert mixture.shape == (len(table),) and mixture.min() >= 0 and mixture.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("name", META_SOLVERS)
def test_bad_tables_are_refused_by_name(name):
    with pytest.raises(ConfigError, match="payoffs"):
        META_SOLVERS[name](np.zeros((2, 3)))
    with pytest.raises(ConfigError, match="finite"):
        META_SOLVERS[name](np.array([[0.0, np.nan], [0.0, 0.0]]))


def test_uniform():
    np.testing.assert_array_equal(uniform(np.zeros((4, 4))), 0.25)
