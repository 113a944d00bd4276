"""Crossover and mutation of rows of genes, by type: ordered numbers blend and drift, unordered ones swap and jump.

Whole populations at once, on float64 arrays (genome, genes). A `numpy.random.Generator` is all that varies; how many
numbers are drawn from it depends on shapes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evolve.genome import Genome
from qsl_envs.errors import require
from qsl_envs.settings import check_types

MUTATIONS = ("polynomial", "gaussian", "uniform")
EPS = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How children differ from their parents."""

    crossover: float = 0.9
    """share of pairs that are crossed; the others are copied"""
    crossover_eta: float = 15.0
    """SBX: larger, closer to the parents"""
    mutation: str = "polynomial"
    """of ordered numbers: polynomial, gaussian, or uniform over the whole range"""
    mutation_rate: float | None = None
    """of each gene; None: one gene a child"""
    mutation_eta: float = 20.0
    """polynomial: larger, smaller steps"""
    mutation_sigma: float = 0.1
    """gaussian: standard deviation as a share of the range"""

    def __post_init__(self) -> None:
        check_types(self)
        require(0 <= self.crossover <= 1, self, "crossover", "in [0, 1]", self.crossover)
        require(self.crossover_eta >= 0, self, "crossover_eta", ">= 0", self.crossover_eta)
        require(self.mutation in MUTATIONS, self, "mutation", f"one of {', '.join(MUTATIONS)}", self.mutation)
        rate = self.mutation_rate
        require(rate is None or 0 <= rate <= 1, self, "mutation_rate", "None or in [0, 1]", rate)
        require(self.mutation_eta >= 0, self, "mutation_eta", ">= 0", self.mutation_eta)
        require(self.mutation_sigma > 0, self, "mutation_sigma", "> 0", self.mutation_sigma)


def children(genome: Genome, mothers: np.ndarray, fathers: np.ndarray, how: Variation,
             chance: np.random.Generator) -> np.ndarray:  # fmt: skip
    """Two children of each pair, float64 (2 x pairs, genes): crossed, mutated, repaired; those of a pair stand
    side by side.
    """
    first, second = cross(genome, mothers, fathers, how, chance)
    rows = np.stack([first, second], 1).reshape(-1, genome.num_genes)
    return mutate(genome, rows, how, chance)


def cross(genome: Genome, mothers: np.ndarray, fathers: np.ndarray, how: Variation,
          chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Simulated binary crossover of ordered genes within their bounds (Deb and Agrawal 1995), each with chance one half
    in a pair that is crossed; unordered ones change sides with the same chance. Whole numbers are rounded by `repair`.
    """
    shape = mothers.shape
    crossed = chance.random((shape[0], 1)) < how.crossover
    chosen = crossed & (chance.random(shape) < 0.5)
    swapped, u = chance.random(shape) < 0.5, chance.random(shape)
    low, high = np.minimum(mothers, fathers), np.maximum(mothers, fathers)
    gap = high - low
    blend = chosen & ~genome.unordered & (gap > EPS)
    wide = np.where(blend, gap, 1.0)
    power = how.crossover_eta + 1.0

    def spread(room: np.ndarray) -> np.ndarray:
        alpha = 2.0 - (1.0 + 2.0 * np.maximum(room, 0.0) / wide) ** -power
        inner = (u * alpha) ** (1.0 / power)
        outer = (1.0 / np.maximum(2.0 - u * alpha, EPS)) ** (1.0 / power)
        return np.where(u <= 1.0 / alpha, inner, outer)

    below = 0.5 * (low + high - spread(low - genome.low) * gap)
    above = 0.5 * (low + high + spread(genome.high - high) * gap)
    first = np.where(blend, np.where(swapped, above, below), mothers)
    second = np.where(blend, np.where(swapped, below, above), fathers)
    turned = chosen & genome.unordered
    first, second = np.where(turned, second, first), np.where(turned, first, second)
    return genome.repair(first), genome.repair(second)


def mutate(genome: Genome, rows: np.ndarray, how: Variation, chance: np.random.Generator) -> np.ndarray:
    """Each gene moves with chance `mutation_rate`: ordered ones by the law of `how.mutation` (polynomial within the
    bounds: Deb 2001), a categorical to one of the other choices, a bool to the other.
    """
    shape = rows.shape
    rate = 1.0 / genome.num_genes if how.mutation_rate is None else how.mutation_rate
    chosen, u, normal = chance.random(shape) < rate, chance.random(shape), chance.standard_normal(shape)
    span = np.maximum(genome.high - genome.low, EPS)
    if how.mutation == "polynomial":
        power = how.mutation_eta + 1.0
        left, right = (rows - genome.low) / span, (genome.high - rows) / span
        down = (2.0 * u + (1.0 - 2.0 * u) * (1.0 - left) ** power) ** (1.0 / power) - 1.0
        up = 1.0 - (2.0 * (1.0 - u) + 2.0 * (u - 0.5) * (1.0 - right) ** power) ** (1.0 / power)
        moved = rows + span * np.where(u < 0.5, down, up)
    elif how.mutation == "gaussian":
        moved = rows + how.mutation_sigma * span * normal
    else:
        moved = genome.low + span * u
    # a whole number that moves moves by one at least: else most mutations of a short range would do nothing
    steps = genome.whole & ~genome.unordered & (np.rint(moved) == rows)
    moved = np.where(steps, rows + np.where(u < 0.5, -1.0, 1.0), moved)
    others = np.where(genome.unordered, genome.high, 1.0)
    jump = np.minimum(np.floor(u * others) + 1.0, others)  # 1 .. choices - 1 places further, around the corner
    jumped = np.mod(rows + jump, others + 1.0)
    moved = np.where(genome.unordered, jumped, moved)
    return genome.repair(np.where(chosen, moved, rows))
