"""Deep Q-learning (Mnih et al. 2015) with double targets, on a native vector environment, top to bottom.

`python -m baselines.dqn --help` lists the settings; `docs/training.md` lists every detail with its source. Stepping,
remembering and logging are `baselines.learning.off_policy`'s.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from gymnasium.spaces import Discrete
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from baselines.learning.networks import Actor, ActorSpec
from baselines.learning.off_policy import OffPolicyArgs, Run, follow
from baselines.learning.replay_memory import Batch
from baselines.learning.rollouts import spec_of
from qsl_envs.errors import require


@dataclass
class Args(OffPolicyArgs):
    """Settings of a run; saved with it."""

    env_id: str = "qsl/MarketMakingDiscrete-v0"
    """environment to learn; it must be a vector environment of its own and know SAME_STEP autoreset"""
    out: str = "runs/dqn"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""
    random_share: float = 0.05
    """share of choices at random once it has explored"""
    explore_frames: int = 200_000
    """frames over which that share falls linearly from 1"""


class Learner(nn.Module):
    """A network that values every choice, and its slow copy; acting best is choosing the highest value."""

    def __init__(self, spec: ActorSpec, args: Args) -> None:
        super().__init__()
        self.args = args
        self.actor = Actor(spec)
        self.slow = copy.deepcopy(self.actor).requires_grad_(False)
        adam = torch.optim.Adam(self.actor.parameters(), lr=args.learning_rate, fused=True)
        self.optimizers: dict[str, torch.optim.Optimizer] = {"values": adam}

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What values should be, (n,): the rewards, then the slow network's value of what the fast one would choose
        (van Hasselt, Guez and Silver 2016, equation 4).
        """
        following = self.actor.normalize(batch.next_obs)
        best = self.actor.outputs(following)[0].argmax(-1, keepdim=True)
        values = self.slow.outputs(following)[0].gather(-1, best).squeeze(-1)
        return batch.rewards + batch.discounts * values

    def update(self, batch: Batch) -> dict[str, float]:
        """One gradient step; returns losses. An error counts by its square up to 1, then by its size."""
        values = self.actor.outputs(self.actor.normalize(batch.obs))[0]
        chosen = values.gather(-1, batch.actions[:, None]).squeeze(-1)
        loss = F.smooth_l1_loss(chosen, self.targets(batch))
        optimizer = self.optimizers["values"]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), 10.0)
        optimizer.step()
        follow(self.slow, self.actor, self.args.tau)
        return {"loss": loss.item(), "value": values.detach().amax(-1).mean().item()}


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Actor, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`.

    Args:
        args: settings.
        envs: the environments; None makes them from `args.env_id`.
        tell: takes the share that is done and a line about it; None prints both.

    Returns: the trained actor, and the log's rows.
    Raises: ConfigError for an environment whose actions are no choices, or that resets otherwise.
    """
    run = Run("dqn", args, envs, tell)
    args, space = run.args, run.envs.single_action_space
    require(isinstance(space, Discrete), "dqn.train", "action space", "Discrete; sac and ddpg are for a Box", space)
    spec = spec_of(run.envs, hidden=(args.hidden, args.hidden), activation="relu")
    learner = Learner(spec, args)
    run.start(learner)
    for _ in run.updates():
        for _ in range(args.num_steps):
            at_random = 1.0 if run.explores else random_share(args, run.frames)
            with torch.inference_mode():
                best = learner.actor.act(run.obs)[0]
            other = torch.randint(spec.num_choices, (args.num_envs,), generator=run.noise)
            lots = torch.rand(args.num_envs, generator=run.noise)
            run.step(torch.where(lots < at_random, other, best))
            for batch in run.batches():
                run.losses.append(learner.update(batch))
    return run.finish()


def random_share(args: Args, frames: int) -> float:
    """Share of choices at random after so many frames."""
    return max(args.random_share, 1.0 - (1.0 - args.random_share) * frames / max(args.explore_frames, 1))


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
