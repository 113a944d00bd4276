"""From an action to messages: prices, sizes, and the difference from what stands or is on its way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.envs.act import quote_both, scaled, target_quotes
from qsl_envs.envs.config import MakerConfig
from qsl_envs.envs.state import DESK, ROLE, SEAT
from qsl_envs.envs.text import AGENT, BOOK
from qsl_envs.market.constants import C_AT_VENUE, M_CANCEL, M_NEW, M_REDUCE, M_REPLACE
from qsl_envs.market.targets import quote_side
from tests.envs.slow import wanted_messages
from tests.envs.small import make

KINDS = {M_NEW: "new", M_CANCEL: "cancel", M_REDUCE: "reduce", M_REPLACE: "replace"}


@pytest.mark.parametrize(
    "value, low, high, expected",
    [(-1, 0, 10, 0), (1, 0, 10, 10), (0, 0, 10, 5), (-0.9, 0, 10, 1), (-5, 2, 8, 2), (7, 2, 8, 8), (0.5, 3, 3, 3),
     (-0.91, 0, 10, 0), (np.inf, 0, 10, 10), (-np.inf, 0, 10, 0)],
)  # fmt: skip
def test_actions_stand_for_whole_numbers(value, low, high, expected):
    assert scaled(np.float32(value), low, high) == expected


def target(bid, ask, action, *, inventory=0, **settings):
    """`target_quotes` of an agent that knows others' best prices `bid` and `ask`."""
    roles, seats, desks = (np.zeros(1, kind).view(np.recarray) for kind in (ROLE, SEAT, DESK))
    for name in ("min_offset", "max_offset", "max_quote_qty"):
        setattr(roles[0], name, settings.get(name, getattr(MakerConfig(), name)))
    seats[0].max_inventory = 50
    desks[0].bid, desks[0].ask, desks[0].mid_x2 = bid, ask, settings.get("mid_x2", bid + ask)
    return tuple(int(x) for x in target_quotes(roles[0], seats[0], desks[0], inventory, np.float32(action), 0))


def test_prices_count_from_the_mid():
    assert target(98, 102, (-0.6, -0.2, 0, 1)) == (98, 5, 104, 10)  # offsets 2 and 4 of 10


def test_half_ticks_round_away_from_the_mid():
    assert target(99, 102, (-1, -1, 1, 1))[::2] == (100, 101)
    assert target(99, 102, (-0.8, -0.8, 1, 1))[::2] == (99, 102)


def test_quotes_do_not_cross_what_others_show():
    assert target(100, 101, (-1, -1, 1, 1))[::2] == (100, 101)
    assert target(100, NIL, (-1, -1, 1, 1), mid_x2=190)[::2] == (95, 101)


def test_quotes_at_a_whole_mid_are_moved_apart():
    assert target(98, 102, (-1, -1, 1, 1))[::2] == (99, 101)


def test_sizes_leave_room_for_the_inventory():
    assert target(98, 102, (0, 0, 1, 1), inventory=47)[1::2] == (3, 10)
    assert target(98, 102, (0, 0, 1, 1), inventory=-50)[1::2] == (10, 0)
    assert target(98, 102, (0, 0, -1, 0))[1::2] == (0, 5)


def test_no_bid_below_the_lowest_price():
    assert target(2, 8, (1, 1, 1, 1))[:2] == (-5, 0)


# --- the difference -----------------------------------------------------------------------------------------------
class Desk:
    """One env whose agent quotes by hand; nothing but its own messages is looked at."""

    def __init__(self):
        self.envs = make(config={"flow": {"market_rate": 0.01, "limit_rate": 0.2, "cancel_rate": 0.1}})
        self.envs.reset(seed=3)
        self.market = self.envs.market
        bids, asks = self.market.true_book()
        self.bid, self.ask = int(bids[0, 0]), int(asks[0, 0])

    def on_their_way(self) -> dict[int, tuple]:
        run = self.market.arrays.runs[0]
        found = {}
        for c in self.market.arrays.cal[run.cal : run.cal + run.cal_size]:
            if c.what == C_AT_VENUE:
                msg = self.market.arrays.msgs[run.msgs + c.arg]
                client = int(msg.client) & 0xFFFF
                found[int(msg.number)] = (int(msg.kind), client, int(msg.price), int(msg.qty))
        return found

    def quote(self, side, price, qty) -> list[tuple]:
        """Quote one side; the messages that were sent, as `wanted_messages` writes them, which says the same."""
        before, expected = self.on_their_way(), wanted_messages(self.market.orders(), side, price, qty)
        post_only = int(self.envs.task.post_only)
        quote_side(self.market.arrays, 0, AGENT, BOOK, side, price, qty, post_only, int(self.market.now_ns[0]))
        new = [message for number, message in sorted(self.on_their_way().items()) if number not in before]
        sent = [
            (kind, None if kind == M_NEW else client, price if kind in (M_NEW, M_REPLACE) else None,
             None if kind == M_CANCEL else qty)
            for kind, client, price, qty in new
        ]  # fmt: skip
        assert sent == expected
        return [(KINDS[kind], *rest) for kind, _, *rest in sent]

    def wait(self, ns=10_000_000):
        self.market.advance(int(self.market.now_ns[0]) + ns)


