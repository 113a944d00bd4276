"""Run policies on held-out worlds and compare them with the baselines.

A policy is the folder of a saved one, or the name of a scripted one (`qsl evaluate ENV_ID` lists the names). Several
`--policy` of one name, or `LABEL=FOLDER` of one label, are training seeds of one policy: intervals are then over worlds
and seeds. Do nothing and the best tuned scripted policy run on the same worlds; differences are taken world by world.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl evaluate`."""
    parser.add_argument("env_id", metavar="ENV_ID", help="environment, as qsl/MarketMaking-v0; `qsl list` lists them")
    parser.add_argument("--role", help="where several agents act: whose first seat; the others are residents")
    parser.add_argument("--policy", action="append", default=[], metavar="[LABEL=]P", help="folder or scripted name")
    parser.add_argument("--worlds", type=int, default=256, help="worlds, each run once to its end (default 256)")
    parser.add_argument("--split", default="test", help="family of worlds (default test)")
    parser.add_argument("--options", default="{}", help="keyword arguments of the environment, as JSON")
    parser.add_argument("--record", action="store_true", help="record the runs: markouts, queues, order statistics")
    parser.add_argument("--costs", action="store_true", help="capacity, and sensitivity to fees and impact (recorded)")
    parser.add_argument("--trust", action="store_true", help="load pickled policies: runs code of their authors")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="threads of the environment")
    parser.add_argument("--out", type=Path, help="folder for results.parquet, pictures and what `qsl report` reads")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl evaluate`."""
    from baselines.evaluate import METRICS, RECORDED
    from baselines.evaluation.summary import metric_rows, score_rows, text_of
    from baselines.evaluation.tasks import NOTHING, Task, read_words, run_all, with_references
    from baselines.learning.run_files import ProgressLine
    from baselines.policies.library import names_for
    from qsl_envs.errors import require
    from qsl_envs.settings import json_mapping

    require(args.worlds >= 2, "evaluate", "--worlds", ">= 2", args.worlds)
    task = Task(args.env_id, args.role, json_mapping("evaluate", "--options", args.options), args.threads)
    if not args.policy:
        print(f"scripted policies of {task.env_id}: {', '.join(names_for(task.env_id, task.role))}")
        return 0
    policies = with_references(task, read_words(task, args.policy, args.trust))
    groups = run_all(task, policies, task.worlds(args.worlds, args.split), ProgressLine(), args.record)
    reference = task.best_scripted()
    reference = NOTHING if reference is None else reference
    print(f"\n{task.env_id}{f' ({task.role})' if task.shared else ''}, {args.worlds} worlds of split {args.split};"
          " mean [95 % bootstrap interval over worlds and training seeds]\n")  # fmt: skip
    scores = score_rows(groups, reference)
    print(text_of(scores, words=(0, 6)) + "\n")
    metrics = metric_rows(groups, list(dict.fromkeys([*METRICS, *RECORDED])))
    print(text_of(metrics))
    costs = cost_table(task, args) if args.costs else None
    if costs:
        print("\n" + text_of(costs, words=(0, 1)))
    if args.out:
        save(args, task, groups, reference, {"scores": scores, "metrics": metrics, "costs": costs})
        print(f"\nWritten to {args.out}; `qsl report {args.out}` makes a page of it")
    return 0


def cost_table(task: Any, args: argparse.Namespace) -> list[list[str]] | None:
    """Rows of the honest-cost report; None where the environment has no market."""
    from baselines.evaluation.costs import cost_rows, is_tradable
    from baselines.evaluation.tasks import read_words
    from baselines.learning.run_files import ProgressLine

    if not is_tradable(task):
        return None
    worlds = min(args.worlds, 64)
    return cost_rows(task, lambda changed: read_words(changed, args.policy, args.trust), worlds, ProgressLine())


def save(args: argparse.Namespace, task: Any, groups: Any, reference: str, tables: dict[str, Any]) -> None:
    """Parquet, what it is of, and pictures."""
    import qsl_envs
    from baselines.commands.report import draw_all
    from baselines.evaluation.results import write_results
    from baselines.learning.run_files import commit
    from baselines.portable import hash_of

    envs = task.make(1, args.split)
    about = {
        "env_id": task.env_id, "role": task.role, "split": args.split, "worlds": args.worlds, "reference": reference,
        "options": task.options, "config_hash": hash_of(getattr(envs, "inner", envs)),
        "policies": args.policy, "version": qsl_envs.__version__, "commit": commit(), "tables": tables,
    }  # fmt: skip
    envs.close()
    write_results(args.out, groups, about)
    draw_all(args.out, groups)
