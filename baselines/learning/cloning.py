"""Behaviour cloning: a network that does what a scripted policy does, so that learning can start from the best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from baselines import tuned
from baselines.learning.networks import Actor
from baselines.learning.rollouts import spec_of
from baselines.policies.desk import Desk
from baselines.policies.library import build
from baselines.policies.protocol import Policy
from baselines.portable import save_actor
from qsl_envs.errors import require

STIR = 0.3
"""Standard deviation of the noise on the teacher's actions while it is watched, and the share of its choices that are
replaced by even draws: the clone must know what to do beside the teacher's own path."""


def clone(
    teacher: Policy, envs: VectorEnv, path: Path, *, steps: int = 120, passes: int = 30, seed: int = 0, hidden: int = 64
) -> float:
    """Fit a new policy to a teacher's actions and write its folder, for `ppo.Args.init`.

    Args:
        teacher: acts in [-1, 1], or by whole numbers where the environment wants them.
        envs: training worlds, reset here; `steps` of each are watched.
        path: folder of the policy.
        passes: over the frames watched, in minibatches of 512.
    Returns: the mean squared difference of actions on the frames watched, or the share of choices that differ.
    """
    obs, wanted = watch(teacher, envs, steps, seed)
    torch.manual_seed(seed)
    actor = Actor(spec_of(envs, hidden=(hidden, hidden)))
    difference = imitate(actor, obs, wanted, passes, seed)
    name = getattr(teacher, "name", type(teacher).__name__)
    save_actor(path, actor, envs, name=f"clone of {name}", seed=seed, frames=len(obs))
    return difference


def teacher_of(name: str, env_id: str, envs: VectorEnv) -> Policy:
    """A scripted policy with the parameters that the tuner found for the environment, else with its own.

    Args:
        name: of the library; "best": the one that did best on validation worlds.
    Raises: ConfigError for a name that there is not, and for "best" where nothing has been tuned.
    """
    parameters: dict[str, float] = {}
    if name == "best":
        name, parameters = tuned.best(env_id)[:2]
    elif (tuned.FOLDER / tuned.file_name(env_id)).is_file():
        parameters = tuned.load(env_id).get(name, {})
    return build(name, Desk.of(envs), parameters)


def watch(teacher: Policy, envs: VectorEnv, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Observations float32 (frames, obs_dim) on a path beside the teacher's, and what the teacher does there."""
    chance = np.random.default_rng(seed)
    teacher.reset(seed + np.arange(envs.num_envs))
    obs = envs.reset(seed=seed)[0]
    seen, wanted = [], []
    for _ in range(steps):
        seen.append(np.array(obs, np.float32))
        wanted.append(np.array(teacher(seen[-1])))
        obs = envs.step(stirred(wanted[-1], envs, chance))[0]
    return torch.tensor(np.concatenate(seen)), torch.tensor(np.concatenate(wanted))


def stirred(actions: np.ndarray, envs: VectorEnv, chance: np.random.Generator) -> np.ndarray:
    """Actions with noise; choices, some of them replaced."""
    if np.issubdtype(actions.dtype, np.integer):
        other = chance.integers(envs.single_action_space.n, size=actions.shape)
        return np.where(chance.random(actions.shape) < STIR, other, actions)
    return np.clip(actions + STIR * chance.standard_normal(actions.shape), -1, 1).astype(np.float32)


def imitate(actor: Actor, obs: Tensor, wanted: Tensor, passes: int = 30, seed: int = 0) -> float:
    """Fit an actor to what was done: squared differences of actions, or cross entropy of choices.

    Args:
        obs, wanted: from `watch`; the actor's moments are those of `obs` from then on.
    Returns: see `clone`.
    Raises: ConfigError for an actor with a memory.
    """
    require(actor.spec.memory == 0, "imitate", "memory", "0: frames are shuffled", actor.spec.memory)
    actor.obs_moments.update(obs)
    rows = actor.normalize(obs)
    discrete = actor.spec.head == "categorical"
    loss_of: Callable[[Tensor, Tensor], Tensor] = (
        torch.nn.functional.cross_entropy if discrete else torch.nn.functional.mse_loss
    )
    optimizer = torch.optim.Adam(actor.parameters(), lr=2e-3)
    order = torch.Generator().manual_seed(seed)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, passes)
    for _ in range(passes):
        for batch in torch.randperm(len(rows), generator=order).split(512):
            out = actor.outputs(rows[batch])[0]
            loss = loss_of(out, wanted[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with torch.inference_mode():
        found = actor.action_of(actor.outputs(rows)[0])
        return float((found != wanted).float().mean() if discrete else ((found - wanted) ** 2).mean())
