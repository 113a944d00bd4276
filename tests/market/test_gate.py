"""Limits hold at every event, open orders at their worst case; every reason of the gate is reached; the kill switch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsl_envs.engine.constants import BUY, IOC, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import OrderError
from qsl_envs.market.config import PhaseChange, RiskConfig, VenueConfig
from qsl_envs.network.config import LinkConfig
from tests.market.worlds import (
    DIRECT,
    LOOSE,
    MS,
    SECOND,
    START,
    HardTrader,
    clients,
    gates,
    link,
    participant,
    ready,
    small,
    touch,
    trade,
)

TIGHT = RiskConfig(max_inventory=24, max_order_qty=17, max_notional=24 * START, max_open_orders=7, messages_per_s=600,
                   burst=3)  # fmt: skip


def test_limits_hold_at_every_step_of_an_agent_that_pushes_against_them():
    two = (VenueConfig(name="A", stp="decrement"), VenueConfig(name="B", stp="cancel_taker"))
    config = small(venues=two, participants=(participant(risk=TIGHT), participant("other", risk=TIGHT)))
    market = ready(config, seed=4)
    traders = [HardTrader(market, p, agent=p) for p in range(2)]
    most = {"position": 0, "orders": 0, "notional": 0}

    def look():
        open_orders, found = clients(market), gates(market)
        for p in range(2):
            for book in range(2):
                gate = found[p, book]
                mine = open_orders[(open_orders["owner"] == p) & (open_orders["book"] == book)]
                lots = [int(mine["true_leaves"][mine["side"] == side].sum()) for side in (BUY, SELL)]
                assert [gate["open_buy"], gate["open_sell"]] == lots
                assert gate["num_open"] == (mine["true_leaves"] > 0).sum() <= TIGHT.max_open_orders
                held = int(gate["position"])
                assert held + lots[BUY] <= 12 and lots[SELL] - held <= 12
                worth = int((mine["true_leaves"].astype("i8") * mine["gate_price"]).sum())
                assert gate["open_notional"] == worth <= TIGHT.max_notional // 2
                most["position"] = max(most["position"], abs(held))
                most["orders"] = max(most["orders"], int(gate["num_open"]))
                most["notional"] = max(most["notional"], worth)

    trade(market, traders, 1_200 * MS, 2 * MS, look)
    assert most["position"] >= 10 and most["orders"] >= 3 and most["notional"] > 9 * START
    assert market.observe(0)["rejects"] > 50
    for p in range(2):
        assert abs(market.account(p)["inventory"]) <= 24


def test_the_token_bucket_lets_a_burst_through_and_then_its_rate():
    risk = replace(LOOSE, messages_per_s=100, burst=4)
    market = ready(small(flow=None, participants=(participant(risk=risk),)))
    for n in range(6):
        market.send(BUY, 1, START - n)
    market.advance(MS)
    assert len(market.orders()) == 4 and market.observe()["last_reason"] == "MESSAGE_RATE"
    accepted = 4
    for t in range(2 * MS, 500 * MS, 2 * MS):
        before = len(market.true_book(levels=50)[0])
        market.send(BUY, 1, START - 100 - t // MS)
        market.advance(t)
        accepted += len(market.orders()) > accepted or len(market.true_book(levels=50)[0]) > before
        if len(market.orders()) > 40:
            market.kill()
            break
    assert 40 <= accepted <= 42  # 4 at once, then one every 10 ms
    assert int(market.now_ns[0]) == pytest.approx(370 * MS, abs=15 * MS)


def reason_of(config, act, until_ns=MS):
    """Reason of the last refusal that an agent has heard after `act(market)`."""
    market = ready(config)
    act(market)
    market.advance(until_ns)
    return market.observe()["last_reason"]


def one(risk=LOOSE, lines=DIRECT, **venue):
    return small(venues=(VenueConfig(**venue),), participants=(participant(lines=lines, risk=risk),))


@pytest.mark.parametrize(
    "name, config, act",
    [
        ("MAX_ORDER_QTY", one(replace(LOOSE, max_order_qty=5)), lambda m: m.send(BUY, 6, START)),
        ("MAX_ORDER_QTY", one(max_order_qty=5), lambda m: m.send(BUY, 6, START)),
        ("MAX_INVENTORY", one(replace(LOOSE, max_inventory=5)), lambda m: m.send(SELL, 6, START + 500)),
        ("MAX_NOTIONAL", one(replace(LOOSE, max_notional=5 * START)), lambda m: m.send(BUY, 6, START - 100)),
        ("MAX_NOTIONAL", one(replace(LOOSE, max_notional=5 * START)), lambda m: m.send(SELL, 6)),
        ("PRICE_OUTSIDE_COLLAR", one(collar_ticks=30), lambda m: m.send(BUY, 1, START - 200)),
        ("PRICE_OUTSIDE_BAND", one(band_ticks=30), lambda m: m.send(BUY, 1, START + 31)),
        ("PRICE_OUTSIDE_BAND", one(band_ticks=30), lambda m: m.send(SELL, 1, START - 31)),
        ("HALTED", one(schedule=(PhaseChange(at_ns=0, action="halt"),)), lambda m: m.send(BUY, 1, START)),
        ("UNKNOWN_ORDER", one(), lambda m: m.cancel(m.send(SELL, 1, START - 50, tif=IOC))),
        ("NO_REFERENCE", one(), lambda m: m.send(BUY, 1, 1, order_type=5, peg=1, tif=IOC, offset=-2000)),
        ("BAD_STOP_PRICE", one(), lambda m: m.send(BUY, 1, order_type=3)),
    ],
)
def test_each_reason_of_a_refusal(name, config, act):
    assert reason_of(config, act) == name


def test_orders_within_the_collar_and_the_band_pass():
    market = ready(one(collar_ticks=30, band_ticks=30))
    bid, ask = touch(market)
    assert market.send(BUY, 1, bid - 29) >= 0 and market.send(SELL, 1, ask + 5) >= 0
    market.advance(1)
    assert len(market.orders()) == 2


def test_the_venue_is_closed_at_the_close_and_open_until_then():
    config = small(participants=(participant(lines=link(MS)),), session_ns=100 * MS)
    market = ready(config)
    market.advance(98 * MS)
    early = market.send(BUY, 1, START - 40)
    market.advance(99 * MS)
    market.send(BUY, 1, START - 41)
    assert market.advance(200 * MS).tolist() == [2]
    assert market.now_ns[0] == 100 * MS
    run = market.arrays.runs[0]
    assert int(market.arrays.clients[run.clients + early].slot) >= 0
    reports = market.arrays.msgs[run.msgs : run.msgs + int(run.max_msgs)]
    assert int(Reason.VENUE_CLOSED) in reports.reason.tolist()


def test_a_halt_refuses_new_orders_lets_cancels_through_and_ends():
    config = one(schedule=(PhaseChange(at_ns=50 * MS, action="halt"), PhaseChange(at_ns=90 * MS, action="open")))
    market = ready(config)
    client = market.send(BUY, 1, START - 30)
    market.advance(60 * MS)
    book = market.true_book(levels=40)
    market.send(BUY, 1, START)
    market.advance(61 * MS)
    assert market.observe()["last_reason"] == "HALTED" and market.observe()["rejects"] == 1
    market.cancel(client)
    market.advance(62 * MS)
    assert not market.orders()
    traded = market.observe()["prints"]
    market.advance(89 * MS)
    assert market.observe()["prints"] == traded and len(market.true_book(levels=40)[1]) <= len(book[1]) + 1
    market.advance(91 * MS)
    market.send(BUY, 1, START - 30)
    market.advance(92 * MS)
    assert len(market.orders()) == 1


def test_the_firm_wide_check_counts_what_is_in_flight_and_what_was_heard_also_for_replaces():
    lines = link(5 * MS)
    two = (VenueConfig(name="A"), VenueConfig(name="B"))
    risk = replace(LOOSE, firm_max_inventory=10, max_open_orders=9)
    market = ready(small(venues=two, participants=(participant(lines=lines, risk=risk),)))
    first = market.send(BUY, 6, START - 50, book=0)
    assert first >= 0
    assert market.send(BUY, 5, START - 50, book=1) == -int(Reason.FIRM_LIMIT)
    assert market.send(BUY, 4, START - 50, book=1) >= 0
    assert market.send(SELL, 10, START + 50, book=1) >= 0
    market.advance(20 * MS)
    assert not market.replace(first, START - 49, 7)
    assert market.observe()["last_reason"] == "FIRM_LIMIT"
    assert market.replace(first, START - 49, 6)
    for _ in range(6):
        assert market.send(SELL, 1, START + 60) == -int(Reason.FIRM_LIMIT)
    for k in range(9 - 3):
        market.reduce(first, 1) if k == 0 else None
    risky = ready(small(participants=(participant(risk=replace(LOOSE, max_open_orders=2)),)))
    assert [risky.send(BUY, 1, START - 50) >= 0 for _ in range(3)] == [True, True, False]
    assert risky.send(BUY, 1, START) == -int(Reason.MAX_OPEN_ORDERS)


# --- kill switch --------------------------------------------------------------------------------------------------
def test_the_kill_switch_blocks_at_once_travels_and_closes_the_gate():
    market = ready(small(flow=None, participants=(participant(lines=link(10 * MS)), participant("other"))))
    for n in range(4):
        market.send(BUY, 2, START - n)
    market.advance(30 * MS)
    market.send(BUY, 2, START - 9)  # still under way when the switch is pulled
    market.kill()
    assert market.send(BUY, 1, START) == -int(Reason.KILLED)
    assert market.observe()["killed"]
    market.advance(39 * MS)
    assert len(market.true_book()[0]) == 4  # nothing has reached the venue
    market.advance(40 * MS)
    assert len(market.true_book()[0]) == 0
    market.advance(60 * MS)
    assert not market.orders() and gates(market)["blocked"].tolist() == [[1], [0]]
    assert market.send(BUY, 1, START, agent="other") >= 0


@pytest.mark.parametrize("seed", range(3))
def test_a_lost_kill_is_found_out_and_the_orders_go(seed):
    lines = LinkConfig(latency_ns=MS, drop_ppm=600_000)
    config = small(flow=None, participants=(participant(lines=lines),), order_timeout_ns=20 * MS, heartbeat_ns=15 * MS)
    market = ready(config, seed=seed)
    for n in range(8):
        market.send(BUY, 2, START - n)
    market.advance(SECOND)
    assert len(market.true_book()[0]) > 0
    market.kill()
    market.advance(10 * SECOND)
    assert not market.orders() and len(market.true_book()[0]) == 0


def test_a_full_gateway_refuses_even_a_kill_and_it_is_sent_again():
    venue = VenueConfig(service_ns=5 * MS, gateway_slots=3)
    market = ready(small(venues=(venue,), flow=None, participants=(participant(lines=link(MS)),)))
    for n in range(3):
        market.send(BUY, 2, START - n)
    market.advance(40 * MS)
    for n in range(3):
        market.send(BUY, 2, START - 10 - n)
    market.kill()
    market.advance(42 * MS)
    assert market.counters()["gateway_refused"] == 1
    market.advance(200 * MS)
    assert len(market.true_book()[0]) == 0 and not market.orders() and gates(market)["blocked"][0, 0] == 1


def test_a_drawdown_pulls_the_switch_by_the_clock_when_nothing_is_heard():
    """The price runs away from a position whose owner hears no report any more: only his clock can see it."""
    risk = replace(LOOSE, max_drawdown=400.0, risk_check_ns=50 * MS)
    config = small(flow=None, participants=(participant(risk=risk, inventory=20), participant("mover")))
    market = ready(config)
    market.send(BUY, 1, START - 1, agent="mover"), market.send(SELL, 1, START + 1, agent="mover")
    market.send(BUY, 3, START - 300)
    market.advance(101 * MS)
    assert not market.observe()["killed"]
    for order in market.orders("mover"):
        market.cancel(order["client"])
    market.advance(102 * MS)
    market.send(BUY, 1, START - 41, agent="mover"), market.send(SELL, 1, START - 39, agent="mover")
    market.advance(149 * MS)
    assert not market.observe()["killed"]
    market.advance(151 * MS)
    assert market.observe()["killed"] and not market.orders()


def test_a_start_with_a_short_position_is_no_drawdown():
    risk = replace(LOOSE, max_drawdown=300.0, risk_check_ns=10 * MS)
    market = ready(small(participants=(participant(risk=risk, inventory=-20),)))
    market.advance(60 * MS)
    assert not market.observe()["killed"]


# --- bad calls ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "field, call",
    [
        ("side", lambda m: m.send(2, 1, START)),
        ("qty", lambda m: m.send(BUY, 0, START)),
        ("qty", lambda m: m.send(BUY, 2**31, START)),
        ("price", lambda m: m.send(BUY, 1, 0)),
        ("display_qty", lambda m: m.send(BUY, 1, START, display_qty=2**33)),
        ("stop_price", lambda m: m.send(BUY, 1, START, order_type=4, stop_price=-5)),
        ("offset", lambda m: m.send(BUY, 1, order_type=5, peg=1, offset=2**40)),
        ("book", lambda m: m.send(BUY, 1, START, book=1)),
        ("replica", lambda m: m.send(BUY, 1, START, replica=1)),
        ("agent", lambda m: m.send(BUY, 1, START, agent="nobody")),
        ("client", lambda m: m.cancel(5)),
        ("qty", lambda m: m.reduce(m.send(BUY, 1, START - 50), 0)),
        ("price", lambda m: m.replace(m.send(BUY, 1, START - 50), -1, 1)),
        ("levels", lambda m: m.observe(levels=0)),
        ("book", lambda m: m.observe(book=-1)),
        ("book", lambda m: m.true_book(book=7)),
        ("symbol", lambda m: m.account(symbol=1)),
    ],
)
def test_bad_arguments_are_named(field, call):
    market = ready()
    before = market.digest()
    with pytest.raises(OrderError, match=rf"\.{field}|Market.{field}"):
        call(market)
    assert market.digest() == before or field in ("qty", "price")


def test_a_market_that_was_never_reset_says_so():
    from qsl_envs.errors import ConfigError
    from qsl_envs.market.market import Market

    market = Market(small(), 2)
    with pytest.raises(OrderError, match="reset"):
        market.send(BUY, 1, START)
    with pytest.raises(ConfigError, match="reset"):
        market.advance(1)
