"""What only the simulator knows, as numbers for centralized critics: true books, everybody's inventory and gain."""

from qsl_envs.engine.constants import BUY, NO_ASK, NO_BID, SELL
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.envs.blocks import DISTANCE_MAX, QTY_MAX
from qsl_envs.envs.observe import put
from qsl_envs.envs.places import seat_of
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.fundamental import value_at
from qsl_envs.market.ledger import account_of, equity

HEAD = 1
"""Numbers before the books: time left."""
PER_BOOK = 2
"""Numbers of a book before its levels: mid and value, both from the start price."""
PER_LEVEL = 4
"""Bid distance, bid lots, ask distance, ask lots."""
PER_SEAT = 3
"""Inventory of the first symbol, gain, whether it still takes part."""


def state_width(num_books: int, num_seats: int, levels: int) -> int:
    """Numbers of one env's state."""
    return HEAD + num_books * (PER_BOOK + PER_LEVEL * levels) + num_seats * PER_SEAT


@kernel
def write_states(m, w, levels, width, out, first, last):
    """Write the states of envs first .. last - 1, flat float32, `width` numbers each, scaled as their first role's
    observations.
    """
    for i in range(first, last):
        write_state(m, w, i, levels, out, i * width)


@kernel
def write_state(m, w, i, levels, out, at):
    """One env's state: head, books, seats."""
    task = w.tasks[0]
    r = i * task.stride
    run, scale = m.runs[r], w.roles[0]
    at = put(out, at, (run.close_ns - run.now_ns) / run.close_ns, 0.0, 1.0)
    for book in range(run.num_books):
        h = run.books + book
        start = m.tapes[run.tapes + book].start_price
        bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, SELL)
        flow = m.flows[run.flows + book]
        mid_x2 = (flow.seen_bid if bid == NO_BID else bid) + (flow.seen_ask if ask == NO_ASK else ask)
        value = value_at(m, r, symbol_number(run, book), run.now_ns)
        at = put(out, at, (mid_x2 * 0.5 - start) / scale.tick_scale, -100.0, 100.0)
        at = put(out, at, (value - start) / scale.tick_scale, -100.0, 100.0)
        at = put_side(m, h, BUY, levels, mid_x2, scale, out, at)
        at = put_side(m, h, SELL, levels, mid_x2, scale, out, at)
    for s in range(task.num_seats):
        seat = w.seats[seat_of(w, i, s)]
        gain = -seat.start_equity
        for symbol in range(run.num_symbols):
            account = m.accounts[account_of(m, r, s, symbol)]
            gain += equity(account, account.mark_x2, run.fee_unit)
        held = m.accounts[account_of(m, r, s, 0)].inventory
        at = put(out, at, held / seat.max_inventory, -2.0, 2.0)
        at = put(out, at, gain / w.roles[seat.role].max_loss, -2.0, 2.0)
        at = put(out, at, seat.alive, 0.0, 1.0)


@kernel
def put_side(m, h, side, levels, mid_x2, scale, out, at):
    """Distances from the mid, then lots, of the best levels of a side, true ones."""
    none = NO_BID if side == BUY else NO_ASK
    sign = -1 if side == BUY else 1
    price = best_shown(m.book, h, side)
    for n in range(levels):
        if price != none:
            put(out, at + n, sign * (2 * price - mid_x2) * 0.5 / scale.tick_scale, 0.0, DISTANCE_MAX)
            put(out, at + levels + n, shown_qty(m.book, h, side, price) / scale.qty_scale, 0.0, QTY_MAX)
            price = next_shown(m.book, h, side, price)
        else:
            out[at + n] = DISTANCE_MAX
            out[at + levels + n] = 0.0
    return at + 2 * levels
