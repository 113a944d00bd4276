"""Traders with a view of the price: of its value outside the market, or of where it is going."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.kernel.fmath import exp_
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import WHY_START
from qsl_envs.market.fundamental import value_at
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import (
    below,
    home,
    inventory,
    keep,
    keep_float,
    lots_open,
    mid_x2,
    normal,
    num_orders,
    param,
    state,
    state_float,
    symbol_of,
    top,
)
from qsl_envs.participants.noise import next_gap
from qsl_envs.participants.orders import cancel_older, rest, take
from qsl_envs.participants.quotes import ceil_tick, floor_tick
from qsl_envs.participants.register import participant

# --- value --------------------------------------------------------------------------------------------------------

VALUE = {
    "gap_ns": Param(1e9, "mean time between two looks; the times are exponential", low=1e3, high=1e13),
    "delay_ns": Param(100e6, "age of the value that it sees", high=1e12),
    "noise": Param(2.0, "standard deviation of what it sees, ticks, anew at each look", high=1e6),
    "edge": Param(1.0, "ticks that the market must be off the value for it to trade", high=1e6),
    "qty": Param(2, "lots of an order", low=1, high=1e6),
    "max_inventory": Param(50, "lots, long or short", low=1, high=1e9),
    "life_ns": Param(5e9, "age at which an order that rests is cancelled, at the next look; 0: it never rests",
                     high=1e13),
}  # fmt: skip
GAP, DELAY, NOISE, EDGE, QTY, MAX_INVENTORY, LIFE = range(7)


@kernel(inline=True)
def room(m, r, p, symbol, side, most, qty):
    """Lots of an order of `qty` that keep the participant within `most` lots, by what it knows and has sent."""
    held = inventory(m, r, p, symbol)
    signed = held if side == BUY else -held
    return max(0, min(qty, most - signed - lots_open(m, r, p, symbol, side)))


@participant("value", params=VALUE)
def wake_value(m, r, p, why, now_ns):
    """At exponential times it sees the symbol's value, late and with noise: it takes what is offered `edge` ticks or
    more on the wrong side of it, else rests an order `edge` ticks on the right side.
    """
    book = home(m, r, p)
    following = now_ns + next_gap(m, r, p, 0, param(m, r, p, GAP))
    if (why & WHY_START) != 0:
        return following
    symbol, edge, life = symbol_of(m, r, book), param(m, r, p, EDGE), int64(param(m, r, p, LIFE))
    if life > 0:
        cancel_older(m, r, p, life, now_ns)
    seen = value_at(m, r, symbol, max(0, now_ns - int64(param(m, r, p, DELAY))))
    seen += param(m, r, p, NOISE) * normal(m, r, p, 1)
    most, qty = int64(param(m, r, p, MAX_INVENTORY)), int64(param(m, r, p, QTY))
    highest, lowest = floor_tick(seen - edge), ceil_tick(seen + edge)
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    if ask != NIL and ask <= highest:
        side, price = BUY, ask
    elif bid != NIL and bid >= lowest:
        side, price = SELL, bid
    elif life > 0:
        middle = 0.5 * mid_x2(m, r, p, book, now_ns)
        side = BUY if seen > middle else SELL
        price = highest if side == BUY else lowest
        qty = room(m, r, p, symbol, side, most, qty)
        if qty > 0 and price >= 1:
            rest(m, r, p, book, side, price, qty, now_ns)
        return following
    else:
        return following
    qty = room(m, r, p, symbol, side, most, qty)
    if qty > 0:
        take(m, r, p, book, side, price, qty, now_ns)
    return following


INFORMED = {
    "period_ns": Param(100e6, "between two looks, the first one anywhere in the first period", low=1e3, high=1e13),
    "edge": Param(1.0, "ticks that a quote must be off the value for it to be taken", high=1e6),
    "qty": Param(2, "lots of an order", low=1, high=1e6),
    "max_inventory": Param(50, "lots, long or short", low=1, high=1e9),
}  # fmt: skip


@participant("informed", params=INFORMED)
def wake_informed(m, r, p, why, now_ns):
    """Knows the symbol's value of this moment, exactly, and takes every quote that is off by more than `edge`."""
    book, period = home(m, r, p), int64(param(m, r, p, 0))
    if (why & WHY_START) != 0:
        return now_ns + 1 + below(m, r, p, 0, min(period, 2**32 - 1))
    symbol, edge = symbol_of(m, r, book), param(m, r, p, 1)
    value = value_at(m, r, symbol, now_ns)
    most, qty = int64(param(m, r, p, 3)), int64(param(m, r, p, 2))
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    if ask != NIL and ask < value - edge:
        qty = room(m, r, p, symbol, BUY, most, qty)
        if qty > 0:
            take(m, r, p, book, BUY, ask, qty, now_ns)
    elif bid != NIL and bid > value + edge:
        qty = room(m, r, p, symbol, SELL, most, qty)
        if qty > 0:
            take(m, r, p, book, SELL, bid, qty, now_ns)
    return now_ns + period


