"""Alphas: one or three expressions that together trade. They are data: a formula to read, a text for the interpreter.

    kind: maker                     # quotes around the known mid
    skew: -0.05 * inventory + 2 * imbalance
    half_spread: max(0.5 * spread, 1)
    size: 5
    settings: {period_ns: 100000000, max_inventory: 50}

A `taker` has one expression, `signal`: above `threshold` it goes long, below minus `threshold` short, else flat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evolve.expression import Expression, checked, constant, parse
from evolve.units import LOTS, NUMBER, TICKS, Unit
from qsl_envs.errors import ConfigError, require
from qsl_envs.participants.program import DEPTH, MAX_WORDS
from qsl_envs.settings import check_types, from_dict, to_dict

PARTS: dict[str, dict[str, Unit]] = {
    "maker": {"skew": TICKS, "half_spread": TICKS, "size": LOTS},
    "taker": {"signal": NUMBER},
}
"""Kind -> its expressions in the order in which a program leaves them, with their units."""
DEFAULTS = {"skew": 0.0, "half_spread": 2.0, "size": 5.0, "signal": 0.0}
"""What an expression is that a file leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSettings:
    """What an alpha's expressions do not say: parameters of the participant kind `program`."""

    period_ns: int = 100_000_000
    """between two looks"""
    qty: int = 5
    """lots that a taker takes at a time"""
    max_inventory: int = 50
    """lots, long or short"""
    threshold: float = 0.5
    """that a taker's signal must pass"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1_000 <= self.period_ns <= 10**13, self, "period_ns", "in [1_000, 1e13]", self.period_ns)
        require(1 <= self.qty <= 10**6, self, "qty", "in [1, 1_000_000] lots", self.qty)
        require(1 <= self.max_inventory <= 10**6, self, "max_inventory", "in [1, 1_000_000] lots", self.max_inventory)
        require(0 <= self.threshold <= 1e9, self, "threshold", "in [0, 1e9]", self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """A program that trades: its expressions, checked, and how it trades on them."""

    kind: str
    trees: tuple[Expression, ...]
    """one for each of `PARTS[kind]`"""
    settings: TradeSettings = field(default_factory=TradeSettings)
    name: str = "alpha"

    def __post_init__(self) -> None:
        require(self.kind in PARTS, self.name, "kind", f"one of {', '.join(PARTS)}", self.kind)
        parts = PARTS[self.kind]
        require(len(self.trees) == len(parts), self.name, "trees", f"{len(parts)}: {', '.join(parts)}", len(self.trees))
        for (part, unit), tree in zip(parts.items(), self.trees):
            checked(tree, unit, f"{self.name}.{part}")
        require(self.words <= MAX_WORDS, self.name, "trees", f"of {MAX_WORDS} words together at most", self.words)
        stack = max(place + tree.stack for place, tree in enumerate(self.trees))
        require(stack <= DEPTH, self.name, "trees", f"with at most {DEPTH} values on the stack", stack)

    @property
    def words(self) -> int:
        """Words of its program: what parsimony counts."""
        return sum(tree.size for tree in self.trees)

    def program(self) -> str:
        """Its text for `PopulationConfig.programs` and `Market.set_programs`."""
        return " ".join(tree.words() for tree in self.trees)

    def params(self) -> dict[str, float]:
        """Parameters of the participant kind `program`."""
        values = {"mode": float(self.kind == "taker"), **to_dict(self.settings)}
        return {name: float(value) for name, value in values.items()}

    def part(self, name: str) -> Expression:
        """One of its expressions."""
        return self.trees[list(PARTS[self.kind]).index(name)]

    def with_tree(self, place: int, tree: Expression) -> Alpha:
        """The same with one expression exchanged. Raises: ConfigError."""
        return replace(self, trees=(*self.trees[:place], tree, *self.trees[place + 1 :]))

    def __str__(self) -> str:
        return "; ".join(f"{part} = {tree}" for part, tree in zip(PARTS[self.kind], self.trees))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: kind, formulas, settings."""
        formulas = {part: str(tree) for part, tree in zip(PARTS[self.kind], self.trees)}
        return {"name": self.name, "kind": self.kind, **formulas, "settings": to_dict(self.settings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], name: str = "alpha") -> Alpha:
        """From plain values; what is left out has its default. Raises: ConfigError naming the alpha and the part."""
        require(isinstance(values, Mapping), name, "content", "a mapping with `kind` and formulas", values)
        name = str(values.get("name", name))
        kind = values.get("kind", "maker")
        require(kind in PARTS, name, "kind", f"one of {', '.join(PARTS)}", kind)
        parts = PARTS[kind]
        for key in values:
            require(key in (*parts, "kind", "name", "settings"), name, str(key),
                    f"one of kind, name, settings, {', '.join(parts)}", values[key])  # fmt: skip
        trees = tuple(_read(values.get(part, DEFAULTS[part]), unit, f"{name}.{part}") for part, unit in parts.items())
        settings = from_dict(TradeSettings, values.get("settings", {}), f"{name}.settings")
        return cls(kind=kind, trees=trees, settings=settings, name=name)

    def save(self, file: str | Path) -> None:
        """Write YAML, or JSON where the file's name ends so."""
        import yaml

        path, values = Path(file), self.to_dict()
        text = (
            json.dumps(values, indent=2) + "\n" if path.suffix == ".json" else yaml.safe_dump(values, sort_keys=False)
        )
        path.write_text(text)

    @classmethod
    def load(cls, file: str | Path) -> Alpha:
        """Read what `save` wrote. Raises: ConfigError naming the file, the part and the place."""
        import yaml

        path = Path(file)
        try:
            values = yaml.safe_load(path.read_text())  # JSON is YAML
        except yaml.YAMLError as error:
            raise ConfigError(f"{path} is not YAML: {error}") from error
        return cls.from_dict(values, path.stem)


def _read(value: Any, unit: Unit, name: str) -> Expression:
    """A tree from what a file says: a formula or a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return checked(constant(value), unit, name)
    return parse(value, unit, name)


def maker(skew: str = "0", half_spread: str = "2", size: str = "5", name: str = "alpha", **settings: Any) -> Alpha:
    """A maker from formulas; `settings` are those of `TradeSettings`."""
    return Alpha.from_dict({"name": name, "kind": "maker", "skew": skew, "half_spread": half_spread, "size": size,
                            "settings": settings})  # fmt: skip


def taker(signal: str, name: str = "alpha", **settings: Any) -> Alpha:
    """A taker from the formula of its signal."""
    return Alpha.from_dict({"name": name, "kind": "taker", "signal": signal, "settings": settings})
