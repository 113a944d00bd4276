"""Money: what one account loses another gains, and equity is the sum of its parts, to the last unit."""

from __future__ import annotations

import random

import numpy as np

from qsl_envs.engine.constants import BUY, IOC, SELL
from qsl_envs.market.config import FeeTier, SymbolConfig, VenueConfig
from tests.market.worlds import MS, START, HardTrader, accounts, gates, participant, ready, rich, small, trade


def check_sums(market, start):
    """Cash and inventory over all entities of each symbol are what they were."""
    for i, first in enumerate(start):
        now = accounts(market, i)
        for field in ("cash", "inventory"):
            assert now[field].sum(axis=0).tolist() == first[field].sum(axis=0).tolist(), (field, i, market.now_ns)


def check_identity(market):
    """cash = initial - (basis - initial basis) + realized - fees + rebates - borrow, for every entity."""
    for i in range(market.num_replicas):
        a = accounts(market, i)
        parts = (a["initial_cash"] - (a["basis"] - a["initial_basis"]) + a["realized"] - a["fees"] + a["rebates"]
                 - a["borrow"])  # fmt: skip
        assert (a["cash"] == parts).all()
        for p, c in enumerate(market.config.participants):
            for s in range(len(market.config.symbols)):
                seen = market.account(c.name, replica=i, symbol=s)
                row = accounts(market, i)[p, s]
                initial = row["initial_cash"] + row["initial_basis"] - row["initial_basis"]
                total = (initial + row["initial_basis"] + seen["realized"] + seen["unrealized"] - seen["fees"]
                         + seen["rebates"] - seen["borrow"])  # fmt: skip
                assert seen["equity"] == total


def test_nothing_is_made_or_lost_while_two_agents_trade_hard_on_two_venues():
    market = ready(rich(), 2, seed=3)
    start = [accounts(market, i) for i in range(2)]
    traders = [HardTrader(market, 10 * i + p, replica=i, agent=p) for i in range(2) for p in range(2)]

    def look():
        check_sums(market, start)
        check_identity(market)

    trade(market, traders, 800 * MS, 4 * MS, look)
    after = accounts(market)
    assert (after["fills"][:2] > 30).all()
    flow, venues, lender, impact = after[2:4], after[4:6], after[6], after[7]
    assert (
        (flow["volume"] > 50).all() and (venues["cash"] != 0).all() and lender["cash"][0] > 0 and impact["cash"][0] > 0
    )
    assert (after["rebates"][:2] > 0).all() and (after["fees"][:2] > 0).all() and (after["borrow"][:2] > 0).any()
    for i in range(2):
        for name in ("hard", "late"):
            held = market.account(name, replica=i)["inventory"]
            assert market.liquidate(name, replica=i) == abs(held)
            assert market.account(name, replica=i)["inventory"] == 0
    look()
    assert any(accounts(market, i)["inventory"][8, 0] != 0 for i in range(2))  # the liquidator holds them now


def test_gates_positions_are_the_accounts_inventories():
    market = ready(rich(), 1, seed=5)
    traders = [HardTrader(market, p, agent=p) for p in range(2)]

    def look():
        held = gates(market)["position"].sum(axis=1)
        assert held.tolist() == accounts(market)["inventory"][:2, 0].tolist()

    trade(market, traders, 400 * MS, 4 * MS, look)
    assert accounts(market)["fills"][:2].min() > 10


class Twin:
    """One account in plain Python: whole numbers and the rules of the page, nothing of the kernel."""

    def __init__(self, unit, cash=0):
        self.unit, self.cash, self.inventory, self.basis, self.realized = unit, cash, 0, 0, 0
        self.fees = self.rebates = self.volume = 0

    def fill(self, sign, price, qty, rates, lot_fee):
        value = price * qty * self.unit
        self.cash -= sign * value
        closed = min(qty, max(0, -sign * self.inventory))
        if closed:
            share = self.basis * closed  # pro rata, rounded toward zero
            out = abs(share) // abs(self.inventory) * (1 if share >= 0 else -1)
            self.realized += -sign * price * closed * self.unit - out
            self.basis -= out
        self.basis += sign * price * (qty - closed) * self.unit
        self.inventory += sign * qty
        self.volume += qty
        rate = [r for volume, r in rates if self.volume >= volume][-1]
        exact = price * qty * self.unit * rate
        fee = (2 * abs(exact) + 1_000_000) // 2_000_000 * (1 if exact >= 0 else -1) + lot_fee * qty
        self.cash -= fee
        if fee >= 0:
            self.fees += fee
        else:
            self.rebates -= fee


