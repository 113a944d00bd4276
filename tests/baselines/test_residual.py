"""Correcting a scripted policy: nothing where the correction is nothing, alike in training and when it is played."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines import ddpg, ppo, ppo_lstm, sac
from baselines.commands.train import settings_of
from baselines.learning.cloning import teacher_of
from baselines.learning.episodes import EARNED
from baselines.learning.presets import PRESETS
from baselines.learning.residual import ResidualPolicy, ResidualVectorEnv
from baselines.learning.rollouts import envs_of
from baselines.policies.desk import Desk
from baselines.policies.library import build, names_for
from baselines.portable import load_actor, load_policy, read_manifest
from baselines.tables.benchmark import PROOF
from qsl_envs.errors import ConfigError

SHORT = {"session_ns": 3_000_000_000}
KINDS = {"ppo": ppo.Args, "sac": sac.Args}
PLACES = ("MarketMaking", "OptimalExecution", "OrderRouting", "CrossVenueArbitrage", "DirectionalTrading")
CASES = [
    (f"qsl/{place}-v0", name)
    for place in PLACES
    for name in names_for(f"qsl/{place}-v0")
    if name not in ("do nothing", "random")
]


def make(env_id, n=4, **more):
    return gym.make_vec(env_id, num_envs=n, autoreset_mode=AutoresetMode.SAME_STEP, split="train", **{**SHORT, **more})


@pytest.mark.parametrize(("env_id", "name"), CASES)
def test_no_correction_is_the_policy_itself_and_a_correction_is_not(env_id, name):
    """Over more than one episode, so that what a policy remembers is forgotten where an episode ends."""
    plain = make(env_id)
    alone, seen = build(name, Desk.of(plain)), []
    obs = plain.reset(seed=7)[0]
    alone.reset(7 + np.arange(4))
    wrapped = ResidualVectorEnv(make(env_id), build(name, Desk.of(plain)), 0.5)
    wide = wrapped.reset(seed=7)[0]
    nothing = np.zeros(wrapped.action_space.shape, np.float32)
    steps, ends, rng, differ = (
        int(2.4 * SHORT["session_ns"] / plain.unwrapped.task.step_ns),
        0,
        np.random.default_rng(1),
        0,
    )
    for _ in range(steps):
        assert wide.shape == wrapped.observation_space.shape and np.array_equal(wide[:, : obs.shape[1]], obs)
        bent = wrapped.base.corrected(wrapped.seen, wrapped.hints, rng.normal(size=nothing.shape))
        straight = wrapped.base.corrected(wrapped.seen, wrapped.hints, nothing)
        assert bent.dtype == np.float32 and np.abs(bent).max() <= 1.0
        differ += (bent != straight).any()
        obs, reward, terminated, truncated, _ = plain.step(alone(obs))
        wide, same, *_ = wrapped.step(nothing)
        seen.append((reward, same))
        over = terminated | truncated
        if over.any():
            ends += 1
            alone.forget(over)
    assert ends >= 2 and differ > steps // 2
    rewards, others = map(np.array, zip(*seen))
    assert np.array_equal(rewards, others) and rewards.any()


def test_rewards_are_what_is_earned_beyond_the_twin():
    env_id = "qsl/OptimalExecution-v0"
    first = make(env_id)
    base = teacher_of("best", env_id, first)
    paired = ResidualVectorEnv(first, base, 0.3, make(env_id))
    plain = ResidualVectorEnv(make(env_id), teacher_of("best", env_id, first), 0.3)
    alone = make(env_id)
    policy, obs = teacher_of("best", env_id, first), alone.reset(seed=3)[0]
    paired.reset(seed=3), plain.reset(seed=3)
    rng, told = np.random.default_rng(0), 0
    for _ in range(7):
        action = rng.uniform(-1, 1, paired.action_space.shape).astype(np.float32)
        _, reward, *_, info = paired.step(action)
        _, earned, *_ = plain.step(action)
        obs, lonely, *_ = alone.step(policy(obs))
        assert np.array_equal(info[EARNED], earned)
        np.testing.assert_allclose(reward, earned - lonely)
        told += (lonely != earned).sum()
    assert told > 4


def test_both_begin_the_next_world_when_the_learner_is_ruined():
    """It trades all it can and is ruined before the base: from then on it changes nothing, and both earn alike."""
    options = {"max_loss": 150.0, "session_ns": 6_000_000_000}
    first = make("qsl/CrossVenueArbitrage-v0", **options)
    base = build("consensus", Desk.of(first))
    envs = ResidualVectorEnv(first, base, 2.0, make("qsl/CrossVenueArbitrage-v0", **options))
    envs.reset(seed=11)
    ruined, last = np.zeros(4, bool), np.zeros(4)
    for _ in range(250):
        action = np.where(ruined, 0.0, 1.0)[:, None] * np.ones(envs.single_action_space.shape)
        _, last, terminated, _, info = envs.step(action.astype(np.float32))
        assert not (last != 0)[ruined].any()
        ruined |= terminated
    assert ruined.all()


def test_what_follows_a_cut_is_told_with_hints():
    envs = make("qsl/DirectionalTrading-v0", max_episode_steps=4)
    wrapped = ResidualVectorEnv(envs, build("signal follower", Desk.of(envs)), 0.3)
    other = make("qsl/DirectionalTrading-v0")
    policy, obs = build("signal follower", Desk.of(other)), other.reset(seed=5)[0]
    wrapped.reset(seed=5)
    for _ in range(4):
        obs = other.step(policy.corrected(obs, policy.hints(obs), np.zeros((4, 3))))[0]
        wide, _, _, truncated, info = wrapped.step(np.zeros((4, 3), np.float32))
    assert truncated.all() and np.array_equal(info["final_obs"], np.concatenate([obs, policy.hints(obs)], 1))
    fresh = build("signal follower", Desk.of(other))
    first = wide[:, : obs.shape[1]]
    assert np.array_equal(wide[:, obs.shape[1] :], fresh.hints(first))


@pytest.mark.parametrize("trainer", [ppo, sac])
def test_a_saved_correction_acts_as_it_learned(trainer, tmp_path):
    options = '{"session_ns": 3000000000}'
    args = trainer.Args(env_id="qsl/CrossVenueArbitrage-v0", env_options=options, residual="best", paired=True,
                        smoke=True, out=str(tmp_path))  # fmt: skip
    trainer.train(args, tell=lambda share, text: None)
    about = read_manifest(tmp_path / "policy")
    assert (about["kind"], about["base"], about["reach"]) == ("residual", "consensus", args.reach)
    envs, trained = make(args.env_id), envs_of(args.shrunk())
    actor = load_actor(tmp_path / "policy", trained)
    with torch.no_grad():  # so that it says something
        actor.head.bias += 0.5
    policy = load_policy(tmp_path / "policy", envs)
    assert isinstance(policy, ResidualPolicy) and policy.parameters()["base"] == "consensus"
    policy.network.actor.head.bias.data += 0.5
    obs, wide = (
        envs.reset(seed=1)[0],
        ResidualVectorEnv(make(args.env_id), teacher_of("best", args.env_id, envs), args.reach),
    )
    told = wide.reset(seed=1)[0]
    policy.reset(1 + np.arange(4))
    for _ in range(50):
        obs, reward, *_ = envs.step(policy(obs))
        with torch.no_grad():
            action = actor.act(torch.from_numpy(told))[0].numpy()
        told, same, *_ = wide.step(action)
        np.testing.assert_allclose(reward, same, atol=1e-6)


@pytest.mark.parametrize("trainer", [ddpg, ppo_lstm])
def test_other_trainers_correct_too(trainer, tmp_path):
    args = trainer.Args(env_id="qsl/OptimalExecution-v0", env_options='{"session_ns": 3000000000}', residual="TWAP",
                        smoke=True, out=str(tmp_path))  # fmt: skip
    trainer.train(args, tell=lambda share, text: None)
    envs = make(args.env_id)
    policy = load_policy(tmp_path / "policy", envs)
    policy.reset(np.arange(4))
    assert isinstance(policy, ResidualPolicy) and policy.parameters()["base"] == "TWAP"
    assert policy(envs.reset(seed=0)[0]).shape == envs.action_space.shape


def test_presets_are_settings_that_trainers_take():
    """And those of the proof environments correct the best tuned policy, as their pages say."""
    for env_id, by_algorithm in PRESETS.items():
        for algorithm, settings in by_algorithm.items():
            args = settings_of(KINDS[algorithm], algorithm, env_id, False, [])
            assert {key: getattr(args, key) for key in settings} == settings and args.residual == "best"
    assert set(PRESETS) == set(PROOF)
    plain = settings_of(ppo.Args, "ppo", "qsl/OrderRouting-v0", False, [])
    assert plain.residual == "" and plain.num_envs == ppo.Args().num_envs
    back = settings_of(ppo.Args, "ppo", "qsl/OptimalExecution-v0", False, ["--residual", "", "--no-paired"])
    assert (back.residual, back.paired, back.gamma) == ("", False, 1.0)
    cloned = settings_of(ppo.Args, "ppo", "qsl/OptimalExecution-v0", False, ["--clone", "best"], plain=True)
    assert (cloned.residual, cloned.clone, cloned.gamma) == ("", "best", ppo.Args().gamma)


def test_what_cannot_be():
    with pytest.raises(ConfigError, match="paired"):
        ppo.Args(paired=True)
    with pytest.raises(ConfigError, match="residual"):
        ppo.Args(residual="best", clone="best")
    envs = gym.make_vec("qsl/MarketMakingDiscrete-v0", num_envs=1, autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ConfigError, match="choices cannot be corrected"):
        ResidualVectorEnv(envs, build("fixed spread", Desk.of(envs)), 0.3)
    envs = gym.make_vec("qsl/MarketMaking-v0", num_envs=1)
    with pytest.raises(ConfigError, match="SAME_STEP"):
        ResidualVectorEnv(envs, build("fixed spread", Desk.of(envs)), 0.3)
