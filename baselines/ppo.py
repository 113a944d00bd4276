"""PPO on a native vector environment, in one file, to be read from top to bottom.

`python -m baselines.ppo --help` lists the settings; `docs/training.md` lists every detail with its source. What happens
between agent and environment is in `learning/rollouts.py`, the networks are in `learning/networks.py`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from baselines.learning.cloning import imitate, teacher_of, watch
from baselines.learning.curriculum import Course, stages_of
from baselines.learning.mirror import Mirror, mirrors_of
from baselines.learning.networks import Actor, ActorSpec, Moments, mlp
from baselines.learning.rollouts import Ahead, Collector, Rollout, envs_of, spec_of
from baselines.learning.run_args import CorrectingArgs
from baselines.learning.run_files import SEEDS_APART, Log, ProgressLine, clock_text, read_tensors, write_tensors
from baselines.portable import load_actor, save_actor
from baselines.reports.film import film_trained
from qsl_envs.errors import require

WATCHED = 30_000
"""Frames that a scripted policy is watched for before it is cloned (`Args.clone`)."""


@dataclass
class Args(CorrectingArgs):
    """Settings of a run; saved with it."""

    out: str = "runs/ppo"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""
    total_frames: int = 4_000_000
    """environment steps in all, over all environments"""
    num_envs: int = 512
    """environments side by side"""
    num_steps: int = 64
    """decisions in each environment between two updates"""
    learning_rate: float = 3e-4
    """of Adam at the start; it falls linearly to a twentieth of it"""
    gae_lambda: float = 0.97
    """weight of longer returns in the advantage (GAE)"""
    num_epochs: int = 4
    """passes over a rollout"""
    minibatch_size: int = 8192
    """frames of a gradient step"""
    clip: float = 0.2
    """how far the probability ratio may go from 1 and still earn"""
    entropy_coef: float = 0.0
    """weight of the entropy bonus"""
    value_coef: float = 0.5
    """weight of the value loss"""
    max_grad_norm: float = 0.5
    """gradients longer than this are shortened to it"""
    target_kl: float = 0.03
    """the passes over a rollout stop when the policy has moved this far; 0: never"""
    init_log_std: float = -0.7
    """logarithm of the noise's standard deviation at the start"""
    steady_noise: bool = False
    """noise that is a function of what is seen, the same for a whole rollout: what lasts shows what it brings"""
    init: str = ""
    """folder of a policy to start from, a clone of a scripted one say; its noise starts at `init_log_std` again"""
    clone: str = ""
    """scripted policy to start from, cloned on training worlds: a name of the library, or "best": the best tuned one"""
    mirror: bool = False
    """learn from the mirror image of every frame too: `learning/mirror.py`"""
    critic_updates: int = 0
    """first updates that fit the value only: a value that knows nothing would spoil a policy to start from"""
    curriculum: str = ""
    """stages of the training with other options of the environment, as JSON or a file: `learning/curriculum.py`"""
    overlap: bool = False
    """collect the next rollout in a second thread meanwhile; then the policy that collects is one update behind"""
    checkpoint_every: int = 50
    """updates between two checkpoints; new worlds start there, so that a resumed run is the same run"""

    def __post_init__(self) -> None:
        CorrectingArgs.__post_init__(self)
        for name in ("num_envs", "num_steps", "num_epochs", "minibatch_size"):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))
        require(bool(self.residual) or not self.mirror, self, "mirror", "False without `residual`", self.mirror)
        require(0 <= self.gae_lambda <= 1, self, "gae_lambda", "in [0, 1]", self.gae_lambda)
        require(0 <= self.learning_rate <= 1, self, "learning_rate", "in [0, 1]", self.learning_rate)
        require(not (self.init and self.clone), self, "clone", "empty where `init` is given", self.clone)
        require(not (self.clone and self.residual), self, "clone", "empty where `residual` is given", self.clone)

    @property
    def update_frames(self) -> int:
        """Environment steps of a rollout, over all environments."""
        return self.num_envs * self.num_steps * self.hold

    @property
    def num_updates(self) -> int:
        """Rollouts of the run."""
        return max(1, self.total_frames // self.update_frames)

    def shrunk(self) -> Args:
        """The same run, so small that a test can afford it."""
        small = {"num_envs": min(self.num_envs, 8), "num_steps": min(self.num_steps, 16), "num_epochs": 1}
        frames = 2 * small["num_envs"] * small["num_steps"] * self.hold
        return replace(self, **small, minibatch_size=64, total_frames=frames)


class Agent(nn.Module):
    """Policy and value, two networks of one shape on observations that are normalised alike.

    Args:
        spec: of the policy.
        log_std: see `Actor`.
    """

    def __init__(self, spec: ActorSpec, log_std: float = -0.7) -> None:
        super().__init__()
        self.actor = Actor(spec, log_std=log_std)
        self.critic = mlp(spec.obs_dim, spec.hidden, 1, activation=spec.activation)
        self.return_moments = Moments(1)
        self.mirrors: tuple[Mirror, Mirror] | None = None

    @classmethod
    def of(cls, envs: VectorEnv, args: Args) -> Agent:
        """An agent for these environments."""
        agent = cls(spec_of(envs, hidden=(args.hidden, args.hidden)), args.init_log_std)
        agent.mirrors = mirrors_of(envs) if args.mirror else None
        return agent

    def value(self, normal: Tensor) -> Tensor:
        """Values (n,), in standard deviations of the return, of normalised observations (n, obs_dim)."""
        return self.critic(normal).squeeze(-1)

    def first_state(self, num_rows: int) -> None:
        """No memory."""

    def step(self, normal: Tensor, state: None) -> tuple[Tensor, Tensor, None]:
        """Head outputs and values of normalised observations."""
        return self.actor.outputs(normal)[0], self.value(normal), None


class Batch(NamedTuple):
    """Frames of a rollout, first axis: frame."""

    obs: Tensor
    """normalised"""
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    targets: Tensor
    masks: Tensor | None = None
    seen: Tensor | None = None
    """what the value sees, where that is more than the policy does (`mappo.py`)"""


def advantages_of(
    rewards: Tensor, values: Tensor, next_values: Tensor, ended: Tensor, discounts: Tensor | float, gae_lambda: float
) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), float32 (steps, envs).

    Args:
        rewards, values: of each step, (steps, envs).
        next_values: value of what followed the step: of the next observation; of the final one where the episode was
            truncated; 0 where it terminated.
        ended: 1.0 where the step ended an episode in either way: nothing after it belongs to it.
        discounts: of what followed each step, or one number; a step that took k times `step_ns` has gamma^k, as in a
            semi-Markov decision process (Bradtke and Duff 1994). Lambda counts decisions, whatever time they took.
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    errors = rewards + discounts * next_values - values
    weights = discounts * gae_lambda * (1.0 - ended)
    for t in range(len(rewards) - 1, -1, -1):
        running = errors[t] + weights[t] * running
        advantages[t] = running
    return advantages


