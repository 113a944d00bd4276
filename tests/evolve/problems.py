"""Problems whose answers are known: the ZDT family (Zitzler, Deb and Thiele 2000), and a sphere, as evaluators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evolve.genome import Gene, Genome
from evolve.loop import Judged

REFERENCE = np.array([1.1, 1.1])
VOLUMES = {"zdt1": 0.876667, "zdt2": 0.543333, "zdt3": 1.33176, "zdt4": 0.876667, "zdt6": 0.507878}
"""Of the true fronts below (1.1, 1.1)."""


def shape(name: str, f1: np.ndarray, g: np.ndarray | float) -> np.ndarray:
    """The second cost for a first one."""
    ratio = f1 / g
    if name in ("zdt2", "zdt6"):
        return g * (1.0 - ratio**2)
    wave = ratio * np.sin(10.0 * np.pi * f1) if name == "zdt3" else 0.0
    return g * (1.0 - np.sqrt(ratio) - wave)


def zdt(name: str, x: np.ndarray) -> np.ndarray:
    """Costs float64 (n, 2) of points (n, gene)."""
    rest = x[:, 1:]
    f1 = x[:, 0]
    if name == "zdt6":
        f1 = 1.0 - np.exp(-4.0 * f1) * np.sin(6.0 * np.pi * f1) ** 6
        g = 1.0 + 9.0 * rest.mean(1) ** 0.25
    elif name == "zdt4":
        g = 1.0 + 10.0 * rest.shape[1] + (rest**2 - 10.0 * np.cos(4.0 * np.pi * rest)).sum(1)
    else:
        g = 1.0 + 9.0 * rest.mean(1)
    return np.stack([f1, shape(name, f1, g)], 1)


class Problem:
    """An evaluator of a function of rows; `fails` says of which rows the evaluation fails."""

    metric_names: tuple[str, ...] = ()

    def __init__(self, of: Callable[[np.ndarray], np.ndarray], genome: Genome, num_objectives: int,
                 fails: Callable[[np.ndarray], np.ndarray] | None = None):  # fmt: skip
        self.of, self.genome, self.fails = of, genome, fails
        self.names = tuple(f"f{k + 1}" for k in range(num_objectives))
        self.signs = -np.ones(num_objectives)

    def __call__(self, rows: np.ndarray, effort: float) -> Judged:
        self.genome.check(rows)
        costs = np.array(self.of(rows), np.float64)
        reasons = [""] * len(rows)
        if self.fails is not None:
            for n in np.flatnonzero(self.fails(rows)):
                costs[n], reasons[n] = np.nan, f"row {n} cannot be"
        return Judged(costs, reasons, np.zeros((len(rows), 0)))


def zdt_problem(name: str, num_genes: int | None = None, **values) -> Problem:
    """A ZDT problem with its usual number of genes."""
    num_genes = num_genes or (10 if name in ("zdt4", "zdt6") else 30)
    ends = (-5.0, 5.0) if name == "zdt4" else (0.0, 1.0)
    genes = [Gene(name="x0", low=0.0, high=1.0)]
    genes += [Gene(name=f"x{k}", low=ends[0], high=ends[1]) for k in range(1, num_genes)]
    return Problem(lambda x: zdt(name, x), Genome(genes), 2, **values)


def sphere(num_genes: int = 5, at: float = 3.0) -> Problem:
    """One cost: the squared distance from a point."""
    genes = [Gene(name=f"x{k}", low=-10.0, high=10.0) for k in range(num_genes)]
    return Problem(lambda x: ((x - at) ** 2).sum(1, keepdims=True), Genome(genes), 1)
