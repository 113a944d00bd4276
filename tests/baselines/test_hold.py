"""Corrections that are kept for several steps: beside a loop over the single steps, in training and when played."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines import ppo, sac
from baselines.learning.cloning import teacher_of
from baselines.learning.episodes import DISCOUNT, EARNED, STEPS, Episodes, step_discounts
from baselines.learning.residual import ResidualVectorEnv
from baselines.learning.rollouts import envs_of
from baselines.portable import load_actor, load_policy, read_manifest
from qsl_envs.errors import ConfigError


class Interrupted(Exception):
    """A run is stopped."""


def interrupt(share, text):
    """Stop at the first line about a run."""
    raise Interrupted


MAKER = "qsl/MarketMaking-v0"
SHORT = {"session_ns": 3_000_000_000}


def make(env_id=MAKER, n=4, **more):
    return gym.make_vec(env_id, num_envs=n, autoreset_mode=AutoresetMode.SAME_STEP, split="train", **{**SHORT, **more})


def corrected(env_id=MAKER, paired=False, hold=1, gamma=1.0, **more):
    envs = make(env_id, **more)
    twin = make(env_id, **more) if paired else None
    return ResidualVectorEnv(envs, teacher_of("best", env_id, envs), 0.5, twin, hold, gamma)


def one_by_one(envs, action, hold, gamma):
    """What one decision is, env by env, from single steps: after an end nothing is corrected and nothing counts."""
    n = envs.num_envs
    total, running, powers = np.zeros(n), np.ones(n, bool), np.ones(n)
    ended, cut = np.zeros(n, bool), np.zeros(n, bool)
    final, summary = np.zeros(envs.observation_space.shape, np.float32), np.full(n, np.nan)
    for _ in range(hold):
        obs, reward, terminated, truncated, info = envs.step(np.where(running[:, None], action, 0.0))
        for i in np.flatnonzero(running):
            total[i] += powers[i] * reward[i]
            powers[i] *= gamma
            if terminated[i] or truncated[i]:
                running[i], ended[i], cut[i] = False, terminated[i], truncated[i]
                final[i] = info["final_obs"][i]
                summary[i] = info["final_info"]["episode_summary"]["length"][i]
    return obs, total, ended, cut, powers, final, summary


@pytest.mark.parametrize(("env_id", "paired", "hold", "more"), [
    (MAKER, True, 4, {}),  # 30 steps: the end falls within a decision
    (MAKER, False, 5, {}),
    ("qsl/OptimalExecution-v0", True, 2, {"max_episode_steps": 3}),  # cut off
    ("qsl/CrossVenueArbitrage-v0", True, 7, {"max_loss": 5.0}),  # ruined, each at its own time
])  # fmt: skip
def test_a_decision_is_its_steps(env_id, paired, hold, more):
    envs, single = corrected(env_id, paired, hold, 0.9, **more), corrected(env_id, paired, **more)
    assert np.array_equal(envs.reset(seed=3)[0], single.reset(seed=3)[0])
    rng, ends, short, sums = np.random.default_rng(0), 0, 0, np.zeros(4)
    for _ in range(24):
        action = rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)
        obs, reward, terminated, truncated, info = envs.step(action)
        wanted = one_by_one(single, action, hold, 0.9)
        assert np.array_equal(obs, wanted[0])
        np.testing.assert_allclose(reward, wanted[1], rtol=1e-5, atol=1e-5)
        assert np.array_equal(terminated, wanted[2]) and np.array_equal(truncated, wanted[3])
        found = step_discounts(envs, info, np.flatnonzero(truncated & ~terminated), 0.9)
        np.testing.assert_allclose(found, wanted[4], rtol=1e-5)
        over = terminated | truncated
        if over.any():
            ends += over.sum()
            short += (wanted[4][over] > 0.9**hold + 1e-9).sum()
            assert np.array_equal(info["final_obs"][over], wanted[5][over])
            assert np.array_equal(info["final_info"]["episode_summary"]["length"][over], wanted[6][over])
        sums += reward
    assert ends >= 4 and sums.any() and (short or 30 % hold == 0)


def test_returns_and_lengths_are_those_of_the_environment():
    """Also those of steps that the base took alone before the learner's first decision, rewards undiscounted."""
    envs, episodes = corrected(paired=True, hold=4, gamma=0.5), Episodes(4)
    envs.reset(seed=5)
    for _ in range(23):  # three sessions of 30 steps end after 8, 15 and 23 decisions
        _, reward, terminated, truncated, info = envs.step(np.zeros(envs.action_space.shape, np.float32))
        assert not reward.any()  # the twin does the same
        episodes.add(reward, terminated | truncated, info)
        told = info["final_info"]["episode_summary"] if (terminated | truncated).any() else None
    assert told is not None
    means = episodes.means()
    assert means["episodes"] == 12 and means["length"] == 30.0
    alone, policy = make(), teacher_of("best", MAKER, make())
    obs, total = alone.reset(seed=5)[0], 0.0
    for _ in range(90):
        obs, reward, *_ = alone.step(policy(obs))
        total += reward.sum()
    assert means["return"] == pytest.approx(total / 12) and total != 0.0
    assert set(info) >= {STEPS, EARNED, DISCOUNT}


