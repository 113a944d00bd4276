"""Writes one page per environment id: the docstring of its class is the page."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path


def page_of(entry) -> str:
    """Markdown of one environment's page."""
    module, name = entry.entry_point.split(":")
    text = inspect.getdoc(getattr(importlib.import_module(module), name))
    if not text:
        raise ValueError(f"{entry.entry_point} has no docstring, and the docstring is the page")
    made = f'import gymnasium as gym\nimport qsl_envs\n\nenv = gym.make("{entry.env_id}")'
    if not hasattr(entry, "vector_entry_point"):
        made = f'import qsl_envs\n\nenvs = qsl_envs.make_marl_vec("{entry.env_id}", num_envs=64)'
    return f"# {entry.env_id}\n\n```python\n{made}\n```\n\n{text}\n"


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