def test_accounts_agree_with_a_twin_that_is_told_the_fills():
    tiers = (FeeTier(volume=40, maker_fee_bps=-0.33, taker_fee_bps=0.21),
             FeeTier(volume=160, maker_fee_bps=0.17, taker_fee_bps=-0.05))  # fmt: skip
    venue = VenueConfig(
        maker_fee_bps=-0.27, taker_fee_bps=0.31, maker_lot_fee=-0.0015, taker_lot_fee=0.002, tiers=tiers
    )
    config = small(venues=(venue,), flow=None, participants=(participant("a", cash=9.5), participant("b")))
    market, chance, unit = ready(config), random.Random(4), config.fee_unit
    twins = [Twin(unit, round(9.5 * unit)), Twin(unit)]
    maker_rates, taker_rates = [(0, -27), (40, -33), (160, 17)], [(0, 31), (40, 21), (160, -5)]
    now = 0
    for _ in range(300):
        maker, side = chance.randrange(2), chance.choice((BUY, SELL))
        price, posted = START + chance.randint(-40, 40), chance.randint(1, 9)
        taken = chance.randint(1, posted)
        market.send(side, posted, price, agent=maker)
        now += MS
        market.advance(now)
        market.send(side ^ 1, taken, price, agent=1 - maker, tif=IOC)
        now += MS
        market.advance(now)
        for order in market.orders(maker):
            market.cancel(order["client"])
        now += MS
        market.advance(now)
        sign = 1 - 2 * side
        twins[maker].fill(sign, price, taken, maker_rates, round(-0.0015 * unit))
        twins[1 - maker].fill(-sign, price, taken, taker_rates, round(0.002 * unit))
        for p, twin in enumerate(twins):
            account = market.account(p)
            found = [account[k] for k in ("cash", "inventory", "basis", "realized", "fees", "rebates", "volume")]
            assert found == [twin.cash, twin.inventory, twin.basis, twin.realized, twin.fees, twin.rebates, twin.volume]
    heard = market.observe(0)
    assert heard["cash"] == twins[0].cash and heard["inventory"] == twins[0].inventory  # direct lines: all is known


def test_borrow_is_exact_and_does_not_depend_on_who_asks_when():
    rate = 1_213  # its fraction of a unit is more than a half
    config = small(symbols=(SymbolConfig(start_price=START, borrow_rate=rate),),
                   participants=(participant("short", inventory=-6), participant("long", inventory=6)))  # fmt: skip
    asked, quiet = ready(config), ready(config)
    for t in range(7 * MS, 3_003 * MS, 7 * MS):
        asked.advance(t)
        asked.account("short")
    quiet.advance(int(asked.now_ns[0]))
    due = (2 * 6 * int(asked.now_ns[0]) * rate + 10**9) // (2 * 10**9)  # rounded half away from zero
    for market in (asked, quiet):
        assert market.account("short")["borrow"] == due and market.account("long")["borrow"] == 0
        assert accounts(market)["cash"][4, 0] == due  # the lender: after two traders, flow, venue
    assert accounts(market)["inventory"].sum() == 0


def test_impact_grows_with_the_share_of_the_volume():
    venue = VenueConfig(maker_fee_bps=0, taker_fee_bps=0, impact_ticks=0.5)
    config = small(venues=(venue,), flow=None, participants=(participant("taker"), participant("maker")))
    market, unit = ready(config), config.fee_unit
    for p, q in ((START, 10), (START + 1, 10)):
        market.send(SELL, q, p, agent="maker")
    market.advance(MS)
    market.send(BUY, 4, START)
    market.advance(2 * MS)
    assert market.account("taker")["fees"] == 4 * unit // 2  # alone in the market: full participation
    market.send(BUY, 6, START, agent="maker")  # the maker takes his own: nothing trades, the rest is cancelled first
    market.advance(3 * MS)
    assert market.account("maker")["fees"] == 0


def test_own_quotes_never_move_the_mark():
    market = ready(seed=8)
    market.advance(300 * MS)
    twin = ready(seed=8)
    twin.advance(300 * MS)
    moved = 0
    for t in range(301, 420):
        bid, ask = (int(side[0, 0]) for side in market.true_book(levels=1))
        if ask - bid > 1 and not market.orders():
            market.send(BUY, 3, ask - 1, post_only=1)  # betters the bid as far as it goes
            market.send(SELL, 2, ask + 2)
        elif t % 5 == 0:
            for order in market.orders():
                market.cancel(order["client"])
        before = market.account()["mark_x2"]
        market.advance(int(market.now_ns[0]))  # the orders reach the venue before anything else happens
        true_x2 = sum(int(side[0, 0]) for side in market.true_book(levels=1))
        assert market.account()["mark_x2"] == before
        moved += true_x2 != before
        market.advance(t * MS)
    assert moved > 20  # the mid with his quotes did move


def test_liquidation_walks_what_others_show_and_pays_the_penalty_beyond():
    people = (participant("big", inventory=20), participant("bids"), participant("asks"))
    config = small(venues=(VenueConfig(maker_fee_bps=0, taker_fee_bps=0),), flow=None, participants=people)
    market = ready(config)
    for price, qty in ((START - 1, 3), (START - 4, 5)):
        market.send(BUY, qty, price, agent="bids")
    market.send(BUY, 50, START - 2, agent="big")  # his own bid takes nothing
    market.send(SELL, 1, START + 3, agent="asks")
    market.advance(MS)
    market.account("big")
    cash = accounts(market)["cash"][0, 0]
    assert market.liquidate("big", unfilled_penalty_ticks=7) == 20
    paid = 3 * (START - 1) + 5 * (START - 4) + 12 * (START - 4 - 7)
    assert accounts(market)["cash"][0, 0] - cash == paid * config.fee_unit
    assert len(market.true_book()[0]) == 3  # the book is as it was
    assert np.array_equal(accounts(market)["inventory"][[0, -1], 0], [0, 20])
