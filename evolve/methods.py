"""Methods of search: each says what to try next, and learns from what came of it.

| method    | what it does                                                                                            |
| --------- | ------------------------------------------------------------------------------------------------------- |
| `nsga2`   | Deb, Pratap, Agarwal and Meyarivan (2002): children of tournament winners; parents and children compete |
| `nsga3`   | the same with the reference points of Deb and Jain (2014) in place of crowding, for three objectives on |
| `cma`     | CMA-ES, one objective, genes with an order                                                              |
| `random`  | evenly drawn genomes: the control that every search is compared with                                    |
| `halving` | successive halving (Jamieson and Talwalkar 2016): many genomes at a small effort, the better part of    |
|           | them at a larger one, until the last are evaluated in full                                              |

All of them have the same budget: `population` x `generations` full evaluations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from evolve import deap_parts
from evolve.archive import NO_PARENT, Archive
from evolve.genome import Genome
from evolve.operators import Variation, children, mutate
from qsl_envs.errors import require

METHODS = ("nsga2", "nsga3", "cma", "random", "halving")
CMA_SIGMA = 0.3
"""Step size at the start, in ranges of the genes."""
HALVING_RATE = 4
"""The better 1/4 of a rung goes on with 4 times the effort."""
RETRIES = 4
"""Times that a child which was tried before is mutated again."""


class Batch(NamedTuple):
    """What is to be tried."""

    rows: np.ndarray
    """float64 (n, gene)"""
    parents: np.ndarray
    """int64 (n, 2)"""
    origin: str
    effort: float = 1.0


class Method:
    """A method of search, and its memory.

    Args:
        name: one of METHODS.
        genome, archive: of the search.
        population: individuals of a generation.
        generations: how many.
        variation: how children differ from parents.
        seed: decides all chance of the search.
    """

    def __init__(self, name: str, genome: Genome, archive: Archive, population: int, generations: int,
                 variation: Variation, seed: int):  # fmt: skip
        require(name in METHODS, "search", "method", f"one of {', '.join(METHODS)}", name)
        require(population >= 4, "search", "population", ">= 4", population)
        require(generations >= 1, "search", "generations", ">= 1", generations)
        self.name, self.genome, self.archive = name, genome, archive
        self.population, self.variation = population, variation
        self.chance = np.random.Generator(np.random.PCG64(seed))
        self.deap = deap_parts.Chance(seed)
        self.living = np.zeros(0, np.int64)
        """numbers of those that have come through the last selection"""
        self.lonely = np.zeros(0)
        """crowding distance of each of them"""
        self._tried: set[bytes] = set()
        self._seen = 0
        self.rungs = [(population, 1.0)] * generations
        if name == "halving":
            self.rungs = halving_rungs(population * generations)
        if name == "cma":
            unordered = [name for name, is_so in zip(genome.names, genome.unordered) if is_so]
            require(len(archive.signs) == 1, "search", "objectives", "one, for cma", len(archive.signs))
            require(not unordered, "search", "genome", "of genes with an order, for cma", unordered)
            self.cma = deap_parts.Cma(genome.num_genes, population, CMA_SIGMA)

    @property
    def num_batches(self) -> int:
        """Generations, or rungs."""
        return len(self.rungs)

    def ask(self, generation: int) -> Batch:
        """What generation `generation` tries."""
        count, effort = self.rungs[generation]
        if self.name == "cma":
            points = np.clip(self.cma.sample(self.deap), 0.0, 1.0)
            rows = self.genome.repair(self.genome.low + points * (self.genome.high - self.genome.low))
            return Batch(rows, _orphans(count), "cma")
        if self.name == "halving" and generation > 0:
            best, _ = deap_parts.select(self.archive, self.living, count, "nsga2", self.deap)
            lines = np.stack([best, np.full(len(best), NO_PARENT)], 1)
            return Batch(self.archive.genes[best], lines, f"rung {generation}", effort)
        if self.name in ("random", "halving") or len(self.living) < 2:
            return Batch(self.genome.random(count, self.chance), _orphans(count), "random", effort)
        pairs = (count + 1) // 2
        chosen = deap_parts.parents(self.archive, self.living, self.lonely, 2 * pairs, self.chance)
        mothers, fathers = chosen[:pairs], chosen[pairs:]
        rows = children(self.genome, self.archive.genes[mothers], self.archive.genes[fathers], self.variation,
                        self.chance)[:count]  # fmt: skip
        lines = np.repeat(np.stack([mothers, fathers], 1), 2, 0)[:count]
        return Batch(self._new(rows), lines, "children")

    def tell(self, numbers: np.ndarray) -> None:
        """Learn from the individuals of the last batch."""
        if self.name == "cma":
            rows = self.archive.genes[numbers]
            self.cma.learn((rows - self.genome.low) / (self.genome.high - self.genome.low), self.archive, numbers)
        elif self.name == "halving":
            self.living = numbers
        elif self.name != "random":
            rivals = np.concatenate([self.living, numbers])
            self.living, self.lonely = deap_parts.select(self.archive, rivals, self.population, self.name, self.deap)

    def _new(self, rows: np.ndarray) -> np.ndarray:
        """Rows of which those that were tried before, or stand here twice, are mutated again, some times at most."""
        self._tried.update(row.tobytes() for row in self.archive.genes[self._seen :])
        self._seen = len(self.archive)
        for _ in range(RETRIES):
            seen, known = set(), np.zeros(len(rows), np.bool_)
            for n, row in enumerate(rows):
                known[n] = row.tobytes() in seen or row.tobytes() in self._tried
                seen.add(row.tobytes())
            if not known.any():
                break
            rows = np.where(known[:, None], mutate(self.genome, rows, self.variation, self.chance), rows)
        return rows

    # --- memory

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays, and plain values: all chance included."""
        arrays = {"living": self.living, "lonely": self.lonely}
        if self.name == "cma":
            arrays.update(self.cma.state())
        return arrays, {"chance": self.chance.bit_generator.state, "deap": self.deap.state()}

    def restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Become what `state` was of."""
        self.living, self.lonely = arrays["living"].copy(), arrays["lonely"].copy()
        self.chance.bit_generator.state = values["chance"]
        self.deap.restore(values["deap"])
        if self.name == "cma":
            self.cma.restore(arrays)


def halving_rungs(budget: int) -> list[tuple[int, float]]:
    """(individuals, effort) of each rung: equal shares of a budget of full evaluations, the last at effort 1."""
    num = 1
    while num < 4 and budget // (num + 1) >= HALVING_RATE:
        num += 1
    efforts = [float(HALVING_RATE) ** -(num - 1 - k) for k in range(num)]
    return [(max(1, int(budget / num / effort)), effort) for effort in efforts]


def _orphans(count: int) -> np.ndarray:
    return np.full((count, 2), NO_PARENT)
