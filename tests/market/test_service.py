"""The venue's service line: one message at a time, a finite gateway, and outages that lose."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import SizeConfig, VenueConfig
from qsl_envs.network.queueing import md1_mean_wait_ns, md1k_loss
from tests.market.worlds import MS, SECOND, SIZE, START, accounts, link, participant, ready, small

LIVELY = PoissonFlowConfig(market_rate=100, limit_rate=20, cancel_rate=10, ticks=20)
"""Candidates: a Poisson process of 1,000 a second. Cancel ticks come on top: nearly Poisson, their rate is measured."""
ROOM = SizeConfig(max_orders=320, window_ticks=64, max_special=8, max_events=16, max_clients=64, max_messages=128,
                  max_calendar=128, tape=512, wheel=256)  # fmt: skip


def busy(service_ns, slots=4096, **changes):
    venue = VenueConfig(service_ns=service_ns, gateway_slots=slots)
    return small(venues=(venue,), flow=LIVELY, size=ROOM, session_ns=100 * SECOND, **changes)


def line(market, replica=0):
    return market.arrays.venues[market.arrays.runs[replica * market.stride].venues]


@pytest.mark.parametrize("service_ns", [150_000, 350_000])
def test_waiting_times_agree_with_pollaczek_and_khinchine(service_ns):
    replicas, span = 16, 12 * SECOND
    market = ready(busy(service_ns, templates=4), replicas, seed=1)
    market.advance(SECOND)
    before = np.array([[line(market, i).waited_ns, line(market, i).num_waited] for i in range(replicas)])
    market.advance(SECOND + span)
    after = np.array([[line(market, i).waited_ns, line(market, i).num_waited] for i in range(replicas)])
    waited, count = (after - before).T
    means = waited / count
    rate = count.sum() / replicas / (span / SECOND)
    assert rate > 1_200  # candidates and cancel ticks
    expected = md1_mean_wait_ns(rate, service_ns)
    error = means.std(ddof=1) / np.sqrt(replicas)
    assert error < 0.05 * expected
    # every life begins with a candidate, so ticks are not quite independent of what came before: 2 % beside the error
    assert abs(means.mean() - expected) < 4 * error + 0.02 * expected
    assert all(line(market, i).refused == 0 for i in range(replicas))


def test_a_small_gateway_refuses_the_share_that_theory_says_and_counts_it():
    service_ns, slots, replicas, span = 700_000, 3, 8, 10 * SECOND
    market = ready(busy(service_ns, slots, templates=4), replicas, seed=2)
    market.advance(SECOND)
    start = np.array([[line(market, i).refused, line(market, i).num_waited] for i in range(replicas)])
    market.advance(SECOND + span)
    end = np.array([[line(market, i).refused, line(market, i).num_waited] for i in range(replicas)])
    refused, taken = (end - start).T
    share = refused / (refused + taken)
    rate = (refused + taken).sum() / replicas / (span / SECOND)
    error = share.std(ddof=1) / np.sqrt(replicas)
    assert share.mean() > 0.05
    assert abs(share.mean() - md1k_loss(rate, service_ns, slots)) < 4 * error + 0.02
    assert all(line(market, i).peak_line == slots for i in range(replicas))
    assert market.counters(0)["gateway_refused"] == line(market).refused


def test_a_warm_venue_serves_the_first_message_of_an_episode_at_once():
    market = ready(small(venues=(VenueConfig(service_ns=50_000),), burn_in_ns=3 * SECOND))
    market.send(BUY, 1, START - 50)
    market.advance(2 * MS)
    assert market.orders()[0]["ack_ns"] < MS
    assert line(market).num_waited >= 1


def test_storms_raise_the_latency_of_everybody():
    venue = VenueConfig(service_ns=100_000, gateway_slots=256)
    config = small(venues=(venue,), flow=None, participants=(participant("calm", link(MS)), participant("storm")))
    market = ready(config)

    def trip(storm):
        start = int(market.now_ns[0])
        client = market.send(BUY, 1, START - 99, agent="calm")
        market.advance(start + MS - 1)
        for n in range(storm):
            market.send(BUY, 1, START - n % 40, agent="storm")
        market.advance(start + 100 * MS)
        found = market.client(client)
        for agent in ("calm", "storm"):
            for order in market.orders(agent):
                market.cancel(order["client"])
        market.advance(start + 200 * MS)
        return found["ack_ns"] - found["sent_ns"]

    assert [trip(n) for n in (0, 1, 10, 40)] == [2 * MS + 100_000 * (1 + n) - (n > 0) for n in (0, 1, 10, 40)]


def test_an_outage_of_a_venue_loses_what_arrives_and_its_owner_finds_out():
    config = small(venues=(VenueConfig(outages=((10 * MS, 30 * MS), (50 * MS, 60 * MS))),), burn_in_ns=200 * MS,
                   order_timeout_ns=15 * MS)  # fmt: skip
    market = ready(config)
    assert line(market).lost_in_outage == 0
    found = {}
    for t in range(5, 80, 5):
        market.advance(t * MS)
        market.send(BUY, 1, START - 60 - t)
        found[t] = START - 60 - t
    market.advance(78 * MS)
    assert line(market).lost_in_outage > 6  # four of the agent's in the first window, two in the second, and the flow's
    market.advance(400 * MS)
    live = {order["price"]: order["state"] for order in market.orders()}
    for t, price in found.items():
        inside = 10 <= t < 30 or 50 <= t < 60
        assert (price in live) != inside, t
    assert set(live.values()) == {2}
    assert accounts(market)["inventory"].sum() == 0


def test_flow_lives_on_after_a_full_gateway_refused_its_cancels():
    """A refused cancel tick is followed by the next: no order stays for ever, the pool does not fill."""
    market = ready(busy(900_000, 2, templates=1), seed=3)
    market.advance(8 * SECOND)
    assert line(market).refused > 1_000
    assert market.counters()["flow_pool_full"] == 0
    assert int(SIZE.max_orders) >= market.arrays.book.books[market.arrays.runs[0].books].used_slots
