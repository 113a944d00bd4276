"""A market with a known pattern: what discovery must find, and what an oracle that knows it would earn.

The outside value drifts up or down at a steady rate, as a draw of each world says, and background flow follows it. Who
knew the direction would go to the limit at once and stay there. That is the oracle: in each world the better of two
programs that hold `max_inventory` lots from the start, one long, one short. It trades by the same rules, costs and
lines as what is searched for, which must learn the direction from what it hears.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from evolve.alpha import TradeSettings, taker
from evolve.discovery.examine import ExamConfig, examine, summary
from evolve.discovery.judge import MarketJudge
from evolve.discovery.search import Search, SearchConfig, random_search
from evolve.families import GROUP, Place, base_market, with_value
from evolve.worlds import Setting, TrialWorlds
from qsl_envs.market.config import MarketConfig, ValueConfig

DRIFT = 4.0
"""Ticks a second, up or down."""
TRADE = TradeSettings(qty=10, max_inventory=20, period_ns=250_000_000)


def planted_market(trade: TradeSettings = TRADE, session_ns: int = 20_000_000_000) -> MarketConfig:
    """The market of discovery with a drift whose direction each world draws."""
    market = Place().setting(base_market(trade, session_ns)).market
    market = with_value(market, ValueConfig(sigma=0.5))
    return dataclasses.replace(market, randomize={"symbols.value.drift": {"choice": [-DRIFT, DRIFT]}})


def planted_judge(split: str, count: int, trade: TradeSettings = TRADE) -> MarketJudge:
    """Judge of `count` planted worlds of a split."""
    market = planted_market(trade)
    setting = Setting(name="planted", market=market, tags={"regime": "planted"})
    return MarketJudge(TrialWorlds(settings=(setting,), group=GROUP, split=split, count=count))


def oracle(judge: MarketJudge, trade: TradeSettings = TRADE) -> np.ndarray:
    """P&L of the trader that knows the direction, float64 (world,)."""
    always = [dataclasses.replace(taker(text), settings=trade) for text in ("1", "-1")]
    return judge(always).pnl.max(0)


def planted(
    *, population: int = 48, generations: int = 8, train_worlds: int = 24, test_worlds: int = 128, seed: int = 0,
    tell: Callable[[float, str], None] | None = None
) -> dict[str, Any]:  # fmt: skip
    """Discover the pattern, and say which share of the oracle's profit was found, on test worlds.

    Returns: plain values: `oracle`, `genetic` and `random` (each a summary with its `formula` and `share` of the
        oracle's mean P&L), `trials`.
    """
    config = SearchConfig(kind="taker", population=population, generations=generations, seed=seed, trade=TRADE,
                          objectives=("pnl", "sharpe", "words"))  # fmt: skip
    train, validation = planted_judge("train", train_worlds), planted_judge("validation", 2 * train_worlds)
    tests = planted_judge("test", test_worlds)
    book = Search(config, train).run(tell)
    best = oracle(tests)
    result: dict[str, Any] = {"trials": len(book), "oracle": summary(best)}
    exam = ExamConfig(finalists=12, alphas=1)
    for name, trials in (("genetic", book), ("random", random_search(config, train, len(book)))):
        (alpha,), _ = examine(trials, validation, {"planted": tests}, exam, "pnl")
        found = tests([alpha])
        metrics = {key: values[0] for key, values in found.metrics.items()}
        share = float(found.pnl[0].mean() / best.mean())
        result[name] = {"formula": str(alpha), "share": share, **summary(found.pnl[0], metrics)}
    return result
