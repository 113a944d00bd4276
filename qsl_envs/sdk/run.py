"""Strategies at work in a market: the market runs until one of them must act, and it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import ConfigError, ParticipantError, require
from qsl_envs.market.client import free_message
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import STOP_RECORD, STOP_WAKE, WHY_BOOK, WHY_START, WHY_TIMER
from qsl_envs.market.market import Market
from qsl_envs.market.population import member_name
from qsl_envs.metrics.risk import max_drawdown
from qsl_envs.participants.knowledge import view_of
from qsl_envs.sdk.live import live
from qsl_envs.sdk.strategy import MarketData, Report, Strategy
from qsl_envs.sdk.trader import Trader


@dataclass(frozen=True, slots=True)
class StrategyRun:
    """What came of it."""

    market: Market
    """at the end of the run: books, accounts, counters can be looked at"""
    by_symbol: dict[str, tuple[dict[str, int], ...]]
    """the true accounts of each strategy's participant at the end, one a symbol, see `Market.account`"""
    now_ns: int
    """how far it came"""
    paths: dict[str, np.ndarray]
    """each strategy's way there, a record every `sample_ns` and at the end: `ts_ns` int64, `gain` float64 (equity less
    what it began with, over all symbols, ticks x lots), `inventory` int64 (symbols,) lots, `mark` float64 (symbols,)
    ticks; no records where nothing was sampled"""

    @property
    def accounts(self) -> dict[str, dict[str, int]]:
        """The account of each strategy's participant in the first symbol."""
        return {name: accounts[0] for name, accounts in self.by_symbol.items()}

    def summary(self, name: str | None = None) -> dict[str, float]:
        """A strategy's accounts for people, over all symbols; None: the first strategy's.

        Returns:
            `gain` (equity less what it began with), `realized`, `unrealized`, `fees`, `rebates` and `borrow` in ticks x
            lots, `gain_usd`, `inventory` and `volume` in lots, `fills`, where there is one symbol `mark` in ticks, and
            where it was sampled `max_drawdown` in ticks x lots.

        Raises:
            ConfigError: for a name that is no strategy's.
        """
        name = next(iter(self.by_symbol)) if name is None else name
        require(name in self.by_symbol, self, "name", f"one of {', '.join(self.by_symbol)}", name)
        accounts, config = self.by_symbol[name], self.market.config
        unit = config.fee_unit
        gains = [gain_of(account) / unit for account in accounts]
        told: dict[str, float] = {"gain": sum(gains)}
        for key in ("realized", "unrealized", "fees", "rebates", "borrow"):
            told[key] = sum(account[key] for account in accounts) / unit
        told["gain_usd"] = sum(g * s.tick_size_usd * s.lot_size for g, s in zip(gains, config.symbols, strict=True))
        for key in ("inventory", "volume", "fills"):
            told[key] = sum(account[key] for account in accounts)
        if len(accounts) == 1:
            told["mark"] = accounts[0]["mark_x2"] / 2
        if len(self.paths[name]) > 0:
            told["max_drawdown"] = float(max_drawdown(self.paths[name]["gain"]))
        return told

    def __str__(self) -> str:
        """A line for each strategy."""
        lines = []
        for name in self.by_symbol:
            s = self.summary(name)
            gain = f"{s['gain']:,.1f} ticks x lots ({s['gain_usd']:,.2f} USD)"
            costs, seconds = s["fees"] - s["rebates"], self.now_ns / 1e9
            trades = f"{s['fills']:,} fills, {s['volume']:,} lots traded, {s['inventory']:,} held"
            lines.append(f"{name}: gained {gain} in {seconds:,.1f} s, fees less rebates {costs:,.1f}; {trades}")
        return "\n".join(lines)


def run_strategy(strategy: Strategy, config: MarketConfig | None = None, **settings: Any) -> StrategyRun:
    """Let one strategy trade as the first agent of a market; see `run_strategies`."""
    check_strategy("run_strategy", "strategy", strategy)
    config = market_of("run_strategy", config)
    require(len(config.participants) > 0, config, "participants", "at least one, the strategy's", 0)
    return run_strategies({config.participants[0].name: strategy}, config, **settings)


