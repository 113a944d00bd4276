"""Search for programs that trade, and say honestly what they are worth.

A search on training worlds, its control (random search with as many trials), finalists on validation worlds, then one
look at test worlds. The folder holds every trial, the alphas as YAML and as policies, `result.json`, and the page
`report.html`.
`--with` adds studies: where the alphas survive, why backtests lie, a planted pattern, a fair game.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from qsl_envs.errors import ConfigError

STUDIES = ("survival", "ablation", "planted", "null", "starts", "learning")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl discover`."""
    parser.add_argument("--preset", default="quick", help="smoke, quick, standard, long, or a YAML file of settings")
    parser.add_argument("--kind", help="maker or taker, in place of the preset's")
    parser.add_argument("--population", type=int, help="programs of a generation, in place of the preset's")
    parser.add_argument("--generations", type=int, help="in place of the preset's")
    parser.add_argument("--seed", type=int, help="of the search, in place of the preset's")
    off = "what the search does without: latency, queue, fees, impact; `off`: all of them"
    parser.add_argument("--realism", default="", metavar="NAME=off,...", help=off)
    start = "an alpha (YAML, JSON), or a policy's folder to distill: among the first programs"
    parser.add_argument("--start", type=Path, action="append", default=[], metavar="P", help=start)
    parser.add_argument("--with", dest="studies", nargs="*", default=[], choices=STUDIES, help="studies beside it")
    parser.add_argument("--runs", type=int, default=400, help="searches of the fair game (default 400)")
    parser.add_argument("--frames", type=int, default=300_000, help="of each training run of `learning`")
    grid = "points of `survival` as YAML: see evolve.discovery.survival.Grid (default: 16 points)"
    parser.add_argument("--grid", type=Path, metavar="FILE", help=grid)
    parser.add_argument("--only", action="store_true", help="the studies alone, with the alphas that the folder has")
    parser.add_argument("--out", type=Path, default=Path("runs/discover"), help="folder (default runs/discover)")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's checkpoint")
    parser.add_argument("--threads", type=int, default=1, help="that share the trials; no result depends on them")
    parser.add_argument("--check", type=Path, metavar="FILE", help="read an alpha, print its program, and stop")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl discover`."""
    from evolve.alpha import Alpha

    if args.check:
        alpha = Alpha.load(args.check)
        print(f"{alpha}\n{alpha.program()}")
        return 0
    from baselines.learning.run_files import ProgressLine
    from evolve.discovery import tables
    from evolve.discovery.discover import discover
    from evolve.discovery.page import read_parts, write_page
    from evolve.policy import save_alphas

    config = settings_of(args)
    args.out.mkdir(parents=True, exist_ok=True)
    starts = [read_start(path, config) for path in args.start]
    if args.only:
        alphas = [Alpha.load(path) for path in sorted(args.out.glob("alpha_*.yaml"))]
        if not alphas and {"survival", "learning"} & set(args.studies):
            raise ConfigError(f"{args.out} has no alpha_1.yaml: run a search into it first")
    else:
        alphas = discover(config, folder=args.out, resume=args.resume, starts=starts,
                          tell=ProgressLine("searching ")).alphas  # fmt: skip
        save_alphas(args.out, alphas)
    for name in args.studies:
        found = study(name, config, alphas, starts, args, ProgressLine(f"{name} "))
        (args.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    page, parts = write_page(args.out), read_parts(args.out)
    if "result" in parts and not args.only:
        for table in (tables.formula_table(parts["result"]), tables.alpha_table(parts["result"])):
            print("\n" + tables.text(table))
    print(f"\n{page}")
    return 0


def settings_of(args: argparse.Namespace) -> Any:
    """The settings that the words ask for. Raises: ConfigError."""
    from dataclasses import replace

    from evolve.discovery.discover import DiscoverConfig
    from evolve.discovery.presets import PRESETS
    from qsl_envs.envs.realism import REALISM
    from qsl_envs.settings import load_yaml

    if args.preset in PRESETS:
        config = PRESETS[args.preset]
    elif args.preset.endswith((".yaml", ".yml")):
        config = load_yaml(DiscoverConfig, args.preset)
    else:
        raise ConfigError(f"--preset must be a YAML file or one of {', '.join(PRESETS)}, was {args.preset!r}")
    changes = {name: getattr(args, name) for name in ("kind", "population", "generations", "seed")}
    search = replace(config.search, **{name: value for name, value in changes.items() if value is not None})
    without = tuple(REALISM) if args.realism == "off" else tuple(_switched_off(args.realism))
    return replace(config, search=search, without=without or config.without, threads=args.threads)


def _switched_off(words: str) -> list[str]:
    found = []
    for word in filter(None, words.split(",")):
        name, _, state = word.partition("=")
        if state not in ("on", "off"):
            raise ConfigError(f"--realism must be `off`, or NAME=off with commas between, was {words!r}")
        if state == "off":
            found.append(name)
    return found


def read_start(path: Path, config: Any) -> Any:
    """An alpha from a file, or distilled from a policy's folder. Raises: ConfigError, DataError."""
    from evolve.alpha import Alpha

    if not path.is_dir():
        return Alpha.load(path)
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode

    import qsl_envs  # noqa: F401  registers the environments
    from baselines.portable import load_policy
    from evolve.distill import distill

    envs = gym.make_vec("qsl/MarketMaking-v0", num_envs=32, split="train", autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        found = distill(load_policy(path, envs), envs, settings=config.search.trade)
    finally:
        envs.close()
    told = ", ".join(f"{part} {share:.0%}" for part, share in found.explained.items())
    print(f"{path} distilled: {found.alpha} (explained: {told})")
    return found.alpha


def study(name: str, config: Any, alphas: list[Any], starts: list[Any], args: argparse.Namespace, tell: Any) -> Any:
    """One of `STUDIES`, in plain values."""
    from evolve.discovery.discover import ablation, compare_starts
    from evolve.discovery.fair_game import fair_game
    from evolve.discovery.planted import planted
    from evolve.discovery.survival import Grid, survival
    from qsl_envs.settings import load_yaml

    if name == "survival":
        return survival(alphas, config, load_yaml(Grid, args.grid) if args.grid else Grid(), tell)
    if name == "ablation":
        return ablation(config, tell)
    if name == "planted":
        return planted(seed=config.search.seed, tell=tell)
    if name == "learning":
        from evolve.discovery.learning import learning

        return learning(alphas, config, frames=args.frames, tell=tell)
    if name == "starts":
        if not starts:
            raise ConfigError("the study `starts` compares a search with and without --start: name one")
        return compare_starts(config, starts, tell)
    return fair_game(args.runs, seed=config.search.seed, tell=tell)
