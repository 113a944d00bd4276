"""The discrete model of Avellaneda and Stoikov in plain NumPy: parameters, fill chances, the paper's two strategies.

A strategy is a function of the step and an array of inventories that gives bid and ask offsets from the mid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsl_envs.participants.quotes import as_mean_spread, as_spread, base_spread

Strategy = Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsModel:
    """Parameters in the paper's letters; defaults are the paper's."""

    gamma: float = 0.1
    sigma: float = 2.0
    k: float = 1.5
    a: float = 140.0
    horizon: float = 1.0
    num_steps: int = 200
    fill: str = "linear"

    @property
    def dt(self) -> float:
        """Length of a step."""
        return self.horizon / self.num_steps

    def chances(self, offsets: np.ndarray) -> np.ndarray:
        """P(fill within a step) at these offsets from the mid, by the model's rule."""
        with np.errstate(over="ignore"):
            expected = self.a * self.dt * np.exp(-self.k * offsets)
        return np.minimum(expected, 1.0) if self.fill == "linear" else -np.expm1(-expected)

    def inventory_strategy(self) -> Strategy:
        """Quotes at r +- spread / 2 around the reservation price r = s - q gamma sigma^2 (T - t)."""
        lean = self.gamma * self.sigma * self.sigma

        def offsets(step: int, inventory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            left = self.horizon - step * self.dt
            half = 0.5 * as_spread(self.gamma, self.sigma, self.k, left)
            return half + lean * left * inventory, half - lean * left * inventory

        return offsets

    def symmetric_strategy(self) -> Strategy:
        """The constant spread that is the inventory strategy's mean, around the mid."""
        half = 0.5 * self.mean_spread

        def offsets(step: int, inventory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            same = np.full(len(inventory), half)
            return same, same

        return offsets

    @property
    def mean_spread(self) -> float:
        """Mean of the optimal spread over the steps."""
        return float(as_mean_spread(self.gamma, self.sigma, self.k, self.horizon, self.num_steps))

    @property
    def offset_bound(self) -> float:
        """No offset of the two strategies that matters is larger in size: beyond, a fill has no chance or is certain
        to have happened before (the chance is below e^-60 of one at the mid).
        """
        risk = self.gamma * self.sigma * self.sigma * self.horizon
        certain = max(0.0, math.log(self.a * self.dt)) / self.k
        return float(base_spread(self.gamma, self.k)) + certain + 60.0 / self.k + 2.0 * risk

    def environment(self) -> dict[str, Any]:
        """Keyword arguments that make `qsl/AvellanedaStoikov-v0` this model."""
        bound = self.offset_bound
        return {"horizon": self.horizon, "dt": self.dt, "sigma": self.sigma, "a": self.a, "k": self.k,
                "gamma": self.gamma, "fill": self.fill, "min_offset": -bound, "max_offset": bound}  # fmt: skip
