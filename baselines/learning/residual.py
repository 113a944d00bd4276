"""A scripted policy that a learner corrects: what it does is the formula, and a bounded change that starts at nothing.

A network that knows nothing needs millions of frames to find what a formula says in a line, and the noise by which
it looks for it pays spreads all the way. Here the formula acts, with the parameters that tuning found, and the
learner's action, from -1 to 1 in each number, changes it by at most `reach` (Silver et al. 2018, "Residual policy
learning"; Johannink et al. 2019). What the numbers mean is the policy's `corrections`: offsets of quotes, lots ahead
of a schedule, ticks of a signal's edge. Beside the observation the learner sees the formula's `hints`. So any trainer
learns to correct any scripted policy, in an environment that differs from the plain one in nothing else.

With `paired` each step's reward is what it brought beyond what the formula alone earned in that step, on its own, in
a second copy of the same world. No action moves that, so it shifts no gradient, and the luck that both worlds share is
gone: the method of common random numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from baselines.learning.episodes import EARNED
from baselines.policies.protocol import Policy, Scripted
from qsl_envs.errors import require


class ResidualVectorEnv(VectorWrapper):
    """A native vector environment whose actions are corrections of a scripted policy.

    Args:
        envs: in SAME_STEP mode, with actions in a Box from -1 to 1.
        base: what is corrected; it is this environment's own from now on.
        reach: correction that an action of 1 stands for, in the units of `Scripted.corrections`.
        twin: a second copy of the environments, in which the base acts alone; its rewards are taken off.
    """

    # of the class, for one whose arguments were refused: Gymnasium's finalizer closes that too
    twin: VectorEnv | None = None

    def __init__(self, envs: VectorEnv, base: Scripted, reach: float, twin: VectorEnv | None = None) -> None:
        super().__init__(envs)
        mode = envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, self, "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
        box = isinstance(envs.single_action_space, Box)
        require(box, self, "action space", "a Box from -1 to 1: choices cannot be corrected", envs.single_action_space)
        require(0 < reach <= 2, self, "reach", "in (0, 2]", reach)
        self.base, self.reach, self.twin = base, float(reach), twin
        self.alone = copy.deepcopy(base)
        names = base.corrections
        self.single_action_space = Box(-1.0, 1.0, (len(names),), np.float32)
        self.action_space = Box(-1.0, 1.0, (envs.num_envs, len(names)), np.float32)
        base.reset(np.arange(envs.num_envs))
        width = base.hints(np.zeros((envs.num_envs, envs.single_observation_space.shape[0]), np.float32)).shape[1]
        wide = envs.single_observation_space.shape[0] + width
        self.single_observation_space = Box(-np.inf, np.inf, (wide,), np.float32)
        self.observation_space = Box(-np.inf, np.inf, (envs.num_envs, wide), np.float32)

    def policy_facts(self) -> dict[str, Any]:
        """What a saved policy must know beside the network, in plain values."""
        return {"base": self.base.name, "base_parameters": self.base.parameters(), "reach": self.reach}

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new worlds; the twin begins the same ones."""
        obs, info = self.env.reset(seed=seed, options=options)
        seeds = np.arange(self.num_envs) + (seed if isinstance(seed, (int, np.integer)) else 0)
        self.base.reset(seeds)
        if self.twin is not None:
            self.beside = self.twin.reset(seed=seed, options=options)[0]
            self.alone.reset(seeds)
        return self._told(obs), info

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Correct the base's actions by `reach` times these, float32 (num_envs, corrections), and step."""
        change = self.reach * np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        obs, reward, terminated, truncated, info = self.env.step(self.base.corrected(self.seen, self.hints, change))
        over = terminated | truncated
        if over.any():
            last = np.where(over[:, None], info["final_obs"], obs)
            before = copy.deepcopy(self.base)
            info["final_obs"] = self._told(last)
            self.base = before
            self.base.forget(over)
        if self.twin is not None:
            info[EARNED] = reward
            reward = reward - self._alone(over)
        return self._told(obs), reward, terminated, truncated, info

    def close(self, **kwargs: Any) -> None:
        """Close both copies."""
        super().close(**kwargs)
        if self.twin is not None:
            self.twin.close()

    def _told(self, obs: np.ndarray) -> np.ndarray:
        """Observations with hints beside them; the next step corrects what they say."""
        self.seen = np.array(obs, np.float32)  # the environment may write into its buffer again
        self.hints = self.base.hints(self.seen)
        return np.concatenate([self.seen, self.hints], 1)

    def _alone(self, ended: np.ndarray) -> np.ndarray:
        """What the base alone earns in this step of its own copy of the worlds, float (num_envs,).

        Where the learner's episode has `ended` (bool (num_envs,)) before the base's, a ruin say, the next world begins
        for both. Where the base's ends alone, the two are in different worlds until new ones begin everywhere: what is
        taken off is still nobody's doing, only less like.
        """
        assert self.twin is not None
        self.beside, reward, terminated, truncated, _ = self.twin.step(self.alone(self.beside))
        over = terminated | truncated
        behind = ended & ~over
        if behind.any():
            self.beside = self.twin.reset(options={"reset_mask": behind})[0]
        if (over | behind).any():
            self.alone.forget(over | behind)
        return reward


class ResidualPolicy:
    """A scripted policy and the network that corrects it, as a policy.

    Args:
        base: what is corrected.
        network: a policy of observations with the base's hints beside them.
        reach: see `ResidualVectorEnv`.
        name: how tables call it.
    """

    def __init__(self, base: Scripted, network: Policy, reach: float, name: str) -> None:
        self.base, self.network, self.reach, self.name = base, network, reach, name

    def parameters(self) -> dict[str, Any]:
        """Of the base, and how far it may be corrected."""
        return {**self.base.parameters(), "base": self.base.name, "reach": self.reach}

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins."""
        self.base.reset(seeds)
        self.network.reset(seeds)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1], float32 (n, k), for observations float32 (n, width)."""
        obs = np.asarray(obs, np.float32)
        hints = self.base.hints(obs)
        change = self.network(np.concatenate([obs, hints], 1)).astype(np.float64)
        return self.base.corrected(obs, hints, self.reach * change)


def corrected_envs(
    make: Callable[[], VectorEnv], base: Callable[[VectorEnv], Scripted], reach: float, paired: bool
) -> ResidualVectorEnv:
    """Environments to learn corrections in.

    Args:
        make: makes the plain ones.
        base: makes the scripted policy, given them.
        reach, paired: see `ResidualVectorEnv`; `paired`: with a twin.
    """
    envs = make()
    return ResidualVectorEnv(envs, base(envs), reach, make() if paired else None)
