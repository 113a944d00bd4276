"""`qsl/CrossVenueArbitrage-v0`: buy where it is cheap, sell where it is dear, before the others do."""

from __future__ import annotations

from qsl_envs.envs.config import ArbitrageConfig
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.flow.config import AnchorConfig, PoissonFlowConfig
from qsl_envs.market.config import (
    MarketConfig,
    ParticipantConfig,
    RiskConfig,
    SizeConfig,
    SymbolConfig,
    VenueConfig,
)
from qsl_envs.market.value_config import ValueConfig
from qsl_envs.network.config import LinkConfig

LINE = LinkConfig(latency_ns=500_000, jitter="exponential", jitter_ns=50_000)
"""One way to either venue."""
DEFAULT_MARKET = MarketConfig(
    venues=(
        VenueConfig(name="A", maker_fee_bps=-0.2, taker_fee_bps=0.3),
        VenueConfig(name="B", maker_fee_bps=0.1, taker_fee_bps=-0.1),
    ),
    symbols=(SymbolConfig(value=ValueConfig(sigma=6.0, reversion=0.02)),),
    participants=(
        ParticipantConfig(order_link=LINE, report_link=LINE, feed_link=LINE,
                          risk=RiskConfig(max_inventory=2_000, firm_max_inventory=50, max_order_qty=50,
                                          max_open_orders=16)),
    ),
    flow=PoissonFlowConfig(market_rate=5.0, limit_rate=1.5, cancel_rate=1.0, ticks=30, qty_low=1, qty_high=4,
                           anchor=AnchorConfig(tilt=0.7, limit_tilt=0.3, ticks=8.0)),
    session_ns=60_000_000_000,
    size=SizeConfig(max_orders=192, window_ticks=256, max_special=8, max_events=64, max_clients=16, max_messages=64,
                    max_calendar=64, tape=256, wheel=512),
)  # fmt: skip
"""Two venues of one symbol, an inverted one among them, whose flows follow one value, each by itself."""
ROLE = Role(name="arbitrageur", task=ArbitrageConfig(step_ns=20_000_000, levels=3, rewards={"inventory": 0.001}))


class CrossVenueArbitrageVectorEnv(SyntheticVectorEnv):
    """Many `qsl/CrossVenueArbitrage-v0` in one compiled call; see `CrossVenueArbitrageEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class CrossVenueArbitrageEnv(TradingEnv):
    """Trade one symbol at two to four venues with different fees and latencies; end flat.

    ## Description

    Each venue has its own book and its own flow; all flows lean towards one value, so that the prices stay together
    but are not the same. When a bid at one venue stands above an ask at another by more than the fees, both can be
    taken: what the agent sees is as old as its feeds, and its orders arrive one latency later, when the chance may be
    gone and one leg may stay alone. Every `step_ns` it says how many lots to buy or sell at each venue now.

    ## Assumptions

    - The venues' flows do not look at each other; only the value and arbitrageurs tie their prices.
    - Lots bought at one venue can be sold at another at once.
    - One agent; more arbitrageurs can be put into the market by `config`.

    ## Action Space

    `Box(-1, 1, (venues,), float32)`: for each venue lots to buy now (negative: to sell), as a share of
    `max_quote_qty`, halves away from 0. Orders trade at the known touch (and `take_ticks` beyond) or better on
    arrival, and end. Lots are cut to what the inventory limit leaves, each leg by itself: a hedge may not come.
    What lies outside is clipped, a NaN is an error that names its place.

    ## Observation Space

    {observation}

    ## Rewards

    {rewards}

    ## Starting State

    {start} The agent starts flat.

    ## Episode End

    {ends}

    ## Arguments

    {arguments}

    Two to four venues: `config={{"venues": [{{}}, {{}}, {{"name": "C"}}]}}` adds one.

    ## Vector form

    {vector}

    ## Reference Scores

    None measured yet.

    ## Version History

    - v0: first version.
    """

    vector_class = CrossVenueArbitrageVectorEnv
