"""The liquidation at a close: what the displayed book would pay for an inventory, alone or shared with others.

Nobody trades: the book is not touched, the liquidator takes the other side. Those who close at one instant therefore
share one walk through the book, or each of them would be paid for lots that only one of them could have hit.
"""

from qsl_envs.engine.constants import BUY, NO_ASK, NO_BID, SELL
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.ledger import (
    TAKER,
    account_of,
    accrue_short,
    book_trade,
    entity_of_lender,
    entity_of_venue,
    pay_fee,
    trade_fee,
)
from qsl_envs.market.marks import own_shown


@kernel
def liquidate(m, r, trader_index, symbol, penalty_ticks, num_friends):
    """Close one participant's inventory of a symbol against what others show at its first venue; return the lots.

    Level by level from the touch; what the displayed book cannot take is priced `penalty_ticks` beyond its worst level.
    Lots that the first `num_friends` participants show do not count: who trades for one purse must not better a close
    with orders that need not fill. The liquidator takes the other side, the venue its taker's fee; the book itself is
    not touched.
    """
    h = m.runs[r].books + symbol
    account = m.accounts[account_of(m, r, trader_index, symbol)]
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
            close_lots(m, r, trader_index, symbol, sign, price, qty, 0)
            left -= qty
        worst = price
        price = next_shown(m.book, h, side, price)
    if left > 0:
        close_lots(m, r, trader_index, symbol, sign, max(1, worst + sign * penalty_ticks), left, 0)
    return closed


@kernel
def walk_together(m, r, symbol, sign, lots, num_friends):
    """What the displayed book would take of `lots` to be traded at once: `sign` -1 sold into the bids, 1 bought.

    Orders of the first `num_friends` participants do not count.
    Returns: (lots taken, their value in ticks x lots, price of the last level looked at: 0 when nobody shows any).
    """
    h = m.runs[r].books + symbol
    side = BUY if sign < 0 else SELL
    none = NO_BID if side == BUY else NO_ASK
    price = best_shown(m.book, h, side)
    taken, value, worst = 0, 0, 0
    while taken < lots and price != none:
        there = shown_qty(m.book, h, side, price) - not_counted(m, r, 0, symbol, side, price, num_friends)
        qty = min(lots - taken, max(there, 0))
        taken += qty
        value += qty * price
        worst = price
        price = next_shown(m.book, h, side, price)
    return taken, value, worst


@kernel
def close_share(m, r, trader_index, symbol, total, before, taken, value, worst, penalty_ticks):
    """Close a participant's inventory as its share of one walk for `total` lots of several.

    Everybody's lots are worth the same: the mean price of what the book took, and for the same part of everybody's,
    what it could not take, `penalty_ticks` beyond the worst level. Money is divided to the last unit.

    Args:
        total, before: lots of all who close on this side, and of those whose share has been given already.
        taken, value, worst: what `walk_together` found for `total` lots.
    """
    run = m.runs[r]
    account = m.accounts[account_of(m, r, trader_index, symbol)]
    sign, qty = -1 if account.inventory > 0 else 1, abs(account.inventory)
    if worst == 0:
        worst = account.mark_x2 // 2
    beyond = (total - taken) * max(1, worst + sign * penalty_ticks) * run.fee_unit
    money = (part(value * run.fee_unit, before + qty, total) - part(value * run.fee_unit, before, total)
             + part(beyond, before + qty, total) - part(beyond, before, total))  # fmt: skip
    price = money // (qty * run.fee_unit)
    close_lots(m, r, trader_index, symbol, sign, price, qty, money - price * qty * run.fee_unit)


@kernel(inline=True)
def part(money, lots, total):
    """money * lots // total, without the product."""
    return money // total * lots + money % total * lots // total


@kernel
def close_lots(m, r, trader_index, symbol, sign, price, qty, extra):
    """Trade `sign * qty` lots of what a participant holds with the liquidator at a price and `extra` money on top, and
    pay the first venue what a taker pays.
    """
    run = m.runs[r]
    account = m.accounts[account_of(m, r, trader_index, symbol)]
    liquidator = m.accounts[account_of(m, r, entity_of_lender(m, r) + 2, symbol)]
    accrue_short(account, run.now_ns)
    book_trade(account, sign, price, qty, run.fee_unit)
    book_trade(liquidator, -sign, price, qty, run.fee_unit)
    if extra != 0:
        account.cash -= sign * extra
        account.realized -= sign * extra
        liquidator.cash += sign * extra
        liquidator.realized += sign * extra
    fee = trade_fee(m.venues[run.venues], TAKER, account.volume, qty, price * qty * run.fee_unit + extra)
    if fee != 0:
        pay_fee(account, m.accounts[account_of(m, r, entity_of_venue(m, r, 0), symbol)], fee)


@kernel
def not_counted(m, r, trader_index, book, side, price, num_friends):
    """Lots that the participant and his friends show at a price."""
    total = own_shown(m, r, trader_index, book, side, price) if trader_index >= num_friends else 0
    for friend in range(num_friends):
        total += own_shown(m, r, friend, book, side, price)
    return total