def run_strategies(
    strategies: Mapping[str, Strategy],
    config: MarketConfig | None = None,
    *,
    seed: int = 0,
    split: str = "train",
    until_ns: int | None = None,
    sample_ns: int | None = None,
    market: Market | None = None,
) -> StrategyRun:
    """Let strategies trade beside each other, and beside the market's population, for one episode.

    Args:
        strategies: agent's name (`MarketConfig.participants`) -> strategy.
        config: the market. What its agents listen to is set from the strategies' `listens`.
        seed, split: the world.
        until_ns: end of the run; None: the close.
        sample_ns: how often the true accounts are looked at (`StrategyRun.paths`), ns; None: at the end only. Looking
            moves no order.
        market: a `Market` of one replica to run in instead, made with `seated(config, strategies)`; it is reset.
    Returns: a `StrategyRun`.
    Raises: ConfigError naming the argument; ParticipantError naming strategy, callback and time when one raises.
    """
    settings = market.config if isinstance(market, Market) else market_of("run_strategies", config)
    check_strategies("run_strategies", strategies, settings)
    check_times("run_strategies", until_ns=until_ns, sample_ns=sample_ns)
    check_counts("run_strategies", seed=seed)
    if market is None:
        market = Market(seated(settings, strategies), 1, seed=seed, split=split)
    require(isinstance(market, Market), "run_strategies", "market", "a Market of one replica, or None", market)
    require(market.num_replicas == 1, "run_strategies", "market.num_replicas", "1", market.num_replicas)
    names = [p.name for p in settings.participants]
    market.reset()
    seats = {names.index(name): Seat(market, names.index(name), strategy) for name, strategy in strategies.items()}
    run = live(market.arrays.runs, 0)
    crowd = live(market.arrays.crowds, int(run["crowd"]))
    end = int(run["close_ns"]) if until_ns is None else until_ns
    samples: dict[str, list[tuple[Any, ...]]] = {name: [] for name in strategies}
    due = end if sample_ns is None else int(run["now_ns"])
    while True:
        if sample_ns is not None and due <= int(run["now_ns"]) < end:
            look(market, int(run["now_ns"]), samples)
            due = min(due + sample_ns, end)
        stop = int(market.advance(min(due, end))[0])
        if stop == STOP_WAKE:
            seat = seats.get(int(run["stop_trader"]))
            if seat is not None:
                seat.wake(int(crowd["acting_why"]))
        elif stop == STOP_RECORD:
            raise ConfigError(
                "Market.record is too small for this run: its tape is full; run it in parts, and take `events`"
            )
        elif int(run["now_ns"]) >= min(end, int(run["close_ns"])):
            break
    if sample_ns is not None:
        look(market, int(run["now_ns"]), samples)
    symbols = len(market.config.symbols)
    kind = np.dtype([("ts_ns", "i8"), ("gain", "f8"), ("inventory", "i8", (symbols,)), ("mark", "f8", (symbols,))])
    paths = {name: np.array(rows, kind) for name, rows in samples.items()}
    return StrategyRun(market, {name: accounts_of(market, name) for name in strategies}, int(run["now_ns"]), paths)


def market_of(owner: str, config: MarketConfig | None) -> MarketConfig:
    """The settings of a market, the default ones for None."""
    require(config is None or isinstance(config, MarketConfig), owner, "config", "a MarketConfig, or None", config)
    return MarketConfig() if config is None else config


def check_strategy(owner: str, field: str, strategy: object) -> None:
    """Raise a ConfigError for what cannot be called as a strategy: a class, too."""
    require(isinstance(strategy, Strategy), owner, field, "a Strategy (an object, not its class)", strategy)


def check_strategies(owner: str, strategies: object, config: MarketConfig) -> None:
    """Raise a ConfigError unless these are strategies of agents of that market."""
    names = [agent.name for agent in config.participants]
    require(isinstance(strategies, Mapping), owner, "strategies", "a mapping of agents to strategies", strategies)
    unknown = [name for name in strategies if name not in names]
    require(not unknown, owner, "strategies", f"of agents among {names}", unknown)
    for name, strategy in strategies.items():
        check_strategy(owner, f"strategies[{name!r}]", strategy)


def check_counts(owner: str, **counts: int) -> None:
    """Raise a ConfigError unless each is a whole number from 0 on."""
    for field, count in counts.items():
        require(isinstance(count, Integral) and count >= 0, owner, field, "a whole number >= 0", count)


