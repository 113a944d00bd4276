"""Train a cell of the published benchmark again, and say whether it falls inside the published interval."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl reproduce`."""
    parser.add_argument(
        "cell", metavar="CELL", help="as the page names it: MarketMaking-v0/PPO, or .../PPO/2 for a seed"
    )
    parser.add_argument("--seed", type=int, help="another training seed than the published ones")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/agents"), help="published results")


def run(args: argparse.Namespace) -> int:
    """0: inside the interval; 1: outside."""
    import numpy as np

    from baselines.tables.benchmark import Store
    from baselines.tables.cells import run_cell
    from baselines.tables.page import Tables, inside, parse_cell
    from qsl_envs.errors import ConfigError

    store = Store(args.results)
    tables = Tables(store)
    try:
        published = parse_cell(tables, args.cell)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    cell = published if args.seed is None else replace(published, seed=args.seed)
    print(f"running {cell.name}: {cell.frames:,} frames, {cell.worlds} held-out worlds", flush=True)
    outcome = run_cell(cell)
    score = outcome.metrics["score"]
    of = next(entry for entry in store.entries() if entry["name"] == published.name)
    if outcome.config_hash != of["config_hash"]:
        print("the environment's settings are not those of the publication: its defaults have changed since")
    interval, mean, holds = inside(tables, published, score)
    print(f"published, over worlds and training seeds: {interval}; here: {mean:,.3f}")
    if args.seed is None:
        before = store.read()[published.name]["score"]
        same = np.array_equal(before, score)
        print(
            "the same to the bit, world by world"
            if same
            else "not the same to the bit: another kind of machine, or code"
        )
    print("inside the interval" if holds else "OUTSIDE the interval")
    return 0 if holds else 1
