"""What is switched off is off, the rest stays, and the environment says so."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs
from qsl_envs.engine.views import queue_ahead
from qsl_envs.errors import ConfigError
from tests.envs.small import make, random_actions

BUSY = {"config": {"flow": {"market_rate": 30.0}}}


def total_cash(envs, replica=0) -> int:
    run = envs.market.arrays.runs[replica * envs.market.stride]
    entities = int(run.num_entities)
    return int(envs.market.arrays.accounts["cash"][run.accounts : run.accounts + entities].sum())


def test_without_queue_an_order_is_first_at_its_price():
    envs = make(1, realism={"queue": False}, **BUSY)
    envs.reset(seed=0)
    seen = 0
    for action in random_actions(19, 1, seed=1):
        envs.step(action)
        run = envs.market.arrays.runs[0]
        for order in envs.market.orders():
            slot = int(envs.market.arrays.clients[run.clients + order["client"]].slot)
            if slot >= 0:
                seen += 1
                mine = [o for o in envs.market.orders() if (o["side"], o["price"]) == (order["side"], order["price"])]
                ahead = int(queue_ahead(envs.market.arrays.book, run.books, slot))
                assert ahead <= sum(o["leaves_qty"] for o in mine) - order["leaves_qty"]
    assert seen > 10 and total_cash(envs) == 0


def test_without_queue_more_is_filled_in_the_same_worlds():
    fills = {}
    for queue in (True, False):
        envs = make(8, realism={"queue": queue}, **BUSY)
        envs.reset(seed=0)
        for _ in range(19):
            envs.step(np.tile(np.float32([-0.6, -0.6, 0.0, 0.0]), (8, 1)))
        fills[queue] = envs.accounts()["volume"].sum()
    assert fills[False] > fills[True] > 0


@pytest.mark.parametrize("env_id", ["qsl/DirectionalTrading-v0", "qsl/CrossVenueArbitrage-v0"])
def test_without_impact_takes_leave_the_market_as_it_was(env_id):
    quick = {"config": {"templates": 1, "burn_in_ns": 200_000_000}, "step_ns": 50_000_000, "session_ns": 10**9}
    envs = gym.make_vec(env_id, num_envs=2, realism={"impact": False}, **quick).unwrapped
    idle = gym.make_vec(env_id, num_envs=2, **quick).unwrapped
    envs.reset(seed=4)
    idle.reset(seed=4)
    numbers = len(envs.action_names)
    nothing = np.zeros((2, numbers), np.float32)
    for k in range(19):
        action = np.full((2, numbers), 0.5 if k % 2 else -0.5, np.float32)
        if env_id.startswith("qsl/Dir"):
            action[:, 1], nothing[:, 1] = 1.0, 1.0
        envs.step(action)
        idle.step(nothing)
        for replica in range(2):
            for book in range(envs.market.config.num_books):
                a, b = (e.market.true_book(replica=replica, book=book, levels=64) for e in (envs, idle))
                assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
    assert (envs.accounts()["volume"] > 0).all() and total_cash(envs) == total_cash(envs, 1) == 0


def test_without_fees_nobody_pays_or_earns_any():
    envs = make(1, realism={"fees": False}, **BUSY)
    envs.reset(seed=0)
    for action in random_actions(19, 1, seed=1):
        envs.step(action)
    account = envs.market.account()
    assert account["fills"] > 0 and account["fees"] == account["rebates"] == account["borrow"] == 0


def test_without_latency_the_agent_knows_what_the_venue_knows():
    envs = make(1, realism={"latency": False}, **BUSY)
    envs.reset(seed=0)
    for action in random_actions(19, 1, seed=1):
        envs.step(action)
        known, (bids, asks) = envs.market.observe(), envs.market.true_book()
        assert np.array_equal(known["bids"], bids) and np.array_equal(known["asks"], asks)
        assert known["inventory"] == envs.market.account()["inventory"]
        assert all(order["state"] == 2 for order in known["orders"])


def test_the_names_of_what_is_off_stand_in_the_repr():
    env = gym.make("qsl/MarketMaking-v0", realism={"latency": False, "fees": False}, session_ns=10**9).unwrapped
    assert repr(env) == "MarketMakingEnv(without latency, fees)" and env.realism["queue"]
    assert repr(make(3)) == "MarketMakingVectorEnv(num_envs=3)"
    envs = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", realism={"queue": False})
    assert "without queue" in repr(envs)
    assert all(p.ideal_queue for p in envs.market.config.participants)


@pytest.mark.parametrize("given", [{"gravity": False}, {"queue": 0}, ["queue"]])
def test_bad_switches_are_named(given):
    with pytest.raises(ConfigError, match="realism"):
        make(1, realism=given)