def check_times(owner: str, **times: int | None) -> None:
    """Raise a ConfigError unless each is None or a whole number of ns above 0."""
    for field, ns in times.items():
        holds = ns is None or (isinstance(ns, Integral) and ns > 0)
        require(holds, owner, field, "None, or a whole number of ns > 0", ns)


def accounts_of(market: Market, name: str) -> tuple[dict[str, int], ...]:
    """An agent's true accounts, one a symbol."""
    return tuple(market.account(name, symbol=symbol) for symbol in range(len(market.config.symbols)))


def gain_of(account: Mapping[str, int]) -> int:
    """Equity less what the account began with, money."""
    return account["equity"] - account["initial_cash"] - account["initial_basis"]


def look(market: Market, now_ns: int, samples: Mapping[str, list[tuple[Any, ...]]]) -> None:
    """Write down each strategy's true accounts."""
    for name, rows in samples.items():
        accounts = accounts_of(market, name)
        gain = sum(map(gain_of, accounts)) / market.config.fee_unit
        rows.append((now_ns, gain, [a["inventory"] for a in accounts], [a["mark_x2"] / 2 for a in accounts]))


def seated(config: MarketConfig, strategies: Mapping[str, Strategy]) -> MarketConfig:
    """The settings of a market whose agents listen to what their strategies want to hear."""
    agents = [
        dataclasses.replace(agent, listens=strategies[agent.name].listens) if agent.name in strategies else agent
        for agent in config.participants
    ]
    return dataclasses.replace(config, participants=tuple(agents))


class Seat:
    """A strategy on an agent's chair: turns wake-ups into callbacks."""

    def __init__(self, market: Market, agent: int, strategy: Strategy):
        self.market, self.agent, self.strategy = market, agent, strategy
        self.md, self.trader = MarketData(market, 0, agent), Trader(market, 0, agent)
        self._filled: dict[int, tuple[int, int, int]] = {}
        m = market.arrays
        self._run = live(m.runs, 0)
        self._actor = live(m.actors, int(live(m.crowds, int(self._run["crowd"]))["actors"]) + agent)
        self._feeds = [live(m.views, int(view_of(m, 0, agent, number))) for number in range(market.config.num_books)]
        self._heard = [-1] * market.config.num_books

    def wake(self, why: int) -> None:
        """Call what the WHY_ bits ask for: the start, fills in the order in which they were heard, books, the timer."""
        now = self.md.now_ns
        if why & WHY_START:
            self._call(self.strategy.on_start, self.md, self.trader)
        if self._actor["first_report"] >= 0:
            for report in self._take_reports(now):
                self._call(self.strategy.on_fill, report)
        if why & WHY_BOOK:
            for number, feed in enumerate(self._feeds):
                seq = int(feed["heard_seq"])
                if seq != self._heard[number]:
                    self._heard[number] = seq
                    self._call(self.strategy.on_book_update, self.md.book(number), now)
        if why & WHY_TIMER:
            self._call(self.strategy.on_timer, now)

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception as error:
            raise ParticipantError(
                f"strategy {type(self.strategy).__name__} of {member_name(self.market.config, self.agent)} failed in "
                f"{callback.__name__} at {self.md.now_ns} ns: {type(error).__name__}: {error}"
            ) from error

    def _take_reports(self, now_ns: int) -> list[Report]:
        """The fills that were heard since the last time, in order; their messages are given back."""
        m = self.market.arrays
        run, actor = self._run, self._actor
        found = []
        at = int(actor["first_report"])
        while at >= 0:
            msg = live(m.msgs, int(run["msgs"]) + at)
            following, tag = int(msg["next"]), int(msg["client"])
            told = int(msg["filled_qty"]), int(msg["cash"]), int(msg["fees"])
            filled, cash, fees = self._filled.get(tag, (0, 0, 0))
            qty, fee, leaves = told[0] - filled, told[2] - fees, int(msg["leaves_qty"])
            paid = cash - told[1] - fee  # without the fee: > 0 for what was bought
            if qty > 0:
                price = abs(paid) / (qty * int(run["fee_unit"]))
                side = BUY if paid > 0 else SELL
                found.append(Report(tag, int(msg["book"]), side, qty, price, fee, leaves, now_ns))
                self._filled[tag] = told
            if leaves == 0:
                self._filled.pop(tag, None)
            free_message(m, 0, at)
            at = following
        actor["first_report"] = actor["last_report"] = NIL
        return found
