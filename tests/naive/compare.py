"""Hold the engine against the naive book, message by message."""

from __future__ import annotations

from collections import Counter

from tests.naive.book import NaiveBook
from tests.naive.fast import Engine


def assert_same(engine: Engine, naive: NaiveBook, where: str) -> None:
    """Both books show the same orders, in the same places, and the same to the public."""
    assert engine.l3() == naive.l3(), where
    assert engine.pending() == naive.pending(), where
    assert engine.depth() == naive.depth(), where
    assert engine.top() == naive.top(), where


def compare(messages: list[dict], stp: str = "off", check_every: int = 25, engine: Engine | None = None) -> Counter:
    """Play messages on both: every report, every trade, the books after each message; now and then `check()`.

    Returns: how often each status and reason was seen, and the number of trades compared.
    """
    engine, naive, seen = engine or Engine(stp), NaiveBook(stp), Counter()
    for k, m in enumerate(messages):
        where = f"message {k}: {m}"
        n = len(naive.trades)
        wanted = naive.apply(m)
        assert engine.apply(m) == wanted, where
        assert engine.trades[n:] == naive.trades[n:], where
        assert_same(engine, naive, where)
        if k % check_every == 0:
            engine.check()
        seen[wanted.status] += 1
        seen[wanted.reason] += 1
        seen["trades"] += len(naive.trades) - n
    engine.check()
    return seen
