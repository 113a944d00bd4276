"""Participants that run programs (`participants.program`): makers and traders on a signal, each with its own text.

What a program leaves on its stack means, by the parameter `mode`:

- 0, a maker: the top is the size in lots, under it the half spread, under that the skew, both in ticks. It quotes
  around the known mid + skew. A value that is missing is the parameter's: `qty`, `half_spread`, no skew. One value
  alone is the skew, two are the skew and the half spread.
- 1, a trader: the top is a signal. Above `threshold` it wants `max_inventory` lots, below minus `threshold` as many
  short, else none; it takes `qty` lots at a time towards that.
"""

from __future__ import annotations

import numpy as np
from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, PRICE_MAX, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import GROUP_DATA, GROUP_FIRST, GROUP_ROWS, WHY_FILL, WHY_START, WHY_TIMER
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import (
    actor_of,
    below,
    best_own,
    feed_age_ns,
    held_value,
    home,
    inventory,
    keep,
    keep_float,
    levels,
    mid_x2,
    num_orders,
    param,
    state,
    state_float,
    states_at,
    symbol_of,
    time_left_s,
    top,
    volumes,
)
from qsl_envs.participants.orders import quote, take
from qsl_envs.participants.program import CELLS, DEPTH, NUM_INPUTS, read_program, run_program
from qsl_envs.participants.quotes import ceil_tick, floor_tick
from qsl_envs.participants.register import participant

PARAMS = {
    "mode": Param(0, "0: the program makes quotes; 1: it gives a signal", high=1),
    "period_ns": Param(100e6, "between two looks, the first one anywhere in the first period", low=1e3, high=1e13),
    "qty": Param(5, "lots of a quote without a size, or of an order on a signal", low=1, high=1e6),
    "max_inventory": Param(50, "lots, long or short", low=1, high=1e9),
    "half_spread": Param(2, "ticks, of a program that gives none", high=1e6),
    "threshold": Param(0.5, "that a signal must pass", high=1e9),
    "program": Param(-1, "which of the group's programs it runs; -1: its own, dealt in turn", low=-1, high=1e6),
}
MODE, PERIOD, QTY, MAX_INVENTORY, HALF_SPREAD, THRESHOLD, PROGRAM = range(7)
DEEP = 5
"""Levels whose depth a program may ask for."""
MEMORY = 0.9
"""Weight of the old mean of the mid in the new one, at each look."""
S_MID, S_MEAN, S_BOUGHT, S_SOLD, S_VALUE, S_INPUTS = 0, 1, 2, 3, 4, 5
S_STACK = S_INPUTS + NUM_INPUTS
NUM_STATES = S_STACK + DEPTH


def read_programs(texts: tuple[str, ...], group: str) -> np.ndarray:
    """Cells of a group's programs, int64 (text, CELLS). Raises: ConfigError naming the program and the place."""
    if not texts:
        raise ConfigError(f"PopulationConfig[{group}].programs must be one text at least, was ()")
    return np.array([read_program(text, f"{group}.programs[{i}]").cells for i, text in enumerate(texts)])


@kernel(inline=True)
def code_of(m, r, p):
    """Where the participant's program stands in `m.crowd`."""
    group = int64(actor_of(m, r, p).group)
    which = int64(param(m, r, p, PROGRAM))
    if which < 0:
        which = p - m.crowd[group + GROUP_FIRST]
    return m.crowd[group + GROUP_DATA] + CELLS * (which % m.crowd[group + GROUP_ROWS])


@kernel
def shown_at(m, at, count, price):
    """Lots at a price among the known levels at `m.scratch[at]`; 0 when it is not among them."""
    for n in range(count):
        if m.scratch[at + 2 * n] == price:
            return m.scratch[at + 2 * n + 1]
    return int64(0)


@kernel
def depth_at(m, at, count):
    """Lots over the known levels at `m.scratch[at]`."""
    total = int64(0)
    for n in range(count):
        total += m.scratch[at + 2 * n + 1]
    return total


