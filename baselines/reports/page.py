"""Tables and one self-contained HTML page of an evaluation, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from baselines.evaluate import METRICS, Estimate, bootstrap, paired, verdict

COLUMNS = ("mean_abs_inventory", "max_drawdown", "fills")
"""Metrics beside score and P&L in the tables."""

Results = Mapping[str, Mapping[str, np.ndarray]]
"""Policy -> metric -> float64 (world,)."""

STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True)
class Report:
    """What the page says, in its order."""

    title: str
    lead: str
    findings: Sequence[str]
    """the answers, one sentence each"""
    tables: Mapping[str, tuple[str, Results]]
    """heading -> (what these worlds are, results)"""
    reference: str
    """policy that the others are compared with"""
    pictures: Sequence[tuple[Path, str, str]] = ()
    """(PNG file, heading, caption)"""
    facts: Mapping[str, str] = field(default_factory=dict)
    """how it was made"""
    plain_tables: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    """heading -> rows of a table, titles first"""
    open_tables: bool = False
    """show them at once, before the pictures; else they are folded up behind them"""


def finding(results: Results, name: str, reference: str, where: str) -> str:
    """What the evaluation shows about `name` beside `reference`, in plain words, also when that is nothing.

    The score is what was learned and tuned for, so it decides; P&L is told beside it.
    """
    score, pnl = (paired(results, name, reference, metric) for metric in ("score", "pnl"))
    said = {
        "better": f"{name} beats {reference}",
        "worse": f"{name} does NOT beat {reference}, it is worse",
        "no difference shown": f"{name} is NOT shown to beat {reference}",
    }
    profit = {"better": "higher", "worse": "LOWER", "no difference shown": "not shown to differ"}
    worlds = len(results[name]["pnl"])
    return (
        f"On {where}, {said[verdict(score)]}: score {score}, {verdict(score)}; its P&L is {profit[verdict(pnl)]}: "
        f"{pnl} (ticks x lots a world, 95 % intervals, {worlds} worlds)."
    )


def text_table(results: Results, reference: str) -> str:
    """A table for a terminal: mean and 95 % interval over worlds; differences world by world."""
    rows = [_titles(reference), *(_cells(results, name, reference) for name in results)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    forms = [f"<{w}" if n in WORDS else f">{w}" for n, w in enumerate(widths)]
    lines = ["  ".join(format(cell, form) for cell, form in zip(row, forms)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


WORDS = (0, 3)
"""Columns that hold words: the policy, the verdict on its score."""


def _titles(reference: str) -> list[str]:
    others = (m.replace("_", " ") for m in COLUMNS)
    return ["policy", "score", f"minus {reference}", "", "P&L", f"minus {reference}", *others]


def _cells(results: Results, name: str, reference: str) -> list[str]:
    score, pnl = (paired(results, name, reference, metric) for metric in ("score", "pnl"))
    same = name == reference
    against_score, against_pnl = (["", ""], [""]) if same else ([str(score), verdict(score)], [str(pnl)])
    means = [str(bootstrap(results[name][metric])) for metric in ("score", "pnl")]
    others = [_short(bootstrap(results[name][metric])) for metric in COLUMNS]
    return [name, means[0], *against_score, means[1], *against_pnl, *others]


def _short(found: Estimate) -> str:
    """A mean alone; a dash where there is none."""
    return "-" if np.isnan(found.mean) else f"{found.mean:,.3g}" if abs(found.mean) < 100 else f"{found.mean:,.0f}"


def write_report(path: Path, report: Report) -> Path:
    """Write the page; pictures are embedded, so that the one file is the whole report."""
    parts = [f"<h1>{escape(report.title)}</h1><p class=lead>{escape(report.lead)}</p>"]
    parts.append('<div class="card finding">' + "".join(f"<p>{escape(f)}</p>" for f in report.findings) + "</div>")
    for heading, (about, results) in report.tables.items():
        parts.append(f"<h2>{escape(heading)}</h2><p class=lead>{escape(about)}</p>")
        parts.append(f"<div class=card>{html_table(results, report.reference)}</div>")
    if report.open_tables:
        for heading, rows in report.plain_tables.items():
            parts.append(f"<h2>{escape(heading)}</h2><div class=card>{plain_table(rows)}</div>")
    for picture, heading, caption in report.pictures:
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        image = f'<img alt="{escape(heading)}" src="data:image/png;base64,{data}">'
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(f"<div class=card><figure>{image}<figcaption>{escape(caption)}</figcaption></figure></div>")
    if not report.open_tables:
        for heading, rows in report.plain_tables.items():
            table = plain_table(rows)
            parts.append(f"<details class=card><summary>{escape(heading)}</summary>{table}</details>")
    words = "".join(f"<dt>{escape(m.replace('_', ' '))}</dt><dd>{escape(text)}</dd>" for m, text in METRICS.items())
    parts.append(f"<h2>What the columns mean</h2><div class=card><dl>{words}</dl></div>")
    facts = "".join(f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in report.facts.items())
    parts.append(f"<h2>How it was made</h2><div class=card><dl>{facts}</dl></div>")
    head = f"<meta charset=utf-8><title>{escape(report.title)}</title><style>{STYLE.read_text()}</style>"
    body = "\n".join(parts)
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>{body}</main></body></html>\n'
    path.write_text(page, encoding="utf-8")
    return path


def html_table(results: Results, reference: str) -> str:
    """The table of `text_table`, for the page."""
    rows = ["<tr>" + "".join(f"<th>{escape(title)}</th>" for title in _titles(reference)) + "</tr>"]
    for name in results:
        cells = _cells(results, name, reference)
        kind = cells[3] if cells[3] in ("better", "worse") else ""
        body = "".join(
            f'<td class="{kind if n == 3 else ""}">{_with_interval(cell)}</td>' for n, cell in enumerate(cells)
        )
        rows.append(f'<tr class="{"reference" if name == reference else ""}">{body}</tr>')
    return f"<table>{''.join(rows)}</table>"


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table of the page; the first one holds the titles."""
    head = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in rows[0]) + "</tr>"
    body = "".join("<tr>" + "".join(f"<td>{_with_interval(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table>{head}{body}</table>"


def _with_interval(cell: str) -> str:
    """The interval of a cell in small print."""
    mean, bracket, interval = cell.partition(" [")
    return f"{escape(mean)} <small>[{escape(interval)}</small>" if bracket else escape(mean)
