"""Objectives: what a search is after, one number a genome, from the true account over all worlds of the validation.

    objectives:
      - sharpe
      - {metric: cvar, level: 0.9}
      - {metric: pnl, worst_over: regime}     # the mean P&L in the regime where it is least

A reward that was evolved is never among them: it is what agents learn by, not what they are judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsl_envs.errors import ConfigError, require
from qsl_envs.metrics.risk import conditional_value_at_risk, sharpe, sortino
from qsl_envs.settings import check_types, from_dict


def _mean(name: str) -> Callable[[Mapping[str, np.ndarray], float], np.ndarray]:
    return lambda metrics, level: metrics[name].mean(-1)


KNOWN: dict[str, tuple[bool, Callable[[Mapping[str, np.ndarray], float], np.ndarray], str]] = {
    "pnl": (True, _mean("pnl"), "mean P&L of a session, ticks x lots"),
    "sharpe": (True, lambda m, level: sharpe(m["pnl"]), "mean over standard deviation of the sessions' P&L"),
    "sortino": (True, lambda m, level: sortino(m["pnl"]), "mean over downside deviation of the sessions' P&L"),
    "step_sharpe": (True, _mean("step_sharpe"), "mean over sessions of the Sharpe ratio per sample"),
    "cvar": (False, lambda m, level: conditional_value_at_risk(m["pnl"], level),
             "mean loss over the worst share 1 - level of the sessions, ticks x lots"),
    "drawdown": (False, _mean("max_drawdown"), "mean of the sessions' largest fall of P&L, ticks x lots"),
    "turnover": (False, _mean("volume"), "mean lots traded in a session"),
    "inventory": (False, _mean("mean_abs_inventory"), "mean of |inventory| over sessions and samples, lots"),
    "fees": (False, _mean("fees"), "mean fees less rebates of a session, ticks x lots"),
}  # fmt: skip
"""Metric -> (more is better, how it follows from the worlds' metrics (..., world), what it is)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One number to maximise or to minimise."""

    metric: str
    level: float = 0.95
    """of `cvar`"""
    worst_over: str = ""
    """axis of the worlds (latency, regime, ...): the metric is taken at each place on it, and the worst counts"""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.metric in KNOWN, self, "metric", f"one of {', '.join(KNOWN)}", self.metric)
        require(0 <= self.level < 1, self, "level", "in [0, 1)", self.level)

    @property
    def name(self) -> str:
        """What tables call it."""
        name = f"cvar {self.level:g}" if self.metric == "cvar" else self.metric
        return f"{name}, worst {self.worst_over}" if self.worst_over else name

    @property
    def sign(self) -> float:
        """1.0: more is better, -1.0: less."""
        return 1.0 if KNOWN[self.metric][0] else -1.0

    def values(self, metrics: Mapping[str, np.ndarray], labels: Callable[[str], np.ndarray]) -> np.ndarray:
        """The objective of every genome, float64 (genome,); NaN where it is not defined.

        Args:
            metrics: metric -> float64 (genome, world).
            labels: axis -> where on it each world stands, (world,).
        """
        of = KNOWN[self.metric][1]
        if not self.worst_over:
            return of(metrics, self.level)
        places = labels(self.worst_over)
        parts = np.array([of({name: values[:, places == place] for name, values in metrics.items()}, self.level)
                          for place in dict.fromkeys(places.tolist())])  # fmt: skip
        return self.sign * (self.sign * parts).min(0)  # NaN at one place: not defined


def read_objectives(entries: Any) -> tuple[Objective, ...]:
    """Objectives from names and mappings. Raises: ConfigError that names the one that does not exist."""
    if not isinstance(entries, (list, tuple)) or not entries:
        raise ConfigError(f"objectives must be a list of names or mappings, was {entries!r}")
    made = []
    for n, entry in enumerate(entries):
        values = {"metric": entry} if isinstance(entry, str) else entry
        made.append(from_dict(Objective, values, f"objectives[{n}]"))
    names = [objective.name for objective in made]
    require(len(set(names)) == len(names), "spec", "objectives", "different ones", names)
    return tuple(made)


def score(objectives: Sequence[Objective], metrics: Mapping[str, np.ndarray], labels: Callable[[str], np.ndarray],
          reasons: Sequence[str]) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """Objectives of every genome, float64 (genome, objective), and why a genome has none.

    A genome of which a trial failed has NaN everywhere, and its reason; so has one with an objective that is not
    defined (the Sharpe ratio of a P&L that does not vary).
    """
    table = np.stack([objective.values(metrics, labels) for objective in objectives], -1)
    told = list(reasons)
    for n in range(len(table)):
        missing = [o.name for o, value in zip(objectives, table[n]) if not np.isfinite(value)]
        if missing and not told[n]:
            told[n] = f"{', '.join(missing)} not defined: the sessions' P&L does not vary, or nothing was traded"
        if told[n]:
            table[n] = np.nan
    return table, told
