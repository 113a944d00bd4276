"""A population trades: the invariants of a market hold with it, and what it does is a function of its world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.market.feed import arrival_of
from qsl_envs.market.listen import known_top, top_at
from qsl_envs.market.market import Market
from qsl_envs.market.wakes import order_at
from qsl_envs.network.links import LOST
from tests.market.worlds import FLOW, MS, HardTrader, accounts, gates, link, participant, small, trade
from tests.participants.crowds import group, noisy, populated, trading

TAKERS = replace(noisy(6, market_share=0.6, depth=3), name="takers", extra_latency_ns=(0, 3 * MS))
MIXED = populated(noisy(10), TAKERS, flow=FLOW)


def test_somebody_trades():
    market = trading(populated(noisy()))
    moved = accounts(market)[:, 0]["volume"]
    assert (moved[1:13] > 0).sum() > 6 and moved[0] == 0


def test_money_and_lots_are_conserved_at_every_step():
    market = Market(MIXED, 1)
    market.reset()
    start = accounts(market)
    hard = HardTrader(market, 3)

    def look():
        now = accounts(market)
        for field in ("cash", "inventory"):
            assert now[field].sum() == start[field].sum()
        identity = now["initial_cash"] - (now["basis"] - now["initial_basis"]) + now["realized"]
        assert (now["cash"] == identity - now["fees"] + now["rebates"] - now["borrow"]).all()

    trade(market, [hard], 1_500 * MS, 10 * MS, look)
    assert accounts(market)["volume"].sum() > 500


def test_limits_hold_for_everybody():
    tight = noisy(20, qty=(1, 9), market_share=0.5)
    market = Market(populated(tight), 1)
    market.reset()
    most = tight.risk.max_inventory
    for t in range(50 * MS, 2_000 * MS, 50 * MS):
        market.advance(t)
        g = gates(market)[1:]
        assert (abs(g["position"]) + np.maximum(g["open_buy"], g["open_sell"]) <= most).all()
        assert (g["num_open"] <= tight.risk.max_open_orders).all()


def test_a_replica_is_the_same_alone_and_among_many_on_one_thread_and_two():
    alone = [trading(MIXED, 1, seed=s, until_ns=600 * MS).digest() for s in (5, 8)]
    many = trading(MIXED, 8, seed=5, until_ns=600 * MS)
    threads = trading(MIXED, 8, seed=5, until_ns=600 * MS, num_threads=2)
    assert [many.digest(0), many.digest(3)] == alone
    assert many.digest() == threads.digest()
    assert len({many.digest(i) for i in range(8)}) == 8


def test_a_snapshot_goes_on_as_the_original_does_in_another_replica_too():
    market = trading(MIXED, 3, until_ns=400 * MS)
    data = market.snapshot(0)
    market.advance(900 * MS)
    end = market.digest(0)
    market.restore(data, 2)
    market.advance(900 * MS)
    assert market.digest(2) == end


def test_steps_of_any_length_lead_to_the_same_place():
    whole = trading(MIXED, 1, until_ns=500 * MS)
    parts = trading(MIXED, 1, until_ns=0)
    for t in range(7 * MS, 500 * MS, 7 * MS):
        parts.advance(t)
    parts.advance(500 * MS)
    assert whole.digest() == parts.digest()


def test_parameters_are_drawn_for_each_participant_and_world():
    config = populated(noisy(30, depth={"law": "whole", "a": 3, "b": 9}, market_share=(0.1, 0.3)), flow=FLOW)
    market = trading(config, 2, until_ns=0)
    m, rows = market.arrays, []
    for replica in range(2):
        crowd = m.crowds[m.runs[replica * market.stride].crowd]
        rows.append(np.array(m.floats[crowd.params : crowd.params + 30 * 6]).reshape(30, 6))
    gap, share, depth = rows[0][:, 0], rows[0][:, 1], rows[0][:, 2]
    assert (gap == 50 * MS).all()
    assert len(set(share)) == 30 and share.min() >= 0.1 and share.max() <= 0.3
    assert set(depth) <= set(range(3, 10)) and len(set(depth)) > 3
    assert (rows[0][:, 1] != rows[1][:, 1]).all()
    market.reset()
    crowd = m.crowds[m.runs[0].crowd]
    assert (np.array(m.floats[crowd.params : crowd.params + 180]).reshape(30, 6)[:, 1] != share).all()


def test_extra_latency_travels_on_every_line():
    late = group("noise", 4, params={"gap_ns": 20 * MS}, extra_latency_ns=(5 * MS, 9 * MS), lines=link(MS))
    market = trading(populated(late), until_ns=0)
    run = market.arrays.runs[0]
    conns = market.arrays.conns[run.conns + 1 : run.conns + 5]
    assert (conns.up_extra_ns == conns.down_extra_ns).all()
    assert conns.up_extra_ns.min() >= 5 * MS and conns.up_extra_ns.max() <= 9 * MS
    assert len(set(conns.up_extra_ns)) == 4


def test_members_have_names():
    market = trading(populated(noisy(3), flow=FLOW), until_ns=300 * MS)
    assert market.account("noise_2") == market.account(3)
    assert market.observe("noise_0", levels=2)["bids"].shape == (2, 2)
    for name in ("noise_3", "noise_01", "noise", "nobody"):
        with pytest.raises(ValueError, match="agent"):
            market.account(name)


def test_background_flow_is_the_same_with_and_without_a_population():
    """Invariant 5: candidates and cancel clocks of the flow are the world's, whoever trades."""

    def candidates(config):
        market = trading(config, 1, until_ns=0, seed=4)
        run, flow = market.arrays.runs[0], market.arrays.flows[market.arrays.runs[0].flows]
        seen = {}
        for t in range(MS, 400 * MS, MS):
            market.advance(t)
            seen[int(flow.first + flow.at)] = int(run.flow_next_ns)
        return seen

    templates = {"templates": 1, "burn_in_ns": 0}
    with_crowd = candidates(populated(noisy(12, market_share=0.5), flow=FLOW, **templates))
    without = candidates(small(**templates, size=populated(noisy()).size))
    assert len(with_crowd) > 100
    assert with_crowd == without


