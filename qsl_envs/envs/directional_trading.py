"""`qsl/DirectionalTrading-v0`: trade on a signal that decays, against fees, spread and latency."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import DirectionalConfig
from qsl_envs.envs.market_making import DEFAULT_MARKET as MAKERS_MARKET
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.flow.config import AnchorConfig, PoissonFlowConfig
from qsl_envs.market.config import SymbolConfig
from qsl_envs.market.value_config import ValueConfig

ANCHORED = PoissonFlowConfig(market_rate=6.0, limit_rate=1.2, cancel_rate=0.5, ticks=40, qty_low=1, qty_high=5,
                             anchor=AnchorConfig(tilt=0.8, ticks=8.0))  # fmt: skip
"""Flow whose market orders lean towards the symbol's value."""
DEFAULT_MARKET = dataclasses.replace(
    MAKERS_MARKET,
    flow=ANCHORED,
    symbols=(SymbolConfig(value=ValueConfig(sigma=3.0, reversion=0.02, jump_rate=0.1, jump_ticks=15.0)),),
)
ROLE = Role(name="trader", task=DirectionalConfig(step_ns=200_000_000))


class DirectionalTradingVectorEnv(SyntheticVectorEnv):
    """Many `qsl/DirectionalTrading-v0` in one compiled call; see `DirectionalTradingEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class DirectionalTradingEnv(TradingEnv):
    """Hold what a noisy, ageing signal is worth after spread, fees and latency.

    ## Description

    The symbol has a value that wanders, jumps and slowly comes back; market orders of the flow lean towards it, so
    that the price follows with a lag. The agent's research tells it the value as it was `signal_delay_ns` ago, with an
    error: an edge that decays as others trade on it. Every `step_ns` it says which inventory it wants, and whether to
    take it now or to rest for it. Crossing the spread costs more than most signals are worth; resting may never be
    filled, or be filled when the signal was wrong. The task is that of Garleanu and Pedersen (2013), with the costs
    made by a book.

    ## Assumptions

    - The flow knows the value without delay, but acts on it only by a lean of its market orders.
    - The error of the signal is fresh at every step: averaging over steps helps.
    - One venue, one symbol.

    ## Action Space

    `Box(-1, 1, (2,), float32)`; what lies outside is clipped, a NaN is an error that names its place.

    | Index | Name | Meaning |
    | --- | --- | --- |
    | 0 | `target` | inventory wanted, as a share of the limit: -1 all short, 1 all long |
    | 1 | `manner` | from 0 on: take now; below 0: rest |

    What is taken trades at most `take_ticks` beyond the known touch. What rests stands at the known touch of its own
    side at -1, and towards 0 up to `max_offset` ticks behind it.

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

    vector_class = DirectionalTradingVectorEnv