# --- trend --------------------------------------------------------------------------------------------------------

TREND = {
    "period_ns": Param(500e6, "between two looks, the first one anywhere in the first period", low=1e3, high=1e13),
    "fast_ns": Param(1e9, "memory of the fast mean of the mid", low=1e3, high=1e13),
    "slow_ns": Param(10e9, "memory of the slow one", low=1e3, high=1e13),
    "threshold": Param(1.0, "ticks between the two means for it to act", high=1e6),
    "qty": Param(2, "lots of an order", low=1, high=1e6),
    "max_inventory": Param(20, "lots wanted, long or short, while the signal holds; else none", low=1, high=1e9),
}  # fmt: skip
S_FAST, S_SLOW, S_LAST = 0, 1, 2


@kernel
def trend(m, r, p, why, sign, now_ns):
    """Two exponential means of the known mid; where they are `threshold` apart, go with (sign 1) or against (-1) the
    fast one, by orders that take; else go home. Returns the next look.
    """
    book, period = home(m, r, p), int64(param(m, r, p, 0))
    mid = 0.5 * mid_x2(m, r, p, book, now_ns)
    if (why & WHY_START) != 0:
        keep_float(m, r, p, S_FAST, mid)
        keep_float(m, r, p, S_SLOW, mid)
        keep(m, r, p, S_LAST, now_ns)
        return now_ns + 1 + below(m, r, p, 0, min(period, 2**32 - 1))
    passed = now_ns - state(m, r, p, S_LAST)
    fast = mid + (state_float(m, r, p, S_FAST) - mid) * exp_(-passed / param(m, r, p, 1))
    slow = mid + (state_float(m, r, p, S_SLOW) - mid) * exp_(-passed / param(m, r, p, 2))
    keep_float(m, r, p, S_FAST, fast)
    keep_float(m, r, p, S_SLOW, slow)
    keep(m, r, p, S_LAST, now_ns)
    signal, threshold = sign * (fast - slow), param(m, r, p, 3)
    most = int64(param(m, r, p, 5))
    wanted = most if signal > threshold else -most if signal < -threshold else 0
    missing = wanted - inventory(m, r, p, symbol_of(m, r, book))
    if missing != 0 and num_orders(m, r, p) == 0:  # what is under way is waited for
        bid, _, ask, _ = top(m, r, p, book, now_ns)
        side = BUY if missing > 0 else SELL
        price = ask if side == BUY else bid
        if price != NIL:
            take(m, r, p, book, side, price, min(abs(missing), int64(param(m, r, p, 4))), now_ns)
    return now_ns + period


@participant("momentum", params=TREND, num_states=3)
def wake_momentum(m, r, p, why, now_ns):
    """Buys what has risen: the fast mean of the mid above the slow one."""
    return trend(m, r, p, why, 1.0, now_ns)


@participant("mean_reversion", params=TREND, num_states=3)
def wake_mean_reversion(m, r, p, why, now_ns):
    """Sells what has risen: the fast mean of the mid above the slow one."""
    return trend(m, r, p, why, -1.0, now_ns)
