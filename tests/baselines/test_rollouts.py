"""What is collected: masks and times as the environments tell them, memories emptied at ends, on real markets too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import qsl_envs  # noqa: F401  registers the environments
from baselines.learning.rollouts import Collector, make_envs, spec_of
from baselines.ppo import Agent
from qsl_envs.errors import ConfigError
from tests.baselines.toys import Shifts, Shop, Steering

SHORT = {"session_ns": 2_000_000_000}


def agent_of(envs, seed=0):
    torch.manual_seed(seed)
    return Agent(spec_of(envs))


@pytest.mark.compiled
def test_choices_stay_inside_their_masks():
    """Quotes at the inventory limit: a limit of one lot, so that masks forbid something at once."""
    options = {**SHORT, "config": {"participants": [{"risk": {"max_inventory": 2}}]}}
    envs = make_envs("qsl/MarketMakingDiscrete-v0", 32, options)
    agent = agent_of(envs)
    collector = Collector(envs, 40, 0.99, seed=1)
    collector.begin(agent, 0)
    for _ in range(2):
        r = collector.collect(agent)
        chosen = r.masks.gather(-1, r.actions.unsqueeze(-1))
        assert (chosen == 1).all()
    assert (r.masks == 0).any() and collector.means()["episodes"] >= 32
    with torch.no_grad():
        out = agent.actor.outputs(agent.actor.normalize(r.obs))[0]
        again = agent.actor.log_prob(out, r.actions, r.masks)
    assert torch.allclose(again, r.log_probs, atol=1e-5)


@pytest.mark.compiled
def test_steps_of_decisions_on_fills_are_discounted_by_their_time():
    """The next observation tells how long the step took; so does the final one, where the episode was cut off."""
    options = {**SHORT, "decide_on": "both", "max_episode_steps": 7}
    envs = make_envs("qsl/MarketMaking-v0", 16, options)
    agent = agent_of(envs)
    collector = Collector(envs, 30, 0.9, seed=1)
    collector.begin(agent, 0)
    column = envs.unwrapped.observation_names.index("elapsed")
    r = collector.collect(agent)
    goes_on = r.ended[:-1] == 0
    assert torch.allclose(r.discounts[:-1][goes_on], 0.9 ** r.obs[1:, :, column][goes_on], atol=1e-6)
    cut = r.discounts[r.ended == 1]
    assert len(cut) >= 16 * 4 and (cut < 1).all() and (cut >= 0.9 - 1e-6).all()
    assert len(np.unique(r.discounts.numpy())) > 10


def test_time_of_a_toy_s_decisions():
    collector = Collector(envs := Shifts(4), 10, 0.5, seed=0)
    collector.begin(agent := agent_of(envs), 0)
    found = collector.collect(agent).discounts
    assert set(found.flatten().tolist()) == {0.5, 0.125}
    assert torch.equal(found[0], torch.tensor([0.5, 0.125, 0.5, 0.125]))


def test_values_follow_steps_by_hand():
    """Worlds 0 and 5 of the shop end half-way; what follows an end is worth 0, else what the critic says of it."""
    collector = Collector(envs := Shop(6), 15, 0.9, seed=0)
    collector.begin(agent := agent_of(envs), 0)
    r = collector.collect(agent)
    with torch.no_grad():
        values = agent.value(agent.actor.normalize(r.obs))
    assert torch.allclose(r.values, values, atol=1e-6)
    expected = torch.where(r.ended[:-1] == 1, torch.zeros_like(values[1:]), values[1:])
    assert torch.allclose(r.next_values[:-1], expected, atol=1e-6)
    assert r.ended[9].tolist() == [1.0, 0, 0, 0, 0, 1.0]
    running = np.zeros(6)
    for t in range(15):
        running = 0.9 * running + r.rewards[t].numpy()
        assert r.returns[t].numpy() == pytest.approx(running, rel=1e-5, abs=1e-5)
        running[r.ended[t].numpy() == 1] = 0.0


def test_two_sets_of_tensors_take_turns():
    """What was collected last is not written over while the next rollout is."""
    one, two = (Collector(Steering(4), 5, 0.9, seed=3, sets=sets) for sets in (1, 2))
    agent = agent_of(one.envs)
    for collector in (one, two):
        collector.begin(agent, 0)
    first = two.collect(agent)
    kept = first.obs.clone()
    second = two.collect(agent)
    assert torch.equal(first.obs, kept) and not torch.equal(first.obs, second.obs)
    one.collect(agent)
    assert torch.equal(one.collect(agent).obs, second.obs)


def test_other_actions_are_refused():
    envs = Steering(4)
    envs.single_action_space = type(envs.single_action_space)(-2.0, 2.0, (1,), np.float32)
    with pytest.raises(ConfigError, match="from -1 to 1"):
        spec_of(envs)
