"""Traders on a signal: an estimate of how far the value is from the price, and when it is worth the costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from baselines.policies.desk import TARGET, Desk
from baselines.policies.protocol import Scripted
from baselines.policies.search import Space, Span

TAKE, REST = 0.0, -1.0
"""Manners of an action: take now, or rest at the touch."""


@dataclass(frozen=True)
class SignalTrader(Scripted, ABC):
    """Base of the traders on a signal: the error of the signal is fresh at each step, so it is averaged; what the price
    has moved in between is taken off.
    """

    weight: float = 0.5
    """of the newest signal in the average; 1: the signal as it comes"""
    share: float = 1.0
    """of what it takes, how much in one step, at least a lot: what a large order pays deep in the book, small ones that
    the book has time to fill up after do not (the partial adjustment of Garleanu and Pedersen 2013)"""
    kinds: ClassVar[frozenset[str]] = frozenset({TARGET})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"weight": (1e-6, 1), "share": (0, 1)}
    memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reset(self, seeds: np.ndarray) -> None:
        """No signal has been heard yet."""
        self.memory.clear()

    def edge(self, obs: np.ndarray) -> np.ndarray:
        """How many ticks the value is above the known mid, as far as the signals so far tell, float64 (n,)."""
        d = self.desk
        told = obs[:, d.column("signal")].astype(np.float64) * d.tick_scale
        if self.memory:
            moved = obs[:, d.column("mid_change")].astype(np.float64) * d.tick_scale
            averaged = (1.0 - self.weight) * (self.memory["edge"] - moved) + self.weight * told
            told = np.where(np.isnan(averaged), told, averaged)  # nothing was heard yet where an episode begins
        self.memory["edge"] = told
        return told

    def forget(self, rows: np.ndarray) -> None:
        """No signal has been heard in these rows."""
        if self.memory:
            self.memory["edge"] = np.where(rows, np.nan, self.memory["edge"])

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        return self.trade(obs, self.edge(obs), 0.0, 0.0, 0.0)

    @abstractmethod
    def goal(self, held: np.ndarray, edge: np.ndarray, longer: Any, sooner: Any) -> np.ndarray:
        """The inventory that it means to come to from `held` with an edge of so many ticks, shares of the limit (n,).

        Args:
            longer: share of the limit by which it wants to be longer than its parameters say.
            sooner: ticks by which it takes earlier than they say.
        """

    @abstractmethod
    def takes(self, side: np.ndarray, edge: np.ndarray, sooner: Any) -> np.ndarray:
        """Whether it takes, bool (n,), when it buys (`side` 1), sells (-1) or does nothing (0)."""

    def trade(self, obs: np.ndarray, edge: np.ndarray, longer: Any, sooner: Any, more: Any) -> np.ndarray:
        """Actions for an edge, float64 (n,), in ticks.

        Args:
            longer, sooner: see `goal`.
            more: share of the way to its goal that it goes in this step beside what its parameters say.
        """
        held = self.desk.shares(obs)[:, 0]
        goal = self.goal(held, edge, longer, sooner)
        takes = self.takes(np.sign(goal - held), edge, sooner)
        share = np.clip(np.where(takes, self.share, 1.0) + more, 0.0, 1.0)
        return self.want(self.on_the_way(held, goal, share), np.where(takes, TAKE, REST))

    def on_the_way(self, held: np.ndarray, goal: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Inventories a share of the way from those held to a goal, at least a lot of it where the share is not 0."""
        way = np.abs(goal - held)
        gone = np.maximum(share * way, np.where(share > 0.0, 1.0 / self.desk.inventory_scale, 0.0))
        return np.where((share >= 1.0) | (gone >= way), goal, held + np.sign(goal - held) * gone)

    @property
    def corrections(self) -> tuple[str, ...]:
        """The inventory that it wants, how soon it takes, and how far it goes in one step."""
        return "longer", "sooner", "more"

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """The averaged edge and the edge of what it is about to trade, in units of the observation; the way to its
        goal; and the action that follows.
        """
        edge, held = self.edge(obs), self.desk.shares(obs)[:, 0]
        way = self.goal(held, edge, 0.0, 0.0) - held
        ticks = np.stack([edge, np.sign(way) * edge], -1) / self.desk.tick_scale
        return np.column_stack([ticks, way, self.trade(obs, edge, 0.0, 0.0, 0.0)]).astype(np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        sooner = change[:, 1] * self.desk.tick_scale
        return self.trade(obs, self.memory["edge"], change[:, 0], sooner, change[:, 2])

    def want(self, target: np.ndarray, manner: np.ndarray) -> np.ndarray:
        """Actions that ask for inventories, shares of the limit (n,), in a manner (n,)."""
        return np.stack(np.broadcast_arrays(np.clip(target, -1.0, 1.0), manner), -1).astype(np.float32)


@dataclass(frozen=True)
class SignalFollower(SignalTrader):
    """Wants an inventory in proportion to the edge, leaves the one it has when the difference is small (the band of
    Davis and Norman 1990, for costs in proportion to what is traded), and goes a share of the way in one step (the
    partial adjustment of Garleanu and Pedersen 2013, for costs that grow with the size).
    """

    full: float = 10.0
    """ticks of edge at which the inventory wanted is the limit"""
    band: float = 0.2
    """share of the limit by which the inventory may differ from the one wanted"""
    take_from: float = 4.0
    """ticks of edge from which it takes; below it rests at the touch"""
    sided: float = 0.0
    """1: only the edge of the trade counts, so that it never pays the spread to trade against its own signal"""
    name: ClassVar[str] = "signal follower"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **SignalTrader.ranges,
        "full": (1e-6, 1e6),
        "band": (0, 2),
        "sided": (0, 1),
    }

    def goal(self, held: np.ndarray, edge: np.ndarray, longer: Any, sooner: Any) -> np.ndarray:
        aim = np.clip(np.clip(edge / self.full, -1.0, 1.0) + longer, -1.0, 1.0)
        return np.where(np.abs(aim - held) > self.band, aim, held)

    def takes(self, side: np.ndarray, edge: np.ndarray, sooner: Any) -> np.ndarray:
        return (side * edge if self.sided else np.abs(edge)) >= self.take_from - sooner

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {
            "weight": Span(0.1, 1.0, log=True, own="high"),
            "full": Span(3.0, 40.0, log=True),
            "band": Span(0.0, 0.3, own="low"),
            "take_from": Span(0.0, 12.0, own="low"),
            "share": Span(0.2, 1.0, log=True, own="high"),
        }

    @classmethod
    def settings(cls, desk: Desk, sigma: float, point: dict[str, float]) -> dict[str, float]:
        """What is tuned never trades against its own signal at a price."""
        return {**point, "sided": 1.0}


