"""Parent orders worked around a schedule: far behind it they take, near it they rest, far ahead of it they wait.

The schedules are those of the in-kernel executors (`qsl_envs.participants.executors`). At a desk of several venues each
venue is worked alike: takes and resting lots are split evenly; `routing.Router` chooses between them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from baselines.policies.desk import EXECUTION, ROUTING, Desk
from baselines.policies.protocol import Scripted
from baselines.policies.rows import ac_rows, pov_rows, twap_rows, vwap_rows
from baselines.policies.search import Space, Span
from qsl_envs.participants.quotes import ac_kappa

ETA = 0.05
"""Temporary impact that the tuner assumes, ticks x seconds per lot: only the urgency that follows from it matters."""


@dataclass(frozen=True)
class Executor(Scripted, ABC):
    """Base of the executors; a subclass says what is due.

    What is more than `slack` behind is taken, what is due beside that and `ahead` of it rests, and all that is left is
    taken at the last decision. With both 0 it is the bare schedule, in slices that take.
    """

    slack: float = 0.0
    """share of the parent order by which it may be behind its schedule without taking"""
    ahead: float = 0.0
    """share of the parent order by which what rests may run ahead of the schedule"""
    offset: float = 0.0
    """ticks behind the touch at which it rests; at a desk of several venues always at the touch"""
    stay: float = 0.0
    """ticks behind the touch up to which lots that rest keep their place in the queue when the touch moves away; at a
    desk of several venues they never do"""
    kinds: ClassVar[frozenset[str]] = frozenset({EXECUTION, ROUTING})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "slack": (0, 1), "ahead": (0, 1), "offset": (0, math.inf), "stay": (0, math.inf),
    }  # fmt: skip

    @abstractmethod
    def due(self, obs: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Lots that are to be traded by the end of this slice, int64 (n,), when `left` (int64 (n,)) are not yet."""

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        return self.work(obs, self.behind(obs), 0, 0, 0.0)

    def behind(self, obs: np.ndarray) -> np.ndarray:
        """Lots by which it is behind its schedule, int64 (n,)."""
        unfilled, left = self.unfilled(obs)
        return self.due(obs, left) - (self.desk.parent_qty - unfilled)

    def unfilled(self, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lots of the parent order that are not filled, and their size: more than all may have been filled, and then
        the rest is to be traded back; both int64 (n,).
        """
        share = obs[:, self.desk.column("parent_left")].astype(np.float64)
        unfilled = np.rint(share * self.desk.parent_qty).astype(np.int64)
        return unfilled, np.abs(unfilled)

    def work(self, obs: np.ndarray, behind: np.ndarray, sooner: Any, further: Any, deeper: Any) -> np.ndarray:
        """Actions where it is `behind` by so many lots, (n,).

        Args:
            sooner: lots that it takes beside those that its parameters say.
            further: lots beside those that it lets rest ahead of its schedule.
            deeper: ticks beside `offset`.
        """
        d = self.desk
        left = self.unfilled(obs)[1]
        last = d.slice(obs) == d.num_steps - 1
        now = np.clip(np.where(last, left, behind + sooner - math.floor(self.slack * d.parent_qty)), 0, left)
        rest = np.clip(behind - now + further + math.floor(self.ahead * d.parent_qty), 0, left - now)
        return self.place(obs, left, now, rest, deeper)

    @property
    def corrections(self) -> tuple[str, ...]:
        """Lots that are taken now, lots that rest, and how deep they rest."""
        return "sooner", "further", "deeper"

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """How far behind it is, a share of the parent order, and the action that follows."""
        behind = self.behind(obs)
        told = np.column_stack([behind / self.desk.parent_qty, self.work(obs, behind, 0, 0, 0.0)])
        return told.astype(np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        d = self.desk
        behind = np.rint(hints[:, 0].astype(np.float64) * d.parent_qty).astype(np.int64)
        sooner, further = np.rint(change[:, :2].T.astype(np.float64) * d.parent_qty).astype(np.int64)
        return self.work(obs, behind, sooner, further, change[:, 2] * d.max_offset)

    def place(self, obs: np.ndarray, left: np.ndarray, now: np.ndarray, rest: np.ndarray, deeper: Any) -> np.ndarray:
        """Actions that take `now` of `left` lots and let `rest` of the others rest, all int64 (n,), `deeper` than
        `offset` by so many ticks.
        """
        d = self.desk
        if d.kind == ROUTING:
            return route(left, split(now, d.num_venues), split(rest, d.num_venues))
        depth = np.clip(self.depth(obs, deeper) / d.max_offset, 0.0, 1.0) if d.max_offset else np.zeros(left.shape)
        shares = [now / np.maximum(left, 1), rest / np.maximum(left - now, 1), depth]
        return (2.0 * np.stack(shares, -1) - 1.0).astype(np.float32)

    def depth(self, obs: np.ndarray, deeper: Any) -> np.ndarray:
        """Ticks behind the known touch at which it rests, float64 (n,): where its lots stand, if they may stay there.

        Args:
            deeper: ticks beside `offset`, and beside `stay`.
        """
        d = self.desk
        wanted = np.broadcast_to(self.offset + deeper, (len(obs),)).astype(np.float64)
        if not self.stay:
            return wanted
        buys = obs[:, d.column("parent_side")] > 0

        def own(name: str) -> np.ndarray:
            """Of the side that it trades."""
            return np.where(buys, obs[:, d.column(name.format("bid"))], obs[:, d.column(name.format("ask"))])

        behind = np.rint((own("own_{}_distance").astype(np.float64) - own("{}_distance_0")) * d.tick_scale)
        stays = (own("own_{}_qty") > 0) & (behind > wanted - 1.0) & (behind <= self.stay + deeper)
        return np.where(stays, behind, wanted)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {**waiting(desk), **cls.own_space(desk, sigma)}

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        """What the tuner searches of the schedule itself."""
        return {}


def waiting(desk: Desk) -> Space:
    """How patiently the tuner tries to wait."""
    found = {"slack": Span(0.0, 1.0, own="both"), "ahead": Span(0.0, 1.0, own="both")}
    if desk.kind == EXECUTION:
        found["offset"] = Span(0.0, min(2.0, desk.max_offset), whole=True, own="low")
        found["stay"] = Span(0.0, desk.max_offset, whole=True, own="both")
    return found


def split(qty: np.ndarray, parts: int) -> np.ndarray:
    """Whole lots in even parts, the first ones larger by one where it does not come out even, int64 (n, parts)."""
    return qty[:, None] // parts + (np.arange(parts) < qty[:, None] % parts)


def route(left: np.ndarray, now: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Actions of a routing desk that take `now` and rest `rest` lots, both (n, venue), of `left`, (n,)."""
    shares = np.stack([now, rest], -1) / np.maximum(left, 1)[:, None, None]
    return np.clip(2.0 * shares - 1.0, -1.0, 1.0).astype(np.float32).reshape(len(left), -1)


@dataclass(frozen=True)
class Twap(Executor):
    """Even slices over the session."""

    name: ClassVar[str] = "TWAP"

    def due(self, obs: np.ndarray, left: np.ndarray) -> np.ndarray:
        due = np.empty(len(obs), np.int64)
        twap_rows(self.desk.parent_qty, self.desk.slice(obs), self.desk.num_steps, due)
        return due


@dataclass(frozen=True)
class Vwap(Executor):
    """Slices in proportion to a U-shaped volume, of density 1 + curve ((2 u - 1)^2 - 1/3)."""

    curve: float = 1.0
    """0: even"""
    name: ClassVar[str] = "VWAP"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**Executor.ranges, "curve": (0, 3)}

    def due(self, obs: np.ndarray, left: np.ndarray) -> np.ndarray:
        due = np.empty(len(obs), np.int64)
        vwap_rows(self.desk.parent_qty, self.desk.slice(obs), self.desk.num_steps, self.curve, due)
        return due

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        return {"curve": Span(0.0, 3.0, own="both")}


