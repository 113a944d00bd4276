"""From an action to messages: the quotes it wants, and the difference from what stands or is on its way."""

from numpy import float64, int64

from qsl_envs.engine.constants import BUY, NIL, PRICE_MAX, SELL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.targets import quote_side

AGENT, BOOK = 0, 0
"""The agent's number among the participants, and the book that it quotes."""


@kernel(inline=True)
def scaled(value, low, high):
    """The whole number that a value in [-1, 1] stands for: -1 is `low`, 1 is `high`; clipped outside; halves up."""
    a = min(max(float64(value), -1.0), 1.0)
    return low + int64((a + 1.0) * 0.5 * (high - low) + 0.5)


@kernel
def target_quotes(task, env, inventory, bid_offset, ask_offset, bid_size, ask_size):
    """Prices (ticks) and lots that an action in [-1, 1]^4 asks for: (bid, bid_qty, ask, ask_qty).

    Offsets count from the known mid; half ticks round away from it. Neither price crosses what others are known to show
    on the other side, and the two do not meet. Lots are cut to what the inventory limit leaves, as far
    as the agent knows.
    """
    bid = (env.mid_x2 - 2 * scaled(bid_offset, task.min_offset, task.max_offset)) >> 1
    ask = (env.mid_x2 + 2 * scaled(ask_offset, task.min_offset, task.max_offset) + 1) >> 1
    if env.ask != NIL:
        bid = min(bid, env.ask - 1)
    if env.bid != NIL:
        ask = max(ask, env.bid + 1)
    if bid >= ask:  # a whole mid and no offset on either side
        bid, ask = bid - 1, ask + 1
    bid_qty = min(scaled(bid_size, 0, task.max_quote_qty), task.max_inventory - inventory)
    ask_qty = min(scaled(ask_size, 0, task.max_quote_qty), task.max_inventory + inventory)
    if bid < 1:
        bid_qty = 0
    if ask > PRICE_MAX:
        ask_qty = 0
    return bid, max(bid_qty, 0), ask, max(ask_qty, 0)


@kernel
def quote(m, r, task, env, bid, bid_qty, ask, ask_qty, now_ns):
    """Send what makes the agent's orders those of the target: the side that moves away from the other one first."""
    if bid > env.target_bid:
        quote_side(m, r, AGENT, BOOK, SELL, ask, ask_qty, task.post_only, now_ns)
        quote_side(m, r, AGENT, BOOK, BUY, bid, bid_qty, task.post_only, now_ns)
    else:
        quote_side(m, r, AGENT, BOOK, BUY, bid, bid_qty, task.post_only, now_ns)
        quote_side(m, r, AGENT, BOOK, SELL, ask, ask_qty, task.post_only, now_ns)
    env.target_bid, env.target_ask = bid, ask
