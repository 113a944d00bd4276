"""A router: takes where it is cheapest after fees, level by level, and rests where makers pay least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baselines.policies.desk import ROUTING, Desk
from baselines.policies.execution import Twap, route
from baselines.policies.search import Space, Span


@dataclass(frozen=True)
class Router(Twap):
    """Even slices over the session, each sent to the cheapest lots that are known to be shown anywhere, fees counted.

    It is the static part of the problem of Cont and Kukanov (2017): queues are not weighed.
    """

    spread: float = 0.0
    """share of the resting lots that is split evenly over the venues; the others go where makers pay least"""
    name: ClassVar[str] = "router by price and fee"
    kinds: ClassVar[frozenset[str]] = frozenset({ROUTING})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**Twap.ranges, "spread": (0, 1)}

    def place(self, obs: np.ndarray, left: np.ndarray, now: np.ndarray, rest: np.ndarray) -> np.ndarray:
        d = self.desk
        weights = np.full(d.num_venues, self.spread / d.num_venues)
        weights[int(np.argmin(d.maker_fees))] += 1.0 - self.spread
        return route(left, cheapest(d, obs, now), rest[:, None] * weights)

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        return {"spread": Span(0.0, 1.0)}


def cheapest(desk: Desk, obs: np.ndarray, qty: np.ndarray) -> np.ndarray:
    """How many of `qty` lots, int64 (n,), to take at each venue, float64 (n, venue): first the lots that cost least
    after fees, of all levels known; what the known levels do not show is asked for where the touch is cheapest.
    """
    buys = obs[:, desk.column("parent_side")] > 0
    levels = sum(name.startswith("book_0_ask_distance_") for name in desk.observation_names)
    costs, shown = [], []
    for venue in range(desk.num_venues):
        gap = 0.0 if venue == 0 else obs[:, desk.column("mid_gap", venue)].astype(np.float64) * desk.tick_scale
        for level in range(levels):
            side = [obs[:, desk.column(f"{name}_{level}", venue)].astype(np.float64)
                    for name in ("ask_distance", "bid_distance", "ask_qty", "bid_qty")]  # fmt: skip
            away = np.where(buys, side[0], side[1]) * desk.tick_scale
            lots = np.rint(np.where(buys, side[2], side[3]) * desk.qty_scale)
            cost = np.where(buys, gap, -gap) + away + desk.taker_fees[venue]
            costs.append(np.where(lots > 0, cost, np.inf))
            shown.append(lots)
    cost, lots = np.stack(costs, -1), np.stack(shown, -1)
    order = np.argsort(cost, 1, kind="stable")
    there = np.take_along_axis(lots, order, 1)
    before = there.cumsum(1) - there
    taken = np.zeros_like(lots)
    np.put_along_axis(taken, order, np.clip(qty[:, None] - before, 0.0, there), 1)
    by_venue = taken.reshape(len(obs), desk.num_venues, levels).sum(2)
    by_venue[np.arange(len(obs)), order[:, 0] // levels] += qty - by_venue.sum(1)
    return by_venue
