"""First networks of a shared market: fitted to what teachers do at their seats, on paths beside the teachers' own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.learning.cloning import STIR
from baselines.policies.keyed import mix_seats
from baselines.policies.protocol import Policy


def watch(envs: Any, teachers: Mapping[str, Policy], roles: Collection[str], steps: int, seed: int,
          chance: np.random.Generator) -> dict[str, tuple[Tensor, Tensor]]:  # fmt: skip
    """What the seats of some roles saw, and what their teachers did there.

    Noise is put on the actions of these roles: who imitates has to know what to do beside its teacher's own path.

    Args:
        envs: batched, in DISABLED mode; begun here with world `seed` in its first env. Actions are in [-1, 1].
        teachers: a policy for every agent ("maker_0").
        roles: that are watched.
        chance: of the noise.

    Returns: role -> observations float32 (frames, width) and actions float32 (frames, numbers), all its seats together.
    """
    n = envs.num_envs
    seats = {role: made.num_seats for role, made in envs.roles.items()}
    obs, _ = envs.reset(seed=seed)
    for k, agent in enumerate(envs.possible_agents):
        teachers[agent].reset(mix_seats(seed + np.arange(n), k))
    seen: dict[str, list[np.ndarray]] = {role: [] for role in roles}
    done: dict[str, list[np.ndarray]] = {role: [] for role in roles}
    for _ in range(steps):
        actions = {
            role: np.stack([teachers[f"{role}_{k}"](obs[role][:, k]) for k in range(count)], axis=1)
            for role, count in seats.items()
        }
        for role in roles:
            seen[role].append(np.array(obs[role]).reshape(-1, obs[role].shape[-1]))
            done[role].append(actions[role].reshape(n * seats[role], -1))
            stir = STIR * chance.standard_normal(actions[role].shape)
            actions[role] = np.clip(actions[role] + stir, -1, 1).astype(np.float32)
        obs, *_ = envs.step(actions)
        ended = ~np.concatenate(list(envs.alive.values()), axis=1).any(1)
        if ended.any():
            obs, _ = envs.reset(options={"reset_mask": ended})
    frames = ((role, np.concatenate(seen[role]), np.concatenate(done[role])) for role in roles)
    return {role: (torch.tensor(what), torch.tensor(then)) for role, what, then in frames}
