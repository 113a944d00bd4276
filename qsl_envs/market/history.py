"""A simulated day of a market in the form that realism is measured on, by way of the files that others read too."""

from __future__ import annotations

import dataclasses
import tempfile

import numpy as np

from qsl_envs.errors import require
from qsl_envs.market.config import DAY_NS, MarketConfig
from qsl_envs.market.constants import STOP_CLOSE, STOP_TIME
from qsl_envs.market.export import export_lobster
from qsl_envs.market.market import Market
from qsl_envs.metrics.history import History, history_of
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import PRICE_UNITS, read_day

ROWS = 200_000
"""Rows of the tape that are kept before they are read."""
LEVELS = 10
SECOND_NS = 1_000_000_000


def record_tape(market: Market, until_ns: int, replica: int = 0) -> np.ndarray:
    """Run a market that records to `until_ns`, or to its close, and return the rows of one replica's tape.

    Args:
        market: made with `record` > 0, and reset.
        until_ns: from the start of the episode.
    Returns: TAPE_ROW (rows,), see `market.events`.
    """
    parts = []
    while True:
        stops = market.advance(until_ns)
        parts.append(market.events_array(replica))
        if stops[replica] in (STOP_TIME, STOP_CLOSE):
            return np.concatenate(parts)


def simulate_history(
    config: MarketConfig, *, seconds: float = 1_800.0, seed: int = 0, split: str = "test", book: int = 0,
    day: EventTable | None = None,
) -> History:  # fmt: skip
    """One book of a market over time, with nobody in it but whom its configuration brings: agents do not trade.

    Args:
        config: of the market; its session is made as long as asked for.
        seconds: simulated, in (0, one day].
        seed, split: of the world.
        book: `venue * num_symbols + symbol`.
        day: the recorded day of a market that replays one; the session is at most as long as it.
    Raises: ConfigError naming the argument.
    """
    require(0 < seconds <= DAY_NS / SECOND_NS, "simulate_history", "seconds", "in (0, one day]", seconds)
    require(0 <= book < config.num_books, "simulate_history", "book", f"in [0, {config.num_books})", book)
    session_ns = int(seconds * SECOND_NS)
    if day is not None:
        session_ns = min(session_ns, int(day.rows["ts_ns"][-1] - day.rows["ts_ns"][0]))
    config = dataclasses.replace(config, session_ns=session_ns)
    market = Market(config, seed=seed, split=split, day=day, record=ROWS)
    market.reset(start_ns=None if day is None else np.array([market.day_first_ns]))
    rows = record_tape(market, session_ns)
    symbol = config.symbols[book % len(config.symbols)]
    with tempfile.TemporaryDirectory() as folder:
        lobster = read_day(export_lobster(rows, config, folder, book=book, levels=LEVELS))
    history = history_of(lobster, tick_units=round(symbol.tick_size_usd * PRICE_UNITS))
    start_ns = int(history.ts_ns[0])
    # what stood at the start came as orders of the first nanosecond
    return dataclasses.replace(history, name=symbol.name).between(start_ns + 1, start_ns + session_ns + 1)
