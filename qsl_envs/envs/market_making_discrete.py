"""`qsl/MarketMakingDiscrete-v0`: market making as a choice among a few quotes."""

from __future__ import annotations

from qsl_envs.envs.config import DiscreteMakerConfig
from qsl_envs.envs.market_making import DEFAULT_MARKET
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.synthetic import SyntheticVectorEnv

ROLE = Role(name="maker", task=DiscreteMakerConfig(max_quote_qty=5))


class MarketMakingDiscreteVectorEnv(SyntheticVectorEnv):
    """Many `qsl/MarketMakingDiscrete-v0` in one compiled call; see `MarketMakingDiscreteEnv` for the task."""

    default_market, default_role = DEFAULT_MARKET, ROLE


@fill_page(ROLE, DEFAULT_MARKET)
class MarketMakingDiscreteEnv(TradingEnv):
    """Choose among a few quotes on both sides of one book for a session, and end flat.

    ## Description

    The task and the market of `qsl/MarketMaking-v0`, for learners of discrete actions: the distances of bid and ask
    from the known mid come from a short list, and a quote is always for `max_quote_qty` lots. Orders are targets here
    too: a choice that keeps a price keeps the order's place in the queue.

    ## Assumptions

    Those of `qsl/MarketMaking-v0`.

    ## Action Space

    `Discrete((n + 1)^2)` for n = `len(offsets)`; another number is an error.

    | Choice | Meaning |
    | --- | --- |
    | 0 | no quotes |
    | 1 + n b + a | a bid `offsets[b]` ticks below the known mid, an ask `offsets[a]` ticks above it |
    | 1 + n^2 + b | the bid alone |
    | 1 + n^2 + n + a | the ask alone |

    `info["action_mask"]` (int8, a number a choice) of every reset and step is 0 where the known inventory leaves no
    room for one of the quotes; to choose it nevertheless is allowed, its lots are cut.

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

    vector_class = MarketMakingDiscreteVectorEnv
