"""Ratings: known strengths are found again, intervals cover them, and the fits are held against other methods."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from leagues.ratings import ELO, bootstrap_ratings, bradley_terry, openskill, plackett_luce, ranks_of
from qsl_envs.errors import MetricError

TRUE = np.array([1.0, 0.4, 0.0, -0.5, -0.9])


def pair_results(seed: int, worlds: int) -> np.ndarray:
    """Wins float64 (player, player, world), one game of each pair in each world."""
    draws, n = np.random.default_rng(seed), len(TRUE)
    won = np.zeros((n, n, worlds))
    for i in range(n):
        for j in range(i):
            first = draws.random(worlds) < 1 / (1 + math.exp(TRUE[j] - TRUE[i]))
            won[i, j], won[j, i] = first, ~first
    return won


def rankings(seed: int, count: int, places: int) -> np.ndarray:
    """Plackett-Luce rankings of random groups: the order of strengths plus Gumbel noise (Yellott 1977)."""
    draws = np.random.default_rng(seed)
    found = np.full((count, len(TRUE)), -1)
    for k in range(count):
        group = draws.choice(len(TRUE), places, replace=False)
        found[k, :places] = group[np.argsort(-(TRUE[group] + draws.gumbel(size=places)))]
    return found


def test_two_players_have_a_closed_form():
    np.testing.assert_allclose(bradley_terry(np.array([[0, 30], [10, 0]])), [math.log(3) / 2, -math.log(3) / 2])
    assert math.isclose(ELO * math.log(10), 400)
    one = plackett_luce(np.array([[0, 1]] * 3 + [[1, 0]]), 2)
    np.testing.assert_allclose(one, [math.log(3) / 2, -math.log(3) / 2])


def test_bradley_terry_is_the_maximum_that_a_general_optimizer_finds():
    won = pair_results(3, 30).sum(2)

    def loss(logs):
        return (won * np.log1p(np.exp(logs[None] - logs[:, None]))).sum()

    best = minimize(loss, np.zeros(5), tol=1e-10).x
    np.testing.assert_allclose(bradley_terry(won), best - best.mean(), atol=1e-5)


def test_bradley_terry_recovers_strengths_with_intervals_that_cover():
    """95 % intervals of 24 tables of 100 worlds, 5 players each, hold the truth 114 times of 120, give or take: two
    standard errors of the proportion are 4 %, and percentile intervals are a little narrow.
    """
    covered, errors = 0, []
    for seed in range(24):
        won = pair_results(seed, 100)
        found = bootstrap_ratings(
            "abcde", lambda counts, start, won=won: bradley_terry(won @ counts, 0.0, 1e-6, start=start), 100, 120
        )
        covered += int(((found.low <= TRUE) & (found.high >= TRUE)).sum())
        errors.append(found.strength - TRUE)
        assert (found.best_rank <= found.rank).all() and (found.rank <= found.worst_rank).all()
    assert 105 <= covered <= 119
    np.testing.assert_allclose(np.mean(errors, 0), 0.0, atol=0.06)
    assert found.order()[0] == 0 and found.elo.shape == (5, 3)


@pytest.mark.parametrize("places", [2, 3, 5])
def test_plackett_luce_recovers_strengths(places):
    found = plackett_luce(rankings(1, 4000, places), 5)
    np.testing.assert_allclose(found, TRUE, atol=0.12)


def test_plackett_luce_is_the_maximum_that_a_general_optimizer_finds():
    orders, weights = rankings(2, 60, 3), np.random.default_rng(0).random(60)

    def loss(logs):
        total = 0.0
        for order, weight in zip(orders, weights):
            left = logs[order[order >= 0]]
            for place in range(len(left) - 1):
                total += weight * (np.logaddexp.reduce(left[place:]) - left[place])
        return total

    best = minimize(loss, np.zeros(5), tol=1e-10).x
    np.testing.assert_allclose(plackett_luce(orders, 5, weights), best - best.mean(), atol=1e-4)


def test_of_pairs_both_are_the_same():
    orders = rankings(5, 300, 2)[:, :2]
    won = np.zeros((5, 5))
    np.add.at(won, (orders[:, 0], orders[:, 1]), 1)
    np.testing.assert_allclose(plackett_luce(orders, 5), bradley_terry(won), atol=1e-8)
    np.testing.assert_allclose(plackett_luce(orders, 5, prior=2.0), bradley_terry(won, prior=2.0), atol=1e-8)


def test_who_always_won_has_no_finite_strength_without_a_prior():
    won = np.array([[0, 5, 5], [0, 0, 3], [0, 2, 0]], float)
    with pytest.raises(MetricError, match="no finite strengths"):
        bradley_terry(won)
    with pytest.raises(MetricError, match="no finite strengths"):
        plackett_luce(np.array([[0, 1, 2], [0, 2, 1]]), 3)
    found = bradley_terry(won, prior=1.0)
    assert np.isfinite(found).all() and found.argmax() == 0 and found[1] > found[2]
    # those that never met anybody are where the prior is
    alone = bradley_terry(np.zeros((3, 3)), prior=1.0)
    np.testing.assert_allclose(alone, 0.0, atol=1e-9)


def test_equal_results_rate_equally_and_ranks_share_the_better_place():
    won = np.full((4, 4), 6.0)
    np.testing.assert_allclose(bradley_terry(won), 0.0, atol=1e-12)
    assert ranks_of(np.array([[2.0, 1.0, 2.0, 0.0]])).tolist() == [[1, 3, 1, 4]]


def test_an_interval_over_worlds_is_wider_where_games_of_a_world_agree():
    """Ten copies of each world are no new evidence: the interval would wrongly shrink by sqrt(10)."""
    won = pair_results(7, 60)
    ten = np.repeat(won, 10, 2) / 10

    def width(table, worlds):
        found = bootstrap_ratings(
            "abcde", lambda counts, start: bradley_terry(table @ counts, 0.1, 1e-6, start=start), worlds, 200
        )
        return (found.high - found.low).mean()

    assert width(won, 60) / width(ten, 600) == pytest.approx(math.sqrt(10), rel=0.25)
    assert width(won * 10, 60) == pytest.approx(width(won, 60), rel=0.1)


def test_openskill_finds_the_same_order():
    orders = rankings(4, 600, 4)
    skill, spread = openskill(orders, 5)
    assert np.argsort(-skill).tolist() == [0, 1, 2, 3, 4] and (spread > 0).all()


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.array([[0, -1], [1, 0]]), np.array([[0, np.nan], [1, 0]])])
def test_what_is_no_table_of_wins_is_refused(bad):
    with pytest.raises(MetricError, match="bradley_terry.wins"):
        bradley_terry(bad)


def test_numbers_that_are_no_players_are_refused():
    with pytest.raises(MetricError, match="plackett_luce.orders"):
        plackett_luce(np.array([[0, 3]]), 3)
