"""Ten million random messages, invariants checked along the way (slow)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.naive.compare import compare
from tests.naive.fast import Engine, digest, encode
from tests.naive.streams import REGIMES, Day, random_day

CHUNK = 50_000
PATTERNS = 20
STP = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")


def chunks(total: int):
    """`total` messages in chunks: patterns of random days, met again and again by a book in another state.

    A day in words costs 10 us a message to make; so patterns are made once, moved in price by whole windows, and
    replayed in an order that a draw says.
    """
    source = Day(7, mid=50_000, half_width=12, memory=80)
    patterns = []
    for k in range(PATTERNS):
        source.mid = 50_000 + 37 * k
        patterns.append(encode(source.messages(CHUNK)))
    rng = np.random.default_rng(11)
    for _ in range(total // CHUNK):
        part = patterns[rng.integers(PATTERNS)].copy()
        shift = int(rng.integers(-20_000, 20_000))
        for name in ("price", "stop_price"):
            good = (part[name] > 1_000) & (part[name] < 100_000)
            part[name][good] += shift
        yield part


@pytest.mark.slow
def test_ten_million_messages():
    """The engine's own check after every chunk; windows of 64 and 65,536 ticks agree on all of it."""
    small, large = Engine(), Engine(window_ticks=65_536)
    seen = trades_seen = 0
    for part in chunks(10_000_000):
        reports, trades = small.process(part)
        small.check()
        assert digest(reports, trades, small.book) == digest(*large.process(part), large.book)
        seen += len(part)
        trades_seen += len(trades)
    large.check()
    assert seen == 10_000_000 and trades_seen > 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("stp", STP)
def test_many_segments_against_the_naive_book(stp):
    """Every report, trade and book of 60 days a mode, all regimes."""
    for seed in range(40):
        compare(random_day(1_000 + seed, 500), stp, check_every=100)
    for name, regime in REGIMES.items():
        if name != "sweeps":
            for seed in range(4):
                compare(regime(2_000 + seed, 500), stp, check_every=100)
