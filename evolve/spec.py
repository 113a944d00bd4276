"""Specs of searches: what is evolved, on which worlds, after what, how. In YAML, or one that comes with the package.

    name: skewed-maker
    strategy: {kind: inventory_skew, market: {...}, latency_ns: {near: 50000, far: 5000000}}   # or `agent:`, see agents
    worlds: {count: 64, test_count: 256}
    genome: {spread: {type: float, low: 1, high: 20, scale: log}, ...}
    objectives: [sharpe, {metric: cvar, level: 0.9}]
    search: {method: nsga2, population: 100, generations: 40, seed: 1}

Fitness comes from worlds of the split `validation`; what is published of a result, from the split `test`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from evolve.agents import AgentSpec, check_agent
from evolve.genome import Genome
from evolve.loop import SearchConfig
from evolve.objectives import Objective, read_objectives
from evolve.strategies import StrategySpec, check_strategy
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types, from_dict, to_dict

FIELDS = ("name", "about", "strategy", "agent", "worlds", "genome", "objectives", "search")
VALIDATION, TEST = "validation", "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldsConfig:
    """How many worlds."""

    count: int = 64
    """seeds of each market that fitness is measured on"""
    test_count: int = 256
    """seeds of each market that the result is measured on, once, at the end"""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.count >= 1, self, "count", ">= 1", self.count)
        require(self.test_count >= 2, self, "test_count", ">= 2", self.test_count)


@dataclass(frozen=True, kw_only=True)
class EvolveSpec:
    """One search, all of it but where it writes."""

    name: str
    subject: StrategySpec | AgentSpec
    genome: Genome
    objectives: tuple[Objective, ...]
    about: str = ""
    worlds: WorldsConfig = field(default_factory=WorldsConfig)
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        self.subject.check_genes(self.genome)

    @classmethod
    def from_dict(cls, values: Any) -> EvolveSpec:
        """From plain values. Raises: ConfigError that names the field, the gene or the objective."""
        if not isinstance(values, dict):
            raise ConfigError(f"a spec of a search must be a mapping, was {values!r}")
        for name in values:
            require(name in FIELDS, "spec", "fields", f"among {', '.join(FIELDS)}", name)
        for name in ("name", "genome", "objectives"):
            require(name in values, "spec", name, "given", "nothing")
        both = ("strategy" in values) != ("agent" in values)
        require(both, "spec", "strategy/agent", "one of the two", [n for n in ("strategy", "agent") if n in values])
        subject = check_strategy(values["strategy"]) if "strategy" in values else check_agent(values["agent"])
        return cls(
            name=str(values["name"]), about=str(values.get("about", "")), subject=subject,
            genome=Genome.from_dict(values["genome"]), objectives=read_objectives(values["objectives"]),
            worlds=from_dict(WorldsConfig, values.get("worlds", {}), "worlds"),
            search=from_dict(SearchConfig, values.get("search", {}), "search"),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `from_dict` takes them."""
        subject = "strategy" if isinstance(self.subject, StrategySpec) else "agent"
        return {"name": self.name, "about": self.about, subject: to_dict(self.subject), "worlds": to_dict(self.worlds),
                "genome": self.genome.to_dict(), "objectives": to_dict(self.objectives),
                "search": to_dict(self.search)}  # fmt: skip

    def with_search(self, **changes: Any) -> EvolveSpec:
        """The same with other settings of the search."""
        return dataclasses.replace(self, search=dataclasses.replace(self.search, **changes))

    @property
    def label(self) -> str:
        """What the search is of, without how it goes about it: part of what a checkpoint is checked against."""
        return json.dumps({name: part for name, part in self.to_dict().items() if name != "search"}, sort_keys=True)

    def evaluator(self, split: str = VALIDATION, *, workers: int = 1, folder: Path | None = None,
                  memory_mb: float = 256.0, ray_address: str | None = None):  # fmt: skip
        """Measures genomes on the worlds of a split: fitness on `validation`, the result on `test`.

        Args:
            workers: threads or processes; results do not depend on it.
            folder: where agents keep what they have trained; None: a temporary one.
            memory_mb: of a wave of in-kernel trials.
            ray_address: of a Ray cluster that trains agents in place of processes.
        """
        count = self.worlds.test_count if split == TEST else self.worlds.count
        agents = isinstance(self.subject, AgentSpec)
        given: dict[str, Any] = {"workers": workers}
        given |= {"folder": folder, "ray_address": ray_address} if agents else {"memory_mb": memory_mb}
        return self.subject.evaluator(self.genome, self.objectives, split, count, **given)


def presets() -> list[str]:
    """Names of the specs that come with the package."""
    folder = resources.files("evolve").joinpath("presets")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def read_spec(name: str | Path) -> EvolveSpec:
    """A spec that comes with the package, by its name, or a YAML file of one.

    Raises: ConfigError naming the file and what is wrong in it.
    """
    import yaml

    known = presets()
    if str(name) in known:
        text = resources.files("evolve").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text(encoding="utf-8")
    else:
        raise ConfigError(f"spec {str(name)!r} is no file, and none of {', '.join(known)}")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not YAML: {error}") from error
    try:
        return EvolveSpec.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
