"""PPO with a memory: an LSTM between the hidden layers and the head, for what one observation does not tell.

`python -m baselines.ppo_lstm --help` lists the settings. The loop, the advantages and the losses are those of `ppo.py`;
here are the agent and how it learns from whole stretches of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from baselines import ppo
from baselines.learning.networks import Actor, ActorSpec, Memory, Moments, linear, mlp
from baselines.learning.rollouts import Rollout, spec_of
from qsl_envs.errors import require


@dataclass
class Args(ppo.Args):
    """Settings of a run; saved with it."""

    memory: int = 64
    """width of the LSTMs, of the policy and of the value"""
    num_envs: int = 256
    """environments side by side"""
    minibatch_size: int = 4096
    """frames of a gradient step: so many environments, each with all its steps of the rollout"""
    out: str = "runs/ppo_lstm"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""

    def __post_init__(self) -> None:
        ppo.Args.__post_init__(self)
        require(self.memory >= 1, self, "memory", ">= 1", self.memory)
        for name in ("mirror", "steady_noise"):
            require(not getattr(self, name), self, name, "False with a memory", getattr(self, name))


class Agent(nn.Module):
    """Policy and value, two networks of one shape, each with a memory of its own.

    The state of both is one tensor (n, 4 x memory): the policy's, then the value's.

    Args:
        spec: of the policy, with a memory.
        log_std: see `Actor`.
    """

    def __init__(self, spec: ActorSpec, log_std: float = -0.7) -> None:
        super().__init__()
        self.actor = Actor(spec, log_std=log_std)
        self.critic_body = mlp(spec.obs_dim, spec.hidden, activation=spec.activation)
        self.critic_memory = Memory(spec.hidden[-1], spec.memory)
        self.critic_head = linear(spec.memory, 1, 1.0)
        self.return_moments = Moments(1)

    @classmethod
    def of(cls, envs: VectorEnv, args: Args) -> Agent:
        """An agent for these environments."""
        return cls(spec_of(envs, hidden=(args.hidden, args.hidden), memory=args.memory), args.init_log_std)

    def first_state(self, num_rows: int) -> Tensor:
        """Memories at the start of an episode, zeros (num_rows, 4 x memory)."""
        return torch.zeros(num_rows, 2 * self.actor.spec.state_dim)

    def step(self, normal: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Head outputs (n, num_out), values (n,), next state, for one normalised observation a row."""
        out, values, state = self.unroll(normal.unsqueeze(0), torch.zeros(1, len(normal)), state)
        return out[0], values[0], state

    def unroll(self, normal: Tensor, ended: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Many steps: head outputs (steps, n, num_out), values (steps, n), the state after them.

        Args:
            normal: normalised observations (steps, n, obs_dim).
            ended: 1.0 where a step ended an episode: memories are empty after it, (steps, n).
            state: before the first step.
        """
        assert self.actor.memory is not None
        acting, valuing = self.actor.body(normal), self.critic_body(normal)
        mine, other = state.chunk(2, dim=-1)
        outs, values = [], []
        for t in range(len(normal)):
            out, mine = self.actor.memory(acting[t], mine)
            value, other = self.critic_memory(valuing[t], other)
            goes_on = (1.0 - ended[t]).unsqueeze(-1)
            mine, other = mine * goes_on, other * goes_on
            outs.append(out)
            values.append(value)
        heads = self.actor.head(torch.stack(outs)), self.critic_head(torch.stack(values)).squeeze(-1)
        return *heads, torch.cat((mine, other), dim=-1)


def learn(
    agent: Agent,
    optimizer: torch.optim.Optimizer,
    args: Args,
    order: torch.Generator,
    rollout: Rollout,
    advantages: Tensor,
    act: bool = True,
) -> dict[str, float]:
    """A few passes over one rollout, minibatches of environments; gradients go back to the rollout's first step.

    The memories before that step are those of the agent that collected it (Kapturowski et al. 2019 call it a stored
    state).
    """
    assert rollout.state is not None
    obs, targets = agent.actor.normalize(rollout.obs), advantages + rollout.values
    whole = rollout._replace(obs=obs, state=None)
    num_envs = obs.shape[1]
    parts = max(1, round(num_envs * len(obs) / args.minibatch_size))
    sums, count = np.zeros(4), 0
    for _ in range(args.num_epochs):
        for rows in torch.randperm(num_envs, generator=order).chunk(min(parts, num_envs)):
            part = Rollout(*(x if x is None else x.index_select(1, rows) for x in whole))
            out, values, _ = agent.unroll(part.obs, part.ended, rollout.state[rows])
            log_probs = agent.actor.log_prob(out, part.actions, part.masks)
            entropy = agent.actor.entropy(out, part.masks)
            gains, wanted = advantages.index_select(1, rows), targets.index_select(1, rows)
            loss, told = ppo.losses_of(args, log_probs, part.log_probs, gains, values, wanted, entropy, act)
            ppo.step(agent, optimizer, loss, args.max_grad_norm)
            sums += told
            count += 1
            if args.target_kl and told[3] > args.target_kl:
                return dict(zip(ppo.LOSSES, (sums / count).tolist()))
    return dict(zip(ppo.LOSSES, (sums / count).tolist()))


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Agent, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`; see `ppo.train`."""
    return ppo.train(args, envs, tell, Agent.of, learn)


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
