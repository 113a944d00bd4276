"""Market makers that follow a formula of `qsl_envs.participants.quotes`, at desks that quote.

They act in one symbol or in several, with sizes or by a choice, and in the model of Avellaneda and Stoikov; there
prices, times and lots are the model's own, elsewhere ticks, seconds and lots.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from baselines.policies.desk import CHOICE, MODEL, QUOTES, Desk
from baselines.policies.protocol import Scripted
from baselines.policies.rows import as_rows, fixed_rows, glft_rows
from baselines.policies.search import Space, Span
from qsl_envs.participants.quotes import base_spread, glft_slope

FULL_SHIFT = (0.1, 2.0)
"""Ticks by which a full inventory moves the quotes, as shares of the largest offset: what the tuner looks between."""
MOST_STAY = (4.0, 0.4)
"""Most ticks by which a quote may be off and stay that the tuner tries: so many, or this share of the largest offset
where that is more."""
WHOLE = 1e-3
"""Ticks that a distance which is read from an observation (float32) may be off."""


@dataclass(frozen=True)
class Maker(Scripted, ABC):
    """Base of the makers: one quote of `qty` lots a side and symbol; a subclass says how far from the mid."""

    stay: float = field(default=0.0, kw_only=True)
    """ticks by which a quote that stands may be off what the formula asks for and stays, with its place in the queue"""
    kinds: ClassVar[frozenset[str]] = frozenset({QUOTES, CHOICE, MODEL})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"stay": (0, math.inf)}

    @abstractmethod
    def offsets(self, obs: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> None:
        """Write the distances of the quotes from the known mid, float64 (n x symbol,)."""

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        offsets, qty = self.wanted(obs), self.parameters()["qty"]  # every maker has it, each in its own place
        return self.desk.quotes(*self.standing(obs, offsets), qty, qty)

    def wanted(self, obs: np.ndarray) -> np.ndarray:
        """Distances of the bid and the ask from the known mid that the formula asks for, float64 (2, n, symbol)."""
        bid, ask = np.empty((2, len(obs) * self.desk.num_symbols))
        self.offsets(obs, bid, ask)
        return np.stack([bid, ask]).reshape(2, len(obs), -1)

    def standing(self, obs: np.ndarray, offsets: np.ndarray, more: np.ndarray | None = None) -> np.ndarray:
        """The same, (2, n, symbol), and where a quote stands near enough to them, its own distance.

        Args:
            more: ticks by which a quote may be further off than `stay`, (2, n, symbol).
        """
        d = self.desk
        if not self.stay:
            return offsets
        found = []
        within = np.broadcast_to(self.stay, offsets.shape) if more is None else self.stay + more
        for side, wanted, near in zip(("bid", "ask"), offsets, within):
            own = [
                [d.column(f"own_{side}_{what}", symbol=s) for s in range(d.num_symbols)] for what in ("qty", "distance")
            ]
            stands = obs[:, own[1]].astype(np.float64) * d.tick_scale
            # a mid may lie between two ticks: a whole distance below such a mid is rounded outwards by half a tick
            asked = np.floor(stands + WHOLE)
            stays = (obs[:, own[0]] > 0) & (np.abs(stands - wanted) <= near + WHOLE)
            if d.offsets:  # one that no choice asks for cannot be kept
                stays &= np.isin(asked, d.offsets)
            found.append(np.where(stays, asked, wanted))
        return np.stack(found)

    @property
    def corrections(self) -> tuple[str, ...]:
        """With `stay`: the numbers of the action, and of each quote how far off it may be and stay."""
        symbols = range(self.desk.num_symbols) if self.stay else ()
        return (*super().corrections, *(f"{side}_stay_{s}" for s in symbols for side in ("bid", "ask")))

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """The action that the formula asks for, wherever its quotes stand."""
        if not self.stay:
            return super().hints(obs)
        qty = self.parameters()["qty"]
        return self.desk.quotes(*self.wanted(obs), qty, qty).astype(np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        """With `stay`, a correction moves what is wanted, so that one that is smaller moves no quote that stands; or it
        says that a place in the queue is given up sooner or later.
        """
        if not self.stay:
            return super().corrected(obs, hints, change)
        d = self.desk
        change = np.asarray(change, np.float64)
        numbers, stays = change[:, : 4 * d.num_symbols], change[:, 4 * d.num_symbols :]
        moved = np.moveaxis(numbers.reshape(len(obs), d.num_symbols, 4), -1, 0)
        more = np.moveaxis(stays.reshape(len(obs), d.num_symbols, 2), -1, 0)
        half = (d.max_offset - d.min_offset) / 2.0
        qty = np.maximum(self.parameters()["qty"] + moved[2:] * d.max_quote_qty, 0.0)
        return d.quotes(*self.standing(obs, self.wanted(obs) + moved[:2] * half, more * half), *qty)

    def together(self, held: np.ndarray, common: float) -> np.ndarray:
        """What counts as inventory of each symbol, float64 (n x symbol,): its own, and `common` times the others'.

        With prices of equal volatility and correlation `common` it is the row of the covariance matrix times the
        inventories, which is what leans on a symbol's quotes when several are held (Gueant 2017, section 5).
        """
        if held.shape[1] > 1 and common:
            held = held + common * (held.sum(1, keepdims=True) - held)
        return np.ascontiguousarray(held.reshape(-1))


def half_spreads(desk: Desk) -> Span:
    """Half spreads that the tuner tries."""
    if desk.model is not None:
        return Span(0.25 / desk.model.k, 2.0 / desk.model.k, log=True)
    # Offsets are whole ticks: below half a tick there is only the mid itself.
    return Span(max(desk.min_offset, 0.5), max(desk.max_offset, 2.0), log=True, own="both")


def sizes(desk: Desk) -> Space:
    """Lots that the tuner tries, where the agent says how many."""
    return {"qty": Span(1.0, desk.max_quote_qty, log=True, own="both")} if desk.kind == QUOTES else {}


def shifts(desk: Desk) -> Span:
    """Shifts of the quotes at a full inventory that the tuner tries."""
    if desk.model is not None:
        # Where the P&L alone counts the best shift is none at all, which the fixed spread has.
        return Span(0.01 / desk.model.k, 2.0 / desk.model.k, log=True, own="low")
    return Span(FULL_SHIFT[0] * desk.max_offset, FULL_SHIFT[1] * desk.max_offset, log=True)


def patience(desk: Desk) -> Space:
    """Ticks by which a quote may be off that the tuner tries, where the agent sees its own orders."""
    seen = any(name.endswith("own_bid_distance") for name in desk.observation_names)
    most = min(max(MOST_STAY[0], MOST_STAY[1] * desk.max_offset), desk.max_offset)
    return {"stay": Span(0.0, most, own="low")} if seen else {}


def commons(desk: Desk) -> Space:
    """Shares of other symbols' inventories that the tuner tries, where there are others."""
    return {"common": Span(0.0, 1.0, own="both")} if desk.num_symbols > 1 else {}


