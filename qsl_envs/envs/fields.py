"""What an observation is made of: one table from which the Box, the names, the units and the page are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from gymnasium.spaces import Box


class Field(NamedTuple):
    """One quantity of an observation, or `count` like ones in a row (their names end in _0, _1, ...)."""

    name: str
    low: float
    high: float
    unit: str
    """what the value 1.0 stands for"""
    age: str
    """where the agent knows it from, and so how old it is"""
    doc: str
    count: int = 1


def field_names(fields: Sequence[Field]) -> tuple[str, ...]:
    """One name per element of the observation."""
    return tuple(
        name for f in fields for name in ([f.name] if f.count == 1 else [f"{f.name}_{i}" for i in range(f.count)])
    )


def field_units(fields: Sequence[Field]) -> tuple[str, ...]:
    """One unit per element of the observation."""
    return tuple(f.unit for f in fields for _ in range(f.count))


def field_box(fields: Sequence[Field]) -> Box:
    """The space of one observation: float32, within the bounds of the table."""
    low = np.array([f.low for f in fields for _ in range(f.count)], np.float32)
    high = np.array([f.high for f in fields for _ in range(f.count)], np.float32)
    return Box(low, high, dtype=np.float32)


def field_table(fields: Sequence[Field]) -> str:
    """The table of an environment's page, in Markdown."""
    lines = [
        "| Index | Name | Low | High | Unit | Known from | Meaning |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    at = 0
    for f in fields:
        last = at + f.count - 1
        index = str(at) if f.count == 1 else f"{at} to {last}"
        name = f"`{f.name}`" if f.count == 1 else f"`{f.name}_0` to `{f.name}_{f.count - 1}`"
        lines.append(f"| {index} | {name} | {f.low:g} | {f.high:g} | {f.unit} | {f.age} | {f.doc} |")
        at = last + 1
    return "\n".join(lines)
