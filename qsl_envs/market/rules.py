"""What a venue's rules say of a price, a door, and an age: tick steps, speed bumps, resting times, trades to follow."""

from numpy import int64

from qsl_envs.engine.constants import BUY, FOK, IOC, LIMIT, MARKET
from qsl_envs.engine.ladder import crosses
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.draw import draw_bits, high_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.client import conn_of
from qsl_envs.market.constants import C_AT_VENUE, C_BUMPED, M_NEW, M_REPLACE

BAND_BUCKETS = 16
"""Parts of the window that a band's reference follows."""


@kernel
def tick_step(m, venue, price):
    """Step of prices (ticks) at a price."""
    step = int64(1)
    for at in range(venue.ticks_at, venue.ticks_end, 2):
        if price >= m.link_longs[at]:
            step = m.link_longs[at + 1]
    return step


@kernel
def on_tick(m, venue, side, price):
    """The price that an order may have nearest to `price` that is no better: down for a buy, up for a sell; >= 1."""
    if venue.ticks_at == venue.ticks_end or price <= 0:
        return price
    step = tick_step(m, venue, price)
    if side == BUY:
        return max(1, price - price % step)
    return price + (-price) % step


@kernel
def note_trade(m, rules, price):
    """A trade that the band's reference will follow."""
    at = rules.ring + 2 * (rules.bucket % BAND_BUCKETS)
    m.longs[at] += price
    m.longs[at + 1] += 1


@kernel
def could_trade(m, r, i):
    """Whether a participant's message `i` would trade if it were served now."""
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    kind = int64(msg.kind)
    if kind != M_NEW and kind != M_REPLACE:
        return False
    if kind == M_NEW and (msg.order_type == MARKET or msg.tif == IOC or msg.tif == FOK):
        return True
    if kind == M_NEW and msg.order_type != LIMIT:
        return False
    side = int64(msg.side)
    return crosses(side, int64(msg.price), m.book.sides[SIDES * (run.books + msg.book) + (side ^ 1)].best)


@kernel
def hold_back(m, r, i, venue, now_ns):
    """Hold a message back at the speed bump, if it is one that the venue slows; True if it is."""
    if venue.bump_takers != 0 and not could_trade(m, r, i):
        return False
    run = m.runs[r]
    msg = m.msgs[run.msgs + i]
    arrival = now_ns + venue.speed_bump_ns
    conn = m.conns[conn_of(m, r, int64(msg.trader), int64(msg.book))]
    draw = high_half(draw_bits(conn.order_skey, arrival)) >> 8
    run.bumped += 1  # what was held back together goes on in the order in which it came
    push(m, r, arrival, order_key(C_AT_VENUE, draw, run.bumped), C_BUMPED, i)
    return True
