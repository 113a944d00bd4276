"""The report of a discovery: one self-contained HTML page of what its folder holds, and the same tables in Markdown."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from baselines.reports.page import STYLE, plain_table
from evolve.discovery import tables
from evolve.discovery.tables import Table

RULE = (
    "Robust, a rule that was stated beforehand: on the test worlds of every family, regimes that the search never saw "
    "included, the mean P&L is above 0 at 5 % (studentised bootstrap, the largest p-value of the families, Holm's "
    "correction for the number of alphas). Doing nothing earns 0."
)
PARTS = ("survival", "ablation", "planted", "null", "starts", "learning")
"""Files that may stand beside result.json."""


def read_parts(folder: Path) -> dict[str, Any]:
    """What a folder holds: name of a part -> plain values."""
    names = ("result", *PARTS)
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in names
            if (folder / f"{name}.json").is_file()}  # fmt: skip


def sections(parts: dict[str, Any]) -> list[tuple[str, str, Table]]:
    """(heading, what it says, table) in the order of the page."""
    found: list[tuple[str, str, Table]] = []
    if "result" in parts:
        result = parts["result"]
        found += [
            ("What was found", "Means over worlds in ticks x lots with 95 % bootstrap intervals. The control is random "
             "search of the same grammar with as many trials.", tables.alpha_table(result)),
            ("Formulas", "", tables.formula_table(result)),
            ("The search itself", "How much of the best result the number of trials explains.",
             tables.search_table(result)),
            ("Orders, fills, turnover", "On the test worlds, a session in the mean.", tables.activity_table(result)),
            ("The front", "Programs of the last population that no other one dominates, and their gap from training "
             "to test worlds of the same regimes.", tables.front_table(result)),
        ]  # fmt: skip
    if "survival" in parts:
        found += [
            ("Where it survives", "Share of the points of the grid at which the mean P&L is above 0 at 5 %.",
             tables.survival_summary(parts["survival"])),
            ("Survival, point by point", "The frozen alphas, the best program that the same search finds at the point, "
             "and doing nothing, on the same test worlds.", tables.survival_table(parts["survival"])),
        ]  # fmt: skip
    if "ablation" in parts:
        found.append(("Why backtests lie", "The same search in a market without some of its realism: what it promises "
                      "on validation worlds of that market, and what is left on test worlds of the true one.",
                      tables.ablation_table(parts["ablation"])))  # fmt: skip
    if "planted" in parts:
        found.append(("A planted pattern", "A market whose direction each world draws; the oracle knows it.",
                      tables.planted_table(parts["planted"])))  # fmt: skip
    if "null" in parts:
        found.append(("A fair game", "Searches where nothing can be earned.", tables.null_table(parts["null"])))
    if "starts" in parts:
        found.append(("Starting from a policy", "The search with and without a distilled policy among its first "
                      "programs, as many trials each.", tables.starts_table(parts["starts"])))  # fmt: skip
    if "learning" in parts:
        learned = parts["learning"]
        explained = ", ".join(f"{part} {share:.0%}" for part, share in learned["distilled"]["explained"].items())
        budget = f"{learned['frames']:,} frames a run, {learned['seeds']} seeds, {learned['worlds']} test worlds"
        clone = f"The plain PPO distilled: {learned['distilled']['formula']} (explained: {explained})"
        found += [
            ("Programs and PPO", f"{budget}; intervals over worlds and seeds. Programs' values are further "
             "observations; rivals trade in the same market.", tables.learning_table(learned)),
            ("Starting from PPO", f"{clone}. The search with and without it among its first programs.",
             tables.starts_table(learned["starts"])),
        ]  # fmt: skip
    return [section for section in found if section[2]]


def findings(parts: dict[str, Any]) -> list[str]:
    """The answers, one sentence each."""
    said = []
    if "result" in parts:
        found = parts["result"]["genetic"]
        robust = [row for row in found["alphas"] if row["robust"]]
        said.append(f"{len(robust)} of {len(found['alphas'])} alphas are robust, after {found['trials']} trials.")
        if not robust:
            said.append("Nothing robust was found; what the training worlds promised did not hold in every family.")
        if "random" in parts["result"]:
            control = [row for row in parts["result"]["random"]["alphas"] if row["robust"]]
            said.append(f"Random search of the same budget found {len(control)}.")
    if "planted" in parts:
        said.append(f"Of a planted pattern the search found {parts['planted']['genetic']['share']:.0%} of the oracle's "
                    f"profit, random search {parts['planted']['random']['share']:.0%}.")  # fmt: skip
    if "null" in parts:
        null = parts["null"]
        said.append(f"In a fair game {null['robust']} of {null['runs']} searches called something robust; up to "
                    f"{null['most']} were to be expected.")  # fmt: skip
    return said


def write_page(folder: Path) -> Path:
    """Write `report.html` and `tables.md` of a discovery's folder; returns the page's path."""
    parts = read_parts(folder)
    body = ["<h1>Discovery of alphas</h1>", f"<p class=lead>{escape(RULE)}</p>"]
    body.append('<div class="card finding">' + "".join(f"<p>{escape(s)}</p>" for s in findings(parts)) + "</div>")
    prose = [RULE, "", *(f"- {said}" for said in findings(parts)), ""]
    for heading, about, table in sections(parts):
        body.append(f"<h2>{escape(heading)}</h2><p class=lead>{escape(about)}</p>")
        body.append(f"<div class=card>{plain_table(table)}</div>")
        prose += [f"## {heading}", "", about, "", tables.markdown(table), ""]
    if "result" in parts:
        settings = json.dumps(parts["result"]["config"], indent=1)
        body.append(f"<h2>How it was made</h2><details class=card><summary>settings</summary><pre>{escape(settings)}"
                    "</pre></details>")  # fmt: skip
    head = f"<meta charset=utf-8><title>Discovery of alphas</title><style>{STYLE.read_text()}</style>"
    page = folder / "report.html"
    page.write_text(f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>{"".join(body)}</main></body>'
                    "</html>\n", encoding="utf-8")  # fmt: skip
    (folder / "tables.md").write_text("\n".join(prose), encoding="utf-8")
    return page
