"""Tunes the roles of a multi-agent environment: the first seat of a role tries, all other seats play incumbents.

Roles are tuned one after the other; who is best in a role becomes its incumbent for those that follow. The worlds are
the same for every try, so a difference of two tries is one of policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.evaluate import Worlds
from baselines.evaluation.seats import METRICS, play_block
from baselines.policies.desk import ARBITRAGE, CHOICE, EXECUTION, QUOTES, ROUTING, TARGET, Desk
from baselines.policies.library import build, candidates
from baselines.policies.plain import DoNothing
from baselines.policies.protocol import Policy
from baselines.tuning.tune import BUDGET, LEAST_SIGMA, MOST_ENVS, SideBySide, Tell, Tuned, chosen, tunable

FIRST = {
    QUOTES: "inventory skew", CHOICE: "inventory skew", EXECUTION: "TWAP", ROUTING: "router by price and fee",
    ARBITRAGE: "cross-venue arbitrage", TARGET: "signal follower",
}  # fmt: skip
"""Kind of desk -> the incumbent before anything is tuned, with the middle of its space."""


@dataclass(frozen=True)
class Incumbent:
    """Who sits on the seats that do not try."""

    name: str
    parameters: dict[str, float]

    def build(self, desk: Desk) -> Policy:
        """A policy of its own, with its own memory."""
        return build(self.name, desk, self.parameters)


class Table:
    """A multi-agent environment with an incumbent in each role.

    Args:
        worlds: `make` makes its batched form.
    """

    def __init__(self, worlds: Worlds) -> None:
        self.worlds, self.envs = worlds, worlds.make(worlds.block)
        self.made: dict[int, Any] = {1: self.envs}
        """environments by how many policies play side by side in them"""
        self.seats: dict[str, int] = {role: made.num_seats for role, made in self.envs.roles.items()}
        self.desks = {role: Desk.of(self.envs, role) for role in self.seats}
        self.sigma = {role: self._sigma(role) for role in self.seats}
        self.incumbents = {
            role: Incumbent(FIRST[desk.kind], candidates(FIRST[desk.kind], desk, 1, self.sigma[role])[0])
            for role, desk in self.desks.items()
        }

    def _sigma(self, role: str) -> float:
        """Volatility of the mid that a role knows, in markets where nobody acts, from its own observation."""
        desk, everybody = self.desks[role], {name: DoNothing(desk) for name, desk in self.desks.items()}
        obs, _ = self.envs.reset(seed=self.worlds.first_seed)
        squares = []
        for _ in range(desk.num_steps - 1):
            given = {name: policy(obs[name][:, 0]) for name, policy in everybody.items()}
            obs = self.envs.step({name: np.repeat(a[:, None], self.seats[name], 1) for name, a in given.items()})[0]
            squares.append((obs[role][:, 0, desk.column("mid_change")].astype(np.float64) * desk.tick_scale) ** 2)
        return max(float(np.sqrt(np.mean(squares) / desk.step_s)), LEAST_SIGMA)

    def seated(self, role: str | None = None, trial: Policy | None = None) -> dict[str, list[Policy]]:
        """A policy for every seat: incumbents, but for a trial on the first seat of a role."""
        found = {name: [self.incumbents[name].build(self.desks[name]) for _ in range(n)]
                 for name, n in self.seats.items()}  # fmt: skip
        if role is not None and trial is not None:
            found[role][0] = trial
        return found

    def results(self, role: str, policies: Sequence[Policy]) -> list[dict[str, np.ndarray]]:
        """Metrics of the first seat of a role with each of these policies on it, float64 (world,) each."""
        side_by_side = max(1, MOST_ENVS // self.worlds.block)
        parts = [policies[first : first + side_by_side] for first in range(0, len(policies), side_by_side)]
        return [found for part in parts for found in self._side_by_side(role, part)]

    def _side_by_side(self, role: str, policies: Sequence[Policy]) -> list[dict[str, np.ndarray]]:
        """The same of as many as share one set of environments."""
        n, worlds = len(policies), self.worlds
        if n not in self.made:
            self.made[n] = worlds.make(worlds.block * n)
        parts = []
        for numbers, count in worlds.blocks():
            seeds = np.tile(worlds.first_seed + numbers, n)
            found = play_block(self.made[n], self.seated(role, SideBySide(policies)), seeds)[role]
            parts.append({metric: values[:, 0].reshape(n, -1)[:, :count] for metric, values in found.items()})
        return [{metric: np.concatenate([part[metric][k] for part in parts]) for metric in METRICS} for k in range(n)]

    def tune(self, role: str, names: Sequence[str] | None = None, budget: int = BUDGET,
             tell: Tell | None = None) -> dict[str, Tuned]:  # fmt: skip
        """Try every candidate of every policy on the first seat of a role; the best mean score wins, see `tune.tune`.

        The best of all becomes the role's incumbent.
        """
        desk = self.desks[role]
        grid = {name: candidates(name, desk, budget, self.sigma[role]) for name in names or tunable(desk)}
        found: dict[str, Tuned] = {}
        for name, tries in grid.items():
            results = self.results(role, [build(name, desk, parameters) for parameters in tries])
            found[name] = chosen(name, desk, self.sigma[role], tries, results)
            if tell:
                tell(len(found) / len(grid), f"{role}: {name}, {len(tries)} tries")
        winner = max(found.values(), key=lambda one: one.score)
        self.incumbents[role] = Incumbent(winner.name, winner.parameters)
        return found

    def opponents(self) -> dict[str, Any]:
        """Who is on the other seats, in plain values."""
        return {role: {"name": one.name, "parameters": one.parameters} for role, one in self.incumbents.items()}

    def close(self) -> None:
        """Close the environments."""
        for envs in self.made.values():
            envs.close()