@dataclass(frozen=True)
class Pov(Executor):
    """A share of the volume that others trade, as far as it is observed: the net of what aggressors bought and sold in
    each step, summed over venues, without what it took itself.
    """

    share: float = 0.1
    """of the observed volume, own trades included"""
    name: ClassVar[str] = "POV"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**Executor.ranges, "share": (1e-6, 0.99)}
    memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reset(self, seeds: np.ndarray) -> None:
        """Nobody has traded yet."""
        self.memory.clear()

    def due(self, obs: np.ndarray, left: np.ndarray) -> np.ndarray:
        d, before = self.desk, self.memory
        net = obs[:, d.books("print_volume")].astype(np.float64).sum(1) * d.qty_scale
        if before:
            side = obs[:, d.column("parent_side")]
            own = np.minimum(before["asked"], np.maximum(before["left"] - left, 0))
            before["others"] = before["others"] + np.abs(net - side * own)
        else:
            before.update(others=np.abs(net), asked=np.zeros(len(obs), np.int64))
        before["left"] = left
        due = np.empty(len(obs), np.int64)
        pov_rows(d.parent_qty, before["others"], self.share, due)
        return due

    def forget(self, rows: np.ndarray) -> None:
        """Nobody has traded yet in these rows."""
        first = {"others": 0.0, "asked": 0, "left": self.desk.parent_qty}
        self.memory.update({key: np.where(rows, first[key], values) for key, values in self.memory.items()})

    def place(self, obs: np.ndarray, left: np.ndarray, now: np.ndarray, rest: np.ndarray, deeper: Any) -> np.ndarray:
        self.memory["asked"] = now
        return super().place(obs, left, now, rest, deeper)

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        return {"share": Span(0.02, 0.6, log=True)}


@dataclass(frozen=True)
class AlmgrenChriss(Executor):
    """The trajectory of Almgren and Chriss (2000): faster at first, the more so the more risk weighs."""

    risk_aversion: float = 1e-4
    """lambda, per tick and lot"""
    sigma: float = 2.0
    """ticks per square root of a second"""
    eta: float = ETA
    """temporary impact, ticks x seconds per lot"""
    impact: float = 0.0
    """permanent impact (gamma), ticks per lot"""
    name: ClassVar[str] = "Almgren-Chriss"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **Executor.ranges, "risk_aversion": (0, 1e6), "sigma": (0, 1e6), "eta": (1e-9, 1e6), "impact": (0, 1e6),
    }  # fmt: skip

    def due(self, obs: np.ndarray, left: np.ndarray) -> np.ndarray:
        d, due = self.desk, np.empty(len(obs), np.int64)
        kappa = float(ac_kappa(self.risk_aversion, self.sigma, self.eta, self.impact, d.session_s / d.num_steps))
        ac_rows(d.parent_qty, d.slice(obs), d.num_steps, d.session_s, kappa, due)
        return due

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        return {"urgency": Span(0.3, 10.0, log=True)}

    @classmethod
    def settings(cls, desk: Desk, sigma: float, point: dict[str, float]) -> dict[str, float]:
        """`urgency` is kappa T, in how many e-foldings the parent order shrinks: lambda is what gives it."""
        point = dict(point)
        tau = desk.session_s / desk.num_steps
        kappa = point.pop("urgency") / desk.session_s
        risk_aversion = 2.0 * (math.cosh(kappa * tau) - 1.0) / tau**2 * ETA / sigma**2
        return {"risk_aversion": risk_aversion, "sigma": sigma, "eta": ETA, **point}
