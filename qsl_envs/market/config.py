"""Settings of a market. Fields marked *size* fix memory; the others are values."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qsl_envs.engine.config import WINDOW_MAX, WINDOW_MIN, EngineConfig
from qsl_envs.errors import require
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.flow.hawkes_config import HawkesFlowConfig
from qsl_envs.flow.kinds import AnyFlowConfig
from qsl_envs.market.constants import CODE_SHIFT, LISTENS
from qsl_envs.market.kinds import Draw, as_draw, check_params, find_kind
from qsl_envs.market.value_config import ValueConfig
from qsl_envs.market.venue_config import (
    DAY_NS,
    STP_NAMES,
    BandTier,
    FeeTier,
    PhaseChange,
    TickStep,
    VenueConfig,
)
from qsl_envs.network.config import LinkConfig
from qsl_envs.settings import check_types, config_hash, from_dict, load_yaml, save_yaml, to_dict

__all__ = [
    "BandTier",
    "Draw",
    "FeeTier",
    "MarketConfig",
    "ParticipantConfig",
    "PhaseChange",
    "PopulationConfig",
    "RiskConfig",
    "SizeConfig",
    "SymbolConfig",
    "TickStep",
    "ValueConfig",
    "VenueConfig",
]

UNLIMITED = 2**31 - 1


def _listens(owner: object, name: str) -> None:
    require(name == "" or name in LISTENS, owner, "listens", f"empty or one of {', '.join(LISTENS)}", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolConfig:
    """One instrument."""

    name: str = "QSL"
    tick_size_usd: float = 0.01
    lot_size: int = 1
    """shares a lot"""
    start_price: int = 10_000
    """ticks; where templates build their books around"""
    borrow_rate: int = 0
    """money units per lot and second on short inventory"""
    value: ValueConfig | None = None
    """fundamental value outside the market, shared by all venues; None: none"""

    def __post_init__(self) -> None:
        check_types(self)
        require(0 < self.tick_size_usd <= 1e9, self, "tick_size_usd", "in (0, 1e9]", self.tick_size_usd)
        require(1 <= self.lot_size <= 10**9, self, "lot_size", "in [1, 1e9]", self.lot_size)
        require(1 <= self.start_price < 2**30, self, "start_price", "in [1, 2**30) ticks", self.start_price)
        require(0 <= self.borrow_rate < 2**30, self, "borrow_rate", "in [0, 2**30)", self.borrow_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskConfig:
    """Limits of one participant. A venue enforces its equal share of the inventory and notional caps."""

    max_inventory: int = 1_000
    """lots, long or short, open orders counted at their worst case; summed over venues"""
    max_order_qty: int = 1_000
    max_notional: int = 2**40
    """ticks x lots of open orders; summed over venues"""
    max_open_orders: int = 32
    messages_per_s: float = 0.0
    """rate at each venue's gate; 0: no limit"""
    burst: int = 10
    """messages that may come at once under a rate limit"""
    max_drawdown: float = 0.0
    """ticks x lots that known equity may fall below its peak before the kill switch acts; 0: never"""
    risk_check_ns: int = 1_000_000_000
    """with a drawdown limit: how often it is looked at beside the times at which a report is heard"""
    firm_max_inventory: int = 0
    """checked at the participant's own node on what it has heard; 0: none"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("max_inventory", "max_order_qty", "max_open_orders", "burst"):
            value = getattr(self, name)
            require(1 <= value <= UNLIMITED, self, name, "in [1, 2**31)", value)
        require(1 <= self.max_notional < 2**60, self, "max_notional", "in [1, 2**60)", self.max_notional)
        require(0 <= self.messages_per_s <= 1e9, self, "messages_per_s", "in [0, 1e9]", self.messages_per_s)
        require(0 <= self.max_drawdown <= 1e12, self, "max_drawdown", "in [0, 1e12]", self.max_drawdown)
        require(1 <= self.risk_check_ns <= DAY_NS, self, "risk_check_ns", "in [1, one day]", self.risk_check_ns)
        firm = self.firm_max_inventory
        require(0 <= firm <= UNLIMITED, self, "firm_max_inventory", "in [0, 2**31)", firm)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantConfig:
    """One account with a node of its own: its lines to every venue, and its limits."""

    name: str = "agent"
    order_link: LinkConfig = field(default_factory=LinkConfig)
    report_link: LinkConfig = field(default_factory=LinkConfig)
    feed_link: LinkConfig = field(default_factory=LinkConfig)
    extra_latency_ns: int = 0
    """beside its links', one way: of orders, reports and feeds; the same for agents that share a feed link"""
    reaction_ns: int = 0
    """the participant's own thinking time, before a message leaves"""
    cash: float = 0.0
    """ticks x lots at the start"""
    inventory: int = 0
    """lots at the start, at the start price"""
    risk: RiskConfig = field(default_factory=RiskConfig)
    ideal_queue: bool = False
    """its resting orders stand first at their prices: filled when a trade prints there or beyond"""
    ideal_takes: bool = False
    """what it takes is not missing from the book (the impact account is the other side, nothing is printed); what the
    displayed book within the limit cannot give is cancelled"""
    listens: str = ""
    """empty: it looks when its user likes. Else it is woken (`advance` comes back with STOP_WAKE) at the start, by its
    clock, when it hears of a fill, and by its feeds: `nothing` of them, a change of the best prices (`top`), `all`"""

    def __post_init__(self) -> None:
        check_types(self)
        _listens(self, self.listens)
        require(0 <= self.reaction_ns < 10**12, self, "reaction_ns", "in [0, 1000 s)", self.reaction_ns)
        extra = self.extra_latency_ns
        require(0 <= extra <= 10**10, self, "extra_latency_ns", "in [0, 10 s]", extra)
        require(abs(self.cash) <= 1e10, self, "cash", "in [-1e10, 1e10] ticks x lots", self.cash)
        held, most = self.inventory, self.risk.max_inventory
        require(abs(held) <= most, self, "inventory", f"within risk.max_inventory = {most}", held)


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationConfig:
    """A group of participants of one kind that trade inside the kernel, each with an account and a node of its own."""

    kind: str
    """a built-in kind, or one that `@participant` has entered"""
    count: int = 1
    """size"""
    name: str = ""
    """members are called `name_0`, `name_1`, ...; empty: the kind's name"""
    params: dict[str, Any] = field(default_factory=dict)
    """parameters of the kind by name, what is left out is its default: a number, a pair (low, high) from which each
    member draws evenly in each world, or a `Draw`"""
    programs: tuple[str, ...] = ()
    """of the kind `program`: texts, one for each member in turn"""
    books: tuple[int, ...] = ()
    """that the group trades in, venue * num_symbols + symbol; empty: all. Kinds with one book deal them out in turn"""
    order_link: LinkConfig = field(default_factory=LinkConfig)
    report_link: LinkConfig = field(default_factory=LinkConfig)
    feed_link: LinkConfig = field(default_factory=LinkConfig)
    extra_latency_ns: Any = 0
    """of each member, on orders and reports, both ways: a number, a pair or a `Draw`"""
    reaction_ns: int = 0
    cash: float = 0.0
    inventory: int = 0
    """the last three as for `ParticipantConfig`, the same for each member"""
    risk: RiskConfig = field(default_factory=RiskConfig)
    ideal_queue: bool = False
    ideal_takes: bool = False
    """both as for `ParticipantConfig`: for comparisons"""
    listens: str = ""
    """what of its feeds wakes each member, `nothing`, `top` or `all`; empty: what the kind says"""

    def __post_init__(self) -> None:
        check_types(self)
        _listens(self, self.listens)
        require(1 <= self.count <= 10**6, self, "count", "in [1, 1_000_000]", self.count)
        object.__setattr__(self, "name", self.name or self.kind)
        owner = f"PopulationConfig[{self.name}]"
        object.__setattr__(self, "params", check_params(owner, find_kind(self.kind), self.params))
        reads = find_kind(self.kind).read_programs
        require((reads is None) == (not self.programs), owner, "programs",
                "given for the kind `program`, and for no other", self.programs)  # fmt: skip
        if reads is not None:
            reads(self.programs, self.name)
        extra = as_draw(owner, "extra_latency_ns", self.extra_latency_ns)
        least = extra.a if isinstance(extra, Draw) else extra
        require(0 <= least < 1e12, owner, "extra_latency_ns", "in [0, 1000 s)", self.extra_latency_ns)
        object.__setattr__(self, "extra_latency_ns", extra)
        require(len(set(self.books)) == len(self.books), owner, "books", "different ones", self.books)
        require(0 <= self.reaction_ns < 10**12, owner, "reaction_ns", "in [0, 1000 s)", self.reaction_ns)
        require(abs(self.cash) <= 1e10, owner, "cash", "in [-1e10, 1e10] ticks x lots", self.cash)
        held, most = self.inventory, self.risk.max_inventory
        require(abs(held) <= most, owner, "inventory", f"within risk.max_inventory = {most}", held)

    def __hash__(self) -> int:
        return hash(config_hash(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeConfig:
    """Memory of one replica; all *size*. What turns out too small is a reject or an error that names it."""

    max_orders: int = 512
    """slots of each book's pool: flow and participants together"""
    window_ticks: int = 512
    max_special: int = 64
    max_events: int = 256
    max_clients: int = 64
    """orders that all participants together may have sent and not seen end"""
    max_messages: int = 128
    """orders and reports under way"""
    max_calendar: int = 256
    tape: int = 512
    """records of a book's public tape, a power of two: what the slowest feed has not heard must fit"""
    max_pending: int = 1024
    """children of Hawkes flow to come, per book; another flow has none"""
    wheel: int = 1024
    """buckets of the cancel wheel, a power of two >= 64"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("tape", "wheel"):
            v = getattr(self, name)
            least = 64 if name == "wheel" else 16
            power = least <= v <= 2**24 and v & (v - 1) == 0
            require(power, self, name, f"a power of two in [{least}, 2**24]", v)
        require(1 <= self.max_orders <= 2**20, self, "max_orders", "in [1, 2**20]", self.max_orders)
        require(1 <= self.max_clients <= 2**15, self, "max_clients", "in [1, 2**15]", self.max_clients)
        for name in ("max_messages", "max_calendar", "max_pending"):
            require(1 <= getattr(self, name) <= 2**24, self, name, "in [1, 2**24]", getattr(self, name))
        window = self.window_ticks
        power = WINDOW_MIN <= window <= WINDOW_MAX and window & (window - 1) == 0
        require(power, self, "window_ticks", f"a power of two in [{WINDOW_MIN}, {WINDOW_MAX}]", window)
        require(0 <= self.max_special <= 2**20, self, "max_special", "in [0, 2**20]", self.max_special)
        require(16 <= self.max_events <= 2**20, self, "max_events", "in [16, 2**20]", self.max_events)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketConfig:
    """A market: venues x symbols, participants, the flow of every book, and the sizes of one replica."""

    venues: tuple[VenueConfig, ...] = (VenueConfig(),)
    symbols: tuple[SymbolConfig, ...] = (SymbolConfig(),)
    participants: tuple[ParticipantConfig, ...] = (ParticipantConfig(),)
    """agents: moved from outside"""
    population: tuple[PopulationConfig, ...] = ()
    """who trades inside the kernel; numbered after the agents"""
    flow: AnyFlowConfig | None = field(default_factory=PoissonFlowConfig)
    """background flow of every book, of any kind; None: none"""
    session_ns: int = 600_000_000_000
    """from the start of an episode to the close"""
    fee_unit: int = 20_000
    """money units in a tick x lot; even"""
    templates: int = 4
    """warm books made per configuration; a draw chooses one at reset"""
    burn_in_ns: int | None = None
    """of a template; None: five mean lives of an order"""
    snapshot_ns: int = 50_000_000
    """from the discovery of a gap in a feed to the snapshot that mends it"""
    heartbeat_ns: int = 1_000_000_000
    order_timeout_ns: int = 2_000_000_000
    impact_window_ns: int = 1_000_000_000
    wake_on_fill: bool = False
    """`advance` comes back when a participant hears of a fill of its own (STOP_FILL)"""
    mirror: bool = False
    """turn the side of each draw of the flow round"""
    size: SizeConfig = field(default_factory=SizeConfig)
    scenario: tuple[str, ...] = ()
    """regimes, by name or file: see `market.scenario`"""
    randomize: dict[str, Any] = field(default_factory=dict, hash=False)
    """settings that each episode draws, by name (`market.knobs`): [low, high], or {log_uniform: [low, high]},
    {normal: [mean, sd, low, high]}, {choice: [...]}; drawn from a family of 256, spread evenly over the ranges"""

    def __post_init__(self) -> None:
        if isinstance(self.scenario, str):
            object.__setattr__(self, "scenario", (self.scenario,))
        check_types(self)
        require(isinstance(self.randomize, dict), self, "randomize", "a mapping of settings to ranges", self.randomize)
        extras: dict[LinkConfig, int] = {}
        for agent in self.participants:
            extra = extras.setdefault(agent.feed_link, agent.extra_latency_ns)
            require(extra == agent.extra_latency_ns, self, f"participants[{agent.name}].extra_latency_ns",
                    f"{extra}, as of the other agents behind its feed link", agent.extra_latency_ns)  # fmt: skip
        require(len(self.venues) >= 1, self, "venues", "at least one", len(self.venues))
        require(len(self.symbols) >= 1, self, "symbols", "at least one", len(self.symbols))
        require(1 <= self.session_ns <= DAY_NS, self, "session_ns", "in [1, one day]", self.session_ns)
        even = self.fee_unit % 2 == 0 and 2 <= self.fee_unit <= 2**24
        require(even, self, "fee_unit", "even, in [2, 2**24]", self.fee_unit)
        require(1 <= self.templates <= 64, self, "templates", "in [1, 64]", self.templates)
        for name in ("snapshot_ns", "heartbeat_ns", "order_timeout_ns", "impact_window_ns"):
            require(0 < getattr(self, name) <= DAY_NS, self, name, "in (0, one day]", getattr(self, name))
        if self.burn_in_ns is not None:
            require(0 <= self.burn_in_ns <= DAY_NS, self, "burn_in_ns", "in [0, one day]", self.burn_in_ns)
        for kind in ("venues", "symbols", "participants", "population"):
            names = [item.name for item in getattr(self, kind)]
            require(len(set(names)) == len(names), self, kind, "of different names", names)
        require(self.num_books <= 1 << (31 - CODE_SHIFT), self, "venues x symbols", "at most 2048", self.num_books)
        room = 0
        everybody: list[ParticipantConfig | PopulationConfig] = [*self.participants, *self.population]
        for p in everybody:
            share = min(p.risk.max_inventory, p.risk.max_notional)
            require(share >= len(self.venues), self, f"{p.name}.risk.max_inventory",
                    f">= {len(self.venues)}, a lot for each venue", share)  # fmt: skip
            top = max(s.start_price for s in self.symbols) * 4
            product = top * p.risk.max_inventory * self.fee_unit
            require(product < 2**62, self, f"{p.name}.risk.max_inventory",
                    "such that 4 x start_price x max_inventory x fee_unit < 2**62", p.risk.max_inventory)  # fmt: skip
            room += p.risk.max_open_orders * (p.count if isinstance(p, PopulationConfig) else 1)
        self._check_population()
        if self.flow is not None:
            need = self.flow.mean_orders
            most = int(need + 6 * math.sqrt(need) + 16) + min(room, self.size.max_clients)
            require(self.size.max_orders >= most, self.size, "max_orders",
                    f">= {most} for this flow (births x mean life, six standard deviations, and participants' orders)",
                    self.size.max_orders)  # fmt: skip
            if isinstance(self.flow, HawkesFlowConfig):
                least = int(2 * self.flow.mean_pending + 64)
                require(self.size.max_pending >= least, self.size, "max_pending",
                        f">= {least} for this flow (twice the children to come in the mean, and 64)",
                        self.size.max_pending)  # fmt: skip
            anchored = self.flow.anchor is None or all(s.value is not None for s in self.symbols)
            require(anchored, self, "flow.anchor", "None, or every symbol has a `value` to lean to", self.flow.anchor)
        grids = sorted({s.value.grid_ns for s in self.symbols if s.value is not None and s.value.common_share > 0})
        require(len(grids) <= 1, self, "symbols.value.grid_ns", "the same where values share a factor", grids)
        for v in self.venues:
            for fee in (v.maker_lot_fee, v.taker_lot_fee):
                money = fee * self.fee_unit
                require(
                    abs(money - round(money)) < 1e-6,
                    v,
                    "maker_lot_fee/taker_lot_fee",
                    f"a multiple of 1/{self.fee_unit}",
                    fee,
                )

    def _check_population(self) -> None:
        """Names that do not clash, books that exist, room for one order each."""
        agents = {p.name for p in self.participants}
        for group in self.population:
            front = f"{group.name}_"
            clash = [name for name in agents if name.startswith(front) and name[len(front) :].isdigit()]
            require(not clash, self, f"population[{group.name}].name", "other than the agents' names", clash)
            far = [book for book in group.books if not 0 <= book < self.num_books]
            require(not far, self, f"population[{group.name}].books", f"in [0, {self.num_books})", far)
        need = len(self.participants) + sum(group.count for group in self.population)
        have = self.size.max_clients
        require(not self.population or have >= need, self.size, "max_clients",
                f">= {need}, an order for each participant", have)  # fmt: skip
        require(need < 2**24, self, "population", "fewer than 2**24 participants", need)

    @property
    def num_books(self) -> int:
        """Books of one replica: venues x symbols; book = venue * num_symbols + symbol."""
        return len(self.venues) * len(self.symbols)

    def engine(self, venue: VenueConfig) -> EngineConfig:
        """Settings of a book of a venue."""
        s = self.size
        return EngineConfig(max_orders=s.max_orders, window_ticks=s.window_ticks, max_special=s.max_special,
                            max_events=s.max_events, stp=STP_NAMES.index(venue.stp), publish=True,
                            keep_on_decrease=venue.keep_on_decrease)  # fmt: skip

    def to_dict(self) -> dict:
        """Plain values."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, values: dict) -> MarketConfig:
        """From plain values. Raises: ConfigError that names the field."""
        return from_dict(cls, values)

    def save(self, file: str | Path) -> None:
        """Write a YAML file."""
        save_yaml(self, file)

    @classmethod
    def load(cls, file: str | Path) -> MarketConfig:
        """Read a YAML file. Raises: ConfigError that names the field."""
        return load_yaml(cls, file)

    def hash(self) -> str:
        """Hex digest of all settings."""
        return config_hash(self)

    def template_hash(self) -> str:
        """Hex digest that the draws of warm templates are keyed by: of what can matter before agents act.

        So a market and its mirror image share their warm books, and so do markets that differ in agents' lines, limits
        or number, in the population, in fees, or in the length of the session: comparisons between those are between
        equal worlds.
        """
        free: dict[str, Any] = {
            "maker_fee_bps": 0.0, "taker_fee_bps": 0.0, "maker_lot_fee": 0.0, "taker_lot_fee": 0.0, "tiers": (),
            "auction_fee_bps": 0.0, "impact_ticks": 0.0,
        }  # fmt: skip
        changes: dict[str, Any] = {
            "mirror": False, "participants": (), "population": (), "session_ns": DAY_NS,
            "wake_on_fill": False, "heartbeat_ns": 1, "snapshot_ns": 1, "order_timeout_ns": 1, "impact_window_ns": 1,
            "venues": tuple(dataclasses.replace(v, **free) for v in self.venues),
            "symbols": tuple(dataclasses.replace(s, borrow_rate=0) for s in self.symbols),
        }  # fmt: skip
        if getattr(self.flow, "reactive", True) is False:
            changes["flow"] = dataclasses.replace(self.flow, reactive=True)  # type: ignore[type-var, call-arg]
        return config_hash(dataclasses.replace(self, **changes))
