"""Small markets with one member to be evolved: what the tests of this room share."""

from __future__ import annotations

from dataclasses import replace

from evolve.worlds import Setting, TrialWorlds, grid, with_latency, with_regime
from qsl_envs.market.config import MarketConfig, VenueConfig
from tests.market.worlds import MS, SECOND, link, small
from tests.participants.crowds import RISK, group, noisy

FEES = (VenueConfig(maker_fee_bps=-0.2, taker_fee_bps=0.3),)


def market(kind: str = "inventory_skew", **values) -> MarketConfig:
    """A lively book, two noise traders, and the one who is tried: number 2, called `tried_0`."""
    tried = group(kind, name="tried", **{"risk": replace(RISK, max_open_orders=16), **values})
    return small(participants=(), venues=FEES, population=(noisy(2), tried), session_ns=3 * SECOND // 2)


def worlds(kind: str = "inventory_skew", count: int = 3, **values) -> TrialWorlds:
    """Two latencies x two regimes x seeds."""
    settings = (Setting(market=market(kind, **values)),)
    near = {
        name: (lambda m, ns=ns: with_latency(m, "tried", ns)) for name, ns in (("near", MS // 10), ("far", 20 * MS))
    }
    regimes = {name: (lambda m, name=name: with_regime(m, name)) for name in ("base", "volatile")}
    settings = grid(grid(settings, "latency", near), "regime", regimes)
    return TrialWorlds(settings=settings, group="tried", count=count, sample_ns=150 * MS)


def crowded() -> MarketConfig:
    """A market in which a noise trader in a hurry (`gap_ns`) finds no more room for messages under way."""
    made = market("noise", params={"max_orders": 16}, lines=link(400 * MS))
    return replace(made, size=replace(made.size, max_messages=16))
