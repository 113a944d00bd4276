"""Runs of environments on record: every episode, single and vector, whatever resets them, and nothing changes."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import qsl_envs  # noqa: F401
from qsl_envs.envs.recording import RecordRun, RecordVectorRun, recorder_of
from qsl_envs.errors import CapacityError, ConfigError
from qsl_envs.market.events import Kind
from qsl_envs.replay.lobster import read_day

ID = "qsl/MarketMaking-v0"
SHORT = 2 * 10**9


def test_a_single_environment_writes_its_blotter(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    env = RecordRun(gym.make(ID, session_ns=5 * SHORT), tmp_path / "run", lobster=True)
    traded = []
    for seed in range(2):
        env.reset(seed=seed)
        env.action_space.seed(seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            over = terminated or truncated
        traded.append(info["episode_summary"]["fills"])
    env.close()
    orders, fills = (parquet.read_table(tmp_path / "run" / f"{name}.parquet") for name in ("orders", "fills"))
    assert orders.num_rows > 10 and set(orders["episode"].to_pylist()) == {0, 1}
    assert set(orders["participant"].to_pylist()) == {"agent"}
    found = np.bincount(fills["episode"].to_numpy(), minlength=2)
    liquidated = np.array(traded) - found  # the close's liquidation is a fill of no order
    assert ((liquidated == 0) | (liquidated >= 1)).all() and (found > 0).all()
    stamps = [orders[name].to_numpy() for name in ("decision_ns", "sent_ns", "arrival_ns", "ack_ns")]
    heard = stamps[-1] >= 0
    assert heard.sum() > 10
    for early, late in zip(stamps, stamps[1:]):
        assert (early[heard] <= late[heard]).all()
    files = sorted((tmp_path / "run").glob("episode_*/*/*_message_10.csv"))
    assert len(files) == 2 and all(len(read_day(path).messages) > 100 for path in files)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_vector_environment_records_every_episode_of_every_env(tmp_path, mode):
    made = {"num_envs": 3, "session_ns": SHORT, "autoreset_mode": mode}
    plain, env = (gym.make_vec(ID, vectorization_mode="vector_entry_point", **made) for _ in "ab")
    env = RecordVectorRun(env, tmp_path)
    rewards = []
    for envs in (plain, env):
        envs.reset(seed=5)
        envs.action_space.seed(5)
        rewards.append([envs.step(envs.action_space.sample())[1] for _ in range(48)])
    np.testing.assert_array_equal(rewards[0], rewards[1])  # recording changes nothing
    tapes = env.recorder.tapes()
    assert len(tapes) == 3 * (48 // 20 + 1)
    assert [len(env.recorder.tapes(k)) for k in range(3)] == [3, 3, 3]
    for tape in tapes:
        assert tape["kind"][0] == Kind.START and (tape["kind"] == Kind.START).sum() == 1
        assert (np.diff(tape["ts_ns"]) >= 0).all()
    lengths = [int(tape["ts_ns"].max()) for tape in env.recorder.tapes(0)]
    assert all(SHORT - 10**8 < length <= SHORT for length in lengths[:2])
    orders = env.recorder.blotter().orders
    assert set(orders["episode"]) == set(range(9))


def test_tapes_of_one_env_do_not_depend_on_how_many_there_are():
    found = []
    for num_envs in (1, 3):
        env = gym.make_vec(ID, num_envs=num_envs, vectorization_mode="vector_entry_point", session_ns=SHORT)
        recorder = recorder_of(env)
        env.reset(seed=9)
        recorder.read()
        for _ in range(5):
            env.step(np.zeros(env.action_space.shape, np.float32))
            recorder.read()
        found.append(recorder.tapes(0)[0])
    assert found[0].tobytes() == found[1].tobytes()


def test_a_tape_that_is_too_short_is_an_error():
    env = gym.make(ID, session_ns=10 * SHORT)
    recorder_of(env, rows=1)  # and room for one event behind it
    env.reset(seed=1)
    with pytest.raises(CapacityError, match=r"recorded tape full: replica 0 at \d+ ns .* Market\(record=1\)"):
        for _ in range(200):
            env.step(env.action_space.sample())


def test_an_environment_without_a_market_is_refused():
    with pytest.raises(ConfigError, match="has no market whose run could be recorded"):
        recorder_of(gym.make("qsl/AvellanedaStoikov-v0"))
