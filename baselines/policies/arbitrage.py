"""Arbitrage between the venues of one symbol: a crossed pair of quotes, or one quote beside what all venues say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baselines.policies.desk import ARBITRAGE, Desk
from baselines.policies.protocol import Scripted
from baselines.policies.search import Space, Span


def touches(desk: Desk, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What is known of every venue's book, float64 (n, venue), ticks from the first venue's mid: mids, what selling and
    buying one lot there comes to after fees (-inf, inf: not possible), and the lots shown there.
    """
    gap = np.zeros((len(obs), desk.num_venues))
    for venue in range(1, desk.num_venues):
        gap[:, venue] = obs[:, desk.column("mid_gap", venue)]

    def of_books(name: str) -> np.ndarray:
        return obs[:, desk.books(name)].astype(np.float64)

    mid, fees = gap * desk.tick_scale, np.array(desk.taker_fees)
    bid_qty, ask_qty = (np.rint(of_books(f"{side}_qty_0") * desk.qty_scale) for side in ("bid", "ask"))
    bid = mid - of_books("bid_distance_0") * desk.tick_scale - fees
    ask = mid + of_books("ask_distance_0") * desk.tick_scale + fees
    return mid, np.where(bid_qty > 0, bid, -np.inf), np.where(ask_qty > 0, ask, np.inf), bid_qty, ask_qty


def deepest(desk: Desk, obs: np.ndarray) -> np.ndarray:
    """Where the middle of the deepest level known on both sides stands, ticks from the mid, float64 (n, venue)."""
    found = np.zeros((len(obs), desk.num_venues))
    for level in range(1, desk.num_levels):
        bid, ask = (obs[:, desk.books(f"{side}_distance_{level}")].astype(np.float64) for side in ("bid", "ask"))
        known = np.all([obs[:, desk.books(f"{side}_qty_{level}")] > 0 for side in ("bid", "ask")], 0)
        found = np.where(known, (ask - bid) / 2.0 * desk.tick_scale, found)
    return found


def foretold(desk: Desk, obs: np.ndarray, mids: np.ndarray, deep: float, pressure: float) -> np.ndarray:
    """Mids moved by what the books say is to come, float64 (n, venue).

    Args:
        mids: of every venue, (n, venue).
        deep: share of the way from the mid of the touch to that of the deepest level known on both sides.
        pressure: ticks by which a mid moves where all known depth is on the bid.
    """
    if deep:
        mids = mids + deep * deepest(desk, obs)
    if pressure:
        mids = mids + pressure * obs[:, desk.books("depth_imbalance")].astype(np.float64)
    return mids


@dataclass(frozen=True)
class Arbitrageur(Scripted):
    """Base of the arbitrageurs."""

    kinds: ClassVar[frozenset[str]] = frozenset({ARBITRAGE})

    def trade(self, lots: np.ndarray) -> np.ndarray:
        """Actions that buy (sell, when negative) so many lots at each venue, (n, venue)."""
        return np.clip(lots / self.desk.max_quote_qty, -1.0, 1.0).astype(np.float32)


@dataclass(frozen=True)
class CrossVenueArbitrage(Arbitrageur):
    """Buys at the cheapest known ask and sells at the dearest known bid when they are more than `edge` apart after
    fees; what is left over from legs that stayed alone, beyond `keep` lots, is closed at the best known price.
    """

    edge: float = 1.0
    """ticks a lot that must remain"""
    keep: float = 0.0
    """lots, long or short, that wait for a pair that takes them back"""
    name: ClassVar[str] = "cross-venue arbitrage"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"keep": (0, math.inf)}

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        _, bid, ask, bid_qty, ask_qty = touches(self.desk, obs)
        rows = np.arange(len(obs))
        dear, cheap = bid.argmax(1), ask.argmin(1)
        pays = (bid[rows, dear] - ask[rows, cheap] > self.edge) & (dear != cheap)
        lots = np.minimum(bid_qty[rows, dear], ask_qty[rows, cheap])
        action = np.zeros(bid.shape)
        action[rows[pays], cheap[pays]] = lots[pays]
        action[rows[pays], dear[pays]] = -lots[pays]
        held = self.desk.lots(obs)[:, 0]
        alone = ~pays & (np.abs(held) > self.keep)
        where = np.where(held > 0, dear, cheap)
        action[rows[alone], where[alone]] = -held[alone]
        return self.trade(action)

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {"edge": Span(0.0, 6.0, own="low"), "keep": Span(0.0, desk.max_quote_qty, whole=True, own="both")}


