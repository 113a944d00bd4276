"""What a search has found, measured once more on worlds that it never saw, beside a control of the same budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.intervals import Estimate, paired_difference
from evolve.archive import hypervolume
from evolve.loop import Search
from evolve.objectives import score

MAX_TESTED = 24
"""Of a front at most as many are measured on the worlds of the test, evenly along it."""


@dataclass(frozen=True)
class Found:
    """One search and its front, on the worlds of fitness and on those of the test."""

    name: str
    spent: float
    """full evaluations"""
    failed: int
    numbers: np.ndarray
    """of the front's members, int64 (member,)"""
    objectives: np.ndarray
    """float64 (member, objective), as the search saw them"""
    tested: np.ndarray
    """the same on the worlds of the test; NaN where that failed"""
    volume: float
    """hypervolume of those members on the worlds of fitness"""
    tested_volume: float
    champion: int
    """number of the best by the first objective on the worlds of fitness"""
    pnl: np.ndarray
    """its P&L in every world of the test, float64 (world,)"""

    @property
    def gap(self) -> np.ndarray:
        """What of each objective was lost from fitness to test, the mean over the front, float64 (objective,)."""
        return np.nanmean(self.tested - self.objectives, 0)


def examine(name: str, search: Search, test: Any, reference: np.ndarray) -> Found:
    """Measure a search's front on the worlds of the test.

    Args:
        test: an evaluator on those worlds.
        reference: of the hypervolumes, float64 (objective,): the same for all that are compared.
    """
    archive = search.archive
    front = archive.front()
    numbers = front[np.unique(np.linspace(0, len(front) - 1, min(len(front), MAX_TESTED)).round().astype(np.int64))]
    best = -archive.signs[0] * archive.objectives[front, 0]
    champion = int(front[np.argmin(best)]) if len(front) else -1
    if champion >= 0 and champion not in numbers:
        numbers = np.append(numbers, champion)
    outcome = test.measure(archive.genes[numbers])
    tested, _ = score(test.objectives, outcome.metrics, test.labels, outcome.reasons)
    sound = ~np.isnan(tested).any(1)
    costs, edge = -archive.signs * tested[sound], -archive.signs * reference
    return Found(
        name=name, spent=search.spent, failed=sum(reason != "" for reason in archive.reasons), numbers=numbers,
        objectives=archive.objectives[numbers], tested=tested,
        volume=hypervolume(archive.costs(numbers), edge), tested_volume=hypervolume(costs, edge),
        champion=champion, pnl=outcome.metrics["pnl"][numbers.tolist().index(champion)],
    )  # fmt: skip


def difference(found: Mapping[str, Found], name: str, control: str) -> Estimate:
    """P&L of one champion minus another's, world by world of the test."""
    return paired_difference(found[name].pnl, found[control].pnl)


def table(found: Mapping[str, Found], names: tuple[str, ...], control: str) -> list[dict[str, str]]:
    """Rows for people: every search with the same columns."""
    rows = []
    for name, one in found.items():
        place = one.numbers.tolist().index(one.champion)
        row = {
            "search": name, "full evaluations": f"{one.spent:,.0f}", "failed": f"{one.failed:,}",
            "front": f"{len(one.numbers)}", "hypervolume": f"{one.volume:.4g}",
            "on test worlds": f"{one.tested_volume:.4g}",
        }  # fmt: skip
        for k, objective in enumerate(names):
            row[f"champion's {objective}"] = f"{one.objectives[place, k]:.4g}"
            row[f"{objective} on test worlds"] = f"{one.tested[place, k]:.4g}"
        row[f"P&L minus {control}'s"] = "" if name == control else str(difference(found, name, control))
        rows.append(row)
    return rows
