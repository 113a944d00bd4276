"""Exact moments of a strategy in the discrete Avellaneda-Stoikov model, by a recursion over its inventory.

With X the marked wealth gained so far, E[X; q], E[X^2; q] and E[exp(-gamma X); q] at a step follow from those at the
step before: four outcomes of the two fills, then a coin for the mid. Nothing is simulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qsl_envs.theory.as_model import AsModel, Strategy

START_BOUND = 48
ROUNDING = 1e-12
"""Of E[X^2]: a variance below is what the subtraction has left over."""
LEAK = 1e-13
"""Share of the probability, and of E[exp(-gamma X)], that may sit at the ends of the grid of inventories."""


@dataclass(frozen=True, slots=True)
class AsMoments:
    """What a strategy gives by the horizon."""

    pnl_mean: float
    pnl_sd: float
    inventory_mean: float
    inventory_sd: float
    spread_mean: float
    certainty_equivalent: float
    """-log(E[exp(-gamma P&L)]) / gamma, the mean at gamma = 0"""


def exact_moments(model: AsModel, strategy: Strategy, max_inventory: int | None = None) -> AsMoments:
    """Moments of the P&L and the final inventory of a strategy that starts flat.

    Args:
        max_inventory: fills beyond are refused; None: no limit (the grid grows until nothing is lost).
    """
    bound = max_inventory if max_inventory is not None else min(START_BOUND, model.num_steps)
    while True:
        moments, leak = _recursion(model, strategy, bound)
        if max_inventory is not None or leak < LEAK or bound >= model.num_steps:
            return moments
        bound = min(2 * bound, model.num_steps)


def _recursion(model: AsModel, strategy: Strategy, bound: int) -> tuple[AsMoments, float]:
    q = np.arange(-bound, bound + 1, dtype=np.float64)
    gamma = model.gamma
    move = model.sigma * math.sqrt(model.dt)
    here = np.zeros((4, len(q)))  # probability, E[X], E[X^2], E[exp(-gamma X)] by inventory
    here[0, bound] = here[3, bound] = 1.0
    log_scale = leak = quoted = 0.0
    tilt = gamma * move * np.abs(q)
    log_cosh = tilt + np.log1p(np.exp(-2.0 * tilt)) - math.log(2.0)
    for step in range(model.num_steps):
        bid, ask = strategy(step, q)
        buy, sell = model.chances(bid), model.chances(ask)
        buy[-1] = sell[0] = 0.0  # the limit
        bid, ask = np.where(np.isfinite(bid), bid, 0.0), np.where(np.isfinite(ask), ask, 0.0)  # inf: no quote
        quoted += float((here[0] * (bid + ask)).sum())
        after = np.zeros_like(here)
        for change, chance, earned in (
            (0, (1 - buy) * (1 - sell), np.zeros(len(q))),
            (0, buy * sell, bid + ask),
            (1, buy * (1 - sell), bid),
            (-1, (1 - buy) * sell, ask),
        ):
            p, x, xx, u = here * chance
            with np.errstate(over="ignore", invalid="ignore"):
                tilted = np.where(u > 0, u * np.exp(-gamma * earned), 0.0)
            moved = np.stack([p, x + earned * p, xx + 2 * earned * x + earned * earned * p, tilted])
            if change == 0:
                after += moved
            elif change == 1:
                after[:, 1:] += moved[:, :-1]
            else:
                after[:, :-1] += moved[:, 1:]
        after[2] += (q * move) ** 2 * after[0]
        with np.errstate(divide="ignore"):
            log_u = np.log(after[3]) + log_cosh
        top = float(log_u.max())
        after[3] = np.exp(log_u - top)
        log_scale += top
        here = after
        leak = max(leak, *(float((ends[0] + ends[-1]) / ends.sum()) for ends in (here[0], here[3])))
    p, x, xx, u = here
    mean, square = float(x.sum()), float(xx.sum())
    variance = square - mean * mean
    q_mean = float((q * p).sum())
    equivalent = -(math.log(float(u.sum())) + log_scale) / gamma if gamma > 0 else mean
    moments = AsMoments(
        pnl_mean=mean,
        pnl_sd=math.sqrt(variance) if variance > ROUNDING * square else 0.0,
        inventory_mean=q_mean,
        inventory_sd=math.sqrt(max(0.0, float((q * q * p).sum()) - q_mean * q_mean)),
        spread_mean=quoted / model.num_steps,
        certainty_equivalent=equivalent,
    )
    return moments, leak
