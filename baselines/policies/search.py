"""Where the tuner looks: spans of parameters, and points that fill them evenly."""

from __future__ import annotations

import math
from typing import NamedTuple

PRIMES = (2, 3, 5, 7, 11, 13)
NEAR = 0.1
"""Share of a span that counts as its end."""


class Span(NamedTuple):
    """Values of one parameter, from `low` to `high`."""

    low: float
    high: float
    log: bool = False
    """evenly spread are the logarithms"""
    whole: bool = False
    """whole numbers only"""
    own: str = ""
    """"low", "high" or "both": ends that are the parameter's own, beyond which there is nothing to look for"""

    def at(self, share: float) -> float:
        """The value at a share in [0, 1) of the span, to five digits."""
        if self.high <= self.low:
            return self.low
        if self.whole:
            return float(self.low + math.floor(share * (self.high - self.low + 1)))
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        return float(f"{value:.5g}")

    def open_end(self, share: float) -> str:
        """The end, "low" or "high", that a share in [0, 1) of the span is near to and beyond which one could look on;
        empty where there is none.
        """
        end = "low" if share < NEAR else "high" if share > 1.0 - NEAR else ""
        return "" if self.high <= self.low or self.own in (end, "both") else end


Space = dict[str, Span]


def points(space: Space, count: int) -> list[dict[str, float]]:
    """So many points of a space, spread by the sequence of Halton (1960): the first ones are those of a smaller count.

    An empty space has one point.
    """
    if not space:
        return [{}]
    return [
        {name: span.at(radical_inverse(n, base)) for base, (name, span) in zip(PRIMES, space.items())}
        for n in range(1, count + 1)
    ]


def open_ends(space: Space, n: int) -> list[str]:
    """What point number `n` (from 1) is at the end of, as "low end of x": the best of all tries there says that better
    ones may lie outside.
    """
    ends = {name: span.open_end(radical_inverse(n, base)) for base, (name, span) in zip(PRIMES, space.items())}
    return [f"{end} end of {name}" for name, end in ends.items() if end]


def radical_inverse(n: int, base: int) -> float:
    """The digits of n in a base, mirrored at the point: 6 = 110 in base 2 gives 0.011 = 0.375."""
    value, place = 0.0, 1.0
    while n:
        n, digit = divmod(n, base)
        place /= base
        value += digit * place
    return value
