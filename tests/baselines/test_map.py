"""The map of the package in its docs names every module, in the folder where it is."""

from __future__ import annotations

import re
from pathlib import Path

import baselines

ROOT = Path(baselines.__file__).parent


def test_every_module_is_on_the_map_and_nothing_else():
    page = (ROOT.parent / "docs" / "baselines.md").read_text().split("## A map of the package")[1]
    named: dict[str, set[str]] = {}
    folder = ""
    for line in page.splitlines():
        cells = line.strip("|").split(" | ")
        if len(cells) != 3 or "`" not in cells[2] and "`" not in cells[0]:
            continue
        folder = cells[0].strip(" `/") or folder
        named.setdefault(folder, set()).update(re.findall(r"`([a-z0-9_]+)`", cells[2]))
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        names = found.setdefault(path.parent.relative_to(ROOT.parent).as_posix().removeprefix("baselines/"), set())
        names |= {path.stem} - {"__init__"}
    assert named == found
