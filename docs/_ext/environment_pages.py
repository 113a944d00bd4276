"""Writes one page per environment id: the docstring of its class is the page."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
RECORDED = {"realism_amzn": "AMZN, a day", "realism_msft": "MSFT, an hour"}
"""Table that `python -m benchmarks.realism` writes -> the recorded market that its distances are to."""


def page_of(entry) -> str:
    """Markdown of one environment's page."""
    module, name = entry.entry_point.split(":")
    text = inspect.getdoc(getattr(importlib.import_module(module), name))
    if not text:
        raise ValueError(f"{entry.entry_point} has no docstring, and the docstring is the page")
    made = f'import gymnasium as gym\nimport qsl_envs\n\nenv = gym.make("{entry.env_id}")'
    if not hasattr(entry, "vector_entry_point"):
        made = f'import qsl_envs\n\nenvs = qsl_envs.make_marl_vec("{entry.env_id}", num_envs=64)'
    text = with_scores(text, entry.env_id)
    return f"# {entry.env_id}\n\n```python\n{made}\n```\n\n{text}\n{realism_of(entry.env_id)}"


UNMEASURED = "None measured yet."


def with_scores(text: str, env_id: str) -> str:
    """A page with its reference scores, as `python -m benchmarks.reference_scores` measured them, at the end of their
    section."""
    from benchmarks.reference_scores import page_table

    table = page_table(env_id)
    head, title, rest = text.partition("## Version History")
    if not table or not title:
        return text
    return f"{head.replace(UNMEASURED, '').rstrip()}\n\n{table}\n\n{title}{rest}"


def realism_of(env_id: str, folder: Path = RESULTS) -> str:
    """Markdown of the default world's realism: a row of distances to each recorded market, beside the market's own
    halves; empty for a world that was not measured."""
    rows = []
    for name, title in RECORDED.items():
        path = folder / f"{name}.json"
        table = json.loads(path.read_text())["rows"] if path.is_file() else []
        worlds = {row["world"]: {key: cell for key, cell in row.items() if key != "world"} for row in table}
        if env_id in worlds:
            halves = next(iter(worlds))
            rows += [(f"this world to {title}", worlds[env_id]), (f"{title}: {halves}", worlds[halves])]
    if not rows:
        return ""
    names = list(rows[0][1])
    heads = [name for name, _ in rows]
    lines = ["| statistic | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    lines += [f"| `{name}` | " + " | ".join(cells[name] for _, cells in rows) + " |" for name in names]
    words = (
        "Distances of the default world, without its agents, to two recorded markets, and of each recorded market's "
        "first half to its second: L1 / Wasserstein-1 of each statistic ([what they are](../metrics.md)). By L1, 0 is "
        "equal and 2 has nothing in common."
    )
    return "\n".join(["", "## Realism", "", words, "", *lines, ""])


def write_pages(app) -> None:
    """Write `environments/*.md`; a page is touched only when it changes."""
    from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS

    folder = Path(app.srcdir) / "environments"
    folder.mkdir(exist_ok=True)
    names = []
    for entry in (*ENVIRONMENTS, *MARL_ENVIRONMENTS):
        name = entry.env_id.partition("/")[2]
        names.append(name)
        update(folder / f"{name}.md", page_of(entry))
    listing = "\n".join(names)
    update(folder / "index.md", f"# Environments\n\n```{{toctree}}\n:maxdepth: 1\n\n{listing}\n```\n")


def update(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def setup(app) -> dict:
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
