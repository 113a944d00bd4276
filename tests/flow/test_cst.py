"""Cont, Stoikov and Talreja's book, event by event: its rates by distance, and who moves first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.flow.cst_config import CstFlowConfig
from tests.flow.kinds import faster
from tests.market.worlds import SECOND, SIZE, ready, small

SPEED = 100.0
PAPER = CstFlowConfig()
FLOW = replace(PAPER, limit_rates=faster(PAPER.limit_rates, SPEED), market_rate=SPEED * PAPER.market_rate,
               cancel_rates=faster(PAPER.cancel_rates, SPEED))  # fmt: skip
UP_FIRST = np.array([
    [0.5000, 0.3352, 0.2590, 0.2158, 0.1878],
    [0.6648, 0.5000, 0.4069, 0.3479, 0.3072],
    [0.7410, 0.5931, 0.5000, 0.4366, 0.3906],
    [0.7842, 0.6521, 0.5634, 0.5000, 0.4523],
    [0.8122, 0.6928, 0.6094, 0.5477, 0.5000],
])  # fmt: skip
"""P(the mid moves up first) from (bid queue, ask queue) of 1 to 5 orders, spread 1: another program's answers."""
MOST = 8
"""Distances that are counted, the last one with all beyond."""


class Watch:
    """Steps a market from event to event and keeps count."""

    def __init__(self, seed: int):
        config = small(flow=FLOW, participants=(), templates=4, burn_in_ns=SECOND // 5, session_ns=3_600 * SECOND,
                       size=replace(SIZE, max_orders=256))  # fmt: skip
        self.market = ready(config, seed=seed)
        self.limits, self.cancels, self.exposure = Counter(), Counter(), np.zeros(MOST + 1)
        self.wins, self.tries = np.zeros((5, 5)), np.zeros((5, 5))
        self.book, self.trades = self.look(), self.num_trades()
        self.began: set[tuple[int, int]] = set()
        self.mid_x2 = max(self.book[0]) + min(self.book[1])

    def look(self):
        bids, asks = self.market.true_book(levels=40)
        return dict(map(tuple, bids.tolist())), dict(map(tuple, asks.tolist()))

    def num_trades(self) -> int:
        return int(self.market.arrays.flows[self.market.arrays.runs[0].flows].trades)

    def step(self) -> None:
        """One event: what it was, at which distance, and what the waiting race makes of it."""
        run, before, now = self.market.arrays.runs[0], self.book, int(self.market.now_ns[0])
        t = min(int(run.flow_next_ns), int(run.wheel_next_ns))
        self.count_exposure(t - now)
        self.market.advance(t)
        self.book, trades = self.look(), self.num_trades()
        for side in range(2):
            best = min(before[1]) if side == 0 else max(before[0])
            for price in self.book[side].keys() | before[side].keys():
                change = self.book[side].get(price, 0) - before[side].get(price, 0)
                distance = min(abs(best - price), MOST)
                if change > 0:
                    self.limits[distance] += change
                elif change < 0 and trades == self.trades:
                    self.cancels[distance] -= change
        self.trades = trades
        self.race()

    def count_exposure(self, ns: int) -> None:
        """Orders at each distance while nothing happens; a side's last order is spared, so it does not count."""
        for side in range(2):
            best = min(self.book[1]) if side == 0 else max(self.book[0])
            if sum(self.book[side].values()) > 1:
                for price, qty in self.book[side].items():
                    self.exposure[min(abs(best - price), MOST)] += qty * ns / 1e9

    def race(self) -> None:
        """From each pair of queues first met at this mid on, who wins is a new trial: a Markov book forgets."""
        bid, ask = max(self.book[0]), min(self.book[1])
        if bid + ask != self.mid_x2:
            for b, a in self.began:
                self.tries[b, a] += 1
                self.wins[b, a] += bid + ask > self.mid_x2
            self.began.clear()
            self.mid_x2 = bid + ask
        if ask - bid == 1 and max(self.book[0][bid], self.book[1][ask]) <= 5:
            self.began.add((self.book[0][bid] - 1, self.book[1][ask] - 1))


@pytest.fixture(scope="module")
def watch():
    found = Watch(seed=11)
    for _ in range(14_000):
        found.step()
    return found


def test_limit_orders_come_at_their_rates_by_distance(watch):
    counts = np.array([watch.limits[d] for d in range(1, 6)])
    seconds = watch.market.now_ns[0] / 1e9
    expected = 2 * np.array(FLOW.limit_rates) * seconds
    assert watch.limits.total() == counts.sum() > 3_000
    assert np.abs((counts - expected) / np.sqrt(expected)).max() < 4


def test_orders_are_cancelled_at_their_rates_by_distance(watch):
    rates = [*FLOW.cancel_rates, *[FLOW.cancel_rates[-1]] * (MOST - 5)]
    assert watch.cancels.total() > 2_000
    for d in range(1, MOST + 1):
        expected = rates[d - 1] * watch.exposure[d]
        assert abs(watch.cancels[d] - expected) < 4 * np.sqrt(expected) + 1, d


def test_who_moves_first_is_as_computed(watch):
    tries, expected = watch.tries, watch.tries * UP_FIRST
    error = np.sqrt(np.maximum(tries * UP_FIRST * (1 - UP_FIRST), 1e-9))
    z = (watch.wins - expected) / error
    assert tries.sum() > 800 and (tries >= 20).sum() >= 8
    assert np.abs(z[tries >= 20]).max() < 4
    # buyers' and sellers' queues pull apart: what is symmetric would fail here
    lean = (UP_FIRST - 0.5)[tries > 0]
    assert ((watch.wins[tries > 0] - tries[tries > 0] / 2) * lean).sum() > 4 * np.sqrt(
        (tries[tries > 0] / 4 * lean**2).sum()
    )
