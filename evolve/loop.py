"""The outer loop: try a generation, write it down, let the method learn, save; until the budget is spent.

What a search does follows from its genome, its method's settings and its seed alone: not from the number of workers,
nor from how often it was stopped and resumed.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from evolve import checkpoint
from evolve.archive import Archive, hypervolume
from evolve.genome import Genome
from evolve.methods import METHODS, Method
from evolve.operators import Variation
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types, config_hash

REFERENCE_MARGIN = 0.1
"""The reference point of hypervolumes lies this share of the first generation's range beyond its worst values."""


class Judged(NamedTuple):
    """What came of individuals."""

    objectives: np.ndarray
    """float64 (n, objective), NaN throughout where the evaluation failed"""
    reasons: Sequence[str]
    """why it failed; empty where it did not"""
    metrics: np.ndarray
    """float64 (n, metric), means over worlds"""
    kernel_s: float = 0.0
    """seconds of it in compiled code"""


class Evaluator(Protocol):
    """Measures genomes: the same rows, the same values, whoever is beside them."""

    genome: Genome
    names: tuple[str, ...]
    """of the objectives"""
    signs: np.ndarray
    """1.0 where more is better, -1.0 where less is"""
    metric_names: tuple[str, ...]

    def __call__(self, rows: np.ndarray, effort: float) -> Judged:
        """Measure rows, float64 (n, gene), with a share `effort` of a full evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """How a search goes about it."""

    method: str = "nsga2"
    """nsga2, nsga3, cma, random or halving"""
    population: int = 100
    """individuals of a generation"""
    generations: int = 40
    seed: int = 1
    variation: Variation = field(default_factory=Variation)

    def __post_init__(self) -> None:
        check_types(self)
        require(self.method in METHODS, self, "method", f"one of {', '.join(METHODS)}", self.method)
        require(self.population >= 4, self, "population", ">= 4", self.population)
        require(self.generations >= 1, self, "generations", ">= 1", self.generations)
        require(self.seed >= 0, self, "seed", ">= 0", self.seed)


class Search:
    """One search.

    Args:
        config: method, budget, seed.
        evaluator: measures genomes.
        label: of what is searched, any text; a checkpoint of another label is refused.
        reference: point of the hypervolume, float64 (objective,); None: taken from the first generation.
    """

    def __init__(self, config: SearchConfig, evaluator: Evaluator, *, label: str = "",
                 reference: np.ndarray | None = None):  # fmt: skip
        self.config, self.evaluator, self.label = config, evaluator, label
        self.archive = Archive(evaluator.genome.num_genes, evaluator.signs, evaluator.metric_names)
        self.method = Method(config.method, evaluator.genome, self.archive, config.population, config.generations,
                             config.variation, config.seed)  # fmt: skip
        self.reference = None if reference is None else np.asarray(reference, np.float64)
        self.generation = 0
        """that comes next"""
        self.rows: list[dict[str, Any]] = []
        """what `step` told of each generation"""
        self.history: list[float] = []
        """hypervolume after each generation"""

    @property
    def finished(self) -> bool:
        """Whether the budget is spent."""
        return self.generation >= self.method.num_batches

    @property
    def spent(self) -> float:
        """Full evaluations so far."""
        return float(self.archive.effort.sum())

    def step(self) -> dict[str, Any]:
        """Try one generation; returns a row about it.

        Raises: ConfigError if nothing of the first generation could be evaluated, with the first reason.
        """
        started = time.perf_counter()
        batch = self.method.ask(self.generation)
        judged = self.evaluator(batch.rows, batch.effort)
        numbers = self.archive.add(batch.rows, judged.objectives, generation=self.generation, parents=batch.parents,
                                   effort=batch.effort, origin=batch.origin, reasons=judged.reasons,
                                   metrics=judged.metrics)  # fmt: skip
        sound = self.archive.sound(numbers)
        if self.generation == 0:
            if len(sound) == 0:
                raise ConfigError(f"none of the first {len(numbers)} individuals could be evaluated; the first: "
                                  f"{judged.reasons[0]}")  # fmt: skip
            if self.reference is None:
                worst, best = self.archive.costs(sound).max(0), self.archive.costs(sound).min(0)
                costs = worst + REFERENCE_MARGIN * np.where(worst > best, worst - best, 1.0)
                self.reference = -self.archive.signs * costs
        self.method.tell(numbers)
        self.generation += 1
        self.history.append(self.hypervolume())
        wall_s = time.perf_counter() - started
        row = {"generation": self.generation, "evaluations": len(self.archive), "frames": int(self.spent),
               "failed": len(numbers) - len(sound), "hypervolume": self.history[-1], "seconds": wall_s,
               "outside_kernel": 1.0 - judged.kernel_s / wall_s if judged.kernel_s else float("nan")}  # fmt: skip
        for name, sign, values in zip(self.evaluator.names, self.archive.signs, self.archive.objectives[sound].T):
            row[f"best {name}"] = float((sign * values).max() * sign) if len(sound) else float("nan")
        self.rows.append(row)
        return row

    def run(self, file: Path | None = None, *, tell: Callable[[dict[str, Any]], None] | None = None) -> Archive:
        """Go on until the budget is spent; with a `file`, a checkpoint is there after every generation."""
        while not self.finished:
            row = self.step()
            if file is not None:
                self.save(file)
            if tell is not None:
                tell(row)
        return self.archive

    def hypervolume(self) -> float:
        """Of the front among those fully evaluated, 0 without any."""
        assert self.reference is not None
        costs = self.archive.costs(self.archive.front())
        return hypervolume(costs, -self.archive.signs * self.reference)

    # --- checkpoints

    def save(self, file: Path) -> None:
        """Write all that the search is."""
        arrays, values = self.method.state()
        arrays = {**{f"archive_{name}": part for name, part in self.archive.state().items()}, **arrays}
        if self.reference is not None:
            arrays["reference"] = self.reference
        progress = {"generation": self.generation, "history": self.history, "rows": self.rows}
        checkpoint.save(file, arrays, {**values, **progress, "what": self._what()})

    def load(self, file: Path) -> None:
        """Become what was saved. Raises: ConfigError if it is of another search, DataError if it is no checkpoint."""
        arrays, values = checkpoint.load(file)
        require(values["what"] == self._what(), "evolve", str(file), "a checkpoint of this very search (its settings "
                "must not change; begin anew without --resume)", "one of another")  # fmt: skip
        prefix = "archive_"
        self.archive.restore({n.removeprefix(prefix): part for n, part in arrays.items() if n.startswith(prefix)})
        self.method.restore(arrays, values)
        self.reference = arrays.get("reference")
        self.generation, self.history, self.rows = values["generation"], values["history"], values["rows"]

    def _what(self) -> str:
        """What a checkpoint must be of. A finished search may go on for more generations; a halving has its rungs."""
        config = self.config if self.config.method == "halving" else dataclasses.replace(self.config, generations=1)
        return f"{config_hash(config)} {self.label}"
