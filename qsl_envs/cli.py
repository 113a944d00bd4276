"""The command `qsl`: finds the module of a subcommand, hands it its arguments, turns errors into exit codes.

A subcommand is a module with a docstring (its first line is the help), `add_arguments(parser)` and `run(args) -> int`.
Those of this package stand in `BUILT_IN`; packages above it bring theirs through the entry-point group `qsl.commands`.
Only the module that is asked for is imported.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from types import ModuleType

from qsl_envs.errors import MissingExtraError, QslError

BUILT_IN = {
    "match": "qsl_envs.engine.match_file",
    "data": "qsl_envs.replay.command",
    "realism": "qsl_envs.command_realism",
    "warmup": "qsl_envs.command_warmup",
    "list": "qsl_envs.command_list",
    "impact": "qsl_envs.command_impact",
    "theory": "qsl_envs.command_theory",
}
"""Subcommand -> module."""

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def commands() -> dict[str, str]:
    """Every subcommand that is installed: name -> module. A built-in name cannot be taken by an entry point."""
    points = metadata.entry_points(group="qsl.commands")
    found = {point.name: point.value for point in points if _source_of(point.value) is not None}
    return {**found, **BUILT_IN}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: the words after `qsl`; `sys.argv[1:]` when None.

    Returns:
        The exit code: 0 fine, 2 a mistake of the caller (message on stderr), 130 after Ctrl-C, 141 when the reader of
        stdout went away; else whatever the subcommand says.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    table = commands()
    try:
        name = _top_parser(table).parse_args(words[:1]).command
        return _run(name, table[name], words[1:])
    except SystemExit as stop:  # argparse has printed help or a usage error
        return stop.code if isinstance(stop.code, int) else EXIT_USAGE


def _run(name: str, module_name: str, words: Sequence[str]) -> int:
    try:
        module = _load(module_name)
        parser = argparse.ArgumentParser(
            prog=f"qsl {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(parser)
        code = module.run(parser.parse_args(words))
        sys.stdout.flush()
        return int(code or 0)
    except QslError as error:
        return _complain(name, str(error))
    except BrokenPipeError:
        # The reader has gone; what is still buffered must not be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(name, f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        print(f"qsl {name}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _complain(name: str, message: str) -> int:
    print(f"qsl {name}: {message}", file=sys.stderr)
    return EXIT_USAGE


def _top_parser(table: Mapping[str, str]) -> argparse.ArgumentParser:
    width = max(map(len, table))
    lines = [f"  {name:<{width}}  {_summary(module)}" for name, module in sorted(table.items())]
    parser = argparse.ArgumentParser(
        prog="qsl",
        usage="qsl [-h] [--version] command ...",
        description="Quant Sim Lab: trading agents on simulated and replayed exchanges.",
        epilog="\n".join(["commands:", *lines, "", "`qsl COMMAND --help` tells the rest."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument("command", choices=sorted(table), metavar="command", help="one of the commands below")
    return parser


def _version() -> str:
    import qsl_envs

    return f"quant-sim-lab {qsl_envs.__version__}"


def _source_of(module_name: str) -> Path | None:
    """The file of a module, found without importing it or its parents."""
    top, *rest = module_name.split(".")
    try:
        spec = util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *rest)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def _summary(module_name: str) -> str:
    """First line of the module's docstring, read from its source."""
    path = _source_of(module_name)
    doc = ast.get_docstring(ast.parse(path.read_bytes())) if path else None
    return doc.splitlines()[0] if doc else ""


def _load(module_name: str) -> ModuleType:
    """Import a subcommand; a package that is missing is reported with the extra that brings it."""
    try:
        return importlib.import_module(module_name)
    except MissingExtraError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = _extra_of(missing)
        if extra is None:
            raise
        raise MissingExtraError(
            f"{missing} is not installed; it comes with the extra [{extra}]: pip install 'quant-sim-lab[{extra}]'"
        ) from error


def _extra_of(module: str) -> str | None:
    """The extra of this distribution that requires `module`, if any."""
    try:
        requirements = metadata.requires("quant-sim-lab") or []
    except metadata.PackageNotFoundError:
        return None
    for requirement in requirements:
        parts = re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", requirement)
        if parts and parts[1].lower().replace("-", "_") == module.lower():
            return parts[2]
    return None


if __name__ == "__main__":
    sys.exit(main())
