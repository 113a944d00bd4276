"""Book all fills of one taker's message: makers one by one, the taker once.

Every account, to the unit, says what `market.ledger` says when it books the fills one after the other, both sides. What
is saved is waiting: what closes a part of the taker's inventory needs the basis that the fill before left, and a
division of floats makes each wait four times as long as the steps of `chained_quotient`. What the fast way does not
hold for (fee tiers, large money, an order of the taker's own) is booked fill by fill.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import EV_FILL
from qsl_envs.kernel.bits import chained_quotient, float_quotient, quotient
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.gate import gate_of, shrink_order
from qsl_envs.market.ledger import (
    MAKER,
    RATE_UNIT,
    SMALL_BASIS,
    SMALL_MONEY,
    SMALL_QTY,
    SMALL_RATE,
    TAKER,
    account_of,
    accrue_short,
    book_trade,
    entity_of_venue,
    fee_rates,
    pay_fee,
    trade_fee,
)

CHAINED = 2**53
"""Below this a basis times less than SMALL_QTY lots is less than 2**63."""


@kernel
def settle_each(m, r, h, first, sign, owner, now_ns):
    """Book the fills from event `first` on one by one, both sides, and what else ended orders; return their number."""
    book = m.book.books[h]
    run = m.runs[r]
    fills = np.int64(0)
    for k in range(first, book.events_base + np.int64(book.num_events)):
        event = m.book.events[k]
        maker = np.int64(event.owner)
        price, qty, gone = np.int64(event.price), np.int64(event.qty), event.leaves_qty == 0
        if event.kind == EV_FILL:
            settle_side(m, r, owner, TAKER, sign, price, qty, run.fee_unit, now_ns)
            settle_side(m, r, maker, MAKER, -sign, price, qty, run.fee_unit, now_ns)
            fills += 1
        gate = m.gates[gate_of(m, r, maker, 0)]
        shrink_order(gate, gate, (1 + sign) >> 1, price, qty, gone)
    return fills


@kernel
def settle_side(m, r, owner, role, sign, price, qty, fee_unit, now_ns):
    """Book one side of a fill: account, fee and the gate's position."""
    venue = m.venues[m.runs[r].venues]
    account = m.accounts[account_of(m, r, owner, 0)]
    accrue_short(account, now_ns)
    book_trade(account, sign, price, qty, fee_unit)
    fee = trade_fee(venue, role, account.volume, qty, price * qty * fee_unit)
    if fee != 0:
        pay_fee(account, m.accounts[account_of(m, r, entity_of_venue(m, r, 0), 0)], fee)
    m.gates[gate_of(m, r, owner, 0)].position += sign * qty


@kernel(inline=True)
def settle_fills(m, r, h, sign, owner, now_ns):
    """Book the fills among the events of an order of `owner` who buys (`sign` 1) or sells (-1); return their number.

    One venue with one book: its gates are the book's.
    """
    book = m.book.books[h]
    run = m.runs[r]
    first = book.events_base
    end = first + np.int64(book.num_events)
    fee_unit = run.fee_unit
    venue = m.venues[run.venues]
    account = m.accounts[account_of(m, r, owner, 0)]
    taker_rate, taker_lot_fee = fee_rates(venue, TAKER, 0)
    maker_rate, maker_lot_fee = fee_rates(venue, MAKER, 0)
    twice_taker, twice_maker, flip = 2 * abs(taker_rate), 2 * abs(maker_rate), maker_rate >> 63
    rebated = maker_rate + maker_lot_fee < 0
    simple = venue.num_tiers <= 1 and max(twice_taker, twice_maker) < 2 * SMALL_RATE
    # all fees of a role have one sign: it is that of their sum
    simple = simple and taker_rate * taker_lot_fee >= 0 and maker_rate * maker_lot_fee >= 0
    small_money = SMALL_MONEY if simple and abs(account.basis) < CHAINED else 0
    bought = np.int64(0)
    spent = np.int64(0)
    taker_parts = np.int64(0)
    maker_parts = np.int64(0)
    k = first
    while k < end:
        event = m.book.events[k]
        maker = np.int64(event.owner)
        price, qty = np.int64(event.price), np.int64(event.qty)
        unit = price * fee_unit
        value = unit * qty
        other = m.accounts[account_of(m, r, maker, 0)]
        inventory, basis = other.inventory, other.basis
        if event.kind != EV_FILL or maker == owner or value >= small_money or qty >= SMALL_QTY:
            break
        if not -SMALL_BASIS < basis < SMALL_BASIS:
            break
        bought += qty
        spent += value
        taker_parts += quotient(value * twice_taker + RATE_UNIT, 2 * RATE_UNIT)
        accrue_short(other, now_ns)
        held = max(inventory * sign, 0)  # lots that this fill can close
        closed = min(qty, held)
        gain = float_quotient(basis * sign * closed, max(held, 1)) - unit * closed
        other.realized -= sign * gain
        other.basis = basis - sign * (value + gain)
        other.inventory = inventory - sign * qty
        other.volume += qty
        other.fills += 1
        part = quotient(value * twice_maker + RATE_UNIT, 2 * RATE_UNIT)
        maker_parts += part
        fee = maker_lot_fee * qty + ((part ^ flip) - flip)
        other.cash += sign * value - fee
        if rebated:
            other.rebates -= fee
        else:
            other.fees += fee
        gate = m.gates[gate_of(m, r, maker, 0)]
        gate.position -= sign * qty
        shrink_order(gate, gate, (1 + sign) >> 1, price, qty, event.leaves_qty == 0)
        k += 1

    if k > first:
        accrue_short(account, now_ns)
    close_taker(m, account, sign, first, bought, spent, fee_unit)
    account.inventory += sign * bought
    account.volume += bought
    account.fills += k - first
    m.gates[gate_of(m, r, owner, 0)].position += sign * bought
    fees = taker_lot_fee * bought + (taker_parts if taker_rate >= 0 else -taker_parts)
    account.cash -= sign * spent + fees
    account.fees += max(fees, 0)
    account.rebates += max(-fees, 0)
    maker_fees = maker_lot_fee * bought + ((maker_parts ^ flip) - flip)
    venue_account = m.accounts[account_of(m, r, entity_of_venue(m, r, 0), 0)]
    venue_account.cash += fees + maker_fees
    venue_account.rebates += max(fees, 0) + max(maker_fees, 0)
    venue_account.fees += max(-fees, 0) + max(-maker_fees, 0)
    fills = k - first
    if k < end:
        fills += settle_each(m, r, h, k, sign, owner, now_ns)
    return fills


@kernel(inline=True)
def close_taker(m, account, sign, first, bought, spent, fee_unit):
    """Basis and realized profit of a taker whose fills begin at event `first`: `bought` lots for `spent` in all."""
    held, size = -account.inventory * sign, -account.basis * sign
    gain = np.int64(0)
    k = first
    left = bought
    while held > 0 and left > 0:
        event = m.book.events[k]
        k += 1
        qty = np.int64(event.qty)
        closed = min(qty, held)
        value = np.int64(event.price) * closed * fee_unit
        out = chained_quotient(size * closed, held)
        gain += value - out
        size -= out
        held -= qty
        left -= qty
        spent -= value
    account.realized -= sign * gain
    account.basis = sign * (spent - size)
