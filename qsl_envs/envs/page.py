"""The tables of an environment's page, put into the class docstring that is the page."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from qsl_envs.envs.config import MakerConfig, argument_table
from qsl_envs.envs.fields import field_table
from qsl_envs.envs.observe import observation_fields
from qsl_envs.envs.state import REWARD_TERMS

C = TypeVar("C", bound=type)

REWARD_DOCS = {
    "pnl": "change of the true equity within the step, fees and rebates in it, inventory marked at the mid",
    "inventory_penalty": "minus `inventory_penalty` x the lots held at the end of the step",
    "liquidation": "what closing the inventory at the end costs against the mark; 0 before",
}


def fill_page(task: MakerConfig) -> Callable[[C], C]:
    """Decorator: put the observation's, the rewards' and the arguments' tables into a class docstring.

    Args:
        task: the environment's default settings.
    """

    def fill(cls: C) -> C:
        cls.__doc__ = _filled(cls.__doc__ or "", task)
        return cls

    return fill


def _filled(text: str, task: MakerConfig) -> str:
    rewards = ["| Term | Meaning |", "| --- | --- |", *(f"| `{name}` | {REWARD_DOCS[name]} |" for name in REWARD_TERMS)]
    return inspect.cleandoc(text).format(
        observation_table=field_table(observation_fields(task.levels)),
        reward_table="\n".join(rewards),
        argument_table=argument_table(task),
    )
