"""Rules of a venue beyond price and time: bands that move, batch auctions, speed bumps, resting times, tick steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, FOK, IOC, PEG_PRIMARY, PEGGED, SELL, STOP
from qsl_envs.engine.reasons import Reason
from qsl_envs.market.config import BandTier, FeeTier, RiskConfig, SymbolConfig, TickStep, VenueConfig
from qsl_envs.market.events import Kind
from qsl_envs.market.targets import quote_side
from tests.market.worlds import (
    FLOW,
    LOOSE,
    MS,
    SECOND,
    START,
    HardTrader,
    accounts,
    link,
    participant,
    ready,
    small,
    touch,
    trade,
)

FREE = {"maker_fee_bps": 0.0, "taker_fee_bps": 0.0}


def quiet(lines=None, agents=("agent", "other"), record=10_000, risk=LOOSE, symbols=None, **venue):
    """No flow: what the agents send is all there is."""
    people = tuple(participant(name, link(0) if lines is None else lines, risk=risk) for name in agents)
    changes = {} if symbols is None else {"symbols": symbols}
    config = small(flow=None, venues=(VenueConfig(**{**FREE, **venue}),), participants=people, **changes)
    return ready(config, record=record)


def step(market, ns=MS):
    market.advance(int(market.now_ns[0]) + ns)


def kinds(rows, *wanted):
    return rows[np.isin(rows["kind"], wanted)]


# --- bands --------------------------------------------------------------------------------------------------------
def test_market_orders_ioc_and_triggered_stops_trade_up_to_the_band_and_no_farther():
    market = quiet(band_ticks=10)
    for price in (START + 5, START + 10):
        market.send(SELL, 2, price, agent="other")
    market.send(SELL, 2, START + 11, agent="other")
    step(market)
    market.send(BUY, 2, START + 11)  # a limit order that would rest beyond it is refused; a sell may stand there
    step(market)
    assert market.observe()["last_reason"] == "PRICE_OUTSIDE_BAND"
    market.send(BUY, 9)
    step(market)
    rows = market.events_array()
    assert kinds(rows, Kind.TRADE)["price"].tolist() == [START + 5, START + 10]
    assert Reason(int(kinds(rows, Kind.CANCELED)["reason"][-1])) == Reason.PRICE_OUTSIDE_BAND
    market.cancel(market.orders("other")[0]["client"])
    step(market)
    market.send(BUY, 9)
    step(market)  # an empty book is an empty book
    assert Reason(int(kinds(market.events_array(), Kind.CANCELED)["reason"][-1])) == Reason.MARKET_REST


@pytest.mark.parametrize("values", [{"price": None}, {"price": START + 40, "tif": IOC}])
def test_what_the_band_stops_is_cancelled_with_its_reason(values):
    market = quiet(band_ticks=10, band_window_ns=16 * MS)
    market.send(SELL, 2, START - 10, agent="other"), market.send(BUY, 1, START - 10)
    for price in (START + 2, START + 9):
        market.send(SELL, 2, price, agent="other")
    step(market, 2 * MS)  # the reference is START - 10 now: the band ends at START
    market.send(BUY, 9, **values)
    step(market)
    rows = market.events_array()
    assert kinds(rows, Kind.TRADE)["price"].tolist() == [START - 10, START - 10]
    assert Reason(int(kinds(rows, Kind.CANCELED)["reason"][-1])) == Reason.PRICE_OUTSIDE_BAND
    client = market.send(BUY, 9, START + 40, tif=FOK)
    step(market)
    assert market.client(client)["state"] == 0 and len(kinds(market.events_array(), Kind.TRADE)) == 0


def test_a_triggered_market_stop_stops_at_the_band():
    market = quiet(band_ticks=10, agents=("agent", "other", "third"))
    market.send(BUY, 4, order_type=STOP, stop_price=START + 1)
    market.send(SELL, 1, START + 1, agent="other"), market.send(SELL, 1, START + 10, agent="other")
    step(market)
    market.send(BUY, 1, START + 1, agent="third")
    step(market)
    rows = market.events_array()
    assert kinds(rows, Kind.TRADE)["price"].tolist() == [START + 1, START + 10]
    assert len(kinds(rows, Kind.TRIGGERED)) == 1 and kinds(rows, Kind.CANCELED)["qty"].tolist() == [3]


def test_the_reference_is_the_mean_price_of_the_trades_of_the_window_and_tiers_widen_by_it():
    window = 16 * MS
    tiers = (BandTier(from_price=START + 6, ticks=30),)
    market = quiet(band_ticks=10, band_window_ns=window, band_tiers=tiers)
    seen = []
    for n in range(60):
        at, price = int(market.now_ns[0]), START + n // 6
        market.send(SELL, 1, price, agent="other"), market.send(BUY, 1, price)
        step(market)
        prices = [p for t, p in seen if t // MS > at // MS - 16]
        if prices:  # as the venue saw it with the first message of this millisecond
            rules = market.arrays.rules[market.arrays.runs[0].rules]
            mean = (2 * sum(prices) + len(prices)) // (2 * len(prices))
            assert rules.reference == mean, n
            assert rules.high - mean == mean - rules.low == (30 if mean >= START + 6 else 10)
        seen += [(int(r["ts_ns"]), int(r["price"])) for r in kinds(market.events_array(), Kind.TRADE)]
    assert len(seen) == 60 and rules.high - rules.reference == 30


def test_no_trade_is_made_outside_the_band_in_force_when_an_agent_pushes():
    venue = VenueConfig(band_ticks=6, band_window_ns=160 * MS)
    market = ready(small(venues=(venue,)), record=100_000)
    trader, stopped = HardTrader(market, 3), 0
    low = high = 0
    for t in range(2 * MS, 1_500 * MS, 2 * MS):
        trader.act()
        before = int(market.now_ns[0])
        rules = market.arrays.rules[market.arrays.runs[0].rules]
        low, high, bucket = int(rules.low), int(rules.high), int(rules.bucket)
        market.advance(t)
        rows = market.events_array()
        stopped += int((rows["reason"] == Reason.PRICE_OUTSIDE_BAND).sum())
        if int(rules.bucket) == bucket:
            trades = kinds(rows, Kind.TRADE)
            new = kinds(rows, Kind.NEW)
            resting = new[(new["queue_ahead"] >= 0) & (new["order_type"] == 2)]
            assert ((resting["side"] == SELL) | (resting["price"] <= high)).all(), before
            assert ((resting["side"] == BUY) | (resting["price"] >= low)).all(), before
            taken = trades[trades["side"] == BUY]
            assert (taken["price"] <= high).all() and (trades["price"][trades["side"] == SELL] >= low).all()
    assert stopped > 20


def test_a_limit_state_that_lasts_becomes_a_halt_a_call_and_an_auction():
    market = quiet(band_ticks=10, limit_state_ns=5 * MS, limit_halt_ns=10 * MS, limit_call_ns=20 * MS)
    first = market.send(BUY, 3, START + 10)
    market.advance(3 * MS)
    market.cancel(first)
    market.advance(4 * MS)
    market.send(BUY, 3, START + 10)  # the limit state begins anew
    market.advance(8 * MS)
    assert len(kinds(market.events_array(keep=True), Kind.HALT)) == 0
    market.advance(10 * MS)
    market.send(SELL, 1, START + 8, agent="other")
    step(market)
    assert market.observe("other")["last_reason"] == "HALTED"
    market.advance(20 * MS)
    market.send(SELL, 2, START + 8, agent="other")
    step(market)
    assert len(kinds(market.events_array(keep=True), Kind.TRADE)) == 0
    market.advance(50 * MS)
    rows = market.events_array()
    told = kinds(rows, Kind.HALT, Kind.CALL, Kind.OPEN)
    assert [(Kind(k).name, int(t)) for k, t in zip(told["kind"], told["ts_ns"])] == [
        ("HALT", 9 * MS), ("CALL", 19 * MS), ("OPEN", 39 * MS)]  # fmt: skip
    trades = kinds(rows, Kind.TRADE)
    assert trades["ts_ns"].tolist() == [39 * MS] and trades["qty"].tolist() == [2] and trades["side"].tolist() == [-1]
    rules = market.arrays.rules[market.arrays.runs[0].rules]
    assert rules.reference == trades["price"][0] and rules.limit_step == 0


# --- pegs ---------------------------------------------------------------------------------------------------------
def test_the_owner_of_a_peg_hears_of_its_new_prices_a_latency_later():
    market = quiet(lines=link(3 * MS))
    market.send(BUY, 2, START, agent="other")
    market.advance(4 * MS)
    peg = market.send(BUY, 2, order_type=PEGGED, peg=PEG_PRIMARY, offset=-1)
    market.advance(20 * MS)
    assert market.client(peg)["price"] == START - 1
    top = market.send(BUY, 2, START + 5, agent="other")
    market.advance(25 * MS)
    assert market.client(peg)["price"] == START - 1
    market.advance(26 * MS)
    assert market.client(peg)["price"] == START + 4 and market.client(peg)["leaves_qty"] == 2
    market.cancel(top)
    for order in market.orders("other"):
        market.cancel(order["client"])
    market.advance(32 * MS)
    assert market.client(peg)["price"] == 0  # no reference: it waits in no queue


# --- limits of a whole venue --------------------------------------------------------------------------------------
TWO = (SymbolConfig(name="X", start_price=START), SymbolConfig(name="Y", start_price=START))


@pytest.mark.parametrize(
    "reason, risk",
    [
        ("MESSAGE_RATE", replace(LOOSE, messages_per_s=1.0, burst=4)),
        ("MAX_NOTIONAL", replace(LOOSE, max_notional=4 * START)),
    ],
)
def test_rate_and_notional_count_over_all_symbols_of_a_venue(reason, risk):
    market = quiet(symbols=TWO, risk=risk)
    for n in range(6):
        market.send(BUY, 1, START - 1, book=n % 2)
    step(market)
    assert len(market.orders()) == 4 and market.observe()["last_reason"] == reason
    assert [len(market.true_book(book=b)[0]) for b in range(2)] == [1, 1]


def test_the_cap_on_open_orders_counts_over_all_symbols_of_a_venue_and_not_over_venues():
    venues = (VenueConfig(name="A"), VenueConfig(name="B"))
    risk = RiskConfig(max_inventory=1_000, max_open_orders=8)
    market = ready(small(flow=None, venues=venues, symbols=TWO, participants=(participant(risk=risk),)))
    run = market.arrays.runs[0]
    market.arrays.traders[run.traders].max_open_orders = 3  # after the node let them go
    for n in range(4):
        market.arrays.traders[run.traders].max_open_orders = 8
        market.send(BUY, 1, START - 1, book=n % 2), market.send(BUY, 1, START - 1, book=2 + n % 2)
    market.arrays.traders[run.traders].max_open_orders = 3
    step(market)
    assert len(market.orders()) == 6 and market.observe()["last_reason"] == "MAX_OPEN_ORDERS"
    counted = market.arrays.gates[run.gates : run.gates + 4].num_open
    assert counted.tolist() == [3, 0, 3, 0]


def test_fee_tiers_go_by_the_volume_at_the_venue_over_all_its_symbols():
    tiers = (FeeTier(volume=10, maker_fee_bps=0.0, taker_fee_bps=50.0),)
    venues = tuple(VenueConfig(name=n, maker_fee_bps=0.0, taker_fee_bps=100.0, tiers=tiers) for n in "AB")
    people = (participant(), participant("other"))
    market = ready(small(flow=None, venues=venues, symbols=TWO, participants=people))
    unit, fees = market.config.fee_unit, []
    for book in (0, 2, 1, 3, 0, 2):
        market.send(SELL, 4, START, agent="other", book=book)
        step(market)
        market.send(BUY, 4, START, book=book)
        before = accounts(market)["fees"][0].sum()
        step(market)
        fees.append((accounts(market)["fees"][0].sum() - before) / (4 * START * unit))
    # at each venue 4, 8, then 12 lots: the third trade there reaches the tier
    assert fees == pytest.approx([0.01, 0.01, 0.01, 0.01, 0.005, 0.005])


# --- batch auctions -----------------------------------------------------------------------------------------------
def test_batch_auctions_trade_at_one_price_at_their_times_only():
    market = ready(small(venues=(VenueConfig(batch_interval_ns=50 * MS),)), record=100_000)
    trade(market, [HardTrader(market, 5, plain=True)], 2 * SECOND, 5 * MS)
    rows = market.events_array()
    trades = kinds(rows, Kind.TRADE)
    assert len(trades) > 60 and (trades["ts_ns"] % (50 * MS) == 0).all() and (trades["side"] == -1).all()
    times = np.unique(trades["ts_ns"])
    assert len(times) > 20
    for t in times:
        assert len(set(trades["price"][trades["ts_ns"] == t].tolist())) == 1
    flows = (trades["participant"] == -1) & (trades["taker_participant"] == -1)
    assert flows.any() and not flows.all()
    run = market.arrays.runs[0]
    assert market.arrays.book.books[run.books].phase == 1
    bid, ask = touch(market)
    assert abs(bid - START) < 100 and abs(ask - START) < 100
    assert int((rows["reason"] == Reason.WRONG_PHASE).sum()) > 0  # IOC and FOK have no place in a call


def test_a_batch_auction_serves_an_earlier_order_no_better_than_a_later_one_of_the_same_batch():
    market = quiet(batch_interval_ns=10 * MS, agents=("agent", "other", "third"))
    market.advance(11 * MS)
    market.send(SELL, 2, START, agent="third")
    market.advance(12 * MS)
    market.send(BUY, 2, START + 3)
    market.advance(15 * MS)
    market.send(BUY, 2, START + 4, agent="other")  # later, and better: price goes before time
    market.advance(19 * MS)
    assert market.account("other")["inventory"] == market.account("agent")["inventory"] == 0
    market.advance(20 * MS)
    assert market.account("other")["inventory"] == 2 and market.account("agent")["inventory"] == 0


# --- speed bumps --------------------------------------------------------------------------------------------------
def served_at(market):
    rows = market.events_array()
    told = rows[(rows["participant"] == 0) & np.isin(rows["kind"], (Kind.NEW, Kind.CANCELED))]
    return [(Kind(r["kind"]).name, int(r["arrival_ns"]), int(r["ts_ns"])) for r in told if r["arrival_ns"] >= 0]


def test_a_speed_bump_holds_back_all_messages_or_takers_only():
    for mode, late in (("all", True), ("takers", False)):
        market = quiet(lines=link(MS), speed_bump_ns=3 * MS, speed_bump_for=mode)
        market.send(SELL, 9, START + 1, agent="other")
        market.advance(10 * MS)
        passive = market.send(BUY, 1, START - 1)
        market.send(BUY, 1, START + 1)
        market.send(BUY, 1, None)
        market.send(BUY, 1, START + 1, tif=IOC)
        market.advance(20 * MS)
        market.cancel(passive)
        market.advance(30 * MS)
        served = {(kind, arrived, at) for kind, arrived, at in served_at(market)}
        bumped = 14 * MS
        assert ("NEW", 11 * MS, bumped if late else 11 * MS) in served
        assert ("NEW", 11 * MS, bumped) in served
        assert ("CANCELED", 21 * MS, 24 * MS if late else 21 * MS) in served
        assert market.account()["inventory"] == 3


def test_a_maker_escapes_a_slowed_taker_only_behind_the_bump():
    """What the bump is for: a quote cancelled less than a bump after the taker's message is gone when he arrives."""
    for bump, traded in ((0, 1), (2 * MS, 0)):
        market = quiet(lines=link(MS), speed_bump_ns=bump, speed_bump_for="takers")
        quote = market.send(SELL, 1, START + 1, agent="other")
        market.advance(10 * MS)
        market.send(BUY, 1, START + 1, tif=IOC)
        market.advance(11 * MS)
        market.cancel(quote)
        market.advance(30 * MS)
        assert market.account()["inventory"] == traded


