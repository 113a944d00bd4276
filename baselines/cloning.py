"""Behaviour cloning: a network that does what a scripted policy does, so that learning can start from the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from baselines.policies.protocol import Policy
from baselines.ppo import Agent, observation_names_of, save_policy

STIR = 0.3
"""Standard deviation of the noise on the teacher's actions while it is watched: the clone must know what to do beside
the teacher's own path."""


def clone(
    teacher: Policy, envs: VectorEnv, path: Path, *, steps: int = 120, passes: int = 30, seed: int = 0, hidden: int = 64
) -> float:
    """Fit a new policy to a teacher's actions and write it, for `ppo.Args.init`.

    Args:
        teacher: acts in [-1, 1].
        envs: training worlds, reset here; `steps` of each are watched.
        passes: over the frames watched, in minibatches of 512.
    Returns: the mean squared difference of actions on the frames watched.
    """
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    teacher.reset(seed + np.arange(envs.num_envs))
    obs = envs.reset(seed=seed)[0]
    seen, wanted = [], []
    for _ in range(steps):
        seen.append(np.array(obs, np.float32))
        wanted.append(teacher(obs))
        stirred = wanted[-1] + STIR * chance.standard_normal(wanted[-1].shape)
        obs = envs.step(np.clip(stirred, -1, 1).astype(np.float32))[0]
    rows, targets = torch.tensor(np.concatenate(seen)), torch.tensor(np.concatenate(wanted))
    agent = Agent(rows.shape[1], targets.shape[1], hidden)
    agent.obs_moments.update(rows)
    rows = agent.normalize(rows)
    optimizer = torch.optim.Adam(agent.policy.parameters(), lr=2e-3)
    noise = torch.Generator().manual_seed(seed)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, passes)
    for _ in range(passes):
        for batch in torch.randperm(len(rows), generator=noise).split(512):
            loss = ((agent.policy(rows[batch]) - targets[batch]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with torch.inference_mode():
        difference = ((agent.policy(rows).clamp(-1, 1) - targets) ** 2).mean().item()
    save_policy(path, agent, observation_names_of(envs), {"teacher": getattr(teacher, "name", type(teacher).__name__)})
    return difference
