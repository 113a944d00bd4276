"""Mirror images: of formulas, which must not know left from right, and of what PPO learns from; steady noise."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines import ippo, ppo, ppo_lstm
from baselines.learning.cloning import teacher_of
from baselines.learning.mirror import TURNED, mirror_of, mirrors_of
from baselines.learning.residual import ResidualVectorEnv
from baselines.learning.rollouts import Collector
from qsl_envs.errors import ConfigError

MAKER = "qsl/MarketMaking-v0"


def corrected(n=8, env_id=MAKER):
    envs = gym.make_vec(env_id, num_envs=n, autoreset_mode=AutoresetMode.SAME_STEP, session_ns=4_000_000_000)
    return ResidualVectorEnv(envs, teacher_of("best", env_id, envs), 0.5)


def test_names_pair_off():
    mirror = mirror_of(("bid_size", "inventory", "ask_size", "spread"))
    rows = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert mirror(rows).tolist() == [[3.0, -2.0, 1.0, 4.0]] and torch.equal(mirror(mirror(rows)), rows)
    with pytest.raises(ConfigError, match="ask_size"):
        mirror_of(("bid_size", "spread"))


def test_a_mirrored_maker_does_the_mirror_image():
    """A formula that treats both sides alike acts so on what a random walk of corrections brings it to."""
    envs = corrected()
    seen, acted = mirrors_of(envs)
    wide = envs.reset(seed=0)[0]
    rng, different = np.random.default_rng(0), 0
    quotes = mirror_of(envs.base.desk.action_names)
    for _ in range(30):
        action = torch.from_numpy(rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32))
        told, image = torch.from_numpy(wide), seen(torch.from_numpy(wide))
        width = envs.seen.shape[1]
        here = envs.base.corrected(wide[:, :width], wide[:, width:], 0.5 * action.numpy().astype(np.float64))
        there = image[:, :width].numpy()
        hints = envs.base.hints(there)
        assert np.array_equal(image[:, width:].numpy(), hints)
        did = envs.base.corrected(there, hints, 0.5 * acted(action).numpy().astype(np.float64))
        assert np.array_equal(did, quotes(torch.from_numpy(here)).numpy())
        different += int((image != told).any(1).sum())
        wide = envs.step(action.numpy())[0]
    assert different > 200
    names = envs.base.desk.observation_names
    assert {name for name in names if (wide[:, names.index(name)] < 0).any()} - set(TURNED) <= {"equity"}


def test_the_mirrored_market_moves_as_the_market():
    """Once the opening is past: what changes its sign has no preferred one, what does not is alike on both sides."""
    envs = gym.make_vec(MAKER, num_envs=256, autoreset_mode=AutoresetMode.SAME_STEP)
    rows, nothing = [], -np.ones((256, 4), np.float32)
    envs.reset(seed=0)
    for step in range(400):
        obs = envs.step(nothing)[0]
        if step >= 200 and step % 20 == 19:
            rows.append(obs.copy())
    found = torch.from_numpy(np.stack(rows))
    apart = (found - mirror_of(envs.unwrapped.observation_names)(found)).mean(0).numpy()
    error = apart.std(0) / np.sqrt(len(apart))
    assert (np.abs(apart.mean(0)) <= 4.5 * error + 1e-6).all()


def test_both_sides_are_learned_from():
    envs = corrected()
    args = ppo.Args(num_envs=8, num_steps=16, residual="best", mirror=True)
    torch.manual_seed(0)
    agent = ppo.Agent.of(envs, args)
    collector = Collector(envs, 16, 0.99, 0)
    agent.actor.obs_moments.update(collector.begin(agent, 0))
    rollout = collector.collect(agent)
    obs = rollout.obs.flatten(0, 1)
    batch = ppo.Batch(agent.actor.normalize(obs), rollout.actions.flatten(0, 1), rollout.log_probs.flatten(),
                      torch.arange(128.0), torch.ones(128))  # fmt: skip
    both = ppo.both_sides(agent, agent.mirrors, batch, obs)
    assert all(torch.equal(x[:128], y) for x, y in zip(both, batch) if x is not None)
    assert torch.equal(both.advantages[128:], batch.advantages)
    seen, acted = agent.mirrors
    with torch.no_grad():
        out = agent.actor(seen(obs))[0]
        want = agent.actor.log_prob(out, acted(batch.actions))
    assert torch.equal(both.log_probs[128:], want) and not torch.equal(both.log_probs[128:], batch.log_probs)
    assert torch.equal(acted(both.actions[128:]), batch.actions)


def test_steady_noise_lasts_for_a_rollout_and_is_standard_normal():
    """A deviation of its own in each rollout and env, which changes with what is seen; over all, the policy's."""
    envs = corrected(64)
    torch.manual_seed(1)
    agent = ppo.Agent.of(envs, ppo.Args(residual="best", num_envs=64, init_log_std=-1.0))
    collector = Collector(envs, 40, 0.99, 0, steady_noise=True)
    agent.actor.obs_moments.update(collector.begin(agent, 0))
    drawn = []
    for _ in range(5):
        rollout = collector.collect(agent)
        with torch.no_grad():
            mean = agent.actor(rollout.obs.flatten(0, 1))[0].unflatten(0, (40, 64))
            z = (rollout.actions - mean) / agent.actor.log_std.exp()
            log_probs = agent.actor.log_prob(mean, rollout.actions)
        torch.testing.assert_close(log_probs, rollout.log_probs, rtol=1e-4, atol=1e-4)
        drawn.append(z)
    whole = torch.stack(drawn)  # (rollout, step, env, number)
    assert whole.std() == pytest.approx(1.0, abs=0.06) and abs(whole.mean()) < 0.06
    near = (whole[:, 1:] * whole[:, :-1]).mean()
    assert near > 0.6 > 0.2 > abs((whole[1:, 0] * whole[:-1, -1]).mean())


def test_what_cannot_be():
    with pytest.raises(ConfigError, match="mirror"):
        ppo.Args(mirror=True)
    with pytest.raises(ConfigError, match="mirror"):
        mirrors_of(corrected(2, "qsl/CrossVenueArbitrage-v0"))
    with pytest.raises(ConfigError, match="steady_noise"):
        ppo_lstm.Args(steady_noise=True)
    with pytest.raises(ConfigError, match="steady_noise"):
        ippo.Args(steady_noise=True)
    choices = gym.make_vec("qsl/MarketMakingDiscrete-v0", num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ConfigError, match="steady_noise"):
        Collector(choices, 4, 0.99, 0, steady_noise=True)
