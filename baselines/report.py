"""Tables and one self-contained HTML page of an evaluation, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from baselines.evaluate import METRICS, Estimate, bootstrap, paired, verdict

COLUMNS = ("score", "mean_abs_inventory", "max_drawdown", "fills", "volume", "maker_share")
"""Metrics beside P&L in the tables."""

Results = Mapping[str, Mapping[str, np.ndarray]]
"""Policy -> metric -> float64 (world,)."""

STYLE = Path(__file__).with_name("report.css")


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


def finding(results: Results, name: str, reference: str, where: str) -> str:
    """One plain sentence: what the evaluation shows about `name` beside `reference`, also when that is nothing."""
    difference = paired(results, name, reference, "pnl")
    numbers = f"P&L {difference} ticks x lots a world, {len(results[name]['pnl'])} worlds, 95 % interval"
    said = verdict(difference)
    if said == "better":
        return f"On {where}, {name} beats {reference}: {numbers}."
    if said == "worse":
        return f"On {where}, {name} does NOT beat {reference}, it is worse: {numbers}."
    return f"On {where}, {name} is NOT shown to beat {reference}: {numbers} contains 0."


def text_table(results: Results, reference: str) -> str:
    """A table for a terminal: mean and 95 % interval over worlds; differences world by world."""
    header = ["policy", "P&L", f"minus {reference}", "", *(m.replace("_", " ") for m in COLUMNS)]
    rows = [header, *(_cells(results, name, reference) for name in results)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(header))]
    forms = [f"<{w}" if n in (0, 3) else f">{w}" for n, w in enumerate(widths)]
    lines = ["  ".join(format(cell, form) for cell, form in zip(row, forms)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _cells(results: Results, name: str, reference: str) -> list[str]:
    difference = paired(results, name, reference, "pnl")
    against = ["", ""] if name == reference else [str(difference), verdict(difference)]
    others = [_short(bootstrap(results[name][metric])) for metric in COLUMNS]
    return [name, str(bootstrap(results[name]["pnl"])), *against, *others]


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
    for picture, heading, caption in report.pictures:
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        image = f'<img alt="{escape(heading)}" src="data:image/png;base64,{data}">'
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(f"<div class=card><figure>{image}<figcaption>{escape(caption)}</figcaption></figure></div>")
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
    titles = ["policy", "P&L", f"minus {reference}", "", *(m.replace("_", " ") for m in COLUMNS)]
    rows = ["<tr>" + "".join(f"<th>{escape(t)}</th>" for t in titles) + "</tr>"]
    for name in results:
        cells = _cells(results, name, reference)
        shown = [
            escape(cells[0]),
            *(_with_interval(cell) for cell in cells[1:3]),
            escape(cells[3]),
            *map(escape, cells[4:]),
        ]
        mark = cells[3].split(" ")[0]
        classes = ["", "", "", mark if mark in ("better", "worse") else "", *[""] * len(COLUMNS)]
        body = "".join(f'<td class="{c}">{v}</td>' if c else f"<td>{v}</td>" for c, v in zip(classes, shown))
        rows.append(f'<tr class="{"reference" if name == reference else ""}">{body}</tr>')
    return f"<table>{''.join(rows)}</table>"


def _with_interval(cell: str) -> str:
    """The interval of a cell in small print."""
    mean, bracket, interval = cell.partition(" [")
    return f"{escape(mean)} <small>[{escape(interval)}</small>" if bracket else escape(mean)
