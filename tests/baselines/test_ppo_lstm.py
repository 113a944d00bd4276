"""PPO with a memory: it solves what no policy without one can, and its long way is the sum of its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines import ppo, ppo_lstm
from baselines.learning.networks import ActorSpec
from baselines.learning.rollouts import Rollout
from baselines.portable import load_policy
from tests.baselines.toys import Recall, Steering


def quiet(share, text):
    """A progress line that nobody reads."""


def score(policy, num_envs=400, first=10**6):
    """Mean return of a toy's episode on worlds that training never saw."""
    envs = Recall(num_envs)
    policy.reset(first + np.arange(num_envs))
    obs, total = envs.reset(seed=first)[0], np.zeros(num_envs)
    for _ in range(Recall.STEPS):
        obs, reward, *_ = envs.step(policy(obs))
        total += reward
    return total.mean()


def test_it_remembers_what_no_memoryless_policy_can_know(tmp_path):
    """At the step that pays, the observation is the same for both signs: without a memory -0.64 is the best."""
    given = {"num_envs": 64, "num_steps": 6, "gamma": 0.95, "learning_rate": 5e-3, "hidden": 16, "num_epochs": 4}
    args = ppo_lstm.Args(
        **given, memory=16, total_frames=30 * 384, minibatch_size=192, target_kl=0.0, out=str(tmp_path / "with")
    )
    ppo_lstm.train(args, Recall(64), quiet)
    assert score(load_policy(tmp_path / "with" / "policy", Recall(1))) > -0.05
    args = ppo.Args(**given, total_frames=30 * 384, minibatch_size=192, out=str(tmp_path / "without"))
    ppo.train(args, Recall(64), quiet)
    without = score(load_policy(tmp_path / "without" / "policy", Recall(1)))
    assert -0.8 < without < Recall.FORGOTTEN + 0.05  # 0.05: the mean sign of 400 worlds is not quite 0


def test_unrolling_is_stepping_with_memories_emptied_at_ends():
    torch.manual_seed(0)
    agent = ppo_lstm.Agent(ActorSpec(obs_dim=3, action_dim=2, hidden=(8,), memory=5))
    obs, ended = torch.randn(7, 4, 3), (torch.rand(7, 4) < 0.3).float()
    state = torch.randn(4, 20)
    outs, values, last = agent.unroll(obs, ended, state)
    assert ended.sum() > 3
    for t in range(7):
        out, value, state = agent.step(obs[t], state)
        assert torch.allclose(out, outs[t], atol=1e-6) and torch.allclose(value, values[t], atol=1e-6)
        state = torch.where(ended[t].bool().unsqueeze(-1), torch.zeros_like(state), state)
    assert torch.allclose(state, last, atol=1e-6)


def test_first_losses_by_hand():
    """On the policy that made the data the ratio is 1, wherever episodes end and whatever was remembered before."""
    torch.manual_seed(0)
    agent = ppo_lstm.Agent(ActorSpec(obs_dim=2, action_dim=1, hidden=(8,), memory=4))
    obs, actions, ended = torch.randn(6, 8, 2), torch.randn(6, 8, 1), (torch.rand(6, 8) < 0.2).float()
    state, advantages = torch.randn(8, 16), torch.randn(6, 8)
    with torch.no_grad():
        out, values, _ = agent.unroll(agent.actor.normalize(obs), ended, state)
        old = agent.actor.log_prob(out, actions)
    empty = torch.zeros(6, 8)
    rollout = Rollout(obs, actions, None, old, empty, torch.zeros(6, 8), empty, ended, empty, empty, state)
    args = ppo_lstm.Args(num_epochs=1, minibatch_size=48)
    optimizer = torch.optim.Adam(agent.parameters(), lr=0.0)
    losses = ppo_lstm.learn(agent, optimizer, args, torch.Generator(), rollout, advantages)
    assert losses["policy_loss"] == pytest.approx(0.0, abs=1e-6)
    assert losses["kl"] == pytest.approx(0.0, abs=1e-6)
    assert losses["value_loss"] == pytest.approx(0.5 * float(((values - advantages) ** 2).mean()), rel=1e-5)


def test_a_resumed_run_is_the_same_run(tmp_path):
    """Memories are emptied where a run may be resumed, so nothing of them need be saved."""

    class Interrupted(Exception):
        pass

    def stop(share, text):
        if share > 0.7:
            raise Interrupted

    def settings(name, **changes):
        small = {"num_envs": 8, "num_steps": 8, "minibatch_size": 32, "total_frames": 256, "memory": 4, "hidden": 8}
        return ppo_lstm.Args(**small, checkpoint_every=2, out=str(tmp_path / name), **changes)

    whole, _ = ppo_lstm.train(settings("a"), Steering(8), quiet)
    with pytest.raises(Interrupted):
        ppo_lstm.train(settings("b"), Steering(8), stop)
    resumed, _ = ppo_lstm.train(settings("b", resume=True), Steering(8), quiet)
    assert all(torch.equal(x, resumed.state_dict()[name]) for name, x in whole.state_dict().items())
