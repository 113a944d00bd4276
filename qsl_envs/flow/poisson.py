"""Poisson flow: a clock that does not know the book, drawn ahead in blocks.

Candidate k of a book owns: gap k of stream CLOCK, word k of FLOW (kind, side and price offset), word k of SIZE, and
word k of CANCEL (its life). The book decides only what the candidate meets.
"""

from __future__ import annotations

from numpy import int64

from qsl_envs.engine.constants import SELL
from qsl_envs.engine.state import record
from qsl_envs.kernel.draw import below_from_half, draw_below, draw_bits, draw_unit, exp_from_bits, high_half, low_half
from qsl_envs.kernel.jit import kernel

BLOCK = 32
"""Candidates drawn at a time."""
BLOCK_LONGS = 3 * BLOCK
"""int64 cells of a block: times, words, lives."""

FLOW_RECORD = record(
    256,
    ("mean_gap_ns", "f8"),
    ("mean_life_ns", "f8"),
    ("clock_skey", "i8"),
    ("word_skey", "i8"),
    ("life_skey", "i8"),
    ("size_skey", "i8"),
    ("first", "i8"),  # number of the first candidate of the block
    ("at", "i8"),  # place of the next candidate in the block
    ("last_ns", "i8"),  # time of the last candidate drawn
    ("block", "i8"),  # start of the block in the int64 view
    ("births", "i8"),  # start of the candidate numbers by slot in the int64 view
    ("cut_market_buy", "i8"),  # of 2**32: thresholds of the kind draw
    ("cut_market", "i8"),
    ("cut_limit_buy", "i8"),
    ("ticks", "i8"),
    ("qty_low", "i8"),
    ("qty_high", "i8"),
    ("seen_bid", "i8"),  # last best prices, for when a side is empty
    ("seen_ask", "i8"),
    ("active", "i8"),
    ("mirror", "i8"),  # 1: the side of each draw is turned round
    ("volume", "i8"),  # lots traded in the book in the impact window, and the one before
    ("volume_before", "i8"),
    ("window_start_ns", "i8"),
    ("trades", "i8"),
    ("traded_qty", "i8"),
    ("tilt", "f8"),  # lean of market orders towards the value, of limit orders, and per half tick of distance
    ("limit_tilt", "f8"),
    ("per_half_tick", "f8"),
    ("lean_skey", "i8"),
)
"""Background flow of one book: rates, keys, the block in hand."""

REST, HIT = 0, 1
"""What a candidate is: a limit order, a market order."""


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
    return int64(flow.mean_life_ns * exp_from_bits(draw_bits(flow.life_skey, k + (n << 44))) + 1.0)


def set_flow(flow, config) -> None:
    """Write a `PoissonFlowConfig` into a FLOW record; its keys are those of a world, set later."""
    total = config.total_rate
    flow.mean_gap_ns = 1e9 / total
    flow.mean_life_ns = 1e9 / config.cancel_rate
    share = config.market_rate / total
    flow.cut_market_buy = round(share * 2**32)
    flow.cut_market = 2 * flow.cut_market_buy
    flow.cut_limit_buy = flow.cut_market + (2**32 - flow.cut_market) // 2
    flow.ticks, flow.qty_low, flow.qty_high = config.ticks, config.qty_low, config.qty_high
    if config.anchor is not None:
        flow.tilt, flow.limit_tilt = config.anchor.tilt, config.anchor.limit_tilt
        flow.per_half_tick = 0.5 / config.anchor.ticks
    flow.active = 1
