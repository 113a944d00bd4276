"""Run a model with known answers, and see theory and simulation side by side.

    qsl theory avellaneda-stoikov --gamma 0.5 --strategy symmetric
    qsl theory cont-stoikov-talreja --bid 3 --ask 2 --event fill --json

Each model prints what its formula is made of, the simulated figures with their standard errors, what theory says, and
a verdict. `qsl theory MODEL --help` lists the options; all have defaults.
"""

from __future__ import annotations

import argparse
import json

from qsl_envs.theory.models import MODELS, SEED, study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand a model, with its options, `--seed` and `--json`."""
    commands = parser.add_subparsers(dest="model", required=True, metavar="MODEL")
    for name, model in MODELS.items():
        about = f"{model.summary[0].upper()}{model.summary[1:]}.\n\n{model.source}."
        command = commands.add_parser(
            name, help=model.summary, description=about, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        for option in model.options:
            default = option.default
            written = ",".join(map(str, default)) if option.per_rate else default
            shown = "" if default is None else f" (default {written})"
            metavar = "|".join(option.choices) or ("X,X,..." if option.per_rate else "N" if _whole(default) else "X")
            command.add_argument(f"--{option.name}", dest=f"option_{option.dest}", metavar=metavar,
                                 help=f"{option.doc}{shown}".replace("%", "%%"))  # fmt: skip
        command.add_argument("--seed", default=0, metavar="N", help=f"{SEED.doc} (default 0)")
        command.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Study the model; 0, or 2 with a message that names a bad option."""
    given = {name.removeprefix("option_"): value for name, value in vars(args).items() if name.startswith("option_")}
    found = study(args.model, args.seed, **{name: value for name, value in given.items() if value is not None})
    if args.json:
        print(json.dumps(found.results, indent=2, allow_nan=False))
    else:
        print(found.text())
    return 0


def _whole(default: object) -> bool:
    return isinstance(default, int)
