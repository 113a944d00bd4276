"""Settings that every background flow has, and those of the Poisson flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from qsl_envs.errors import require
from qsl_envs.settings import check_types

DAY_NS = 86_400_000_000_000
RATE_MAX = 1e6


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
class ProfileStep:
    """From this time of the session on, all rates are `factor` times their base."""

    at_ns: int
    factor: float

    def __post_init__(self) -> None:
        check_types(self)
        require(0 <= self.at_ns <= DAY_NS, self, "at_ns", "in [0, one day]", self.at_ns)
        require(0 <= self.factor <= 1e3, self, "factor", "in [0, 1000]", self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """What all models share. Rates are per second, of the whole book unless a side is named."""

    clocks: ClassVar[bool] = True
    """each order has its own cancel clock"""
    answers: ClassVar[bool] = False
    """rates depend on what participants do: impact is more than mechanical"""

    qty_low: int = 1
    """lots of an order: drawn evenly from qty_low to qty_high"""
    qty_high: int = 1
    anchor: AnchorConfig | None = None
    """lean towards the fundamental value; None: each side is as likely as the other"""
    profile: tuple[ProfileStep, ...] = ()
    """intraday profile by rising time; before its first step the factor is 1"""
    headroom: float = 1.0
    """factor up to which a schedule of regimes may raise the rates: candidates come so much faster, and are thinned"""
    reactive: bool = True
    """False: an ablation, the flow does not see the orders of participants (it does meet them)"""

    def check(self, *rates: str) -> None:
        """Require sound shared settings, and of the named ones rates per second that are positive."""
        check_types(self)
        for name in rates:
            value = getattr(self, name)
            require(0 < value < RATE_MAX, self, name, "a rate per second in (0, 1e6)", value)
        require(1 <= self.qty_low <= self.qty_high <= 10**6, self, "qty_high", "in [qty_low, 1_000_000], qty_low >= 1",
                (self.qty_low, self.qty_high))  # fmt: skip
        times = [step.at_ns for step in self.profile]
        require(times == sorted(set(times)), self, "profile", "by rising time", times)
        require(1 <= self.headroom <= 100, self, "headroom", "in [1, 100]", self.headroom)
        require(self.kind == type(self).__dataclass_fields__["kind"].default, self, "kind",
                repr(type(self).__dataclass_fields__["kind"].default), self.kind)  # fmt: skip

    @property
    def top(self) -> float:
        """Largest factor that may come to be on any rate: candidates come at `top` times the base rates."""
        return self.headroom * max([1.0, *(step.factor for step in self.profile)])

    def check_rates(self, name: str, rates: tuple[float, ...], *, least: float = 0.0) -> None:
        """Require a list of rates, each in [least, 1e6), not all of them 0."""
        fine = len(rates) > 0 and all(least <= rate < RATE_MAX for rate in rates) and max(rates) > 0
        require(fine, self, name, f"rates per second in [{least:g}, 1e6), one of them > 0", rates)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonFlowConfig(FlowConfig):
    """Zero-intelligence flow of one book (Smith, Farmer, Gillemot and Krishnamurthy 2003).

    Limit orders fall evenly on the `ticks` prices beyond the opposite best; market orders and cancels that would take
    the last order of a side do nothing. Rates are per second.
    """

    kind: Literal["poisson"] = "poisson"
    market_rate: float = 1.0
    """market orders per second and side"""
    limit_rate: float = 0.5
    """limit orders per second, side and tick"""
    cancel_rate: float = 0.2
    """cancels per second and resting order: 1 / mean life"""
    ticks: int = 60
    """prices on which limit orders fall, counted from the opposite best"""

    def __post_init__(self) -> None:
        self.check("market_rate", "limit_rate", "cancel_rate")
        require(1 <= self.ticks <= 100_000, self, "ticks", "in [1, 100_000]", self.ticks)

    @property
    def total_rate(self) -> float:
        """Orders per second: both sides' market and limit orders."""
        return 2 * self.market_rate + 2 * self.limit_rate * self.ticks

    @property
    def mean_orders(self) -> float:
        """Resting orders to expect (an upper bound: births times mean life)."""
        return 2 * self.limit_rate * self.ticks / self.cancel_rate

    @property
    def relax_ns(self) -> int:
        """Mean life of an order."""
        return int(1e9 / self.cancel_rate)