@kernel
def look(m, r, p, book, now_ns):
    """Write what the participant knows to its inputs, in the order of `program.INPUTS`; take note of this look."""
    at = states_at(m, r, p) + S_INPUTS
    bid, bid_qty, ask, ask_qty = top(m, r, p, book, now_ns)
    mid = 0.5 * mid_x2(m, r, p, book, now_ns)
    held = inventory(m, r, p, symbol_of(m, r, book))
    bought, sold = volumes(m, r, p, book, now_ns)
    mean = state_float(m, r, p, S_MEAN)
    bids_at, bids, asks_at, asks = levels(m, r, p, book, DEEP, now_ns)
    m.floats[at] = ask - bid if bid != NIL and ask != NIL else 0.0
    m.floats[at + 1] = (bid_qty - ask_qty) / max(bid_qty + ask_qty, 1)
    m.floats[at + 2] = mid - state_float(m, r, p, S_MID)
    m.floats[at + 3] = mid - mean
    m.floats[at + 4] = bought - state(m, r, p, S_BOUGHT)
    m.floats[at + 5] = sold - state(m, r, p, S_SOLD)
    m.floats[at + 6] = held
    m.floats[at + 7] = held / param(m, r, p, MAX_INVENTORY)
    own_bid, own_ask = best_own(m, r, p, book, BUY), best_own(m, r, p, book, SELL)
    m.floats[at + 8] = shown_at(m, bids_at, bids, own_bid)
    m.floats[at + 9] = shown_at(m, asks_at, asks, own_ask)
    m.floats[at + 10] = feed_age_ns(m, r, p, book, now_ns) * 1e-9
    m.floats[at + 11] = time_left_s(m, r, now_ns)
    m.floats[at + 12] = held_value(m, r, p, held, mid) - state_float(m, r, p, S_VALUE)
    m.floats[at + 13] = bid_qty
    m.floats[at + 14] = ask_qty
    m.floats[at + 15] = depth_at(m, bids_at, bids)
    m.floats[at + 16] = depth_at(m, asks_at, asks)
    keep_float(m, r, p, S_MID, mid)
    keep_float(m, r, p, S_MEAN, MEMORY * mean + (1.0 - MEMORY) * mid)
    keep(m, r, p, S_BOUGHT, bought)
    keep(m, r, p, S_SOLD, sold)
    return mid


@kernel
def quote_by(m, r, p, book, mid, at, left, now_ns):
    """Quote as the stack at `m.floats[at]` with `left` values says."""
    qty, half = int64(param(m, r, p, QTY)), param(m, r, p, HALF_SPREAD)
    if left >= 3:
        skew, half = m.floats[at + left - 3], m.floats[at + left - 2]
        qty = int64(min(max(m.floats[at + left - 1] + 0.5, 0.0), 1e6))
    elif left == 2:
        skew, half = m.floats[at], m.floats[at + 1]
    else:
        skew = m.floats[at] if left == 1 else 0.0
    half = max(half, 0.0)
    bid, ask = floor_tick(mid + skew - half), ceil_tick(mid + skew + half)
    if ask <= bid:
        ask = bid + 1
    best_bid, _, best_ask, _ = top(m, r, p, book, now_ns)
    if best_ask != NIL:
        bid = min(bid, best_ask - 1)
    if best_bid != NIL:
        ask = max(ask, best_bid + 1)
    held, most = inventory(m, r, p, symbol_of(m, r, book)), int64(param(m, r, p, MAX_INVENTORY))
    bid_qty = max(0, min(qty, most - held)) if bid >= 1 else 0
    ask_qty = max(0, min(qty, most + held)) if 1 <= ask <= PRICE_MAX else 0
    quote(m, r, p, book, bid, bid_qty, ask, ask_qty, 1, now_ns)


@kernel
def trade_by(m, r, p, book, signal, now_ns):
    """Take towards the inventory that a signal asks for."""
    most, threshold = int64(param(m, r, p, MAX_INVENTORY)), param(m, r, p, THRESHOLD)
    wanted = most if signal > threshold else -most if signal < -threshold else 0
    missing = wanted - inventory(m, r, p, symbol_of(m, r, book))
    if missing != 0 and num_orders(m, r, p) == 0:
        bid, _, ask, _ = top(m, r, p, book, now_ns)
        side = BUY if missing > 0 else SELL
        price = ask if side == BUY else bid
        if price != NIL:
            take(m, r, p, book, side, price, min(abs(missing), int64(param(m, r, p, QTY))), now_ns)


@participant(
    "program",
    params=PARAMS,
    num_states=NUM_STATES,
    wakes_on=WHY_START | WHY_TIMER | WHY_FILL,
    read_programs=read_programs,
)
def wake_program(m, r, p, why, now_ns):
    """Looks by its clock and when it hears of a fill, runs its program on what it knows, and does what that says."""
    book, period = home(m, r, p), int64(param(m, r, p, PERIOD))
    if (why & WHY_START) != 0:
        mid = 0.5 * mid_x2(m, r, p, book, now_ns)
        bought, sold = volumes(m, r, p, book, now_ns)
        keep_float(m, r, p, S_MID, mid)
        keep_float(m, r, p, S_MEAN, mid)
        keep(m, r, p, S_BOUGHT, bought)
        keep(m, r, p, S_SOLD, sold)
        keep_float(m, r, p, S_VALUE, held_value(m, r, p, inventory(m, r, p, symbol_of(m, r, book)), mid))
        return now_ns + 1 + below(m, r, p, 0, min(period, 2**32 - 1))
    mid = look(m, r, p, book, now_ns)
    states = states_at(m, r, p)
    left = run_program(m, code_of(m, r, p), states + S_INPUTS, states + S_STACK)
    if param(m, r, p, MODE) < 0.5:
        quote_by(m, r, p, book, mid, states + S_STACK, left, now_ns)
    else:
        trade_by(m, r, p, book, m.floats[states + S_STACK + left - 1] if left > 0 else 0.0, now_ns)
    return now_ns + period if (why & WHY_TIMER) != 0 else -1
