"""Experience of several learners in shared markets: who learns at which seats, who else is there, what happened.

The batched multi-agent form in DISABLED mode: an env whose last agent has ended stands still, its last observations and
its last state are looked at, and it is begun anew by a mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

import qsl_envs
from baselines.learning.networks import ActorSpec
from baselines.learning.rollouts import Collectable, Rollout, spec_of_spaces
from baselines.policies.keyed import mix_seats
from baselines.policies.protocol import Policy
from qsl_envs.errors import ConfigError, require

Opponent = Policy | Sequence[Policy]
"""A policy, or several, each for an equal block of the worlds."""


class CrowdRollout(NamedTuple):
    """What one learner's seats lived through; rows of `steps` are env by env, seat by seat: (step, env x seat)."""

    steps: Rollout
    alive: Tensor
    """whether the seat took part in the step, bool (step, env x seat): the others are not to be learned from"""
    seen: Tensor | None
    """what a central critic sees beside the observation: the state and which seat it is, (step, env x seat, width)"""


@dataclass
class Party:
    """Seats of one role that the same learner or the same opponent moves."""

    name: str
    role: str
    seats: list[int]
    opponent: Opponent | None = None
    finished: list[float] = field(default_factory=list)
    """of a learner: returns of the parts of agents that ended in the last rollout"""


def parties_of(
    envs: Any, students: Sequence[str] | None, opponents: Mapping[str, Opponent], share: bool = True
) -> tuple[list[Party], list[Party]]:
    """Who learns and who is met: every seat once.

    Args:
        students: roles ("maker") or seats ("maker_0"); None: every seat that no opponent has.
        opponents: by role or seat; a seat's goes before its role's.
        share: whether the learning seats of a role have one network.
    Raises: ConfigError naming a seat with nobody at it, or something that is neither a role nor a seat.
    """
    agents = list(envs.possible_agents)
    place = {name: (name.rpartition("_")[0], int(name.rpartition("_")[2])) for name in agents}
    roles = list(dict.fromkeys(role for role, _ in place.values()))
    for name in (*(students or ()), *opponents):
        require(name in roles or name in place, "parties_of", "students and opponents", "roles or agents", name)
    learning: dict[str, Party] = {}
    met: dict[str, Party] = {}
    for name, (role, seat) in place.items():
        opponent = opponents.get(name, opponents.get(role) if name not in (students or ()) else None)
        if students is None and opponent is None or students is not None and (name in students or role in students):
            key = role if share else name
            learning.setdefault(key, Party(key, role, [])).seats.append(seat)
        elif opponent is not None:
            met[name] = Party(name, role, [seat], opponent)
        else:
            raise ConfigError(f"nobody moves {name}: it is no student and has no opponent; agents are {agents}")
    require(bool(learning), "parties_of", "students", "at least one seat", students)
    return list(learning.values()), list(met.values())


def make_crowd(env_id: str, num_envs: int, options: Mapping[str, Any], split: str = "train", threads: int = 1) -> Any:
    """A batched multi-agent environment to learn in, in DISABLED mode."""
    given = {"split": split, "num_threads": threads, "autoreset_mode": AutoresetMode.DISABLED, **options}
    return qsl_envs.make_marl_vec(env_id, num_envs, **given)


def spec_of_role(envs: Any, role: str, **shape: Any) -> ActorSpec:
    """The actor that a role asks for; see `rollouts.spec_of`."""
    return spec_of_spaces(envs.observation_space(role), envs.action_space(role), **shape)


