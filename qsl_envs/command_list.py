"""List the environments and where each one lives."""

from __future__ import annotations

import argparse

from qsl_envs.registration import ENVIRONMENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    """Print one line per environment id."""
    width = max(len(entry.env_id) for entry in ENVIRONMENTS)
    for entry in ENVIRONMENTS:
        print(f"{entry.env_id:<{width}}  {entry.entry_point}")
    return 0
