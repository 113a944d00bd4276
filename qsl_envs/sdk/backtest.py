"""A strategy over a recorded day: its orders stand in the day's queues, behind its own links."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from typing import Any

from qsl_envs.errors import require
from qsl_envs.market.changes import market_config
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.market import Market
from qsl_envs.market.recorded import day_market
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.files import open_day
from qsl_envs.sdk.run import (
    StrategyRun,
    check_counts,
    check_strategies,
    check_strategy,
    check_times,
    run_strategies,
    seated,
)
from qsl_envs.sdk.strategy import Strategy


def backtest(
    strategy: Strategy | Mapping[str, Strategy],
    data: EventTable | str | PathLike[str] | None = None,
    config: MarketConfig | dict[str, Any] | str | PathLike[str] | None = None,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    seed: int = 0,
    record: int = 0,
    sample_ns: int | None = None,
) -> StrategyRun:
    """Let a strategy trade through a recorded day, once, from `start_ns` to `end_ns`.

    The rules of playback, and which way each errs, are those of `qsl/ReplayMarketMaking-v0`: the day does not react,
    what a strategy takes is gone, its orders are filled at the place in the queue which they have earned. Time begins
    at 0 at `start_ns`; lots are shares.

    Args:
        strategy: one for the first agent, or agent's name -> strategy for several beside each other.
        data: a LOBSTER message file (its book file beside it), a Parquet file of events, an `EventTable`, or None: the
            packaged synthetic day.
        config: changes to the day's default market (latencies of 1 ms, fees of -0.2 and 0.3 basis points), as a
            `MarketConfig`, a dict, or a YAML file. Its `session_ns` is set to the window.
        start_ns, end_ns: the window on the day's clock, ns after midnight; None: the day's first and last event.
        seed: of the links' chance.
        record: rows of the tape to keep (what `Market.events` gives, and a blotter is made from); 0: none. A tape
            that fills up is a ConfigError.
        sample_ns: how often the true accounts are looked at (`StrategyRun.paths`), ns; None: at the end only.
    Returns: a `StrategyRun`.
    Raises: ConfigError naming the field; DataError for a bad file; ParticipantError when a callback raises.
    """
    day = open_day(data)
    stamps = day.rows["ts_ns"]
    start = int(stamps[0]) if start_ns is None else start_ns
    end = int(stamps[-1]) if end_ns is None else end_ns
    for field, ns in {"start_ns": start, "end_ns": end}.items():
        require(isinstance(ns, Integral), "backtest", field, "None, or a whole number of ns after midnight", ns)
    check_times("backtest", sample_ns=sample_ns)
    check_counts("backtest", seed=seed, record=record)
    inside = f"before end_ns, in [{stamps[0]}, {stamps[-1]}]"
    require(stamps[0] <= start < end, "backtest", "start_ns", inside, start)
    require(end <= stamps[-1], "backtest", "end_ns", f"after start_ns, at most {stamps[-1]}", end)
    full = dataclasses.replace(market_config(day_market(day), config, end - start), templates=1)
    if isinstance(strategy, Mapping):
        strategies = strategy
    else:
        check_strategy("backtest", "strategy", strategy)
        strategies = {full.participants[0].name: strategy}
    check_strategies("backtest", strategies, full)
    market = Market(seated(full, strategies), 1, seed=seed, day=day, day_start_ns=start, day_end_ns=end, record=record)
    return run_strategies(strategies, market=market, sample_ns=sample_ns)
