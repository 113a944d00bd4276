"""Check a file of historical market data, or write a synthetic day to try things on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from qsl_envs.errors import DataError

TYPES = {
    "1": "new limit orders",
    "2": "partial cancels",
    "3": "deletions",
    "4": "executions of visible orders",
    "5": "executions of hidden orders",
    "6": "cross trades",
    "7": "halt markers",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check MESSAGE_FILE [--json]` and `sample DIR`."""
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="replay a LOBSTER day through the engine and report what its files can and cannot tell",
        description="Read a LOBSTER message file and the book file beside it (plain or gzip), replay them through the "
        "matching engine, and report. Without a book file the book's figures are left out.",
    )
    check.add_argument(
        "message_file", type=Path, metavar="MESSAGE_FILE", help="TICKER_DATE_START_END_message_LEVEL.csv[.gz]"
    )
    check.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    sample = commands.add_parser(
        "sample",
        help="write the packaged synthetic day as LOBSTER files",
        description="Write the synthetic day that comes with the package: a message file and a book file of 10 levels.",
    )
    sample.add_argument("folder", type=Path, metavar="DIR", help="made if it does not exist")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; 0, or 2 with a message when a file cannot be read."""
    if args.data_command == "sample":
        from qsl_envs.replay.samples import write_sample

        for path in write_sample(args.folder):
            print(path)
        return 0
    from qsl_envs.replay.check import check_file
    from qsl_envs.replay.lobster import book_path

    if not args.message_file.is_file():
        raise DataError(f"{args.message_file}: no such file")
    report = check_file(args.message_file)
    if args.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        print(_describe(report, args.message_file, book_path(args.message_file)))
    return 0


def _describe(report, message_path: Path, book: Path | None) -> str:
    """The report as a table for people."""
    lines = [
        f"messages   {message_path}",
        f"book       {book if book is not None else 'no book file beside it'}",
        "",
        f"{'rows':<44}{report.rows:>12,}",
    ]
    for kind, count in report.counts.items():
        if count:
            lines.append(f"  {kind} {TYPES[kind]:<40}{count:>12,}")
    lines.append(f"{'visible volume (lots)':<44}{report.visible_volume:>12,}")
    lines.append(f"{'hidden volume (lots)':<44}{report.hidden_volume:>12,}")
    if report.corrections is None:
        return "\n".join([*lines, "", "replayed from the messages alone; nothing to compare with"])
    lines += [
        "",
        f"{'rows that obey the one-step rule':<44}{report.one_step_share:>12.4%}",
        f"{'best quotes right without correction':<44}{report.free_run_best_share:>12.4%}",
        "with correction: equal to the book file after every time stamp",
        "rows that needed a correction, by cause",
    ]
    for cause, count in report.corrections.items():
        lines.append(f"  {cause.replace('_', ' '):<42}{count:>12,}")
    return "\n".join(lines)
