"""Market makers: a clock and their own fills wake them, a formula of `participants.quotes` says where they quote.

All of them know the mid by their feed and the inventory by their reports. A price that stays keeps its place in the
queue. The adaptive option: a maker that was filled and sees the mid beyond the fill has been run over; it adds `widen`
ticks of half spread per tick lost, and forgets them at rate 1 / `relax_ns`.
"""

from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.fmath import exp_
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import WHY_FILL, WHY_START, WHY_TIMER
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import (
    below,
    home,
    inventory,
    keep,
    keep_float,
    mid_x2,
    param,
    state,
    state_float,
    symbol_of,
    time_left_s,
    top,
)
from qsl_envs.participants.orders import quote
from qsl_envs.participants.quotes import as_quotes, base_spread, ceil_tick, fixed_quotes, floor_tick, glft_offsets
from qsl_envs.participants.quotes import glft_slope as slope_of
from qsl_envs.participants.register import participant

COMMON = {
    "period_ns": Param(100e6, "between two looks, the first one anywhere in the first period", low=1e3, high=1e13),
    "qty": Param(5, "lots of each quote", low=1, high=1e6),
    "max_inventory": Param(100, "lots, long or short, beyond which the side that adds to them is not quoted", low=1,
                           high=1e9),
    "post_only": Param(1, "1: a quote that would trade is refused; 0: it takes", high=1),
    "widen": Param(0, "ticks added to the half spread per tick that the mid has moved against a fill; 0: not adaptive",
                   high=1e6),
    "relax_ns": Param(10e9, "time in which what was added shrinks to 1/e", low=1e6, high=1e13),
    "max_extra": Param(20, "ticks added, at most", high=1e6),
}  # fmt: skip
PERIOD, QTY, MAX_INVENTORY, POST_ONLY, WIDEN, RELAX, MAX_EXTRA = range(7)
OWN = len(COMMON)
"""Number of the first parameter of a maker's own formula."""
S_HELD, S_MID, S_EXTRA, S_LAST, S_SLOPE, NUM_STATES = 0, 1, 2, 3, 4, 5
"""Inventory and mid at the last look, ticks added then, when it was; a constant of the formula."""
WAKES = WHY_START | WHY_TIMER | WHY_FILL


@kernel
def extra_half_spread(m, r, p, mid, held, now_ns):
    """Ticks that an adaptive maker adds to its half spread now, float64 >= 0; takes note of mid (half ticks) and
    inventory. Twin: `tests.participants.slow.extra_half_spread`.
    """
    widen = param(m, r, p, WIDEN)
    if widen == 0.0:
        return 0.0
    extra = state_float(m, r, p, S_EXTRA)
    if extra > 0.0:
        extra *= exp_(-(now_ns - state(m, r, p, S_LAST)) / param(m, r, p, RELAX))
    filled = held - state(m, r, p, S_HELD)
    moved = mid - state(m, r, p, S_MID)
    lost_x2 = -moved if filled > 0 else moved if filled < 0 else 0
    if lost_x2 > 0:
        extra = min(extra + widen * lost_x2 * 0.5, param(m, r, p, MAX_EXTRA))
    keep(m, r, p, S_HELD, held)
    keep(m, r, p, S_MID, mid)
    keep(m, r, p, S_LAST, now_ns)
    keep_float(m, r, p, S_EXTRA, extra)
    return extra


@kernel
def first_look(m, r, p, mid, held, now_ns):
    """What a maker does when it is woken for the first time: it takes note of what it knows; returns its first look."""
    keep(m, r, p, S_HELD, held)
    keep(m, r, p, S_MID, mid)
    keep(m, r, p, S_LAST, now_ns)
    return now_ns + 1 + below(m, r, p, 0, min(int64(param(m, r, p, PERIOD)), 2**32 - 1))


@kernel
def make(m, r, p, why, book, bid_price, ask_price, extra, held, now_ns):
    """Quote around two prices (ticks, float64) widened by `extra`, whole ticks away from them, never through the known
    opposite touch when post-only; returns when to look again.
    """
    bid, ask = floor_tick(bid_price - extra), ceil_tick(ask_price + extra)
    if ask <= bid:
        ask = bid + 1
    post_only = int64(param(m, r, p, POST_ONLY))
    if post_only != 0:
        best_bid, _, best_ask, _ = top(m, r, p, book, now_ns)
        if best_ask != NIL:
            bid = min(bid, best_ask - 1)
        if best_bid != NIL:
            ask = max(ask, best_bid + 1)
    most, qty = int64(param(m, r, p, MAX_INVENTORY)), int64(param(m, r, p, QTY))
    bid_qty = max(0, min(qty, most - held)) if bid >= 1 else 0
    ask_qty = max(0, min(qty, most + held))
    quote(m, r, p, book, bid, bid_qty, max(ask, 1), ask_qty, post_only, now_ns)
    # a fill calls for new quotes and leaves the clock as it stands
    return now_ns + int64(param(m, r, p, PERIOD)) if (why & WHY_TIMER) != 0 else -1


