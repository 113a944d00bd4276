"""The map of the package in its docs names every module."""

from __future__ import annotations

import re
from pathlib import Path

import baselines

ROOT = Path(baselines.__file__).parent


def test_every_module_is_on_the_map_and_nothing_else():
    page = (ROOT.parent / "docs" / "baselines.md").read_text().split("## A map of the package")[1]
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`" in line]
    named = set(re.findall(r"`([a-z0-9_]+)`", " ".join(rows)))
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}
    assert modules <= named, sorted(modules - named)
    assert named - modules <= {path.stem for path in (ROOT / "policies").glob("*.py")}
