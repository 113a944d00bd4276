"""A trading strategy in Python: a class with four callbacks, a `Trader` to act by, `run_strategy` and `backtest`."""

from qsl_envs.sdk.backtest import backtest
from qsl_envs.sdk.run import StrategyRun, run_strategies, run_strategy
from qsl_envs.sdk.strategy import Book, MarketData, Report, Strategy
from qsl_envs.sdk.trader import Trader

__all__ = [
    "Book",
    "MarketData",
    "Report",
    "Strategy",
    "StrategyRun",
    "Trader",
    "backtest",
    "run_strategies",
    "run_strategy",
]
