"""Genomes: named genes of a type each, as rows of numbers on which operators work.

A spec is a mapping of names to genes, in YAML or in Python:

    spread:    {type: float, low: 1, high: 40, scale: log}
    skew:      {type: float, low: 0, high: 0.5}
    qty:       {type: int, low: 1, high: 10}
    widen:     {type: categorical, choices: [0, 0.5, 1]}
    post_only: {type: bool}
    period_ns: {type: fixed, value: 100000000}

A row is float64 (genes,), one number a gene that varies: a float itself, or its logarithm on a logarithmic scale; an
int as it is; a categorical's place among its choices; 0 or 1. Fixed genes take no place in a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolve.elementwise import exp_each, log_each
from qsl_envs.errors import ConfigError, require

FLOAT, INT, CATEGORICAL, BOOL, FIXED = TYPES = ("float", "int", "categorical", "bool", "fixed")
SCALES = ("linear", "log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gene:
    """One gene. What does not belong to its type must be left out."""

    name: str
    type: str = FLOAT
    low: float | None = None
    high: float | None = None
    scale: str = "linear"
    """of a float: `log` moves it by factors"""
    choices: tuple[Any, ...] = ()
    """of a categorical: numbers or words"""
    value: Any = None
    """of a fixed one"""

    def __post_init__(self) -> None:
        owner = f"genome.{self.name}"
        require(self.type in TYPES, owner, "type", f"one of {', '.join(TYPES)}", self.type)
        require(self.scale in SCALES, owner, "scale", f"one of {', '.join(SCALES)}", self.scale)
        require(self.scale == "linear" or self.type == FLOAT, owner, "scale", "left out for this type", self.scale)
        bounded = self.type in (FLOAT, INT)
        for field in ("low", "high"):
            end = getattr(self, field)
            if not bounded:
                require(end is None, owner, field, f"left out for a {self.type} gene", end)
                continue
            good = isinstance(end, (int, float)) and not isinstance(end, bool) and math.isfinite(end)
            require(good, owner, field, "a number", end)
            require(self.type == FLOAT or end == int(end), owner, field, "a whole number", end)
        if bounded:
            require(self.low < self.high, owner, "low", f"below high = {self.high!r}", self.low)
            require(self.scale != "log" or self.low > 0, owner, "low", "> 0 on a logarithmic scale", self.low)
        object.__setattr__(self, "choices", tuple(self.choices))
        if self.type == CATEGORICAL:
            distinct = len({repr(choice) for choice in self.choices}) == len(self.choices) >= 2
            require(distinct, owner, "choices", "at least two different ones", self.choices)
        else:
            require(not self.choices, owner, "choices", f"left out for a {self.type} gene", self.choices)
        if self.type == FIXED:
            require(self.value is not None, owner, "value", "given", None)
        else:
            require(self.value is None, owner, "value", f"left out for a {self.type} gene", self.value)

    @property
    def ends(self) -> tuple[float, float]:
        """Bounds of its number in a row."""
        if self.type == CATEGORICAL:
            return 0.0, len(self.choices) - 1.0
        if self.type == BOOL:
            return 0.0, 1.0
        ends = np.array([self.low, self.high], np.float64)
        low, high = log_each(ends) if self.scale == "log" else ends
        return float(low), float(high)

    def check(self, value: Any) -> None:
        """Raise a ConfigError that names the gene unless it may have this value."""
        owner = "genome"
        if self.type in (FLOAT, INT):
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            inside = number and self.low <= value <= self.high and (self.type == FLOAT or value == int(value))
            kind = "a whole number " if self.type == INT else ""
            require(inside, owner, self.name, f"{kind}in [{self.low}, {self.high}]", value)
        elif self.type == CATEGORICAL:
            known = any(value == choice and type(value) is type(choice) for choice in self.choices)
            require(known, owner, self.name, f"one of {list(self.choices)}", value)
        elif self.type == BOOL:
            require(isinstance(value, (bool, np.bool_)), owner, self.name, "true or false", value)
        else:
            require(value == self.value, owner, self.name, f"{self.value!r}, it is fixed", value)


class Genome:
    """Genes in their order; turns rows into values and back.

    Args:
        genes: of different names, one at least that varies.
    """

    def __init__(self, genes: Sequence[Gene]):
        names = [gene.name for gene in genes]
        require(len(set(names)) == len(names), "genome", "genes", "of different names", names)
        self.genes = tuple(genes)
        self.varying = tuple(gene for gene in genes if gene.type != FIXED)
        require(len(self.varying) >= 1, "genome", "genes", "at least one that is not fixed", names)
        ends = [gene.ends for gene in self.varying]
        self.low, self.high = (np.array(side) for side in zip(*ends))
        types = np.array([gene.type for gene in self.varying])
        self.whole = types != FLOAT
        """bool (genes,): whole numbers"""
        self.unordered = (types == CATEGORICAL) | (types == BOOL)
        """bool (genes,): numbers without an order"""
        self.on_log = np.array([gene.scale == "log" for gene in self.varying])

    @classmethod
    def from_dict(cls, values: Any) -> Genome:
        """From a mapping of names to genes. Raises: ConfigError that names the gene."""
        if not isinstance(values, Mapping) or not values:
            raise ConfigError(f"genome must be a mapping of names to genes, was {values!r}")
        return cls([_gene(str(name), entry) for name, entry in values.items()])

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain values, as `from_dict` takes them."""
        default = Gene(name="_", low=0, high=1)
        return {
            gene.name: {
                "type": gene.type,
                **{
                    field: list(value) if isinstance(value, tuple) else value
                    for field in ("low", "high", "scale", "choices", "value")
                    if (value := getattr(gene, field)) not in ((), None)
                    and (field != "scale" or value != default.scale)
                },
            }
            for gene in self.genes
        }

    @property
    def num_genes(self) -> int:
        """Numbers of a row."""
        return len(self.varying)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the genes that vary."""
        return tuple(gene.name for gene in self.varying)

    # --- rows

    def repair(self, rows: np.ndarray) -> np.ndarray:
        """Rows with every number inside its bounds, whole where it must be; float64 (genome, genes).

        Raises: ConfigError naming the gene of a NaN: nothing can be made of it.
        """
        rows = np.asarray(rows, np.float64)
        for k in np.flatnonzero(np.isnan(rows).any(0)):
            raise ConfigError(f"genome.{self.names[k]} must be a number, was nan")
        return np.clip(np.where(self.whole, np.rint(rows), rows), self.low, self.high)

    def check(self, rows: np.ndarray) -> None:
        """Raise a ConfigError naming the first genome and the gene that is out of bounds, or not whole."""
        rows = np.asarray(rows, np.float64)
        require(rows.ndim == 2 and rows.shape[1] == self.num_genes, "genome", "rows",
                f"of shape (genomes, {self.num_genes})", rows.shape)  # fmt: skip
        bad = ~((rows >= self.low) & (rows <= self.high)) | (self.whole & (rows != np.rint(rows)))
        for n, k in np.argwhere(bad)[:1]:
            gene = self.varying[k]
            found = self.number_of(gene, float(rows[n, k]))
            allowed = f"in [{gene.low}, {gene.high}]" if gene.type in (FLOAT, INT) else "one of its choices"
            require(False, f"genome[{n}]", gene.name, allowed, found)

    def random(self, count: int, chance: np.random.Generator) -> np.ndarray:
        """Rows drawn evenly: float64 (count, genes). Whole numbers are equally likely, the ends too."""
        half = np.where(self.whole, 0.5, 0.0)
        rows = self.low - half + (self.high - self.low + 2 * half) * chance.random((count, self.num_genes))
        return self.repair(rows)

    def columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Values of every gene by name, arrays (genome,): float64, int64, bool, or of the choices; fixed ones too."""
        rows = np.asarray(rows, np.float64)
        made, k = {}, 0
        for gene in self.genes:
            if gene.type == FIXED:
                made[gene.name] = np.array([gene.value] * len(rows))
                continue
            column = rows[:, k]
            if gene.type == FLOAT and gene.scale == "log":
                column = np.clip(exp_each(column), gene.low, gene.high)
            elif gene.type == INT:
                column = column.astype(np.int64)
            elif gene.type == BOOL:
                column = column != 0
            elif gene.type == CATEGORICAL:
                column = np.array(gene.choices)[column.astype(np.int64)]
            made[gene.name], k = column, k + 1
        return made

    def values(self, row: np.ndarray) -> dict[str, Any]:
        """Plain values of one row by name."""
        columns = self.columns(np.asarray(row, np.float64)[None])
        made = {name: column[0].item() if isinstance(column[0], np.generic) else column[0]
                for name, column in columns.items()}  # fmt: skip
        for k, gene in enumerate(self.varying):
            if gene.type == CATEGORICAL:  # of mixed choices an array has made words
                made[gene.name] = gene.choices[int(row[k])]
        return made

    def row(self, values: Mapping[str, Any]) -> np.ndarray:
        """The row of plain values, float64 (genes,). Raises: ConfigError naming a gene that is missing, unknown or out
        of bounds.
        """
        names = [gene.name for gene in self.genes]
        for name in values:
            require(name in names, "genome", "values", f"of the genes {', '.join(names)}", name)
        row = []
        for gene in self.genes:
            if gene.type == FIXED:
                if gene.name in values:
                    gene.check(values[gene.name])
                continue
            require(gene.name in values, "genome", gene.name, "given", "nothing")
            gene.check(values[gene.name])
            if gene.type == CATEGORICAL:
                row.append(float(list(gene.choices).index(values[gene.name])))
            else:
                number = float(values[gene.name])
                row.append(float(log_each(np.array([number]))[0]) if gene.scale == "log" else number)
        return self.repair(np.array(row)[None])[0]

    @staticmethod
    def number_of(gene: Gene, number: float) -> float:
        """What a number of a row stands for, also out of bounds."""
        return float(exp_each(np.array([number]))[0]) if gene.scale == "log" else number


def _gene(name: str, entry: Any) -> Gene:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"genome.{name} must be a mapping like {{type: float, low: 0, high: 1}}, was {entry!r}")
    fields = [field for field in Gene.__dataclass_fields__ if field != "name"]
    for field in entry:
        require(field in fields, f"genome.{name}", "fields", f"among {', '.join(fields)}", field)
    return Gene(name=name, **entry)
