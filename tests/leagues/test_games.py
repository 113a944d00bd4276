"""The exact games: payoffs against naive markets, the oracle against brute force, learners against the oracle."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from leagues.games import Dealers, MarketGame, Race
from leagues.learners import (
    fictitious_play,
    independent_gradient,
    independent_q,
    population_play,
    self_play,
)
from leagues.oracle import symmetric_equilibria, undominated
from qsl_envs.errors import ConfigError

SMALL = [
    Dealers(ticks=5, jump=3, patience=5),
    Dealers(ticks=4, informed=0.0, jump=0, patience=4),
    Dealers(ticks=6, informed=0.6, jump=4, patience=7),
    Race(steps=4, prize=3.5),
    Race(steps=3, prize=2.0),
    Race(steps=5, prize=4.2, cost=0.9),
]


# --- payoffs


def naive_dealers(game: Dealers, quotes: tuple[int, ...]) -> list[Fraction]:
    """Every taker that may come, with his chance, one after the other."""
    informed = Fraction(str(game.informed))
    takers = [(informed / 2, True, side, 0) for side in (1, -1)]
    for reservation in range(1, game.patience + 1):
        takers += [((1 - informed) / 2 / game.patience, False, side, reservation) for side in (1, -1)]
    earned = [Fraction(0)] * len(quotes)
    for chance, knows, side, reservation in takers:
        prices = [side * quote for quote in quotes]  # asks above 0, bids below
        value = side * game.jump if knows else 0  # to the uninformed the mean is the value
        best = min(prices) if side == 1 else max(prices)
        wants = side * (value - best) > 0 if knows else side * best <= reservation
        if wants:
            winners = [k for k, price in enumerate(prices) if price == best]
            for k in winners:
                earned[k] += chance * side * (best - value) / len(winners)
    return earned


@pytest.mark.parametrize("game", [g for g in SMALL if isinstance(g, Dealers)] + [Dealers(dealers=3, ticks=3, jump=2)])
def test_dealers_are_paid_what_every_possible_taker_pays_them(game):
    for quotes in itertools.product(range(game.num_actions), repeat=game.dealers):
        assert list(game.pay(quotes)) == naive_dealers(game, quotes)


def test_racers_are_paid_the_prize_less_what_they_spent():
    game = Race(racers=3, prize=6.0, cost=0.5)
    assert game.pay((2, 4, 4)) == (Fraction(-1), Fraction(1), Fraction(1))
    assert game.pay((3, 0, 1)) == (Fraction(9, 2), 0, Fraction(-1, 2))
    assert game.measure_of((3, 0, 1)) == 2


@pytest.mark.parametrize("game", [Dealers(ticks=5, jump=3), Dealers(dealers=3, ticks=3, jump=2), Race(steps=3)])
def test_draws_average_to_the_exact_payoffs(game):
    n, chance = 40_000, np.random.default_rng(5)
    for profile in itertools.islice(itertools.product(range(game.num_actions), repeat=game.num_players), 0, None, 5):
        pays = game.draw(np.tile(profile, (n, 1)), chance)
        error = pays.std(0) / np.sqrt(n)
        assert (np.abs(pays.mean(0) - np.array(game.pay(profile), float)) <= 4.5 * error + 1e-12).all(), profile


def test_best_responses_and_exploitability_are_those_of_the_definition():
    game = Dealers(dealers=3, ticks=3, jump=2)
    mixtures = [np.array(x) for x in ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.0, 0.5, 0.5, 0.0])]
    gains = []
    for player in range(3):
        values = np.zeros(4)
        for profile in itertools.product(range(4), repeat=3):
            chance = np.prod([mixtures[k][profile[k]] for k in range(3) if k != player])
            values[profile[player]] += chance * float(game.pay(profile)[player])
        best, value = game.best_response(mixtures, player)
        assert best == values.argmax() and value == pytest.approx(values.max())
        gains.append(values.max() - values @ mixtures[player])
    assert game.exploitability(mixtures) == pytest.approx(np.mean(gains))
    assert game.measure(mixtures) == pytest.approx(
        sum(min(p) * np.prod([mixtures[k][p[k]] for k in range(3)]) for p in itertools.product(range(4), repeat=3))
    )


# --- the oracle


def grid(n: int, parts: int):
    """Every mixture over n actions whose weights are multiples of 1 / parts."""
    for cuts in itertools.combinations(range(parts + n - 1), n - 1):
        edges = (-1, *cuts, parts + n - 1)
        yield tuple(Fraction(edges[k + 1] - edges[k] - 1, parts) for k in range(n))


def regret(game: MarketGame, mixture) -> Fraction:
    actions = range(len(mixture))
    return regret_in([[game.pay((a, b))[0] for b in actions] for a in actions], mixture)


def regret_in(pay, mixture) -> Fraction:
    values = [sum(p * w for p, w in zip(row, mixture) if w) for row in pay]
    return max(values) - sum(v * w for v, w in zip(values, mixture))


@pytest.mark.parametrize("game", SMALL, ids=repr)
def test_what_the_oracle_finds_are_equilibria_and_brute_force_finds_no_others(game):
    found = symmetric_equilibria(game)
    assert found
    for mixture in found:
        assert sum(mixture) == 1 and min(mixture) >= 0 and regret(game, mixture) == 0
        assert game.exploitability([np.array(mixture, float)] * 2) == pytest.approx(0.0, abs=1e-12)
    parts = 8 if game.num_actions <= 5 else 4
    pay = [[game.pay((a, b))[0] for b in range(game.num_actions)] for a in range(game.num_actions)]
    corners = np.array(found, float)
    for mixture in grid(game.num_actions, parts):
        if regret_in(pay, mixture) == 0:  # one of those, or between those: the race's equilibria are a convex set
            gap = np.abs(corners - np.array(mixture, float)).sum(1).min()
            between = isinstance(game, Race) and len(found) > 1
            assert gap < 1e-12 or between, mixture


def test_pure_equilibria_by_brute_force_over_all_profiles():
    for game in SMALL:
        pure = {
            profile[0] for profile in itertools.product(range(game.num_actions), repeat=2) if profile[0] == profile[1]
            and all(game.pay((own, profile[1]))[0] <= game.pay(profile)[0] for own in range(game.num_actions))
        }  # fmt: skip
        assert pure == {mixture.index(1) for mixture in symmetric_equilibria(game) if 1 in mixture}
    three = Dealers(dealers=3)
    for mixture in symmetric_equilibria(three):
        assert three.exploitability([np.array(mixture, float)] * 3) == 0.0


def test_a_race_worked_by_hand():
    even = [tuple(Fraction(n, 4) for n in row) for row in ([2, 0, 2, 0], [0, 2, 0, 2])]
    # Prize 4, steps of 1, at most 3. Against half 0, half 2: 0 earns 1, 1 earns 1, 2 earns 1, 3 earns 1.
    assert regret(Race(steps=3, prize=4.0), even[0]) == 0
    assert set(symmetric_equilibria(Race(steps=3, prize=4.0))) >= {even[0]}
    thirds = tuple(Fraction(1, 3) for _ in range(3)) + (Fraction(0),)
    assert symmetric_equilibria(Race(steps=3, prize=3.0)) == [thirds]  # rent gone but for half a step's worth


def test_a_monopolist_would_quote_wider_than_any_equilibrium():
    game = Dealers()
    monopoly = max(range(game.num_actions), key=game.profit)
    assert game.nash_measure() == (3.0, 4.0) and monopoly == 7
    assert game.above_nash([np.eye(11)[7]] * 2) == 3.0
    assert game.above_nash([np.eye(11)[2]] * 2) == -1.0
    assert game.above_nash([np.eye(11)[3]] * 2) == 0.0


def test_dominated_actions_are_struck_out():
    race = Race(steps=6, prize=2.5)
    pay = [[race.pay((a, b))[0] for b in range(7)] for a in range(7)]
    assert undominated(pay) == [0, 1, 2]  # 3 steps cost more than the prize


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"Dealers\.informed"):
        Dealers(informed=1.5)
    with pytest.raises(ConfigError, match="oracle"):
        symmetric_equilibria(Race(racers=3))
    with pytest.raises(ConfigError, match="undominated"):
        symmetric_equilibria(Race(steps=20, prize=30.0))
    with pytest.raises(ConfigError, match="players"):
        population_play(Dealers(dealers=3))


# --- learners


@pytest.mark.parametrize("game", [Dealers(), Race()], ids=lambda g: g.name)
def test_psro_with_prd_ends_in_an_equilibrium(game):
    marks = population_play(game, "prd")
    assert marks[0].exploitability > 1.0
    assert marks[-1].exploitability < 0.05
    assert abs(marks[-1].above_nash) < 0.1


def test_psro_on_dealers_ends_in_a_pure_equilibrium_and_says_so_where_it_does_not():
    for solver in ("alpha-rank", "nash"):
        assert population_play(Dealers(), solver)[-1].exploitability == pytest.approx(0.0, abs=1e-9)
    # Nash of the zero-sum score is another game than the race: who wants to earn more than the other overspends.
    assert population_play(Race(), "nash")[-1].exploitability > 1.0


def test_psro_with_uniform_weights_is_fictitious_play():
    game = Race(steps=4, prize=3.5)
    by_psro = [m.exploitability for m in population_play(game, "uniform", iterations=30)]
    by_counting = {m.round: m.exploitability for m in fictitious_play(game, 30)}
    for number, exploitability in by_counting.items():
        assert by_psro[number] == pytest.approx(exploitability)


def test_answering_the_latest_self_cycles_in_the_race_where_the_average_settles():
    game = Race()
    latest = self_play(game, 200)
    assert all(mark.exploitability > 1.0 for mark in latest[-3:])
    average = fictitious_play(game, 3_000)
    assert average[-1].exploitability < 0.1 < average[2].exploitability


def test_independent_learners_are_measured_against_the_equilibrium():
    game = Dealers()
    runs = independent_q(game, rounds=4_000, runs=3, seed=1)
    assert [m.round for m in runs[0]] == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000]
    assert all(run[-1].above_nash >= 0 for run in runs)
    again = independent_q(game, rounds=4_000, runs=3, seed=1)
    assert runs == again
    learned = independent_gradient(Dealers(ticks=5, jump=3, patience=5), rounds=3_000, runs=3, seed=2)
    assert np.mean([run[-1].exploitability for run in learned]) < 0.5 * np.mean(
        [run[0].exploitability for run in learned]
    )
