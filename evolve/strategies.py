"""What is evolved, first kind: parameters of a strategy that trades inside the kernel, measured by the fast path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evolve.fast import METRICS, FastPath, Outcome
from evolve.genome import BOOL, CATEGORICAL, FIXED, Gene, Genome
from evolve.loop import Judged
from evolve.objectives import Objective, score
from evolve.worlds import Setting, TrialWorlds, grid, with_latency, with_regime
from qsl_envs.errors import ConfigError, require
from qsl_envs.market.config import MarketConfig, PopulationConfig
from qsl_envs.market.kinds import find_kind
from qsl_envs.settings import check_types, from_dict

GROUP = "evolved"
"""Name of the group that is evolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """A market, and the one in it whose parameters are evolved."""

    kind: str
    """of participant: see `qsl_envs.market.kinds`"""
    market: dict[str, Any] = field(default_factory=dict)
    """settings of a `MarketConfig`, by name; its population are the others"""
    group: dict[str, Any] = field(default_factory=dict)
    """settings of the evolved one's `PopulationConfig`: lines, risk, parameters that do not vary"""
    latency_ns: dict[str, int] = field(default_factory=dict)
    """axis `latency`: name -> one way latency of its lines; empty: as `group` says"""
    regimes: tuple[str, ...] = ()
    """axis `regime`: scenarios, `base` for none; empty: as `market` says"""
    sample_ns: int = 1_000_000_000
    """between two looks at the account"""

    def __post_init__(self) -> None:
        check_types(self)
        find_kind(self.kind)
        for name, lag in self.latency_ns.items():
            whole = isinstance(lag, int) and not isinstance(lag, bool) and 0 <= lag <= 10**10
            require(whole, self, f"latency_ns[{name}]", "whole ns in [0, 10 s]", lag)
        self.settings()

    def settings(self) -> tuple[Setting, ...]:
        """The markets: every latency in every regime."""
        base = from_dict(MarketConfig, {"participants": [], **self.market}, "strategy.market")
        for name in ("kind", "name", "count"):
            require(name not in self.group, self, "group", f"without {name!r}", self.group.get(name))
        group = from_dict(PopulationConfig, {"kind": self.kind, "name": GROUP, **self.group}, "strategy.group")
        config = MarketConfig(**{name: getattr(base, name) for name in base.__dataclass_fields__}
                              | {"population": (*base.population, group)})  # fmt: skip
        made: tuple[Setting, ...] = (Setting(market=config),)
        if self.latency_ns:
            lags = {name: (lambda m, ns=ns: with_latency(m, GROUP, ns)) for name, ns in self.latency_ns.items()}
            made = grid(made, "latency", lags)
        if self.regimes:
            require(len(set(self.regimes)) == len(self.regimes), self, "regimes", "different ones", self.regimes)
            made = grid(made, "regime", {name: (lambda m, name=name: with_regime(m, name)) for name in self.regimes})
        return made

    def worlds(self, split: str, count: int, first_seed: int = 0) -> TrialWorlds:
        """Seeds of a split in every market."""
        return TrialWorlds(settings=self.settings(), group=GROUP, split=split, count=count, first_seed=first_seed,
                           sample_ns=self.sample_ns)  # fmt: skip

    def check_genes(self, genome: Genome) -> None:
        """Raise a ConfigError naming a gene that is no parameter of the kind, or leaves its bounds."""
        params = find_kind(self.kind).params
        for gene in genome.genes:
            owner = f"genome.{gene.name}"
            known = ", ".join(params)
            require(gene.name in params, owner, "name", f"a parameter of {self.kind}: {known}", gene.name)
            free = gene.name not in self.group.get("params", {})
            require(free, owner, "name", "a parameter that strategy.group leaves free", gene.name)
            low, high = params[gene.name].low, params[gene.name].high
            for end in _ends(gene):
                inside = isinstance(end, (int, float)) and low <= end <= high
                require(inside, owner, "bounds", f"in [{low:g}, {high:g}], those of the parameter", end)

    def evaluator(self, genome: Genome, objectives: tuple[Objective, ...], split: str, count: int, *,
                  first_seed: int = 0, workers: int = 1, memory_mb: float = 256.0) -> StrategyEvaluator:  # fmt: skip
        """Measures genomes on worlds of a split."""
        self.check_genes(genome)
        worlds = self.worlds(split, count, first_seed)
        return StrategyEvaluator(genome, objectives, FastPath(worlds, num_threads=workers, memory_mb=memory_mb))


def _ends(gene: Gene) -> tuple[Any, ...]:
    """Values that show whether a gene fits a parameter."""
    if gene.type == BOOL:
        return 0, 1
    return gene.choices if gene.type == CATEGORICAL else (gene.value,) if gene.type == FIXED else (gene.low, gene.high)


class StrategyEvaluator:
    """Genomes as parameters of an in-kernel strategy: a generation is one kernel call a market.

    Args:
        genome: every gene is a parameter of the kind.
        objectives: what counts.
        path: the worlds.
    """

    metric_names = tuple(METRICS)

    def __init__(self, genome: Genome, objectives: tuple[Objective, ...], path: FastPath):
        self.genome, self.objectives, self.path = genome, objectives, path
        self.names = tuple(objective.name for objective in objectives)
        self.signs = np.array([objective.sign for objective in objectives])
        for objective in objectives:
            if objective.worst_over:
                path.worlds.labels(objective.worst_over)

    def measure(self, rows: np.ndarray, effort: float = 1.0) -> Outcome:
        """What rows, float64 (n, gene), do in every world."""
        self.genome.check(rows)
        params = {name: values.astype(np.float64) for name, values in self.genome.columns(rows).items()}
        return self.path.evaluate(params, count=len(rows), share=effort)

    def __call__(self, rows: np.ndarray, effort: float) -> Judged:
        """Objectives of rows; see `loop.Evaluator`."""
        outcome = self.measure(rows, effort)
        table, reasons = score(self.objectives, outcome.metrics, self.path.worlds.fewer(effort).labels, outcome.reasons)
        return Judged(table, reasons, means(outcome.metrics, self.metric_names), outcome.kernel_s)

    @property
    def labels(self):
        """Axis -> where on it each world stands."""
        return self.path.worlds.labels

    def close(self) -> None:
        """Nothing is held but memory."""


def means(metrics: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Means over worlds, float64 (genome, metric); NaN where a world has none."""
    return np.stack([np.asarray(metrics[name], np.float64).mean(-1) for name in names], -1)


def check_strategy(values: Any) -> StrategySpec:
    """From plain values. Raises: ConfigError that names the field."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"strategy must be a mapping of settings, was {values!r}")
    return from_dict(StrategySpec, dict(values), "strategy")
