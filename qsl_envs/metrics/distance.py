"""Distances between two samples of one statistic: L1 of histograms, and Wasserstein-1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import numbers

ROUNDING = 1e-9
"""Share of the mass that a sum of weights may be off by."""


@dataclass(frozen=True)
class Sample:
    """Values with weights (>= 0, any sum > 0; None: all equal), float64 (item,).

    `shares` are the weights over their sum.
    """

    values: np.ndarray
    weights: np.ndarray | None = None
    shares: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        values = numbers("Sample", "values", self.values, 1)
        require(len(values) > 0, "Sample", "values", "of at least one item", 0, MetricError)
        require(not np.isnan(values).any(), "Sample", "values", "without NaN", "NaN", MetricError)
        weights = np.ones(len(values)) if self.weights is None else numbers("Sample", "weights", self.weights, 1)
        require(len(weights) == len(values), "Sample", "weights", f"of length {len(values)}", len(weights), MetricError)
        good = bool((weights >= 0).all()) and weights.sum() > 0
        require(good, "Sample", "weights", ">= 0, with a sum > 0", float(weights.min()), MetricError)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "shares", weights / weights.sum())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        """Weighted mean."""
        return float((self.values * self.shares).sum())

    @property
    def deviation(self) -> float:
        """Weighted standard deviation around the mean."""
        return float(np.sqrt((self.shares * (self.values - self.mean) ** 2).sum()))

    def quantiles(self, shares: Sequence[float]) -> np.ndarray:
        """The smallest values whose share of the mass reaches `shares`, float64 (share,)."""
        order = np.argsort(self.values, kind="stable")
        reached = np.cumsum(self.shares[order])
        at = np.searchsorted(reached, np.asarray(shares, np.float64) - ROUNDING)
        return self.values[order][np.minimum(at, len(order) - 1)]

    def over(self, divisor: float) -> Sample:
        """The values divided by a positive number."""
        require(divisor > 0, "Sample.over", "divisor", "> 0", divisor, MetricError)
        return Sample(self.values / divisor, self.shares)


def wasserstein(a: Sample, b: Sample) -> float:
    """Wasserstein-1 (earth mover's) distance: the area between the two distribution functions.

    Returns: in the unit of the values, >= 0; 0 for equal distributions.

    Source: Vallender (1974).
    """
    points = np.union1d(a.values, b.values)
    gap = np.abs(_shares_up_to(a, points) - _shares_up_to(b, points))
    return float((gap[:-1] * np.diff(points)).sum())


def histogram_l1(a: Sample, b: Sample, edges: np.ndarray) -> float:
    """Sum over bins of the size of the difference of shares: twice the total variation distance of the histograms.

    Args:
        edges: rising borders, float64 (edge,); a bin holds what is above its lower and up to its upper border, and the
            first and the last bin are open: len(edges) + 1 bins.
    Returns: in [0, 2]; 0: every bin holds as much of either; 2: no bin holds both.

    Source: LOB-Bench (Nagy et al., 2025).
    """
    edges = numbers("histogram_l1", "edges", edges, 1)
    rising = len(edges) >= 1 and bool((np.diff(edges) > 0).all())
    require(rising, "histogram_l1", "edges", "at least one, rising", edges.tolist(), MetricError)
    shares = [np.diff(_shares_up_to(sample, edges), prepend=0.0, append=1.0) for sample in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum())


def _shares_up_to(sample: Sample, points: np.ndarray) -> np.ndarray:
    """Share of the mass at or below each point: the distribution function."""
    order = np.argsort(sample.values, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(sample.shares[order])])
    return np.minimum(reached / reached[-1], 1.0)[np.searchsorted(sample.values[order], points, side="right")]
