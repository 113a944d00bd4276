"""Participants for whom the market is better than it is: no queue before their orders, no mark left by their takes.

Both are for comparisons (what does a backtest promise that assumes so?) and off unless a configuration asks for them.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, MARKET, NIL, NO_ASK, NO_BID
from qsl_envs.engine.front import move_to_front
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.consequences import settle_side
from qsl_envs.market.constants import IDEAL_QUEUE, IDEAL_TAKES
from qsl_envs.market.gate import gate_of
from qsl_envs.market.ledger import TAKER, account_of, accrue_short, book_trade, entity_of_lender
from qsl_envs.market.marks import own_shown


@kernel(inline=True)
def skip_queue(m, r, trader, book, slot):
    """Put a new resting order of an `ideal_queue` participant in front of those that came before it."""
    if slot >= 0 and (m.gates[gate_of(m, r, trader, book)].ideal & IDEAL_QUEUE) != 0:
        move_to_front(m.book, m.runs[r].books + book, slot)


@kernel
def take_untouched(m, r, trader, book, tag, side, order_type, price, qty):
    """Fill an order of an `ideal_takes` participant from what others show, level by level up to its limit; the book
    stays as it is, the impact account is the other side, nothing is printed. Returns the lots that were filled.
    """
    run = m.runs[r]
    h = run.books + book
    other = side ^ 1
    none = NO_BID if other == BUY else NO_ASK
    sign = 1 if side == BUY else -1
    impact = m.accounts[account_of(m, r, entity_of_lender(m, r) + 1, symbol_number(run, book))]
    at = best_shown(m.book, h, other)
    left = qty
    while left > 0 and at != none and (order_type == MARKET or sign * (price - at) >= 0):
        there = shown_qty(m.book, h, other, at) - own_shown(m, r, trader, book, other, at)
        lots = min(left, there)
        if lots > 0:
            settle_side(m, r, book, trader, tag, TAKER, sign, at, lots)
            accrue_short(impact, run.now_ns)
            book_trade(impact, -sign, at, lots, run.fee_unit)
            left -= lots
        at = next_shown(m.book, h, other, at)
    return qty - left


@kernel(inline=True)
def takes_untouched(m, r, trader, book, side, order_type, price, post_only):
    """Whether a new order would trade at once and is to leave no mark."""
    if (m.gates[gate_of(m, r, trader, book)].ideal & IDEAL_TAKES) == 0 or post_only != 0:
        return False
    touch = best_shown(m.book, m.runs[r].books + book, side ^ 1)
    if touch == NO_BID or touch == NO_ASK:
        return False
    return order_type == MARKET or (int64(price) != NIL and (price - touch) * (1 - 2 * side) >= 0)
