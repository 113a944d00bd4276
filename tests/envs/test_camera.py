"""What the trading screen is told agrees with what the market tells the agent."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.camera import Camera
from qsl_envs.envs.picture import Screen
from tests.envs.small import make

TOUCH = np.float32([[-0.9, -0.9, 0, 0]])


def filmed(steps: int = 20, **changes):
    """A small env, and the moments of an episode under quotes near the touch."""
    envs = make(1, **changes)
    envs.reset(seed=4)
    camera = Camera(envs.market, title="small")
    moments = [camera.moment(equity=0.0, reward=0.0)]
    for _ in range(steps - 1):
        _, reward, *_ = envs.step(TOUCH)
        moments.append(camera.moment(equity=float(envs.accounts()["equity"][0]), reward=float(reward[0])))
    return envs, camera, moments


def test_prints_are_those_that_were_heard():
    envs, _, moments = filmed()
    prints = [mark for one in moments for mark in one.books[0].prints if not mark.own]
    known = envs.market.observe(0)
    before = make(1)
    before.reset(seed=4)
    start = before.market.observe(0)
    for side, name in ((BUY, "volume_buy"), (SELL, "volume_sell")):
        assert sum(mark.qty for mark in prints if mark.side == side) == known[name] - start[name] > 0
    assert [mark.ts_ns for mark in prints] == sorted(mark.ts_ns for mark in prints)
    assert all(mark.ts_ns <= one.time_ns for one in moments for mark in one.books[0].prints)


def test_own_fills_add_up_to_the_inventory():
    _, _, moments = filmed()
    fills = [mark for one in moments for mark in one.books[0].prints if mark.own]
    assert fills
    assert sum(mark.qty if mark.side == SELL else -mark.qty for mark in fills) == moments[-1].inventory


def test_own_orders_and_a_bound_of_their_queue_place():
    envs, _, moments = filmed()
    live = [order for one in moments for order in one.books[0].orders if order.queue_ahead >= 0]
    assert live and any(order.queue_ahead > 0 for order in live)
    book = moments[-1].books[0]
    lots = dict(map(tuple, [*book.bids.tolist(), *book.asks.tolist()]))
    assert {(o["side"], o["price"], o["leaves_qty"]) for o in envs.market.orders(0)} == {o[:3] for o in book.orders}
    assert all(order.queue_ahead <= lots.get(order.price, 0) for order in book.orders)


def test_a_picture_of_it_and_another_episode():
    envs, camera, moments = filmed()
    screen = Screen()
    for one in moments:
        screen.add(one)
    late = screen.draw().copy()
    envs.reset(seed=4)
    screen.add(camera.moment(equity=0.0, reward=0.0))
    first = Screen()
    first.add(moments[0])
    assert np.array_equal(screen.draw(), first.draw()) and not np.array_equal(late, first.draw())


def test_filming_moves_nothing():
    envs, _, _ = filmed(12)
    alone = make(1)
    alone.reset(seed=4)
    for _ in range(11):
        obs, *_ = alone.step(TOUCH)
    assert np.array_equal(envs.step(TOUCH)[0], alone.step(TOUCH)[0])


@pytest.mark.parametrize("agent", [0, "agent"])
def test_agents_by_number_and_name(agent):
    envs = make(1)
    envs.reset(seed=0)
    one = Camera(envs.market, agent=agent).moment(equity=0.0, reward=0.0, max_inventory=50, ended="close", notes=("n",))
    assert (one.session_ns, one.max_inventory, one.ended, one.notes) == (1_000_000_000, 50, "close", ("n",))
