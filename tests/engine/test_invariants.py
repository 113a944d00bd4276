"""What holds of the engine whatever the messages: windows, snapshots, chunks, mirror, conservation, priority."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qsl_envs.engine import EngineConfig
from qsl_envs.errors import DataError
from tests.naive.fast import Engine, digest, encode
from tests.naive.referee import Referee
from tests.naive.streams import (
    REGIMES,
    mirror_message,
    mirror_pending,
    mirror_rows,
    mirror_trades,
    price_jumps,
    random_day,
)

STP = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")


def play(messages, stp="off", **settings) -> str:
    engine = Engine(stp, **settings)
    fingerprint = digest(*engine.process(encode(messages)), engine.book)
    engine.check()
    return fingerprint


@pytest.mark.parametrize("name", REGIMES)
def test_the_window_changes_nothing(name):
    """Ladders of 64, 4,096 and 65,536 ticks."""
    day = REGIMES[name](seed=21, n=3_000)
    assert len({play(day, window_ticks=ticks) for ticks in (64, 4_096, 65_536)}) == 1


def test_the_window_changes_nothing_with_self_trade_prevention():
    for k, stp in enumerate(STP):
        day = price_jumps(30 + k, 2_000) + random_day(k, 500, mid=29_990)
        assert play(day, stp, window_ticks=64) == play(day, stp, window_ticks=65_536)


def test_the_digest_sees_a_difference():
    day = random_day(1, 300)
    assert play(day) != play(day[:-1] + random_day(2, 1))


def test_messages_one_by_one_or_in_any_chunks():
    day = encode(random_day(22, 2_000))
    whole, pieces = Engine(), Engine()
    want = whole.process(day)
    cuts = np.split(day, [1, 2, 3, 50, 700, 701, 1_999])
    got = [pieces.process(part) for part in cuts]
    for k in (0, 1):
        assert np.array_equal(np.concatenate([pair[k] for pair in got]), want[k])
    assert pieces.l3() == whole.l3()


@pytest.mark.parametrize("stp", ("off", "cancel_resting"))
def test_snapshot_in_the_middle(stp):
    """A book that was written to bytes and read back goes on like the one that was not; so does one restored twice."""
    day = price_jumps(23, 900) + random_day(24, 600, mid=30_000)
    engine = Engine(stp)
    for at in range(0, len(day), 100):
        data = engine.snapshot()
        other = Engine("decrement", window_ticks=4_096)
        other.restore(data)
        other.check()
        assert (other.l3(), other.pending(), other.snapshot()) == (engine.l3(), engine.pending(), data)
        part = encode(day[at : at + 100])
        want, trades = engine.process(part)
        got, other_trades = other.process(part)
        assert np.array_equal(got, want) and np.array_equal(other_trades, trades)
        assert other.snapshot() == engine.snapshot()


def test_a_damaged_snapshot_is_refused():
    data = Engine().snapshot()
    for wrong in (b"", b"x" * 100, data[:40], data[:-1], b"QSLBOOK0" + data[8:]):
        engine = Engine()
        with pytest.raises(DataError, match="snapshot"):
            engine.restore(wrong)


@pytest.mark.parametrize("stp", STP)
def test_mirror(stp):
    """Invariant: the mirror image of a day has the mirror image of its outcome, auctions and half ticks included."""
    compared = 0
    for seed in range(2):
        day = random_day(40 + seed, 300)
        engine, image = Engine(stp), Engine(stp)
        for m in day:
            n = len(engine.trades)
            report = engine.apply(m)
            assert image.apply(mirror_message(m))[:4] == report[:4], m
            volume = report.filled if m["action"] == "uncross" else 0
            assert image.trades[n:] == mirror_trades(engine.trades[n:], volume), m
            assert image.l3() == mirror_rows(engine.l3()), m
        assert image.pending() == mirror_pending(engine.pending())
        compared += len(engine.trades)
    assert compared > 40


def refereed(day) -> Counter:
    engine, referee = Engine(), Referee()
    after = engine.l3()
    for m in day:
        before, n = after, len(engine.trades)
        report = engine.apply(m)
        after = engine.l3()
        referee.watch(m, report, engine.trades[n:], before, after, engine.pending())
    return referee.seen


def test_conservation_and_priority():
    """Nothing is created or lost, and nobody is passed over, by the word of a referee who knows no book."""
    seen = refereed(random_day(50, 1_000)) + refereed(random_day(51, 1_000, plain=True))
    seen += refereed(REGIMES["cancel_storms"](52, 600))
    assert seen["trades"] > 500 and seen["comparisons"] > 200


@pytest.mark.parametrize("max_events", (16, 17, 23))
def test_tiny_event_buffers_change_nothing(max_events):
    """Messages that are suspended again and again, in sweeps, cancel_alls, auctions, re-pricings and stop queues."""
    config = EngineConfig(max_orders=8_192, max_events=max_events)
    for k, stp in enumerate(STP):
        day = random_day(60 + k, 1_500, max_qty=60, auctions=0.01) + REGIMES["sweeps"](60 + k, 2_000, resting=400)
        day = [m | {"order_id": m["order_id"] + 10**6} if k > 1_500 else m for k, m in enumerate(day)]
        assert play(day, stp, config=config) == play(day, stp)