@pytest.fixture
def desk():
    return Desk()


def test_the_first_quote_is_a_new_order_and_is_sent_once(desk):
    assert desk.quote(BUY, desk.bid - 2, 5) == [("new", desk.bid - 2, 5)]
    assert desk.quote(BUY, desk.bid - 2, 5) == []  # in flight
    desk.wait()
    assert desk.quote(BUY, desk.bid - 2, 5) == []  # standing
    assert len(desk.market.orders()) == 1


def test_a_price_that_stays_keeps_its_place(desk):
    desk.quote(SELL, desk.ask + 2, 5)
    desk.wait()
    assert desk.quote(SELL, desk.ask + 2, 3) == [("reduce", None, 2)]
    assert desk.quote(SELL, desk.ask + 2, 3) == []  # the reduce is on its way
    desk.wait()
    assert desk.quote(SELL, desk.ask + 2, 3) == []
    assert desk.quote(SELL, desk.ask + 2, 7) == [("new", desk.ask + 2, 4)]
    desk.wait()
    assert [o["leaves_qty"] for o in desk.market.orders()] == [4, 3]
    assert desk.quote(SELL, desk.ask + 2, 2) == [("cancel", None, None), ("reduce", None, 1)]  # the newest go first
    desk.wait()
    assert [o["leaves_qty"] for o in desk.market.orders()] == [2]


def test_another_price_is_one_replace_and_cancels(desk):
    desk.quote(BUY, desk.bid - 3, 4)
    desk.wait()
    desk.quote(BUY, desk.bid - 3, 6)
    desk.wait()
    assert desk.quote(BUY, desk.bid - 2, 5) == [("replace", desk.bid - 2, 5), ("cancel", None, None)]
    assert desk.quote(BUY, desk.bid - 2, 5) == []
    desk.wait()
    assert [(o["price"], o["leaves_qty"]) for o in desk.market.orders()] == [(desk.bid - 2, 5)]


def test_no_size_cancels_what_stands_and_what_flies(desk):
    desk.quote(BUY, desk.bid - 2, 5)
    desk.wait()
    desk.quote(BUY, desk.bid - 2, 8)
    assert desk.quote(BUY, desk.bid - 2, 0) == [("cancel", None, None)] * 2
    assert desk.quote(BUY, desk.bid - 2, 0) == []
    desk.wait()
    assert desk.market.orders() == []


def test_an_order_under_change_that_is_wrong_again_is_cancelled(desk):
    desk.quote(BUY, desk.bid - 2, 5)
    desk.wait()
    desk.quote(BUY, desk.bid - 3, 5)  # a replace is on its way
    assert desk.quote(BUY, desk.bid - 4, 5) == [("cancel", None, None), ("new", desk.bid - 4, 5)]
    desk.wait()
    assert [(o["price"], o["leaves_qty"]) for o in desk.market.orders()] == [(desk.bid - 4, 5)]


def test_a_side_knows_nothing_of_the_other(desk):
    desk.quote(BUY, desk.bid - 2, 5)
    assert desk.quote(SELL, desk.ask + 2, 5) == [("new", desk.ask + 2, 5)]


def test_random_targets_agree_with_the_slow_twin(desk):
    draws = np.random.default_rng(4)
    seen: Counter = Counter()
    for _ in range(150):
        side = int(draws.integers(2))
        touch = desk.bid if side == BUY else desk.ask
        price = touch + (1 - 2 * (side == BUY)) * int(draws.integers(1, 4))
        seen.update(kind for kind, *_ in desk.quote(side, price, int(draws.integers(0, 9))))
        if draws.random() < 0.5:
            desk.wait(int(draws.integers(200_000, 3_000_000)))
    assert set(seen) == set(KINDS.values())
    desk.wait()
    for side in (BUY, SELL):
        mine = [o for o in desk.market.orders() if o["side"] == side]
        assert len({o["price"] for o in mine}) <= 1


@pytest.mark.parametrize("up", [True, False])
def test_the_side_that_moves_away_goes_first(desk, up):
    known = desk.envs.core.desks[0, 0, 0]
    known.target_bid = desk.bid - 5
    bid = desk.bid - (3 if up else 7)
    quote_both(desk.market.arrays, 0, AGENT, BOOK, known, bid, 1, desk.ask + 5, 1, 1, 0)
    first = desk.on_their_way()[0]
    assert first[2] == (desk.ask + 5 if up else bid)
