"""MAPPO: agents of a shared market whose critics see all of it while they learn (Yu et al. 2022).

`python -m baselines.mappo --help` lists the settings. The policies act on their own observations alone, as in
`ippo.py`, whose loop this is; the values are told the environment's privileged `state()` too (the true books,
everybody's inventory and gain), and which seat of the role it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from baselines import ippo, ppo
from baselines.learning.crowds import Party, spec_of_role
from baselines.learning.networks import ActorSpec, Moments, mlp


@dataclass
class Args(ippo.Args):
    """Settings of a run; saved with it."""

    out: str = "runs/mappo"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/<role or seat>/"""


class Agent(ppo.Agent):
    """A policy on its own observations and a value on the market's state beside them.

    Args:
        spec: of the policy.
        seen_dim: numbers that the value is told beside the observation.
        log_std: see `Actor`.
    """

    def __init__(self, spec: ActorSpec, seen_dim: int, log_std: float = -0.7) -> None:
        super().__init__(spec, log_std)
        self.seen_moments = Moments(seen_dim)
        self.critic = mlp(spec.obs_dim + seen_dim, spec.hidden, 1, activation=spec.activation)

    def centrally(self, normal: Tensor, seen: Tensor) -> Tensor:
        """What the value sees: normalised observations (..., obs_dim), then the state (..., seen_dim), normalised."""
        return torch.cat((normal, self.seen_moments.normalize(seen)), dim=-1)


def make_agent(envs: Any, party: Party, args: Args) -> Agent:
    """An agent whose value sees the markets' state and which seat of the party it is."""
    spec = spec_of_role(envs, party.role, hidden=(args.hidden, args.hidden))
    return Agent(spec, envs.state().shape[1] + len(party.seats), args.init_log_std)


def train(args: Args, envs: Any = None, **given: Any) -> tuple[dict[str, ppo.Agent], list[dict[str, float]]]:
    """Learn, writing the run into `args.out`; see `ippo.train` for all arguments."""
    return ippo.train(args, envs, make_agent=make_agent, central=True, **given)


if __name__ == "__main__":
    import tyro

    train(tyro.cli(Args, description=__doc__))
