"""Markets for discovery: one participant `alpha` of kind `program` among background flow, and what may be varied.

Four axes: latency of the alpha's lines, fees, regime, number of venues. A family is a set of such markets times the
seeds of one split; splits are hashed into the worlds, so that no seed of one reaches another.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from functools import partial

from evolve.alpha import TradeSettings
from evolve.worlds import Setting, TrialWorlds, with_latency, with_regime
from qsl_envs.envs.market_making import DEFAULT_MARKET
from qsl_envs.envs.realism import realism_of, relieved
from qsl_envs.errors import require
from qsl_envs.flow.config import AnchorConfig
from qsl_envs.market.config import MarketConfig, PopulationConfig, RiskConfig, SizeConfig, ValueConfig, VenueConfig

GROUP = "alpha"
"""Name of the group that is tried."""
LATENCIES = {"colocated": 50_000, "city": 1_000_000, "remote": 20_000_000}
"""One way, ns."""
FEES = {"rebate": (-0.2, 0.3), "flat": (0.1, 0.3), "free": (0.0, 0.0)}
"""(maker, taker), basis points."""
LEAN = AnchorConfig(tilt=0.9, limit_tilt=0.3, ticks=4.0)
"""How background flow follows an outside value, where there is one."""


def _drifting(market: MarketConfig, drift: float = 1.0) -> MarketConfig:
    """The value drifts up or down, as a draw of each world says: no program can know which but by watching."""
    market = with_value(market, ValueConfig(sigma=1.0))
    return dataclasses.replace(market, randomize={"symbols.value.drift": {"choice": [-drift, drift]}})


def _jumping(market: MarketConfig) -> MarketConfig:
    """The value jumps every ten seconds or so, by 15 ticks in either direction (standard deviation)."""
    return with_value(market, ValueConfig(sigma=1.0, jump_rate=0.1, jump_ticks=15.0))


def with_value(market: MarketConfig, value: ValueConfig) -> MarketConfig:
    """The market with an outside value that its flow leans to."""
    symbols = tuple(dataclasses.replace(symbol, value=value) for symbol in market.symbols)
    return dataclasses.replace(market, symbols=symbols, flow=dataclasses.replace(market.flow, anchor=LEAN))


REGIMES: dict[str, Callable[[MarketConfig], MarketConfig]] = {
    **{name: partial(with_regime, regime=name) for name in ("base", "calm", "volatile", "thin", "flash_crash")},
    "trending": _drifting,
    "jumps": _jumping,
}
"""Regime -> what it makes of a market. The first five are scenarios of the package, `base` none; in the others the
direction is drawn for each world, so that a constant position is worth nothing."""
BOOKS = 16
"""Warm books of a split."""
VENUES = (1, 2)
"""Two are joined by an arbitrageur."""


def base_market(settings: TradeSettings, session_ns: int = 20_000_000_000) -> MarketConfig:
    """The market of `qsl/MarketMaking-v0` with an alpha in the agent's place, behind the same lines and limits.

    Args:
        settings: whose `max_inventory` is the alpha's limit.
    """
    agent = DEFAULT_MARKET.participants[0]
    most = settings.max_inventory
    alpha = PopulationConfig(
        kind="program", name=GROUP, programs=("0 2 0",), books=(0,),
        order_link=agent.order_link, report_link=agent.report_link, feed_link=agent.feed_link,
        risk=RiskConfig(max_inventory=2 * most, max_order_qty=2 * most, max_open_orders=16),
    )  # fmt: skip
    size = SizeConfig(max_orders=384, window_ticks=256, max_special=8, max_events=128, max_clients=32,
                      max_messages=128, max_calendar=128, tape=512, wheel=512)  # fmt: skip
    return dataclasses.replace(DEFAULT_MARKET, participants=(), population=(alpha,), session_ns=session_ns, size=size)


def with_fees(market: MarketConfig, maker_bps: float, taker_bps: float) -> MarketConfig:
    """The market with these fees at every venue, in basis points; a negative one is a rebate."""
    venues = tuple(dataclasses.replace(v, maker_fee_bps=maker_bps, taker_fee_bps=taker_bps) for v in market.venues)
    return dataclasses.replace(market, venues=venues)


def with_venues(market: MarketConfig, count: int) -> MarketConfig:
    """The market on `count` venues with equal flows; where there is more than one, an arbitrageur holds them together.

    The alpha stays at the first one. Its limit there is its equal share, so it is scaled up.
    """
    require(1 <= count <= 8, "with_venues", "count", "in [1, 8]", count)
    if count == 1:
        return market
    first = market.venues[0]
    venues = tuple(dataclasses.replace(first, name=f"{first.name}{k or ''}") for k in range(count))
    groups = []
    for group in market.population:
        risk = dataclasses.replace(group.risk, max_inventory=count * group.risk.max_inventory,
                                   max_notional=count * group.risk.max_notional)  # fmt: skip
        groups.append(dataclasses.replace(group, risk=risk))
    line = market.population[0].order_link
    groups.append(PopulationConfig(kind="arbitrage", name="arbitrageur", params={"edge": 1.0, "cost": 2 * taker_ticks(
        first, market.symbols[0].start_price)}, order_link=line, report_link=line, feed_link=line,
        risk=RiskConfig(max_inventory=100 * count, max_order_qty=50)))  # fmt: skip
    return dataclasses.replace(market, venues=venues, population=tuple(groups))


def taker_ticks(venue: VenueConfig, price: int) -> float:
    """What taking a lot costs in fees, ticks."""
    return venue.taker_fee_bps * 1e-4 * price + venue.taker_lot_fee


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One point of the survival table: where a market stands on the four axes."""

    latency: str = "city"
    fees: str = "rebate"
    regime: str = "base"
    venues: int = 1

    def __post_init__(self) -> None:
        for name, known in (("latency", tuple(LATENCIES)), ("fees", tuple(FEES)), ("regime", tuple(REGIMES))):
            require(getattr(self, name) in known, self, name, f"one of {', '.join(known)}", getattr(self, name))
        require(self.venues in VENUES, self, "venues", f"one of {VENUES}", self.venues)

    @property
    def name(self) -> str:
        """Its words in tables."""
        return f"{self.regime}, {self.latency}, {self.fees}, {self.venues} venue{'s' if self.venues > 1 else ''}"

    def setting(self, market: MarketConfig, realism: dict[str, bool] | None = None) -> Setting:
        """The market at this place, relieved of what `realism` switches off."""
        market = with_fees(with_latency(market, GROUP, LATENCIES[self.latency]), *FEES[self.fees])
        market = REGIMES[self.regime](with_venues(market, self.venues))
        market = relieved(market, realism_of(realism), 0, (GROUP,))
        tags = {name: str(getattr(self, name)) for name in ("latency", "fees", "regime", "venues")}
        return Setting(name=self.name, market=market, tags=tags)


def own_books(market: MarketConfig, split: str) -> MarketConfig:
    """The market with warm books that no other split starts from, and more of them than usual.

    Worlds copy one of a few warm books, which are drawn by the market's settings, not by the split. A few books lean
    one way or the other, and what leans alike in training and test would be learned and then confirmed. So each split's
    burn-in is longer by some nanoseconds of its own, which makes other draws of the same law.
    """
    burn_in = 5 * market.flow.relax_ns + zlib.crc32(split.encode()) % 1_000_000
    return dataclasses.replace(market, templates=BOOKS, burn_in_ns=burn_in)


def family(
    market: MarketConfig, places: Sequence[Place], split: str, count: int, *, first_seed: int = 0,
    realism: dict[str, bool] | None = None, sample_ns: int = 1_000_000_000
) -> TrialWorlds:  # fmt: skip
    """Worlds of one split: every place with `count` seeds, on warm books of the split's own."""
    market = own_books(market, split)
    settings = tuple(place.setting(market, realism) for place in places)
    return TrialWorlds(settings=settings, group=GROUP, split=split, count=count, first_seed=first_seed,
                       sample_ns=min(sample_ns, market.session_ns))  # fmt: skip
