"""What a study of a model is: options with their ranges, results for programs, and a page of text for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qsl_envs.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Option:
    """One command-line option of a model: `--name`."""

    name: str
    default: Any
    doc: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    """True: above `low`, not at it"""
    choices: tuple[str, ...] = ()
    per_rate: bool = False
    """True: a comma-separated list of numbers, each within the range"""

    @property
    def dest(self) -> str:
        """Its name in Python."""
        return self.name.replace("-", "_")

    @property
    def allowed(self) -> str:
        """Its range in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        if self.per_rate:
            kind = "numbers with commas between them, each"
        low = f"> {self.low:g}" if self.open_low else f">= {self.low:g}"
        bounds = [low] * (self.low > -math.inf) + [f"<= {self.high:g}"] * (self.high < math.inf)
        return " ".join([kind, " and ".join(bounds)]).strip()

    def convert(self, text: Any) -> Any:
        """The value of a text or number.

        Raises: ConfigError naming the option, what is allowed, and the value.
        """
        if text is None:
            text = self.default
        try:
            if text is None:
                return None
            if self.choices:
                value: Any = str(text)
            elif self.per_rate:
                parts = text.split(",") if isinstance(text, str) else text
                value = tuple(float(part) for part in parts)
            elif isinstance(self.default, int):
                value = _whole(text)
            else:
                value = float(text)
        except (TypeError, ValueError):
            raise self.error(text) from None
        numbers = value if self.per_rate else () if self.choices else (value,)
        good = value in self.choices if self.choices else len(numbers) > 0
        for number in numbers:
            above = number > self.low if self.open_low else number >= self.low
            good = good and math.isfinite(number) and above and number <= self.high
        if not good:
            raise self.error(text)
        return value

    def error(self, value: Any, allowed: str | None = None) -> ConfigError:
        """The error that says what is wrong with a value; `allowed` where it depends on other options."""
        return ConfigError(f"--{self.name} must be {allowed or self.allowed}, was {value}")


def _whole(text: Any) -> int:
    """A whole number, also written as 1e5."""
    value = float(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(text) if isinstance(text, str) and text.lstrip("+-").isdigit() else int(value)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be studied: where its code is, and its options."""

    module: str
    summary: str
    source: str
    options: tuple[Option, ...]

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values of all options, by Python name; what is not given is the default. Raises: ConfigError."""
        known = {option.dest for option in self.options}
        for name in given:
            if name not in known:
                raise ConfigError(f"{name} is not an option; those of the model are {', '.join(sorted(known))}")
        return {option.dest: option.convert(given.get(option.dest)) for option in self.options}

    def option(self, dest: str) -> Option:
        """The option of a Python name."""
        return next(option for option in self.options if option.dest == dest)

    def require(self, holds: bool, dest: str, allowed: str, value: Any) -> None:
        """Raise the option's error unless `holds`."""
        if not holds:
            raise self.option(dest).error(value, allowed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A simulated figure beside what theory says."""

    name: str
    simulated: float
    standard_error: float
    reference: float
    source: str
    """where the reference comes from: a closed form, a linear system, a recursion"""

    @property
    def deviation(self) -> float:
        """Simulated less reference, in standard errors; 0 for what is only rounding."""
        gap = self.simulated - self.reference
        if abs(gap) <= 1e-9 * abs(self.reference) or abs(gap) < 1e-12:
            return 0.0
        return gap / self.standard_error if self.standard_error > 0 else math.inf


@dataclass(slots=True)
class Study:
    """The outcome of a study."""

    title: str
    results: dict[str, Any]
    """for programs: JSON values by key"""
    ingredients: list[tuple[str, str, Any]] = field(default_factory=list)
    """(what, formula, value) of what the theory is made of"""
    comparisons: list[Comparison] = field(default_factory=list)
    tables: list[tuple[str, list[str], list[list[Any]]]] = field(default_factory=list)
    """(heading, columns, rows)"""
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The page for people."""
        lines = [self.title]
        if self.ingredients:
            lines += [
                "",
                "Ingredients",
                *_columns([[what, how, figure(value)] for what, how, value in self.ingredients]),
            ]
        for heading, columns, rows in self.tables:
            lines += ["", heading, *_columns([columns, *([figure(cell) for cell in row] for row in rows)])]
        if self.comparisons:
            rows = [["", "simulated", "std error", "theory", "deviation", "theory from"]]
            rows += [
                [c.name, figure(c.simulated), figure(c.standard_error), figure(c.reference), f"{c.deviation:+.2f} se",
                 c.source] for c in self.comparisons
            ]  # fmt: skip
            lines += ["", "Simulation against theory", *_columns(rows), "", self.verdict()]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines)

    def verdict(self) -> str:
        """One sentence on the largest deviation."""
        worst = max(self.comparisons, key=lambda c: abs(c.deviation))
        size = abs(worst.deviation)
        if size <= 3:
            words = "agrees: no figure is farther than 3 standard errors from theory"
        elif size <= 4:
            words = "borderline: try another --seed, or more paths"
        else:
            words = "DISAGREES: chance does not explain that"
        return f"Verdict: {words} (largest: {worst.name}, {worst.deviation:+.2f})."


def figure(value: Any) -> str:
    """A number with six significant digits; text as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if 1e5 <= abs(value) < 1e15 else f"{value:.6g}"


def _columns(rows: list[list[str]]) -> list[str]:
    """Text in columns: the first to the left, numbers as they come."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def mean_and_error(samples: Any) -> tuple[float, float]:
    """Mean of independent samples, and its standard error (0 for fewer than two)."""
    n = len(samples)
    mean = float(samples.mean())
    return mean, float(samples.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0


def deviation_and_error(samples: Any) -> tuple[float, float]:
    """Standard deviation of independent samples, and its standard error: of the mean square, by the delta method."""
    n = len(samples)
    if n < 2:
        return 0.0, 0.0
    squares = (samples - samples.mean()) ** 2
    sd = math.sqrt(float(squares.sum()) / (n - 1))
    error = float(squares.std(ddof=1)) / math.sqrt(n)
    return sd, error / (2 * sd) if sd > 0 else 0.0
