"""What a participant knows: his books as his links have told them, his own orders and inventory, his own draws.

Every function takes (m, r, p, ...) as a participant's kernel gets them, and `now_ns` where it matters what has arrived.
Nothing here reads what the venue knows.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.kernel.draw import below_from_bits, draw_bits, exp_from_bits, normal_from_bits, unit_from_bits
from qsl_envs.kernel.fmath import bits_of, float_of
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.client import open_qty
from qsl_envs.market.constants import GROUP_BOOKS, GROUP_LONGS, K_LIVE
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.listen import known_top

DRAWS_SHIFT = 6
"""A wake-up owns draws `number of the wake-up << DRAWS_SHIFT | j`, j in [0, 64)."""


@kernel(inline=True)
def actor_of(m, r, p):
    """The participant's ACTOR record."""
    return m.actors[m.crowds[m.runs[r].crowd].actors + p]


@kernel(inline=True)
def param(m, r, p, j):
    """Parameter number `j` of the kind, float64: this participant's, drawn for this world."""
    crowd = m.crowds[m.runs[r].crowd]
    return m.floats[crowd.params + m.actors[crowd.actors + p].params + j]


@kernel(inline=True)
def state(m, r, p, j):
    """Cell `j` of what the participant keeps, int64; 0 at the start of an episode."""
    crowd = m.crowds[m.runs[r].crowd]
    return m.longs[crowd.states + m.actors[crowd.actors + p].states + j]


@kernel(inline=True)
def keep(m, r, p, j, value):
    """Set cell `j` of what the participant keeps to a whole number."""
    crowd = m.crowds[m.runs[r].crowd]
    m.longs[crowd.states + m.actors[crowd.actors + p].states + j] = value


@kernel(inline=True)
def state_float(m, r, p, j):
    """Cell `j` of what the participant keeps, read as a float64; 0.0 at the start of an episode."""
    return float_of(state(m, r, p, j))


@kernel(inline=True)
def keep_float(m, r, p, j, value):
    """Set cell `j` of what the participant keeps to a float64."""
    keep(m, r, p, j, bits_of(value))


@kernel(inline=True)
def states_at(m, r, p):
    """Where the participant's cells start, in `m.longs` and, as floats, in `m.floats`."""
    crowd = m.crowds[m.runs[r].crowd]
    return crowd.states + m.actors[crowd.actors + p].states


@kernel(inline=True)
def home(m, r, p):
    """The participant's own book; of one that trades in several, the first."""
    return int64(actor_of(m, r, p).book)


@kernel(inline=True)
def num_books(m, r, p):
    """How many books the participant's group trades in."""
    return m.crowd[actor_of(m, r, p).group + GROUP_BOOKS]


@kernel(inline=True)
def nth_book(m, r, p, n):
    """Book number `n` of those that the participant's group trades in."""
    return m.crowd[actor_of(m, r, p).group + GROUP_LONGS + n]


@kernel(inline=True)
def draw_of(m, r, p, j):
    """Word `j` in [0, 64) of this wake-up, an int64 pattern: the world's, whatever was drawn before."""
    actor = actor_of(m, r, p)
    return draw_bits(actor.skey, (int64(actor.wakes) << DRAWS_SHIFT) | j)


@kernel(inline=True)
def unit(m, r, p, j):
    """Uniform float64 in (0, 1): draw `j` of this wake-up."""
    return unit_from_bits(draw_of(m, r, p, j))


@kernel(inline=True)
def below(m, r, p, j, n):
    """Uniform int64 in [0, n): draw `j` of this wake-up."""
    return below_from_bits(draw_of(m, r, p, j), n)


@kernel(inline=True)
def exponential(m, r, p, j):
    """Exponential float64 with mean 1: draw `j` of this wake-up."""
    return exp_from_bits(draw_of(m, r, p, j))


@kernel(inline=True)
def normal(m, r, p, j):
    """Standard normal float64: draw `j` of this wake-up."""
    return normal_from_bits(draw_of(m, r, p, j))


@kernel(inline=True)
def coin(m, r, p, j):
    """A side by the toss of draw `j`: BUY or SELL; the other one in a mirrored market."""
    return (draw_of(m, r, p, j) & 1) ^ m.runs[r].mirror


@kernel(inline=True)
def view_of(m, r, p, book):
    """Absolute index of the view by which the participant hears a book."""
    run = m.runs[r]
    return run.views + m.conns[run.conns + p * run.num_books + book].feed


