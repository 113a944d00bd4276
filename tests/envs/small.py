"""A market small enough to step often, also interpreted: twenty steps an episode."""

from __future__ import annotations

import numpy as np

from qsl_envs.envs.market_making import MarketMakingVectorEnv

SMALL = {
    "config": {"templates": 2, "burn_in_ns": 300_000_000, "flow": {"market_rate": 10.0}},
    "step_ns": 50_000_000,
    "session_ns": 1_000_000_000,
}


def changed(**changes) -> dict:
    """SMALL with other settings; `config` is merged one level deep."""
    config = {**SMALL["config"], **changes.pop("config", {})}
    return {**SMALL, **changes, "config": config}


def make(num_envs: int = 1, **changes) -> MarketMakingVectorEnv:
    return MarketMakingVectorEnv(num_envs, **changed(**changes))


def random_actions(steps: int, num_envs: int, seed: int = 0) -> np.ndarray:
    """Actions near the touch, some of them out of range, float32 (steps, num_envs, 4)."""
    draws = np.random.default_rng(seed).uniform(-1.3, 1.3, (steps, num_envs, 4))
    draws[..., :2] = draws[..., :2] * 0.5 - 0.5
    return draws.astype(np.float32)


def play(envs: MarketMakingVectorEnv, actions: np.ndarray, seed=0):
    """What reset and the steps return, as lists of copies: observations, rewards, terminations, truncations."""
    obs, _ = envs.reset(seed=seed)
    seen = [[obs.copy()], [], [], []]
    for action in actions:
        *results, _ = envs.step(action)
        for kept, result in zip(seen, results):
            kept.append(result.copy())
    return seen
