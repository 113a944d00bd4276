"""`qsl/MakersTakers-v0`: makers, executors, arbitrageurs and the informed in one market of two venues."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import ArbitrageConfig, DirectionalConfig, ExecutorConfig, MakerConfig
from qsl_envs.envs.cross_venue_arbitrage import DEFAULT_MARKET as TWO_VENUES
from qsl_envs.envs.marl import MarlVectorEnv
from qsl_envs.envs.page import fill_marl_page
from qsl_envs.envs.roles import Role
from qsl_envs.market.config import RiskConfig
from qsl_envs.network.config import LinkConfig

NEAR = LinkConfig(latency_ns=100_000, jitter="exponential", jitter_ns=10_000)
FAR = LinkConfig(latency_ns=1_000_000, jitter="exponential", jitter_ns=100_000)
AGENT = TWO_VENUES.participants[0]
DEFAULT_MARKET = dataclasses.replace(
    TWO_VENUES,
    participants=(
        dataclasses.replace(AGENT, name="maker", order_link=NEAR, report_link=NEAR, feed_link=NEAR,
                            risk=RiskConfig(max_inventory=200, firm_max_inventory=50, max_open_orders=16)),
        dataclasses.replace(AGENT, name="executor", order_link=FAR, report_link=FAR, feed_link=FAR,
                            risk=RiskConfig(max_inventory=800, max_open_orders=16)),
        dataclasses.replace(AGENT, name="arbitrageur", order_link=NEAR, report_link=NEAR, feed_link=NEAR),
        dataclasses.replace(AGENT, name="informed", order_link=FAR, report_link=FAR, feed_link=FAR,
                            risk=RiskConfig(max_inventory=200, firm_max_inventory=50, max_open_orders=16)),
    ),
)  # fmt: skip
"""The venues of `qsl/CrossVenueArbitrage-v0`; makers and arbitrageurs are near, the others are not."""
STEP_NS = 100_000_000
ROLES = (
    Role(name="maker", num_seats=2, task=MakerConfig(step_ns=STEP_NS, levels=5)),
    Role(name="executor", num_seats=1, task=ExecutorConfig(step_ns=STEP_NS, levels=5, parent_qty=100, max_loss=1e4)),
    Role(name="arbitrageur", num_seats=1,
         task=ArbitrageConfig(step_ns=STEP_NS, levels=5, rewards={"inventory": 0.001})),
    Role(name="informed", num_seats=1,
         task=DirectionalConfig(step_ns=STEP_NS, levels=5, signal_delay_ns=0, signal_noise=1.0)),
)  # fmt: skip


@fill_marl_page(ROLES, DEFAULT_MARKET)
class MakersTakersEnv(MarlVectorEnv):
    """Agents of four kinds, with different actions and observations, live off each other.

    ## Description

    Two venues of one symbol, whose flows follow a value. Makers quote at the first venue; an executor works off a
    parent order there; an arbitrageur ties the venues; an informed agent knows the value nearly without error and
    trades on it, at the makers' cost. What one role learns changes what the others meet.

    ## Assumptions

    - Makers, executors and the informed trade at the first venue, arbitrageurs at both.
    - All roles decide at the same times.

    ## Action Space

    {actions}

    ## Observation Space

    {observations}

    ## Rewards

    {rewards}

    ## Starting State

    {start} Executors start with their parent order, all others flat.

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
