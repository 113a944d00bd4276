"""Guests: strategies and kernel participants at the seats of a match, beside the policies.

A seat of an environment takes actions; a `Strategy` sends orders, and a `@participant` function trades inside the
kernel. So a guest gets a participant of its own in the same market, with the lines and limits of the seat that it sits
at, and the seat itself stays idle. What the guest earns, closed at the end as seats are, is what the log has for that
seat.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import qsl_envs
from leagues.match import Floor, LineUpOf, MatchResult
from leagues.players import PlayerSpec, Policy, allow_keys, load_object, roles_of
from leagues.stage import neutral_action
from qsl_envs.errors import ConfigError, require
from qsl_envs.market.config import MarketConfig, ParticipantConfig, PopulationConfig
from qsl_envs.sdk import Book, MarketData, Report, Strategy, Trader

KEPT = 4
"""Environments with guests that a floor keeps."""
CLOSED = 1
"""How a part ends at the close."""


class Guest(Protocol):
    """A player that has a participant of its own; it is also a `Player`, whose seat does nothing."""

    name: str
    roles: tuple[str, ...]

    def sit(self, envs: Any, role: str) -> Policy:
        """A policy that does nothing. Raises: ConfigError for a role that a guest cannot play."""

    def group(self, name: str, line: ParticipantConfig) -> PopulationConfig | None:
        """The group of one that it is in the kernel, with the lines and limits of a seat; None: it is moved from
        outside.
        """

    def move(self, market: Any, replica: int, agent: int) -> Any:
        """What is called with the time at each decision: None for one that moves itself in the kernel."""


class Idle:
    """A seat that nobody moves."""

    def __init__(self, action: np.ndarray) -> None:
        self.action = action

    def reset(self, seeds: np.ndarray) -> None:
        """Nothing to begin."""

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.action, (len(obs), *self.action.shape))


def idle_seat(name: str, envs: Any, role: str) -> Idle:
    """The policy of a guest's seat. Raises: ConfigError where a seat has what a guest cannot be given."""
    if getattr(envs.roles[role].task, "parent_qty", 0):
        raise ConfigError(f"player {name!r} cannot play {role!r}: a guest cannot be given the parent order of a seat")
    if hasattr(envs.action_space(role), "n"):
        return Idle(np.zeros((), np.int64))
    return Idle(neutral_action(envs, role))


@dataclass(frozen=True)
class StrategyPlayer:
    """A user's `Strategy`, one of its kind for each world. It is called at the decisions of the seats."""

    name: str
    make: Any
    """() -> Strategy"""
    roles: tuple[str, ...] = ()

    def sit(self, envs: Any, role: str) -> Policy:
        """An idle seat."""
        return idle_seat(self.name, envs, role)

    def group(self, name: str, line: ParticipantConfig) -> PopulationConfig | None:
        """None: it is moved from outside."""
        return None

    def move(self, market: Any, replica: int, agent: int) -> SteppedStrategy:
        """A strategy at work in a world."""
        return SteppedStrategy(self.make(), market, replica, agent)


@dataclass(frozen=True)
class ParticipantPlayer:
    """A kind of participant inside the kernel, built-in or of a `@participant` function. It wakes up when it likes."""

    name: str
    kind: str
    parameters: dict[str, Any] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    """of the kind `program`: one text"""

    def sit(self, envs: Any, role: str) -> Policy:
        """An idle seat."""
        return idle_seat(self.name, envs, role)

    def group(self, name: str, line: ParticipantConfig) -> PopulationConfig:
        """A group of one. Raises: ConfigError for an unknown kind or parameter."""
        try:
            return PopulationConfig(
                kind=self.kind, name=name, params=self.parameters, programs=self.programs, order_link=line.order_link,
                report_link=line.report_link, feed_link=line.feed_link, reaction_ns=line.reaction_ns,
                extra_latency_ns=line.extra_latency_ns, risk=line.risk,
            )  # fmt: skip
        except ConfigError as error:
            raise ConfigError(f"player {self.name!r}: {error}") from error

    def move(self, market: Any, replica: int, agent: int) -> None:
        """It moves itself."""
        return None


class StepTrader(Trader):
    """A trader whose clock is looked at when the seats decide."""

    timer_ns: int | None = None

    def set_timer(self, at_ns: int | None) -> None:
        """Call `on_timer` at the first decision from this time on; None: not at all."""
        self.timer_ns = None if at_ns is None else int(at_ns)


class StepMarketData(MarketData):
    """Books as they are known at a decision: nobody here listens, so they are looked up in what has arrived."""

    def book(self, number: int = 0) -> Book:
        """Best prices of a book as they are known now."""
        bids, asks = self.levels(number, 1)
        bid, bid_qty = map(int, bids[0]) if len(bids) else (None, 0)
        ask, ask_qty = map(int, asks[0]) if len(asks) else (None, 0)
        return Book(number, bid, bid_qty, ask, ask_qty)


