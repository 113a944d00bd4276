"""The benchmark's page, its pictures and the report for people: everything comes from the stored results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from baselines.benchmark import CURVES, Store
from baselines.cells import LEARNERS, Cell
from baselines.intervals import Estimate, bootstrap, iqm, performance_profile, probability_of_improvement
from baselines.summary import difference_cells, markdown_of, normalised_cell
from baselines.tasks import NOTHING, Task

BEGIN, END = "<!-- benchmark:{} begin -->", "<!-- benchmark:{} end -->"
PICTURES = {
    "tables": ("benchmark-curves.png", "Learning curves of every training seed; dashed: the best scripted policy"),
    "profile": ("benchmark-profiles.png", "Performance profiles: share of runs above a normalised score"),
}
"""Section -> its picture and what it shows."""
EFFECTS = (
    ("start from a clone", "PPO from clone", "PPO"),
    ("correct the formula", "PPO residual", "PPO"),
    ("easy markets first", "PPO residual with curriculum", "PPO residual"),
)
"""What is done differently, the learner that does it, the learner that differs in nothing else of weight."""
REALISM = "table:realism_amzn"
"""Name of the table in docs/metrics.md whose rows say how far a world is from a recorded day."""

Groups = dict[str, dict[str, np.ndarray]]


class Tables:
    """Stored results, put together: place -> policy -> metric -> float64 (seed, world).

    Args:
        store: with results.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.entries = store.entries()
        found = store.read()
        self.cells = {entry["name"]: Cell(**entry["cell"]) for entry in self.entries}
        self.hashes = {self.cells[entry["name"]].place: entry["config_hash"] for entry in self.entries}
        self.places: dict[str, Groups] = {}
        for name, cell in sorted(self.cells.items(), key=lambda item: (item[1].place, item[1].policy, item[1].seed)):
            group = self.places.setdefault(cell.place, {}).setdefault(cell.policy, {})
            for metric, values in found[name].items():
                group[metric] = np.vstack([group[metric], values]) if metric in group else values[None]

    def task(self, place: str) -> Task:
        """The environment of a place."""
        return next(cell.task for cell in self.cells.values() if cell.place == place)

    def reference(self, place: str) -> str:
        """The best tuned scripted policy where tuning was done, else do nothing; chosen before any of these worlds."""
        best = self.task(place).best_scripted()
        return best if best in self.places[place] else NOTHING

    def ordered(self, place: str) -> list[str]:
        """Learners first, then by mean score."""
        groups = self.places[place]
        return sorted(groups, key=lambda name: (name not in LEARNERS, -np.nanmean(groups[name]["score"])))

    def rows(self, place: str) -> list[list[str]]:
        """The table of one place, titles first."""
        groups, reference = self.places[place], self.reference(place)
        rows = [["policy", "seeds x frames", "score", "IQM", "normalised", f"minus {reference}", "", "P&L", "cell"]]
        for name in self.ordered(place):
            score = groups[name]["score"]
            of = [cell for cell in self.cells.values() if cell.place == place and cell.policy == name]
            spent = f"{len(of)} x {of[0].frames / 1e6:g} M" if of[0].learned else ""
            against = ["", ""] if name == reference else difference_cells(score, groups[reference]["score"])
            rows.append(
                [name, spent, str(bootstrap(score)), f"{iqm(score):,.1f}", normalised_cell(groups, name, reference),
                 *against, str(bootstrap(groups[name]["pnl"])), f"`{of[0].group}`"]
            )  # fmt: skip
        return rows

    def learners(self) -> list[str]:
        """Learners that there are results of."""
        return [name for name in LEARNERS if any(name in groups for groups in self.places.values())]


def write_page(page: Path, bodies: Mapping[str, str]) -> None:
    """Rewrite what stands between the markers of a page.

    Args:
        bodies: name of a marker -> text.
    Raises: ValueError if the page lacks one of them.
    """
    text = page.read_text(encoding="utf-8")
    for name, body in bodies.items():
        begin, end = BEGIN.format(name), END.format(name)
        if begin not in text or end not in text:
            raise ValueError(f"{page} has no markers {begin} ... {end}")
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{body}\n{end}{rest.partition(end)[2]}"
    page.write_text(text, encoding="utf-8")


