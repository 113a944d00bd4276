"""`qsl/MarketMakers-v0`: makers who compete for the same flow in one book."""

from __future__ import annotations

import dataclasses

from qsl_envs.envs.config import MakerConfig
from qsl_envs.envs.market_making import DEFAULT_MARKET as ONE_MAKER
from qsl_envs.envs.marl import MarlVectorEnv
from qsl_envs.envs.page import fill_marl_page
from qsl_envs.envs.roles import Role

DEFAULT_MARKET = dataclasses.replace(
    ONE_MAKER, participants=(dataclasses.replace(ONE_MAKER.participants[0], name="maker"),)
)
ROLES = (Role(name="maker", task=MakerConfig(levels=5), num_seats=4),)


@fill_marl_page(ROLES, DEFAULT_MARKET)
class MarketMakersEnv(MarlVectorEnv):
    """Several makers quote one book; the flow goes to who is first at the best price.

    ## Description

    The market of `qsl/MarketMaking-v0` with four makers in it (`seats` for another number), each with its
    own line, account and limits, on equal terms. Who undercuts gets the flow and earns less of it; who waits in the
    queue is filled last. It is the game of dealers of Ho and Stoll (1983) in a real book, and the setting in which
    independent learners are said to collude (Cartea, Chang and Penalva 2022).

    ## Assumptions

    - The flow is a zero-intelligence one: it does not know who quotes.
    - All makers have equal lines unless `config` says otherwise; ties are broken by a draw.

    ## Action Space

    {actions}

    ## Observation Space

    {observations}

    ## Rewards

    {rewards}

    ## Starting State

    {start} All agents start flat, without orders.

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
