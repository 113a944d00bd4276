"""Where students learn: one seat of each market is the student's, opponents and a background hold the others.

The learner is that of `baselines/ippo.py`: its experience, its losses. Opponents are policies that stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from baselines import ippo
from baselines.learning.acting import NetworkPolicy
from baselines.learning.cloning import imitate
from baselines.learning.crowds import CrowdCollector, make_crowd, parties_of, spec_of_role
from baselines.learning.networks import Actor
from baselines.ppo import Agent
from leagues.imitation import watch
from leagues.players import FunctionPlayer, Player
from leagues.training_config import ArenaConfig
from qsl_envs.errors import require

SEEDS_APART = 1_000_000
"""Training seed s sees the worlds from s * SEEDS_APART on."""


class Scored:
    """An environment that keeps what the seats of one role had earned at the end of each episode.

    Attributes:
        games: (env, P&L float64 (seats,)) of the episodes that ended, in the order in which they did.
    """

    def __init__(self, envs: Any, role: str) -> None:
        self.envs, self.role = envs, role
        self.games: list[tuple[int, np.ndarray]] = []
        shape = (envs.num_envs, envs.roles[role].num_seats)
        self._pnl, self._over = np.zeros(shape), np.zeros(shape, bool)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.envs, name)

    def reset(self, **arguments: Any) -> Any:
        """Begin; what has not ended is forgotten."""
        mask = (arguments.get("options") or {}).get("reset_mask", slice(None))
        self._over[mask] = False
        return self.envs.reset(**arguments)

    def step(self, actions: Any) -> Any:
        """Step, and look at who has ended."""
        result = self.envs.step(actions)
        summary = result[4].get("episode_summary")
        if summary is not None:
            ended = summary[self.role]["_mask"]
            self._pnl[ended] = summary[self.role]["equity"][ended]
            before = self._over.all(1)
            self._over |= ended
            self.games += [(int(env), self._pnl[env].copy()) for env in np.flatnonzero(self._over.all(1) & ~before)]
        return result


class Student:
    """A network that learns, with everything that its learning needs to go on.

    Attributes:
        frames: steps of markets it has learned from.
        sessions: it has had since it began, or joined the pool last.
    """

    def __init__(self, arena: Arena, args: ippo.Args, seed: int) -> None:
        torch.manual_seed(seed)
        spec = spec_of_role(arena.envs, arena.config.role, hidden=(args.hidden, args.hidden))
        self.agent = Agent(spec, args.init_log_std)
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=args.learning_rate, eps=1e-5)
        self.frames = self.sessions = 0

    @property
    def taught(self) -> bool:
        """Whether observations have been looked at: who imitates has done so before its first session."""
        return bool(self.actor.obs_moments.count > 0)

    def state(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"agent": self.agent.state_dict(), "optimizer": self.optimizer.state_dict(), "frames": self.frames,
                "sessions": self.sessions}  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.frames, self.sessions = state["frames"], state["sessions"]

    @property
    def actor(self) -> Actor:
        """The policy's network."""
        return self.agent.actor


@dataclass(frozen=True)
class Session:
    """What came of a session.

    Attributes:
        opponents: their names, block by block.
        own, others: by block: P&L of the student, and the mean of its opponents, of each episode, ticks x lots.
        losses: of the last update.
        episode_return: mean sum of rewards of the student's episodes; NaN when none ended.
    """

    opponents: list[str]
    own: list[np.ndarray]
    others: list[np.ndarray]
    losses: dict[str, float]
    episode_return: float


