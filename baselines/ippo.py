"""IPPO: PPO by each agent of a shared market on its own observations and rewards (de Witt et al. 2020).

`python -m baselines.ippo --help` lists the settings. Seats of a role share one network unless told otherwise; seats
that are not to learn are played by policies that stay as they are. The losses are those of `ppo.py`, what happens
between agents and markets is in `learning/crowds.py`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines import ppo
from baselines.learning.crowds import (
    CrowdCollector,
    CrowdRollout,
    Opponent,
    Party,
    make_crowd,
    parties_of,
    spec_of_role,
)
from baselines.learning.networks import Actor
from baselines.learning.run_files import Log, ProgressLine, clock_text, read_tensors, write_tensors
from baselines.portable import save_actor
from baselines.reports.film import film_crowd
from qsl_envs.errors import require


@dataclass
class Args(ppo.Args):
    """Settings of a run; saved with it."""

    env_id: str = "qsl/MarketMakers-v0"
    """multi-agent environment to learn"""
    share: bool = True
    """whether the learning seats of a role have one network"""
    num_envs: int = 256
    """markets side by side"""
    out: str = "runs/ippo"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/<role or seat>/"""

    def __post_init__(self) -> None:
        ppo.Args.__post_init__(self)
        require(
            not self.residual,
            self,
            "residual",
            "empty: agents of a shared market learn their own actions",
            self.residual,
        )
        require(not self.steady_noise, self, "steady_noise", "False for several agents", self.steady_noise)


Choose = Callable[[int], Mapping[str, Opponent]]
MakeAgent = Callable[[Any, Party, Args], ppo.Agent]


def make_agent(envs: Any, party: Party, args: Args) -> ppo.Agent:
    """An agent whose value sees what its policy sees."""
    return ppo.Agent(spec_of_role(envs, party.role, hidden=(args.hidden, args.hidden)), args.init_log_std)


