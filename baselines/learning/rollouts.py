"""Experience: environments are stepped by an agent, and what happened is kept as tensors (step, env)."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor, nn

from baselines.learning.episodes import Episodes, step_discounts
from baselines.learning.networks import Actor, ActorSpec
from qsl_envs.errors import ConfigError, require


class Rollout(NamedTuple):
    """Steps of all environments, first two axes: step, env."""

    obs: Tensor
    """as the environment gave them"""
    actions: Tensor
    """as drawn: a Gaussian's before they were cut to [-1, 1]; choices int64"""
    masks: Tensor | None
    """of a discrete action space with masks: which choices could be taken, int8"""
    log_probs: Tensor
    rewards: Tensor
    values: Tensor
    next_values: Tensor
    """of what followed the step: the next observation; the final one where the episode was cut off; 0 where it ended"""
    ended: Tensor
    """1.0 where the step ended an episode in either way"""
    discounts: Tensor
    """of what followed the step"""
    returns: Tensor
    """discounted rewards of the running episode up to the step: what rewards are scaled by"""
    state: Tensor | None
    """of the agent's memory before the first step, (env, width)"""


class Collectable(Protocol):
    """What a collector asks of an agent."""

    actor: Actor

    def first_state(self, num_rows: int) -> Tensor | None:
        """State of the memory at the start of an episode; None without one."""

    def step(self, normal: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Head outputs, values (n,), next state, for normalised observations (n, obs_dim)."""


class Collector:
    """Steps one vector environment with an agent, rollout after rollout.

    A step that truncates an episode is followed by the value of its final observation, one that terminates it by 0.
    Where an environment decides on fills, a step takes as long as it takes: its discount is gamma^(elapsed / step_ns).

    Args:
        envs: in SAME_STEP mode, with actions in a Box from -1 to 1 or whole numbers.
        num_steps: of each environment, in a rollout.
        gamma: discount of a step.
        seed: of the noise on actions.
        sets: sets of tensors that rollouts are written to in turn.
        steady_noise: a Gaussian policy's noise is a function of what it sees, drawn anew for each rollout.
    Raises: ConfigError for another environment.
    """

    def __init__(
        self, envs: VectorEnv, num_steps: int, gamma: float, seed: int, sets: int = 1, steady_noise: bool = False
    ) -> None:
        self.enter(envs)
        self.num_steps, self.gamma, self.steady_noise = num_steps, gamma, steady_noise
        self.noise = torch.Generator().manual_seed(seed)
        self.discrete = isinstance(envs.single_action_space, gym.spaces.Discrete)
        require(not (steady_noise and self.discrete), self, "steady_noise", "False for choices", steady_noise)
        self.sets, self.turn = [self._tensors(num_steps) for _ in range(sets)], 0
        self.episodes = Episodes(envs.num_envs)

    def enter(self, envs: VectorEnv) -> None:
        """Go on in other environments of the same shapes; `begin` comes next."""
        mode = envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, self, "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
        self.envs = envs

    def _tensors(self, num_steps: int) -> Rollout:
        shape, spec = (num_steps, self.envs.num_envs), spec_of(self.envs)
        actions = torch.zeros(shape, dtype=torch.int64) if self.discrete else torch.zeros(*shape, spec.action_dim)
        masks = torch.ones(*shape, spec.num_choices, dtype=torch.int8) if self.discrete else None
        plain = [torch.zeros(shape) for _ in range(7)]
        return Rollout(torch.zeros(*shape, spec.obs_dim), actions, masks, *plain, state=None)

    def begin(self, agent: Collectable, seed: int) -> Tensor:
        """Begin new worlds, env i that of `seed` + i; returns their first observations."""
        obs, info = self.envs.reset(seed=seed)
        n = self.envs.num_envs
        self.obs, self.state = torch.tensor(obs, dtype=torch.float32), agent.first_state(n)
        self.mask = self._mask(info)
        self.discounted = np.zeros(n)
        self.episodes.begin()
        return self.obs

    @torch.inference_mode()
    def collect(self, agent: Collectable) -> Rollout:
        """The next `num_steps` of every environment; good until the set of tensors is written to again."""
        r, actor = self.sets[self.turn], agent.actor
        self.turn = (self.turn + 1) % len(self.sets)
        r = r._replace(state=None if self.state is None else self.state.clone())
        if self.steady_noise:
            shape = (self.envs.num_envs, actor.head.in_features, actor.head.out_features)
            self.ways = torch.randn(shape, generator=self.noise)
        for t in range(self.num_steps):
            r.obs[t] = self.obs
            normal = actor.normalize(self.obs)
            out, r.values[t], self.state = agent.step(normal, self.state)
            draws = self._draws(actor, normal, out)
            r.actions[t] = actor.draw(out, draws, self.mask)
            r.log_probs[t] = actor.log_prob(out, r.actions[t], self.mask)
            if r.masks is not None and self.mask is not None:
                r.masks[t] = self.mask
            if t > 0:  # what followed the step before, unless an episode ended there
                r.next_values[t - 1] += (1.0 - r.ended[t - 1]) * r.values[t]
            self._step(agent, r, t)
        _, last, _ = agent.step(actor.normalize(self.obs), self.state)
        r.next_values[-1] += (1.0 - r.ended[-1]) * last
        return r

    def _draws(self, actor: Actor, normal: Tensor, out: Tensor) -> Tensor:
        """What chance adds to the head's outputs: even draws for choices, else standard normal ones.

        With `steady_noise` those of an environment are a linear function of the last hidden layer, the same for a
        whole rollout (Raffin, Kober and Stulp 2021); of that layer at length 1, so that each is standard normal.
        """
        if not self.steady_noise:
            return (torch.rand if self.discrete else torch.randn)(out.shape, generator=self.noise)
        features = nn.functional.normalize(actor.body(normal), dim=-1)
        return torch.einsum("nf,nfa->na", features, self.ways)

    def _step(self, agent: Collectable, r: Rollout, t: int) -> None:
        """Step the environments, and note what came of it."""
        actions = r.actions[t] if self.discrete else r.actions[t].clamp(-1, 1)
        obs, reward, terminated, truncated, info = self.envs.step(actions.numpy())
        # The environment may write into its buffer again: copy.
        self.obs = torch.tensor(obs, dtype=torch.float32)
        r.rewards[t] = torch.as_tensor(np.asarray(reward, np.float32))
        over = terminated | truncated
        r.ended[t] = torch.as_tensor(over.astype(np.float32))
        cut = np.flatnonzero(truncated & ~terminated)
        r.next_values[t] = 0.0
        if cut.size:
            last = torch.tensor(final_rows(info, cut))
            state = None if self.state is None else self.state[cut]
            r.next_values[t, cut] = agent.step(agent.actor.normalize(last), state)[1]
        r.discounts[t] = torch.as_tensor(step_discounts(self.envs, info, cut, self.gamma))
        self.discounted = self.discounted * r.discounts[t].numpy() + reward
        r.returns[t] = torch.as_tensor(self.discounted)
        self.episodes.add(reward, over, info)
        self.mask = self._mask(info)
        if over.any():
            self.discounted[over] = 0.0
            if self.state is not None:
                self.state[torch.as_tensor(over)] = 0.0

    def _mask(self, info: dict[str, Any]) -> Tensor | None:
        return torch.tensor(info["action_mask"]) if self.discrete and "action_mask" in info else None

    def means(self) -> dict[str, float]:
        """Means over the episodes that ended since the last call, as `Episodes.means` tells them."""
        return self.episodes.means()


class Ahead:
    """Collects the next rollout in a second thread while the last one is learned from.

    What is collected so was acted by the agent of one update before, a copy: what it did depends on the settings alone,
    not on how fast the threads are. The compiled steps of the environments and the network's products let go of the
    interpreter, so both go on at once.

    Args:
        collector: with two sets of tensors.
        agent: what the copy is made of.
    """

    def __init__(self, collector: Collector, agent: Any) -> None:
        require(len(collector.sets) == 2, self, "collector.sets", "two: one is learned from", len(collector.sets))
        self.collector, self.copy = collector, copy.deepcopy(agent)
        threads = torch.get_num_threads()
        self.pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(threads,))
        self.pending: Future[Rollout] | None = None

    def take(self, agent: Any, go_on: bool) -> tuple[Rollout, dict[str, float]]:
        """The next rollout, and means over the episodes that ended in it.

        Args:
            agent: acts now if nothing is under way, and a copy of it from now on.
            go_on: whether to begin with the rollout after it: not at the end, nor before new worlds begin.
        """
        rollout = self.pending.result() if self.pending else self.collector.collect(agent)
        means, self.pending = self.collector.means(), None
        if go_on:
            self.copy.load_state_dict(agent.state_dict())
            self.pending = self.pool.submit(self.collector.collect, self.copy)
        return rollout, means

    def close(self) -> None:
        """Let the thread go."""
        self.pool.shutdown()


def make_envs(
    env_id: str, num_envs: int, options: Mapping[str, Any], split: str = "train", num_threads: int = 1
) -> VectorEnv:
    """A vector environment to learn on, in SAME_STEP mode."""
    return gym.make_vec(env_id, **{"num_envs": num_envs, "split": split, "num_threads": num_threads,
                                   "autoreset_mode": AutoresetMode.SAME_STEP, **options})  # fmt: skip


def envs_of(args: Any, changes: Mapping[str, Any] = {}) -> VectorEnv:
    """The environments that a trainer's settings name, as plain ones or to correct a scripted policy in.

    Args:
        args: with `env_id`, `env_options`, `split`, `num_envs`, `num_threads`, `residual`, `reach`, `paired`,
            `hold`, `gamma`.
        changes: options of the environment on top of theirs.
    """
    options = {**json.loads(args.env_options), **changes}

    def make() -> VectorEnv:
        return make_envs(args.env_id, args.num_envs, options, args.split, args.num_threads)

    if not args.residual:
        return make()
    from baselines.learning.cloning import teacher_of
    from baselines.learning.residual import corrected_envs

    base = partial(teacher_of, args.residual, args.env_id)
    return corrected_envs(make, base, args.reach, args.paired, args.hold, args.gamma)


def spec_of(envs: Any, **shape: Any) -> ActorSpec:
    """The actor that an environment asks for: Gaussian where actions are a Box from -1 to 1, else categorical.

    Args:
        envs: has `single_observation_space` and `single_action_space`.
        shape: further fields of `ActorSpec`.
    Raises: ConfigError for another action space.
    """
    return spec_of_spaces(envs.single_observation_space, envs.single_action_space, **shape)


def spec_of_spaces(observations: gym.Space, actions: gym.Space, **shape: Any) -> ActorSpec:
    """The same, of two spaces."""
    if not isinstance(observations, gym.spaces.Box):
        raise ConfigError(f"a policy needs observations in a Box, was {observations}")
    obs_dim = observations.shape[0]
    if isinstance(actions, gym.spaces.Discrete):
        return ActorSpec(obs_dim=obs_dim, num_choices=int(actions.n), head="categorical", **shape)
    if isinstance(actions, gym.spaces.Box) and np.all(actions.low == -1) and np.all(actions.high == 1):
        return ActorSpec(obs_dim=obs_dim, action_dim=actions.shape[0], **shape)
    raise ConfigError(f"a policy needs actions in a Box from -1 to 1, or whole numbers, was {actions}")


def final_rows(info: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Last observations of the episodes that ended in `rows`, float32 (len(rows), obs_dim)."""
    final = info["final_obs"]
    return np.stack(list(final[rows])).astype(np.float32) if final.dtype == object else final[rows].astype(np.float32)
