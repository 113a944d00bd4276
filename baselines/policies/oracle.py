"""The best that can be done in `qsl/AvellanedaStoikov-v0`, known exactly: a policy to hold learners against.

The model is small enough for backward dynamic programming over (time, inventory); `qsl_envs.theory.as_oracle` does it
for exponential utility under both rules of filling. What its policy is worth inside an environment, whose actions are
bounded, follows exactly from a recursion (`qsl_envs.theory.as_exact`): nothing here is simulated.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from baselines.intervals import Estimate
from baselines.policies.desk import MODEL, Desk
from baselines.policies.protocol import Scripted
from qsl_envs.theory.as_exact import exact_moments
from qsl_envs.theory.as_model import AsModel
from qsl_envs.theory.as_oracle import solve

BOUND = 40
"""Lots, long or short, that the table covers where the environment has no limit: an optimal agent stays far within."""
RESAMPLES = 2000


class Optimum(NamedTuple):
    """What the optimal policy gives in an episode that starts flat."""

    certainty_equivalent: float
    """-log(E[exp(-gamma P&L)]) / gamma; the mean at gamma 0"""
    pnl_mean: float
    pnl_sd: float
    gamma: float


@dataclass(frozen=True)
class Optimal(Scripted):
    """Quotes that maximise the expected utility of the final P&L, cut to what the action allows.

    Utility is exponential; at risk aversion 0 it is the P&L itself, and quotes do not depend on the inventory.
    """

    risk_aversion: float = -1.0
    """gamma, per unit of price and lot; negative: the one of the environment's settings"""
    name: ClassVar[str] = "optimal"
    kinds: ClassVar[frozenset[str]] = frozenset({MODEL})

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        bid, ask = self.offsets(self.desk.slice(obs), self.desk.lots(obs)[:, 0])
        return self.desk.quotes(bid[:, None], ask[:, None], 1.0, 1.0)

    @property
    def model(self) -> AsModel:
        """The environment's model, with this policy's risk aversion."""
        assert self.desk.model is not None
        gamma = self.desk.model.gamma if self.risk_aversion < 0 else self.risk_aversion
        return dataclasses.replace(self.desk.model, gamma=gamma)

    def offsets(self, step: Any, inventory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bid and ask offsets at a step, as the environment cuts them, float64 of the inventories' shape."""
        d = self.desk
        bound = BOUND if d.model_limit is None else max(d.model_limit, 1)
        bids, asks = _table(self.model, bound)
        row = np.clip(np.asarray(inventory, np.int64), -bound, bound) + bound
        cut = (np.clip(table[step, row], d.min_offset, d.max_offset) for table in (bids, asks))
        return next(cut), next(cut)


def optimum(envs: Any, risk_aversion: float = -1.0) -> Optimum:
    """What `Optimal` gives in an environment, exactly: the target of a learner.

    Args:
        envs: `qsl/AvellanedaStoikov-v0` in its vector form; its inventory limit is respected.
        risk_aversion: see `Optimal`; the certainty equivalent is at the same one.
    """
    envs = getattr(envs, "unwrapped", envs)
    policy = Optimal(Desk.of(envs), risk_aversion)
    moments = exact_moments(policy.model, policy.offsets, policy.desk.model_limit)
    return Optimum(moments.certainty_equivalent, moments.pnl_mean, moments.pnl_sd, policy.model.gamma)


@functools.lru_cache(maxsize=16)
def _table(model: AsModel, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """Optimal bid and ask offsets, float64 (step, 2 bound + 1); inf where the bound forbids the side."""
    if model.gamma > 0:
        found = solve(model, bound)
        return found.bid, found.ask
    same = np.full((model.num_steps, 2 * bound + 1), neutral_offset(model))
    return same, same


def neutral_offset(model: AsModel) -> float:
    """The offset d that maximises p(d) d, what a quote earns on average: 1 / k under the linear rule while fewer than e
    fills are expected at the mid; else where the fill becomes certain. The other rule has its maximum beyond 1 / k.
    """
    certain = math.log(model.a * model.dt) / model.k if model.a > 0 else -math.inf
    if model.fill == "linear":
        return max(1.0 / model.k, certain)
    # p = 1 - exp(-y), y = a dt exp(-k d): p = d k y exp(-y), by bisection: the left side falls slower than the right
    low, high = 0.0, 1.0 / model.k + max(certain, 0.0) + 60.0 / model.k
    for _ in range(200):
        middle = 0.5 * (low + high)
        y = math.exp(model.k * (certain - middle)) if certain > -math.inf else 0.0
        if y == 0.0 or -math.expm1(-y) < middle * model.k * y * math.exp(-y):
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


def certainty_equivalent(pnl: np.ndarray, gamma: float, seed: int = 0) -> Estimate:
    """-log(mean(exp(-gamma P&L))) / gamma over worlds, with its 95 % percentile bootstrap interval; the mean at 0.

    Args:
        pnl: float64 (world,).
    """
    pnl = np.asarray(pnl, np.float64)

    def of(sample: np.ndarray) -> np.ndarray:
        if gamma == 0:
            return sample.mean(-1)
        lowest = sample.min(-1, keepdims=True)
        return lowest[..., 0] - np.log(np.exp(-gamma * (sample - lowest)).mean(-1)) / gamma

    chance = np.random.default_rng(seed)
    drawn = np.array([of(pnl[chance.integers(0, pnl.size, pnl.size)]) for _ in range(RESAMPLES)])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(of(pnl)), float(low), float(high))
