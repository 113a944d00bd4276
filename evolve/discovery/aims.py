"""What a search is after: objectives of a program's P&L over worlds, and of the program itself. More is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evolve.alpha import Alpha
from evolve.statistics.honesty import moments

Objective = Callable[[Alpha, np.ndarray, np.ndarray], float]
"""Of an alpha, its P&L float64 (world,) in ticks x lots, and the regime of each world, str (world,)."""


def _by_regime(pnl: np.ndarray, regimes: np.ndarray) -> list[np.ndarray]:
    return [pnl[regimes == regime] for regime in sorted(set(regimes.tolist()))]


def mean_pnl(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Mean P&L of a world."""
    return float(pnl.mean())


def sharpe(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Mean over standard deviation of P&L over worlds; 0 for a program that does not trade."""
    return moments(pnl).sharpe


def worst_pnl(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Mean P&L in the regime where it is least."""
    return min(float(part.mean()) for part in _by_regime(pnl, regimes))


def worst_sharpe(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Sharpe ratio over worlds in the regime where it is least."""
    return min(moments(part).sharpe for part in _by_regime(pnl, regimes))


def tail(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Mean P&L of the worst tenth of the worlds."""
    return float(np.sort(pnl)[: max(1, round(0.1 * len(pnl)))].mean())


def brevity(alpha: Alpha, pnl: np.ndarray, regimes: np.ndarray) -> float:
    """Minus the words of the program: parsimony."""
    return -float(alpha.words)


OBJECTIVES: dict[str, Objective] = {
    "pnl": mean_pnl, "sharpe": sharpe, "worst": worst_pnl, "worst_sharpe": worst_sharpe, "tail": tail,
    "words": brevity,
}  # fmt: skip
"""By the names that settings use."""
