"""Two market games so small that everything about them is known exactly: payoffs, best responses, equilibria.

They are the ground truth for self-play: what learns here is measured against the equilibrium of `leagues.oracle`, not
against other learners. Both are symmetric, played once, by players who choose a number on a grid at the same time.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from leagues import oracle
from leagues.solvers import nash_conv_roles, values_of
from qsl_envs.errors import require

MAX_PROFILES = 200_000
"""Entries that a table of payoffs may have."""


def exact(number: float | Fraction) -> Fraction:
    """A setting as the fraction that was meant: 0.3 is 3/10."""
    return Fraction(number).limit_denominator(1_000_000)


class MarketGame(ABC):
    """A symmetric game with exact payoffs.

    Actions are 0 to `num_actions - 1`. A player's strategy is a mixture, float64 (num_actions,); what all players do is
    a sequence of mixtures, one each.
    """

    name: ClassVar[str]
    measure_name: ClassVar[str]
    """What `measure` measures."""

    @property
    @abstractmethod
    def num_players(self) -> int:
        """Players."""

    @property
    @abstractmethod
    def num_actions(self) -> int:
        """Actions of each of them."""

    @abstractmethod
    def pay(self, profile: Sequence[int]) -> tuple[Fraction, ...]:
        """Expected payoff of each player, exactly, when player i takes action `profile[i]`."""

    @abstractmethod
    def measure_of(self, profile: Sequence[int]) -> Fraction:
        """What the market is like when the players act so: see `measure_name`."""

    @abstractmethod
    def draw(self, actions: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """Play once: realized payoffs float64 (n, players) of actions int64 (n, players); their mean is `pay`."""

    @cached_property
    def tables(self) -> list[np.ndarray]:
        """Expected payoffs of each player, float64 (actions, ..., actions)."""
        shape = (self.num_actions,) * self.num_players
        require(math.prod(shape) <= MAX_PROFILES, self, "profiles", f"at most {MAX_PROFILES}", math.prod(shape))
        tables = [np.empty(shape) for _ in range(self.num_players)]
        for profile in itertools.product(range(self.num_actions), repeat=self.num_players):
            for table, value in zip(tables, self.pay(profile)):
                table[profile] = float(value)
        return tables

    @cached_property
    def _measures(self) -> np.ndarray:
        measures = np.empty((self.num_actions,) * self.num_players)
        for profile in itertools.product(range(self.num_actions), repeat=self.num_players):
            measures[profile] = float(self.measure_of(profile))
        return measures

    def values(self, mixtures: Sequence[np.ndarray], player: int = 0) -> np.ndarray:
        """What each action of a player earns, float64 (actions,), while the others draw from their mixtures."""
        return values_of(self.tables[player], mixtures, player)

    def best_response(self, mixtures: Sequence[np.ndarray], player: int = 0) -> tuple[int, float]:
        """The best action of a player against the others' mixtures (the lowest of equals), and what it earns."""
        values = self.values(mixtures, player)
        best = int(np.flatnonzero(values >= values.max() - 1e-12)[0])
        return best, float(values[best])

    def exploitability(self, mixtures: Sequence[np.ndarray]) -> float:
        """Mean over the players of what a best response would gain: 0 exactly in an equilibrium; NashConv / players."""
        return nash_conv_roles(self.tables, mixtures) / self.num_players

    def measure(self, mixtures: Sequence[np.ndarray]) -> float:
        """Expectation of `measure_name` under the mixtures."""
        left = self._measures
        for mixture in mixtures:
            left = np.tensordot(mixture, left, axes=(0, 0))
        return float(left)

    def welfare(self, mixtures: Sequence[np.ndarray]) -> float:
        """Mean over the players of what they earn."""
        return float(np.mean([values_of(t, mixtures, k) @ mixtures[k] for k, t in enumerate(self.tables)]))

    @cached_property
    def equilibria(self) -> list[np.ndarray]:
        """Every symmetric equilibrium (of a segment its ends), float64 (actions,) each: see `leagues.oracle`."""
        return [np.array(list(map(float, mixture))) for mixture in oracle.symmetric_equilibria(self)]

    def nash_measure(self) -> tuple[float, float]:
        """Lowest and highest `measure` of the symmetric equilibria."""
        found = [self.measure([mixture] * self.num_players) for mixture in self.equilibria]
        return min(found), max(found)

    def above_nash(self, mixtures: Sequence[np.ndarray]) -> float:
        """How far `measure` lies above the highest equilibrium's, or below the lowest one's (negative); 0 between."""
        low, high = self.nash_measure()
        found = self.measure(mixtures)
        return max(found - high, 0.0) + min(found - low, 0.0)


