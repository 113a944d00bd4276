"""`qsl/OptimalExecution-v0`: buy or sell a parent order within a session, at the least cost."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import ExecutorConfig
from qsl_envs.envs.market_making import DEFAULT_MARKET as MAKERS_MARKET
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.market.config import ParticipantConfig, RiskConfig
from qsl_envs.network.config import MILLISECOND

EXECUTOR = ParticipantConfig(
    order_link=MILLISECOND,
    report_link=MILLISECOND,
    feed_link=MILLISECOND,
    risk=RiskConfig(max_inventory=400, max_order_qty=400, max_open_orders=16),
)
DEFAULT_MARKET = dataclasses.replace(MAKERS_MARKET, participants=(EXECUTOR,))
"""The market of `qsl/MarketMaking-v0`, with limits that let the parent order through."""
ROLE = Role(name="executor", task=ExecutorConfig(step_ns=1_000_000_000, parent_qty=100, max_loss=10_000.0))


class OptimalExecutionVectorEnv(SyntheticVectorEnv):
    """Many `qsl/OptimalExecution-v0` in one compiled call; see `OptimalExecutionEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class OptimalExecutionEnv(TradingEnv):
    """Work off a parent order within a session: take now, or rest and wait.

    ## Description

    The agent has `parent_qty` lots to sell or to buy before the close: it starts with that inventory, long or short,
    and brings it to zero. Every `step_ns` it says which share of the rest to take at once, down to a limit beyond the
    known touch, and which share of what then is left to let rest in the book, and where. What is not done by the close
    is liquidated at the touch and beyond, at a price that says so. It is the problem of Bertsimas and Lo (1998) and of
    Almgren and Chriss (2000), with their impact functions replaced by a book: taking walks through the queues and
    leaves them thin, resting risks not to be filled.

    ## Assumptions

    - The flow is a zero-intelligence one: the book refills as fast as the flow is, whoever thinned it. There is no
      information in the parent order that others could trade on.
    - What rests is as visible as anybody's order, but nobody reacts to it beyond the mechanics of the book.
    - One venue, one symbol.

    ## Action Space

    `Box(-1, 1, (3,), float32)`; what lies outside is clipped, a NaN is an error that names its place.

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 0 | `take` | take nothing now | take all of the rest now, at most `take_ticks` beyond the known touch |
    | 1 | `rest` | nothing rests in the book | all that then is left rests |
    | 2 | `offset` | at the known touch of the own side | `max_offset` ticks behind it |

    The rest counts what is on its way to be taken as done. An order whose price stays keeps its place in the queue.

    ## Observation Space

    {observation}

    ## Rewards

    {rewards}

    `pnl` marks what is left at the mid, so that its sum and `liquidation` together are minus the implementation
    shortfall against the mid of the start, fees included (Perold 1988).

    ## Starting State

    {start} The side is drawn for each episode, unless `parent_side` fixes it; the inventory is held at the mid.

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

    vector_class = OptimalExecutionVectorEnv
