"""What a search leaves behind for people: lineage, champion, pictures of fronts and volumes, one HTML page."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evolve.archive import NO_PARENT
from evolve.loop import Search
from evolve.outcome import Found, difference, table
from evolve.page import Page

if TYPE_CHECKING:
    from evolve.spec import EvolveSpec

DIGITS = 9


def write_lineage(file: Path, search: Search) -> Path:
    """Every individual as a line of CSV: number, generation, origin, parents, effort, genes, objectives, metrics, and
    why it failed.
    """
    archive, genome = search.archive, search.evaluator.genome
    names = [gene.name for gene in genome.genes]
    columns = genome.columns(archive.genes) if len(archive) else {name: [] for name in names}
    with open(file, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        objectives = [f"objective: {name}" for name in search.evaluator.names]
        writer.writerow(["number", "generation", "origin", "parent", "other_parent", "effort", *names, *objectives,
                         *archive.metric_names, "reason"])  # fmt: skip
        for n in range(len(archive)):
            lines = ["" if parent == NO_PARENT else int(parent) for parent in archive.parents[n]]
            genes = [_figure(columns[name][n]) for name in names]
            numbers = [_figure(value) for value in (*archive.objectives[n], *archive.metrics[n])]
            writer.writerow([n, int(archive.generation[n]), archive.origins[n], *lines, _figure(archive.effort[n]),
                             *genes, *numbers, archive.reasons[n]])  # fmt: skip
    return file


def _figure(value: Any) -> str:
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    return "" if np.isnan(value) else f"{value:.{DIGITS}g}"


def ancestors(search: Search, number: int) -> list[int]:
    """An individual and those that it comes from along the first parents, the youngest first."""
    line = [number]
    while (parent := int(search.archive.parents[line[-1], 0])) != NO_PARENT:
        line.append(parent)
    return line


def draw_front(file: Path, searches: Mapping[str, Search], found: Mapping[str, Found], names: tuple[str, ...]) -> Path:
    """All individuals, the fronts as they were seen, and what became of their members on the worlds of the test."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from baselines.reports.pictures import OTHER_COLORS, STYLE

    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.8), layout="constrained")
        axes = figure.subplots()
        for color, (name, search) in zip(OTHER_COLORS, searches.items()):
            archive, one = search.archive, found[name]
            full = archive.sound(np.flatnonzero(archive.effort == 1.0))
            second = 1 if len(names) > 1 else 0
            x, y = archive.objectives[full, 0], archive.objectives[full, second] if second else archive.generation[full]
            axes.scatter(x, y, s=4, color=color, alpha=0.18, linewidths=0)
            seen, tested = one.objectives, one.tested
            seen_y = seen[:, second] if second else archive.generation[one.numbers]
            tested_y = tested[:, second] if second else seen_y
            axes.scatter(seen[:, 0], seen_y, s=26, color=color, label=f"{name}: front")
            axes.scatter(tested[:, 0], tested_y, s=26, facecolors="none", edgecolors=color, label="on test worlds")
            for a, b, c, d in zip(seen[:, 0], seen_y, tested[:, 0], tested_y):
                axes.plot([a, c], [b, d], color=color, linewidth=0.6, alpha=0.5)
            if len(full):  # the few that are far off would make the rest a point
                axes.set_xlim(*_span(axes.get_xlim(), np.concatenate([x, tested[:, 0]])))
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1] if len(names) > 1 else "generation")
        axes.legend()
        figure.savefig(file)
    return file


def _span(now: tuple[float, float], values: np.ndarray) -> tuple[float, float]:
    """Limits that hold all but the outermost 2 % of the values on either side."""
    low, high = np.nanpercentile(values, [2, 100])
    margin = 0.05 * max(high - low, 1e-9)
    return max(now[0], low - margin), min(now[1], high + margin)