@dataclass(frozen=True, kw_only=True)
class Dealers(MarketGame):
    """Dealers quote half-spreads on a tick grid; one taker comes, who may know more than they do.

    The value is 0 or, once known, `jump` ticks up or down with equal chances. With chance `informed` the taker knows
    which, and trades one lot at the best quote if that is nearer than the jump. Else he buys or sells by a coin, with a
    reservation even among 1, ..., `patience` ticks, and trades if the best half-spread is not wider. Dealers who share
    the best quote get the trade by lot. So a best quote of k ticks earns k (1 - informed) D(k) - informed max(jump - k,
    0): spreads pay for adverse selection as in Glosten and Milgrom (1985), and dealers undercut as in Bertrand.
    """

    dealers: int = 2
    """> 1"""
    ticks: int = 10
    """widest half-spread that can be quoted; action k quotes k ticks"""
    informed: float = 0.35
    """chance that the taker knows the value, in [0, 1]"""
    jump: int = 7
    """ticks"""
    patience: int = 10
    """highest reservation, ticks"""
    name: ClassVar[str] = "dealers"
    measure_name: ClassVar[str] = "best half-spread, ticks"

    def __post_init__(self) -> None:
        require(2 <= self.dealers <= 4, self, "dealers", "in [2, 4]", self.dealers)
        require(1 <= self.ticks <= 40, self, "ticks", "in [1, 40]", self.ticks)
        require(0 <= self.informed <= 1, self, "informed", "in [0, 1]", self.informed)
        require(self.jump >= 0, self, "jump", ">= 0 ticks", self.jump)
        require(self.patience >= 1, self, "patience", ">= 1 tick", self.patience)

    @property
    def num_players(self) -> int:
        """Dealers."""
        return self.dealers

    @property
    def num_actions(self) -> int:
        """Half-spreads, 0 to `ticks`."""
        return self.ticks + 1

    def profit(self, half_spread: int) -> Fraction:
        """What a dealer alone at the best quote expects, ticks x lots."""
        informed = exact(self.informed)
        demand = Fraction(min(max(self.patience - half_spread + 1, 0), self.patience), self.patience)
        return (1 - informed) * half_spread * demand - informed * max(self.jump - half_spread, 0)

    def pay(self, profile: Sequence[int]) -> tuple[Fraction, ...]:
        """Equal shares of `profit` to those at the best quote."""
        best = min(profile)
        share = self.profit(best) / list(profile).count(best)
        return tuple(share if quote == best else Fraction(0) for quote in profile)

    def measure_of(self, profile: Sequence[int]) -> Fraction:
        """The best half-spread."""
        return Fraction(min(profile))

    def draw(self, actions: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """One taker in each of n markets."""
        n = len(actions)
        best = actions.min(1)
        knows = chance.random(n) < self.informed
        trades = np.where(knows, self.jump > best, chance.integers(1, self.patience + 1, n) >= best)
        gain = np.where(knows, best - self.jump, best) * trades
        lots = chance.random(actions.shape) * (actions == best[:, None])
        return gain[:, None] * (lots.argmax(1)[:, None] == np.arange(actions.shape[1]))


@dataclass(frozen=True, kw_only=True)
class Race(MarketGame):
    """A stale quote is worth `prize` to who takes it first; every step of speed costs, won or lost.

    Action k buys k steps of speed for k x `cost`, before the news comes. The fastest racer takes the quote; among
    equals a draw decides, as at a venue. It is the race of Budish, Cramton and Shim (2015) played once: an all-pay
    auction, in which no speed is best against itself, so equilibria are mixed.
    """

    racers: int = 2
    """> 1"""
    steps: int = 8
    """most steps of speed"""
    prize: float = 7.5
    """what the stale quote is worth"""
    cost: float = 1.0
    """of a step of speed"""
    name: ClassVar[str] = "race"
    measure_name: ClassVar[str] = "spent on speed, all racers"

    def __post_init__(self) -> None:
        require(2 <= self.racers <= 4, self, "racers", "in [2, 4]", self.racers)
        require(1 <= self.steps <= 40, self, "steps", "in [1, 40]", self.steps)
        require(self.prize > 0, self, "prize", "> 0", self.prize)
        require(self.cost > 0, self, "cost", "> 0", self.cost)

    @property
    def num_players(self) -> int:
        """Racers."""
        return self.racers

    @property
    def num_actions(self) -> int:
        """Speeds, 0 to `steps`."""
        return self.steps + 1

    def pay(self, profile: Sequence[int]) -> tuple[Fraction, ...]:
        """The prize in equal shares to the fastest, less what each has spent."""
        best = max(profile)
        share, cost = exact(self.prize) / list(profile).count(best), exact(self.cost)
        return tuple((share if speed == best else Fraction(0)) - speed * cost for speed in profile)

    def measure_of(self, profile: Sequence[int]) -> Fraction:
        """What all racers spend."""
        return sum(profile) * exact(self.cost)

    def draw(self, actions: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """One race in each of n markets."""
        lots = chance.random(actions.shape) * (actions == actions.max(1, keepdims=True))
        first = lots.argmax(1)[:, None] == np.arange(actions.shape[1])
        return self.prize * first - self.cost * actions


GAMES: dict[str, type[Dealers] | type[Race]] = {game.name: game for game in (Dealers, Race)}
"""By the name that commands use."""