@participant(
    "fixed_spread",
    params={**COMMON, "spread": Param(4, "ticks between bid and ask", high=1e6)},
    num_states=NUM_STATES,
    wakes_on=WAKES,
)
def wake_fixed_spread(m, r, p, why, now_ns):
    """A constant spread around the known mid."""
    book = home(m, r, p)
    mid, held = mid_x2(m, r, p, book, now_ns), inventory(m, r, p, symbol_of(m, r, book))
    if (why & WHY_START) != 0:
        return first_look(m, r, p, mid, held, now_ns)
    bid, ask = fixed_quotes(0.5 * mid, param(m, r, p, OWN), 0.0, held)
    return make(m, r, p, why, book, bid, ask, extra_half_spread(m, r, p, mid, held, now_ns), held, now_ns)


@participant(
    "inventory_skew",
    params={**COMMON, "spread": Param(4, "ticks between bid and ask", high=1e6),
            "skew": Param(0.05, "ticks by which both quotes move against each lot held", high=1e6)},
    num_states=NUM_STATES,
    wakes_on=WAKES,
)  # fmt: skip
def wake_inventory_skew(m, r, p, why, now_ns):
    """A constant spread around the known mid less `skew` ticks per lot held."""
    book = home(m, r, p)
    mid, held = mid_x2(m, r, p, book, now_ns), inventory(m, r, p, symbol_of(m, r, book))
    if (why & WHY_START) != 0:
        return first_look(m, r, p, mid, held, now_ns)
    bid, ask = fixed_quotes(0.5 * mid, param(m, r, p, OWN), param(m, r, p, OWN + 1), held)
    return make(m, r, p, why, book, bid, ask, extra_half_spread(m, r, p, mid, held, now_ns), held, now_ns)


FORMULA = {
    "gamma": Param(0.01, "risk aversion, per tick and lot", high=1e3),
    "sigma": Param(2.0, "ticks per square root of a second", high=1e6),
    "k": Param(1.0, "decay of the fill intensity, per tick", low=1e-6, high=1e3),
}


@participant(
    "avellaneda_stoikov",
    params={**COMMON, **FORMULA,
            "horizon_s": Param(0, "time left that the formula sees, always; 0: the time to the close", high=1e9)},
    num_states=NUM_STATES,
    wakes_on=WAKES,
)  # fmt: skip
def wake_avellaneda_stoikov(m, r, p, why, now_ns):
    """Reservation price and optimal spread of Avellaneda and Stoikov (2008)."""
    book = home(m, r, p)
    mid, held = mid_x2(m, r, p, book, now_ns), inventory(m, r, p, symbol_of(m, r, book))
    if (why & WHY_START) != 0:
        return first_look(m, r, p, mid, held, now_ns)
    left = param(m, r, p, OWN + 3)
    if left == 0.0:
        left = time_left_s(m, r, now_ns)
    bid, ask = as_quotes(0.5 * mid, held, param(m, r, p, OWN), param(m, r, p, OWN + 1), param(m, r, p, OWN + 2), left)
    return make(m, r, p, why, book, bid, ask, extra_half_spread(m, r, p, mid, held, now_ns), held, now_ns)


@participant(
    "glft",
    params={**COMMON, **FORMULA, "a": Param(1.0, "fill intensity at the mid, per second", low=1e-6, high=1e9)},
    num_states=NUM_STATES,
    wakes_on=WAKES,
)
def wake_glft(m, r, p, why, now_ns):
    """Offsets of Gueant, Lehalle and Fernandez-Tapia (2013), in the closed form far from the horizon."""
    book = home(m, r, p)
    mid, held = mid_x2(m, r, p, book, now_ns), inventory(m, r, p, symbol_of(m, r, book))
    gamma, k = param(m, r, p, OWN), param(m, r, p, OWN + 2)
    if (why & WHY_START) != 0:
        keep_float(m, r, p, S_SLOPE, slope_of(param(m, r, p, OWN + 3), k, gamma, param(m, r, p, OWN + 1)))
        return first_look(m, r, p, mid, held, now_ns)
    below_mid, above_mid = glft_offsets(held, 0.5 * base_spread(gamma, k), state_float(m, r, p, S_SLOPE))
    bid, ask = 0.5 * mid - below_mid, 0.5 * mid + above_mid
    return make(m, r, p, why, book, bid, ask, extra_half_spread(m, r, p, mid, held, now_ns), held, now_ns)
