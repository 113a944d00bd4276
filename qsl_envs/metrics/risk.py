"""Risk of a path of P&L: ratios, drawdown, tail losses. Paths of episodes of different length are padded with NaN."""

from __future__ import annotations

import numpy as np

from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import constant, numbers, ratio


def sharpe(changes: np.ndarray, *, periods: float = 1.0) -> np.ndarray:
    """Mean over standard deviation of the changes of P&L, times sqrt(`periods`).

    Args:
        changes: float64 (..., step), P&L of each step in any unit; NaN steps are left out.
        periods: steps in the period that the ratio is of: 1 leaves it per step.
    Returns: float64 (...), no unit, more is better; NaN where fewer than two steps or no step differs.

    Source: Sharpe (1994), differential return against cash at no interest; sd with n - 1.
    """
    changes = numbers("sharpe", "changes", changes)
    _check_periods("sharpe", periods)
    mean, num = _mean(changes)
    spread = np.where(np.isnan(changes), 0.0, changes - mean[..., None])
    with np.errstate(invalid="ignore"):  # no steps: NaN
        deviation = np.sqrt(ratio((spread**2).sum(-1), np.maximum(num - 1, 0)))
    return ratio(mean, np.where(constant(changes), 0.0, deviation)) * np.sqrt(periods)


def sortino(changes: np.ndarray, *, target: float = 0.0, periods: float = 1.0) -> np.ndarray:
    """Mean change above `target` over the downside deviation, times sqrt(`periods`).

    The downside deviation is the root of the mean over ALL steps of min(change - target, 0)^2.

    Args:
        changes: float64 (..., step), P&L of each step; NaN steps are left out.
        target: what a step must earn, in the unit of `changes`.
        periods: as in `sharpe`.
    Returns: float64 (...), no unit, more is better; NaN where no step is below the target.

    Source: Sortino and Price (1994).
    """
    changes = numbers("sortino", "changes", changes)
    _check_periods("sortino", periods)
    require(bool(np.isfinite(target)), "sortino", "target", "finite", target, MetricError)
    above = changes - target
    mean, _ = _mean(above)
    downside, _ = _mean(np.minimum(above, 0.0) ** 2)
    return ratio(mean, np.sqrt(downside)) * np.sqrt(periods)


def drawdown(equity: np.ndarray) -> np.ndarray:
    """How far equity lies below its highest so far: float64 (..., step), >= 0, a cost; the unit of `equity`."""
    equity = numbers("drawdown", "equity", equity)
    return np.fmax.accumulate(equity, -1) - equity


def max_drawdown(equity: np.ndarray) -> np.ndarray:
    """Largest fall of equity from an earlier peak.

    Args:
        equity: float64 (..., step), with the starting equity as first step; NaN steps are left out.
    Returns: float64 (...), >= 0, a cost, in the unit of `equity`; NaN without any step.

    Source: Magdon-Ismail and Atiya (2004), in money, not in percent: equity may be 0.
    """
    falls = drawdown(equity)
    none = np.isnan(falls).all(-1)
    return np.where(none, np.nan, np.where(np.isnan(falls), 0.0, falls).max(-1, initial=0.0))


def value_at_risk(pnl: np.ndarray, level: float = 0.95) -> np.ndarray:
    """The loss that a share `level` of the episodes does not exceed: the smallest such loss in the sample.

    Args:
        pnl: float64 (..., episode), P&L at the end; NaN episodes are left out.
        level: in [0, 1).
    Returns: float64 (...), a loss is positive; the unit of `pnl`; NaN without episodes.

    Source: Rockafellar and Uryasev (2002), the lower quantile of the loss.
    """
    losses, num, _ = _tail("value_at_risk", pnl, level)
    # 1e-9 keeps a level such as 0.95 of 20 episodes, 19.000000000000004, at the 19th
    place = np.clip(np.ceil(level * num - 1e-9).astype(np.int64) - 1, 0, None)
    return np.take_along_axis(losses, place[..., None], -1)[..., 0]


def conditional_value_at_risk(pnl: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Mean loss over the worst share 1 - `level` of the episodes (expected shortfall).

    An episode at the border counts with the part of it that belongs to the tail: VaR + mean(max(loss - VaR, 0)) / (1 -
    level), so that the figure does not jump with the number of episodes, and is the mean loss at level 0.

    Args:
        pnl: float64 (..., episode), P&L at the end; NaN episodes are left out.
        level: in [0, 1).
    Returns: float64 (...), a loss is positive, never below `value_at_risk`; the unit of `pnl`.

    Source: Rockafellar and Uryasev (2002).
    """
    losses, num, level = _tail("conditional_value_at_risk", pnl, level)
    border = value_at_risk(pnl, level)
    beyond = np.where(np.isnan(losses), 0.0, np.maximum(losses - border[..., None], 0.0)).sum(-1)
    return border + ratio(beyond, num * (1.0 - level))


def _tail(owner: str, pnl: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Losses in rising order (NaN last), how many there are, and the checked level."""
    pnl = numbers(owner, "pnl", pnl)
    require(pnl.shape[-1] >= 1, owner, "pnl", "of at least one episode", pnl.shape, MetricError)
    require(0 <= level < 1, owner, "level", "in [0, 1)", level, MetricError)
    return np.sort(-pnl, -1), (~np.isnan(pnl)).sum(-1), float(level)


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the last axis without NaN, and how many values it is of."""
    held = ~np.isnan(values)
    num = held.sum(-1)
    return ratio(np.where(held, values, 0.0).sum(-1), num), num


def _check_periods(owner: str, periods: float) -> None:
    require(0 < periods < np.inf, owner, "periods", "> 0", periods, MetricError)
