"""Measure the impact of an order on a flow, on paired worlds.

The same worlds are run with and without an order that is sliced into single lots: five sizes, three durations. Printed
are the impact, the exponent of its law in the size with a bootstrap interval, its path and its decay.
"""

from __future__ import annotations

import argparse
import json

from qsl_envs.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl impact`."""
    parser.add_argument("model", metavar="MODEL", help="poisson, cst, hawkes or queue-reactive")
    parser.add_argument("--sizes", type=_numbers(int), metavar="LOTS", help="rising, commas between (2,4,8,16,32)")
    parser.add_argument("--durations", type=_numbers(float), metavar="S", help="seconds, commas between (2,8,32)")
    parser.add_argument("--worlds", type=int, metavar="N", help="paired worlds (64)")
    parser.add_argument("--seed", type=int, metavar="S", help="of the first world (0)")
    parser.add_argument("--not-reactive", action="store_true", help="a flow that does not see the agent's orders")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from qsl_envs.flow.kinds import FLOWS
    from qsl_envs.impact.law import as_text, summarize
    from qsl_envs.impact.study import measure, with_options

    if args.model.replace("-", "_") not in FLOWS:
        known = ", ".join(name.replace("_", "-") for name in FLOWS)
        raise ConfigError(f"MODEL must be one of {known}, was {args.model!r}")
    study = with_options(args.model, sizes=args.sizes, durations_s=args.durations, worlds=args.worlds, seed=args.seed,
                         reactive=not args.not_reactive)  # fmt: skip
    found = summarize(measure(study))
    print(json.dumps(_plain(found), indent=2) if args.json else as_text(found))
    return 0


def _numbers(kind):
    def parse(text: str):
        return tuple(kind(part) for part in text.split(","))

    parse.__name__ = f"list of {kind.__name__}"
    return parse


def _plain(value):
    """NaN as null: JSON has no word for it."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and value != value else value