@kernel
def top(m, r, p, book, now_ns):
    """Best prices (ticks) and their lots as the participant knows them: (bid, bid_qty, ask, ask_qty); NIL and 0 for an
    empty side. Own orders count, once the feed has told them.
    """
    return known_top(m, r, view_of(m, r, p, book), now_ns)


@kernel
def levels(m, r, p, book, n, now_ns):
    """The best `n` <= 64 levels of both sides as the participant knows them: (bids at, number of bids, asks at, number
    of asks). Level i of a side stands in `m.scratch[at + 2 * i]` (price) and the cell after it (lots), until the next
    call. Costs more than `top`: what is on its way must be taken off the book.
    """
    run = m.runs[r]
    v = view_of(m, r, p, book)
    hear(m, r, v, now_ns)
    undone_bids, undone_asks = undo(m, r, m.views[v], now_ns)
    at = run.scratch + 4 * run.scratch_cap
    bids = known_levels(m, r, v, BUY, n, undone_bids, m.scratch, at)
    asks = known_levels(m, r, v, SELL, n, undone_asks, m.scratch, at + 2 * n)
    return at, bids, at + 2 * n, asks


@kernel
def mid_x2(m, r, p, book, now_ns):
    """Mid in half ticks as the participant knows it; while a side is empty to him, the last one that he knew: twice the
    symbol's start price at the start.
    """
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    run = m.runs[r]
    conn = m.conns[run.conns + p * run.num_books + book]
    if bid != NIL and ask != NIL:
        conn.last_mid_x2 = bid + ask
    return conn.last_mid_x2


@kernel
def held(m, r, p, book):
    """Lots that the participant knows to hold from his trades in one book, and what he began with there."""
    run = m.runs[r]
    return m.conns[run.conns + p * run.num_books + book].known_position


@kernel
def inventory(m, r, p, symbol):
    """Lots of a symbol that the participant knows to hold, over all venues."""
    run = m.runs[r]
    total = int64(0)
    for book in range(symbol, run.num_books, run.num_symbols):
        total += m.conns[run.conns + p * run.num_books + book].known_position
    return total


@kernel
def lots_open(m, r, p, symbol, side):
    """Lots of a symbol that the participant may still buy (or sell) by orders whose end he has not heard of."""
    return open_qty(m, r, p, symbol, side)


@kernel
def num_orders(m, r, p):
    """Orders whose end the participant has not heard of."""
    run = m.runs[r]
    return int64(m.traders[run.traders + p].num_clients)


@kernel
def known_cash(m, r, p):
    """Cash (1/fee_unit of tick x lot, fees taken off) by the reports heard."""
    run = m.runs[r]
    return m.traders[run.traders + p].known_cash


@kernel(inline=True)
def symbol_of(m, r, book):
    """Symbol of a book."""
    return symbol_number(m.runs[r], book)


@kernel(inline=True)
def time_left_s(m, r, now_ns):
    """Seconds to the close, float64."""
    return (m.runs[r].close_ns - now_ns) * 1e-9


@kernel
def last_print(m, r, p, book, now_ns):
    """Price of the last trade heard of a book (0: none), and how many were heard: (price, number)."""
    v = view_of(m, r, p, book)
    hear(m, r, v, now_ns)
    return m.views[v].last_print, m.views[v].prints


@kernel
def volumes(m, r, p, book, now_ns):
    """Lots that aggressors have bought and sold since the start, by the prints heard: (bought, sold)."""
    v = view_of(m, r, p, book)
    hear(m, r, v, now_ns)
    return m.views[v].volume_buy, m.views[v].volume_sell


@kernel
def feed_age_ns(m, r, p, book, now_ns):
    """Time since the newest record that the participant has heard of a book left the venue."""
    v = view_of(m, r, p, book)
    hear(m, r, v, now_ns)
    return now_ns - m.views[v].heard_ts_ns


@kernel(inline=True)
def held_value(m, r, p, lots, mid):
    """Known cash and `lots` at a mid (ticks), in ticks x lots, float64."""
    return known_cash(m, r, p) / m.runs[r].fee_unit + lots * mid


@kernel
def best_own(m, r, p, book, side):
    """Price of the participant's best order of a side that he knows to stand; NIL without one."""
    run = m.runs[r]
    best, sign = int64(NIL), 1 - 2 * side
    i = int64(m.traders[run.traders + p].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        if c.state == K_LIVE and c.book == book and c.side == side and (best == NIL or sign * (c.price - best) > 0):
            best = int64(c.price)
        i = int64(c.next)
    return best
