"""List the environments and what each is about: those of one agent, the rungs of the front door, those of several."""

from __future__ import annotations

import argparse
import ast
import importlib.util
from pathlib import Path

from qsl_envs.front_door import LADDER
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    """Print one line per environment id."""
    rows = [(entry.env_id, task_of(entry.entry_point)) for entry in ENVIRONMENTS]
    rows += [(rung.env_id, f"{rung.base_id}: {rung.adds}") for rung in LADDER]
    rows += [(entry.env_id, f"{task_of(entry.entry_point)} (several agents)") for entry in MARL_ENVIRONMENTS]
    width = max(len(env_id) for env_id, _ in rows)
    for env_id, task in rows:
        print(f"{env_id:<{width}}  {task}")
    return 0


def task_of(entry_point: str) -> str:
    """First sentence of the page of an environment, "module:class"; read from its source, as an import compiles."""
    module, name = entry_point.split(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return entry_point
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    page = next(
        (ast.get_docstring(node) for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), ""
    )
    return (page or entry_point).partition("\n")[0].rstrip(".")
