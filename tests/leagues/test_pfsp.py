"""Matchmaking weights against worked numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leagues.pfsp import WinRates, pfsp
from qsl_envs.errors import ConfigError

RATES = (0.9, 0.5, 0.1)


def test_the_worked_numbers():
    np.testing.assert_allclose(pfsp(RATES, "hard", 1.0), np.array([0.1, 0.5, 0.9]) / 1.5)
    np.testing.assert_allclose(pfsp(RATES, "hard", 2.0), np.array([0.01, 0.25, 0.81]) / 1.07)
    np.testing.assert_allclose(pfsp(RATES, "hard"), pfsp(RATES, "hard", 2.0))
    np.testing.assert_allclose(pfsp(RATES, "var"), np.array([0.09, 0.25, 0.09]) / 0.43)


def test_unseen_pairs_count_as_even_and_a_floor_keeps_everyone_possible():
    np.testing.assert_allclose(pfsp([np.nan, 0.5], "hard"), 0.5)
    chances = pfsp([1.0, 0.0, 1.0], "hard", 2.0, floor=0.05)
    np.testing.assert_allclose(chances, [0.05, 0.9, 0.05])
    np.testing.assert_allclose(pfsp([1.0, 1.0], "hard"), 0.5)  # nobody is left to learn from: all alike


def test_bad_input_is_refused_by_name():
    with pytest.raises(ConfigError, match="weighting"):
        pfsp(RATES, "soft")
    with pytest.raises(ConfigError, match="floor"):
        pfsp(RATES, floor=0.4)
    with pytest.raises(ConfigError, match="win_rates"):
        pfsp([1.2, 0.0])


def test_win_rates_count_draws_half_and_forget():
    rates = WinRates()
    rates.record("a", "b", np.array([1.0, 2.0, 3.0, 0.0]), np.array([0.0, 2.0, 4.0, 0.0]))
    assert rates.rate("a", "b") == pytest.approx(0.5) and rates.rate("b", "a") == pytest.approx(0.5)
    rates.record("a", "c", np.ones(3), np.zeros(3))
    np.testing.assert_allclose(rates.rates("a", ["b", "c", "d"]), [0.5, 1.0, 0.5])
    assert rates.rate("c", "a") == 0.0
    rates.record("a", "a", np.ones(3), np.zeros(3))
    assert rates.rate("a", "a") == 0.5  # a player against itself tells nothing
    again = WinRates.from_dict(json.loads(json.dumps(rates.to_dict())))
    assert again.wins == rates.wins and again.games == rates.games
    rates.forget("c")
    assert rates.rate("a", "c") == 0.5 and rates.games.keys() == {("a", "b"), ("b", "a")}


def test_older_games_fade():
    rates = WinRates(memory=10.0)
    rates.record("a", "b", np.ones(100), np.zeros(100))
    rates.record("a", "b", np.zeros(100), np.ones(100))
    assert rates.rate("a", "b") < 0.01
