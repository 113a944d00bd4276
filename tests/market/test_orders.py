"""Orders of every kind through the market: deadlines, stops, icebergs, pegs; and what their owner hears of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsl_envs.engine.constants import (
    BUY,
    FOK,
    GTD,
    IOC,
    PEG_PRIMARY,
    PEGGED,
    SELL,
    STOP,
    STOP_LIMIT,
)
from qsl_envs.market.config import PhaseChange, VenueConfig
from tests.market.worlds import (
    MS,
    SECOND,
    SIZE,
    START,
    HardTrader,
    accounts,
    clients,
    gates,
    link,
    participant,
    ready,
    small,
    trade,
)

FREE = VenueConfig(maker_fee_bps=0, taker_fee_bps=0)


def quiet(lines=None, **changes):
    """No flow: the agent and a counterpart alone."""
    lines = link(0) if lines is None else lines
    return ready(
        small(flow=None, venues=(FREE,), participants=(participant(lines=lines), participant("other")), **changes)
    )


def step(market, ns=MS):
    market.advance(int(market.now_ns[0]) + ns)


def heard_is_true(market, agent=0):
    seen, account = market.observe(agent), market.account(agent)
    assert seen["inventory"] == account["inventory"] and seen["cash"] == account["cash"]
    for order in seen["orders"]:
        row = market.arrays.clients[market.arrays.runs[0].clients + order["client"]]
        assert order["leaves_qty"] == row.true_leaves and order["filled_qty"] == row.true_filled


# --- deadlines ----------------------------------------------------------------------------------------------------
def test_gtd_orders_go_at_their_time_and_their_owner_hears_it_a_latency_later():
    market = quiet(lines=link(3 * MS))
    times = {30 * MS: START - 1, 20 * MS: START - 2, 25 * MS: START - 3}
    for expire, price in times.items():
        market.send(BUY, 2, price, tif=GTD, expire_ns=expire)
    market.send(BUY, 2, START - 4)
    for t in range(4 * MS, 40 * MS, MS):
        market.advance(t)
        left = {price for expire, price in times.items() if expire > t} | {START - 4}
        assert {int(p) for p, _ in market.true_book()[0]} == left
        known = {o["price"] for o in market.orders() if o["state"] == 2}
        if t >= 7 * MS:
            assert known == {price for expire, price in times.items() if expire + 3 * MS > t} | {START - 4}
    assert gates(market)["num_open"][0, 0] == 1 and gates(market)["open_buy"][0, 0] == 2


def test_a_deadline_is_earlier_than_arrivals_of_the_same_nanosecond():
    market = quiet()
    market.send(BUY, 2, START, tif=GTD, expire_ns=10 * MS)
    market.advance(10 * MS - 1)
    assert len(market.true_book()[0]) == 1
    market.advance(10 * MS)
    market.send(SELL, 2, START, agent="other", tif=IOC)
    step(market)
    assert market.account()["inventory"] == 0 and not market.orders()


def test_deadlines_of_many_orders_need_one_entry_of_the_calendar():
    market = quiet(size=replace(SIZE, max_calendar=12, max_messages=64, max_special=64))
    for n in range(200):
        client = market.send(BUY, 1, START - n % 30, tif=GTD, expire_ns=(2_000 - 3 * n) * MS)
        step(market)
        if n % 4:
            market.cancel(client)
            step(market)
        if len(market.orders()) > 40:
            break
    assert len(market.orders()) > 30 and market.counters()["cal_peak"] < 8
    market.advance(3 * SECOND)
    assert not market.orders() and not len(market.true_book()[0])


def test_an_expiry_that_is_over_on_arrival_is_refused():
    market = quiet(lines=link(5 * MS))
    market.send(BUY, 1, START, tif=GTD, expire_ns=4 * MS)
    step(market, 20 * MS)
    assert market.observe()["last_reason"] == "BAD_TIF" and not market.orders()


def test_a_replaced_gtd_order_keeps_its_deadline():
    market = quiet()
    client = market.send(BUY, 5, START, tif=GTD, expire_ns=50 * MS)
    step(market)
    market.replace(client, START - 3, 7)
    step(market)
    assert market.client(client)["price"] == START - 3 and market.client(client)["leaves_qty"] == 7
    market.advance(49 * MS)
    assert len(market.orders()) == 1
    market.advance(50 * MS)
    assert not market.orders()


# --- stops --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_of_either_side_trades_for_its_owner_on_its_own_side(side):
    """It is filled whole and its slot freed before its fills are booked: side and owner come from its own record."""
    market, sign = quiet(), 1 - 2 * side
    for n in range(4):  # what the stop will meet, and behind it the trade that triggers it
        market.send(side ^ 1, 2, START + sign * n, agent="other")
    market.send(side, 5, None, order_type=STOP, stop_price=START)
    step(market)
    assert market.orders()[0]["state"] == 2 and market.account()["inventory"] == 0
    market.send(side, 1, START, agent=1, tif=IOC)  # his own order: prevented, nothing triggers
    step(market)
    assert market.account()["inventory"] == 0
    market.send(side ^ 1, 1, START, agent="other")
    market.send(side, 1, None)
    step(market)
    assert market.account()["inventory"] == sign * 6 == -market.account("other")["inventory"]
    assert not market.orders()
    heard_is_true(market), heard_is_true(market, "other")
    seen = market.observe("other")
    volumes = [seen["volume_buy"], seen["volume_sell"]]
    assert volumes[side] == 6 and volumes[side ^ 1] == 0


def test_a_stop_that_somebody_else_triggers_keeps_both_accounts_apart():
    market = quiet()
    for n in range(3):
        market.send(BUY, 2, START - n, agent="other")
    market.send(SELL, 3, START - 1, order_type=STOP_LIMIT, stop_price=START)
    step(market)
    other_bids = market.orders("other")
    market.send(SELL, 1, START, agent="other")  # STP: his own bid goes
    step(market)
    assert len(market.orders("other")) < len(other_bids) + 1
    market.send(BUY, 1, START + 5, agent="other")
    step(market)
    heard_is_true(market), heard_is_true(market, "other")
    assert accounts(market)["inventory"].sum() == 0


def test_a_stop_limit_rests_what_it_cannot_trade_and_stays_under_its_number():
    market = quiet()
    market.send(SELL, 1, START, agent="other")
    market.send(SELL, 2, START + 1, agent="other")
    stop = market.send(BUY, 6, START + 1, order_type=STOP_LIMIT, stop_price=START)
    step(market)
    market.send(BUY, 1, START)  # trades at START: triggers his own stop
    step(market)
    assert market.account()["inventory"] == 3
    known = market.client(stop)
    assert (known["leaves_qty"], known["filled_qty"]) == (4, 2)
    assert market.true_book()[0].tolist() == [[START + 1, 4]]
    assert gates(market)["open_buy"][0, 0] == 4
    market.cancel(stop)
    step(market)
    assert not market.orders() and gates(market)["open_notional"][0, 0] == 0
    heard_is_true(market)


def test_a_chain_of_stops_longer_than_the_event_buffer_is_booked_to_its_owners():
    market = quiet(size=replace(SIZE, max_events=16))
    for n in range(12):
        market.send(BUY, 3, START - n, agent="other")
    for n in range(8):
        market.send(SELL, 4, None, order_type=STOP, stop_price=START - n)
    step(market)
    market.send(SELL, 1, START)
    step(market)
    assert market.account()["inventory"] == -33 == -market.account("other")["inventory"]
    assert not market.orders()
    heard_is_true(market), heard_is_true(market, "other")
    for field in ("cash", "inventory"):
        assert accounts(market)[field].sum() == 0


# --- icebergs, hidden orders, pegs --------------------------------------------------------------------------------
def test_an_iceberg_shows_its_clip_and_its_owner_hears_all():
    market = quiet()
    client = market.send(BUY, 10, START, display_qty=3)
    step(market)
    assert market.true_book()[0].tolist() == [[START, 3]]
    market.send(SELL, 7, None, agent="other")
    step(market)
    assert market.client(client)["leaves_qty"] == 3 and market.client(client)["filled_qty"] == 7
    assert market.true_book()[0].tolist() == [[START, min(3, int(market.true_book()[0][0, 1]))]]
    heard_is_true(market)
    market.send(BUY, 4, START - 1, display_qty=0)
    step(market)
    assert len(market.true_book()[0]) == 1


def test_a_peg_follows_and_its_price_is_told_with_the_acknowledgement():
    market = quiet()
    market.send(BUY, 1, START - 5, agent="other")
    market.send(SELL, 1, START + 5, agent="other")
    step(market)
    peg = market.send(BUY, 2, order_type=PEGGED, peg=PEG_PRIMARY)
    step(market)
    assert market.client(peg)["price"] == START - 5
    market.send(BUY, 1, START - 2, agent="other")
    step(market)
    assert market.true_book()[0].tolist()[0] == [START - 2, 3]
    market.send(SELL, 3, None, agent="other")  # STP takes the other's own bid away, the peg is filled at its price
    step(market)
    heard_is_true(market)
    assert gates(market)["position"][0, 0] == market.account()["inventory"]


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_post_only_order_that_slides_tells_where_it_stands(side):
    market, sign = quiet(), 1 - 2 * side
    market.send(side ^ 1, 1, START, agent="other")
    step(market)
    client = market.send(side, 1, START + 3 * sign, post_only=2)
    step(market)
    assert market.client(client)["price"] == START - sign == int(market.true_book()[side][0, 0])
    market.send(side, 1, START, post_only=1)
    step(market)
    assert market.observe()["last_reason"] == "POST_ONLY_WOULD_TRADE"


def test_fok_and_ioc_are_over_when_they_are_heard():
    market = quiet()
    market.send(SELL, 5, START, agent="other")
    for qty, tif, held in ((6, FOK, 0), (2, FOK, 2), (9, IOC, 5)):
        market.send(BUY, qty, START, tif=tif)
        step(market)
        assert market.account()["inventory"] == held and not market.orders()
    heard_is_true(market)


# --- everything at once -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stp", ["off", "cancel_taker", "cancel_resting", "cancel_both", "decrement"])
def test_what_is_heard_is_what_is_true_on_direct_lines_under_any_self_trade_rule(stp):
    venue = VenueConfig(stp=stp, keep_on_decrease=stp == "decrement")
    config = small(
        venues=(venue,), participants=(participant(), participant("other")), size=replace(SIZE, max_events=16)
    )
    market = ready(config, seed=len(stp))
    traders = [HardTrader(market, 31 * p, agent=p) for p in range(2)]

    def look():
        for p in range(2):
            heard_is_true(market, p)
        rows = clients(market)
        assert (rows["true_leaves"] > 0).all()
        assert (rows["true_leaves"] == rows["leaves_qty"]).all()

    # a message arrives in the nanosecond in which it is sent, and so does its report
    for t in range(2 * MS, 900 * MS, 2 * MS):
        for trader in traders:
            trader.act()
        market.advance(int(market.now_ns[0]))
        look()
        market.advance(t)
        look()
    assert all(market.account(p)["fills"] > 60 for p in range(2))


def test_an_opening_call_gathers_orders_and_uncrosses_them():
    schedule = (PhaseChange(at_ns=0, action="call"), PhaseChange(at_ns=50 * MS, action="open"))
    config = small(
        flow=None, venues=(replace(FREE, schedule=schedule),), participants=(participant(), participant("other"))
    )
    market = ready(config)
    market.send(BUY, 5, START + 2)
    market.send(SELL, 3, START - 2, agent="other")
    market.send(SELL, 4, None, agent="other")
    market.advance(40 * MS)
    assert market.account()["inventory"] == 0 and len(market.orders("other")) == 2
    market.advance(50 * MS)
    assert market.account()["inventory"] == 5 == -market.account("other")["inventory"]
    market.advance(60 * MS)
    heard_is_true(market), heard_is_true(market, "other")
    assert accounts(market)["cash"].sum() == 0 and gates(market)["open_sell"].sum() == sum(
        o["leaves_qty"] for o in market.orders("other")
    )


def test_calls_beside_flow_and_hard_traders_keep_the_books():
    schedule = tuple(
        PhaseChange(at_ns=100 * n * MS, action=a) for n, a in enumerate(("call", "open", "halt", "call", "open"))
    )
    venue = VenueConfig(schedule=schedule, stp="decrement", auction_fee_bps=0.1)
    market = ready(small(venues=(venue,), participants=(participant(), participant("other"))), seed=3)
    start = accounts(market)
    traders = [HardTrader(market, 7 + p, agent=p) for p in range(2)]

    def look():
        now = accounts(market)
        for field in ("cash", "inventory"):
            assert now[field].sum() == start[field].sum()

    trade(market, traders, 700 * MS, 3 * MS, look)
    market.advance(710 * MS)
    for p in range(2):
        heard_is_true(market, p)
        assert market.account(p)["fills"] > 10
