"""Self-play: leagues on the full book, and games with known equilibria.

    qsl league run --preset makers
    qsl league run --config my-league.yaml --out runs/mine --tensorboard
    qsl league run --out runs/mine --resume
    qsl league game dealers
    qsl league game race --prize 8 --runs 20

`run` trains a league of main agents and exploiters, or PSRO, on a multi-agent environment, and judges what came of it:
later against earlier agents, a fresh exploiter's gain, markets with populations that training never met. `game`
computes the equilibria of a small market game exactly, lets every kind of learner play it, and shows how far from
equilibrium each ends.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from qsl_envs.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Subcommands `run` and `game`."""
    commands = parser.add_subparsers(dest="league_command", required=True, metavar="COMMAND")
    about = "train a league or PSRO on the full book, and judge it"
    league = commands.add_parser("run", help=about, description=about, allow_abbrev=False)
    source = league.add_mutually_exclusive_group()
    source.add_argument(
        "--preset", metavar="NAME", help="settings that come with the package: makers (the default), ..."
    )
    source.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML: see leagues/training_config.py")
    league.add_argument("--method", choices=("league", "psro"), help="in place of the settings' own")
    league.add_argument("--seed", type=int, metavar="N", help="in place of the settings' own")
    league.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default runs/league/NAME-SEED)")
    league.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    league.add_argument("--tensorboard", action="store_true", help="write TensorBoard events into the folder")
    league.add_argument("--track", action="store_true", help="log to Weights & Biases")
    league.add_argument("--wandb-project", default="quant-sim-lab", metavar="NAME", help="project of a tracked run")
    about = "learners against the exact equilibria of a small market game"
    game = commands.add_parser("game", help=about, description=about, allow_abbrev=False)
    _add_games(game)


def _add_games(parser: argparse.ArgumentParser) -> None:
    from leagues.games import GAMES

    names = parser.add_subparsers(dest="game", required=True, metavar="GAME")
    for name, kind in GAMES.items():
        text = (kind.__doc__ or "").split("\n\n")[0]
        command = names.add_parser(name, help=text, description=kind.__doc__, allow_abbrev=False,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
        for field in dataclasses.fields(kind):
            command.add_argument(f"--{field.name}", type=type(field.default), default=field.default, metavar="X",
                                 help=f"default {field.default}")  # fmt: skip
        command.add_argument("--runs", type=int, default=10, metavar="N", help="markets of each learner that draws")
        command.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default 0)")
        command.add_argument("--share", type=float, default=0.25, metavar="X",
                             help="of the full number of rounds (default 0.25: half a minute)")  # fmt: skip
        command.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    return train(args) if args.league_command == "run" else play(args)


def train(args: argparse.Namespace) -> int:
    """`qsl league run`: trains, judges, prints the report."""
    from leagues.training import train
    from leagues.training_config import load_config

    if args.resume and args.preset is None and args.config is None:
        if args.out is None:
            raise ConfigError("--resume needs --out: the folder of the run, or the settings that it was started with")
        args.config = args.out / "config.yaml"
    preset = None if args.config is not None else args.preset or "makers"
    config = load_config(preset, args.config, method=args.method, seed=args.seed)
    out = args.out or Path("runs") / "league" / f"{config.name}-{config.seed}"
    train(config, out, resume=args.resume, tensorboard=args.tensorboard, track=args.track,
          wandb_project=args.wandb_project)  # fmt: skip
    print(f"\n{(out / 'report.md').read_text()}\nwritten to {out}")
    return 0


def play(args: argparse.Namespace) -> int:
    """`qsl league game`: the oracle's equilibria, then one line a learner as it finishes."""
    from leagues.games import GAMES
    from leagues.learners import study

    kind = GAMES[args.game]
    game = kind(**{field.name: getattr(args, field.name) for field in dataclasses.fields(kind)})
    low, high = game.nash_measure()
    found: dict[str, Any] = {
        "game": args.game, "settings": dataclasses.asdict(game), "measure": game.measure_name,
        "equilibria": [mixture.tolist() for mixture in game.equilibria], "nash_measure": [low, high], "learners": [],
    }  # fmt: skip
    if not args.json:
        print(f"{game}\nSymmetric equilibria (weights of the actions 0 to {game.num_actions - 1}):")
        for mixture in game.equilibria:
            print("  " + " ".join(f"{weight:.3f}" for weight in mixture))
        print(f"{game.measure_name}, in equilibrium: {low:g}" + (f" to {high:g}" if high - low > 1e-9 else ""))
        print(f"\n{'learner':<24}{'rounds':>9}{'exploitability':>16}{'measure':>9}{'above Nash':>12}{'payoff':>9}")
    for studied in study(game, args.runs, args.seed, args.share):
        ends = [marks[-1] for marks in studied.marks]
        mean = [sum(column) / len(ends) for column in zip(*ends)]
        runs = [[mark._asdict() for mark in marks] for marks in studied.marks]
        found["learners"].append({"learner": studied.learner, "runs": runs})
        if not args.json:
            rounds, exploitability, measure, above, welfare = mean
            print(f"{studied.learner:<24}{rounds:>9,.0f}{exploitability:>16.4f}{measure:>9.3f}{above:>+12.3f}"
                  f"{welfare:>9.3f}", flush=True)  # fmt: skip
    if args.json:
        print(json.dumps(found, indent=2))
    return 0
