"""A message's fills that the benchmark books together are, to the unit, what the ledger makes of them one by one."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.order_accounts import MAKERS, Accounts, account_market, settle_events
from benchmarks.order_fills import settle_each
from qsl_envs.engine.constants import EV_CANCELED, EV_FILL
from qsl_envs.market.ledger import SMALL_BASIS, SMALL_QTY

pytestmark = pytest.mark.compiled

VENUES = {
    "plain": {},
    "rebate": {"maker_rate_0": -20, "taker_rate_0": 30, "maker_lot_fee": -3, "taker_lot_fee": 2},
    "free": {"maker_rate_0": 0, "taker_rate_0": 0, "maker_lot_fee": 0, "taker_lot_fee": 0},
    "signs": {"maker_rate_0": -20, "maker_lot_fee": 900_000},  # a small fill pays, a large one is paid
    "high": {"taker_rate_0": 70_000},
    "tiers": {
        "num_tiers": 3,
        "tier_volume_1": 500,
        "tier_volume_2": 5_000,
        "maker_rate_1": -40,
        "maker_rate_2": 5,
        "taker_rate_1": 11,
        "taker_rate_2": 7,
    },
}


def draw_events(draw, events, taker):
    """Fill the events of one message: makers that are few, so that some come twice; now and then something else."""
    count = draw.randrange(1, 40)
    odd = draw.random() < 0.3
    for k in range(count):
        event = events[k]
        event.kind, event.owner = EV_FILL, draw.randrange(MAKERS if draw.random() < 0.5 else 4)
        event.price, event.leaves_qty = draw.randrange(1, 100_000), draw.choice((0, 5))
        event.qty = draw.randrange(1, 30)
        if odd and draw.random() < 0.1:
            event.qty = draw.choice((SMALL_QTY - 1, SMALL_QTY, 2**22 if event.owner < 4 else 40))
        if odd and draw.random() < 0.1:
            event.owner = taker
        if odd and draw.random() < 0.05:
            event.kind = EV_CANCELED
    return count


def differences(one, other):
    """Names of the fields of two record arrays that are not the same."""
    return [name for name in one.dtype.names if (one[name] != other[name]).any()]


@pytest.mark.parametrize("name", VENUES)
def test_together_as_one_by_one(name):
    together, each = (Accounts(account_market(64, 64, 64, 50_000)) for _ in range(2))
    for market in (together, each):
        venue = market.m.venues[market.m.runs[market.r].venues]
        for field, value in VENUES[name].items():
            venue[field] = value
    draw = random.Random(name)
    large = opened = 0
    for n in range(600):
        side, taker = draw.randrange(2), draw.choice((50, 51, 52))
        state = draw.getstate()
        for market in (together, each):
            draw.setstate(state)
            m, book = market.m, market.m.book.books[market.h]
            book.num_events = draw_events(draw, m.book.events[book.events_base :], taker)
        book = together.m.book.books[together.h]
        opened += together.m.accounts[together.first + taker].inventory * (1 - 2 * side) >= 0
        fills = settle_events(together.m, together.r, together.h, side, taker, 10 * n)
        base = each.m.book.books[each.h].events_base
        assert settle_each(each.m, each.r, each.h, base, 1 - 2 * side, taker, 10 * n) == fills
        mine = [market.m.accounts[market.first : market.first + market.count] for market in (together, each)]
        assert differences(*mine) == [], n
        gates = [np.array(market.m.gates[market.m.runs[market.r].gates :][:64]) for market in (together, each)]
        assert differences(*gates) == [], n
        assert mine[0].cash.sum() == 0
        large += int(abs(mine[0].basis).max() >= SMALL_BASIS)
    assert large > 50 and 100 < opened < 500
    assert (abs(mine[0].basis[:MAKERS]) < SMALL_BASIS).sum() > 10