class Arena:
    """The markets of a league, made once.

    Args:
        config: what they are.
        background: players of other roles, by the name that their specs have.

    Raises: ConfigError for sessions that are shorter than an episode.
    """

    def __init__(self, config: ArenaConfig, background: dict[str, Player]) -> None:
        self.config = config
        self.background = background
        self.envs = make_crowd(config.env_id, config.worlds, config.settings, threads=config.threads)
        self.seats = config.stage("train", 1).seats
        episode = -(-self.envs.market.config.session_ns // self.envs.roles[config.role].task.step_ns)
        steps = config.rollout_steps * config.rollouts
        allowed = f"{episode} or more: a session tells who won only where an episode ends"
        require(steps >= episode, config, "rollout_steps x rollouts", allowed, steps)

    def frozen(self, name: str, actor: Actor) -> Player:
        """A network as it is now, as a player: what it learns later does not change it."""
        policy = NetworkPolicy(actor, name)
        return FunctionPlayer(name, lambda envs, role: NetworkPolicy(policy.actor, name), (self.config.role,))

    def teach(self, student: Student, opponents: Sequence[Player], args: ippo.Args, seed: int, number: int,
              act: bool = True) -> Session:  # fmt: skip
        """One session: the student learns, everybody else stays as they are.

        Args:
            opponents: one a block of worlds; at all seats of the student's role but its own.
            seed: of the run.
            number: of the session; seed and number decide worlds, noise, and the student's seat.
            act: whether the policy learns; else its value only.
        """
        config = self.config
        torch.set_num_threads(1)
        seat = f"{config.role}_{number % self.seats[config.role]}"
        scored = Scored(self.envs, config.role)
        learners, met = parties_of(scored, [seat], self._met(seat, opponents), share=False)
        stream = np.random.SeedSequence((seed, number)).generate_state(2)
        collector = CrowdCollector(scored, learners, config.rollout_steps, args.gamma, int(stream[0]), central=False)
        order = torch.Generator().manual_seed(int(stream[1]))
        first = collector.begin(met, seed * SEEDS_APART + number * config.worlds)
        if not student.taught:
            student.actor.obs_moments.update(first[seat])
        losses: dict[str, float] = {}
        finished: list[float] = []
        for _ in range(config.rollouts):
            rollout = collector.collect({seat: student.agent})[seat]
            finished += learners[0].finished
            losses = ippo.learn(student.agent, student.optimizer, args, order, rollout, act)
        student.frames += config.frames
        student.sessions += 1
        mean = float(np.mean(finished)) if finished else float("nan")
        return Session([p.name for p in opponents], *self._games(scored, seat, len(opponents)), losses, mean)

    def imitate(self, student: Student, teacher: Player, seed: int, passes: int = 4) -> float:
        """Fit a new student to what a teacher does at every seat of the role, on a path beside the teacher's own.

        Args:
            passes: over the frames watched.

        Returns: mean squared difference of actions on the frames watched.
        """
        role, chance = self.config.role, np.random.default_rng((seed, 2))
        teachers = {seat: party[0] for seat, party in self._met("", [teacher]).items()}
        steps = self.config.rollout_steps * self.config.rollouts
        frames = watch(self.envs, teachers, (role,), steps, seed * SEEDS_APART, chance)[role]
        return imitate(student.actor, *frames, passes, seed)

    def _met(self, seat: str, opponents: Sequence[Player]) -> dict[str, list[Any]]:
        """Policies at every seat but the student's, one a block."""
        met = {}
        for role, count in self.seats.items():
            here = [spec.name for spec in self.config.background if spec.role == role]
            for k in range(count):
                if f"{role}_{k}" == seat:
                    continue
                if role == self.config.role:
                    players = list(opponents)
                else:
                    players = [self.background[here[(k + b) % len(here)]] for b in range(len(opponents))]
                met[f"{role}_{k}"] = [player.sit(self.envs, role) for player in players]
        return met

    def _games(self, scored: Scored, seat: str, blocks: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """P&L of the student and mean of the others, by block."""
        own_seat = int(seat.rpartition("_")[2])
        parts = np.array_split(np.arange(self.config.worlds), blocks)
        block_of = np.repeat(np.arange(blocks), [len(part) for part in parts])
        own: list[list[float]] = [[] for _ in range(blocks)]
        others: list[list[float]] = [[] for _ in range(blocks)]
        for env, pnl in scored.games:
            own[block_of[env]].append(float(pnl[own_seat]))
            others[block_of[env]].append(float(np.delete(pnl, own_seat).mean()))
        return [np.array(part) for part in own], [np.array(part) for part in others]
