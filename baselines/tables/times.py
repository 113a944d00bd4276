"""What the benchmark's trainings took, by the seconds that their curves hold, and what a plan would at that pace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from baselines.evaluation.summary import markdown_of
from baselines.tables.cells import Cell

Curves = Mapping[str, Mapping[str, np.ndarray]]


class Spent(NamedTuple):
    """What trainings took together: how many, frames, seconds of one core."""

    trainings: int
    frames: float
    seconds: float

    @property
    def pace(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


def spent(cells: Iterable[Cell], curves: Curves) -> Spent:
    """What the trainings of these cells took, as far as there are curves of them."""
    mine = [curves[cell.name] for cell in cells if cell.learned and cell.name in curves]
    totals = [sum(float(np.nanmax(curve[key])) for curve in mine) for key in ("frames", "seconds")]
    return Spent(len(mine), *totals)


def time_text(cells: Iterable[Cell], curves: Curves) -> str:
    """The page's table: a row an environment, and a sentence with the sum."""
    learned = [cell for cell in cells if cell.learned]
    rows = [["environment", "trainings", "frames", "frames a second", "minutes of a core"]]
    for place in sorted({cell.place for cell in learned}):
        one = spent([cell for cell in learned if cell.place == place], curves)
        if one.trainings:
            rows.append([place, str(one.trainings), f"{one.frames / 1e6:.1f} M", f"{one.pace:,.0f}",
                         f"{one.seconds / 60:.1f}"])  # fmt: skip
    if len(rows) == 1:
        return "Nothing has been trained yet.\n"
    total = spent(learned, curves)
    return (
        f"{markdown_of(rows)}\n\nAll {total.trainings} trainings of these tables, {total.frames / 1e6:.1f} million "
        f"frames, took {total.seconds / 3600:.2f} core-hours, one thread each, other work on the machine included; the "
        "evaluations come on top.\n"
    )


def plan_text(cells: Sequence[Cell], missing: Sequence[Cell], known: Sequence[Cell], curves: Curves) -> str:
    """What a run would do, and how long its trainings would take at the pace of what is stored.

    Args:
        cells: of the budget.
        missing: those of them that have no result.
        known: cells that there are curves of; the pace is that of the same learner in the same environment.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in missing:
        if cell.learned:
            groups.setdefault(cell.group, []).append(cell)
    seconds, never = 0.0, []
    for group, mine in groups.items():
        one = spent([cell for cell in known if cell.group == group], curves)
        if one.trainings:
            seconds += sum(cell.frames for cell in mine) / one.pace
        else:
            never.append(f"{group} ({len(mine)} x {mine[0].frames / 1e6:g} M frames)")
    trainings = [cell for mine in groups.values() for cell in mine]
    lines = [
        f"{len(cells)} cells, {len(missing)} of them without a result, {len(trainings)} to be trained on "
        f"{sum(cell.frames for cell in trainings) / 1e6:.1f} million frames.",
        f"At the pace of the trainings that are stored: {seconds / 3600:.1f} core-hours, evaluations on top.",
    ]
    if never:
        lines.append(f"Not in that, since none is stored: {', '.join(never)}.")
    return "\n".join(lines)