def learn(
    agent: Agent,
    optimizer: torch.optim.Optimizer,
    args: Args,
    order: torch.Generator,
    rollout: Rollout,
    advantages: Tensor,
    act: bool = True,
) -> dict[str, float]:
    """Improve a feed-forward agent on the frames of one rollout, and on their mirror images; see `improve`."""
    obs = agent.actor.normalize(rollout.obs)
    parts = (obs, rollout.actions, rollout.log_probs, advantages, advantages + rollout.values, rollout.masks)
    batch = Batch(*(x if x is None else x.reshape(-1, *x.shape[2:]) for x in parts))
    if agent.mirrors:
        batch = both_sides(agent, agent.mirrors, batch, rollout.obs.flatten(0, 1))
    return improve(agent, optimizer, args, order, batch, act)


def both_sides(agent: Agent, mirrors: tuple[Mirror, Mirror], batch: Batch, obs: Tensor) -> Batch:
    """The batch, and its mirror images behind it: what was done is as good there as it was here.

    Args:
        mirrors: of observations and of actions.
        obs: (frames, obs_dim), as the environment gave them.
    """
    with torch.no_grad():
        seen = agent.actor.normalize(mirrors[0](obs))
        actions = mirrors[1](batch.actions)
        log_probs = agent.actor.log_prob(agent.actor.outputs(seen)[0], actions)
    image = batch._replace(obs=seen, actions=actions, log_probs=log_probs)
    return Batch(*(None if x is None or y is None else torch.cat([x, y]) for x, y in zip(batch, image)))


