"""From an action to messages: the quotes it wants, and the difference from what stands or is on its way."""

from numpy import float64, int64

from qsl_envs.engine.constants import BUY, GTC, LIMIT, NIL, PRICE_MAX, SELL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.client import send_change, send_new
from qsl_envs.market.constants import M_CANCEL, M_REDUCE, M_REPLACE, P_CANCEL, P_REDUCE, P_REPLACE

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
        quote_side(m, r, task, SELL, ask, ask_qty, now_ns)
        quote_side(m, r, task, BUY, bid, bid_qty, now_ns)
    else:
        quote_side(m, r, task, BUY, bid, bid_qty, now_ns)
        quote_side(m, r, task, SELL, ask, ask_qty, now_ns)
    env.target_bid, env.target_ask = bid, ask


@kernel(inline=True)
def price_to_be(c):
    """Price of an order when all that its owner has asked for is carried out."""
    return int64(c.next_price) if (c.pending & P_REPLACE) != 0 else int64(c.price)


@kernel(inline=True)
def qty_to_be(c):
    """Lots open of an order when all that its owner has asked for is carried out."""
    if (c.pending & P_CANCEL) != 0:
        return 0
    if (c.pending & P_REPLACE) != 0:
        return int64(c.next_qty)
    if (c.pending & P_REDUCE) != 0:
        return max(0, int64(c.leaves_qty) - int64(c.next_qty))
    return int64(c.leaves_qty)


@kernel
def quote_side(m, r, task, side, price, qty, now_ns):
    """Bring one side to `qty` lots at `price` (0 lots: no quote). Twin: `tests.envs.slow.wanted_messages`.

    An order that stands at the price, or is on its way there, keeps its place: too many lots are taken off the newest
    ones, missing ones are an additional order. The first order at another price is replaced, unless a change of it is
    under way already; the others are cancelled. Orders that were asked to end count as gone.
    """
    clients, first = m.runs[r].clients, int64(m.traders[m.runs[r].traders + AGENT].client_head)
    there = 0
    i = first
    while i >= 0:
        c = m.clients[clients + i]
        if c.side == side and c.book == BOOK and price_to_be(c) == price:
            there += qty_to_be(c)
        i = int64(c.next)
    i = first
    while i >= 0:
        c = m.clients[clients + i]
        following = int64(c.next)
        if c.side == side and c.book == BOOK and (c.pending & P_CANCEL) == 0:
            busy = (c.pending & (P_REDUCE | P_REPLACE)) != 0
            if price_to_be(c) != price:
                if there < qty and not busy and send_change(m, r, i, M_REPLACE, price, qty - there, now_ns) != 0:
                    there = qty
                else:
                    send_change(m, r, i, M_CANCEL, NIL, 0, now_ns)
            elif there > qty:
                own = qty_to_be(c)
                if there - own >= qty:
                    send_change(m, r, i, M_CANCEL, NIL, 0, now_ns)
                    there -= own
                elif not busy and send_change(m, r, i, M_REDUCE, NIL, there - qty, now_ns) != 0:
                    there = qty
        i = following
    if there < qty:
        send_new(m, r, AGENT, BOOK, side, LIMIT, GTC, price, qty - there, NIL, NIL, 0, 0, task.post_only, 0, now_ns)
