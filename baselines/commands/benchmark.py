"""Run the benchmark, or what is missing of it, and write its page.

Environments x policies x training seeds x held-out worlds. What there is already is kept: a run that was killed is
taken up by the same command and gives the same table, whatever the number of workers.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl benchmark`."""
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--full",
        action="store_true",
        help="more frames, two seeds everywhere, shared markets too; not run by us: --plan says what it would take",
    )
    size.add_argument("--smoke", action="store_true", help="does it run? two seeds, a few frames, a few worlds")
    parser.add_argument("--envs", nargs="*", default=[], metavar="ENV_ID", help="only these environments")
    parser.add_argument(
        "--policies", nargs="*", default=[], metavar="NAME", help="only these scripted ones and learners"
    )
    parser.add_argument("--seeds", type=int, help="training seeds of a learner, in place of the budget's")
    parser.add_argument("--frames", type=int, help="of a training, in place of the budget's")
    parser.add_argument("--worlds", type=int, help="held-out worlds of a cell, in place of the budget's")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes (default 1); the result does not depend on it"
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="run the cells on a Ray cluster: auto, local, or host:port")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/agents"), help="folder for raw results")
    parser.add_argument("--page", type=Path, default=Path("docs/benchmarks.md"), help="page to rewrite")
    paper = Path("papers/first-benchmark.md")
    parser.add_argument("--paper", type=Path, default=paper, help="report for readers to rewrite")
    parser.add_argument(
        "--plan", action="store_true", help="run nothing: say what would be run, and for how long by what is stored"
    )
    parser.add_argument("--tables-only", action="store_true", help="run nothing: write the page from what there is")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl benchmark`."""
    from baselines.evaluation.summary import text_of
    from baselines.learning.run_files import ProgressLine
    from baselines.tables import page as benchmark_page
    from baselines.tables import paper as benchmark_paper
    from baselines.tables.benchmark import BUDGETS, CURVES, Store, plan, run_cells
    from baselines.tables.cells import Cell
    from baselines.tables.page import Tables, write_page
    from baselines.tables.times import plan_text
    from qsl_envs.errors import require

    require(args.workers >= 1, "benchmark", "--workers", ">= 1", args.workers)
    budget = BUDGETS["full" if args.full else "smoke" if args.smoke else "small"]
    cells = plan(budget, args.envs, args.policies, args.seeds, args.frames, args.worlds)
    if args.plan:
        store = Store(args.out)
        known = [Cell(**entry["cell"]) for entry in store.entries()]
        missing = [cell for cell in cells if not store.holds(cell)]
        print(plan_text(cells, missing, known, store.read(CURVES) if known else {}))
        return 0
    if not args.tables_only:
        run_cells(cells, args.out, args.workers, args.ray, ProgressLine())
    tables = Tables(Store(args.out))
    for place in tables.places:
        print(f"\n{place}\n\n{text_of(tables.rows(place), words=(0, 6, 8))}")
    if args.page.is_file():
        write_page(args.page, benchmark_page.bodies(tables, args.page.parent))
        print(f"\n{args.page} rewritten")
    if args.paper.is_file():
        write_page(args.paper, {**benchmark_paper.bodies(tables), "profile": benchmark_page.aggregate_text(tables)})
        print(f"{args.paper} rewritten")
    return 0
