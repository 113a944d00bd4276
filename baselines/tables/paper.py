"""What the benchmark's report for readers says of the results; its prose stands in the Markdown file itself."""

from __future__ import annotations

import numpy as np

import qsl_envs
from baselines.evaluation.summary import markdown_of
from baselines.evaluation.tasks import NOTHING
from baselines.intervals import paired_difference, verdict
from baselines.tables.benchmark import CURVES
from baselines.tables.cells import LEARNERS
from baselines.tables.page import Tables, seeds_text

SAID = {
    "better": "is better than",
    "worse": "is worse than",
    "no difference shown": "is not shown to differ from",
}


def bodies(tables: Tables) -> dict[str, str]:
    """Marker -> what stands there."""
    return {
        "method": method(tables),
        "findings": "\n".join(f"- {line}" for line in findings(tables)),
        "sections": "\n".join(section(tables, place) for place in tables.places),
    }


def method(tables: Tables) -> str:
    """How much was run."""
    learned = [cell for cell in tables.cells.values() if cell.learned]
    worlds = sorted({cell.worlds for cell in tables.cells.values()})
    commits = sorted({entry["commit"][:12] for entry in tables.entries if entry["commit"]})
    lines = [f"- quant-sim-lab {qsl_envs.__version__}, commits {', '.join(commits) or 'unknown'}"]
    lines.append(f"- {len(tables.places)} environments, {', '.join(map(str, worlds))} held-out worlds each")
    for name in tables.learners():
        of = [cell for cell in learned if cell.policy == name]
        said = []
        for frames in sorted({cell.frames for cell in of}, reverse=True):
            mine = [cell for cell in of if cell.frames == frames]
            seeds, places = max(cell.seed for cell in mine), len({cell.place for cell in mine})
            said.append(
                f"{_count(seeds, 'training seed')} of {frames / 1e6:g} M frames in {_count(places, 'environment')}"
            )
        lines.append(f"- {name}: {', '.join(said)}")
    return "\n".join(lines)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def findings(tables: Tables) -> list[str]:
    """One plain sentence for each learner and environment."""
    lines = []
    for place, groups in tables.places.items():
        reference = tables.reference(place)
        for name in tables.ordered(place):
            if name in LEARNERS and reference in groups:
                found = paired_difference(groups[name]["score"], groups[reference]["score"])
                lines.append(f"{place}: {name} {SAID[verdict(found)]} {reference} (difference {found}).")
        if reference != NOTHING and NOTHING in groups:
            found = paired_difference(groups[reference]["score"], groups[NOTHING]["score"])
            lines.append(f"{place}: {reference}, the best tuned one, {SAID[verdict(found)]} doing nothing ({found}).")
    return lines


def section(tables: Tables, place: str) -> str:
    """The table of one environment, its learners' seeds, and whether they were still learning."""
    rows = [row[:-1] for row in tables.rows(place)]
    said = [f(tables, place, n) for n in tables.ordered(place) if n in LEARNERS for f in (seeds_text, curve_text)]
    return f"### {place}\n\n{markdown_of(rows)}\n\n" + "\n".join(said) + "\n"


def curve_text(tables: Tables, place: str, name: str) -> str:
    """Return of training episodes in the third and in the last quarter of a training, mean over seeds."""
    curves = tables.store.read(CURVES)
    before, last = [], []
    for cell in tables.cells.values():
        if (cell.place, cell.policy) == (place, name) and cell.name in curves:
            returns = curves[cell.name]["return"]
            returns = returns[~np.isnan(returns)]
            quarter = max(1, len(returns) // 4)
            if len(returns) >= 4:
                before.append(returns[-2 * quarter : -quarter].mean())
                last.append(returns[-quarter:].mean())
    if not last:
        return f"{name}: too few episodes ended in training to say whether it was still rising."
    return (
        f"{name}: training episodes returned {np.mean(before):,.1f} in the third quarter of the training and "
        f"{np.mean(last):,.1f} in the last."
    )
