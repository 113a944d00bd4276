"""Latency is real: what the same strategy earns in the same worlds falls with the length of its lines."""

from __future__ import annotations

import numpy as np

from benchmarks.latency import arbitrage_profit, race

QUICK = {"config": {"templates": 2}, "session_ns": 6_000_000_000}
WORLDS = 24


def test_an_arbitrageur_earns_less_the_farther_away_it_is():
    near, middle, far = (arbitrage_profit(ns, WORLDS, **QUICK) for ns in (10_000, 10_000_000, 50_000_000))
    assert near.mean() > 0
    for more, less in ((near, middle), (middle, far)):
        gain = more - less
        assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(WORLDS)


def test_of_two_racers_the_nearer_one_earns_more():
    pnl = race((100_000, 2_000_000), WORLDS, **QUICK)
    lead = pnl[:, 0] - pnl[:, 1]
    assert lead.mean() > 3 * lead.std(ddof=1) / np.sqrt(WORLDS)
    turned = race((2_000_000, 100_000), WORLDS, **QUICK)
    lead = turned[:, 1] - turned[:, 0]
    assert lead.mean() > 3 * lead.std(ddof=1) / np.sqrt(WORLDS)


def test_equal_lines_earn_equally():
    pnl = race((500_000, 500_000), 2 * WORLDS, **QUICK)
    lead = pnl[:, 0] - pnl[:, 1]
    assert lead.std() > 0 and abs(lead.mean()) < 3 * lead.std(ddof=1) / np.sqrt(2 * WORLDS)
