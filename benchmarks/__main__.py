"""Run every benchmark of this folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.report import Measure, main


def all_tables() -> dict[str, Measure]:
    """Table name -> function, from every module of the folder that has `TABLES`."""
    tables: dict[str, Measure] = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        tables.update(getattr(importlib.import_module(f"benchmarks.{path.stem}"), "TABLES", {}))
    return tables


if __name__ == "__main__":
    sys.exit(main(all_tables()))
