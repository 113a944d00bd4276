"""Worlds on which genomes are measured: markets (of one regime, latency, fee level, ...) x seeds of one split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig

Vary = Callable[[MarketConfig], MarketConfig]
"""Another market made of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One market among several, and what sets it apart."""

    market: MarketConfig
    name: str = "market"
    tags: Mapping[str, str] = field(default_factory=dict)
    """axis -> where on it this market stands: {"latency": "colo", "regime": "calm"}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialWorlds:
    """Worlds in which one group of a market's population trades: every setting with every seed, settings outermost."""

    settings: tuple[Setting, ...]
    group: str
    """name of the group, of one member, in each market's population"""
    split: str = "validation"
    count: int = 64
    """seeds of each setting"""
    first_seed: int = 0
    sample_ns: int = 1_000_000_000
    """between two looks at the true account"""

    def __post_init__(self) -> None:
        require(len(self.settings) >= 1, self, "settings", "at least one", self.settings)
        names = [setting.name for setting in self.settings]
        require(len(set(names)) == len(names), self, "settings", "of different names", names)
        require(self.count >= 1, self, "count", ">= 1", self.count)
        require(self.first_seed >= 0, self, "first_seed", ">= 0", self.first_seed)
        axes = {tuple(sorted(setting.tags)) for setting in self.settings}
        require(len(axes) == 1, self, "settings.tags", "on the same axes in every setting", sorted(axes))

    @property
    def num_worlds(self) -> int:
        """Length of the axis of worlds."""
        return len(self.settings) * self.count

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes that the settings are tagged on."""
        return tuple(sorted(self.settings[0].tags))

    @property
    def seeds(self) -> np.ndarray:
        """Of each setting, int64 (count,)."""
        return self.first_seed + np.arange(self.count)

    def labels(self, axis: str) -> np.ndarray:
        """Where on an axis each world stands, str (num_worlds,); the axis `setting` is the settings' names.

        Raises: ConfigError for an axis that there is not.
        """
        require(axis in (*self.axes, "setting"), self, "axis", f"one of setting, {', '.join(self.axes)}", axis)
        labels = [setting.name if axis == "setting" else setting.tags[axis] for setting in self.settings]
        return np.repeat(labels, self.count)

    def fewer(self, share: float) -> TrialWorlds:
        """The first `share` of the seeds of each setting, one at least."""
        return dataclasses.replace(self, count=max(1, round(self.count * share)))

    def of(self, split: str, count: int | None = None, first_seed: int = 0) -> TrialWorlds:
        """The same settings with seeds of another split."""
        return dataclasses.replace(self, split=split, count=count or self.count, first_seed=first_seed)


def grid(base: Sequence[Setting], axis: str, variants: Mapping[str, Vary]) -> tuple[Setting, ...]:
    """Every setting of `base` under every variant of an axis: name -> function of a MarketConfig.

    Example: `grid(settings, "latency", {"near": lambda m: with_latency(m, "maker", 50_000)})`.
    """
    made = []
    for setting in base:
        for label, vary in variants.items():
            name = f"{setting.name}/{label}" if len(base) > 1 or setting.tags else label
            tags = {**setting.tags, axis: label}
            made.append(Setting(name=name, market=vary(setting.market), tags=tags))
    return tuple(made)


def with_latency(market: MarketConfig, group: str, latency_ns: int) -> MarketConfig:
    """The market with another one-way latency on all three lines of a group; jitter and loss stay as they are."""
    return _with_group(market, group, **{
        name: dataclasses.replace(getattr(_group(market, group), name), latency_ns=latency_ns)
        for name in ("order_link", "report_link", "feed_link")
    })  # fmt: skip


def with_regime(market: MarketConfig, regime: str) -> MarketConfig:
    """The market under one more scenario (`qsl_envs.market.config.MarketConfig.scenario`); `base` leaves it alone."""
    return market if regime == "base" else dataclasses.replace(market, scenario=(*market.scenario, regime))


def _group(market: MarketConfig, name: str):
    groups = {group.name: group for group in market.population}
    require(name in groups, "MarketConfig", "population", f"with a group called {name!r}", list(groups))
    return groups[name]


def _with_group(market: MarketConfig, name: str, **changes) -> MarketConfig:
    changed = dataclasses.replace(_group(market, name), **changes)
    groups = tuple(changed if group.name == name else group for group in market.population)
    return dataclasses.replace(market, population=groups)
