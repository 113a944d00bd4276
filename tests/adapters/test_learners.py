"""How other libraries drive the native vector environment: CleanRL's loop, Gymnasium's wrappers, RLlib, TorchRL."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers

import qsl_envs  # noqa: F401
from tests.envs.small import SMALL, random_actions

ID = "qsl/MarketMaking-v0"


def test_cleanrl_wrappers_and_bookkeeping():
    """The wrappers of CleanRL's continuous PPO on the native env, and its tally of finished episodes."""
    envs = gym.make_vec(ID, num_envs=3, **SMALL)
    envs = wrappers.RecordEpisodeStatistics(envs)
    envs = wrappers.ClipAction(envs)
    envs = wrappers.NormalizeObservation(envs)
    envs = wrappers.TransformObservation(envs, lambda obs: np.clip(obs, -10, 10))
    envs = wrappers.NormalizeReward(envs, gamma=0.99)
    envs = wrappers.TransformReward(envs, lambda reward: np.clip(reward, -10, 10))
    assert envs.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    plain = gym.make_vec(ID, num_envs=3, **SMALL)
    next_obs, _ = envs.reset(seed=1)
    plain.reset(seed=1)
    obs = np.zeros((42, 3, *envs.single_observation_space.shape), np.float32)
    returns, total = [], np.zeros(3)
    for step, action in enumerate(random_actions(42, 3)):
        obs[step] = next_obs
        next_obs, reward, terminated, truncated, infos = envs.step(action)
        assert next_obs.shape == obs[step].shape and np.isfinite(next_obs).all() and np.abs(reward).max() <= 10
        assert not (terminated & truncated).any()
        total += plain.step(np.clip(action, -1, 1))[1]
        if "episode" in infos:
            returns += infos["episode"]["r"][infos["_episode"]].tolist()
            assert infos["episode"]["l"][infos["_episode"]].tolist() == [20] * int(infos["_episode"].sum())
    assert len(returns) == 6
    assert sum(returns) == pytest.approx(total.sum(), abs=1e-6)
    assert np.abs(obs[1:].reshape(-1, obs.shape[-1]).mean(0)).max() < 3


def test_normalised_observations_leave_the_native_buffers_alone():
    envs, plain = gym.make_vec(ID, num_envs=2, **SMALL), gym.make_vec(ID, num_envs=2, **SMALL, copy=True)
    wrapped = wrappers.NormalizeObservation(envs)
    wrapped.reset(seed=0)
    expected, _ = plain.reset(seed=0)
    for action in random_actions(5, 2):
        wrapped.step(action)
        expected, *_ = plain.step(action)
    assert np.array_equal(envs.unwrapped.step(action)[0], plain.step(action)[0])


def test_torchrl_wraps_the_vector_env():
    torch = pytest.importorskip("torch")
    gym_lib = pytest.importorskip("torchrl.envs.libs.gym", reason="TorchRL is not installed: `make learners`")
    mode = AutoresetMode.SAME_STEP
    # TorchRL keeps the arrays that it is handed, so they have to be fresh ones
    env = gym_lib.GymWrapper(gym.make_vec(ID, num_envs=2, autoreset_mode=mode, copy=True, **SMALL), device="cpu")
    assert env.batch_size == torch.Size([2])
    rollout = env.rollout(25, break_when_any_done=False)
    assert rollout["observation"].shape[:2] == (2, 25)
    assert rollout["next", "done"].sum() == 2 and rollout["next", "terminated"][:, 19].all()
    assert torch.isfinite(rollout["next", "reward"]).all()
    ended = rollout["next", "observation"][:, 19]
    begun = rollout["observation"][:, 20]
    assert (ended[:, 0] == 0).all() and (begun[:, 0] > 0.9).all()  # time left, at the close and at the next start


def test_rllib_runs_the_vector_env():
    pytest.importorskip("ray.rllib", reason="RLlib is not installed: `make learners`", exc_type=ImportError)
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
    from ray.tune.registry import register_env

    register_env("qsl-small", lambda config: gym.make(ID, **SMALL))
    config = (
        PPOConfig()
        .environment("qsl-small")
        .env_runners(num_env_runners=0, num_envs_per_env_runner=2, rollout_fragment_length=40)
    )
    runner = SingleAgentEnvRunner(config=config)
    episodes = runner.sample(num_timesteps=80, random_actions=True)
    assert sum(len(episode) for episode in episodes) >= 80
    assert any(episode.is_terminated and len(episode) == 20 for episode in episodes)
    runner.stop()
