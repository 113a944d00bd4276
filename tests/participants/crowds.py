"""Small markets with a population: what the tests of this room share."""

from __future__ import annotations

from dataclasses import replace

from qsl_envs.market.config import MarketConfig, PopulationConfig, RiskConfig
from qsl_envs.market.market import Market
from tests.market.worlds import MS, SIZE, link, small

FAST = link(200_000, jitter="exponential", jitter_ns=100_000)
RISK = RiskConfig(max_inventory=2_000, max_order_qty=200, max_open_orders=8)


def group(kind: str, count: int = 1, **values) -> PopulationConfig:
    """A group of one kind behind fast, jittery lines."""
    lines = values.pop("lines", FAST)
    values = {"order_link": lines, "report_link": lines, "feed_link": lines, "risk": RISK, **values}
    return PopulationConfig(kind=kind, count=count, **values)


def noisy(count: int = 12, **params) -> PopulationConfig:
    """Noise that sends some 20 orders a second each."""
    return group("noise", count, params={"gap_ns": 50 * MS, "qty": (1, 4), "life_ns": 400 * MS, **params})


def populated(*groups: PopulationConfig, **changes) -> MarketConfig:
    """A small market with these groups and one agent; without background flow unless it is asked for."""
    size = replace(SIZE, max_orders=512, max_clients=256)
    return small(**{"population": groups, "flow": None, "size": size, **changes})


def trading(config: MarketConfig, num_replicas: int = 1, until_ns: int = 2_000 * MS, **values) -> Market:
    """A market that has been let run."""
    market = Market(config, num_replicas, **values)
    market.reset()
    market.advance(until_ns)
    return market