@dataclass(frozen=True)
class SignalThreshold(SignalTrader):
    """All or nothing: takes `size` when the edge passes `enter`, and gives it back, resting, when the edge has fallen
    to `leave` times that.
    """

    enter: float = 6.0
    """ticks"""
    leave: float = 0.0
    """share of `enter`"""
    size: float = 1.0
    """share of the limit"""
    name: ClassVar[str] = "signal threshold"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **SignalTrader.ranges, "enter": (0, 1e6), "leave": (-1, 1), "size": (0, 1),
    }  # fmt: skip

    def goal(self, held: np.ndarray, edge: np.ndarray, longer: Any, sooner: Any) -> np.ndarray:
        stays = np.sign(held) * edge > self.leave * self.enter
        goal = np.where(self.takes(held, edge, sooner), np.sign(edge) * self.size, np.where(stays, held, 0.0))
        return np.clip(goal + longer, -1.0, 1.0)

    def takes(self, side: np.ndarray, edge: np.ndarray, sooner: Any) -> np.ndarray:
        return np.abs(edge) > self.enter - sooner

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {
            "weight": Span(0.1, 1.0, log=True, own="high"),
            "enter": Span(2.0, 15.0, log=True),
            "leave": Span(-0.5, 1.0, own="high"),
            "size": Span(0.2, 1.0, log=True, own="high"),
            "share": Span(0.1, 1.0, log=True, own="high"),
        }
