"""What is remembered is what happened: transitions of several steps against a slow walk over the episode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.learning.replay_memory import Batch, ReplayMemory
from qsl_envs.errors import ConfigError


def journey(steps, envs, seed=0):
    """Steps of environments whose observation is 100 x env + step; ends at random, half of them cut off."""
    chance = np.random.default_rng(seed)
    told = []
    for t in range(steps):
        obs = torch.tensor([[100.0 * e + t] for e in range(envs)])
        ended = torch.tensor(chance.random(envs) < 0.2)
        discount = torch.tensor(np.where(chance.random(envs) < 0.5, 0.9, 0.8), dtype=torch.float32)
        discount = torch.where(ended & torch.tensor(chance.random(envs) < 0.5), 0.0, discount)
        reward = torch.tensor(chance.normal(size=envs), dtype=torch.float32)
        told.append((Batch(obs, obs / 1000, reward, obs + 0.5, discount), ended))
    return told


@pytest.mark.parametrize("num_steps", [1, 3])
def test_a_transition_is_the_sum_of_its_steps(num_steps):
    told = journey(40, 3)
    memory = ReplayMemory(1000, 3, 1, 1, num_steps)
    for step, ended in told:
        memory.add(step, ended)
    assert memory.size == 3 * (40 - num_steps + 1)
    stopped = 0
    for row in range(memory.size):
        t, e = row // 3, row % 3
        total, weight = 0.0, 1.0
        for k in range(t, t + num_steps):
            step, ended = told[k]
            total += weight * float(step.rewards[e])
            weight *= float(step.discounts[e])
            if ended[e]:
                stopped += k < t + num_steps - 1
                break
        got = [float(ring[row].squeeze()) for ring in memory.rows]
        assert got == pytest.approx([100 * e + t, (100 * e + t) / 1000, total, 100 * e + k + 0.5, weight], abs=1e-5)
    assert num_steps == 1 or stopped > 10


def test_the_oldest_goes_first_and_a_restored_memory_goes_on_alike():
    memory, twin = (ReplayMemory(20, 3, 1, 1) for _ in range(2))  # 7 rows of 3
    told = journey(15, 3)
    for step, ended in told[:10]:
        memory.add(step, ended)
    assert memory.size == 21
    assert sorted(memory.rows.obs[::3, 0].tolist()) == list(range(3, 10))
    twin.restore(memory.state())
    for step, ended in told[10:]:
        memory.add(step, ended)
        twin.add(step, ended)
    noise = [torch.Generator().manual_seed(1) for _ in range(2)]
    one, other = memory.sample(50, noise[0]), twin.sample(50, noise[1])
    assert all(torch.equal(a, b) for a, b in zip(one, other))
    assert len(set(one.obs[:, 0].tolist())) > 15
    with pytest.raises(ConfigError, match="ReplayMemory.rows"):
        ReplayMemory(9, 3, 1, 1).restore(memory.state())


def test_nothing_is_drawn_from_an_empty_memory_and_a_new_start_forgets_half_transitions():
    memory = ReplayMemory(30, 2, 1, 0, num_steps=3)
    with pytest.raises(ConfigError, match="before it is sampled"):
        memory.sample(1, torch.Generator())
    told = journey(5, 2)
    for n, (step, ended) in enumerate(told):
        if n == 2:
            memory.forget_steps()
        memory.add(step._replace(actions=torch.tensor([1, 2])), ended)
    assert memory.size == 2 and memory.rows.obs[:2, 0].tolist() == [2.0, 102.0]
    assert memory.rows.actions.dtype == torch.int64
