"""What an inventory is worth: the mark that an agent's own quotes cannot set."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NO_ASK, NO_BID, SELL
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.ledger import account_of, collect_borrow


@kernel
def own_shown(m, r, trader_index, book, side, price):
    """Lots of the participant's own orders that are shown at a price."""
    run = m.runs[r]
    base = m.book.books[run.books + book].orders_base
    total = 0
    i = int64(m.traders[run.traders + trader_index].client_head)
    while i >= 0:
        c = m.clients[run.clients + i]
        if c.slot >= 0 and c.book == book and c.side == side and m.book.orders[base + c.slot].price == price:
            total += shown_of_order(m, r, book, int64(c.slot))
        i = int64(c.next)
    return total


@kernel
def shown_of_order(m, r, book, slot):
    """Lots that one resting order shows."""
    b = m.book.books[m.runs[r].books + book]
    o = m.book.orders[b.orders_base + slot]
    if o.ext < 0:
        return int64(o.leaves_qty)
    return int64(m.book.exts[b.exts_base + o.ext].shown_qty)


@kernel
def others_best(m, r, trader_index, book, side):
    """Best price at which somebody else shows lots; NO_BID / NO_ASK when nobody does."""
    h = m.runs[r].books + book
    none = NO_BID if side == BUY else NO_ASK
    price = best_shown(m.book, h, side)
    if m.traders[m.runs[r].traders + trader_index].num_clients == 0:
        return price
    while price != none and shown_qty(m.book, h, side, price) <= own_shown(m, r, trader_index, book, side, price):
        price = next_shown(m.book, h, side, price)
    return price


@kernel
def mark(m, r, trader_index, symbol):
    """Evaluate the participant's mark of a symbol, in half ticks: mid of the first venue without his own orders.

    When a side is empty then, the mark stays what it was at the last evaluation.
    """
    account = m.accounts[account_of(m, r, trader_index, symbol)]
    bid = others_best(m, r, trader_index, symbol, BUY)
    ask = others_best(m, r, trader_index, symbol, SELL)
    if bid != NO_BID and ask != NO_ASK:
        account.mark_x2 = bid + ask
    if account.borrow_rate != 0:  # what is due by now: equity is never read without its mark
        collect_borrow(m, r, trader_index, symbol, account.borrow_rate, m.runs[r].now_ns)
    return account.mark_x2
