"""Strategies at work in a market: the market runs until one of them must act, and it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import ConfigError, ParticipantError, require
from qsl_envs.market.client import free_message
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import STOP_RECORD, STOP_WAKE, WHY_BOOK, WHY_START, WHY_TIMER
from qsl_envs.market.market import Market
from qsl_envs.market.population import member_name
from qsl_envs.participants.knowledge import view_of
from qsl_envs.sdk.live import live
from qsl_envs.sdk.strategy import MarketData, Report, Strategy
from qsl_envs.sdk.trader import Trader


@dataclass(frozen=True, slots=True)
class StrategyRun:
    """What came of it."""

    market: Market
    """at the end of the run: books, accounts, counters can be looked at"""
    accounts: dict[str, dict[str, int]]
    """the true account of each strategy's participant in the first symbol, see `Market.account`"""
    now_ns: int
    """how far it came"""

    def summary(self, name: str | None = None) -> dict[str, float]:
        """A strategy's account in the first symbol for people; None: the first strategy's.

        Returns: `gain` (equity less what it began with), `realized`, `unrealized`, `fees`, `rebates`, `borrow` in ticks
            x lots, `gain_usd`, `inventory` and `volume` in lots, `fills`, and `mark` in ticks.
        Raises: ConfigError for a name that is no strategy's.
        """
        name = next(iter(self.accounts)) if name is None else name
        require(name in self.accounts, self, "name", f"one of {', '.join(self.accounts)}", name)
        account, symbol = self.accounts[name], self.market.config.symbols[0]
        unit = self.market.config.fee_unit
        began = account["initial_cash"] + account["initial_basis"]
        told: dict[str, float] = {"gain": (account["equity"] - began) / unit}
        told.update({key: account[key] / unit for key in ("realized", "unrealized", "fees", "rebates", "borrow")})
        told["gain_usd"] = told["gain"] * symbol.tick_size_usd * symbol.lot_size
        told.update({key: account[key] for key in ("inventory", "volume", "fills")}, mark=account["mark_x2"] / 2)
        return told

    def __str__(self) -> str:
        """A line for each strategy."""
        lines = []
        for name in self.accounts:
            s = self.summary(name)
            gain = f"{s['gain']:,.1f} ticks x lots ({s['gain_usd']:,.2f} USD)"
            costs, seconds = s["fees"] - s["rebates"], self.now_ns / 1e9
            trades = f"{s['fills']:,} fills, {s['volume']:,} lots traded, {s['inventory']:,} held"
            lines.append(f"{name}: gained {gain} in {seconds:,.1f} s, fees less rebates {costs:,.1f}; {trades}")
        return "\n".join(lines)


def run_strategy(strategy: Strategy, config: MarketConfig | None = None, **settings: Any) -> StrategyRun:
    """Let one strategy trade as the first agent of a market; see `run_strategies`."""
    config = MarketConfig() if config is None else config
    require(len(config.participants) > 0, config, "participants", "at least one, the strategy's", 0)
    return run_strategies({config.participants[0].name: strategy}, config, **settings)


def run_strategies(
    strategies: Mapping[str, Strategy],
    config: MarketConfig | None = None,
    *,
    seed: int = 0,
    split: str = "train",
    until_ns: int | None = None,
    market: Market | None = None,
) -> StrategyRun:
    """Let strategies trade beside each other, and beside the market's population, for one episode.

    Args:
        strategies: agent's name (`MarketConfig.participants`) -> strategy.
        config: the market. What its agents listen to is set from the strategies' `listens`.
        seed, split: the world.
        until_ns: end of the run; None: the close.
        market: a `Market` of one replica to run in instead, made with `seated(config, strategies)`; it is reset.
    Returns: a `StrategyRun`.
    Raises: ParticipantError that names the strategy, the callback and the time, when a callback raises.
    """
    if market is None:
        market = Market(seated(MarketConfig() if config is None else config, strategies), 1, seed=seed, split=split)
    names = [p.name for p in market.config.participants]
    unknown = [name for name in strategies if name not in names]
    require(not unknown, "run_strategies", "strategies", f"of agents among {names}", unknown)
    market.reset()
    seats = {names.index(name): Seat(market, names.index(name), strategy) for name, strategy in strategies.items()}
    run = live(market.arrays.runs, 0)
    crowd = live(market.arrays.crowds, int(run["crowd"]))
    end = int(run["close_ns"]) if until_ns is None else until_ns
    while True:
        stop = int(market.advance(end)[0])
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
    return StrategyRun(market, {name: market.account(name) for name in strategies}, int(run["now_ns"]))


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