class SteppedStrategy:
    """A strategy in one world, called at each decision of the seats: fills, then books, then the timer.

    The fills since the last decision are told as one report a symbol: the change of the known inventory, at the price
    that the change of the known cash makes of it.
    """

    def __init__(self, strategy: Strategy, market: Any, replica: int, agent: int) -> None:
        self.strategy, self.config = strategy, market.config
        self.md, self.trader = StepMarketData(market, replica, agent), StepTrader(market, replica, agent)
        self.books: list[Book | None] = [None] * market.config.num_books
        self.started = False

    def __call__(self) -> None:
        """A decision is due."""
        now = self.md.now_ns
        if not self.started:
            self.started, self.held, self.cash = True, self._held(), self.trader.cash
            self.strategy.on_start(self.md, self.trader)
        self._tell_fills(now)
        for number in range(len(self.books)):
            book = self.md.book(number)
            if self.strategy.listens != "nothing" and book != self.books[number]:
                self.books[number] = book
                self.strategy.on_book_update(book, now)
        if self.trader.timer_ns is not None and now >= self.trader.timer_ns:
            self.trader.timer_ns = None
            self.strategy.on_timer(now)

    def _held(self) -> list[int]:
        return [self.trader.held(symbol) for symbol in range(len(self.config.symbols))]

    def _tell_fills(self, now: int) -> None:
        held, cash = self._held(), self.trader.cash
        paid, self.cash = self.cash - cash, cash
        changed = [symbol for symbol, lots in enumerate(held) if lots != self.held[symbol]]
        before, self.held = self.held, held
        for symbol in changed:
            lots = held[symbol] - before[symbol]
            price = paid / (lots * self.config.fee_unit) if len(changed) == 1 else float("nan")
            self.strategy.on_fill(Report(-1, symbol, int(lots < 0), abs(lots), price, 0, 0, now))


class GuestFloor(Floor):
    """The markets of one rotation of a line-up with guests: a participant more for each of them.

    Args:
        floor: that of the stage.
        order: int64 (seat,), who sits where in this rotation.
        guests: seat -> guest.
    """

    def __init__(self, floor: Floor, order: np.ndarray, guests: dict[int, Guest]) -> None:
        self.stage, self.seats, self.roles = floor.stage, floor.seats, floor.roles
        self.orders, self.neutral, self.choices = order[None], floor.neutral, floor.choices
        self.guests = guests
        config = with_guests(floor.envs.market.config, guests)
        settings = {name: self.stage.settings[name] for name in ("seats", "tasks", "step_ns") if name in
                    self.stage.settings}  # fmt: skip
        self.envs = qsl_envs.make_marl_vec(self.stage.env_id, self.stage.worlds, config=config, split=self.stage.split,
                                           autoreset_mode="NextStep", **settings)  # fmt: skip
        self.names = {seat: f"guest_{seat}" if guest.group("", config.participants[seat]) is None else f"guest_{seat}_0"
                      for seat, guest in guests.items()}  # fmt: skip

    def begin_guests(self) -> None:
        """Let the guests sit down in every world of a fresh episode."""
        market = self.envs.market
        members = {seat: number_of(market.config, name) for seat, name in self.names.items()}
        self.movers = {
            (world, seat): guest.move(market, world, members[seat])
            for world in range(self.stage.worlds) for seat, guest in self.guests.items()
        }  # fmt: skip
        self.begun = {key: self._account(*key)["equity"] for key in self.movers}
        self.most = dict.fromkeys(self.movers, 0)
        self.reasons: dict[tuple[int, int], str] = {}
        self.accounts: dict[tuple[int, int], dict[str, int]] = {}

    def move_guests(self, step: int) -> None:
        """Call those that are moved from outside; what they raise is why they forfeit."""
        for (world, seat), mover in self.movers.items():
            if mover is None or (world, seat) in self.reasons:
                continue
            try:
                mover()
            except Exception as error:
                self.reasons[world, seat] = f"step {step}: {type(error).__name__}: {error}"
                self.envs.market.kill(self.names[seat], replica=world)

    def close_guests(self, over: dict[str, np.ndarray]) -> None:
        """Close the guests of the worlds whose episode is over, before another one begins there."""
        ended = np.concatenate(list(over.values()), 1).all(1)
        for world, seat in self.movers:
            if (world, seat) in self.accounts:
                continue
            account = self._account(world, seat)
            self.most[world, seat] = max(self.most[world, seat], abs(account["inventory"]))
            if ended[world]:
                self._liquidate(world, seat)
                after = self._account(world, seat)
                self.accounts[world, seat] = {**after, "inventory": abs(account["inventory"])}

    def _account(self, world: int, seat: int) -> dict[str, int]:
        """Sums over the symbols."""
        market = self.envs.market
        parts = [market.account(self.names[seat], replica=world, symbol=s) for s in range(len(market.config.symbols))]
        return {key: sum(part[key] for part in parts) for key in parts[0]}

    def _liquidate(self, world: int, seat: int) -> None:
        market = self.envs.market
        role = self.envs.roles[self.roles[seat]]
        for symbol in range(len(market.config.symbols)):
            market.liquidate(self.names[seat], replica=world, symbol=symbol,
                             unfilled_penalty_ticks=role.task.unfilled_penalty_ticks)  # fmt: skip

    def write_guests(self, numbers: dict[str, np.ndarray], forfeits: dict[tuple[int, int, int], str]) -> None:
        """Put what the guests did in the places of their idle seats; arrays (world, 1, seat)."""
        unit = self.envs.market.config.fee_unit
        for (world, seat), account in self.accounts.items():
            gain = (account["equity"] - self.begun[world, seat]) / unit
            told = {"pnl": gain, "reward": gain, "fees": (account["fees"] - account["rebates"]) / unit,
                    "inventory": account["inventory"], "peak_inventory": self.most[world, seat],
                    "fills": account["fills"], "volume": account["volume"], "end": CLOSED}  # fmt: skip
            for name, value in told.items():
                numbers[name][world, 0, seat] = value
        for (world, seat), reason in self.reasons.items():
            forfeits[world, 0, seat] = reason


