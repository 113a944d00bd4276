"""Settings of a symbol's fundamental value: what the world outside the market thinks it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qsl_envs.errors import require
from qsl_envs.kernel.fmath import exp_, sqrt_
from qsl_envs.settings import check_types

GRID_MAX_NS = 60_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueConfig:
    """An outside value in ticks: it wanders, returns to the start price, and may jump. Trading does not move it.

    Between two grid points `dt` seconds apart the distance x from the start price goes by the exact law of an
    Ornstein-Uhlenbeck process with jumps: x' = exp(-reversion dt) x + drift term + noise + jump.
    """

    sigma: float = 2.0
    """ticks per square root of a second"""
    reversion: float = 0.0
    """pull back to the start price, per second; 0: a random walk"""
    drift: float = 0.0
    """ticks per second"""
    jump_rate: float = 0.0
    """jumps per second; at most one a grid step"""
    jump_ticks: float = 0.0
    """standard deviation of a jump's size (normal law with mean 0)"""
    common_share: float = 0.0
    """share of the noise's variance that comes from the one factor of all symbols: the noises of two symbols are
    correlated by the root of the product of their shares"""
    offset: float = 0.0
    """ticks added to the process, and to what it returns to"""
    grid_ns: int = 10_000_000
    """time between two grid points; the value is constant between them"""

    def __post_init__(self) -> None:
        check_types(self)
        for name, most in (("sigma", 1e6), ("reversion", 1e3), ("jump_rate", 1e6), ("jump_ticks", 1e6)):
            value = getattr(self, name)
            require(0 <= value <= most, self, name, f"in [0, {most:g}]", value)
        require(abs(self.drift) <= 1e6, self, "drift", "in [-1e6, 1e6] ticks per second", self.drift)
        require(abs(self.offset) <= 1e6, self, "offset", "in [-1e6, 1e6] ticks", self.offset)
        require(0 <= self.common_share <= 1, self, "common_share", "in [0, 1]", self.common_share)
        require(1 <= self.grid_ns <= GRID_MAX_NS, self, "grid_ns", "in [1, one minute]", self.grid_ns)
        expected = self.jump_rate * self.grid_s
        require(expected <= 0.5, self, "jump_rate", "at most half a jump a grid step", self.jump_rate)

    @property
    def grid_s(self) -> float:
        """Seconds between two grid points."""
        return self.grid_ns / 1e9

    def step(self) -> tuple[float, float, float]:
        """(factor on x, factor on `drift`, factor on `sigma`) of one grid step; the same bits on every machine."""
        dt, k = self.grid_s, self.reversion
        if k == 0:
            return 1.0, dt, float(sqrt_(dt))
        decay = float(exp_(-k * dt))
        return decay, (1 - decay) / k, float(sqrt_((1 - decay * decay) / (2 * k)))

    def stationary_sd(self) -> float:
        """Standard deviation of the value in the long run, jumps included; infinite without reversion."""
        if self.reversion == 0:
            return math.inf
        decay, _, scale = self.step()
        jumps = self.jump_rate * self.grid_s * self.jump_ticks**2
        return math.sqrt((self.sigma**2 * scale**2 + jumps) / (1 - decay**2))
