"""Rounding of fees and cost bases against whole numbers of any size, on both sides of where the short ways end."""

from __future__ import annotations

import random

import numpy as np

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.ledger import RATE_UNIT, SMALL_BASIS, SMALL_MONEY, SMALL_QTY, book_trade, rate_fee, share_of
from qsl_envs.market.state import ACCOUNT

FEE_UNIT = 20_000


@kernel
def book_all(accounts, trades, states):
    """Book (sign, price, qty) rows into the first account, and write down what it says after each."""
    account = accounts[0]
    for n in range(len(trades)):
        book_trade(account, trades[n, 0], trades[n, 1], trades[n, 2], FEE_UNIT)
        states[n, 0] = account.cash
        states[n, 1] = account.inventory
        states[n, 2] = account.basis
        states[n, 3] = account.realized


def test_fees_round_half_away_from_zero_whatever_their_size():
    draw = random.Random(1)
    short = 0
    for _ in range(4_000):
        notional = draw.choice([draw.randrange(200), draw.randrange(2**24), draw.randrange(2**44)])
        rate = draw.choice([draw.randrange(-10_000, 10_001), 25, -25])
        exact = abs(notional * FEE_UNIT * rate)
        fee = (2 * exact + RATE_UNIT) // (2 * RATE_UNIT)
        assert rate_fee(notional * FEE_UNIT, rate) == (fee if rate >= 0 else -fee), (notional, rate)
        short += notional * FEE_UNIT < SMALL_MONEY
    assert 500 < short < 3_500


@kernel
def share_all(rows, shares):
    """Share of every row (size, part, whole)."""
    for n in range(len(rows)):
        shares[n] = share_of(rows[n, 0], rows[n, 1], rows[n, 2])


def test_a_share_just_below_a_whole_number_is_not_rounded_up():
    draw = random.Random(3)
    much, many = SMALL_BASIS - 1, SMALL_QTY - 1
    rows = [(much, many, many), (much, many, much), (0, 0, 0)]
    rows += [(0, SMALL_QTY - 1, SMALL_QTY), (SMALL_BASIS, SMALL_QTY - 1, SMALL_QTY), (SMALL_BASIS, 0, 0), (5, 0, 7)]
    below = 0
    for _ in range(20_000):
        part = draw.randrange(1, SMALL_QTY)
        whole = draw.randrange(part, 2 ** draw.randrange(11, 40))
        size = (draw.randrange(1, SMALL_BASIS) * whole - 1) // part % SMALL_BASIS
        rows.append((size, part, whole))
        below += size * part % whole >= whole - part
    shares = np.zeros(len(rows), np.int64)
    share_all(np.array(rows, np.int64), shares)
    assert shares.tolist() == [size * part // max(whole, 1) for size, part, whole in rows]
    assert below > 1_000


def test_a_basis_is_reduced_by_its_exact_share_rounded_toward_zero():
    draw = random.Random(2)
    trades = []
    cash = inventory = basis = realized = 0
    expected, short, long = [], 0, 0
    for n in range(8_000):
        sign, price = draw.choice((1, -1)), draw.randrange(1, 60_000)
        qty = draw.choice([1, 7, 100, 5_000, 2**20 + 3] if n < 4_000 else [1, 7, 100, 1_000])
        if n == 4_000:  # from here on inventories are small
            qty = abs(inventory) or 1
        if abs(inventory + sign * qty) > (2**22 if n < 4_000 else 2**12):
            sign = -1 if inventory > 0 else 1
        trades.append((sign, price, qty))
        value = price * qty * FEE_UNIT
        if inventory * sign >= 0:
            basis += sign * value
        else:
            held = -inventory * sign
            closed, size = min(qty, held), basis * -sign
            share = size * closed // held
            small = size < SMALL_BASIS and closed < SMALL_QTY
            short += closed < held and small
            long += closed < held and not small
            realized -= sign * (price * closed * FEE_UNIT - share)
            basis += sign * share + sign * price * (qty - closed) * FEE_UNIT
        cash -= sign * value
        inventory += sign * qty
        expected.append((cash, inventory, basis, realized))
    states = np.zeros((len(trades), 4), np.int64)
    book_all(np.zeros(1, ACCOUNT).view(np.recarray), np.array(trades, np.int64), states)
    assert states.tolist() == [list(row) for row in expected]
    assert short > 20 and long > 20
