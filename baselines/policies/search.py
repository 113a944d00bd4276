"""Where the tuner looks: spans of parameters, and points that fill them evenly."""

from __future__ import annotations

import math
from typing import NamedTuple

PRIMES = (2, 3, 5, 7, 11, 13)


class Span(NamedTuple):
    """Values of one parameter, from `low` to `high`."""

    low: float
    high: float
    log: bool = False
    """evenly spread are the logarithms"""
    whole: bool = False
    """whole numbers only"""

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


def radical_inverse(n: int, base: int) -> float:
    """The digits of n in a base, mirrored at the point: 6 = 110 in base 2 gives 0.011 = 0.375."""
    value, place = 0.0, 1.0
    while n:
        n, digit = divmod(n, base)
        place /= base
        value += digit * place
    return value