def bodies(tables: Tables, docs: Path, images: str = "images") -> dict[str, str]:
    """What the docs' page says: marker -> text; its pictures are drawn into `images/` beside it.

    Args:
        docs: folder of the page; its `metrics.md` has the realism rows.
        images: the pictures' folder, as seen from where the text will stand.
    """
    drawn = {path.name for path in draw(docs / "images", tables)}
    texts = {"tables": tables_text(tables, docs), "effects": effects_text(tables), "profile": aggregate_text(tables)}
    for name, (file, words) in PICTURES.items():
        if file in drawn:
            texts[name] += f"\n![{words}]({images}/{file})\n"
    return texts


def tables_text(tables: Tables, docs: Path) -> str:
    """A section for each place: what was run, the table, the realism of its worlds."""
    parts = []
    for place in tables.places:
        groups = tables.places[place]
        worlds = next(iter(groups.values()))["score"].shape[1]
        env_id = tables.task(place).env_id
        parts.append(f"### {place}\n")
        said = [f"{worlds} held-out worlds (split `test`), config hash `{tables.hashes[place][:12]}`."]
        said += [seeds_text(tables, place, name) for name in tables.ordered(place) if name in LEARNERS]
        parts.append("\n".join(said) + "\n\n" + markdown_of(tables.rows(place)) + "\n")
        realism = realism_rows(docs / "metrics.md", env_id)
        if realism:
            parts.append(
                "How far these worlds are from a recorded day (L1 / Wasserstein-1, see [metrics](metrics.md)):\n"
            )
            parts.append(markdown_of(realism) + "\n")
    return "\n".join(parts)


def seeds_text(tables: Tables, place: str, name: str) -> str:
    """Mean score of each training seed of a learner, and who they beat."""
    score = tables.places[place][name]["score"]
    means = ", ".join(f"{value:,.1f}" for value in np.nanmean(score, 1))
    return f"{name} by training seed: {means}."


def realism_rows(page: Path, env_id: str) -> list[list[str]]:
    """Titles and the row of an environment from the realism table of the metrics page; empty where there is none."""
    if not page.is_file():
        return []
    table = page.read_text(encoding="utf-8").partition(f"<!-- {REALISM} begin -->")[2].partition("<!-- ")[0]
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if "|" in line]
    mine = [row for row in rows if row[0] == env_id]
    return [rows[0], *mine] if mine else []


