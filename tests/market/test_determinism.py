"""Same world, same actions, same bits: alone or among many, in one go or in steps, from a snapshot, interpreted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.market.config import PhaseChange, VenueConfig
from qsl_envs.market.market import Market
from qsl_envs.network.config import LinkConfig
from tests.conftest import ROOT
from tests.market.worlds import MS, START, HardTrader, accounts, participant, ready, rich, small, trade

TEMPLATE_BIRTHS = 1 << 43
TICK = 1 << 44


def play(market, replicas, until_ns=400 * MS, step_ns=5 * MS):
    """Two hard traders in each replica; traders of replica i are seeded by i."""
    trade(
        market,
        [HardTrader(market, 2 * i + p, replica=i, agent=p) for i in replicas for p in range(2)],
        until_ns,
        step_ns,
    )


@pytest.fixture(scope="module")
def many():
    market = ready(rich(), 16, seed=40)
    play(market, range(16))
    return market


def test_a_replica_among_sixteen_is_what_it_is_alone(many):
    digests = [many.digest(i) for i in range(16)]
    assert len(set(digests)) == 16
    for i in (0, 11):
        alone = Market(rich(), 1, seed=40 + i)
        alone.reset()
        trade(alone, [HardTrader(alone, 2 * i + p, agent=p) for p in range(2)], 400 * MS, 5 * MS)
        assert alone.digest(0) == digests[i]


def test_two_threads_do_what_one_does(many):
    market = ready(rich(), 16, seed=40, num_threads=2)
    play(market, range(16))
    assert market.digest() == many.digest()


def test_one_go_is_many_small_steps():
    ahead, steps = ready(rich(), 2, seed=9), ready(rich(), 2, seed=9)
    for market in (ahead, steps):
        market.send(BUY, 5, START - 2, replica=1)
        market.send(SELL, 5, None, replica=0, agent=1, book=1)
    ahead.advance(1_500 * MS)
    for t in range(0, 1_500 * MS + 1, 1_700_001):
        steps.advance(t)
    steps.advance(1_500 * MS)
    assert ahead.digest() == steps.digest()
    assert ahead.counters()["served"] > 300


def test_time_never_runs_back():
    market = ready()
    market.advance(50 * MS)
    before = market.digest()
    market.advance(20 * MS)
    assert market.now_ns[0] == 50 * MS and market.digest() == before


def test_snapshots_go_on_as_the_original_did_also_in_another_place(many):
    market = ready(rich(), 3, seed=40)
    play(market, range(3), until_ns=200 * MS)
    data = market.snapshot(1)
    other = ready(rich(), 2, seed=900)
    other.restore(data, 1)
    assert other.digest(1) == market.digest(1)
    for target, i in ((market, 1), (other, 1)):
        chance = [HardTrader(target, 77 + p, replica=i, agent=p) for p in range(2)]
        for t in range(205 * MS, 400 * MS, 5 * MS):
            for trader in chance:
                trader.act()
            until = target.now_ns.copy()
            until[i] = t
            target.advance(until)
    assert other.digest(1) == market.digest(1)
    with pytest.raises(ConfigError, match="data"):
        market.restore(data[:-1])
    with pytest.raises(ConfigError, match="config hash"):
        ready(replace(rich(), session_ns=10**9)).restore(data)
    with pytest.raises(ConfigError, match="version"):
        market.restore(data[:8] + b"\x09" + data[9:])


def test_reset_gives_the_next_world_and_seeds_name_worlds():
    market = ready(num_replicas=3, seed=5)
    market.advance(100 * MS)
    first = [market.digest(i) for i in range(3)]
    mask = np.array([False, True, False])
    market.reset(mask)
    assert market.now_ns.tolist() == [100 * MS, 0, 100 * MS]
    market.advance(100 * MS)
    assert [market.digest(i) == first[i] for i in range(3)] == [True, False, True]
    market.reseed(5)
    market.reset()
    market.advance(100 * MS)
    assert [market.digest(i) for i in range(3)] == first
    other = ready(num_replicas=3, seed=5, split="test")
    other.advance(100 * MS)
    assert other.digest() != market.digest()
    with pytest.raises(ConfigError, match="mask"):
        market.reset(np.ones(2, np.bool_))


# --- common random numbers ----------------------------------------------------------------------------------------
def flow_state(market, replica):
    """(number of the next candidate, the block of candidates in hand) of each book's flow."""
    run = market.arrays.runs[replica * market.stride]
    found = []
    for b in range(int(run.num_books)):
        flow = market.arrays.flows[run.flows + b]
        block = np.array(market.arrays.longs[flow.block : flow.block + 96])
        found.append((int(flow.first + flow.at), int(flow.last_ns), block.tolist()))
    return found


def clocks(market, replica):
    """{(book, birth): expiry} of flow orders whose first cancel tick is still to come."""
    run = market.arrays.runs[replica * market.stride]
    found = {}
    for b in range(int(run.num_books)):
        flow, book = market.arrays.flows[run.flows + b], market.arrays.book.books[run.books + b]
        walks = [int(x) for x in market.arrays.book.ints[run.wheel : run.wheel + int(run.wheel_mask) + 1]]
        for code in walks:
            while code >= 0:
                order = market.arrays.book.orders[
                    market.arrays.book.books[run.books + (code >> 20)].orders_base + (code & 0xFFFFF)
                ]
                if code >> 20 == b:
                    born = int(market.arrays.longs[flow.births + (code & 0xFFFFF)])
                    found[b, born] = int(order.expiry_ns)
                code = int(order.ext)
        assert int(book.used_slots) <= market.config.size.max_orders
    return found


