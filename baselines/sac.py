"""Soft actor-critic (Haarnoja et al. 2018) on a native vector environment, to be read from top to bottom.

`python -m baselines.sac --help` lists the settings; `docs/training.md` lists every detail with its source. Stepping,
remembering and logging are `baselines.learning.off_policy`'s.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from baselines.learning.networks import Actor, ActorSpec, gaussian_log_prob, squashed_parts
from baselines.learning.off_policy import OffPolicyArgs, Run, follow
from baselines.learning.replay_memory import Batch


@dataclass
class Args(OffPolicyArgs):
    """Settings of a run; saved with it."""

    out: str = "runs/sac"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""
    learning_rate: float = 1e-3
    """of Adam at the start; it falls linearly to a twentieth of it"""
    entropy_start: float = 0.05
    """weight of the entropy at the start, in standard deviations of the return for a nat; it is learned from there"""
    entropy_target: float = -1.0
    """entropy that the policy should keep, nats for each number of an action (uniform actions have 0.69)"""


class TwinCritic(nn.Module):
    """Two values of (observation, action), computed side by side as batched products; layers are normalised.

    Args:
        num_in: widths of an observation and an action together.
        hidden: width of the two hidden layers.
    """

    def __init__(self, num_in: int, hidden: int) -> None:
        super().__init__()
        sizes = (num_in, hidden, hidden, 1)
        self.weights = nn.ParameterList(
            torch.empty(2, a, b).uniform_(-1 / math.sqrt(a), 1 / math.sqrt(a)) for a, b in zip(sizes[:-1], sizes[1:])
        )
        self.biases = nn.ParameterList(torch.zeros(2, 1, b) for b in sizes[1:])
        self.gains = nn.ParameterList(torch.ones(2, 1, hidden) for _ in range(2))

    def forward(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Values, float32 (2, n), for normalised observations (n, obs_dim) and actions (n, action_dim)."""
        x = torch.cat((obs, actions), -1).expand(2, -1, -1)
        for weight, bias, gain in zip(self.weights[:2], self.biases[:2], self.gains):
            x = torch.baddbmm(bias, x, weight)
            x = F.relu(gain * F.layer_norm(x, x.shape[-1:]))
        return torch.baddbmm(self.biases[2], x, self.weights[2]).squeeze(-1)


class Learner(nn.Module):
    """Actor, twin critic, its slow copy, and the weight of the entropy."""

    def __init__(self, spec: ActorSpec, args: Args) -> None:
        super().__init__()
        self.args = args
        self.actor = Actor(spec)
        self.critic = TwinCritic(spec.obs_dim + spec.action_dim, args.hidden)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.log_alpha = nn.Parameter(torch.tensor(math.log(args.entropy_start)))
        self.entropy_target = args.entropy_target * spec.action_dim
        # One number must be found among magnitudes before the others are done: it moves ten times as fast.
        parts = {
            "actor": {"params": list(self.actor.parameters())},
            "critic": {"params": list(self.critic.parameters())},
            "alpha": {"params": [self.log_alpha], "times": 10.0},
        }
        self.optimizers = {
            key: torch.optim.Adam([part], lr=args.learning_rate, fused=True) for key, part in parts.items()
        }

    def sample(self, obs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (n, action_dim) with noise, and their log densities (n,), for normalised observations.

        The density of a = tanh(u) is that of u divided by the slope of the tanh (Haarnoja et al. 2018, appendix C),
        whose logarithm is written so that it does not overflow: log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)).
        """
        mean, log_std = squashed_parts(self.actor.outputs(obs)[0])
        u = mean + log_std.exp() * noise
        slope = 2.0 * (math.log(2.0) - u - F.softplus(-2.0 * u))
        return torch.tanh(u), gaussian_log_prob(mean, log_std, u) - slope.sum(-1)

    @torch.no_grad()
    def targets(self, batch: Batch, noise: Tensor) -> Tensor:
        """What values should be, (n,): the rewards, then the lesser of two slow values and the entropy to come.

        The entropies of the steps in between, where a transition has several, are left out.
        """
        following = self.actor.normalize(batch.next_obs)
        actions, log_probs = self.sample(following, noise)
        value = self.target(following, actions).amin(0) - self.log_alpha.exp() * log_probs
        return batch.rewards + batch.discounts * value

    def update(self, batch: Batch, noise: Tensor) -> dict[str, float]:
        """One gradient step of every network; returns losses.

        Args:
            noise: standard normal draws (2, n, action_dim): for the next actions and for those of now.
        """
        obs = self.actor.normalize(batch.obs)
        targets = self.targets(batch, noise[0])
        critic_loss = 0.5 * (self.critic(obs, batch.actions) - targets).pow(2).mean(-1).sum()
        self._descend("critic", critic_loss)

        self.critic.requires_grad_(False)
        actions, log_probs = self.sample(obs, noise[1])
        values = self.critic(obs, actions).amin(0)
        actor_loss = (self.log_alpha.exp().detach() * log_probs - values).mean()
        self._descend("actor", actor_loss)
        self.critic.requires_grad_(True)

        entropy = -log_probs.detach().mean()
        self._descend("alpha", self.log_alpha * (entropy - self.entropy_target))
        follow(self.target, self.critic, self.args.tau)
        return {"critic_loss": critic_loss.item(), "actor_loss": actor_loss.item(), "value": values.mean().item(),
                "entropy": entropy.item(), "alpha": self.log_alpha.exp().item()}  # fmt: skip

    def _descend(self, key: str, loss: Tensor) -> None:
        self.optimizers[key].zero_grad()
        loss.backward()
        self.optimizers[key].step()


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Actor, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`.

    Args:
        args: settings.
        envs: the environments; None makes them from `args.env_id`.
        tell: takes the share that is done and a line about it; None prints both.

    Returns: the trained actor, and the log's rows.
    Raises: ConfigError for an environment whose actions are no Box from -1 to 1, or that resets otherwise.
    """
    run = Run("sac", args, envs, tell)
    args, spec = run.args, run.spec("squashed")
    learner = Learner(spec, args)
    run.start(learner)
    for _ in run.updates():
        for _ in range(args.num_steps):
            draws = torch.randn(args.num_envs, spec.action_dim, generator=run.noise)
            with torch.inference_mode():
                actions = learner.actor.act(run.obs, noise=draws)[0]
            if run.explores:
                actions = 2.0 * torch.rand(args.num_envs, spec.action_dim, generator=run.noise) - 1.0
            run.step(actions)
            for batch in run.batches():
                noise = torch.randn(2, args.batch_size, spec.action_dim, generator=run.noise)
                run.losses.append(learner.update(batch, noise))
    return run.finish()


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
