"""Arrays of the caller's own hold what the native env returns, and nothing is copied on the way."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401
from qsl_envs.adapters.buffers import BufferEnv, Buffers
from qsl_envs.errors import ConfigError
from tests.envs.small import SMALL, random_actions

ID = "qsl/MarketMaking-v0"
N = 3


def native(mode: str = "SameStep", **kwargs):
    return gym.make_vec(ID, num_envs=N, autoreset_mode=mode, **{**SMALL, **kwargs})


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("limit", [None, 7])
def test_same_bits_as_the_native_env(mode, limit):
    envs, theirs = BufferEnv(native(mode, max_episode_steps=limit)), native(mode, max_episode_steps=limit)
    obs, infos = envs.reset(seed=4)
    assert np.array_equal(obs, theirs.reset(seed=4)[0]) and infos == [] and envs.masks.all()
    ended, before = 0, np.zeros(N, np.bool_)
    for action in random_actions(26, N):
        envs.actions[...] = action
        envs.send()
        obs, reward, terminal, truncation, infos, numbers, masks = envs.recv()
        other, expected, terminated, truncated, info = theirs.step(action)
        assert np.array_equal(obs, other) and np.array_equal(reward, expected.astype(np.float32))
        assert np.array_equal(terminal, terminated) and np.array_equal(truncation, truncated)
        assert np.array_equal(masks, ~before if mode == "NextStep" else np.ones(N, np.bool_))
        assert numbers.tolist() == list(range(N))
        before = terminated | truncated
        ended += int(before.sum())
        if before.any():
            summary = info.get("final_info", info)["episode_summary"]
            assert infos[0]["env"] == np.flatnonzero(before).tolist()
            assert infos[0]["episode_length"] == summary["length"][before].tolist()
            assert infos[0]["episode_return"] == summary["return"][before].tolist()
        else:
            assert infos == []
    assert ended >= N


def test_the_callers_arrays_are_the_ones_used():
    envs = native()
    width = envs.single_observation_space.shape[0]
    store = np.zeros((5, 8, width), np.float32)  # part of a rollout: time, all envs, element
    rewards = np.zeros(8, np.float32)
    actions = np.zeros((8, 4), np.float32)
    buffers = Buffers(envs, observations=store[2, 4 : 4 + N], rewards=rewards[4 : 4 + N], actions=actions[4 : 4 + N])
    over = BufferEnv(envs, buffers)
    obs, _ = over.reset(seed=1)
    assert np.shares_memory(obs, store) and obs.any()
    paid = False
    for action in random_actions(12, N):
        actions[4 : 4 + N] = action
        over.send()
        paid |= rewards[4 : 4 + N].any()
    assert over.recv()[0] is buffers.observations is over.observations
    assert over.recv()[1] is buffers.rewards and np.shares_memory(over.rewards, rewards)
    assert not store[[0, 1, 3, 4]].any() and not store[2, :4].any() and paid and not rewards[:4].any()
    other = random_actions(13, N)[12]
    over.step(other)
    assert np.array_equal(actions[4 : 4 + N], other)


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"observations": np.zeros((N, 2), np.float32)}, "Buffers.observations"),
        ({"rewards": np.zeros(N)}, "Buffers.rewards"),
        ({"terminals": np.zeros(N + 1, np.bool_)}, "Buffers.terminals"),
        ({"actions": [0.0]}, "Buffers.actions"),
        ({"dones": np.zeros(N, np.bool_)}, "Buffers.dones"),
    ],
)
def test_arrays_that_do_not_fit_are_named(arrays, words):
    with pytest.raises(ConfigError, match=words):
        Buffers(native(), **arrays)


def test_only_native_envs_are_taken():
    with pytest.raises(ConfigError, match="not wrapped"):
        BufferEnv(gym.wrappers.vector.RecordEpisodeStatistics(native()))
    with pytest.raises(ConfigError, match="native"):
        BufferEnv(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"))


def test_spaces_and_attributes():
    envs = BufferEnv(native())
    assert envs.num_agents == envs.agents_per_batch == N
    assert envs.observation_space.shape == envs.observations.shape and envs.action_space.shape == envs.actions.shape
    with pytest.raises(AttributeError, match="nothing"):
        envs.nothing  # noqa: B018
    envs.close()
