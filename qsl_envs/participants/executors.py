"""Executors: a parent order worked over time by a schedule, in slices that take.

Each knows what it has done by its reports. At a look it compares the schedule with what is done and under way, and
sends the difference at the known opposite touch and up to `through` ticks beyond; what is not filled is sent again at
the next look. The schedules are `scheduled_*`, functions of numbers that Python can call.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import NEVER, WHY_START
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import coin, held, home, keep, lots_open, param, state, symbol_of, top, volumes
from qsl_envs.participants.orders import take
from qsl_envs.participants.quotes import ac_holdings, ac_kappa
from qsl_envs.participants.register import participant

PARENT = {
    "qty": Param(100, "lots of the parent order: > 0 buys, < 0 sells, 0: 100 lots on a side by the toss of a coin",
                 low=-1e9, high=1e9),
    "start_ns": Param(0, "when it begins", high=1e14),
    "duration_ns": Param(60e9, "from the first slice to the end", low=1e3, high=1e14),
    "slices": Param(60, "looks in that time, evenly spaced", low=1, high=1e6),
    "through": Param(5, "ticks beyond the known touch up to which a slice takes", high=1e6),
}  # fmt: skip
QTY, START, DURATION, SLICES, THROUGH = range(5)
OWN = len(PARENT)
S_SIDE, S_QTY, S_SLICE, S_HELD, S_VOLUME, NUM_STATES = 0, 1, 2, 3, 4, 5


@kernel
def scheduled_twap(qty, j, n):
    """Lots that are to be sent by slice j of n (0 <= j < n) of an even schedule, int64; halves up."""
    return (2 * qty * (j + 1) + n) // (2 * n)


@kernel
def scheduled_vwap(qty, j, n, curve):
    """Lots that are to be sent by slice j of n (0 <= j < n), int64, when volume is expected as the U-shaped density
    1 + curve ((2 u - 1)^2 - 1/3) of the time u in [0, 1] that has passed; 0 <= curve <= 3, 0: even.
    """
    u = (j + 1) / n
    x = 2.0 * u - 1.0
    share = u + curve * ((x * x * x + 1.0) / 6.0 - u / 3.0)
    return qty if j + 1 == n else int64(qty * share + 0.5)


@kernel
def scheduled_pov(qty, others, share):
    """Lots that are to be done when others have traded so much, int64, so that own ones are `share` of all."""
    return min(qty, int64(others * share / (1.0 - share)))


@kernel
def scheduled_ac(qty, j, n, horizon, kappa):
    """Lots that are to be sent by slice j of n (0 <= j < n) on the trajectory of Almgren and Chriss (2000), int64:
    `ac_schedule` summed up.
    """
    return qty - int64(ac_holdings(float(qty), horizon, horizon * (j + 1) / n, kappa) + 0.5)


@kernel
def begin(m, r, p, now_ns):
    """Take note of the parent order and of what is held before it; returns when the first slice is due."""
    book = home(m, r, p)
    qty = int64(param(m, r, p, QTY))
    side = BUY if qty > 0 else SELL
    if qty == 0:
        side, qty = coin(m, r, p, 0), 100
    keep(m, r, p, S_SIDE, side)
    keep(m, r, p, S_QTY, abs(qty))
    keep(m, r, p, S_HELD, held(m, r, p, book))
    bought, sold = volumes(m, r, p, book, now_ns)
    keep(m, r, p, S_VOLUME, bought + sold)
    return max(now_ns + 1, int64(param(m, r, p, START)))


@kernel
def done_so_far(m, r, p, book):
    """Lots of the parent order that are known to be filled."""
    change = held(m, r, p, book) - state(m, r, p, S_HELD)
    return change if state(m, r, p, S_SIDE) == BUY else -change


@kernel
def slice_order(m, r, p, book, scheduled, now_ns):
    """Send what the schedule is ahead of what is done and under way; returns when the next slice is due."""
    side = state(m, r, p, S_SIDE)
    missing = scheduled - done_so_far(m, r, p, book) - lots_open(m, r, p, symbol_of(m, r, book), side)
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    touch = ask if side == BUY else bid
    if missing > 0 and touch != NIL:
        price = touch + (1 - 2 * side) * int64(param(m, r, p, THROUGH))
        take(m, r, p, book, side, max(1, price), missing, now_ns)
    n, j = int64(param(m, r, p, SLICES)), state(m, r, p, S_SLICE) + 1
    keep(m, r, p, S_SLICE, j)
    begun = max(1, int64(param(m, r, p, START)))
    if j < n:
        return begun + int64(param(m, r, p, DURATION)) * j // n
    # beyond the last slice it looks at the same pace until all is done
    over = done_so_far(m, r, p, book) >= state(m, r, p, S_QTY)
    return NEVER if over else now_ns + int64(param(m, r, p, DURATION)) // n + 1


@kernel(inline=True)
def place(m, r, p):
    """(lots of the parent, number of this slice, number of slices); the last one again when it is over."""
    n = int64(param(m, r, p, SLICES))
    return state(m, r, p, S_QTY), min(state(m, r, p, S_SLICE), n - 1), n


@participant("twap", params=PARENT, num_states=NUM_STATES)
def wake_twap(m, r, p, why, now_ns):
    """Equal slices over time."""
    if (why & WHY_START) != 0:
        return begin(m, r, p, now_ns)
    qty, j, n = place(m, r, p)
    return slice_order(m, r, p, home(m, r, p), scheduled_twap(qty, j, n), now_ns)


@participant("vwap", params={**PARENT, "curve": Param(1.0, "how U-shaped the volume is expected; 0: even", high=3.0)},
             num_states=NUM_STATES)  # fmt: skip
def wake_vwap(m, r, p, why, now_ns):
    """Slices in proportion to the volume that is expected in them."""
    if (why & WHY_START) != 0:
        return begin(m, r, p, now_ns)
    qty, j, n = place(m, r, p)
    return slice_order(m, r, p, home(m, r, p), scheduled_vwap(qty, j, n, param(m, r, p, OWN)), now_ns)


@participant("pov", params={**PARENT, "share": Param(0.1, "of the volume, own trades included", low=1e-6, high=0.9)},
             num_states=NUM_STATES)  # fmt: skip
def wake_pov(m, r, p, why, now_ns):
    """A share of the volume that it hears of."""
    book = home(m, r, p)
    if (why & WHY_START) != 0:
        return begin(m, r, p, now_ns)
    bought, sold = volumes(m, r, p, book, now_ns)
    others = max(0, bought + sold - state(m, r, p, S_VOLUME) - done_so_far(m, r, p, book))
    return slice_order(m, r, p, book, scheduled_pov(state(m, r, p, S_QTY), others, param(m, r, p, OWN)), now_ns)


@participant(
    "almgren_chriss",
    params={**PARENT, "risk_aversion": Param(1e-4, "lambda, per tick and lot", high=1e6),
            "sigma": Param(2.0, "ticks per square root of a second", high=1e6),
            "eta": Param(0.05, "temporary impact, ticks x seconds per lot", low=1e-9, high=1e6),
            "impact": Param(0.0, "permanent impact (gamma), ticks per lot", high=1e6)},
    num_states=NUM_STATES,
)  # fmt: skip
def wake_almgren_chriss(m, r, p, why, now_ns):
    """The trajectory of Almgren and Chriss (2000): faster at first, the more so the more risk weighs."""
    if (why & WHY_START) != 0:
        return begin(m, r, p, now_ns)
    qty, j, n = place(m, r, p)
    horizon = param(m, r, p, DURATION) * 1e-9
    kappa = ac_kappa(param(m, r, p, OWN), param(m, r, p, OWN + 1), param(m, r, p, OWN + 2), param(m, r, p, OWN + 3),
                     horizon / n)  # fmt: skip
    return slice_order(m, r, p, home(m, r, p), scheduled_ac(qty, j, n, horizon, kappa), now_ns)
