"""Memory that is too small: an error that names the setting, or a counted refusal; never a silent drop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import CapacityError
from tests.market.worlds import FLOW, MS, SECOND, SIZE, START, accounts, link, participant, ready, small, trade
from tests.market.worlds import HardTrader as Trader


def tiny(lines=None, **sizes):
    lines = link(20 * MS) if lines is None else lines
    return small(participants=(participant(lines=lines),), size=replace(SIZE, **sizes))


def usable_again(market):
    """After the error a reset replica goes on, and money is whole."""
    market.reset()
    start = accounts(market)
    market.send(BUY, 1, None)
    market.advance(100 * MS)
    assert market.observe()["inventory"] == 1
    assert accounts(market)["cash"].sum() == start["cash"].sum()


def test_a_full_calendar_is_an_error_that_names_it():
    market = ready(tiny(max_calendar=4))
    with pytest.raises(CapacityError, match=r"calendar full: 4 of 4 in replica 0 .* SizeConfig.max_calendar"):
        for _ in range(5):
            market.send(BUY, 1, START - 50)
    usable_again(market)


def test_a_full_pool_of_messages_is_an_error_that_names_it():
    market = ready(tiny(max_messages=4))
    with pytest.raises(CapacityError, match=r"SizeConfig.max_messages"):
        for _ in range(5):
            market.send(BUY, 1, START - 50)
    usable_again(market)


def test_reports_that_find_no_message_are_an_error_in_the_replica_that_has_it():
    lines = link(0)
    config = small(participants=(participant(order_link=lines, report_link=link(200 * MS), feed_link=lines),),
                   size=replace(SIZE, max_messages=3))  # fmt: skip
    market = ready(config, 3)
    for n in range(2):
        market.send(BUY, 1, START - 50 - n, replica=1)
    market.advance(MS)
    market.send(SELL, 1, START + 50, replica=2)
    with pytest.raises(CapacityError, match="replica 1"):
        market.send(BUY, 1, START - 60, replica=1)
        market.advance(300 * MS)
    mask = np.array([False, True, False])
    market.reset(mask)
    market.advance(400 * MS)
    assert len(market.orders(replica=2)) == 1 and market.now_ns.tolist() == [400 * MS] * 3


def test_a_tape_shorter_than_the_slowest_feed_is_an_error_that_names_it():
    with pytest.raises(CapacityError, match=r"public tape full: 16 of 16 .* SizeConfig.tape"):
        ready(tiny(link(100 * MS), tape=16)).advance(SECOND)


def test_a_tape_as_short_as_the_feed_allows_works():
    """Latency of 2 ms, some 500 records a second: 16 are enough, and the observation is right."""
    market = ready(tiny(link(2 * MS), tape=16))
    past = {}
    for t in range(MS, 800 * MS, MS):
        market.advance(t)
        past[t] = market.true_book(levels=5)
        if t % (50 * MS) == 0:
            seen = market.observe(levels=5)
            assert np.array_equal(seen["bids"], past[t - 2 * MS][0]) and np.array_equal(
                seen["asks"], past[t - 2 * MS][1]
            )


def test_used_up_orders_of_participants_are_a_reason():
    market = ready(tiny(max_clients=3))
    sent = [market.send(BUY, 1, START - 50) for _ in range(5)]
    assert sent[3:] == [-int(Reason.MAX_OPEN_ORDERS)] * 2 and min(sent[:3]) >= 0


def test_special_orders_beyond_their_pool_are_refused_by_the_venue():
    market = ready(tiny(link(0), max_special=2))
    for n in range(4):
        market.send(BUY, 4, START - 40 - n, display_qty=1)
    market.advance(1)
    seen = market.observe()
    assert len(seen["orders"]) == 2 and seen["rejects"] == 2 and seen["last_reason"] == "POOL_FULL"


def test_a_full_pool_of_orders_refuses_flow_and_agents_and_is_counted():
    config = small(flow=None, size=replace(SIZE, max_orders=8))
    market = ready(config)
    for n in range(12):
        market.send(BUY, 1, START - n)
    market.advance(1)
    seen = market.observe(levels=20)
    assert len(seen["orders"]) == 8 and seen["rejects"] == 4 and seen["last_reason"] == "POOL_FULL"
    market.cancel(seen["orders"][0]["client"])
    market.advance(2)
    market.send(BUY, 1, START - 30)
    market.advance(3)
    assert len(market.observe()["orders"]) == 8


def test_sizes_change_no_bit_of_what_happens():
    """Events handed over 16 or 256 at a time, windows of 64 or 4,096 ticks, short or long rings: one market."""

    def played(config_sizes):
        config = small(
            flow=None, participants=(participant(), participant("other")), size=replace(SIZE, **config_sizes)
        )
        market = ready(config)
        traders = [Trader(market, p, agent=p) for p in range(2)]
        trade(market, traders, 2 * SECOND, 10 * MS)
        rows = accounts(market)
        return [rows[k].tolist() for k in ("cash", "inventory", "fills")], market.true_book(levels=50)

    one, book = played({})
    two, other = played({"max_events": 256, "window_ticks": 4096, "wheel": 2048, "tape": 2048, "max_calendar": 2048})
    assert one == two and sum(map(sum, one[2])) > 100
    assert all(np.array_equal(a, b) for a, b in zip(book, other))


def test_a_sweep_of_more_events_than_are_handed_over_at_a_time_is_settled_whole():
    config = small(flow=None, participants=(participant(), participant("wall")), size=replace(SIZE, max_events=16))
    market = ready(config)
    for n in range(40):
        market.send(SELL, 1 + n % 3, START + n, agent="wall")
    market.send(BUY, 2, price=None, order_type=3, stop_price=START + 20, agent="wall")
    market.advance(1)
    total = sum(1 + n % 3 for n in range(40)) - 2
    market.send(BUY, total, None)
    market.advance(2)
    assert market.account()["inventory"] == total
    assert market.observe("wall")["inventory"] == market.account("wall")["inventory"] == -total
    assert not market.orders("wall") and accounts(market)["inventory"].sum() == 0


def test_the_flows_pool_is_foreseen():
    from qsl_envs.errors import ConfigError

    with pytest.raises(ConfigError, match="max_orders"):
        small(flow=replace(FLOW, cancel_rate=1.0))
