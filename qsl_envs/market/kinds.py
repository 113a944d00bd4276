"""Kinds of participants that act inside the kernel: what each is called, what it takes, and where its code is.

The market knows a kind by its name alone. Built-in ones are found by the module that holds them, a user's own are
entered by the decorator `qsl_envs.participants.participant`; either way a kind is one kernel of one signature, and the
market jumps to its address.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qsl_envs.errors import ConfigError, require
from qsl_envs.market.constants import HEAR_NOTHING, LISTENS, WHY_START, WHY_TIMER
from qsl_envs.settings import check_types, from_dict

BUILTIN = {
    "noise": "qsl_envs.participants.noise",
    "value": "qsl_envs.participants.views",
    "informed": "qsl_envs.participants.views",
    "momentum": "qsl_envs.participants.views",
    "mean_reversion": "qsl_envs.participants.views",
    "zip": "qsl_envs.participants.zip",
    "fixed_spread": "qsl_envs.participants.makers",
    "inventory_skew": "qsl_envs.participants.makers",
    "avellaneda_stoikov": "qsl_envs.participants.makers",
    "glft": "qsl_envs.participants.makers",
    "twap": "qsl_envs.participants.executors",
    "vwap": "qsl_envs.participants.executors",
    "pov": "qsl_envs.participants.executors",
    "almgren_chriss": "qsl_envs.participants.executors",
    "arbitrage": "qsl_envs.participants.arbitrage",
    "latency_arbitrage": "qsl_envs.participants.arbitrage",
    "program": "qsl_envs.participants.programmed",
}
"""Name -> module whose import enters the kind."""

LAWS = ("fixed", "uniform", "whole", "log_uniform", "normal", "lognormal", "exponential")
"""How a parameter is drawn, one draw for each participant and world; the place is the number that kernels know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A distribution that a parameter of each participant is drawn from, anew in each world.

    `uniform`: from a to b; `whole`: whole numbers from a to b; `log_uniform`: from a > 0 to b, evenly in the logarithm;
    `normal`: mean a, standard deviation b; `lognormal`: median a > 0, b the standard deviation of the logarithm;
    `exponential`: mean a. A draw outside the parameter's own bounds is set to the nearer one.
    """

    law: str = "uniform"
    a: float
    b: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        require(self.law in LAWS[1:], self, "law", f"one of {', '.join(LAWS[1:])}", self.law)
        for name in ("a", "b"):
            value = getattr(self, name)
            require(math.isfinite(value) and abs(value) <= 1e15, self, name, "a number within 1e15", value)
        if self.law in ("uniform", "whole", "log_uniform"):
            require(self.a <= self.b, self, "b", f">= a = {self.a}", self.b)
        else:
            require(self.b >= 0, self, "b", ">= 0", self.b)
        if self.law == "whole":
            require(self.a == int(self.a) and self.b == int(self.b), self, "a, b", "whole", (self.a, self.b))
            require(self.b - self.a < 2**31, self, "b", "less than a + 2**31", self.b)
        if self.law in ("log_uniform", "lognormal", "exponential"):
            require(self.a > 0, self, "a", "> 0", self.a)


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a kind."""

    default: float
    doc: str
    low: float = 0.0
    high: float = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of participant."""

    name: str
    function: Callable
    """kernel `(m, r, p, why, now_ns) -> next_ns`; see `qsl_envs.participants.participant`"""
    params: Mapping[str, Param] = field(default_factory=dict)
    """in the order in which the kernel numbers them"""
    num_states: int = 0
    """int64 cells that the participant keeps, all 0 at the start of an episode"""
    wakes_on: int = WHY_START | WHY_TIMER
    """what it is woken for: bits of WHY_START, WHY_TIMER and the like"""
    listens: int = HEAR_NOTHING
    """what of its books' feeds wakes it: HEAR_NOTHING, HEAR_TOP, HEAR_ALL"""
    many_books: bool = False
    """it trades in all books of its group at once; else in one of them"""
    read_programs: Callable[[tuple[str, ...], str], np.ndarray] | None = None
    """for a kind whose participants run programs: (texts, name of the group) -> int64 (text, cell)"""
    doc: str = ""


_KINDS: dict[str, Kind] = {}


def enter_kind(kind: Kind) -> None:
    """Make a kind known under its name; one that is entered again (an edited notebook cell) replaces the old one.

    Raises: ConfigError.
    """
    require(kind.name.isidentifier(), "participant", "name", "a word of letters, digits and _", kind.name)
    own = kind.name not in BUILTIN or BUILTIN[kind.name] == getattr(kind.function, "__module__", None)
    require(own, "participant", "name", "none of the built-in kinds' names", kind.name)
    require(0 <= kind.num_states <= 2**16, "participant", "num_states", "in [0, 65536]", kind.num_states)
    known = 0 <= kind.listens < len(LISTENS)
    require(known, "participant", "listens", "HEAR_NOTHING, HEAR_TOP or HEAR_ALL", kind.listens)
    _KINDS[kind.name] = kind


def known_kinds() -> list[str]:
    """Names of all kinds: built-in ones, and those entered so far."""
    return sorted({*BUILTIN, *_KINDS})


def find_kind(name: str) -> Kind:
    """The kind of a name. Raises: ConfigError that lists the known ones."""
    if name not in _KINDS and name in BUILTIN:
        importlib.import_module(BUILTIN[name])
    if name not in _KINDS:
        raise ConfigError(f"{name!r} is no kind of participant; known are {', '.join(known_kinds())}")
    return _KINDS[name]


def as_draw(owner: str, name: str, value: Any) -> float | Draw:
    """A parameter's value in the form it is kept in: a number, or a `Draw`; a pair (low, high) is a uniform one.

    Raises: ConfigError.
    """
    if isinstance(value, Draw):
        return value
    if isinstance(value, dict):
        return from_dict(Draw, value, f"{owner}.{name}")
    if isinstance(value, (tuple, list)) and len(value) == 2:
        return Draw(a=value[0], b=value[1])
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    require(number, owner, name, "a number, a pair (low, high) or a Draw", value)
    return float(value)


def check_params(owner: str, kind: Kind, values: Mapping[str, Any]) -> dict[str, float | Draw]:
    """The given parameters of a kind in the form they are kept in, sorted by name; raises ConfigError for unknown ones
    and numbers out of bounds.
    """
    made = {}
    for name, value in sorted(values.items()):
        known = ", ".join(kind.params) or "none"
        require(name in kind.params, owner, "params", f"among those of {kind.name}: {known}", name)
        made[name] = as_draw(owner, name, value)
        low, high = kind.params[name].low, kind.params[name].high
        plain = made[name]
        ends = (plain.a, plain.b) if isinstance(plain, Draw) and plain.law in LAWS[:4] else (plain,)
        for end in ends:
            inside = isinstance(end, Draw) or low <= end <= high
            require(inside, owner, f"params[{name}]", f"in [{low:g}, {high:g}]", end)
    return made
