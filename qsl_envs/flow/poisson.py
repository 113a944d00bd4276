"""Poisson flow: a clock that does not know the book, drawn ahead in blocks.

Candidate k of a book owns: gap k of stream CLOCK, word k of FLOW (kind, side and price offset), word k of SIZE, and
word k of CANCEL (its life). The book decides only what the candidate meets.
"""

from __future__ import annotations

from numpy import int64

from qsl_envs.engine.constants import SELL
from qsl_envs.flow.record import BLOCK, HIT, REST
from qsl_envs.kernel.draw import below_from_half, draw_below, draw_bits, draw_unit, exp_from_bits, high_half, low_half
from qsl_envs.kernel.jit import kernel

TICK_SHIFT = 44
"""Births are kept as `candidate number | refused ticks << TICK_SHIFT`."""


@kernel
def refill(flow, longs, first):
    """Draw candidates first .. first + BLOCK - 1: their times (ns), words and lives (ns)."""
    base, gap, life = flow.block, flow.mean_gap_ns, flow.mean_life_ns
    for i in range(BLOCK):
        longs[base + i] = int64(gap * exp_from_bits(draw_bits(flow.clock_skey, first + i)) + 0.5)
    for i in range(BLOCK):
        longs[base + BLOCK + i] = draw_bits(flow.word_skey, first + i)
    for i in range(BLOCK):
        longs[base + 2 * BLOCK + i] = int64(life * exp_from_bits(draw_bits(flow.life_skey, first + i)) + 1.0)
    t = flow.last_ns
    for i in range(BLOCK):
        t += longs[base + i]
        longs[base + i] = t
    flow.last_ns = t
    flow.first = first
    flow.at = 0


@kernel(inline=True)
def next_candidate_ns(flow, longs):
    """Time of the next candidate (ns)."""
    return longs[flow.block + flow.at]


@kernel(inline=True)
def advance_candidate(flow, longs):
    """Go on to the next candidate; draws a new block when this one is used up."""
    flow.at += 1
    if flow.at == BLOCK:
        refill(flow, longs, flow.first + BLOCK)


@kernel(inline=True)
def kind_of(flow, word):
    """(REST or HIT, side, ticks from the opposite best - 1) of a candidate's word."""
    half = high_half(word)
    if half < flow.cut_market:
        kind = HIT
        side = 0 if half < flow.cut_market_buy else 1
    else:
        kind = REST
        side = 0 if half < flow.cut_limit_buy else 1
    return kind, side ^ flow.mirror, below_from_half(low_half(word), flow.ticks)


@kernel
def leaning_side(flow, k, kind, side, gap_x2):
    """The side that candidate k takes when the value lies `gap_x2` half ticks above the mid.

    With a pull g towards one side, a candidate of the other side is turned with probability |g|: P(buy) = (1 + g) / 2.
    """
    g = min(max(gap_x2 * flow.per_half_tick, -1.0), 1.0) * (flow.tilt if kind == HIT else flow.limit_tilt)
    against = g > 0.0 if side == SELL else g < 0.0
    return side ^ 1 if against and draw_unit(flow.lean_skey, k) < abs(g) else side


@kernel(inline=True)
def qty_of(flow, k):
    """Lots of candidate k."""
    if flow.qty_low == flow.qty_high:
        return flow.qty_low
    return flow.qty_low + draw_below(flow.size_skey, k, flow.qty_high - flow.qty_low + 1)


@kernel(inline=True)
def later_life_ns(flow, k, n):
    """Tick n >= 1 of the cancel clock of birth k: ns after tick n - 1. Only refused ticks are followed by another."""
    return int64(flow.mean_life_ns * exp_from_bits(draw_bits(flow.life_skey, k + (n << TICK_SHIFT))) + 1.0)