def aggregate_text(tables: Tables) -> str:
    """Probability that a learner's run beats the best scripted one, over the environments where it was trained."""
    rows = [["learner", "environments", "probability of improvement over the best scripted policy"]]
    for name in tables.learners():
        places = [
            place for place, groups in tables.places.items() if name in groups and tables.reference(place) != NOTHING
        ]
        if not places:
            continue
        mine = {place: tables.places[place][name]["score"] for place in places}
        theirs = {place: tables.places[place][tables.reference(place)]["score"] for place in places}
        found = probability_of_improvement(mine, theirs)
        rows.append([name, str(len(places)), f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"])
    return markdown_of(rows) + "\n" if len(rows) > 1 else "No learner has been run beside a tuned policy yet.\n"


def effects_text(tables: Tables) -> str:
    """What ways of starting bring: differences in score between two learners, world by world, place by place."""
    rows = [["", *(f"{what}: {mine} minus {theirs}" for what, mine, theirs in EFFECTS)]]
    for place, groups in tables.places.items():
        cells = []
        for _, mine, theirs in EFFECTS:
            both = mine in groups and theirs in groups
            cells.append(" ".join(difference_cells(groups[mine]["score"], groups[theirs]["score"])) if both else "")
        if any(cells):
            rows.append([place, *cells])
    return markdown_of(rows) + "\n" if len(rows) > 1 else "No two learners to compare yet.\n"


def normalised_scores(tables: Tables) -> dict[str, dict[str, np.ndarray]]:
    """Policy -> place -> score of every run where 0 is doing nothing and 1 the best scripted policy's mean.

    Places on which the best scripted policy is not shown to beat doing nothing have no scale and are left out.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for place, groups in tables.places.items():
        reference = tables.reference(place)
        if not normalised_cell(groups, reference, reference):
            continue
        zero = np.nanmean(groups[NOTHING]["score"])
        length = np.nanmean(groups[reference]["score"]) - zero
        for name in (*tables.learners(), reference):
            if name in groups:
                label = "best scripted" if name == reference else name
                found.setdefault(label, {})[place] = (groups[name]["score"] - zero) / length
    return found


def draw(folder: Path, tables: Tables) -> list[Path]:
    """Performance profiles and learning curves, as PNG files in a folder."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from baselines.pictures import STYLE, colors, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    scores = normalised_scores(tables)
    color = colors(list(scores))
    if scores:
        with rc_context(STYLE):
            figure = Figure(figsize=(8, 3.8))
            axes = figure.subplots()
            thresholds = np.linspace(-1, 4, 251)
            for name, by_place in scores.items():
                axes.plot(thresholds, performance_profile(by_place, thresholds), color=color[name], label=name, lw=2)
            axes.axvline(1, color="#aab3bd", lw=1)
            axes.set(xlabel="normalised score of a world", ylabel="share of runs above", xlim=(-1, 4), ylim=(0, 1))
            axes.set_title("Performance profiles")
            axes.legend(loc="upper right")
            drawn.append(save_figure(figure, folder / "benchmark-profiles.png"))
    curves = tables.store.read(CURVES)
    places = [place for place, groups in tables.places.items() if any(name in LEARNERS for name in groups)]
    if places:
        with rc_context(STYLE):
            figure = Figure(figsize=(11, 2.9 * ((len(places) + 1) // 2)))
            panels = figure.subplots((len(places) + 1) // 2, 2, squeeze=False).ravel()
            for axes, place in zip(panels, places):
                _curves(axes, tables, curves, place, colors(tables.learners()))
            for axes in panels[len(places) :]:
                axes.set_visible(False)
            figure.subplots_adjust(hspace=0.5, wspace=0.2)
            drawn.append(save_figure(figure, folder / "benchmark-curves.png"))
    return drawn


def _curves(axes: Any, tables: Tables, curves: Mapping[str, Mapping[str, np.ndarray]], place: str,
            color: Mapping[str, str]) -> None:  # fmt: skip
    """Return of training episodes of every seed, smoothed; dashed: the best scripted policy on held-out worlds."""
    for cell in sorted(tables.cells.values(), key=lambda cell: cell.name):
        if cell.place == place and cell.learned and cell.name in curves:
            curve = curves[cell.name]
            known = ~np.isnan(curve["return"])
            frames, returns = curve["frames"][known] / 1e6, curve["return"][known]
            width = max(1, len(returns) // 20)
            if len(returns) > width:
                smooth = np.convolve(returns, np.ones(width) / width, "valid")
                label = cell.policy if cell.seed == 1 else None
                axes.plot(frames[width - 1 :], smooth, color=color[cell.policy], lw=1.3, alpha=0.9, label=label)
    reference = tables.reference(place)
    axes.axhline(np.nanmean(tables.places[place][reference]["score"]), color="#1d2733", lw=1.1, ls=(0, (5, 3)))
    axes.set_title(place)
    axes.set(xlabel="frames, millions", ylabel="return of an episode")
    axes.legend(loc="lower right")


def inside(tables: Tables, cell: Cell, score: np.ndarray) -> tuple[Estimate, float, bool]:
    """A cell's interval over worlds and all its seeds, the mean of another run of it, and whether that is inside."""
    found = bootstrap(tables.places[cell.place][cell.policy]["score"])
    mean = float(np.nanmean(score))
    return found, mean, found.low <= mean <= found.high


def parse_cell(tables: Tables, name: str) -> Cell:
    """The stored cell of a name, `PLACE/POLICY` or `PLACE/POLICY/SEED`; without a seed the first.

    Raises: ValueError naming those that there are.
    """
    wanted = re.sub(r"/$", "", name)
    mine = [cell for cell in tables.cells.values() if wanted in (cell.name, cell.group)]
    if not mine:
        groups = sorted({cell.group for cell in tables.cells.values()})
        raise ValueError(f"{name} is no cell of this benchmark; they are {', '.join(groups)}")
    return min(mine, key=lambda cell: cell.seed)
