"""What a market can be relieved of, one by one: to see what each costs, and why backtests without it lie."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig, ParticipantConfig, PopulationConfig, VenueConfig
from qsl_envs.network.config import LinkConfig

REALISM = {
    "latency": "off: the agents' lines take no time and lose nothing, and they do not think",
    "queue": "off: an agent's resting order is first at its price; it is filled when a trade prints there or beyond",
    "fees": "off: no fees, rebates or borrow costs, for anybody",
    "impact": "off: what an agent takes is not missing from the book, and flow that can look away does not see it",
}
"""Switches, all on by default."""


def realism_of(given: dict[str, bool] | None) -> dict[str, bool]:
    """All switches, those given set. Raises: ConfigError naming one that there is not."""
    given = {} if given is None else given
    require(isinstance(given, dict), "realism", "realism", f"a mapping of {', '.join(REALISM)}", given)
    for name, on in given.items():
        require(name in REALISM, "realism", name, f"one of {', '.join(REALISM)}", name)
        require(isinstance(on, bool), "realism", name, "true or false", on)
    return {name: given.get(name, True) for name in REALISM}


def relieved(
    config: MarketConfig, realism: dict[str, bool], num_agents: int, groups: tuple[str, ...] = ()
) -> MarketConfig:
    """A market with what is off switched off for its first `num_agents` participants and the named groups of its
    population (fees: for everybody).
    """
    if all(realism.values()):
        return config
    participants = tuple(_one(p, realism) if k < num_agents else p for k, p in enumerate(config.participants))
    population = tuple(_one(g, realism) if g.name in groups else g for g in config.population)
    changes: dict[str, object] = {"participants": participants, "population": population}
    venues = config.venues
    if not realism["fees"]:
        venues = tuple(_free(v) for v in venues)
        changes["symbols"] = tuple(dataclasses.replace(s, borrow_rate=0) for s in config.symbols)
    if not realism["impact"]:
        venues = tuple(dataclasses.replace(v, impact_ticks=0.0) for v in venues)
        if hasattr(config.flow, "reactive"):
            changes["flow"] = dataclasses.replace(config.flow, reactive=False)  # type: ignore[type-var]
    return dataclasses.replace(config, venues=venues, **changes)  # type: ignore[arg-type]


Trader = TypeVar("Trader", ParticipantConfig, PopulationConfig)


def _one(p: Trader, realism: dict[str, bool]) -> Trader:
    """An agent, or a group, relieved."""
    changes: dict[str, object] = {"ideal_queue": not realism["queue"], "ideal_takes": not realism["impact"]}
    if not realism["latency"]:
        line = LinkConfig(latency_ns=0)
        changes.update(order_link=line, report_link=line, feed_link=line, reaction_ns=0, extra_latency_ns=0)
    return dataclasses.replace(p, **changes)  # type: ignore[arg-type]


def _free(v: VenueConfig) -> VenueConfig:
    return dataclasses.replace(v, maker_fee_bps=0.0, taker_fee_bps=0.0, maker_lot_fee=0.0, taker_lot_fee=0.0, tiers=(),
                               auction_fee_bps=0.0)  # fmt: skip


def words(realism: dict[str, bool]) -> str:
    """What is off, for a repr; empty when nothing is."""
    off = [name for name, on in realism.items() if not on]
    return f"without {', '.join(off)}" if off else ""
