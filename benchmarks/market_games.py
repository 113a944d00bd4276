"""The tables of the page on market games: exact equilibria, and how far from them each kind of learner ends.

Not a measure of speed: with the same seed every machine writes the same rows.
"""

from __future__ import annotations

import numpy as np

from benchmarks.report import Row, main
from leagues.games import Dealers, MarketGame, Race
from leagues.learners import study

PLAYED = (Dealers(), Race())
ALSO_SOLVED = (Dealers(informed=0.0), Dealers(informed=0.5), Dealers(dealers=3), Race(prize=8.0), Race(prize=4.0))
RUNS = 20


def market_games_equilibria(smoke: bool) -> list[Row]:
    """What the oracle finds for the default games and for others near them."""
    games: tuple[MarketGame, ...] = PLAYED[:1] if smoke else PLAYED + ALSO_SOLVED
    rows = []
    for game in games:
        for mixture in game.equilibria:
            mixtures = [mixture] * game.num_players
            rows.append(
                Row(**{
                    "game": words(game), "weights of the actions": " ".join(f"{weight:.3f}" for weight in mixture),
                    "measure": f"{game.measure(mixtures):.3f}", "payoff": f"{game.welfare(mixtures):.4f}",
                    "exploitability": f"{game.exploitability(mixtures):.1e}",
                })
            )  # fmt: skip
    return rows


def market_games_learners(smoke: bool) -> list[Row]:
    """Every kind of learner on the default games; learners that draw in `RUNS` markets, with the range over them."""
    rows = []
    for game in PLAYED[:1] if smoke else PLAYED:
        for studied in study(game, runs=2 if smoke else RUNS, seed=1, share=0.001 if smoke else 1.0):
            ends = np.array([marks[-1] for marks in studied.marks])
            rows.append(
                Row(**{
                    "game": game.name, "learner": studied.learner, "rounds": f"{ends[0, 0]:,.0f}",
                    "exploitability": spread(ends[:, 1], 3), "measure": spread(ends[:, 2], 2),
                    "above Nash": f"{ends[:, 3].mean():+.2f}", "payoff": spread(ends[:, 4], 3),
                })
            )  # fmt: skip
    return rows


def words(game: MarketGame) -> str:
    """A game, with what is not at its default."""
    changed = [f"{name} {value:g}" for name, value in vars(game).items()
               if name in type(game).__dataclass_fields__ and value != getattr(type(game)(), name)]  # fmt: skip
    return ", ".join([game.name, *changed])


def spread(values: np.ndarray, digits: int) -> str:
    """Mean and range over the runs."""
    mean = f"{values.mean():.{digits}f}"
    return mean if np.ptp(values) < 1e-9 else f"{mean} ({values.min():.{digits}f} to {values.max():.{digits}f})"


TABLES = {"market_games_equilibria": market_games_equilibria, "market_games_learners": market_games_learners}

if __name__ == "__main__":
    main(TABLES)
