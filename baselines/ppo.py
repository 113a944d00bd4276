"""PPO with continuous actions on a native vector environment, in one file, to be read from top to bottom.

`python -m baselines.ppo --help` lists the settings; `docs/baselines.md` lists every detail with its source.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor, nn

from baselines.run_files import Log, ProgressLine, clock_text, commit, read_tensors, write_tensors
from qsl_envs.errors import ConfigError, require

SEEDS_APART = 1_000_000
"""Training seed s sees the worlds from s * SEEDS_APART on, so that two training runs share none."""


@dataclass
class Args:
    """Settings of a run; saved with it."""

    env_id: str = "qsl/MarketMaking-v0"
    """environment to learn; it must be a vector environment of its own and know SAME_STEP autoreset"""
    env_options: str = "{}"
    """keyword arguments of the environment, as JSON: '{"session_ns": 60000000000}'"""
    split: str = "train"
    """family of worlds to learn on"""
    seed: int = 1
    """decides the worlds, the first weights, the noise and the order of the minibatches"""
    total_frames: int = 4_000_000
    """environment steps in all, over all environments"""
    num_envs: int = 512
    """environments side by side"""
    num_steps: int = 64
    """steps of each environment between two updates"""
    num_threads: int = 1
    """threads that the environment may use"""
    torch_threads: int = 1
    """threads that the network may use; a second one gains little, and loses much on a busy machine"""
    learning_rate: float = 3e-4
    """of Adam at the start; it falls linearly to a twentieth of it"""
    gamma: float = 0.99
    """discount of a step"""
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
    hidden: int = 64
    """width of the two hidden layers, of the policy and of the value"""
    init_log_std: float = -0.7
    """logarithm of the noise's standard deviation at the start"""
    init: str = ""
    """policy.pt to start from, a clone of a scripted policy for example; its noise starts at `init_log_std` again"""
    critic_updates: int = 0
    """first updates that fit the value only: a value that knows nothing would spoil a policy to start from"""
    out: str = "runs/ppo"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy.pt"""
    checkpoint_every: int = 50
    """updates between two checkpoints; new worlds start there, so that a resumed run is the same run"""
    resume: bool = False
    """go on from the checkpoint in `out`"""
    smoke: bool = False
    """two small updates on few environments: does it run?"""
    tensorboard: bool = False
    """write TensorBoard events into `out`"""
    track: bool = False
    """log to Weights & Biases (works offline with WANDB_MODE=offline)"""
    wandb_project: str = "quant-sim-lab"
    """project of a tracked run"""

    def __post_init__(self) -> None:
        for name in (
            "total_frames",
            "num_envs",
            "num_steps",
            "num_epochs",
            "minibatch_size",
            "hidden",
            "torch_threads",
        ):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))
        require(0 < self.gamma <= 1, self, "gamma", "in (0, 1]", self.gamma)
        require(0 <= self.gae_lambda <= 1, self, "gae_lambda", "in [0, 1]", self.gae_lambda)
        require(self.checkpoint_every >= 1, self, "checkpoint_every", ">= 1", self.checkpoint_every)
        require(self.seed >= 0, self, "seed", ">= 0", self.seed)

    @property
    def num_updates(self) -> int:
        """Rollouts of the run."""
        return max(1, self.total_frames // (self.num_envs * self.num_steps))

    def shrunk(self) -> Args:
        """The same run, so small that a test can afford it."""
        small = {"num_envs": min(self.num_envs, 8), "num_steps": min(self.num_steps, 16), "num_epochs": 1}
        return replace(self, **small, minibatch_size=64, total_frames=2 * small["num_envs"] * small["num_steps"])


class Moments(nn.Module):
    """Running mean and variance of rows, merged batch by batch (Chan, Golub and LeVeque 1979)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("var", torch.ones(width, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def update(self, rows: Tensor) -> None:
        """Take in rows (n, width)."""
        rows = rows.double()
        var, mean = torch.var_mean(rows, dim=0, correction=0)
        total = self.count + len(rows)
        shift = mean - self.mean
        spread = self.var * self.count + var * len(rows) + shift**2 * self.count * len(rows) / total
        self.mean += shift * len(rows) / total
        self.var.copy_(spread / total)
        self.count.copy_(total)

    def scale(self) -> Tensor:
        """Standard deviation, float32 (width,); 1 where nothing varies."""
        return torch.where(self.var > 1e-8, self.var, 1.0).sqrt().float()


class Agent(nn.Module):
    """Normalisation, policy and value: everything that a trained run needs to act.

    Args:
        obs_dim, action_dim: widths of an observation and of an action in [-1, 1].
    """

    def __init__(self, obs_dim: int, action_dim: int, hidden: int = 64, init_log_std: float = -0.7) -> None:
        super().__init__()
        self.obs_moments = Moments(obs_dim)
        self.return_moments = Moments(1)
        self.policy = mlp(obs_dim, hidden, action_dim, last_gain=0.01)
        self.value = mlp(obs_dim, hidden, 1, last_gain=1.0)
        self.log_std = nn.Parameter(torch.full((action_dim,), init_log_std))

    def normalize(self, obs: Tensor) -> Tensor:
        """Observations (n, obs_dim) in standard deviations from the running mean, cut at 10."""
        return ((obs - self.obs_moments.mean.float()) / self.obs_moments.scale()).clamp(-10, 10)

    def log_prob(self, mean: Tensor, actions: Tensor) -> Tensor:
        """Log density of actions (n, action_dim) under the Gaussian around `mean`; float32 (n,)."""
        z = (actions - mean) * torch.exp(-self.log_std)
        return (-0.5 * z**2 - self.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self) -> Tensor:
        """Of the Gaussian; it does not depend on the observation."""
        return (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()


def mlp(num_in: int, hidden: int, num_out: int, last_gain: float) -> nn.Sequential:
    """Two tanh layers and a linear one, orthogonal weights, zero biases."""
    layers = [nn.Linear(num_in, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, num_out)]
    for layer, gain in zip(layers, (math.sqrt(2), math.sqrt(2), last_gain)):
        nn.init.orthogonal_(layer.weight, gain)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])


class Batch(NamedTuple):
    """Frames of a rollout, first axis: frame."""

    obs: Tensor
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    targets: Tensor


def advantages_of(
    rewards: Tensor, values: Tensor, next_values: Tensor, ended: Tensor, gamma: float, gae_lambda: float
) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), float32 (steps, envs).

    Args:
        rewards, values: of each step, (steps, envs).
        next_values: value of what followed the step: of the next observation; of the final one where the episode was
            truncated; 0 where it terminated.
        ended: 1.0 where the step ended an episode in either way: nothing after it belongs to it.
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(rewards[0])
    errors = rewards + gamma * next_values - values
    for t in range(len(rewards) - 1, -1, -1):
        running = errors[t] + gamma * gae_lambda * (1.0 - ended[t]) * running
        advantages[t] = running
    return advantages


