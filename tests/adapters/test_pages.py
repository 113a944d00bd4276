"""The examples of the how-to pages run as they stand; those of libraries that are not here are skipped."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "how-to"
PAGES = (
    "add-a-participant.md",
    "add-an-environment.md",
    "come-from-elsewhere.md",
    "use-a-learner.md",
    "draw-a-market.md",
    "use-pettingzoo.md",
)
OPTIONAL = ("stable_baselines3", "torchrl", "ray.rllib")
BLOCKS = [
    pytest.param(block, id=f"{page.partition('.')[0]}-{n}")
    for page in PAGES
    for n, block in enumerate(re.findall(r"```python\n(.*?)```", (FOLDER / page).read_text(), re.DOTALL))
]


@pytest.mark.compiled
@pytest.mark.parametrize("block", BLOCKS)
def test_example(block, tmp_path, monkeypatch):
    for name in OPTIONAL:
        if re.search(rf"^(?:from|import) {re.escape(name)}\b", block, re.MULTILINE):
            pytest.importorskip(name, exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "example.py"
    path.write_text(block)
    runpy.run_path(str(path), run_name="example")  # from a file: kernels are compiled from one


def test_every_page_has_examples():
    assert len(BLOCKS) >= len(PAGES) + 4
