"""Search strategies, rewards or learners by evolution, beside a control of the same budget.

`qsl evolve skewed-maker` runs a spec that comes with the package (`--list` names them), `qsl evolve SPEC.yaml` one of
yours. The folder holds the spec, a checkpoint for `--resume`, every individual (lineage.csv), the champion, and a page.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl evolve`."""
    parser.add_argument("spec", nargs="?", help="a YAML file, or a spec that comes with the package")
    parser.add_argument("--preset", help="the same, by its name")
    parser.add_argument("--list", action="store_true", help="name the specs that come with the package")
    parser.add_argument("--method", help="nsga2, nsga3, cma, random or halving, in place of the spec's")
    parser.add_argument("--population", type=int, help="individuals of a generation, in place of the spec's")
    parser.add_argument("--generations", type=int, help="in place of the spec's")
    parser.add_argument("--seed", type=int, help="of the search, in place of the spec's")
    parser.add_argument("--workers", type=int, default=1, help="threads, or processes for agents; changes no result")
    parser.add_argument("--ray", metavar="ADDRESS", help="train agents on a Ray cluster: auto, local, or host:port")
    parser.add_argument("--memory-mb", type=float, default=256.0, help="results of one wave; changes no result")
    parser.add_argument("--control", default="random", help="random, halving or none: beside it, of the same budget")
    parser.add_argument("--out", type=Path, help="folder (default runs/evolve/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in the folder")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard events into the folder")
    parser.add_argument("--track", action="store_true", help="log to Weights & Biases")
    parser.add_argument("--wandb-project", default="quant-sim-lab", help="of a tracked search")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl evolve`."""
    from evolve.methods import METHODS
    from evolve.spec import presets, read_spec
    from qsl_envs.errors import require

    if args.list:
        for name in presets():
            print(f"{name:24} {read_spec(name).about}")
        return 0
    require((args.spec is None) != (args.preset is None), "evolve", "SPEC", "one: a file, or --preset NAME", args.spec)
    require(args.workers >= 1, "evolve", "--workers", ">= 1", args.workers)
    controls = ("none", "random", "halving")
    require(args.control in controls, "evolve", "--control", f"one of {', '.join(controls)}", args.control)
    known = ", ".join(METHODS)
    require(args.method is None or args.method in METHODS, "evolve", "--method", f"one of {known}", args.method)
    spec = read_spec(args.spec or args.preset)
    changes = {name: getattr(args, name) for name in ("method", "population", "generations", "seed")}
    spec = spec.with_search(**{name: value for name, value in changes.items() if value is not None})
    out = args.out or Path("runs") / "evolve" / spec.name
    return search(spec, out, args)


def search(spec: Any, out: Path, args: argparse.Namespace) -> int:
    """Run a spec and its control into a folder, and report."""
    import yaml

    from baselines.learning.run_files import commit
    from evolve.agents import AgentEvaluator
    from evolve.loop import Search
    from evolve.outcome import examine, table
    from evolve.report import sentences, write_lineage, write_page
    from evolve.spec import TEST

    out.mkdir(parents=True, exist_ok=True)
    (out / "spec.yaml").write_text(yaml.safe_dump(spec.to_dict(), sort_keys=False))
    means = {"workers": args.workers, "folder": out / "agents", "memory_mb": args.memory_mb, "ray_address": args.ray}
    evaluator = spec.evaluator(**means)
    name = spec.search.method
    main = Search(spec.search, evaluator, label=spec.label)
    searches = {name: main}
    go(main, out, args, name)
    control = "" if args.control in ("none", name) else args.control
    if control:
        beside = out / "control"
        beside.mkdir(exist_ok=True)
        other = spec.with_search(method=control)
        searches[control] = Search(other.search, evaluator, label=spec.label, reference=main.reference)
        go(searches[control], beside, args, control)
        write_lineage(beside / "lineage.csv", searches[control])
    evaluator.close()
    write_lineage(out / "lineage.csv", main)
    test = spec.evaluator(TEST, **means)
    found = {label: examine(label, one, test, main.reference) for label, one in searches.items()}
    test.close()
    rows = table(found, evaluator.names, control or name)
    champion = evaluator.genome.values(main.archive.genes[found[name].champion])
    (out / "champion.yaml").write_text(yaml.safe_dump(champion, sort_keys=False))
    if isinstance(evaluator, AgentEvaluator):
        policy = evaluator.policy_of(main.archive.genes[found[name].champion])
        shutil.copytree(policy, out / "policy", dirs_exist_ok=True)
    (out / "results.json").write_text(json.dumps({"spec": spec.name, "seed": spec.search.seed, "commit": commit(),
                                                  "champion": champion, "rows": rows}, indent=1) + "\n")  # fmt: skip
    facts = {"commit": commit(), "seed": str(spec.search.seed), "worlds of fitness": str(spec.worlds.count),
             "worlds of the test": str(spec.worlds.test_count)}  # fmt: skip
    page = write_page(out / "report.html", spec, searches, found, control, facts)
    for line in sentences(found, evaluator.names, control):
        print(line)
    print(f"champion by {evaluator.names[0]}: {champion}\n{page}")
    return 0


def go(search: Any, folder: Path, args: argparse.Namespace, name: str) -> None:
    """Run one search to its end, from its checkpoint where there is one and it is wanted."""
    from baselines.learning.run_files import Log, ProgressLine

    file = folder / "checkpoint.npz"
    if args.resume and file.is_file():
        search.load(file)
    settings = {"method": name, "tensorboard": args.tensorboard, "track": args.track,
                "wandb_project": args.wandb_project, "resume": args.resume}  # fmt: skip
    log, line = Log(settings, folder, search.rows), ProgressLine(f"{name:8} ")
    batches = search.method.num_batches

    def tell(row: dict[str, Any]) -> None:
        log.write(row)
        failed = f", {row['failed']} failed" if row["failed"] else ""
        words = f"generation {row['generation']} of {batches}, hypervolume {row['hypervolume']:.4g}{failed}"
        line(row["generation"] / batches, words)

    try:
        search.run(file, tell=tell)
    finally:
        log.close()
