"""Noise: orders without a view, near the touch; the liquidity and the losses that the others live on."""

from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import below, coin, exponential, home, mid_x2, num_orders, param, top, unit
from qsl_envs.participants.orders import cancel_older, market_order, rest
from qsl_envs.participants.register import participant

PARAMS = {
    "gap_ns": Param(1e9, "mean time between two wake-ups; the times are exponential", low=1e3, high=1e13),
    "market_share": Param(0.15, "share of the orders that are market orders", high=1.0),
    "depth": Param(10, "limit prices fall evenly on so many ticks, the first one tick better than the opposite touch",
                   low=1, high=1e6),
    "qty": Param(1, "lots of an order", low=1, high=1e6),
    "life_ns": Param(5e9, "age at which an order is cancelled, at the next wake-up", low=1, high=1e13),
    "max_orders": Param(4, "open orders, at most; beyond it nothing new is sent", low=1, high=1e6),
}  # fmt: skip
GAP, MARKET_SHARE, DEPTH, QTY, LIFE, MAX_ORDERS = range(6)


@kernel(inline=True)
def next_gap(m, r, p, j, mean_ns):
    """An exponential time (ns, > 0) with this mean, by draw `j` of the wake-up."""
    return int64(exponential(m, r, p, j) * mean_ns) + 1


@participant("noise", params=PARAMS)
def wake_noise(m, r, p, why, now_ns):
    """At exponential times, on either side with equal chance: a market order, or a limit order on a random tick from
    one better than the opposite touch downwards (Smith, Farmer, Gillemot and Krishnamurthy 2003, by many hands).
    """
    book = home(m, r, p)
    following = now_ns + next_gap(m, r, p, 0, param(m, r, p, GAP))
    if now_ns == 0:
        return following
    cancel_older(m, r, p, int64(param(m, r, p, LIFE)), now_ns)
    if num_orders(m, r, p) >= int64(param(m, r, p, MAX_ORDERS)):
        return following
    side, qty = coin(m, r, p, 1), int64(param(m, r, p, QTY))
    if unit(m, r, p, 2) < param(m, r, p, MARKET_SHARE):
        market_order(m, r, p, book, side, qty, now_ns)
        return following
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    sign = 1 - 2 * side
    best = ask if side == 0 else bid
    if best == NIL:  # nobody stands there: the mid as known last, a half tick rounded away from it
        best = (mid_x2(m, r, p, book, now_ns) + sign) >> 1
    rest(m, r, p, book, side, max(1, best - sign * (1 + below(m, r, p, 3, int64(param(m, r, p, DEPTH))))), qty, now_ns)
    return following
