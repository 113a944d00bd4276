"""What results say, as rows of tables: means, IQM, differences from the best baseline, normalised scores, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from baselines.evaluation.tasks import NOTHING
from baselines.intervals import Estimate, bootstrap, bootstrap_iqm, normalized, paired_difference, verdict
from qsl_envs.metrics.risk import conditional_value_at_risk

Groups = Mapping[str, Mapping[str, np.ndarray]]
"""Policy -> metric -> float64 (seed, world)."""


def score_rows(groups: Groups, reference: str | None) -> list[list[str]]:
    """Titles and one row a policy: seeds, mean score, IQM, normalised score, difference from the reference, P&L, CVaR.

    Args:
        reference: policy that the others are compared with, the best tuned scripted one; None: nothing to compare.
    """
    minus = [f"minus {reference}", ""] if reference else []
    rows = [["policy", "seeds", "score", "IQM", "normalised", *minus, "P&L", "CVaR 95 %"]]
    for name, group in groups.items():
        score = group["score"]
        seeds = str(len(score)) if len(score) > 1 else ""
        cells = [name, seeds, str(bootstrap(score)), str(bootstrap_iqm(score))]
        cells.append(normalised_cell(groups, name, reference))
        if reference:
            cells += ["", ""] if name == reference else difference_cells(score, groups[reference]["score"])
        pnl = group["pnl"]
        tail = np.nan if np.isnan(pnl).all() else float(conditional_value_at_risk(pnl.reshape(-1)))
        rows.append([*cells, str(bootstrap(pnl)), short(tail)])
    return rows


def difference_cells(score: np.ndarray, reference: np.ndarray) -> list[str]:
    """A difference with its interval, and what it allows to say."""
    found = paired_difference(score, reference)
    return [str(found), verdict(found)]


def normalised(groups: Groups, name: str, reference: str | None) -> Estimate | None:
    """Score with 0 for do nothing and 1 for the reference; None where the two are not shown to differ, or lack."""
    if reference is None or reference == NOTHING or NOTHING not in groups or reference not in groups:
        return None
    return normalized(groups[name]["score"], groups[NOTHING]["score"], groups[reference]["score"])


def normalised_cell(groups: Groups, name: str, reference: str | None) -> str:
    """The same as a cell; empty where it is not given."""
    found = normalised(groups, name, reference)
    return "" if found is None else f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def metric_rows(groups: Groups, metrics: Sequence[str]) -> list[list[str]]:
    """Titles and one row a metric: its mean over worlds and seeds, policy by policy; a dash where there is none."""
    rows = [["metric", *groups]]
    for metric in metrics:
        known = [group.get(metric) for group in groups.values()]
        if all(values is None or np.isnan(values).all() for values in known):
            continue
        cells = [np.nan if values is None else bootstrap(values).mean for values in known]
        rows.append([metric.replace("_", " "), *(short(cell) for cell in cells)])
    return rows


def short(value: float) -> str:
    """Three digits, or whole numbers from 100 on; a dash for none."""
    return "-" if np.isnan(value) else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def text_of(rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Rows as a table for a terminal, titles underlined; columns in `words` are flush left, the others right."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    forms = [f"<{w}" if n in words else f">{w}" for n, w in enumerate(widths)]
    lines = ["  ".join(format(cell, form) for cell, form in zip(row, forms)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def markdown_of(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