def leaning(desk: Desk) -> Space:
    """What the tuner tries of a maker whose quotes move against its inventory."""
    return {"half_spread": half_spreads(desk), "skew": shifts(desk), **sizes(desk), **patience(desk), **commons(desk)}


@dataclass(frozen=True)
class FixedSpread(Maker):
    """Quotes at a constant distance on both sides of the known mid, whatever it holds."""

    half_spread: float = 2.0
    qty: float = 1.0
    name: ClassVar[str] = "fixed spread"

    def offsets(self, obs: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> None:
        fixed_rows(self.together(self.desk.shares(obs), 0.0), 2.0 * self.half_spread, 0.0, bid, ask)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {"half_spread": half_spreads(desk), **sizes(desk), **patience(desk)}


@dataclass(frozen=True)
class InventorySkew(Maker):
    """A fixed spread that moves against the inventory: by `skew` when the observed inventory is 1, the limit."""

    half_spread: float = 2.0
    skew: float = 2.0
    qty: float = 1.0
    common: float = 0.0
    """share of the other symbols' inventories that counts too"""
    name: ClassVar[str] = "inventory skew"

    def offsets(self, obs: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> None:
        held = self.together(self.desk.shares(obs), self.common)
        fixed_rows(held, 2.0 * self.half_spread, self.skew, bid, ask)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return leaning(desk)


@dataclass(frozen=True)
class AvellanedaStoikov(Maker):
    """The inventory strategy of Avellaneda and Stoikov (2008), equations 29 and 30: `quotes.as_quotes`."""

    gamma: float = 0.01
    """risk aversion, per unit of price and lot"""
    sigma: float = 1.0
    """volatility of the mid, price per square root of time"""
    k: float = 0.5
    """how fast fills thin out with distance, per unit of price"""
    qty: float = 1.0
    common: float = 0.0
    """correlation of the symbols"""
    name: ClassVar[str] = "Avellaneda-Stoikov"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **Maker.ranges, "gamma": (1e-12, 1e6), "sigma": (1e-9, 1e9), "k": (1e-9, 1e9),
    }  # fmt: skip

    def offsets(self, obs: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> None:
        held = self.together(self.desk.lots(obs), self.common)
        left = np.repeat(self.desk.time_left(obs), self.desk.num_symbols)
        as_rows(held, left, self.gamma, self.sigma, self.k, bid, ask)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return leaning(desk)

    @classmethod
    def settings(cls, desk: Desk, sigma: float, point: dict[str, float]) -> dict[str, float]:
        """`skew` is the shift of a full inventory's quotes at the start, `half_spread` what is left of half the spread
        at the close.
        """
        point = dict(point)
        half, shift = point.pop("half_spread"), point.pop("skew")
        gamma = shift / (sigma**2 * desk.session_s * desk.inventory_scale)
        return {"gamma": gamma, "sigma": sigma, "k": gamma / math.expm1(gamma * half), **point}


@dataclass(frozen=True)
class Glft(Maker):
    """The stationary quotes of Gueant, Lehalle and Fernandez-Tapia (2013), in closed form: `quotes.glft_offsets`."""

    gamma: float = 0.01
    sigma: float = 1.0
    k: float = 0.5
    a: float = 1.0
    """fill intensity at the mid, per unit of time"""
    qty: float = 1.0
    common: float = 0.0
    name: ClassVar[str] = "GLFT"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**AvellanedaStoikov.ranges, "a": (1e-9, 1e12)}

    def offsets(self, obs: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> None:
        held = self.together(self.desk.lots(obs), self.common)
        half_base = 0.5 * float(base_spread(self.gamma, self.k))
        glft_rows(held, half_base, float(glft_slope(self.a, self.k, self.gamma, self.sigma)), bid, ask)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {**leaning(desk), "ratio": Span(0.01, 1.0, log=True)}

    @classmethod
    def settings(cls, desk: Desk, sigma: float, point: dict[str, float]) -> dict[str, float]:
        """`half_spread` is that of a maker without inventory risk, `skew` the shift of a full inventory's quotes,
        `ratio` is gamma / k.
        """
        point = dict(point)
        half, shift, ratio = point.pop("half_spread"), point.pop("skew"), point.pop("ratio")
        k = math.log1p(ratio) / (ratio * half)
        gamma, slope = ratio * k, shift / desk.inventory_scale
        a = sigma**2 * gamma / (2.0 * k * slope**2) * (1.0 + ratio) ** (1.0 + 1.0 / ratio)
        return {"gamma": gamma, "sigma": sigma, "k": k, "a": a, **point}
