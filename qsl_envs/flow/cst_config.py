"""Settings of the flow of Cont, Stoikov and Talreja (2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qsl_envs.errors import require
from qsl_envs.flow.config import FlowConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class CstFlowConfig(FlowConfig):
    """A Markov book whose rates depend on the distance from the opposite best price, in ticks, from 1 on.

    Limit orders come at `limit_rates[d - 1]` at distance d, none beyond the list; each order is cancelled at
    `cancel_rates[d - 1]`, where d is its distance at that moment and the last rate holds beyond the list. Defaults are
    those of the paper's table. Market orders and cancels that would take the last order of a side do nothing.
    """

    kind: Literal["cst"] = "cst"
    limit_rates: tuple[float, ...] = (1.85, 1.51, 1.09, 0.88, 0.77)
    """limit orders per second and side, by distance"""
    market_rate: float = 0.94
    """market orders per second and side"""
    cancel_rates: tuple[float, ...] = (0.71, 0.81, 0.68, 0.56, 0.47)
    """cancels per second and order, by distance"""

    def __post_init__(self) -> None:
        self.check("market_rate")
        self.check_rates("limit_rates", self.limit_rates)
        self.check_rates("cancel_rates", self.cancel_rates, least=1e-9)
        for name in ("limit_rates", "cancel_rates"):
            count = len(getattr(self, name))
            require(count <= 1_000, self, name, "at most 1_000 distances", count)

    @property
    def cancel_rate(self) -> float:
        """Largest cancel rate: the rate of an order's cancel clock, whose ticks are thinned."""
        return max(self.cancel_rates)

    @property
    def total_rate(self) -> float:
        """Orders per second of both sides."""
        return 2 * (self.market_rate + sum(self.limit_rates))

    @property
    def mean_orders(self) -> float:
        """Resting orders to expect (an upper bound: births times the longest mean life)."""
        return 2 * sum(self.limit_rates) / min(self.cancel_rates)

    @property
    def start_means(self) -> tuple[float, ...]:
        """Orders to expect at each distance of a new book."""
        rates = [self.cancel_rates[min(d, len(self.cancel_rates) - 1)] for d in range(len(self.limit_rates))]
        return tuple(rate / gone for rate, gone in zip(self.limit_rates, rates))

    @property
    def relax_ns(self) -> int:
        """Longest mean life of an order."""
        return int(1e9 / min(self.cancel_rates))
