"""One episode of a policy, or of those of a market's agents, as an animated picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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


def film_crowd(folder: Path, env_id: str, path: Path, *, seed: int = 0, split: str = "validation",
               options: Mapping[str, Any] = {}) -> Path:  # fmt: skip
    """Play one episode of a market whose every agent has a policy, and write what the first one sees as a GIF.

    Args:
        folder: holds a saved policy for each role, or for each agent, by its name.
        env_id: an environment of several agents.
        seed: of the world.
        options: keyword arguments of the environment.
    """
    import pettingzoo

    import qsl_envs  # noqa: F401  puts the ids into PettingZoo's registry
    from baselines.portable import load_policy

    env = pettingzoo.make("parallel", env_id, render_mode="rgb_array", split=split, **options)
    try:
        policies = {}
        for number, agent in enumerate(env.possible_agents):
            role = agent.rpartition("_")[0]
            place = folder / agent if (folder / agent).is_dir() else folder / role
            policies[agent] = load_policy(place, env.unwrapped.vector, role)
            policies[agent].reset(np.array([seed + number]))
        reel, (obs, _) = Reel(), env.reset(seed=seed)
        reel.show(env.render)
        while env.watch in env.agents:
            obs = env.step({agent: policies[agent](obs[agent][None])[0] for agent in env.agents})[0]
            reel.show(env.render)
        return write_gif(path, reel.pictures)
    finally:
        env.close()


class Reel:
    """Pictures of an episode of any length, evenly spread, at most about `PICTURES`."""

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []
        self._every, self._step = 1, 0

    def show(self, draw: Callable[[], np.ndarray]) -> None:
        """One more moment; it is drawn only if it is one of those that stay."""
        if self._step % self._every == 0:
            self.pictures.append(np.array(draw()))
        self._step += 1
        if len(self.pictures) > PICTURES:
            self.pictures, self._every = self.pictures[::2], 2 * self._every


def episode_pictures(policy: Any, envs: VectorEnv, seed: int) -> list[np.ndarray]:
    """Pictures of the first episode of env 0, uint8 (height, width, 3), evenly spread, at most about `PICTURES`."""
    policy.reset(seed + np.arange(envs.num_envs))
    obs = envs.reset(seed=seed)[0]
    reel, over = Reel(), False
    while not over:  # what would be shown after the last step is the next episode's first moment
        reel.show(lambda: _picture(envs))
        obs, _, terminated, truncated, _ = envs.step(policy(obs))
        over = bool(terminated[0] | truncated[0])
    return reel.pictures


def write_gif(path: Path, pictures: list[np.ndarray]) -> Path:
    """Write pictures uint8 (height, width, 3) as an animation that loops."""
    images = require_extra("PIL.Image", "train")
    frames = [images.fromarray(picture).quantize(64) for picture in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True)
    return path


def _picture(envs: VectorEnv) -> np.ndarray:
    pictures = envs.render()
    assert pictures is not None
    return pictures[0]
