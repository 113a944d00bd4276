"""What an inventory is worth: the mark that an agent's own quotes cannot set, and the liquidation at the close."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NO_ASK, NO_BID, SELL
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.ledger import (
    TAKER,
    account_of,
    accrue_short,
    book_trade,
    collect_borrow,
    entity_of_lender,
    entity_of_venue,
    pay_fee,
    trade_fee,
)


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


@kernel
def liquidate(m, r, trader_index, symbol, penalty_ticks, num_friends):
    """Close the participant's inventory of a symbol against what others show at its first venue; return the lots.

    Level by level from the touch; what the displayed book cannot take is priced `penalty_ticks` beyond its worst level.
    Lots that the first `num_friends` participants show do not count: who trades for one purse must not better a close
    with orders that need not fill. The liquidator takes the other side, the venue its taker's fee; the book itself is
    not touched.
    """
    run = m.runs[r]
    h = run.books + symbol
    account = m.accounts[account_of(m, r, trader_index, symbol)]
    liquidator = m.accounts[account_of(m, r, entity_of_lender(m, r) + 2, symbol)]
    accrue_short(account, run.now_ns)
    left = abs(account.inventory)
    closed = left
    sign = -1 if account.inventory > 0 else 1
    side = BUY if sign < 0 else SELL  # the side of the book that takes it
    none = NO_BID if side == BUY else NO_ASK
    price = best_shown(m.book, h, side)
    worst = price if price != none else account.mark_x2 // 2
    while left > 0 and price != none:
        there = shown_qty(m.book, h, side, price) - not_counted(m, r, trader_index, symbol, side, price, num_friends)
        qty = min(left, there)
        if qty > 0:
            close_lots(m, r, symbol, account, liquidator, sign, price, qty)
            left -= qty
        worst = price
        price = next_shown(m.book, h, side, price)
    if left > 0:
        last = max(1, worst + sign * penalty_ticks)
        close_lots(m, r, symbol, account, liquidator, sign, last, left)
    return closed


@kernel
def close_lots(m, r, symbol, account, liquidator, sign, price, qty):
    """Trade `sign * qty` lots with the liquidator at a price, and pay the first venue what a taker pays."""
    run = m.runs[r]
    book_trade(account, sign, price, qty, run.fee_unit)
    book_trade(liquidator, -sign, price, qty, run.fee_unit)
    fee = trade_fee(m.venues[run.venues], TAKER, account.volume, qty, price * qty * run.fee_unit)
    if fee != 0:
        pay_fee(account, m.accounts[account_of(m, r, entity_of_venue(m, r, 0), symbol)], fee)


@kernel
def not_counted(m, r, trader_index, book, side, price, num_friends):
    """Lots that the participant and his friends show at a price."""
    total = own_shown(m, r, trader_index, book, side, price) if trader_index >= num_friends else 0
    for friend in range(num_friends):
        total += own_shown(m, r, friend, book, side, price)
    return total
