"""Rounding of fees and cost bases against whole numbers of any size, on both sides of where the short ways end."""

from __future__ import annotations

import random

import numpy as np

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.ledger import RATE_UNIT, SMALL_BASIS, SMALL_MONEY, book_trade, rate_fee
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


def test_a_basis_is_reduced_by_its_exact_share_rounded_toward_zero():
    draw = random.Random(2)
    trades = []
    cash = inventory = basis = realized = 0
    expected, short, long = [], 0, 0
    for _ in range(6_000):
        sign, price = draw.choice((1, -1)), draw.randrange(1, 60_000)
        qty = draw.choice([1, 7, 100, 5_000, 2**20 + 3])
        if abs(inventory + sign * qty) > 2**22:
            sign = -sign
        trades.append((sign, price, qty))
        value = price * qty * FEE_UNIT
        if inventory * sign >= 0:
            basis += sign * value
        else:
            held = -inventory * sign
            closed, size = min(qty, held), basis * -sign
            share = size * closed // held
            short += closed < held and size < SMALL_BASIS
            long += closed < held and size >= SMALL_BASIS
            realized -= sign * (price * closed * FEE_UNIT - share)
            basis += sign * share + sign * price * (qty - closed) * FEE_UNIT
        cash -= sign * value
        inventory += sign * qty
        expected.append((cash, inventory, basis, realized))
    states = np.zeros((len(trades), 4), np.int64)
    book_all(np.zeros(1, ACCOUNT).view(np.recarray), np.array(trades, np.int64), states)
    assert states.tolist() == [list(row) for row in expected]
    assert short > 20 and long > 20
