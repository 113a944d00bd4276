"""What the benchmarks share: a clock, rows, the machine's name, and tables that are written nowhere by hand.

A benchmark file maps table names to functions and ends with two lines:

    TABLES = {"engine": measure_engine}            # measure(smoke: bool) -> list[Row]

    if __name__ == "__main__":
        main(TABLES)

`main` prints each table, writes `benchmarks/results/NAME.json` and replaces what stands between
`<!-- table:NAME begin -->` and `<!-- table:NAME end -->` in the README and the docs. With `--smoke` it measures
something tiny and writes nothing; `make test` does that with every benchmark, so that none rots.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NAMED_VERSIONS = ("numba", "numpy", "gymnasium")

Measure = Callable[[bool], "list[Row]"]


class Row(dict):
    """One line of a table: columns in the order they are given. All rows of a table have the same ones."""

    def __init__(self, **columns: Any) -> None:
        super().__init__(columns)


@contextmanager
def clock():
    """Wall time of a block: `with clock() as t: ...`, then `t.seconds`."""
    taken = SimpleNamespace(seconds=float("nan"))
    start = time.perf_counter_ns()
    try:
        yield taken
    finally:
        taken.seconds = (time.perf_counter_ns() - start) / 1e9


def main(tables: Mapping[str, Measure], argv: Sequence[str] | None = None) -> int:
    """Measure, print and publish each table; the command line of a benchmark file."""
    parser = argparse.ArgumentParser(description=getattr(sys.modules["__main__"], "__doc__", None))
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, and nothing is written")
    parser.add_argument("--dry", action="store_true", help="full sizes, and nothing is written")
    parser.add_argument("--only", metavar="WORD", default="", help="only tables whose name contains this")
    args = parser.parse_args(argv)
    for name, measure in tables.items():
        if args.only not in name:
            continue
        before = load()
        rows = measure(args.smoke)
        if not rows:
            print(f"\n{name}: nothing to measure here; the published table stays", flush=True)
            continue
        result = {"name": name, "machine": machine(), "load": [before, load()], "rows": rows}
        print(f"\n{name}\n{render(result)}", flush=True)
        if not (args.smoke or args.dry):
            publish(result)
    return 0


def publish(result: Mapping[str, Any], root: Path = ROOT) -> list[Path]:
    """Write the result's JSON and its table into every page that has its markers; return the pages."""
    folder = root / "benchmarks" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{result['name']}.json").write_text(json.dumps(result, indent=1) + "\n")
    changed = []
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if page.is_file() and "_build" not in page.parts and replace_table(page, result["name"], render(result)):
            changed.append(page)
    return changed


def replace_table(page: Path, name: str, table: str, kind: str = "table") -> bool:
    """Put `table` between the markers of `name`; False if the page has none.

    Args:
        kind: first word of the markers; `table` is for those of `TABLES`.
    """
    begin, end = f"<!-- {kind}:{name} begin -->", f"<!-- {kind}:{name} end -->"
    text = page.read_text()
    if begin not in text:
        return False
    head, _, rest = text.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{page}: {begin} without {end}")
    page.write_text(f"{head}{begin}\n{table}\n{end}{tail}")
    return True


def render(result: Mapping[str, Any]) -> str:
    """Markdown of a result: the table, and a line that says where and when it was measured."""
    rows = result["rows"]
    columns = list(rows[0])
    for row in rows:
        if list(row) != columns:
            raise ValueError(f"{result['name']}: a row has the columns {list(row)}, the first has {columns}")
    lines = [[column.replace("_", " ") for column in columns]]
    lines += [[figure(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    body = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in ruled
    )
    about = result["machine"]
    where = ", ".join(f"{key} {value}" if key not in ("cpu", "date") else value for key, value in about.items())
    load_before, load_after = result["load"]
    return f"{body}\n\n{where}; load average {load_before} before, {load_after} after"


def figure(value: Any) -> str:
    """A number as a table shows it: whole numbers in groups of three, others with three significant digits."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def machine() -> dict[str, str]:
    """Commit, date, processor, cores and versions."""
    versions = {name: metadata.version(name) for name in NAMED_VERSIONS}
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        **versions,
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d"),
    }


def load() -> float | None:
    """One-minute load average, None where the system has none. A figure from a busy machine is no figure."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str:
    run = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout.strip() or "unknown"
