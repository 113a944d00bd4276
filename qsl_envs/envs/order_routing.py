"""`qsl/OrderRouting-v0`: work off a parent order over several venues."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import ExecutorConfig
from qsl_envs.envs.cross_venue_arbitrage import DEFAULT_MARKET as TWO_VENUES
from qsl_envs.envs.optimal_execution import EXECUTOR
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.state import ROUTE
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.market.config import RiskConfig, VenueConfig

DEFAULT_MARKET = dataclasses.replace(
    TWO_VENUES,
    venues=(
        VenueConfig(name="A", maker_fee_bps=-0.2, taker_fee_bps=0.3),
        VenueConfig(name="B", maker_fee_bps=0.1, taker_fee_bps=-0.1),
        VenueConfig(name="C", maker_fee_bps=0.0, taker_fee_bps=0.1, service_ns=20_000),
    ),
    participants=(
        dataclasses.replace(EXECUTOR, risk=RiskConfig(max_inventory=900, max_order_qty=400, max_open_orders=16)),
    ),
)
"""A maker-taker venue, an inverted one, and a slow one with flat fees."""
ROLE = Role(name="router", action=ROUTE,
            task=ExecutorConfig(step_ns=1_000_000_000, levels=5, parent_qty=150, max_loss=10_000.0))  # fmt: skip


class OrderRoutingVectorEnv(SyntheticVectorEnv):
    """Many `qsl/OrderRouting-v0` in one compiled call; see `OrderRoutingEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class OrderRoutingEnv(TradingEnv):
    """Split a parent order over venues with different fees, speeds and queues.

    ## Description

    As in `qsl/OptimalExecution-v0` there is a parent order to sell or to buy before the close, but at several venues
    of one symbol: one that pays makers, one that pays takers, one with flat fees whose engine takes its time. Every
    `step_ns` the agent says for each venue which share of the rest to take there now and which share to let rest at
    the touch there. The problem is that of Cont and Kukanov (2017): the cheapest place to take, the shortest queue to
    stand in, and what remains when neither comes.

    ## Assumptions

    - The venues' flows lean towards one value, and do not look at each other.
    - Nothing forbids to trade through a better price elsewhere: that costs by itself.
    - Lots bought at one venue settle those held at another.

    ## Action Space

    `Box(-1, 1, (2 x venues,), float32)`; what lies outside is clipped, a NaN is an error that names its place. For
    venue v:

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 2 v | `take_v` | take nothing there | take all of the rest there now, at most `take_ticks` beyond the touch |
    | 2 v + 1 | `rest_v` | nothing rests there | all of the rest rests at its touch |

    Shares are of the rest at the beginning of the step; takes come first, venue by venue, then what rests, as far as
    the rest goes.

    ## Observation Space

    {observation}

    ## Rewards

    {rewards}

    ## Starting State

    {start} The side is drawn for each episode, unless `parent_side` fixes it; the inventory is held at the mid.

    ## Episode End

    {ends} Liquidation is at the symbol's first venue.

    ## Arguments

    {arguments}

    ## Vector form

    {vector}

    ## Reference Scores

    None measured yet.

    ## Version History

    - v0: first version.
    """

    vector_class = OrderRoutingVectorEnv
