"""What an agent knows, and when: the past of the book through its feed, its orders through its reports, and losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.market.config import VenueConfig
from qsl_envs.network.config import LinkConfig
from tests.market.worlds import MS, SECOND, START, HardTrader, link, participant, ready, small

LATE = 20 * MS


def same(one, two):
    return all(np.array_equal(one[k], two[k]) for k in one)


def test_the_feed_shows_the_book_as_it_was_one_latency_ago():
    config = small(participants=(participant("seer", link(LATE)), participant("actor")))
    market = ready(config, seed=2)
    actor = HardTrader(market, 1, agent=1, plain=True)
    past = {}
    for t in range(MS, 900 * MS, MS):
        if t % (4 * MS) == 0:
            actor.act()
            market.advance(t - MS)  # his messages arrive in the nanosecond in which they are sent
            past[t - MS] = market.true_book(levels=8)
        market.advance(t)
        past[t] = market.true_book(levels=8)
        if t > LATE:
            seen = market.observe(levels=8)
            assert np.array_equal(seen["bids"], past[t - LATE][0]) and np.array_equal(
                seen["asks"], past[t - LATE][1]
            ), t
            assert 0 <= t - LATE - seen["heard_ts_ns"] < 60 * MS and seen["age_ns"] == t - seen["heard_ts_ns"]
    assert not np.array_equal(seen["bids"], past[t][0])


@pytest.mark.parametrize("fifo", [True, False])
def test_what_happens_later_than_the_feeds_latency_allows_cannot_be_seen(fifo):
    """Two copies of one world; in one of them somebody acts. The observer sees the same until it could have come."""
    lines = LinkConfig(latency_ns=LATE, jitter="uniform", jitter_ns=3 * MS, drop_ppm=50_000, fifo=fifo)
    market = ready(small(participants=(participant("seer", lines), participant("actor"))), 2, seed=7)
    differed = 0
    for round_ in range(12):
        start = int(market.now_ns[0]) + 53 * MS
        market.advance(start)
        market.restore(market.snapshot(0), 1)
        for side in (BUY, SELL):  # takes and betters, in replica 1 only
            market.send(side, 25, None, replica=1, agent="actor")
            market.send(side, 3, START, replica=1, agent="actor", post_only=2)
        last = None
        for t in range(start, start + 2 * LATE + 20 * MS, MS):
            market.advance(t)
            one, two = (market.observe("seer", replica=i) for i in range(2))
            if t < start + LATE:
                assert same(one, two), (round_, t)
            last = same(one, two)
        differed += not last
        market.restore(market.snapshot(1), 0)
    assert differed > 8


def test_looking_often_or_seldom_shows_the_same():
    lines = LinkConfig(latency_ns=5 * MS, jitter="exponential", jitter_ns=4 * MS, drop_ppm=60_000, fifo=False)
    for fifo in (True, False):
        config = small(participants=(participant("seer", replace(lines, fifo=fifo)),), snapshot_ns=11 * MS,
                       heartbeat_ns=30 * MS)  # fmt: skip
        often, seldom = ready(config, seed=3), ready(config, seed=3)
        gaps = 0
        for t in range(MS, 1_200 * MS, MS):
            often.advance(t)
            seen = often.observe()
            if t % (37 * MS) == 0:
                seldom.advance(t)
                other = seldom.observe()
                assert same(seen, other), (fifo, t)
                gaps = seen["gaps"]
        assert gaps > 5


def test_a_gap_is_seen_and_a_snapshot_mends_the_book():
    """All that is published in a window is lost; the first record after it shows the gap, a snapshot mends it."""
    out = (400 * MS, 460 * MS)
    feed = LinkConfig(latency_ns=2 * MS, outages=(out,))
    config = small(participants=(participant("seer", feed_link=feed),), snapshot_ns=40 * MS, heartbeat_ns=300 * MS)
    market = ready(config, seed=1)
    past, wrong, mended = {}, 0, None
    for t in range(MS, 600 * MS, MS):
        market.advance(t)
        past[t] = market.true_book(levels=30)
        seen = market.observe(levels=30)
        if t <= 2 * MS:
            continue
        right = all(np.array_equal(seen[k], past[t - 2 * MS][i]) for i, k in enumerate(("bids", "asks")))
        if t < out[0]:
            assert right and seen["gaps"] == 0
        elif t < out[1]:
            assert seen["heard_ts_ns"] < out[0]
        elif not right:
            wrong += 1
        if seen["gaps"] and mended is None:
            mended = t
        if mended is not None and t >= mended:
            assert seen["gaps"] == 1
        if t > out[1] + 80 * MS:
            assert right, t
    assert wrong > 10 and mended <= out[1] + 80 * MS


# --- orders and reports -------------------------------------------------------------------------------------------
def delays(config, count, gap_ns=MS):
    """Times (ns) from sending an order to hearing that it rests, of about `count` orders."""
    market = ready(config)
    run = market.arrays.runs[0]
    found = []
    for n in range(count):
        market.advance((n + 1) * gap_ns)
        market.send(BUY, 1, START - 900 + n % 7)
        rows = market.arrays.clients[run.clients : run.clients + int(run.max_clients)]
        for client in np.flatnonzero((rows["state"] == 2) & (rows["pending"] == 0)):
            found.append(int(rows["ack_ns"][client] - rows["sent_ns"][client]))
            market.cancel(int(client))
    return np.array(found)


def test_orders_and_reports_take_what_their_links_law_says():
    """Uniform on [0, 2 ms] beyond 3 ms up, exponential of mean 1 ms beyond 5 ms down: sums of mean and variance."""
    up = LinkConfig(latency_ns=3 * MS, jitter="uniform", jitter_ns=MS, fifo=False)
    down = LinkConfig(latency_ns=5 * MS, jitter="exponential", jitter_ns=MS, jitter_max_ns=30 * MS, fifo=False)
    config = small(flow=None, participants=(participant(order_link=up, report_link=down),))
    trips = delays(config, count=1500) / MS
    n = len(trips)
    assert n > 1_400
    mean, sd = 3 + 1 + 5 + 1, np.sqrt(4 / 12 + 1)
    assert abs(trips.mean() - mean) < 4.5 * sd / np.sqrt(n)
    assert abs(trips.std() - sd) < 6 * sd / np.sqrt(n)
    assert trips.min() >= 8 and trips.max() <= 8 + 2 + 30
    # quantiles of the sum of a uniform on [0, 2] and an exponential of mean 1: F(x) = (x - 1 + e^-x) / 2 up to 2
    for x in (0.5, 1.0, 1.5):
        expected = (x - 1 + np.exp(-x)) / 2
        share = (trips - 8 <= x).mean()
        assert abs(share - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)


def test_lost_orders_are_found_by_time_out_and_status_never_sent_again():
    up = LinkConfig(latency_ns=MS, drop_ppm=300_000)
    config = small(
        flow=None, participants=(participant(order_link=up),), order_timeout_ns=25 * MS, session_ns=60 * SECOND
    )
    market = ready(config, seed=4)
    sent = 0
    for n in range(400):
        market.send(BUY, 1, START - 100 - n % 50)
        sent += 1
        market.advance((n + 1) * 10 * MS)
        for order in market.orders():
            if order["state"] == 2 and not order["pending"]:
                market.cancel(order["client"])
    lost = market.counters()["lost_orders"]
    trader = market.arrays.traders[market.arrays.runs[0].traders]
    share = lost / int(trader.sent)
    assert abs(share - 0.3) < 4.5 * np.sqrt(0.21 / int(trader.sent))
    market.advance(int(market.now_ns[0]) + 10 * SECOND)
    for order in market.orders():
        market.cancel(order["client"])
    market.advance(int(market.now_ns[0]) + 10 * SECOND)
    left = market.orders()
    assert all(order["state"] == 2 for order in left)  # none is in doubt any more
    shown = sum(int(q) for _, q in market.true_book(levels=64)[0])
    assert shown == sum(order["leaves_qty"] for order in left)
    assert market.arrays.runs[0].clients_used == len(left) <= 3


def test_lost_reports_come_by_resend_and_nothing_is_told_twice():
    down = LinkConfig(latency_ns=MS, drop_ppm=300_000)
    config = small(participants=(participant(report_link=down),), heartbeat_ns=50 * MS, order_timeout_ns=400 * MS)
    market = ready(config, seed=4)
    trader = HardTrader(market, 5, plain=True)
    for t in range(5 * MS, 2_000 * MS, 5 * MS):
        trader.act()
        market.advance(t)
    assert market.counters()["lost_reports"] > 100 and market.observe()["report_gaps"] > 50
    for order in market.orders():
        market.cancel(order["client"])
    for k in range(1, 8):
        market.advance(t + k * SECOND)
        for order in market.orders():
            market.cancel(order["client"])
    seen, account = market.observe(), market.account()
    assert not seen["orders"]
    assert seen["inventory"] == account["inventory"] and seen["cash"] == account["cash"]


def test_a_lost_new_order_whose_cancel_arrives_is_not_taken_for_a_live_one():
    """Only the first message is lost: its cancel is refused, and the time-out tells that it never came."""
    up = LinkConfig(latency_ns=MS, outages=((0, 1),))
    market = ready(small(flow=None, participants=(participant(order_link=up),), order_timeout_ns=30 * MS))
    client = market.send(BUY, 1, START)
    market.advance(2 * MS)
    market.cancel(client)
    market.advance(10 * MS)
    assert market.orders()[0]["state"] == 1
    market.advance(100 * MS)
    assert not market.orders() and market.observe()["last_reason"] in ("UNKNOWN_ORDER", "LOST")


def test_an_order_that_arrives_after_it_was_called_lost_is_refused():
    """On a line that keeps no order a late order may arrive after the status that found nothing."""
    up = LinkConfig(
        latency_ns=MS, fifo=False, latency_changes=((0, 90 * MS), (1, 0)), outages=((5 * SECOND, 6 * SECOND),)
    )
    market = ready(small(flow=None, participants=(participant(order_link=up),), order_timeout_ns=20 * MS))
    market.send(BUY, 7, START)
    market.advance(60 * MS)
    assert not market.orders()
    market.advance(200 * MS)
    assert len(market.true_book()[0]) == 0 and market.observe()["last_reason"] == "LOST"
    assert market.arrays.runs[0].clients_used == 0


def test_late_reports_do_not_overwrite_later_ones():
    """A line that keeps no order delivers an acknowledgement long after the reduce that followed it."""
    down = LinkConfig(latency_ns=MS, fifo=False, latency_changes=((0, 80 * MS), (5 * MS, 0)))
    market = ready(small(flow=None, participants=(participant(report_link=down),)))
    client = market.send(BUY, 10, START - 5)
    market.advance(10 * MS)
    market.reduce(client, 4)
    market.advance(20 * MS)
    assert market.client(client)["leaves_qty"] == 6
    market.advance(200 * MS)
    assert market.client(client)["leaves_qty"] == 6 and market.client(client)["filled_qty"] == 0


@pytest.mark.parametrize("fifo", [True, False])
def test_a_fifo_line_keeps_the_order_of_messages(fifo):
    up = LinkConfig(latency_ns=MS, jitter="exponential", jitter_ns=5 * MS, fifo=fifo)
    market = ready(small(flow=None, participants=(participant(order_link=up),)))
    overtaken = 0
    for _n in range(40):
        start = int(market.now_ns[0])
        market.send(BUY, 1, START)
        market.advance(start + 100_000)
        market.send(BUY, 2, START)
        market.advance(start + 200 * MS)
        run = market.arrays.runs[0]
        book = market.arrays.book.books[run.books]
        by_qty = {o["leaves_qty"]: o["ack_ns"] for o in market.orders()}
        assert len(by_qty) == 2 and int(book.num_slots) > 0
        overtaken += by_qty[2] < by_qty[1]
        for order in market.orders():
            market.cancel(order["client"])
        market.advance(start + 400 * MS)
    assert overtaken == 0 if fifo else overtaken > 5


def test_ties_of_two_participants_go_by_a_draw_those_of_one_in_sending_order():
    config = small(flow=None, participants=(participant("a"), participant("b")), session_ns=200 * SECOND,
                   venues=(VenueConfig(maker_fee_bps=0, taker_fee_bps=0),))  # fmt: skip
    market = ready(config, 64)
    first = 0
    for i in range(64):
        market.send(BUY, 1, START, agent="b", replica=i)
        market.send(BUY, 1, START, agent="a", replica=i)
        market.send(BUY, 5, START, agent="a", replica=i)
    market.advance(1)
    queues = [_queue(market, i) for i in range(64)]
    for queue in queues:
        assert [qty for owner, qty in queue if owner == 0] == [1, 5]
        first += queue[0][0] == 0
    assert 16 <= first <= 48


def _queue(market, replica):
    """(owner, lots) of the best bid's orders in queue order."""
    run = market.arrays.runs[replica * market.stride]
    book = market.arrays.book
    b = book.books[run.books]
    found = []
    rows = book.orders[b.orders_base : b.orders_base + int(b.used_slots)]
    slot = next(k for k, o in enumerate(rows) if int(o.leaves_qty) > 0 and int(o.prev) < 0)
    while slot >= 0:
        found.append((int(rows[slot].owner), int(rows[slot].leaves_qty)))
        slot = int(rows[slot].next)
    return found