@dataclass(frozen=True)
class Consensus(Arbitrageur):
    """Takes a quote that is more than `edge` better, after fees, than what a lot is worth: the mean mid of all venues,
    moved by what their books say is to come, less `lean` times the inventory. So it buys what lags behind, and sells it
    when the others say so.
    """

    edge: float = 2.0
    """ticks a lot"""
    lean: float = 5.0
    """ticks at the inventory limit"""
    qty: float = 5.0
    """lots a step and venue, at most"""
    deep: float = 0.0
    """share of the way from the mid of the touch to that of the deepest level known on both sides: one small order that
    stands inside, or a touch that was just taken, moves the one and not the other"""
    pressure: float = 0.0
    """ticks by which it is worth more where all known depth is on the bid"""
    name: ClassVar[str] = "consensus"

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        gains = self.gains(obs)
        return self.take(obs, gains, np.full_like(gains, self.qty))

    def worth(self, obs: np.ndarray, mid: np.ndarray) -> np.ndarray:
        """What a lot is worth, ticks from the first venue's mid, float64 (n,).

        Args:
            mid: of every venue, as `touches` gives it.
        """
        told = foretold(self.desk, obs, mid, self.deep, self.pressure)
        return told.mean(1) - self.lean * self.desk.shares(obs)[:, 0]

    def gains(self, obs: np.ndarray) -> np.ndarray:
        """Ticks a lot that buying and selling at each venue bring, beside what is worth it, float64 (n, 2 x venue)."""
        mid, bid, ask, _, _ = touches(self.desk, obs)
        worth = self.worth(obs, mid)[:, None]
        return np.concatenate([worth - ask, bid - worth], 1) - self.edge

    def take(self, obs: np.ndarray, gains: np.ndarray, qty: np.ndarray) -> np.ndarray:
        """Actions that take what brings more than nothing, at most `qty` lots, both (n, 2 x venue)."""
        _, _, _, bid_qty, ask_qty = touches(self.desk, obs)
        lots = np.where(gains > 0, np.minimum(np.concatenate([ask_qty, bid_qty], 1), qty), 0.0)
        buy, sell = np.split(lots, 2, 1)
        return self.trade(buy - sell)

    @property
    def corrections(self) -> tuple[str, ...]:
        """What buying and selling at each venue is thought to bring, and how many lots it takes at most."""
        venues = range(self.desk.num_venues)
        return (*(f"buy_gain_{v}" for v in venues), *(f"sell_gain_{v}" for v in venues), "qty")

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """Gains, in units of the observation."""
        return np.clip(self.gains(obs) / self.desk.tick_scale, -10.0, 10.0).astype(np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        gains = self.gains(obs) + change[:, :-1] * self.desk.tick_scale
        qty = np.clip(self.qty + change[:, -1:] * self.desk.max_quote_qty, 0.0, self.desk.max_quote_qty)
        return self.take(obs, gains, np.broadcast_to(qty, gains.shape))

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        return {
            "edge": Span(-1.5, 4.0),
            "lean": Span(2.0, 30.0, log=True),
            "qty": Span(1.0, desk.max_quote_qty, whole=True, own="both"),
            "deep": Span(0.0, 2.5, own="low"),
            "pressure": Span(0.0, 8.0, own="low"),
        }
