"""`qsl/LatencyRace-v0`: the same chances, the same strategy perhaps, different lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from qsl_envs.envs.config import ArbitrageConfig
from qsl_envs.envs.cross_venue_arbitrage import DEFAULT_MARKET as TWO_VENUES
from qsl_envs.envs.marl import MarlVectorEnv
from qsl_envs.envs.page import fill_marl_page
from qsl_envs.envs.roles import Role
from qsl_envs.market.config import MarketConfig
from qsl_envs.network.config import LinkConfig

FAST_NS, STEP_NS = 100_000, 900_000
"""One-way latency of the first racer, and how much longer each next one's is."""
DEFAULT_MARKET = dataclasses.replace(
    TWO_VENUES, participants=(dataclasses.replace(TWO_VENUES.participants[0], name="racer"),)
)
ROLES = (
    Role(name="racer", num_seats=2,
         task=ArbitrageConfig(step_ns=20_000_000, levels=3, rewards={"inventory": 0.001})),
)  # fmt: skip


def line_of(racer: int) -> LinkConfig:
    """The line of a racer, each way."""
    latency = FAST_NS + STEP_NS * racer
    return LinkConfig(latency_ns=latency, jitter="exponential", jitter_ns=latency // 10)


@fill_marl_page(ROLES, DEFAULT_MARKET)
class LatencyRaceEnv(MarlVectorEnv):
    """Arbitrageurs on lines of different length race for the same crossed quotes.

    ## Description

    The two venues of `qsl/CrossVenueArbitrage-v0` with two arbitrageurs who may do the same but are not equally near:
    the first one's lines take 0.1 ms each way, each next one's 0.9 ms more. Decisions fall at the same times, on what
    each has heard; whose orders arrive first takes, the others find the quote gone. What a millisecond earns is what
    the race is about (Budish, Cramton and Shim 2015; Aquilina, Budish and O'Neill 2022).

    ## Assumptions

    - Those of `qsl/CrossVenueArbitrage-v0`.
    - With equal lines (`config` with equal `order_link`, `report_link`, `feed_link`) a draw decides each race.

    ## Action Space

    {actions}

    ## Observation Space

    {observations}

    ## Rewards

    {rewards}

    ## Starting State

    {start} All agents start flat.

    ## Episode End

    {ends}

    ## Arguments

    {arguments}

    ## Forms

    {forms}

    ## Reference Scores

    None measured yet.

    ## Version History

    - v0: first version.
    """

    default_market, default_roles = DEFAULT_MARKET, ROLES

    @classmethod
    def market_of(cls, roles: Sequence[Role]) -> MarketConfig:
        """The default market with a line of its own for each racer."""
        market = super().market_of(roles)
        racers = tuple(
            dataclasses.replace(p, order_link=line_of(k), report_link=line_of(k), feed_link=line_of(k))
            for k, p in enumerate(market.participants)
        )
        return dataclasses.replace(market, participants=racers)
