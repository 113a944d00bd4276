"""Distilling: a policy of the market-making environment is cloned into a program, from which a search may start.

The policy acts, what a program would know is written down beside what the policy asks for, and each of the three
formulas is fitted: a constant and at most a few scaled inputs, chosen one by one by how much of the rest they explain
(orthogonal matching pursuit; Pati, Rezaiifar and Krishnaprasad 1993). What a formula explains is reported, not assumed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from baselines.policies.desk import QUOTES, Desk
from evolve.alpha import Alpha, TradeSettings
from evolve.expression import INPUT_NAMES, Expression, constant, evaluate, parse
from evolve.grow import rounded
from evolve.policy import Inputs, gain_scale_of
from qsl_envs.errors import require

FEATURES = (
    *(name for name in INPUT_NAMES if name != "inventory_share"), "abs(inventory)", "abs(mid_change_slow)",
    "tanh(0.1 * inventory)", "inventory * time_left",
)  # fmt: skip
"""Formulas that a fit may scale and add."""
TOLERANCE = 0.002
"""A term that explains less of the variance than that is left out."""


class Distilled(NamedTuple):
    """A program, and how much of its teacher is in it."""

    alpha: Alpha
    explained: dict[str, float]
    """formula -> share of the variance of what the policy asked for that it explains, on rows that it was not fitted on
    (1: it asks for the same; 0: no better than a constant)"""


def record(policy: Any, envs: Any, steps: int, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Let a policy act in market-making environments; (inputs, asked), each name -> float64 (steps x envs,).

    Args:
        envs: a vector environment that resets in the same step.
        seed: of its first world.
    """
    desk = Desk.of(envs)
    require(desk.kind == QUOTES, "distill", "envs", "of a market-making task with quotes", desk.kind)
    inputs = Inputs(desk, int(desk.inventory_scale), gain_scale_of(envs))
    obs, _ = envs.reset(seed=seed)
    seeds = seed + np.arange(len(obs))
    policy.reset(seeds)
    inputs.reset(len(obs))
    seen, asked = [], []
    for _ in range(steps):
        seen.append(inputs(obs))
        action = policy(obs)
        asked.append(np.array(action, np.float64))
        obs, _, terminated, truncated, _ = envs.step(action)
        if (terminated | truncated).any():
            break
    share = (np.clip(np.concatenate(asked), -1.0, 1.0) + 1.0) / 2.0
    offsets = desk.min_offset + share[:, :2] * (desk.max_offset - desk.min_offset)
    known = {name: np.concatenate([row[name] for row in seen]) for name in INPUT_NAMES}
    return known, {
        "skew": (offsets[:, 1] - offsets[:, 0]) / 2.0,
        "half_spread": (offsets[:, 1] + offsets[:, 0]) / 2.0,
        "size": share[:, 2:].mean(1) * desk.max_quote_qty,
    }


def fit(known: dict[str, np.ndarray], target: np.ndarray, terms: int = 3) -> tuple[Expression, float]:
    """A constant and at most `terms` scaled features that come near to a target; and the share that it explains.

    Every fourth row is kept for the share and not fitted on.
    """
    held = np.arange(len(target)) % 4 == 3
    columns = {text: np.broadcast_to(evaluate(parse(text), known), target.shape) for text in FEATURES}
    usable = [text for text, values in columns.items() if values[~held].std() > 1e-9]
    chosen: list[str] = []
    total = float(((target[~held] - target[~held].mean()) ** 2).mean())
    left, weights = target[~held] - target[~held].mean(), np.array([target[~held].mean()])
    error = total
    while len(chosen) < terms and total > 1e-12:
        gains = {text: abs(_correlation(columns[text][~held], left)) for text in usable if text not in chosen}
        if not gains:
            break
        trial = [*chosen, max(gains, key=lambda text: gains[text])]
        design = np.column_stack([np.ones((~held).sum()), *(columns[text][~held] for text in trial)])
        found = np.linalg.lstsq(design, target[~held], rcond=None)[0]
        rest = target[~held] - design @ found
        if error - float((rest**2).mean()) < TOLERANCE * total:
            break
        chosen, weights, left, error = trial, found, rest, float((rest**2).mean())
    tree = constant(rounded(float(weights[0])))
    for text, weight in zip(chosen, weights[1:]):
        scaled = Expression("*", (constant(rounded(float(weight))), parse(text)))
        tree = Expression("+", (tree, scaled))
    truth, told = target[held], np.broadcast_to(evaluate(tree, known), target.shape)[held]
    spread = float(((truth - truth.mean()) ** 2).mean())
    return tree, 1.0 - float(((truth - told) ** 2).mean()) / spread if spread > 1e-12 else 1.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a = a - a.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 1e-12 else 0.0


def distill(policy: Any, envs: Any, *, steps: int = 300, seed: int = 0, terms: int = 3,
            settings: TradeSettings | None = None, name: str = "") -> Distilled:  # fmt: skip
    """Clone a policy into a maker.

    Args:
        envs: vector environment of `qsl/MarketMaking-v0` or one like it.
        steps: of the record, at most an episode.
        terms: of a formula, at most.
    """
    known, asked = record(policy, envs, steps, seed)
    fitted = {part: fit(known, values, terms) for part, values in asked.items()}
    trees = tuple(tree for tree, _ in fitted.values())
    alpha = Alpha(kind="maker", trees=trees, settings=settings or TradeSettings(),
                  name=name or f"{getattr(policy, 'name', 'policy')}, distilled")  # fmt: skip
    return Distilled(alpha, {part: share for part, (_, share) in fitted.items()})
