"""The rungs of the front door: what they are made of stays as it is, and each is harder than the last."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401
from qsl_envs.front_door import LADDER, rung_digest

IDS = [rung.env_id for rung in LADDER]


@pytest.mark.parametrize("rung", LADDER, ids=IDS)
def test_a_rung_is_what_it_was(rung):
    """A digest that differs means that a setting changed, a default perhaps: that is a new version of the rung."""
    assert rung_digest(rung) == rung.digest
    spec = gym.spec(rung.env_id)
    assert spec.reward_threshold == rung.threshold > 0 and spec.kwargs == rung.kwargs


@pytest.mark.parametrize("env_id", IDS)
def test_it_can_be_made_and_played(env_id):
    env = gym.make(env_id)
    obs, _ = env.reset(seed=0)
    for _ in range(5):
        obs, reward, *_ = env.step(np.zeros(env.action_space.shape, np.float32))
        assert env.observation_space.contains(obs) and np.isfinite(reward)


def test_each_rung_with_a_book_adds_a_difficulty():
    thresholds = [rung.threshold for rung in LADDER[1:]]
    assert thresholds == sorted(thresholds, reverse=True)
    made = [gym.make(env_id).unwrapped for env_id in IDS[1:]]
    book, latency, fees, opponents = (env.market.config for env in made)
    assert book.participants[0].feed_link.latency_ns == 0 < latency.participants[0].feed_link.latency_ns
    assert latency.venues[0].taker_fee_bps == 0 < fees.venues[0].maker_fee_bps
    assert fees.participants[0].risk.max_inventory < latency.participants[0].risk.max_inventory
    assert not fees.population and sum(group.count for group in opponents.population) >= 4
