"""The tables of an environment's page, put into the class docstring that is the page."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from qsl_envs.envs.config import argument_table
from qsl_envs.envs.fields import field_table
from qsl_envs.envs.roles import Role
from qsl_envs.envs.state import REWARD_TERMS
from qsl_envs.market.config import MarketConfig

C = TypeVar("C", bound=type)

REWARD_DOCS = {
    "pnl": "change of the true equity within the step, fees and rebates in it, inventory marked at the mid",
    "inventory": "minus the lots held at the end of the step, over all symbols",
    "damped_pnl": "minus what the inventory held over the step gained by the move of the mark, 0 when it lost",
    "fees": "minus fees and the impact charge, plus rebates (they are part of `pnl` too)",
    "shortfall": "change of equity at the marks of the episode's start",
    "turnover": "minus the lots traded",
    "drawdown": "minus the growth of the largest fall of equity from a peak",
    "tail": "minus what the step lost beyond `tail_loss`",
    "liquidation": "what closing the inventory at the end costs against the mark; 0 before",
}


def fill_page(role: Role, market: MarketConfig) -> Callable[[C], C]:
    """Decorator: put the observation's, the rewards' and the arguments' tables into a class docstring.

    Args:
        role: the agent's, with the environment's default settings.
        market: the environment's default one.
    """

    def fill(cls: C) -> C:
        cls.__doc__ = _filled(cls.__doc__ or "", role, market)
        return cls

    return fill


def reward_table(role: Role) -> str:
    """Terms of a role's reward with their default weights, in Markdown."""
    weights = role.task.weights()
    rows = [f"| `{name}` | {weights[name]:g} | {REWARD_DOCS[name]} |" for name in REWARD_TERMS]
    return "\n".join(["| Term | Weight | Meaning |", "| --- | --- | --- |", *rows])


def _filled(text: str, role: Role, market: MarketConfig) -> str:
    return inspect.cleandoc(text).format(
        observation_table=field_table(role.fields(market)), reward_table=reward_table(role),
        argument_table=argument_table(role.task),
    )  # fmt: skip
