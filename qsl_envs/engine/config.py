"""Settings of one book."""

from __future__ import annotations

from dataclasses import dataclass

from qsl_envs.engine.constants import STP_DECREMENT
from qsl_envs.errors import require
from qsl_envs.settings import check_types

WINDOW_MIN, WINDOW_MAX = 64, 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Size and venue rules of one matching engine."""

    max_orders: int = 4096
    """slots of the order pool: resting orders, waiting stops, parked pegs; size"""
    window_ticks: int = 4096
    """ticks of each side's ladder window, a power of two in [64, 262_144]; results do not depend on it; size"""
    max_special: int | None = None
    """orders that are more than price and quantity (iceberg, hidden, pegged, stop, GTD); None: `max_orders`; size"""
    max_events: int = 1024
    """events that are handed over at a time; a message that causes more is resumed; size"""
    stp: int = 0
    """self-trade prevention, one of `constants.STP_*`; value"""
    keep_on_decrease: bool = False
    """a replace that only lowers the quantity keeps its place; value"""
    publish: bool = False
    """write the levels that a message touches, for market data; value"""

    def __post_init__(self) -> None:
        check_types(self)
        window = self.window_ticks
        require(1 <= self.max_orders < 2**31, self, "max_orders", "in [1, 2**31)", self.max_orders)
        power = window > 0 and window & (window - 1) == 0
        allowed = f"a power of two in [{WINDOW_MIN}, {WINDOW_MAX}]"
        require(power and WINDOW_MIN <= window <= WINDOW_MAX, self, "window_ticks", allowed, window)
        special = self.num_special
        require(0 <= special < 2**31, self, "max_special", "in [0, 2**31)", special)
        require(16 <= self.max_events < 2**31, self, "max_events", "in [16, 2**31)", self.max_events)
        require(0 <= self.stp <= STP_DECREMENT, self, "stp", f"in [0, {STP_DECREMENT}]", self.stp)

    @property
    def num_special(self) -> int:
        """EXT records of the book."""
        return self.max_orders if self.max_special is None else self.max_special