def train(
    args: Args,
    envs: Any = None,
    *,
    students: Sequence[str] | None = None,
    opponents: Mapping[str, Opponent] | Choose | None = None,
    initial: Mapping[str, Actor] | None = None,
    tell: Callable[[float, str], None] | None = None,
    make_agent: MakeAgent = make_agent,
    central: bool = False,
) -> tuple[dict[str, ppo.Agent], list[dict[str, float]]]:
    """Learn, writing the run into `args.out`. The learner of leagues, too.

    Args:
        args: settings.
        envs: of `make_marl_vec(..., autoreset_mode="Disabled")`; None makes them from `args.env_id`.
        students: roles ("maker") or agents ("maker_0") that learn; None: all that have no opponent's policy.
        opponents: role or agent -> policy, or a sequence of policies that each play in an equal block of the worlds. Or
            a function of the number of the update that returns such a mapping: it is asked whenever new worlds begin
            (every `checkpoint_every` updates), so that opponents may change while one learns; it must seat the same
            agents each time, and depend on nothing else, or a resumed run is another run.
        initial: learner's name (role, or agent without sharing) -> network to start from, as it is.
        tell: takes the share that is done and a line about it; None prints both.
        make_agent, central: another kind of agent, one whose critic sees the markets' state (`mappo.py`).

    Returns: the trained agents by learner's name (`.actor` is the policy), and one row an update: frames (steps of
        markets), seconds, `return/<name>`: mean over the agents' parts that ended (NaN when none did), losses.
    Raises: ConfigError for environments of another mode, or seats with nobody at them.
    """
    args = args.shrunk() if args.smoke else args
    tell = tell or ProgressLine()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    # 1 seeds and threads
    torch.manual_seed(args.seed)
    order = torch.Generator().manual_seed(args.seed)
    torch.set_num_threads(args.torch_threads)

    # 2 markets, who learns, who is met
    made_here = envs is None
    if envs is None:
        envs = make_crowd(args.env_id, args.num_envs, json.loads(args.env_options), args.split, args.num_threads)
    require(envs.num_envs == args.num_envs, "ippo.train", "envs.num_envs", f"{args.num_envs}", envs.num_envs)
    choose: Choose = opponents if callable(opponents) else lambda update: opponents or {}
    learners, _ = parties_of(envs, students, choose(0), args.share)
    if central:
        envs.reset(seed=0)  # before that there is no state whose width could be asked for
    agents = {party.name: make_agent(envs, party, args) for party in learners}
    for name, actor in (initial or {}).items():
        require(name in agents, "ippo.train", "initial", f"for one of {', '.join(agents)}", name)
        agents[name].actor.load_state_dict(actor.state_dict())
    optimizers = {
        name: torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5, fused=True)
        for name, agent in agents.items()
    }
    collector = CrowdCollector(envs, learners, args.num_steps, args.gamma, args.seed + ppo.SEEDS_APART, central)
    curve: list[dict[str, float]] = []
    first_update = 0
    if args.resume:
        saved = read_tensors(out / "checkpoint.pt")
        for name, agent in agents.items():
            agent.load_state_dict(saved["agents"][name])
            optimizers[name].load_state_dict(saved["optimizers"][name])
        collector.noise.set_state(saved["noise"])
        order.set_state(saved["order"])
        first_update, curve = saved["update"], saved["curve"]
    log = Log(asdict(args), out, curve)

    started, seconds_before = time.perf_counter(), sum(row["seconds"] for row in curve[-1:])
    for update in range(first_update, args.num_updates):
        # 3 rollout; at a checkpoint new worlds begin, and opponents may change
        if update == first_update or update % args.checkpoint_every == 0:
            _, met = parties_of(envs, students, choose(update), args.share)
            first_obs = collector.begin(met, args.seed * ppo.SEEDS_APART + update * args.num_envs)
            if update == 0:
                for name, obs in first_obs.items():
                    if name not in (initial or {}):
                        agents[name].actor.obs_moments.update(obs)
        rollouts = collector.collect(agents)

        # 4, 5 advantages and update, learner by learner
        share = (update + 1) / args.num_updates
        frames = (update + 1) * args.num_envs * args.num_steps
        row: dict[str, float] = {"update": update + 1, "frames": frames}
        for party in learners:
            agent, optimizer, rollout = agents[party.name], optimizers[party.name], rollouts[party.name]
            if rollout.alive.any():
                losses = learn(agent, optimizer, args, order, rollout, update >= args.critic_updates)
                row |= {f"{key}/{party.name}": value for key, value in losses.items()}
            row[f"return/{party.name}"] = float(np.mean(party.finished)) if party.finished else math.nan
            optimizer.param_groups[0]["lr"] = args.learning_rate * (1.0 - 0.95 * share)

        # 6 progress, checkpoint
        seconds = time.perf_counter() - started
        row["seconds"] = seconds_before + seconds
        curve.append(row)
        log.write(row)
        if (update + 1) % args.checkpoint_every == 0:
            state = {
                "agents": {name: agent.state_dict() for name, agent in agents.items()},
                "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
                "noise": collector.noise.get_state(),
                "order": order.get_state(),
            }
            write_tensors(out / "checkpoint.pt", {**state, "update": update + 1, "curve": curve})
        speed = (update + 1 - first_update) * args.num_envs * args.num_steps / seconds
        left = clock_text((args.total_frames - frames) / speed)
        returns = ", ".join(f"{party.name} {row[f'return/{party.name}']:.2f}" for party in learners)
        tell(share, f"{frames / 1e6:.2f} M frames, {speed / 1e3:.0f} k frames/s, return of {returns}, {left} left")

    # 7 the policies
    for party in learners:
        facts = {
            "name": f"PPO {party.name}",
            "seed": args.seed,
            "frames": args.num_updates * args.num_envs * args.num_steps,
        }
        options = json.loads(args.env_options)
        agent, place = agents[party.name], out / "policy" / party.name
        save_actor(place, agent.actor, envs, party.role, agent.return_moments, **facts, env_options=options)
    if args.track and made_here and not opponents:
        film = film_crowd(out / "policy", args.env_id, out / "episode.gif", options=json.loads(args.env_options))
        log.film(film)
    log.close(out / "policy", out / "args.json")
    if made_here:
        envs.close()
    return agents, curve


def learn(
    agent: ppo.Agent,
    optimizer: torch.optim.Optimizer,
    args: Args,
    order: torch.Generator,
    rollout: CrowdRollout,
    act: bool = True,
) -> dict[str, float]:
    """Improve one agent on what its seats lived through; steps of seats that took no part are left out."""
    steps, alive = rollout.steps, rollout.alive
    agent.return_moments.update(steps.returns[alive].unsqueeze(-1))
    rewards = steps.rewards / agent.return_moments.scale()
    advantages = ppo.advantages_of(
        rewards, steps.values, steps.next_values, steps.ended, steps.discounts, args.gae_lambda
    )
    normal = agent.actor.normalize(steps.obs)
    seen = None if rollout.seen is None else agent.centrally(normal, rollout.seen)
    parts = (normal, steps.actions, steps.log_probs, advantages, advantages + steps.values, steps.masks, seen)
    batch = ppo.Batch(*(part if part is None else part[alive] for part in parts))
    losses = ppo.improve(agent, optimizer, args, order, batch, act)
    agent.actor.obs_moments.update(steps.obs[alive])
    if rollout.seen is not None:
        agent.seen_moments.update(rollout.seen[alive])
    return losses


if __name__ == "__main__":
    import tyro

    train(tyro.cli(Args, description=__doc__))
