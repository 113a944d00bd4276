"""Deep deterministic policy gradient (Lillicrap et al. 2016) on a native vector environment, top to bottom.

`python -m baselines.ddpg --help` lists the settings; `docs/training.md` lists every detail with its source. Stepping,
remembering and logging are `baselines.learning.off_policy`'s.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from baselines.learning.networks import Actor, ActorSpec, mlp
from baselines.learning.off_policy import OffPolicyArgs, Run, follow
from baselines.learning.replay_memory import Batch


@dataclass
class Args(OffPolicyArgs):
    """Settings of a run; saved with it."""

    out: str = "runs/ddpg"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""
    noise_std: float = 0.15
    """standard deviation of the noise on actions, at the start; it falls linearly to a fifth of it"""
    saturation_cost: float = 1e-3
    """weight of the mean square of what goes into the tanh: where that is far from 0 nothing can be learned any more"""


class Learner(nn.Module):
    """Actor and critic, and slow copies of both."""

    def __init__(self, spec: ActorSpec, args: Args) -> None:
        super().__init__()
        self.args = args
        self.actor = Actor(spec)
        self.critic = mlp(spec.obs_dim + spec.action_dim, (args.hidden, args.hidden), 1, activation="relu")
        self.slow_actor, self.slow_critic = (copy.deepcopy(m).requires_grad_(False) for m in (self.actor, self.critic))
        self.optimizers = {
            key: torch.optim.Adam(network.parameters(), lr=args.learning_rate, fused=True)
            for key, network in (("actor", self.actor), ("critic", self.critic))
        }

    @staticmethod
    def value(critic: nn.Module, obs: Tensor, actions: Tensor) -> Tensor:
        """Values (n,) of normalised observations (n, obs_dim) and actions (n, action_dim)."""
        return critic(torch.cat((obs, actions), -1)).squeeze(-1)

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What values should be, (n,): the rewards, then the slow critic's value of the slow actor's action."""
        following = self.actor.normalize(batch.next_obs)
        actions = torch.tanh(self.slow_actor.outputs(following)[0])
        return batch.rewards + batch.discounts * self.value(self.slow_critic, following, actions)

    def update(self, batch: Batch) -> dict[str, float]:
        """One gradient step of both networks (Lillicrap et al. 2016, algorithm 1); returns losses."""
        obs = self.actor.normalize(batch.obs)
        critic_loss = 0.5 * (self.value(self.critic, obs, batch.actions) - self.targets(batch)).pow(2).mean()
        self._descend("critic", critic_loss)

        self.critic.requires_grad_(False)
        out = self.actor.outputs(obs)[0]
        values = self.value(self.critic, obs, torch.tanh(out))
        self._descend("actor", self.args.saturation_cost * out.pow(2).mean() - values.mean())
        self.critic.requires_grad_(True)

        follow(self.slow_actor, self.actor, self.args.tau)
        follow(self.slow_critic, self.critic, self.args.tau)
        return {"critic_loss": critic_loss.item(), "value": values.mean().item()}

    def _descend(self, key: str, loss: Tensor) -> None:
        self.optimizers[key].zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([w for group in self.optimizers[key].param_groups for w in group["params"]], 10.0)
        self.optimizers[key].step()


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Actor, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`; arguments, results and errors are those of `sac.train`."""
    run = Run("ddpg", args, envs, tell)
    args, spec = run.args, run.spec("deterministic")
    learner = Learner(spec, args)
    run.start(learner)
    for update in run.updates():
        noise_std = args.noise_std * (1.0 - 0.8 * update / args.num_updates)
        for _ in range(args.num_steps):
            shape = (args.num_envs, spec.action_dim)
            with torch.inference_mode():
                actions = learner.actor.act(run.obs)[0] + noise_std * torch.randn(shape, generator=run.noise)
            if run.explores:
                actions = 2.0 * torch.rand(shape, generator=run.noise) - 1.0
            run.step(actions.clamp(-1.0, 1.0))
            for batch in run.batches():
                run.losses.append(learner.update(batch))
    return run.finish()


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
