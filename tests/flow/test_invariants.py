"""What every kind of flow keeps to: common random numbers, determinism, mirror, settings that come back equal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.errors import CapacityError, ConfigError
from qsl_envs.flow.kinds import FLOWS as KINDS
from qsl_envs.market.changes import market_config
from qsl_envs.market.config import MarketConfig, VenueConfig
from qsl_envs.market.market import Market
from tests.conftest import ROOT
from tests.flow.kinds import CST, FLOWS, HAWKES, QUEUE_REACTIVE, candidates_to_come, market_of
from tests.market.test_determinism import TEMPLATE_BIRTHS, clocks
from tests.market.worlds import FLOW, MS, START, HardTrader, accounts, participant, ready, small, trade

NAMES = list(FLOWS)
MAIN = ["poisson changing", "cst changing", "hawkes changing", "queue-reactive changing"]


@pytest.mark.parametrize("name", NAMES)
def test_candidates_and_cancel_ticks_are_those_of_the_world_without_the_agent(name):
    config = market_of(name, venues=(VenueConfig(), VenueConfig(name="B", service_ns=10_000)))
    market = Market(config, 2)
    market.reseed(np.array([21, 21]))
    market.reset()
    trader = HardTrader(market, 4, replica=1)
    compared = more = ticks = 0
    for t in range(4 * MS, 400 * MS, 4 * MS):
        trader.act()
        market.advance(t)
        for quiet, busy in zip(candidates_to_come(market, 0), candidates_to_come(market, 1)):
            assert quiet <= busy
            compared, more = compared + len(quiet), more + len(busy - quiet)
        if config.flow.clocks:
            quiet, busy = clocks(market, 0), clocks(market, 1)
            both = quiet.keys() & busy.keys()
            # an order's clock may be one tick further in one world, where the rate in force refused a tick
            assert all(quiet[key] == busy[key] for key in both)
            ticks += len([key for key in both if key[1] < TEMPLATE_BIRTHS])
    assert compared > 150 and (ticks > 1_000 or not config.flow.clocks)
    assert (more > 0) == (name in ("hawkes", "hawkes changing"))  # only they hear of the agent's orders
    assert accounts(market, 1)["fills"][0, 0] > 20
    assert not np.array_equal(market.true_book(replica=0)[0], market.true_book(replica=1)[0])


@pytest.mark.parametrize("name", MAIN)
def test_a_world_is_the_same_alone_and_among_many_on_one_thread_and_two(name):
    config = market_of(name, participants=(participant(), participant("b")))

    def play(market, first: int):
        trade(market, [HardTrader(market, first + i, replica=i) for i in range(market.num_replicas)], 250 * MS, 5 * MS)

    many, threads, alone = ready(config, 5, seed=40), ready(config, 5, seed=40, num_threads=2), ready(config, seed=43)
    for market, first in ((many, 0), (threads, 0), (alone, 3)):
        play(market, first)
    assert threads.digest() == many.digest()
    assert alone.digest(0) == many.digest(3)
    assert many.counters(3)["served_flow"] > 40
    other = ready(config, 2, seed=7)
    other.restore(many.snapshot(3), 1)
    for market in (many, other):
        market.advance(500 * MS)
    assert other.digest(1) == many.digest(3)


@pytest.mark.parametrize("name", MAIN)
def test_a_mirrored_flow_is_the_reflected_flow(name):
    fees = VenueConfig(maker_fee_bps=0, taker_fee_bps=0, maker_lot_fee=-0.002, taker_lot_fee=0.003, service_ns=1_000)
    plain = market_of(name, venues=(fees,))
    market, image = ready(plain, seed=6), ready(replace(plain, mirror=True), seed=6)
    chance = np.random.default_rng(3)

    def reflected(side):
        return [(2 * START - int(price), int(qty)) for price, qty in side]

    for t in range(3 * MS, 600 * MS, 3 * MS):
        side, qty, price = int(chance.integers(2)), int(chance.integers(1, 12)), START + int(chance.integers(-8, 9))
        kind = int(chance.integers(4))
        if kind == 0 and market.orders():
            for m in (market, image):
                m.cancel(m.orders()[0]["client"])
        else:
            for m, s, p in ((market, side, price), (image, side ^ 1, 2 * START - price)):
                m.send(s, qty, None if kind == 1 else p)
        market.advance(t)
        image.advance(t)
        bids, asks = market.true_book(levels=40)
        image_bids, image_asks = image.true_book(levels=40)
        assert reflected(bids) == [tuple(row) for row in image_asks.tolist()]
        assert reflected(asks) == [tuple(row) for row in image_bids.tolist()]
        assert market.account()["inventory"] == -image.account()["inventory"]
    assert market.account()["volume"] > 100 and market.counters()["served_flow"] > 60


TINY = """
import json
from tests.flow.kinds import *
from tests.flow.test_invariants import MAIN
from tests.market.worlds import *
found = []
for name in MAIN + ["queue-reactive blind"]:
    market = ready(market_of(name, burn_in_ns=20 * MS), seed=5)
    trade(market, [HardTrader(market, 3)], 70 * MS, 7 * MS)
    found.append([market.digest(), market.counters()["served_flow"]])
