"""Zero-intelligence-plus traders: a private value, and a profit margin that learns from the trades that they hear of.

Source: D. Cliff and J. Bruten (1997), "Minimal-intelligence agents for bargaining behaviors in market-based
environments", HP Laboratories HPL-97-91. There a shout is accepted or not; here a trade heard is an accepted shout, and
without one a better quote on the own side is a shout that was not. Their relative disturbance is one in ticks.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import WHY_START
from qsl_envs.market.kinds import Param
from qsl_envs.participants.knowledge import (
    coin,
    home,
    inventory,
    keep,
    keep_float,
    last_print,
    param,
    state,
    state_float,
    symbol_of,
    top,
    unit,
)
from qsl_envs.participants.noise import next_gap
from qsl_envs.participants.orders import quote
from qsl_envs.participants.quotes import ceil_tick, floor_tick
from qsl_envs.participants.register import participant

PARAMS = {
    "gap_ns": Param(500e6, "mean time between two looks; the times are exponential", low=1e3, high=1e13),
    "value": Param(10, "ticks of its private value above (of a seller: below) the price at the start", low=-1e6,
                   high=1e6),
    "margin": Param(10, "ticks of profit that it asks for at the start", high=1e6),
    "beta": Param(0.3, "learning rate", high=1.0),
    "momentum": Param(0.05, "weight of its last change in the next one", high=0.999),
    "stir": Param(2.0, "its target lies up to so many ticks beyond the price that it learns from", high=1e6),
    "qty": Param(1, "lots of its quote", low=1, high=1e6),
    "max_inventory": Param(50, "lots that it trades in all", low=1, high=1e9),
}  # fmt: skip
GAP, VALUE, MARGIN, BETA, MOMENTUM, STIR, QTY, MAX_INVENTORY = range(8)
S_SIDE, S_LIMIT, S_PRICE, S_CHANGE, S_PRINTS = range(5)


@kernel
def learn(price, change, limit, side, q, accepted, beta, momentum, stir):
    """One lesson of a trader whose quote stands at `price`: (new price, new change), float64.

    Twin: `tests.participants.slow.learn`.

    Args:
        limit: private value: a buyer never bids more, a seller never asks less.
        q: price of the trade (accepted) or of the better quote (not accepted) that it learns from.
        stir: ticks beyond `q` that the target lies, drawn.
    """
    sign = 1.0 - 2.0 * side  # of a buyer 1: a lower price is more profit
    beyond = sign * (price - q)
    if accepted and beyond >= 0.0:  # could have had it cheaper: ask for more profit
        target = q - sign * stir
    elif beyond < 0.0:  # would not have been served: ask for less
        target = q + sign * stir
    else:
        return price, change
    change = momentum * change + (1.0 - momentum) * beta * (target - price)
    price += change
    if sign * (price - limit) > 0.0:
        price = limit
    return price, change


@participant("zip", params=PARAMS, num_states=5)
def wake_zip(m, r, p, why, now_ns):
    """A buyer or a seller by the toss of a coin, who quotes one lot at a price that learns."""
    book = home(m, r, p)
    following = now_ns + next_gap(m, r, p, 0, param(m, r, p, GAP))
    price_seen, prints = last_print(m, r, p, book, now_ns)
    if (why & WHY_START) != 0:
        side = coin(m, r, p, 1)
        sign = 1.0 - 2.0 * side
        limit = m.tapes[m.runs[r].tapes + book].start_price + sign * param(m, r, p, VALUE)
        keep(m, r, p, S_SIDE, side)
        keep_float(m, r, p, S_LIMIT, limit)
        keep_float(m, r, p, S_PRICE, limit - sign * param(m, r, p, MARGIN))
        keep(m, r, p, S_PRINTS, prints)
        return following
    side, limit = state(m, r, p, S_SIDE), state_float(m, r, p, S_LIMIT)
    price, change = state_float(m, r, p, S_PRICE), state_float(m, r, p, S_CHANGE)
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    rival = bid if side == BUY else ask
    stir = param(m, r, p, STIR) * unit(m, r, p, 2)
    if prints > state(m, r, p, S_PRINTS):
        price, change = learn(price, change, limit, side, float(price_seen), True, param(m, r, p, BETA),
                              param(m, r, p, MOMENTUM), stir)  # fmt: skip
    elif rival != NIL:
        price, change = learn(price, change, limit, side, float(rival), False, param(m, r, p, BETA),
                              param(m, r, p, MOMENTUM), stir)  # fmt: skip
    keep(m, r, p, S_PRINTS, prints)
    keep_float(m, r, p, S_PRICE, price)
    keep_float(m, r, p, S_CHANGE, change)
    held = inventory(m, r, p, symbol_of(m, r, book))
    left = max(0, int64(param(m, r, p, MAX_INVENTORY)) - abs(held))
    qty = min(left, int64(param(m, r, p, QTY)))
    if side == BUY:
        bid = floor_tick(price)
        quote(m, r, p, book, bid, qty if bid >= 1 else 0, 1, 0, 0, now_ns)
    else:
        quote(m, r, p, book, 1, 0, max(1, ceil_tick(price)), qty, 0, now_ns)
    return following