def test_nobody_is_woken_in_an_order_that_favors_a_number():
    """At one nanosecond the order is a draw: over many times each of two participants is first about as often."""
    config = populated(group("noise", 2, params={"gap_ns": 1e9}, lines=link(0)))
    market = trading(config, 1, until_ns=0)
    first = sum(order_at(market.arrays, 0, 1, t) < order_at(market.arrays, 0, 2, t) for t in range(2_000))
    assert 850 < first < 1_150


def brute_top(market: Market, v: int, now_ns: int) -> tuple[int, ...]:
    """Best prices after the newest event that has arrived at a view, by looking at every record of the tape."""
    m, run = market.arrays, market.arrays.runs[0]
    tape, view = m.tapes[run.tapes], m.views[v]
    newest = None
    for n in range(max(0, int(tape.head) - int(run.max_pubs)), int(tape.head)):
        at = int(tape.first_pub) + n % int(run.max_pubs)
        arrival = arrival_of(m, view, int(m.pubs[at].ts_ns))
        if arrival != LOST and arrival <= now_ns:
            newest = at
    if newest is None:
        return ()
    top = m.tops[top_at(m, 0, newest)]
    return int(top.bid), int(top.bid_qty), int(top.ask), int(top.ask_qty)


@pytest.mark.parametrize("fifo", [True, False])
def test_best_prices_heard_are_those_after_the_newest_event_that_has_arrived(fifo):
    lines = link(3 * MS) if fifo else link(MS, jitter="uniform", jitter_ns=2 * MS, fifo=False, drop_ppm=50_000)
    config = populated(noisy(6, market_share=0.4), flow=FLOW, participants=(participant(lines=lines),))
    market = trading(config, 1, until_ns=0)
    run, late = market.arrays.runs[0], 0
    for t in range(3 * MS, 900 * MS, 3 * MS):
        market.advance(t)
        v = int(run.views + market.arrays.conns[run.conns].feed)
        known = tuple(int(x) for x in known_top(market.arrays, 0, v, t))
        assert brute_top(market, v, t) in (known, ())
        if fifo:  # then it is also what the whole delayed book shows
            seen = market.observe(0, levels=1)
            both = [(NIL, 0) if len(side) == 0 else tuple(side[0].tolist()) for side in (seen["bids"], seen["asks"])]
            assert both == [known[:2], known[2:]]
        late += known[0] != market.true_book(levels=1)[BUY][0, 0]
    assert late > 5


def test_nobody_knows_of_anything_before_his_links_have_told_it():
    """Causality: what an agent does at T changes nothing that participants know or send before T + 20 ms."""
    lines = link(20 * MS)
    groups = (noisy(8, market_share=0.3), group("inventory_skew", 3, params={"period_ns": 7 * MS}, listens="all"))
    slow = tuple(replace(one, order_link=lines, report_link=lines, feed_link=lines) for one in groups)
    config = populated(*slow, flow=FLOW, participants=(participant("shock", link(0)),))

    def knowledge(market: Market) -> list:
        m, run = market.arrays, market.arrays.runs[0]
        conns = m.conns[run.conns + 1 : run.conns + 12]
        now = int(market.now_ns[0])
        views = {int(run.views + feed) for feed in conns.feed}
        return [conns.sent.tolist(), conns.known_position.tolist(), [known_top(m, 0, v, now) for v in views]]

    calm, shaken = (trading(config, 1, until_ns=500 * MS, seed=9) for _ in range(2))
    shaken.send(BUY, 150)
    told = []
    for t in (505 * MS, 520 * MS - 1, 560 * MS):
        calm.advance(t)
        shaken.advance(t)
        told.append(knowledge(calm) == knowledge(shaken))
        assert calm.true_book()[1].tolist() != shaken.true_book()[1].tolist()
    assert told == [True, True, False]