def test_flow_and_its_cancel_clocks_are_the_same_beside_an_agent_that_trades_hard():
    config = small(venues=(VenueConfig(), VenueConfig(name="B")), participants=(participant(),), templates=1)
    market = Market(config, 2)
    market.reseed(np.array([21, 21]))
    market.reset()
    trader = HardTrader(market, 4, replica=1)
    compared = drawn = 0
    for t in range(4 * MS, 1_500 * MS, 4 * MS):
        trader.act()
        market.advance(t)
        quiet, busy = clocks(market, 0), clocks(market, 1)
        assert flow_state(market, 0) == flow_state(market, 1)
        both = quiet.keys() & busy.keys()
        assert all(quiet[key] == busy[key] for key in both)
        fresh = [key for key in both if key[1] < TEMPLATE_BIRTHS]
        compared, drawn = compared + len(both), drawn + len(fresh)
        # an order is in one world and not in the other only because it met the agent: its clock runs nowhere else
        assert len(both) > 0.6 * min(len(quiet), len(busy))
    books = [market.true_book(replica=i) for i in range(2)]
    assert not all(np.array_equal(a, b) for a, b in zip(*books))
    assert accounts(market, 1)["fills"][0, 0] > 50
    assert compared > 20_000 and drawn > 10_000


# --- mirror -------------------------------------------------------------------------------------------------------
CALLS = tuple(
    PhaseChange(at_ns=at * MS, action=action)
    for at, action in (
        (0, "call"), (60, "open"), (300, "halt"), (360, "call"), (450, "open"), (600, "call"), (700, "open"),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    "rules", [{}, {"schedule": CALLS}, {"batch_interval_ns": 45 * MS}], ids=["continuous", "calls", "batches"]
)
def test_a_mirrored_market_is_the_reflected_market(rules):
    venue = VenueConfig(
        maker_fee_bps=0, taker_fee_bps=0, maker_lot_fee=-0.002, taker_lot_fee=0.003, service_ns=1_000, **rules
    )
    lines = LinkConfig(latency_ns=200_000, jitter="exponential", jitter_ns=50_000, drop_ppm=10_000, fifo=False)
    plain = small(venues=(venue,), participants=(participant(lines=lines, inventory=0),), order_timeout_ns=20 * MS)
    market, image = ready(plain, seed=6), ready(replace(plain, mirror=True), seed=6)
    chance = np.random.default_rng(3)

    def reflected(side):
        return [(2 * START - int(price), int(qty)) for price, qty in side]

    for t in range(3 * MS, 900 * MS, 3 * MS):
        side, qty, kind = int(chance.integers(2)), int(chance.integers(1, 20)), int(chance.integers(6))
        price = START + int(chance.integers(-8, 9))
        if kind == 0 and market.orders():
            for m in (market, image):
                m.cancel(m.orders()[0]["client"])
        elif kind == 1:
            for m, s in ((market, side), (image, side ^ 1)):
                m.send(s, qty, None)
        else:
            values = [{}, {"post_only": 2}, {"display_qty": 2}, {"post_only": 1}][kind - 2]
            for m, s, p in ((market, side, price), (image, side ^ 1, 2 * START - price)):
                m.send(s, qty, p, **values)
        market.advance(t)
        image.advance(t)
        bids, asks = market.true_book(levels=40)
        image_bids, image_asks = image.true_book(levels=40)
        assert reflected(bids) == [tuple(row) for row in image_asks.tolist()]
        assert reflected(asks) == [tuple(row) for row in image_bids.tolist()]
        seen, other = market.observe(levels=10), image.observe(levels=10)
        assert reflected(seen["bids"]) == [tuple(row) for row in other["asks"].tolist()]
        assert seen["inventory"] == -other["inventory"] and seen["volume_buy"] == other["volume_sell"]
        one, two = market.account(), image.account()
        assert one["inventory"] == -two["inventory"]
        for name in ("equity", "fees", "rebates", "volume", "fills"):
            assert one[name] == two[name], name
    assert market.account()["volume"] > 200


# --- compiled against interpreted ---------------------------------------------------------------------------------
TINY = """
import json, sys
from dataclasses import replace
from tests.market.worlds import *
from qsl_envs.market.market import Market
flow = replace(FLOW, ticks=6, limit_rate=6, cancel_rate=6)
market = Market(replace(rich(), flow=flow, burn_in_ns=60 * MS, templates=1), 2, seed=5)
market.reset()
traders = [HardTrader(market, 3 * i + p, replica=i, agent=p) for i in range(2) for p in range(2)]
trade(market, traders, 160 * MS, 8 * MS)
market.account("hard"), market.liquidate("late")
print(json.dumps([market.digest(), market.counters(), int(accounts(market)["fills"].sum())]))
"""


def run_tiny(**environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", TINY], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.compiled
def test_interpreted_kernels_give_the_same_bits():
    compiled, interpreted = run_tiny(), run_tiny(NUMBA_DISABLE_JIT="1")
    assert compiled == interpreted
    assert compiled[1]["served"] > 40 and compiled[2] > 30
