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

With `hold` a correction is kept for several steps, at each of which the formula acts. One decision then is long enough
to show what it brings: noise that changes its mind ten times a second only gives up places in queues. To the learner
it is one step of a semi-Markov process, with the discounted sum of its rewards (Sutton, Precup and Singh 1999).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from baselines.learning.episodes import DISCOUNT, EARNED, STEPS, step_discounts
from baselines.policies.protocol import Policy, Scripted
from qsl_envs.errors import require


class ResidualVectorEnv(VectorWrapper):
    """A native vector environment whose actions are corrections of a scripted policy.

    Args:
        envs: in SAME_STEP mode, with actions in a Box from -1 to 1.
        base: what is corrected; it is this environment's own from now on.
        reach: correction that an action of 1 stands for, in the units of `Scripted.corrections`.
        twin: a second copy of the environments, in which the base acts alone; its rewards are taken off.
        hold: steps of the environments for which a correction is kept: one step of this one.
        gamma: discount of `step_ns`, by which the rewards of such a step are summed.
    """

    # of the class, for one whose arguments were refused: Gymnasium's finalizer closes that too
    twin: VectorEnv | None = None

    def __init__(
        self,
        envs: VectorEnv,
        base: Scripted,
        reach: float,
        twin: VectorEnv | None = None,
        hold: int = 1,
        gamma: float = 1.0,
    ) -> None:
        super().__init__(envs)
        mode = envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, self, "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
        box = isinstance(envs.single_action_space, Box)
        require(box, self, "action space", "a Box from -1 to 1: choices cannot be corrected", envs.single_action_space)
        require(0 < reach <= 2, self, "reach", "in (0, 2]", reach)
        require(hold >= 1, self, "hold", ">= 1", hold)
        self.base, self.reach, self.twin, self.hold, self.gamma = base, float(reach), twin, int(hold), gamma
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
        return {"base": self.base.name, "base_parameters": self.base.parameters(), "reach": self.reach,
                "hold": self.hold}  # fmt: skip

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new worlds; the twin begins the same ones."""
        obs, info = self.env.reset(seed=seed, options=options)
        seeds = np.arange(self.num_envs) + (seed if isinstance(seed, (int, np.integer)) else 0)
        self.base.reset(seeds)
        if self.twin is not None:
            self.beside = self.twin.reset(seed=seed, options=options)[0]
            self.alone.reset(seeds)
        self.begun = np.zeros((2, self.num_envs))
        return self._told(obs), info

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Correct the base's actions by `reach` times these, float32 (num_envs, corrections), for `hold` steps."""
        change = self.reach * np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        return self._step(change) if self.hold == 1 else self._held(change)

    def _held(self, change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Correct the base's actions by `change` for `hold` steps.

        Where an episode ends before that, the base begins the next one alone, until the next decision: nobody learns
        from these steps. The infos tell of each environment how many steps the decision took and what was earned in
        the running episode since the last one (both with such steps), the discount of what follows it, and of an
        episode that ended what they tell of it anyway.
        """
        n = self.num_envs
        total, discount = np.zeros(n), np.ones(n, np.float32)
        terminated, truncated = np.zeros((2, n), bool)
        (steps, earned), later = self.begun, np.zeros((2, n))
        told: dict[str, Any] = {}
        for _ in range(self.hold):
            over = terminated | truncated
            obs, reward, ends, cuts, info = self._step(np.where(over[:, None], 0.0, change))
            new, again = (ends | cuts) & ~over, (ends | cuts) & over
            total += np.where(over, 0.0, discount * reward)
            now = step_discounts(self.env, info, np.flatnonzero(cuts & ~ends), self.gamma)
            discount = np.where(over, discount, discount * now)
            brought = np.stack([np.ones(n), info.get(EARNED, reward)])
            steps, earned = np.where(over, (steps, earned), (steps, earned) + brought)
            later = np.where(again, 0.0, later + np.where(over, brought, 0.0))
            terminated, truncated = terminated | (ends & new), truncated | (cuts & new)
            if new.any():
                _keep(told, {key: info[key] for key in ("final_obs", "final_info")}, new)
        self.begun = later
        told |= {STEPS: steps.astype(np.int64), EARNED: earned, DISCOUNT: discount.astype(np.float32)}
        return obs, total, terminated, truncated, told

    def _step(self, change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Correct the base's actions by `change`, float64 (num_envs, corrections), and step."""
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


def _keep(told: dict[str, Any], info: dict[str, Any], rows: np.ndarray) -> None:
    """Take over what infos tell of `rows`, bool (num_envs,)."""
    for key, value in info.items():
        if isinstance(value, dict):
            _keep(told.setdefault(key, {}), value, rows)
        else:
            told.setdefault(key, np.zeros_like(value))[rows] = value[rows]


class ResidualPolicy:
    """A scripted policy and the network that corrects it, as a policy.

    Args:
        base: what is corrected.
        network: a policy of observations with the base's hints beside them.
        reach, hold: see `ResidualVectorEnv`.
        name: how tables call it.
    """

    def __init__(self, base: Scripted, network: Policy, reach: float, name: str, hold: int = 1) -> None:
        self.base, self.network, self.reach, self.name, self.hold = base, network, reach, name, hold
        self.step = 0

    def parameters(self) -> dict[str, Any]:
        """Of the base, and how far it may be corrected."""
        return {**self.base.parameters(), "base": self.base.name, "reach": self.reach, "hold": self.hold}

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins."""
        self.base.reset(seeds)
        self.network.reset(seeds)
        self.step = 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1], float32 (n, k), for observations float32 (n, width)."""
        obs = np.asarray(obs, np.float32)
        hints = self.base.hints(obs)
        if self.step % self.hold == 0:
            self.change = self.network(np.concatenate([obs, hints], 1)).astype(np.float64)
        self.step += 1
        return self.base.corrected(obs, hints, self.reach * self.change)


def corrected_envs(
    make: Callable[[], VectorEnv],
    base: Callable[[VectorEnv], Scripted],
    reach: float,
    paired: bool,
    hold: int = 1,
    gamma: float = 1.0,
) -> ResidualVectorEnv:
    """Environments to learn corrections in.

    Args:
        make: makes the plain ones.
        base: makes the scripted policy, given them.
        reach, paired, hold, gamma: see `ResidualVectorEnv`; `paired`: with a twin.
    """
    envs = make()
    return ResidualVectorEnv(envs, base(envs), reach, make() if paired else None, hold, gamma)