def final_rows(info: dict[str, Any], rows: np.ndarray) -> np.ndarray:
    """Last observations of the episodes that ended in `rows`, float32 (len(rows), obs_dim)."""
    return np.stack(list(info["final_obs"][rows])).astype(np.float32)


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Agent, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`.

    Args:
        args: settings.
        envs: the environments; None makes them from `args.env_id`. Closed in that case only.
        tell: takes the share that is done and a line about it; None prints both.

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
    noise = torch.Generator().manual_seed(args.seed)
    torch.set_num_threads(args.torch_threads)

    # 2 environments
    made_here = envs is None
    if envs is None:
        envs = gym.make_vec(
            args.env_id,
            num_envs=args.num_envs,
            split=args.split,
            num_threads=args.num_threads,
            autoreset_mode=AutoresetMode.SAME_STEP,
            **json.loads(args.env_options),
        )
    mode = envs.metadata.get("autoreset_mode")
    require(mode == AutoresetMode.SAME_STEP, "ppo.train", "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
    require(envs.num_envs == args.num_envs, "ppo.train", "envs.num_envs", f"{args.num_envs}", envs.num_envs)
    box = envs.single_action_space
    if not (isinstance(box, gym.spaces.Box) and np.all(box.low == -1) and np.all(box.high == 1)):
        raise ConfigError(f"ppo.train needs actions in a Box from -1 to 1, was {box}")
    obs_dim, action_dim = envs.single_observation_space.shape[0], box.shape[0]
    agent = Agent(obs_dim, action_dim, args.hidden, args.init_log_std)
    if args.init:
        agent.load_state_dict(load_policy(args.init, observation_names_of(envs)).agent.state_dict())
        nn.init.constant_(agent.log_std, args.init_log_std)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    curve: list[dict[str, float]] = []
    first_update = 0
    if args.resume:
        saved = read_tensors(out / "checkpoint.pt")
        agent.load_state_dict(saved["agent"])
        optimizer.load_state_dict(saved["optimizer"])
        noise.set_state(saved["noise"])
        first_update, curve = saved["update"], saved["curve"]
    log = Log(asdict(args), out, curve)

    shape = (args.num_steps, args.num_envs)
    observations = torch.zeros(*shape, obs_dim)
    actions = torch.zeros(*shape, action_dim)
    log_probs, rewards, values, next_values, ended = (torch.zeros(shape) for _ in range(5))
    started, frames_before = time.perf_counter(), sum(row["seconds"] for row in curve[-1:])
    for update in range(first_update, args.num_updates):
        if update == first_update or update % args.checkpoint_every == 0:
            worlds = args.seed * SEEDS_APART + update * args.num_envs
            obs = torch.tensor(envs.reset(seed=worlds)[0], dtype=torch.float32)
            if update == 0:
                agent.obs_moments.update(obs)
            returns, lengths, discounted = (np.zeros(args.num_envs) for _ in range(3))
        finished_returns, finished_lengths = [], []

        # 3 rollout: a step that truncates is followed by the value of its final observation, one that terminates by 0
        with torch.inference_mode():
            seen_returns = []
            for t in range(args.num_steps):
                observations[t] = obs
                normal = agent.normalize(obs)
                mean = agent.policy(normal)
                actions[t] = mean + torch.exp(agent.log_std) * torch.randn(mean.shape, generator=noise)
                log_probs[t] = agent.log_prob(mean, actions[t])
                values[t] = agent.value(normal).squeeze(-1)
                if t > 0:  # what followed the step before, unless an episode ended there
                    next_values[t - 1] += (1.0 - ended[t - 1]) * values[t]
                new_obs, reward, terminated, truncated, info = envs.step(actions[t].clamp(-1, 1).numpy())
                # The environment may write into its buffer again: copy.
                obs = torch.tensor(new_obs, dtype=torch.float32)
                rewards[t] = torch.as_tensor(np.array(reward, np.float32))
                over = terminated | truncated
                ended[t] = torch.as_tensor(over.astype(np.float32))
                next_values[t] = 0.0
                cut = np.flatnonzero(truncated & ~terminated)
                if cut.size:
                    last = torch.tensor(final_rows(info, cut))
                    next_values[t, cut] = agent.value(agent.normalize(last)).squeeze(-1)
                returns += reward
                lengths += 1
                discounted = discounted * args.gamma + reward
                seen_returns.append(discounted.copy())
                if over.any():
                    finished_returns += returns[over].tolist()
                    finished_lengths += lengths[over].tolist()
                    returns[over] = lengths[over] = discounted[over] = 0.0
            next_values[-1] += (1.0 - ended[-1]) * agent.value(agent.normalize(obs)).squeeze(-1)

            # 4 advantages, of rewards in standard deviations of the discounted return
            agent.return_moments.update(torch.as_tensor(np.concatenate(seen_returns)).unsqueeze(-1))
            rewards /= agent.return_moments.scale()
            advantages = advantages_of(rewards, values, next_values, ended, args.gamma, args.gae_lambda)

        # 5 update
        flat = agent.normalize(observations)
        targets = advantages + values
        batch = Batch(*(x.reshape(-1, *x.shape[2:]) for x in (flat, actions, log_probs, advantages, targets)))
        losses = improve(agent, optimizer, args, noise, batch, update >= args.critic_updates)
        agent.obs_moments.update(observations.reshape(-1, obs_dim))
        share = (update + 1) / args.num_updates
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1.0 - 0.95 * share)

        # 6 progress, checkpoint
        frames = (update + 1) * args.num_envs * args.num_steps
        seconds = time.perf_counter() - started
        row = {
            "update": update + 1,
            "frames": frames,
            "seconds": frames_before + seconds,
            "return": float(np.mean(finished_returns)) if finished_returns else math.nan,
            "length": float(np.mean(finished_lengths)) if finished_lengths else math.nan,
            "std": agent.log_std.detach().exp().mean().item(),
            **losses,
        }
        curve.append(row)
        log.write(row)
        if (update + 1) % args.checkpoint_every == 0:
            state = {"agent": agent.state_dict(), "optimizer": optimizer.state_dict(), "noise": noise.get_state()}
            write_tensors(out / "checkpoint.pt", {**state, "update": update + 1, "curve": curve})
        speed = (update + 1 - first_update) * args.num_envs * args.num_steps / seconds
        left = clock_text((args.total_frames - frames) / speed)
        text = f"{frames / 1e6:.2f} M frames, {speed / 1e3:.0f} k frames/s, return {row['return']:.2f}, {left} left"
        tell(share, text)

    # 7 the policy, with all that it needs to act elsewhere
    save_policy(out / "policy.pt", agent, observation_names_of(envs), asdict(args))
    log.close(out / "policy.pt", out / "args.json")
    if made_here:
        envs.close()
    return agent, curve


def improve(
    agent: Agent, optimizer: torch.optim.Optimizer, args: Args, noise: torch.Generator, batch: Batch, act: bool = True
) -> dict[str, float]:
    """A few passes of minibatches over one rollout (Schulman et al. 2017, equation 9); returns mean losses.

    Args:
        act: False fits the value alone.
    """
    obs, actions, old_log_probs, advantages, targets = batch
    parts = max(1, math.ceil(len(obs) / args.minibatch_size))
    sums, count, far = np.zeros(4), 0, False
    for _ in range(args.num_epochs):
        for rows in torch.randperm(len(obs), generator=noise).chunk(parts):
            mean = agent.policy(obs[rows])
            log_ratio = agent.log_prob(mean, actions[rows]) - old_log_probs[rows]
            ratio = log_ratio.exp()
            advantage = advantages[rows]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            gain = torch.minimum(advantage * ratio, advantage * ratio.clamp(1 - args.clip, 1 + args.clip)).mean()
            value_loss = 0.5 * ((agent.value(obs[rows]).squeeze(-1) - targets[rows]) ** 2).mean()
            entropy = agent.entropy()
            loss = args.value_coef * value_loss
            if act:
                loss = loss - gain - args.entropy_coef * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
            optimizer.step()
            kl = float((ratio.detach() - 1 - log_ratio.detach()).mean())  # Schulman's low-variance estimate
            sums += (-gain.item(), value_loss.item(), entropy.item(), kl)
            count += 1
            far = bool(args.target_kl) and kl > args.target_kl
            if far:
                break
        if far:
            break
    return dict(zip(("policy_loss", "value_loss", "entropy", "kl"), (sums / count).tolist()))


class Policy:
    """A trained agent that acts without noise, as `baselines.scripted` policies do."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds. One thread: more could round differently on another machine."""
        torch.set_num_threads(1)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1], float32 (n, action_dim), for observations (n, obs_dim)."""
        with torch.inference_mode():
            rows = torch.tensor(obs, dtype=torch.float32)
            return self.agent.policy(self.agent.normalize(rows)).clamp(-1, 1).numpy()


def observation_names_of(envs: VectorEnv) -> tuple[str, ...]:
    """Names of the observation's elements, where the environment has them."""
    return tuple(getattr(envs.unwrapped, "observation_names", ()))


def save_policy(path: Path, agent: Agent, observation_names: Sequence[str], settings: dict[str, Any]) -> None:
    """Write a policy that acts without the run that made it."""
    about = {"args": settings, "observation_names": list(observation_names), "commit": commit()}
    write_tensors(path, {"agent": agent.state_dict(), **about})


def load_policy(path: str | Path, observation_names: tuple[str, ...] | None = None) -> Policy:
    """Read a policy.pt; tensors only, nothing in the file is run.

    Args:
        observation_names: of the environment that it is to act in; None does not compare.
    Raises: DataError if the file is no such policy; ConfigError if it was trained on other observations.
    """
    content = read_tensors(Path(path))
    names = content["observation_names"]
    if observation_names is not None and list(observation_names) != names:
        missing, new = sorted(set(names) - set(observation_names)), sorted(set(observation_names) - set(names))
        raise ConfigError(
            f"{path} was trained on other observations: missing here {missing}, unknown to it {new}; order counts too"
        )
    state = content["agent"]
    hidden, obs_dim = state["policy.0.weight"].shape
    agent = Agent(obs_dim, len(state["log_std"]), hidden)
    agent.load_state_dict(state)
    return Policy(agent)


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
