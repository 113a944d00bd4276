"""Settings of background flow."""

from __future__ import annotations

from dataclasses import dataclass

from qsl_envs.errors import require
from qsl_envs.settings import check_types


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorConfig:
    """How background flow leans towards the symbol's fundamental value.

    P(buy) = (1 + tilt g) / 2 with g = (value - mid) / ticks cut to [-1, 1]; the mid is that of the venue's shown
    book as the flow last saw both sides.
    """

    tilt: float = 0.5
    """of market orders, in [0, 1]"""
    limit_tilt: float = 0.0
    """of limit orders, in [0, 1]"""
    ticks: float = 4.0
    """distance of value and mid at which the lean is full"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("tilt", "limit_tilt"):
            require(0 <= getattr(self, name) <= 1, self, name, "in [0, 1]", getattr(self, name))
        require(0 < self.ticks <= 1e6, self, "ticks", "in (0, 1e6]", self.ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonFlowConfig:
    """Zero-intelligence flow of one book (Smith, Farmer, Gillemot and Krishnamurthy 2003).

    Limit orders fall evenly on the `ticks` prices beyond the opposite best; market orders and cancels that would take
    the last order of a side do nothing. Rates are per second.
    """

    market_rate: float = 1.0
    """market orders per second and side"""
    limit_rate: float = 0.5
    """limit orders per second, side and tick"""
    cancel_rate: float = 0.2
    """cancels per second and resting order: 1 / mean life"""
    ticks: int = 60
    """prices on which limit orders fall, counted from the opposite best"""
    qty_low: int = 1
    """lots of an order: drawn evenly from qty_low to qty_high"""
    qty_high: int = 1
    anchor: AnchorConfig | None = None
    """lean towards the fundamental value; None: each side is as likely as the other"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("market_rate", "limit_rate", "cancel_rate"):
            value = getattr(self, name)
            require(0 < value < 1e6, self, name, "a rate per second in (0, 1e6)", value)
        require(1 <= self.ticks <= 100_000, self, "ticks", "in [1, 100_000]", self.ticks)
        require(1 <= self.qty_low <= self.qty_high <= 10**6, self, "qty_high", "in [qty_low, 1_000_000], qty_low >= 1",
                (self.qty_low, self.qty_high))  # fmt: skip

    @property
    def total_rate(self) -> float:
        """Candidates per second: both sides' market and limit orders."""
        return 2 * self.market_rate + 2 * self.limit_rate * self.ticks

    @property
    def mean_orders(self) -> float:
        """Resting orders to expect (an upper bound: births times mean life)."""
        return 2 * self.limit_rate * self.ticks / self.cancel_rate
