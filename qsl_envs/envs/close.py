"""The close of seats: whoever ends at one instant is liquidated against one book, and the book is there once."""

from qsl_envs.envs.places import seat_of
from qsl_envs.envs.state import CLOSE, KILL, RUIN
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.closing import close_share, liquidate, walk_together
from qsl_envs.market.ledger import account_of


@kernel(inline=True)
def is_closed(end):
    """Whether an end closes the inventory; a step limit does not."""
    return end == CLOSE or end == RUIN or end == KILL


@kernel
def close_seats(m, r, w, i):
    """Liquidate the seats of an env that have just ended, symbol by symbol: who sells, then who buys back.

    One seat walks through what everybody but the seats shows. Several on one side share one walk for all their lots.
    """
    for symbol in range(m.runs[r].num_symbols):
        close_side(m, r, w, i, symbol, -1)
        close_side(m, r, w, i, symbol, 1)


@kernel
def close_side(m, r, w, i, symbol, sign):
    """Close the inventories of a symbol that need `sign` -1 sales, 1 purchases."""
    task = w.tasks[0]
    total, several, last = 0, 0, 0
    for s in range(task.num_seats):
        lots = lots_to_close(m, r, w, i, s, symbol, sign)
        if lots > 0:
            total, several, last = total + lots, several + 1, s
    if several == 0:
        return
    if several == 1:
        penalty_ticks = w.roles[w.seats[seat_of(w, i, last)].role].unfilled_penalty_ticks
        liquidate(m, r, last, symbol, penalty_ticks, task.num_seats)
        return
    taken, value, worst = walk_together(m, r, symbol, sign, total, task.num_seats)
    before = 0
    for s in range(task.num_seats):
        lots = lots_to_close(m, r, w, i, s, symbol, sign)
        if lots > 0:
            penalty_ticks = w.roles[w.seats[seat_of(w, i, s)].role].unfilled_penalty_ticks
            close_share(m, r, s, symbol, total, before, taken, value, worst, penalty_ticks)
            before += lots


@kernel(inline=True)
def lots_to_close(m, r, w, i, s, symbol, sign):
    """Lots that a seat has to trade in the direction `sign`; 0 when it goes on, has ended before, or holds none."""
    seat = w.seats[seat_of(w, i, s)]
    if seat.alive == 0 or not is_closed(seat.end):
        return 0
    return max(-sign * m.accounts[account_of(m, r, s, symbol)].inventory, 0)
