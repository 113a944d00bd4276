"""`qsl/MultiAssetMarketMaking-v0`: quote several correlated symbols under one risk budget."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import MakerConfig
from qsl_envs.envs.market_making import DEFAULT_MARKET as ONE_SYMBOL
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.flow.config import AnchorConfig, PoissonFlowConfig
from qsl_envs.market.config import RiskConfig, SizeConfig, SymbolConfig
from qsl_envs.market.value_config import ValueConfig

VALUE = ValueConfig(sigma=3.0, reversion=0.02, common_share=0.7)
DEFAULT_MARKET = dataclasses.replace(
    ONE_SYMBOL,
    symbols=(
        SymbolConfig(name="AAA", start_price=10_000, value=VALUE),
        SymbolConfig(name="BBB", start_price=5_000, value=VALUE),
        SymbolConfig(name="CCC", start_price=20_000, value=VALUE),
    ),
    participants=(
        dataclasses.replace(ONE_SYMBOL.participants[0],
                            risk=RiskConfig(max_inventory=40, max_order_qty=40, max_open_orders=48)),
    ),
    flow=PoissonFlowConfig(market_rate=3.0, limit_rate=1.2, cancel_rate=0.8, ticks=30, qty_low=1, qty_high=5,
                           anchor=AnchorConfig(tilt=0.6, ticks=8.0)),
    size=SizeConfig(max_orders=224, window_ticks=256, max_special=8, max_events=64, max_clients=48, max_messages=96,
                    max_calendar=128, tape=256, wheel=512),
)  # fmt: skip
"""Three symbols at one venue whose values share most of their noise."""
ROLE = Role(name="maker", task=MakerConfig(levels=5, inventory_penalty=0.02))


class MultiAssetMarketMakingVectorEnv(SyntheticVectorEnv):
    """Many `qsl/MultiAssetMarketMaking-v0` in one compiled call; see `MultiAssetMarketMakingEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class MultiAssetMarketMakingEnv(TradingEnv):
    """Make markets in three correlated symbols with one account, and end flat.

    ## Description

    As in `qsl/MarketMaking-v0`, in each of several symbols at once. Their values share most of their noise, so an
    inventory in one can be hedged by the opposite one in another; drawdown, ruin and the penalty on inventory look at
    all of them together. The problem is that of Gueant (2017), section 5, in real books.

    ## Assumptions

    - Each symbol's flow leans towards its own value; flows do not look at other symbols.
    - Lots of different symbols count alike in the inventory term, whatever their price.

    ## Action Space

    `Box(-1, 1, (4 x symbols,), float32)`: bid offset, ask offset, bid size, ask size of each symbol in turn, as in
    `qsl/MarketMaking-v0`; what lies outside is clipped, a NaN is an error that names its place.

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 4 s | `bid_offset_s` | `min_offset` ticks below the known mid | `max_offset` ticks below it |
    | 4 s + 1 | `ask_offset_s` | `min_offset` ticks above the known mid | `max_offset` ticks above it |
    | 4 s + 2 | `bid_size_s` | no bid | `max_quote_qty` lots |
    | 4 s + 3 | `ask_size_s` | no ask | `max_quote_qty` lots |

    ## Observation Space

    {observation}

    ## Rewards

    {rewards}

    ## Starting State

    {start} The agent starts flat, without orders.

    ## Episode End

    {ends}

    ## Arguments

    {arguments}

    ## Vector form

    {vector}

    ## Reference Scores

    None measured yet.

    ## Version History

    - v0: first version.
    """

    vector_class = MultiAssetMarketMakingVectorEnv