def train(
    args: Args,
    envs: VectorEnv | None = None,
    tell: Callable[[float, str], None] | None = None,
    make_agent: Callable[[VectorEnv, Args], Agent] = Agent.of,
    learn: Callable[..., dict[str, float]] = learn,
) -> tuple[Agent, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`.

    Args:
        args: settings.
        envs: the environments; None makes them from `args.env_id`. Closed in that case only.
        tell: takes the share that is done and a line about it; None prints both.
        make_agent, learn: another kind of agent and how it learns from a rollout (`ppo_lstm.py`).

    Returns: the trained agent, and one row an update: frames, seconds, mean return and length of the episodes that
        ended since the last one (NaN when none did), losses.
    Raises: ConfigError if the environment is of another kind than this file is written for.
    """
    args = args.shrunk() if args.smoke else args
    tell = tell or ProgressLine()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    # 1 seeds and threads
    torch.manual_seed(args.seed)
    order = torch.Generator().manual_seed(args.seed)
    torch.set_num_threads(args.torch_threads)

    # 2 environments and agent
    options = json.loads(args.env_options)

    def make(changes: dict[str, Any]) -> VectorEnv:
        return envs_of(args, changes)

    course = Course(stages_of(args.curriculum), make, envs)
    envs, _ = course.at(0.0)
    require(envs.num_envs == args.num_envs, "ppo.train", "envs.num_envs", f"{args.num_envs}", envs.num_envs)
    collector = Collector(
        envs, args.num_steps, args.gamma, args.seed + SEEDS_APART, 1 + args.overlap, args.steady_noise
    )
    agent = make_agent(envs, args)
    if not args.resume:
        start_from(agent, args, envs)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5, fused=True)
    curve: list[dict[str, float]] = []
    first_update = 0
    if args.resume:
        saved = read_tensors(out / "checkpoint.pt")
        agent.load_state_dict(saved["agent"])
        optimizer.load_state_dict(saved["optimizer"])
        collector.noise.set_state(saved["noise"])
        order.set_state(saved["order"])
        first_update, curve = saved["update"], saved["curve"]
    log = Log(asdict(args), out, curve)
    ahead = Ahead(collector, agent) if args.overlap else None

    started, seconds_before = time.perf_counter(), sum(row["seconds"] for row in curve[-1:])
    for update in range(first_update, args.num_updates):
        # 3 rollout; at a checkpoint, and with a stage of the curriculum, new worlds begin, which the update decides
        envs, new = course.at(update / args.num_updates)
        if new or update == first_update or update % args.checkpoint_every == 0:
            collector.enter(envs)
            first_obs = collector.begin(agent, args.seed * SEEDS_APART + update * args.num_envs)
            if update == 0 and not agent.actor.obs_moments.count:
                agent.actor.obs_moments.update(first_obs)
        if ahead:
            last = update + 1 == args.num_updates or (update + 1) % args.checkpoint_every == 0
            rollout, means = ahead.take(agent, not (last or course.ends((update + 1) / args.num_updates)))
        else:
            rollout, means = collector.collect(agent), collector.means()

        # 4 advantages, of rewards in standard deviations of the discounted return
        agent.return_moments.update(rollout.returns.reshape(-1, 1))
        rewards = rollout.rewards / agent.return_moments.scale()
        advantages = advantages_of(
            rewards, rollout.values, rollout.next_values, rollout.ended, rollout.discounts, args.gae_lambda
        )

        # 5 update
        losses = learn(agent, optimizer, args, order, rollout, advantages, update >= args.critic_updates)
        agent.actor.obs_moments.update(rollout.obs.flatten(0, 1))
        share = (update + 1) / args.num_updates
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1.0 - 0.95 * share)

        # 6 progress, checkpoint
        frames = (update + 1) * args.update_frames
        seconds = time.perf_counter() - started
        row = {"update": update + 1, "frames": frames, "seconds": seconds_before + seconds, **means}
        row |= losses
        curve.append(row)
        log.write(row)
        if (update + 1) % args.checkpoint_every == 0:
            state = {"agent": agent.state_dict(), "optimizer": optimizer.state_dict(), "order": order.get_state()}
            state |= {"noise": collector.noise.get_state(), "update": update + 1, "curve": curve}
            write_tensors(out / "checkpoint.pt", state)
        speed = (update + 1 - first_update) * args.update_frames / seconds
        left = clock_text((args.total_frames - frames) / speed)
        text = f"{frames / 1e6:.2f} M frames, {speed / 1e3:.0f} k frames/s, return {row['return']:.2f}, {left} left"
        tell(share, text)

    # 7 the policy, with all that it needs to act elsewhere
    facts = {"name": "PPO", "seed": args.seed, "frames": args.num_updates * args.update_frames}
    save_actor(out / "policy", agent.actor, envs, None, agent.return_moments, **facts, env_options=options)
    if args.track and not course.lent:
        film_trained(out / "policy", envs, args, log)
    log.close(out / "policy", out / "args.json")
    if ahead:
        ahead.close()
    course.close()
    return agent, curve


def start_from(agent: Agent, args: Args, envs: VectorEnv) -> None:
    """Give a fresh agent the policy that the settings name, with its noise set anew."""
    if args.init:
        agent.actor.load_state_dict(load_actor(args.init, envs).state_dict())
    elif args.clone:
        imitate(
            agent.actor, *watch(teacher_of(args.clone, args.env_id, envs), envs, WATCHED, args.seed), seed=args.seed
        )
    if agent.actor.log_std is not None:
        nn.init.constant_(agent.actor.log_std, args.init_log_std)


def improve(
    agent: Agent, optimizer: torch.optim.Optimizer, args: Args, order: torch.Generator, batch: Batch, act: bool = True
) -> dict[str, float]:
    """A few passes of minibatches over one rollout (Schulman et al. 2017, equation 9); returns mean losses.

    Args:
        order: draws the order of the frames.
        act: False fits the value alone.
    """
    parts = max(1, math.ceil(len(batch.obs) / args.minibatch_size))
    sums, count = np.zeros(4), 0
    for _ in range(args.num_epochs):
        for rows in torch.randperm(len(batch.obs), generator=order).chunk(parts):
            part = Batch(*(x if x is None else x.index_select(0, rows) for x in batch))
            out, _ = agent.actor.outputs(part.obs)
            log_probs = agent.actor.log_prob(out, part.actions, part.masks)
            entropy = agent.actor.entropy(out, part.masks)
            values = agent.value(part.obs if part.seen is None else part.seen)
            loss, told = losses_of(args, log_probs, part.log_probs, part.advantages, values, part.targets, entropy, act)
            step(agent, optimizer, loss, args.max_grad_norm)
            sums += told
            count += 1
            if args.target_kl and told[3] > args.target_kl:
                return dict(zip(LOSSES, (sums / count).tolist()))
    return dict(zip(LOSSES, (sums / count).tolist()))


LOSSES = ("policy_loss", "value_loss", "entropy", "kl")


def losses_of(
    args: Args,
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    values: Tensor,
    targets: Tensor,
    entropy: Tensor,
    act: bool = True,
) -> tuple[Tensor, tuple[float, float, float, float]]:
    """The loss of a minibatch, tensors (n,), and its parts as `LOSSES` names them."""
    log_ratio = log_probs - old_log_probs
    ratio = log_ratio.exp()
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    gain = torch.minimum(advantages * ratio, advantages * ratio.clamp(1 - args.clip, 1 + args.clip)).mean()
    value_loss = 0.5 * ((values - targets) ** 2).mean()
    loss = args.value_coef * value_loss
    if act:
        loss = loss - gain - args.entropy_coef * entropy
    kl = (ratio.detach() - 1 - log_ratio.detach()).mean()  # Schulman's low-variance estimate
    return loss, (-gain.item(), value_loss.item(), entropy.item(), kl.item())


def step(agent: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, max_grad_norm: float) -> None:
    """One step down the gradient of a loss."""
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
    optimizer.step()


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