def test_held_for_one_step_is_as_without():
    first, second = corrected(paired=True), corrected(paired=True, hold=1, gamma=0.3)
    first.reset(seed=1), second.reset(seed=1)
    rng = np.random.default_rng(4)
    for _ in range(40):
        action = rng.uniform(-1, 1, first.action_space.shape).astype(np.float32)
        one, two = first.step(action), second.step(action)
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], two[:4])) and one[4].keys() == two[4].keys()


@pytest.mark.parametrize("trainer", [ppo, sac])
def test_it_acts_as_it_learned_and_resumes(trainer, tmp_path):
    """In an environment of whole decisions a saved policy does what the actor does that was trained."""
    kind = {"env_options": '{"session_ns": 3000000000}', "residual": "best", "paired": True, "hold": 5}
    args = trainer.Args(smoke=True, out=str(tmp_path / "run"), **kind).shrunk()
    args.smoke = False
    args.checkpoint_every = 1
    curve = trainer.train(args, tell=lambda share, text: None)[1]
    assert curve[-1]["frames"] == args.total_frames == 2 * args.num_envs * args.num_steps * 5
    assert read_manifest(tmp_path / "run" / "policy")["hold"] == 5
    first = replace(args, out=str(tmp_path / "cut"))
    with pytest.raises(Interrupted):
        trainer.train(first, tell=interrupt)
    again = trainer.train(replace(first, resume=True), tell=lambda share, text: None)[1]
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in curve]

    trained = envs_of(args)
    actor = load_actor(tmp_path / "run" / "policy", trained)
    with torch.no_grad():  # so that it says something
        actor.head.bias += 0.3
    plain = make(n=args.num_envs)
    policy = load_policy(tmp_path / "run" / "policy", plain)
    policy.network.actor.head.bias.data += 0.3
    wide, obs = trained.reset(seed=8)[0], plain.reset(seed=8)[0]
    policy.reset(8 + np.arange(args.num_envs))
    for _ in range(6):
        with torch.no_grad():
            *_, info = wide_step = trained.step(actor.act(torch.from_numpy(wide))[0].numpy())
        wide, earned = wide_step[0], np.zeros(args.num_envs)
        for _ in range(5):
            obs, reward, *_ = plain.step(policy(obs))
            earned += reward
        np.testing.assert_allclose(info[EARNED], earned, atol=1e-6)
        assert earned.any()


def test_a_held_policy_does_not_depend_on_how_rows_are_divided(tmp_path):
    ppo.train(ppo.Args(env_id=MAKER, residual="best", hold=3, smoke=True, out=str(tmp_path)), tell=lambda *_: None)
    envs = make(n=6)
    together, *parts = (load_policy(tmp_path / "policy", envs) for _ in range(3))
    for policy in (together, *parts):
        policy.network.actor.head.bias.data += 0.3
    together.reset(np.arange(6)), parts[0].reset(np.arange(2)), parts[1].reset(np.arange(2, 6))
    obs = envs.reset(seed=0)[0]
    for _ in range(8):
        action = together(obs)
        assert np.array_equal(action, np.concatenate([parts[0](obs[:2]), parts[1](obs[2:])]))
        obs = envs.step(action)[0]


def test_what_cannot_be_held():
    with pytest.raises(ConfigError, match="hold"):
        ppo.Args(hold=2)
    with pytest.raises(ConfigError, match="hold"):
        ppo.Args(hold=0, residual="best")