def draw_volume(file: Path, searches: Mapping[str, Search]) -> Path:
    """Hypervolume of the front so far against full evaluations spent."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from baselines.reports.pictures import OTHER_COLORS, STYLE

    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.6), layout="constrained")
        axes = figure.subplots()
        for color, (name, search) in zip(OTHER_COLORS, searches.items()):
            spent = np.bincount(search.archive.generation, search.archive.effort, len(search.history)).cumsum()
            axes.step(spent, search.history, where="post", color=color, label=name)
        axes.set_xlabel("full evaluations")
        axes.set_ylabel("hypervolume")
        axes.legend()
        figure.savefig(file)
    return file


def write_page(file: Path, spec: EvolveSpec, searches: Mapping[str, Search], found: Mapping[str, Found],
               control: str, facts: Mapping[str, str]) -> Path:  # fmt: skip
    """The page of a search beside its control, pictures in the same folder."""
    import yaml

    names = next(iter(searches.values())).evaluator.names
    name = next(iter(found))
    first = found[name]
    page = Page(f"Search: {spec.name}", spec.about or "A search over genomes.")
    page.findings(sentences(found, names, control))
    about = "Hypervolumes have one reference point. On test worlds: the same members where no search has been."
    page.table("The same budget, the same worlds", about, table(found, names, control or name))
    page.picture(draw_volume(file.with_name("hypervolume.png"), searches), "How fast", "Of the front found so far.")
    caption = "Dots: everybody tried in full. Full circles: the front as it was seen; hollow ones: on test worlds."
    page.picture(draw_front(file.with_name("front.png"), searches, found, names), "The front", caption)
    genome, archive = searches[name].evaluator.genome, searches[name].archive
    rows: list[dict[str, str]] = []
    for place, number in enumerate(first.numbers.tolist()):
        row = {"number": str(number), "generation": str(archive.generation[number])}
        row |= {gene: _short(value) for gene, value in genome.values(archive.genes[number]).items()}
        for k, objective in enumerate(names):
            row |= {
                objective: _short(first.objectives[place, k]),
                f"{objective} (test)": _short(first.tested[place, k]),
            }
        rows.append(row)
    page.table("Members of the front", "Spread evenly along it.", rows)
    line = ancestors(searches[name], first.champion)
    page.text("Where the champion comes from",
              "\n".join(f"{number} (generation {archive.generation[number]}, {archive.origins[number]}): "
                        f"{', '.join(f'{n} {_short(v)}' for n, v in zip(names, archive.objectives[number]))}"
                        for number in line))  # fmt: skip
    failed = [(n, reason) for n, reason in enumerate(archive.reasons) if reason]
    if failed:
        page.table("Individuals that could not be evaluated", f"{len(failed)} of {len(archive)}; the first twenty.",
                   [{"number": n, "reason": reason} for n, reason in failed[:20]])  # fmt: skip
    page.text("The spec", yaml.safe_dump(spec.to_dict(), sort_keys=False))
    page.table("How it was made", "", [{"what": key, "": value} for key, value in facts.items()])
    return page.write(file)


def sentences(found: Mapping[str, Found], names: tuple[str, ...], control: str) -> list[str]:
    """The answers in plain words, also when they are that nothing was gained."""
    from baselines.intervals import verdict

    name = next(iter(found))
    first = found[name]
    said = []
    if control and control != name:
        other, pnl = found[control], difference(found, name, control)
        more = "more" if first.tested_volume > other.tested_volume else "NOT more"
        said.append(
            f"On test worlds the front of {name} covers {first.tested_volume:.4g}, {more} than that of {control} "
            f"with the same budget: {other.tested_volume:.4g}."
        )
        words = {"better": "earns more", "worse": "earns LESS", "no difference shown": "is NOT shown to earn more"}
        said.append(f"Its champion by {names[0]} {words[verdict(pnl)]} than {control}'s: {pnl} ticks x lots a session "
                    f"(95 % interval, {len(first.pnl)} worlds).")  # fmt: skip
    gaps = ", ".join(f"{n} {gap:+.4g}" for n, gap in zip(names, first.gap))
    said.append(f"From the worlds of fitness to those of the test the front moved by {gaps} in the mean.")
    return said


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