def with_guests(config: MarketConfig, guests: dict[int, Guest]) -> MarketConfig:
    """A market with a participant more for each guest, with the lines and limits of its seat.

    There is room for its orders, since the seat sends none; and a market of equal sizes starts from equal warm books.
    """
    added, groups = [], []
    for seat, guest in guests.items():
        line = config.participants[seat]
        group = guest.group(f"guest_{seat}", line)
        if group is None:
            added.append(dataclasses.replace(line, name=f"guest_{seat}"))
        else:
            groups.append(group)
    return dataclasses.replace(config, participants=(*config.participants, *added),
                               population=(*config.population, *groups))  # fmt: skip


def number_of(config: MarketConfig, name: str) -> int:
    """Number of a participant, by its name: agents first, then the groups of the population, member by member."""
    names = [participant.name for participant in config.participants]
    names += [f"{group.name}_{k}" for group in config.population for k in range(group.count)]
    return names.index(name)


def play_with_guests(floor: Floor, line_up: LineUpOf, first_world: int) -> MatchResult:
    """`Floor.play` of a line-up with guests: rotation by rotation, since lines are of the seats."""
    entrants = floor.seated(line_up)
    for player, role in zip(entrants, floor.roles):
        player.sit(floor.envs, role)
    parts = []
    for order in floor.orders:
        guests = {seat: entrants[k] for seat, k in enumerate(order) if hasattr(entrants[k], "group")}
        parts.append(_floor_for(floor, order, guests).play_rotations(entrants, first_world))
    forfeits = {(world, rotation, seat): reason for rotation, part in enumerate(parts)
                for (world, _, seat), reason in part.forfeits.items()}  # fmt: skip
    return dataclasses.replace(
        parts[0], entrants=floor.orders, forfeits=dict(sorted(forfeits.items())),
        numbers={name: np.concatenate([part.numbers[name] for part in parts], 1) for name in parts[0].numbers},
        **{name: sum(getattr(part, name) for part in parts) for name in ("seconds", "forward_s", "step_s")},
    )  # fmt: skip


def _floor_for(floor: Floor, order: np.ndarray, guests: dict[int, Any]) -> GuestFloor:
    """The markets for these guests at these seats, kept for the next block."""
    kept = floor.guest_floors
    key = (order.tobytes(), tuple((seat, id(guest)) for seat, guest in guests.items()))
    if key not in kept:
        while len(kept) >= max(KEPT, len(floor.orders)):
            del kept[next(iter(kept))]
        kept[key] = GuestFloor(floor, order, guests)
    return kept[key]


# --- kinds


def strategy(spec: PlayerSpec, folder: Path | None, trust: bool) -> StrategyPlayer:
    """`content`: `strategy`, a class as `module:name`, and `arguments`. Its code runs, so it needs trust."""
    allow_keys(spec, "strategy", "arguments")
    _trusted(spec, trust)
    made = load_object(spec.content["strategy"], f"player {spec.name!r}")
    arguments = spec.content.get("arguments", {})
    return StrategyPlayer(spec.name, lambda: made(**arguments), roles_of(spec))


def kernel_participant(spec: PlayerSpec, folder: Path | None, trust: bool) -> ParticipantPlayer:
    """`content`: `participant`, a kind, `parameters`, `programs`, and for kinds of a user's own `module`, which enters
    it when it is imported: that needs trust.
    """
    allow_keys(spec, "participant", "parameters", "programs", "module")
    if "module" in spec.content:
        _trusted(spec, trust)
        load_object(f"{spec.content['module']}:__name__", f"player {spec.name!r}")
    player = ParticipantPlayer(spec.name, spec.content["participant"], spec.content.get("parameters", {}),
                               roles_of(spec), tuple(spec.content.get("programs", ())))  # fmt: skip
    player.group("guest", ParticipantConfig())
    return player


def _trusted(spec: PlayerSpec, trust: bool) -> None:
    require(trust, f"player {spec.name!r}", "kind", "trusted, its code runs: allow it with --trust", spec.kind)
