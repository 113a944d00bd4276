"""`qsl/MarketMaking-v0`: quote both sides of one book that background flow keeps alive."""

from __future__ import annotations

from qsl_envs.envs.config import MakerConfig
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import MarketConfig, ParticipantConfig, RiskConfig, SizeConfig, VenueConfig
from qsl_envs.network.config import MILLISECOND

DEFAULT_MARKET = MarketConfig(
    venues=(VenueConfig(maker_fee_bps=-0.2, taker_fee_bps=0.3),),
    participants=(
        ParticipantConfig(
            order_link=MILLISECOND,
            report_link=MILLISECOND,
            feed_link=MILLISECOND,
            risk=RiskConfig(max_inventory=50, max_order_qty=50, max_open_orders=16),
        ),
    ),
    flow=PoissonFlowConfig(market_rate=3.0, limit_rate=1.2, cancel_rate=0.5, ticks=40, qty_low=1, qty_high=5),
    session_ns=60_000_000_000,
    size=SizeConfig(max_orders=320, window_ticks=256, max_special=8, max_events=64, max_clients=16, max_messages=64,
                    max_calendar=64, tape=256, wheel=512),
)  # fmt: skip
"""One venue, one agent, about 200 messages of background flow a second, spreads of a few ticks."""

ROLE = Role(name="maker", task=MakerConfig())


class MarketMakingVectorEnv(SyntheticVectorEnv):
    """Many `qsl/MarketMaking-v0` in one compiled call; see `MarketMakingEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class MarketMakingEnv(TradingEnv):
    """Quote both sides of one book for a session, and end flat.

    ## Description

    One agent makes a market in one symbol on one venue. Every `step_ns` it says at which distance from the mid, and
    for how many lots, it wants to bid and to ask. The environment compares that with the orders which stand or are
    on their way and sends the difference: an order whose price stays keeps its place in the queue (a smaller size
    is a reduce, a larger one an additional order), one at another price is replaced, one that is not wanted any
    more is cancelled. The messages travel to the venue, wait their turn, pass the risk gate and meet a real
    price-time book; fills and the public feed travel back. The agent earns the spread and the maker's rebate, and
    pays for what it holds when the price moves. The task is that of Ho and Stoll (1981) and of Avellaneda and
    Stoikov (2008); new is that the book, the queues, the latencies and the limits are all there.

    ## Assumptions

    - The flow is a zero-intelligence one (Smith, Farmer, Gillemot and Krishnamurthy 2003): it places its orders
      relative to the best prices, the agent's among them, but it does not know who quotes, does not tire, and holds
      no view. Prices revert over short times more than real ones do.
    - No one else trades on information, so fills are adverse only through the mechanics of the book.
    - One venue, one symbol, a constant tick; no halts, no auctions.
    - Liquidation at the end happens at once against the displayed book; it moves nobody else.

    ## Action Space

    `Box(-1, 1, (4,), float32)`; what lies outside is clipped, a NaN is an error that names its place.

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 0 | `bid_offset` | `min_offset` ticks below the known mid | `max_offset` ticks below it |
    | 1 | `ask_offset` | `min_offset` ticks above the known mid | `max_offset` ticks above it |
    | 2 | `bid_size` | no bid | `max_quote_qty` lots |
    | 3 | `ask_size` | no ask | `max_quote_qty` lots |

    Offsets and sizes are rounded to whole numbers, halves up. Prices that fall between two ticks are rounded away
    from the mid. A price never crosses what others are known to show on the other side; two quotes that would meet
    are moved apart by one tick each. Sizes are cut to what the inventory limit leaves, as far as the agent knows.
    The mid is the one that the agent knows: of what others are known to show, as old as its feed.

    ## Observation Space

    {observation}

    `own_*_queue` is the fewest lots of others that were ever known at the order's price since it stands there:
    nobody can have come in front. Orders that the levels do not reach get the upper bound.

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

    vector_class = MarketMakingVectorEnv