class CrowdCollector:
    """Steps a batched multi-agent environment with one agent a learner, rollout after rollout.

    A seat that terminated is followed by value 0 and takes no more part until its env begins anew; one that was
    truncated is followed by the value of its last observation.

    Args:
        envs: made with `autoreset_mode="Disabled"`.
        students: who learns.
        num_steps: of each env, in a rollout.
        gamma: discount of a step.
        seed: of the noise on actions.
        central: also keep what a central critic sees.
    """

    def __init__(self, envs: Any, students: list[Party], num_steps: int, gamma: float, seed: int, central: bool):
        mode = envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.DISABLED, self, "envs.metadata['autoreset_mode']", "DISABLED", mode)
        self.envs, self.students, self.num_steps, self.gamma, self.central = envs, students, num_steps, gamma, central
        self.noise = torch.Generator().manual_seed(seed)
        self.agents = list(envs.possible_agents)

    def begin(self, met: list[Party], seed: int) -> dict[str, Tensor]:
        """Begin new worlds, env i that of `seed` + i; returns the first observations of each learner's seats."""
        obs, _ = self.envs.reset(seed=seed)
        n = self.envs.num_envs
        self.obs = {role: np.array(part) for role, part in obs.items()}
        self.alive = {role: np.ones(part.shape[:2], bool) for role, part in obs.items()}
        self.returns = {role: np.zeros(part.shape[:2]) for role, part in obs.items()}
        self.discounted = {party.name: torch.zeros(n * len(party.seats)) for party in self.students}
        self.state = self.envs.state() if self.central else None
        self.met = met
        for party in met:
            for policy, rows in self._blocks(party):
                policy.reset(mix_seats(seed + rows, self.agents.index(party.name)))
        return {party.name: self._rows(party, self.obs) for party in self.students}

    def _blocks(self, party: Party) -> list[tuple[Policy, np.ndarray]]:
        """The policies of an opponent's party, each with the envs that it plays in."""
        opponent = party.opponent
        policies = list(opponent) if isinstance(opponent, Sequence) else [opponent]
        parts = np.array_split(np.arange(self.envs.num_envs), len(policies))
        return [(policy, rows) for policy, rows in zip(policies, parts) if policy is not None and len(rows)]

    @staticmethod
    def _rows(party: Party, arrays: Mapping[str, np.ndarray]) -> Tensor:
        """A learner's part of arrays by role, (env x seat, ...), a copy."""
        part = arrays[party.role][:, party.seats]
        return torch.tensor(part.reshape(-1, *part.shape[2:]))

    def seen(self, party: Party) -> Tensor | None:
        """What a central critic sees of the party's seats beside their own observations, (env x seat, width)."""
        if self.state is None:
            return None
        which = np.eye(len(party.seats), dtype=np.float32)
        states = np.repeat(self.state, len(party.seats), axis=0)
        return torch.tensor(np.concatenate([states, np.tile(which, (self.envs.num_envs, 1))], axis=1))

    @torch.inference_mode()
    def collect(self, agents: Mapping[str, Any]) -> dict[str, CrowdRollout]:
        """The next `num_steps` of every env, by learner."""
        tales: dict[str, list[dict[str, Any]]] = {party.name: [] for party in self.students}
        for party in self.students:
            party.finished = []
        for _ in range(self.num_steps):
            before = {party.name: self._rows(party, self.alive).bool() for party in self.students}
            acts = {party.name: self._act(party, agents[party.name]) for party in self.students}
            for party in self.students:
                tale = tales[party.name]
                if tale:  # what followed the step before, unless the seat's part ended there
                    tale[-1]["next_values"] += (1.0 - tale[-1]["ended"]) * acts[party.name]["values"]
            reward, terminated, truncated = self._step(acts)
            for party in self.students:
                act = acts[party.name]
                after = self._after(party, agents[party.name], reward, terminated, truncated)
                tales[party.name].append({**act, **after, "alive": before[party.name]})
            self._begin_anew(terminated, truncated)
        found = {}
        for party in self.students:
            tale = tales[party.name]
            last = self._act(party, agents[party.name], draw=False)["values"]
            tale[-1]["next_values"] += (1.0 - tale[-1]["ended"]) * last
            names = [name for name in Rollout._fields if name not in ("masks", "state")]
            parts = {name: torch.stack([one[name] for one in tale]) for name in names}
            masks = None if tale[0]["masks"] is None else torch.stack([one["masks"] for one in tale])
            seen = None if tale[0]["seen"] is None else torch.stack([one["seen"] for one in tale])
            alive = torch.stack([one["alive"] for one in tale])
            found[party.name] = CrowdRollout(Rollout(**parts, masks=masks, state=None), alive, seen)
        return found

    def _act(self, party: Party, agent: Collectable, draw: bool = True) -> dict[str, Any]:
        """What a learner's seats see, do and expect now."""
        actor, obs, seen = agent.actor, self._rows(party, self.obs), self.seen(party)
        normal = actor.normalize(obs)
        out = actor.outputs(normal)[0]
        values = agent.value(normal if seen is None else agent.centrally(normal, seen))
        act: dict[str, Any] = {"obs": obs, "seen": seen, "values": values}
        if draw:
            discrete = actor.spec.head == "categorical"
            masks = self._rows(party, self.envs.action_masks()) if discrete else None
            draws = (torch.rand if discrete else torch.randn)(out.shape, generator=self.noise)
            actions = actor.draw(out, draws, masks)
            act |= {"actions": actions, "masks": masks, "log_probs": actor.log_prob(out, actions, masks)}
        return act

    def _step(self, acts: Mapping[str, dict[str, Any]]) -> tuple[Any, Any, Any]:
        """Step the envs with everybody's actions; rewards, terminations, truncations by role."""
        n, actions = self.envs.num_envs, {}
        for role, part in self.obs.items():
            space = self.envs.action_space(role)
            actions[role] = np.zeros((n, part.shape[1], *space.shape), space.dtype)
        for party in self.students:
            own = acts[party.name]["actions"].numpy().reshape(n, len(party.seats), *actions[party.role].shape[2:])
            actions[party.role][:, party.seats] = own if own.dtype == np.int64 else own.clip(-1, 1)
        for party in self.met:
            for policy, rows in self._blocks(party):
                actions[party.role][rows, party.seats[0]] = policy(self.obs[party.role][rows, party.seats[0]])
        obs, reward, terminated, truncated, _ = self.envs.step(actions)
        self.obs = {role: np.array(part) for role, part in obs.items()}
        self.state = self.envs.state() if self.central else None
        return reward, terminated, truncated

    def _after(
        self, party: Party, agent: Collectable, reward: Any, terminated: Any, truncated: Any
    ) -> dict[str, Tensor]:
        """What came of a learner's step: rewards, ends, and the values of seats that were cut off."""
        over, cut = self._rows(party, terminated) | self._rows(party, truncated), self._rows(party, truncated)
        cut &= ~self._rows(party, terminated)
        rewards, ended = self._rows(party, reward).float(), over.float()
        next_values = torch.zeros(len(rewards))
        if cut.any():
            next_values = torch.where(cut, self._act(party, agent, draw=False)["values"], next_values)
        returns = self.discounted[party.name] * self.gamma + rewards
        self.discounted[party.name] = returns * (1.0 - ended)
        self.returns[party.role][:, party.seats] += reward[party.role][:, party.seats]
        ends = (terminated[party.role] | truncated[party.role])[:, party.seats]
        party.finished += self.returns[party.role][:, party.seats][ends].tolist()
        discounts = torch.full_like(rewards, self.gamma)
        return {
            "rewards": rewards,
            "ended": ended,
            "next_values": next_values,
            "discounts": discounts,
            "returns": returns,
        }

    def _begin_anew(self, terminated: Any, truncated: Any) -> None:
        """Note who has left, and begin the next episode of the envs where nobody is left."""
        for role, alive in self.alive.items():
            ends = terminated[role] | truncated[role]
            alive &= ~ends
            self.returns[role][ends] = 0.0
        empty = ~np.concatenate(list(self.alive.values()), axis=1).any(1)
        if empty.any():
            obs, _ = self.envs.reset(options={"reset_mask": empty})
            self.obs = {role: np.array(part) for role, part in obs.items()}
            self.state = self.envs.state() if self.central else None
            for alive in self.alive.values():
                alive[empty] = True
