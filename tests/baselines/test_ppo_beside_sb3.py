"""Our PPO and Stable-Baselines3's on the same environment and settings: the same score, over training seeds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.learning.acting import NetworkPolicy
from baselines.ppo import Args, train
from tests.baselines.toys import Steering

SEEDS = 5
FRAMES = 30 * 1024


def ours(tmp_path, seed):
    args = Args(
        num_envs=64, num_steps=16, minibatch_size=256, total_frames=FRAMES, learning_rate=3e-3, target_kl=0.0,
        seed=seed, out=str(tmp_path / f"run{seed}"),
    )  # fmt: skip
    agent, _ = train(args, Steering(64), lambda share, text: None)
    policy = NetworkPolicy(agent.actor)
    return lambda obs: policy(obs)


def theirs(seed):
    """The same settings in their words; their advantages are normalised by batch too."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    from qsl_envs.adapters.sb3 import SB3VecEnv

    torch.set_num_threads(1)
    envs = VecNormalize(SB3VecEnv(Steering(64)), gamma=0.99)
    model = PPO(
        "MlpPolicy", envs, learning_rate=lambda left: 3e-3 * (0.05 + 0.95 * left), n_steps=16, batch_size=256,
        n_epochs=4, gamma=0.99, gae_lambda=0.97, clip_range=0.2, ent_coef=0.0, vf_coef=0.5, max_grad_norm=0.5,
        seed=seed, device="cpu",
        policy_kwargs={"net_arch": {"pi": [64, 64], "vf": [64, 64]}, "log_std_init": -0.7},
    )  # fmt: skip
    model.learn(FRAMES)
    return lambda obs: model.predict(envs.normalize_obs(obs), deterministic=True)[0]


def share_of_the_best(policy, num_envs=2000):
    """Return on worlds that nobody trained on: doing nothing is 0, the Riccati controller is 1."""
    gains = Steering.gains()

    def score(act):
        envs = Steering(num_envs)
        obs, total = envs.reset(seed=10**7)[0], 0.0
        for _ in range(Steering.STEPS):
            obs, reward, *_ = envs.step(act(obs))
            total += reward.mean()
        return total

    nothing = score(lambda obs: np.zeros((len(obs), 1)))
    best = score(lambda obs: np.clip(-gains[np.rint((1 - obs[:, 1:]) * 6).astype(int)] * obs[:, :1], -1, 1))
    return (score(policy) - nothing) / (best - nothing)


@pytest.mark.slow
def test_the_same_score_within_the_interval(tmp_path):
    """Five training seeds each; their difference is not shown to be another than 0, or is below a hundredth."""
    mine = np.array([share_of_the_best(ours(tmp_path, seed)) for seed in range(SEEDS)])
    other = np.array([share_of_the_best(theirs(seed)) for seed in range(SEEDS)])
    print(f"ours {mine.round(4)}, theirs {other.round(4)}")
    assert mine.min() > 0.95 and other.min() > 0.95
    spread = np.sqrt(mine.var(ddof=1) / SEEDS + other.var(ddof=1) / SEEDS)
    difference = mine.mean() - other.mean()
    assert abs(difference) < max(2.3 * spread, 0.01)  # 2.3: Student's t with 8 degrees of freedom, 95 %
