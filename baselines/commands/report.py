"""Make one self-contained HTML page of what `qsl evaluate --out DIR` or `qsl demo` wrote."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl report`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with results.parquet and about.json")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from baselines.evaluation.results import read_results
    from baselines.reports.page import Report, write_report

    groups, about = read_results(args.folder)
    pictures = draw_all(args.folder, groups)
    reference = about["reference"]
    place = about["env_id"] + (f" ({about['role']})" if about.get("role") else "")
    names = {"scores": "Scores", "metrics": "All metrics, means", "costs": "What trading costs"}
    facts = {
        "environment": place,
        "settings": str(about["options"] or "its own"),
        "config hash": about["config_hash"],
        "worlds": f"{about['worlds']} of split {about['split']}",
        "policies": ", ".join(about["policies"]),
        "version": f"quant-sim-lab {about['version']} {about['commit'][:12]}",
    }
    report = Report(
        title=f"Policies on {place}",
        lead=f"{about['worlds']} held-out worlds (split {about['split']}), each run once to its end, the same for all. "
        "Brackets are 95 % bootstrap intervals over worlds and training seeds.",
        findings=findings_of(groups, reference),
        tables={},
        reference=reference,
        pictures=pictures,
        facts=facts,
        plain_tables={names[key]: rows for key, rows in about["tables"].items() if rows},
        open_tables=True,
    )
    print(f"Report: {write_report(args.folder / PAGE, report)}")
    return 0


def findings_of(groups: Mapping[str, Mapping[str, Any]], reference: str) -> list[str]:
    """One plain sentence a policy: what its difference from the reference allows to say."""
    from baselines.evaluation.tasks import NOTHING
    from baselines.intervals import paired_difference, verdict

    said = {
        "better": "beats",
        "worse": "does NOT beat, and is worse than,",
        "no difference shown": "is NOT shown to beat",
    }
    lines = []
    for name, group in groups.items():
        if name not in (reference, NOTHING):
            found = paired_difference(group["score"], groups[reference]["score"])
            lines.append(f"{name} {said[verdict(found)]} {reference}: difference of scores {found}.")
    return lines or [f"Nothing is compared with {reference}."]


def draw_all(folder: Path, groups: Mapping[str, Mapping[str, Any]]) -> list[tuple[Path, str, str]]:
    """Pictures of results, as (file, heading, caption)."""
    import numpy as np

    from baselines.reports.pictures import draw_results
    from baselines.reports.pictures_costs import HORIZONS, draw_distribution, draw_markouts

    by_world = {name: {metric: values.mean(0) for metric, values in group.items()} for name, group in groups.items()}
    pictures = [
        (
            draw_results(folder / "scores.png", {"Score": by_world}, "score", "score of a world"),
            "Results by world",
            "A dot is a world (mean over training seeds); the ring is the mean, the bar its 95 % interval over worlds.",
        )
    ]
    known = {name: r for name, r in by_world.items() if not np.isnan(r["pnl"]).all()}
    if known:
        pictures.append(
            (
                draw_distribution(folder / "pnl.png", {"P&L": known}, "pnl", "P&L of a world, ticks x lots"),
                "How P&L is spread over worlds",
                "The shape is how often a result came; ring and bar are the mean and its 95 % interval.",
            )
        )
    traded = [name for name, r in by_world.items() if any(h in r and not np.isnan(r[h]).all() for h in HORIZONS)]
    if traded:
        pictures.append(
            (
                draw_markouts(folder / "markouts.png", by_world, traded),
                "Markouts",
                "What a lot is worth some time after its fill, against its price.",
            )
        )
    return pictures
