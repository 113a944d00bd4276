"""Prioritized fictitious self-play (Vinyals et al. 2019): whom to meet, given how one fares against each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qsl_envs.errors import require

UNSEEN = 0.5
"""Win rate of a pair that has not met."""


def hard(win_rates: np.ndarray, power: float = 2.0) -> np.ndarray:
    """(1 - x)^p: those who win most come most."""
    return (1.0 - win_rates) ** power


def var(win_rates: np.ndarray, power: float = 1.0) -> np.ndarray:
    """(x (1 - x))^p: those of about equal strength come most."""
    return (win_rates * (1.0 - win_rates)) ** power


WEIGHTINGS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {"hard": hard, "var": var}


def pfsp(win_rates: Sequence[float] | np.ndarray, weighting: str = "hard", power: float | None = None,
         floor: float = 0.0) -> np.ndarray:  # fmt: skip
    """Chances of meeting each opponent, float64 (n,).

    Args:
        win_rates: of the student against each opponent, in [0, 1]; NaN for a pair that has not met counts as 0.5.
        weighting: "hard" or "var".
        power: exponent p; None: 2 for "hard", 1 for "var".
        floor: least chance of an opponent, in [0, 1 / n]; what is left is shared by the weights.

    Where all weights are 0 (the student always wins) all chances are equal.
    """
    require(weighting in WEIGHTINGS, "pfsp", "weighting", f"one of {', '.join(WEIGHTINGS)}", weighting)
    rates = np.asarray(win_rates, np.float64)
    rates = np.where(np.isnan(rates), UNSEEN, rates)
    require(rates.ndim == 1 and rates.size > 0, "pfsp", "win_rates", "one an opponent", win_rates)
    require(bool(((rates >= 0) & (rates <= 1)).all()), "pfsp", "win_rates", "in [0, 1]", win_rates)
    require(0 <= floor <= 1 / rates.size, "pfsp", "floor", f"in [0, {1 / rates.size:g}]", floor)
    weights = WEIGHTINGS[weighting](rates) if power is None else WEIGHTINGS[weighting](rates, power)
    total = weights.sum()
    shares = weights / total if total > 0 else np.full(rates.size, 1 / rates.size)
    return floor + (1.0 - floor * rates.size) * shares


class WinRates:
    """How often each player did better than each other one; older games fade.

    A game counts 1 for who earned more, 1/2 for both when they earned the same.

    Args:
        memory: games that a pair remembers, about: a new one leaves the older ones `1 - 1 / memory` of their weight.
    """

    def __init__(self, memory: float = 2000.0) -> None:
        require(memory >= 1, self, "memory", ">= 1 game", memory)
        self.memory = memory
        self.wins: dict[tuple[str, str], float] = {}
        self.games: dict[tuple[str, str], float] = {}

    def record(self, player: str, opponent: str, scores: np.ndarray, others: np.ndarray) -> None:
        """Take in games of a pair: what each of the two earned, float64 (n,)."""
        scores, others = np.asarray(scores, np.float64), np.asarray(others, np.float64)
        n = len(scores)
        if n == 0 or player == opponent:
            return
        won = float((scores > others).sum() + 0.5 * (scores == others).sum())
        keep = (1.0 - 1.0 / self.memory) ** n
        for pair, gained in (((player, opponent), won), ((opponent, player), n - won)):
            self.wins[pair] = keep * self.wins.get(pair, 0.0) + gained
            self.games[pair] = keep * self.games.get(pair, 0.0) + n

    def rate(self, player: str, opponent: str) -> float:
        """Share of games that the player won; 0.5 for a pair that has not met."""
        games = self.games.get((player, opponent), 0.0)
        return self.wins[player, opponent] / games if games else UNSEEN

    def rates(self, player: str, opponents: Sequence[str]) -> np.ndarray:
        """`rate` against each, float64 (n,)."""
        return np.array([self.rate(player, opponent) for opponent in opponents])

    def forget(self, player: str) -> None:
        """Drop what is known of a player: it begins anew."""
        for table in (self.wins, self.games):
            for pair in [pair for pair in table if player in pair]:
                del table[pair]

    def to_dict(self) -> dict[str, list]:
        """Plain values, for a checkpoint."""
        return {"pairs": [[a, b, self.wins[a, b], self.games[a, b]] for a, b in self.wins], "memory": [self.memory]}

    @classmethod
    def from_dict(cls, saved: dict[str, list]) -> WinRates:
        """What `to_dict` gave."""
        made = cls(saved["memory"][0])
        for a, b, wins, games in saved["pairs"]:
            made.wins[a, b], made.games[a, b] = wins, games
        return made
