"""A router: takes where it is cheapest after fees, level by level, and rests where makers pay least."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baselines.policies.desk import ROUTING, Desk
from baselines.policies.execution import Twap, route
from baselines.policies.search import Space, Span


@dataclass(frozen=True)
class Router(Twap):
    """Even slices over the session, each sent to the cheapest lots that are known to be shown anywhere, fees counted;
    lots that are a bargain beside the mean mid of all venues are taken before they are due.

    It is the static part of the problem of Cont and Kukanov (2017): queues are not weighed.
    """

    spread: float = 0.0
    """share of the resting lots that is split evenly over the venues; the others go where makers pay least"""
    bargain: float = math.inf
    """ticks by which a lot must be better than the mean mid, after fees, to be taken ahead of the schedule"""
    name: ClassVar[str] = "router by price and fee"
    kinds: ClassVar[frozenset[str]] = frozenset({ROUTING})
    ranges: ClassVar[dict[str, tuple[float, float]]] = {**Twap.ranges, "spread": (0, 1)}

    def place(self, obs: np.ndarray, left: np.ndarray, now: np.ndarray, rest: np.ndarray) -> np.ndarray:
        d = self.desk
        costs, lots = shown(d, obs)
        bargains = np.where(costs <= -self.bargain, lots, 0.0).sum((1, 2)).astype(np.int64)
        now = np.maximum(now, np.minimum(bargains, left))
        rest = np.minimum(rest, left - now)
        weights = np.full(d.num_venues, self.spread / d.num_venues)
        weights[int(np.argmin(d.maker_fees))] += 1.0 - self.spread
        return route(left, cheapest(costs, lots, now), rest[:, None] * weights)

    @classmethod
    def own_space(cls, desk: Desk, sigma: float) -> Space:
        return {"bargain": Span(-1.0, 4.0), "spread": Span(0.0, 1.0)}


def shown(desk: Desk, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What could be taken: how many ticks beyond the mean mid a lot costs after fees, and how many lots there are, both
    float64 (n, venue, level); inf where there are none.
    """
    buys = obs[:, desk.column("parent_side")] > 0
    levels = sum(name.startswith("book_0_ask_distance_") for name in desk.observation_names)
    mids, aways, lots = np.zeros((len(obs), desk.num_venues)), [], []
    for venue in range(desk.num_venues):
        if venue:
            mids[:, venue] = obs[:, desk.column("mid_gap", venue)].astype(np.float64) * desk.tick_scale
        ask, bid, ask_qty, bid_qty = (
            obs[:, [desk.column(f"{name}_{level}", venue) for level in range(levels)]].astype(np.float64)
            for name in ("ask_distance", "bid_distance", "ask_qty", "bid_qty")
        )
        aways.append(np.where(buys[:, None], ask, bid) * desk.tick_scale + desk.taker_fees[venue])
        lots.append(np.rint(np.where(buys[:, None], ask_qty, bid_qty) * desk.qty_scale))
    apart = mids - mids.mean(1, keepdims=True)
    costs, there = np.stack(aways, 1) + np.where(buys[:, None], apart, -apart)[:, :, None], np.stack(lots, 1)
    return np.where(there > 0, costs, np.inf), there


def cheapest(costs: np.ndarray, lots: np.ndarray, qty: np.ndarray) -> np.ndarray:
    """How many of `qty` lots, int64 (n,), to take at each venue, float64 (n, venue): first those that cost least, as
    `shown` says; what no known level shows is asked for where the touch is cheapest.
    """
    n, venues, levels = costs.shape
    order = np.argsort(costs.reshape(n, -1), 1, kind="stable")
    there = np.take_along_axis(lots.reshape(n, -1), order, 1)
    before = there.cumsum(1) - there
    taken = np.zeros((n, venues * levels))
    np.put_along_axis(taken, order, np.clip(qty[:, None] - before, 0.0, there), 1)
    by_venue = taken.reshape(n, venues, levels).sum(2)
    by_venue[np.arange(n), order[:, 0] // levels] += qty - by_venue.sum(1)
    return by_venue
