"""One episode of a policy as an animated picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from qsl_envs.errors import require_extra

PICTURES = 120
"""At most so many of an episode: every k-th step is shown."""
FRAME_MS = 80


def film_policy(
    policy: Any, env_id: str, path: Path, *, seed: int = 0, split: str = "validation", options: Mapping[str, Any] = {}
) -> Path:
    """Play one episode and write it as a GIF.

    Args:
        policy: of `baselines.policies`' form: `reset(seeds)`, then observations (1, width) to actions.
        env_id: an environment that draws pictures.
        seed: of the world.
        options: keyword arguments of the environment.
    """
    envs = gym.make_vec(
        env_id,
        num_envs=1,
        split=split,
        render_mode="rgb_array",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **options,
    )
    try:
        return write_gif(path, episode_pictures(policy, envs, seed))
    finally:
        envs.close()


def film_trained(folder: Path, envs: VectorEnv, args: Any, log: Any, trust: bool = False) -> None:
    """Film the policy that a run has trained into `episode.gif`, and show it in a tracked run.

    Args:
        folder: of the policy.
        envs: that it was trained in.
        args: settings of the run.
        log: of the run.
        trust: see `baselines.portable.load_policy`.
    """
    from baselines.portable import load_policy

    policy, options = load_policy(folder, envs, trust=trust), json.loads(args.env_options)
    log.film(film_policy(policy, args.env_id, Path(args.out) / "episode.gif", options=options))


def episode_pictures(policy: Any, envs: VectorEnv, seed: int) -> list[np.ndarray]:
    """Pictures of the first episode of env 0, uint8 (height, width, 3), evenly spread, at most about `PICTURES`."""
    policy.reset(seed + np.arange(envs.num_envs))
    obs = envs.reset(seed=seed)[0]
    every, pictures, over = 1, [_picture(envs)], False
    for step in range(1, 1_000_000):
        obs, _, terminated, truncated, _ = envs.step(policy(obs))
        over = bool(terminated[0] | truncated[0])
        if over:  # the next episode's first moment is what would be shown
            break
        if step % every == 0:
            pictures.append(_picture(envs))
        if len(pictures) > PICTURES:
            pictures, every = pictures[::2], 2 * every
    return pictures


def write_gif(path: Path, pictures: list[np.ndarray]) -> Path:
    """Write pictures uint8 (height, width, 3) as an animation that loops."""
    images = require_extra("PIL.Image", "train")
    frames = [images.fromarray(picture).quantize(64) for picture in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True)
    return path


def _picture(envs: VectorEnv) -> np.ndarray:
    pictures = envs.render()
    assert pictures is not None
    return np.array(pictures[0])
