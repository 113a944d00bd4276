"""The honest-cost report: what a policy's result owes to its size, and how it stands fees and impact.

The same policy, unchanged, on the same held-out worlds: at 1x, 2x and 4x the size, at other fees, and with an impact
charge on what it takes. Fees and impact are not told to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from baselines.evaluation.summary import short
from baselines.evaluation.tasks import Task, run_all
from baselines.evaluation.variations import with_fees, with_impact, with_size
from baselines.intervals import bootstrap
from baselines.policies.protocol import Policy


class Variation(NamedTuple):
    """One market of the report."""

    axis: str
    label: str
    change: Callable[[Task], Task]
    size: int = 1
    """times the lots: results are told for each"""


VARIATIONS = (
    Variation("size", "1x", lambda task: task),
    Variation("size", "2x", lambda task: with_size(task, 2), 2),
    Variation("size", "4x", lambda task: with_size(task, 4), 4),
    Variation("fees", "none", lambda task: with_fees(task, 0.0)),
    Variation("fees", "2x", lambda task: with_fees(task, 2.0)),
    Variation("fees", "5x", lambda task: with_fees(task, 5.0)),
    Variation("impact", "2 ticks", lambda task: with_impact(task, 2.0)),
    Variation("impact", "10 ticks", lambda task: with_impact(task, 10.0)),
)
SHOWN = ("maker_share", "queue_ahead", "fill_ratio", "markout_100ms", "markout_1s", "markout_10s")
"""Metrics of recorded runs that stand in every row."""


def cost_rows(
    task: Task,
    policies: Callable[[Task], Mapping[str, Sequence[Policy]]],
    worlds: int,
    tell: Any = None,
) -> list[list[str]]:
    """Titles and rows: variation, policy, score and P&L for each unit of size with intervals, then `SHOWN`.

    Args:
        policies: makes the policies for a task: label -> one a training seed.
        worlds: held-out worlds, recorded.
    """
    titles = ["market", "policy", "score / size", "P&L / size", *(name.replace("_", " ") for name in SHOWN)]
    rows = [titles]
    for number, variation in enumerate(VARIATIONS):
        changed = variation.change(task)
        block = min(32, worlds)
        found = run_all(changed, policies(changed), changed.worlds(worlds, block=block), record=True)
        for name, group in found.items():
            money = [str(bootstrap(group[metric] / variation.size)) for metric in ("score", "pnl")]
            means = [bootstrap(group[metric]).mean for metric in SHOWN]
            where = f"{variation.axis} {variation.label}"
            rows.append([where, name, *money, *(short(mean) for mean in means)])
        if tell:
            tell((number + 1) / len(VARIATIONS), f"costs: {variation.axis} {variation.label}")
    return rows


def is_tradable(task: Task) -> bool:
    """Whether the task has a market whose fees and sizes can be changed."""
    envs = task.make(1)
    try:
        return getattr(envs.unwrapped, "market", None) is not None
    finally:
        envs.close()
