"""Play a tournament between agents in shared markets, rate them and write a report.

What is played stands in a YAML file, or is a season that comes with the package. A tournament that was stopped goes on
where it was when the same command is given again; one that is finished is only reported anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

SEASONS = Path(__file__).parent / "seasons"


def seasons() -> dict[str, Path]:
    """Seasons that come with the package: name -> file."""
    return {path.stem: path for path in sorted(SEASONS.glob("*.yaml"))}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="tournament as YAML, see docs/leagues.md")
    what.add_argument("--season", metavar="NAME", choices=sorted(seasons()), help=f"one of {', '.join(seasons())}")
    parser.add_argument("--out", type=Path, help="folder of the log and the report (default: runs/tournament/NAME)")
    parser.add_argument("--workers", type=int, default=1, help="processes; the log does not depend on it (default: 1)")
    parser.add_argument("--ray", metavar="ADDRESS", help="play on a Ray cluster: auto, local, or host:port")
    train = "first train the agents of a season anew, into OUT, and play with these"
    parser.add_argument("--train", action="store_true", help=train)
    parser.add_argument("--worlds", type=int, help="worlds of each group, in place of what the file says")
    parser.add_argument(
        "--trust", action="store_true", help="let code run that players name or bring (pickles, classes)"
    )
    parser.add_argument("--page", type=Path, action="append", help="also rewrite what is between its markers on a page")
    parser.add_argument("--images", type=Path, default=Path("docs/images"), help="folder of that page's pictures")
    parser.add_argument("--no-report", action="store_true", help="the match log alone, no tables and pictures")


def run(args: argparse.Namespace) -> int:
    """Play, rate, report."""
    import dataclasses

    from baselines.learning.run_files import ProgressLine
    from leagues.tournament import run_tournament
    from leagues.tournament_config import load_tournament

    file = seasons()[args.season] if args.season else args.file
    config = load_tournament(file)
    if args.worlds is not None:
        contests = tuple(dataclasses.replace(contest, worlds=args.worlds) for contest in config.contests)
        config = dataclasses.replace(config, contests=contests)
    out = args.out or Path("runs", "tournament", config.name)
    if args.train:
        from leagues.schooling import train_agents

        config = train_agents(config, out)
    log = run_tournament(config, out, args.workers, args.trust, ProgressLine(f"{config.name} "), args.ray)
    print(f"{log.num_rows:,} matches in {out / 'matches.parquet'}")
    if not args.no_report:
        from leagues.report import rate, write_report

        contests = rate(out, config)
        for line in write_report(out, config, contests):
            print(line)
        if args.page:
            from leagues.publish import publish

            command = f"qsl tournament {f'--season {args.season}' if args.season else file.name}"
            for page in args.page:
                publish(page, config.name, command, contests, out, args.images)
    return 0