# --- minimum resting time -----------------------------------------------------------------------------------------
def test_an_order_must_stand_for_the_minimum_resting_time_before_it_may_be_changed():
    market = quiet(min_resting_ns=10 * MS)
    client = market.send(BUY, 4, START)
    market.advance(9 * MS)
    for ask in (lambda: market.cancel(client), lambda: market.reduce(client, 1),
                lambda: market.replace(client, START + 1, 4)):  # fmt: skip
        ask()
        rejects = market.observe()["rejects"]
        step(market, 10)
        assert market.observe()["rejects"] == rejects + 1 and market.observe()["last_reason"] == "MIN_RESTING"
    market.advance(10 * MS)
    market.replace(client, START + 1, 4)
    market.advance(12 * MS)
    assert market.client(client)["price"] == START + 1
    market.cancel(client)
    market.advance(13 * MS)  # it arrived anew 3 ms ago
    assert market.client(client)["state"] != 0
    market.kill()
    market.advance(14 * MS)
    assert not market.orders() and len(market.true_book()[0]) == 0


# --- tick steps ---------------------------------------------------------------------------------------------------
TABLE = (TickStep(from_price=900, step=5), TickStep(from_price=1_000, step=20))


@pytest.mark.parametrize(
    "price, reason",
    [(899, "NONE"), (900, "NONE"), (902, "OFF_TICK"), (995, "NONE"), (1_000, "NONE"), (1_005, "OFF_TICK")],
)
def test_prices_off_the_tick_are_refused(price, reason):
    market = quiet(tick_table=TABLE)
    market.send(BUY, 1, price)
    step(market)
    assert market.observe()["last_reason"] == reason
    first = market.orders()
    if first:
        market.replace(first[0]["client"], 1_010, 1)
        step(market)
        assert market.observe()["last_reason"] == "OFF_TICK" and market.orders()[0]["price"] == price


def test_flow_and_quotes_stand_on_the_tick_steps():
    flow = replace(FLOW, ticks=60, limit_rate=3.0)
    market = ready(small(flow=flow, venues=(VenueConfig(tick_table=TABLE),)))
    market.advance(SECOND)
    bids, asks = market.true_book(levels=60)
    for prices in (bids[:, 0], asks[:, 0]):
        assert len(prices) > 2
        assert all(p % (20 if p >= 1_000 else 5 if p >= 900 else 1) == 0 for p in prices.tolist())
    quote_side(market.arrays, 0, 0, 0, BUY, 913, 2, 1, int(market.now_ns[0]))
    quote_side(market.arrays, 0, 0, 0, SELL, 1_101, 2, 1, int(market.now_ns[0]))
    step(market)
    assert sorted(order["price"] for order in market.orders()) == [910, 1_120]
    quote_side(market.arrays, 0, 0, 0, BUY, 914, 2, 1, int(market.now_ns[0]))
    assert market.observe()["rejects"] == 0 and all(o["pending"] == 0 for o in market.orders())
