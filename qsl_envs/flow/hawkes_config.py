"""Settings of self-exciting flow: a multivariate Hawkes process of six types of orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from qsl_envs.errors import require
from qsl_envs.flow.config import RATE_MAX, FlowConfig

TYPES = ("market_buy", "market_sell", "limit_buy", "limit_sell", "cancel_buy", "cancel_sell")
"""Types of events; `cancel_buy` cancels a resting buy order. Type ^ 1 is the same of the other side."""
Matrix = tuple[tuple[float, ...], ...]


def symmetric(blocks: tuple[tuple[tuple[float, float], ...], ...]) -> Matrix:
    """A 6 x 6 matrix of which buy and sell are mirror images.

    Args:
        blocks: `blocks[i][j]` is (same side, other side) for children of kind i of a parent of kind j; kinds are
            market, limit, cancel.
    """
    return tuple(
        tuple(float(blocks[i // 2][j // 2][(i ^ j) & 1]) for j in range(len(TYPES))) for i in range(len(TYPES))
    )


JUMPS = symmetric((
    # parent: market               limit              cancel
    ((1.6, 0.1), (0.02, 0.02), (0.02, 0.03)),  # children that are market orders
    ((0.4, 2.0), (0.8, 0.2), (1.0, 0.2)),  # limit orders: the side that was hit is filled up
    ((0.2, 1.6), (0.6, 0.3), (0.6, 0.1)),  # cancels
))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HawkesFlowConfig(FlowConfig):
    """Order flow that excites itself: intensity of type i = base_rates[i] + sum over past events of type j at time s of
    jumps[i][j] exp(-decays[i][j] (t - s)).

    The process is that of the candidates, whether or not the book lets them act; the orders of participants excite it
    too (unless `reactive` is False). Types are `TYPES`. Limit orders stand at distance d = 1, 2, ... from the opposite
    best price with weights `distances`; a cancel takes one of the flow's orders of its side, each as likely as the
    other, with probability (orders of the side) / `full_orders`, at most 1. The profile and the headroom act on the
    base rates.
    """

    clocks: ClassVar[bool] = False
    answers: ClassVar[bool] = True

    kind: Literal["hawkes"] = "hawkes"
    base_rates: tuple[float, ...] = (0.8, 0.8, 6.0, 6.0, 12.0, 12.0)
    """per second, by type"""
    jumps: Matrix = JUMPS
    """jumps[i][j]: by how much an event of type j raises the intensity of type i, per second"""
    decays: Matrix = ((4.0,) * 6,) * 6
    """decays[i][j]: per second"""
    distances: tuple[float, ...] = (5.0, 4.0, 3.0, 2.5, 2.0, 1.6, 1.3, 1.0, 0.8, 0.6)
    """weights of the distances of a limit order from the opposite best, from one tick on"""
    full_orders: int = 100
    """orders on a side at which every cancel candidate acts"""

    def __post_init__(self) -> None:
        self.check()
        self.check_rates("base_rates", self.base_rates)
        require(len(self.base_rates) == len(TYPES), self, "base_rates", f"{len(TYPES)} rates", self.base_rates)
        for name, least in (("jumps", 0.0), ("decays", 1e-6)):
            rows = getattr(self, name)
            square = len(rows) == len(TYPES) and all(len(row) == len(TYPES) for row in rows)
            require(square, self, name, f"{len(TYPES)} rows of {len(TYPES)} numbers", rows)
            fine = all(least <= x < RATE_MAX for row in rows for x in row)
            require(fine, self, name, f"numbers in [{least:g}, 1e6)", rows)
        radius = self.radius
        require(radius < 0.99, self, "jumps", "such that the spectral radius of jumps / decays is < 0.99",
                round(radius, 4))  # fmt: skip
        born, gone = self.rates[2:4], self.rates[4:6] + self.rates[1::-1]
        require(bool((born < gone).all() or born.max() == 0), self, "base_rates",
                "such that fewer limit orders come to a side than market orders and cancels could take away",
                [round(float(x), 2) for x in self.rates])  # fmt: skip
        self.check_rates("distances", self.distances)
        require(len(self.distances) <= 1_000, self, "distances", "at most 1_000", len(self.distances))
        require(1 <= self.full_orders <= 10**6, self, "full_orders", "in [1, 1_000_000]", self.full_orders)

    @property
    def branching(self) -> np.ndarray:
        """Children of type i that an event of type j has in the mean, float64 (6, 6)."""
        return np.array(self.jumps) / np.array(self.decays)

    @property
    def radius(self) -> float:
        """Spectral radius of the branching matrix; below 1 the process is stationary."""
        return float(np.abs(np.linalg.eigvals(self.branching)).max())

    @property
    def rates(self) -> np.ndarray:
        """Stationary rates of the candidates by type, per second, float64 (6,): (I - branching)^-1 base_rates."""
        return np.linalg.solve(np.eye(len(TYPES)) - self.branching, np.array(self.base_rates))

    @property
    def mean_pending(self) -> float:
        """Children that are to come at a time, in the mean, at the largest factor of the profile."""
        return self.top * float((self.rates * (self.branching / np.array(self.decays))).sum())

    @property
    def mean_orders(self) -> float:
        """Resting orders to expect, no more than it takes for all cancels to act."""
        return 2.0 * self.full_orders

    @property
    def relax_ns(self) -> int:
        """Time in which the cancels turn a full book over, and no less than the memory of the process."""
        cancels = max(min(self.rates[4:]), 1e-3)
        memory = 1 / (float(np.min(self.decays)) * (1 - self.radius))
        return round(max(self.full_orders / cancels, memory) * 100) * 10_000_000  # no last bits of a linear solver

    @property
    def start_means(self) -> tuple[float, ...]:
        """Orders to expect at each distance of a new book, half a full one."""
        total = sum(self.distances)
        return tuple(0.5 * self.full_orders * w / total for w in self.distances)
