"""What DEAP does for a search: selection and sorting of individuals that are arrays, and the CMA-ES strategy.

DEAP draws from the global generators of `random` and of NumPy. They are ours while it works (`Chance`), and what the
caller had before is put back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from deap import base, cma, tools

from evolve.archive import Archive
from qsl_envs.errors import require

DIVISIONS = {2: 99, 3: 12, 4: 7, 5: 5}
"""Objectives -> divisions of each axis of NSGA-III's reference points (Das and Dennis 1998): about a hundred points."""


class Chance:
    """The two global generators as DEAP meets them: seeded, saved, restored.

    Args:
        seed: of both.
    """

    def __init__(self, seed: int):
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed % 2**32).get_state()

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Let DEAP draw from these; afterwards the caller's own generators stand as they stood."""
        python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002

    def state(self) -> dict[str, Any]:
        """Plain values."""
        name, keys, at, has_gauss, gauss = self._numpy
        version, words, gauss_next = self._python
        return {"python": [version, list(words), gauss_next], "numpy": [name, keys.tolist(), at, has_gauss, gauss]}

    def restore(self, state: dict[str, Any]) -> None:
        """Become what `state` was of."""
        version, words, gauss_next = state["python"]
        name, keys, at, has_gauss, gauss = state["numpy"]
        self._python = (version, tuple(words), gauss_next)
        self._numpy = (name, np.array(keys, np.uint32), at, has_gauss, gauss)


class Individual(np.ndarray):
    """A row of genes with a `fitness` and its `number` in the archive."""

    fitness: base.Fitness
    number: int


def individuals(archive: Archive, numbers: np.ndarray) -> list[Individual]:
    """The individuals of these numbers, sound ones, as DEAP wants them."""
    fitness_of = type("ArchiveFitness", (base.Fitness,), {"weights": tuple(archive.signs)})
    made = []
    for number in numbers:
        one = archive.genes[number].view(Individual)
        one.fitness, one.number = fitness_of(archive.objectives[number].tolist()), int(number)
        made.append(one)
    return made


def select(
    archive: Archive, numbers: np.ndarray, count: int, method: str, chance: Chance
) -> tuple[np.ndarray, np.ndarray]:
    """Survivors among the sound of `numbers`, best first by fronts, int64 (<= count,), and how lonely each is.

    Args:
        method: nsga2 (Deb, Pratap, Agarwal and Meyarivan 2002) or nsga3 (Deb and Jain 2014).
    Returns: numbers, and their crowding distances, float64: 0 where the method knows none.
    """
    sound = archive.sound(numbers)
    if len(sound) == 0:
        return sound, np.zeros(0)
    pool, m = individuals(archive, sound), len(archive.signs)
    count = min(count, len(pool))
    with chance.ours():
        if m == 1:
            chosen = tools.selBest(pool, count)
        elif method == "nsga3":
            require(m in DIVISIONS, "evolve", "objectives", f"{min(DIVISIONS)} to {max(DIVISIONS)} for nsga3", m)
            chosen = tools.selNSGA3(pool, count, tools.uniform_reference_points(m, DIVISIONS[m]), nd="log")
        else:
            chosen = tools.selNSGA2(pool, count, nd="log")
    lonely = [getattr(one.fitness, "crowding_dist", 0.0) for one in chosen]
    return np.array([one.number for one in chosen], np.int64), np.array(lonely)


def parents(archive: Archive, numbers: np.ndarray, lonely: np.ndarray, count: int,
            chance: np.random.Generator) -> np.ndarray:  # fmt: skip
    """Winners of `count` tournaments of two, int64 (count,): the one that dominates the other, else the lonelier one,
    else the first that was drawn.
    """
    a, b = chance.integers(0, len(numbers), (2, count))
    costs = archive.costs(numbers)
    first_wins = (costs[a] <= costs[b]).all(1) & (costs[a] < costs[b]).any(1)
    second_wins = (costs[b] <= costs[a]).all(1) & (costs[b] < costs[a]).any(1)
    return numbers[np.where(second_wins | (~first_wins & (lonely[b] > lonely[a])), b, a)]


CMA_ARRAYS = ("centroid", "pc", "ps", "C", "B", "diagD", "BD")


class Cma:
    """DEAP's CMA-ES (Hansen and Ostermeier 2001) in the unit cube: each gene's range is 1 long.

    What leaves the cube is set to its border, is whole where its gene is, and is learned from as it was tried.
    """

    def __init__(self, num_genes: int, count: int, sigma: float):
        self.strategy = cma.Strategy(np.full(num_genes, 0.5), sigma, lambda_=count)

    def sample(self, chance: Chance) -> np.ndarray:
        """Points to try, float64 (count, genes)."""
        with chance.ours():
            return np.array(self.strategy.generate(np.array))

    def learn(self, points: np.ndarray, archive: Archive, numbers: np.ndarray) -> bool:
        """Move towards what did well; False, and nothing happens, when fewer are sound than parents are wanted."""
        sound = np.flatnonzero(~np.isnan(archive.objectives[numbers]).any(1))
        if len(sound) < self.strategy.mu:
            return False
        tried = []
        for one, point in zip(individuals(archive, numbers[sound]), points[sound]):
            tried.append(point.view(Individual))
            tried[-1].fitness = one.fitness
        self.strategy.update(tried)
        return True

    def state(self) -> dict[str, np.ndarray]:
        """All that it has learned."""
        s = self.strategy
        return {**{f"cma_{name}": np.array(getattr(s, name)) for name in CMA_ARRAYS},
                "cma_numbers": np.array([s.sigma, s.update_count, s.cond])}  # fmt: skip

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Become what `state` was of."""
        for name in CMA_ARRAYS:
            # the order in memory too: a product of matrices may round differently in another one
            setattr(self.strategy, name, state[f"cma_{name}"].copy(order="K"))
        sigma, updates, self.strategy.cond = state["cma_numbers"].tolist()
        self.strategy.sigma, self.strategy.update_count = sigma, int(updates)
