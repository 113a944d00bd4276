"""The market maker on a recorded day: the day is the file's, the agent stands in it, episodes start where asked."""

from __future__ import annotations

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import qsl_envs  # noqa: F401
from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.replay.player import Player
from tests.envs.days import SECOND, make, minute, small_replay
from tests.envs.small import play, random_actions

ID = "qsl/ReplayMarketMaking-v0"
IDLE = np.float32([0, 0, -1, -1])


def clock(envs) -> np.ndarray:
    """Where on the day's clock the running episodes began."""
    market = envs.market
    return market.arrays.runs.day_shift_ns[: market.num_replicas * market.stride : market.stride].copy()


def test_check_env_has_nothing_to_say():
    env = gym.make(ID, **small_replay(), render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


def test_without_quotes_the_book_is_the_days():
    envs, day = make(3), minute()
    envs.reset(seed=1)
    began = clock(envs)
    assert len(set(began.tolist())) == 3
    for _ in range(6):
        envs.step(np.tile(IDLE, (3, 1)))
        for i in range(3):
            player = Player(day)
            player.run(day.index_at(int(began[i] + envs.market.now_ns[i]) + 1))
            bids, asks = envs.market.true_book(replica=i, levels=5)
            assert [tuple(row) for row in bids.tolist()] == player.depth(BUY, 5)
            assert [tuple(row) for row in asks.tolist()] == player.depth(SELL, 5)


def test_the_agent_is_filled_by_history_and_money_adds_up():
    envs = make(4, inventory_penalty=0.0)
    envs.reset(seed=0)
    gain = np.zeros(4)
    for action in np.tile(np.float32([-0.95, -0.95, 0, 0]), (20, 4, 1)):
        _, reward, terminated, _, info = envs.step(action)
        gain += reward
    assert terminated.all()
    summary = info["episode_summary"]
    assert summary["volume"].sum() > 0
    assert gain == pytest.approx(summary["equity"], abs=1e-6)


def test_episodes_lie_in_the_window():
    first, last = int(minute().rows["ts_ns"][0]) + 10 * SECOND, int(minute().rows["ts_ns"][0]) + 20 * SECOND
    envs = make(16, start_ns=first, end_ns=last)
    seen = []
    for _ in range(3):
        envs.reset(seed=None if seen else 0)
        seen.append(clock(envs))
    starts = np.concatenate(seen)
    assert (starts >= first).all() and (starts <= last - 2 * SECOND).all()
    assert len(set(starts.tolist())) == 48
    assert starts.min() < first + SECOND and starts.max() > last - 3 * SECOND


def test_episodes_start_where_asked_once():
    envs = make(3, autoreset_mode="SameStep", max_episode_steps=2)
    at = int(minute().rows["ts_ns"][0]) + np.array([5, 20, 5]) * SECOND
    obs, _ = envs.reset(seed=[1, 2, 3], options={"start_ns": at})
    assert (clock(envs) == at).all()
    assert np.array_equal(obs[0], obs[2]) and not np.array_equal(obs[0], obs[1])
    for _ in range(2):
        envs.step(np.tile(IDLE, (3, 1)))
    assert not (clock(envs) == at).any()  # the next episodes start at drawn times
    with pytest.raises(ConfigError, match="start_ns"):
        envs.reset(options={"start_ns": 0})


def test_the_single_env_is_the_vector_one():
    actions = random_actions(22, 2)
    together = play(make(2), actions, seed=4)
    env = gym.make(ID, **small_replay())
    obs, _ = env.reset(seed=5)
    assert np.array_equal(obs, together[0][0][1])
    for n, action in enumerate(actions[:20, 1]):
        obs, reward, terminated, truncated, _ = env.step(action)
        assert np.array_equal(obs, together[0][n + 1][1])
        assert (reward, terminated, truncated) == tuple(kept[n][1] for kept in together[1:])
    assert terminated


def test_threads_and_snapshots_give_the_same_bits():
    actions = random_actions(12, 3)
    one, two = make(3), make(3, num_threads=2)
    for mine, theirs in zip(play(one, actions), play(two, actions)):
        assert all(np.array_equal(a, b) for a, b in zip(mine, theirs))
    data = one.snapshot(1)
    two.reset(seed=50)
    two.restore(data, 0)
    for action in random_actions(6, 3, seed=9):
        mine, theirs = one.step(action), two.step(action[[1, 1, 1]])
        assert np.array_equal(mine[0][1], theirs[0][0]) and mine[1][1] == theirs[1][0]


def test_pickles_keep_the_day():
    envs = make(2)
    other = pickle.loads(pickle.dumps(envs))
    assert np.array_equal(envs.reset(seed=1)[0], other.reset(seed=1)[0])


def volume_of(**arguments) -> int:
    """Lots that four makers just behind the touch traded until the close."""
    envs = make(4, **arguments)
    envs.reset(seed=0)
    for action in np.tile(np.float32([-0.85, -0.85, 0, 0]), (20, 4, 1)):
        *_, info = envs.step(action)
    return int(info["episode_summary"]["volume"].sum())


def test_words_about_the_market_and_realism():
    envs = make(2, latency=7_000, fees={"maker_fee_bps": 0.7}, risk={"max_inventory": 33}, scenario="latency_spike")
    config = envs.market.config
    agent = config.participants[0]
    assert agent.order_link.latency_ns == agent.feed_link.latency_ns == 7_000 and envs.max_inventory == 33
    assert config.venues[0].maker_fee_bps == 0.7 and config.scenario == ("latency_spike",)
    free = make(2, realism={"fees": False, "latency": False, "queue": False})
    agent = free.market.config.participants[0]
    assert agent.order_link.latency_ns == 0 and agent.ideal_queue and free.market.config.venues[0].taker_fee_bps == 0
    assert "without latency, queue, fees" in repr(free)
    assert volume_of(realism={"queue": False}) > volume_of() > 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"flow": "hawkes"}, "flow must be absent: the recorded day is the flow"),
        ({"realism": {"speed": False}}, "realism.speed"),
        ({"num_envs": 0}, "num_envs"),
        ({"data": "no_such_file.csv"}, "no_such_file.csv"),
        ({"session_ns": 100 * SECOND}, "session_ns must be at most the day's window"),
        ({"config": {"size": {"max_orders": 10}}}, "max_orders"),
        ({"config": {"flow": {"market_rate": 1.0}}}, "flow"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        make(**{"num_envs": 1, **arguments})
