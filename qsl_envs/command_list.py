"""List the environments and where each one lives: those of one agent, the rungs of the front door, those of several."""

from __future__ import annotations

import argparse

from qsl_envs.front_door import LADDER
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    """Print one line per environment id."""
    rows = [(entry.env_id, entry.entry_point) for entry in ENVIRONMENTS]
    rows += [(rung.env_id, f"{rung.base_id}: {rung.adds}") for rung in LADDER]
    rows += [(entry.env_id, f"{entry.entry_point} (several agents)") for entry in MARL_ENVIRONMENTS]
    width = max(len(env_id) for env_id, _ in rows)
    for env_id, place in rows:
        print(f"{env_id:<{width}}  {place}")
    return 0
