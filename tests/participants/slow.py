"""What participants compute, in plain Python and written from their descriptions."""

from __future__ import annotations

import math


def extra_half_spread(extra: float, passed_ns: int, filled: int, moved_x2: int, widen: float, relax_ns: float,
                      most: float) -> float:  # fmt: skip
    """Ticks that an adaptive maker adds after one look; `filled` lots since the last one, mid moved by `moved_x2`."""
    extra *= math.exp(-passed_ns / relax_ns)
    lost = (-moved_x2 if filled > 0 else moved_x2 if filled < 0 else 0) / 2
    return min(extra + widen * lost, most) if lost > 0 else extra


def learn(price: float, change: float, limit: float, buyer: bool, q: float, accepted: bool, beta: float,
          momentum: float, stir: float) -> tuple[float, float]:  # fmt: skip
    """One lesson of a zero-intelligence-plus trader, by the cases of Cliff and Bruten."""
    if buyer:
        raises = accepted and price >= q  # its margin
        lowers = price < q
        target = q - stir if raises else q + stir
    else:
        raises = accepted and price <= q
        lowers = price > q
        target = q + stir if raises else q - stir
    if not raises and not lowers:
        return price, change
    change = momentum * change + (1 - momentum) * beta * (target - price)
    price += change
    return (min(price, limit) if buyer else max(price, limit)), change
