"""Write the golden files: the digest of a short trajectory per environment id.

A diff needs a reason in the commit, and, once 0.1.0 is tagged, a new version of the environment. From the repository's
root: `python -m tests.golden.update`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gymnasium as gym
import numpy as np

import qsl_envs  # noqa: F401
from tests.envs.days import minute

FOLDER = Path(__file__).parent
QUICK = {"config": {"templates": 2, "burn_in_ns": 200_000_000}, "step_ns": 50_000_000, "session_ns": 600_000_000}
SETTINGS = {
    "qsl/MarketMaking-v0": QUICK,
    "qsl/MarketMakingDiscrete-v0": QUICK,
    "qsl/OptimalExecution-v0": {**QUICK, "parent_qty": 20},
    "qsl/CrossVenueArbitrage-v0": QUICK,
    "qsl/OrderRouting-v0": {**QUICK, "parent_qty": 20},
    "qsl/MultiAssetMarketMaking-v0": QUICK,
    "qsl/DirectionalTrading-v0": QUICK,
    "qsl/ReplayMarketMaking-v0": {"session_ns": 800_000_000},
    "qsl/AvellanedaStoikov-v0": {"dt": 0.1, "start_inventory": 1, "inventory_weight": 0.5, "utility_weight": 0.25},
}
STEPS, ENVS, SEED = 14, 2, 7


def golden_ids() -> list[str]:
    """Ids that have a golden file."""
    return sorted(SETTINGS)


def trajectory(env_id: str) -> dict:
    """Digest of all that `STEPS` steps of `ENVS` envs return, and a few numbers for people to look at."""
    settings = dict(SETTINGS[env_id])
    if "Replay" in env_id:
        settings.update(data=minute())
    envs = gym.make_vec(env_id, num_envs=ENVS, **settings)
    shape = STEPS, ENVS, *envs.single_action_space.shape
    draws = np.random.Generator(np.random.PCG64(SEED)).integers(-10, 11, shape)
    discrete = isinstance(envs.single_action_space, gym.spaces.Discrete)
    digest = hashlib.blake2b(digest_size=16)
    obs, _ = envs.reset(seed=SEED)
    digest.update(obs.tobytes())
    rewards = np.zeros(ENVS)
    for draw in draws:
        action = draw % envs.single_action_space.n if discrete else (draw / 10).astype(np.float32)
        obs, reward, terminated, truncated, _ = envs.step(action)
        for array in (obs, reward, terminated, truncated):
            digest.update(np.ascontiguousarray(array).tobytes())
        rewards += reward
    found = {"env_id": env_id, "digest": digest.hexdigest(), "rewards": rewards.tolist()}
    if hasattr(envs.unwrapped, "market"):
        found["messages"] = [envs.unwrapped.market.counters(i)["served"] for i in range(ENVS)]
    return found


def main() -> None:
    """Rewrite every file."""
    for env_id in golden_ids():
        file = FOLDER / f"{env_id.partition('/')[2]}.json"
        file.write_text(json.dumps(trajectory(env_id), indent=2) + "\n")
        print(file.name)


if __name__ == "__main__":
    main()
