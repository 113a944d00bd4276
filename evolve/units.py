"""Units of what programs compute with: a tree that adds ticks to lots is refused before anybody trades on it.

A unit is a product of powers of ticks, lots and seconds. A constant has whatever unit its place asks for (0.05 may be
ticks a lot), so `0.05 * inventory + spread` is sound and `inventory + spread` is not.
"""

from __future__ import annotations

from typing import NamedTuple

from qsl_envs.errors import ConfigError


class Unit(NamedTuple):
    """Powers of ticks, lots and seconds."""

    ticks: int = 0
    lots: int = 0
    seconds: int = 0

    def times(self, other: Unit, sign: int = 1) -> Unit:
        """The unit of a product, or of a quotient with `sign` -1."""
        return Unit(*(a + sign * b for a, b in zip(self, other)))

    def __str__(self) -> str:
        words = [name if power == 1 else f"{name}^{power}" for name, power in zip(self._fields, self) if power]
        return " ".join(words) or "a plain number"


NUMBER, TICKS, LOTS, SECONDS = Unit(), Unit(ticks=1), Unit(lots=1), Unit(seconds=1)
MONEY = TICKS.times(LOTS)
TRUTH = "true or false"
"""What a comparison gives and `if` asks for."""
ANY = "any unit"
"""What a constant has, and everything that a constant scales."""

INPUT_UNITS: dict[str, Unit] = {
    "spread": TICKS, "imbalance": NUMBER, "mid_change": TICKS, "mid_change_slow": TICKS, "bought": LOTS, "sold": LOTS,
    "inventory": LOTS, "inventory_share": NUMBER, "queue_bid": LOTS, "queue_ask": LOTS, "feed_age": SECONDS,
    "time_left": SECONDS, "gain": MONEY, "bid_qty": LOTS, "ask_qty": LOTS, "depth_bid": LOTS, "depth_ask": LOTS,
}  # fmt: skip
"""Unit of each input of `qsl_envs.participants.program.INPUTS`."""

SAME = ("+", "-", "min", "max")
"""Two values of one unit, which the result has too."""
KEEP = ("neg", "abs")
PLAIN = ("sqrt", "log", "exp", "tanh")
"""Of plain numbers."""


def unit_after(op: str, units: list[Unit | str]) -> Unit | str:
    """The unit of an operator's result, from those of its arguments.

    Raises: ConfigError that says which units do not go together.
    """
    if op in SAME:
        return joined(op, units[0], units[1])
    if op in KEEP:
        return _no_truth(op, units[0])
    if op == "sign":
        _no_truth(op, units[0])
        return NUMBER
    if op in PLAIN:
        if _no_truth(op, units[0]) not in (NUMBER, ANY):
            raise ConfigError(f"{op!r} takes a plain number, was given {units[0]}")
        return NUMBER
    if op == ">":
        joined(op, units[0], units[1])
        return TRUTH
    if op == "if":
        if units[0] != TRUTH:
            raise ConfigError(f"'if' asks for a comparison first, was given {units[0]}")
        return joined(op, units[1], units[2])
    a, b = (_no_truth(op, unit) for unit in units)
    if a == ANY or b == ANY:
        return ANY
    assert isinstance(a, Unit) and isinstance(b, Unit)
    return a.times(b, 1 if op == "*" else -1)


def joined(op: str, a: Unit | str, b: Unit | str) -> Unit | str:
    """The one unit of two values that are added or compared. Raises: ConfigError."""
    a, b = _no_truth(op, a), _no_truth(op, b)
    if a != ANY and b != ANY and a != b:
        raise ConfigError(f"{op!r} cannot join {a} and {b}")
    return b if a == ANY else a


def _no_truth(op: str, unit: Unit | str) -> Unit | str:
    if unit == TRUTH:
        raise ConfigError(f"{op!r} takes numbers, was given a comparison")
    return unit