print(json.dumps(found))
"""


def run_tiny(**environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", TINY], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.compiled
def test_interpreted_flows_give_the_same_bits():
    compiled, interpreted = run_tiny(), run_tiny(NUMBA_DISABLE_JIT="1")
    assert compiled == interpreted
    assert all(served > 5 for _, served in compiled)


# --- settings -----------------------------------------------------------------------------------------------------
def test_every_kind_makes_a_market_by_its_defaults_and_comes_back_from_yaml(tmp_path):
    for kind, cls in KINDS.items():
        config = MarketConfig(flow=cls(), burn_in_ns=10**8, templates=1)
        file = tmp_path / "market.yaml"
        config.save(file)
        assert MarketConfig.load(file) == config
        assert f"kind: {kind}" in file.read_text()
    for name in NAMES:
        config = market_of(name)
        assert MarketConfig.from_dict(config.to_dict()) == config
        assert MarketConfig.from_dict(config.to_dict()).hash() == config.hash()
    assert len({market_of(name).hash() for name in NAMES}) == len(NAMES)


def test_a_changed_kind_starts_from_its_own_defaults():
    assert market_config(small(), {"flow": {"kind": "cst", "market_rate": 2.0}}).flow == replace(
        KINDS["cst"](), market_rate=2.0
    )
    assert market_config(small(), {"flow": {"market_rate": 2.0}}).flow == replace(FLOW, market_rate=2.0)
    with pytest.raises(ConfigError, match="flow.kind must be one of poisson, cst"):
        market_config(small(), {"flow": {"kind": "fishy"}})
    with pytest.raises(ConfigError, match="kind"):
        KINDS["cst"](kind="poisson")


@pytest.mark.parametrize(
    "flow, field, values",
    [(FLOW, "headroom", {"headroom": 0.5}), (FLOW, "profile", {"profile": ({"at_ns": 5, "factor": 1.0},) * 2}),
     (CST, "limit_rates", {"limit_rates": ()}), (CST, "limit_rates", {"limit_rates": (0.0, 0.0)}),
     (CST, "cancel_rates", {"cancel_rates": (1.0, 0.0)}), (CST, "market_rate", {"market_rate": -1.0}),
     (HAWKES, "base_rates", {"base_rates": (1.0,) * 5}), (HAWKES, "jumps", {"jumps": ((1.0,) * 6,) * 5}),
     (HAWKES, "jumps", {"jumps": ((8.0,) * 6,) * 6}), (HAWKES, "decays", {"decays": ((0.0,) * 6,) * 6}),
     (HAWKES, "base_rates", {"base_rates": (1.0, 1.0, 900.0, 900.0, 1.0, 1.0)}),
     (HAWKES, "distances", {"distances": (0.0,)}), (HAWKES, "full_orders", {"full_orders": 0}),
     (QUEUE_REACTIVE, "limit_rates", {"limit_rates": ((1.0, 99.0),) * 4}),
     (QUEUE_REACTIVE, "cancel_rates", {"cancel_rates": ((1.0, 9.0),) * 4}),
     (QUEUE_REACTIVE, "cancel_rates", {"cancel_rates": ((0.0, 9.0),) * 3}),
     (QUEUE_REACTIVE, "market_rates", {"market_rates": (1.0, 1.0)}), (QUEUE_REACTIVE, "theta", {"theta": 1.5}),
     (QUEUE_REACTIVE, "far_rate", {"far_rate": 0.0})],
)  # fmt: skip
def test_impossible_settings_are_named(flow, field, values):
    with pytest.raises(ConfigError, match=field):
        replace(flow, **values)


def test_too_small_a_heap_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match="max_pending"):
        market_of("hawkes", size=replace(market_of("hawkes").size, max_pending=20))
    config = market_of("hawkes", size=replace(market_of("hawkes").size, max_pending=int(2 * HAWKES.mean_pending + 64)))
    market = ready(config)
    with pytest.raises(CapacityError, match="SizeConfig.max_pending"):
        for t in range(2_000):
            market.send(t & 1, 1, START + 500 - 1_000 * (t & 1 ^ 1) if t > 0 else START)
            for order in market.orders():
                market.cancel(order["client"])
            market.advance(t * 10_000)
