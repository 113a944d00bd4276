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
    kinds: ClassVar[frozenset[str]] = frozenset({TARGET})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"weight": (1e-6, 1)}
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
        return self.trade(obs, self.edge(obs), 0.0, 0.0)

    @abstractmethod
    def trade(self, obs: np.ndarray, edge: np.ndarray, sooner: Any, calmer: Any) -> np.ndarray:
        """Actions for an edge, float64 (n,), in ticks.

        Args:
            sooner: ticks by which it takes earlier than its parameters say.
            calmer: by how much longer it keeps what it holds, 1: a great deal.
        """

    @property
    def corrections(self) -> tuple[str, ...]:
        """What the edge is thought to be, how soon it takes, and how long it keeps what it holds."""
        return "edge", "sooner", "calmer"

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """The averaged edge, in units of the observation, and the action that follows from it."""
        edge = self.edge(obs)
        told = np.column_stack([edge / self.desk.tick_scale, self.trade(obs, edge, 0.0, 0.0)])
        return told.astype(np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        ticks = change * self.desk.tick_scale
        return self.trade(obs, self.memory["edge"] + ticks[:, 0], ticks[:, 1], change[:, 2])

    def want(self, target: np.ndarray, manner: np.ndarray) -> np.ndarray:
        """Actions that ask for inventories, shares of the limit (n,), in a manner (n,)."""
        return np.stack(np.broadcast_arrays(np.clip(target, -1.0, 1.0), manner), -1).astype(np.float32)


@dataclass(frozen=True)
class SignalFollower(SignalTrader):
    """Wants an inventory in proportion to the edge, and leaves the one it has when the difference is small: the
    no-trade band of Garleanu and Pedersen (2013) for costs that grow with the size traded, in its plainest form.
    """

    full: float = 10.0
    """ticks of edge at which the inventory wanted is the limit"""
    band: float = 0.2
    """share of the limit by which the inventory may differ from the one wanted"""
    take_from: float = 4.0
    """ticks of edge from which it takes; below it rests at the touch"""
    name: ClassVar[str] = "signal follower"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**SignalTrader.ranges, "full": (1e-6, 1e6), "band": (0, 2)}

    def trade(self, obs: np.ndarray, edge: np.ndarray, sooner: Any, calmer: Any) -> np.ndarray:
        held = self.desk.shares(obs)[:, 0]
        aim = np.clip(edge / self.full, -1.0, 1.0)
        target = np.where(np.abs(aim - held) > self.band + calmer, aim, held)
        return self.want(target, np.where(np.abs(edge) >= self.take_from - sooner, TAKE, REST))

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {
            "weight": Span(0.03, 1.0, log=True, own="high"),
            "full": Span(2.0, 40.0, log=True),
            "band": Span(0.0, 0.8, own="low"),
            "take_from": Span(0.0, 15.0, own="low"),
        }


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

    def trade(self, obs: np.ndarray, edge: np.ndarray, sooner: Any, calmer: Any) -> np.ndarray:
        held = self.desk.shares(obs)[:, 0]
        enters = np.abs(edge) > self.enter - sooner
        stays = np.sign(held) * edge > (self.leave - calmer) * self.enter
        target = np.where(enters, np.sign(edge) * self.size, np.where(stays, held, 0.0))
        return self.want(target, np.where(enters, TAKE, REST))

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {
            "weight": Span(0.03, 1.0, log=True, own="high"),
            "enter": Span(1.0, 20.0, log=True),
            "leave": Span(-0.5, 0.8),
            "size": Span(0.1, 1.0, log=True, own="high"),
        }
