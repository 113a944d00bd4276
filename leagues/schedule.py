"""Who meets whom: line-ups from a list of contestants, or from any graph of matches."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from qsl_envs.errors import require

Names = tuple[str, ...]


def round_robin(players: Sequence[str], at_once: int = 2, selves: bool = True) -> list[Names]:
    """Every group of `at_once` different players, once.

    Args:
        selves: each player alone with itself as well: what it earns where all do as it does.
    """
    players = list(players)
    require(len(set(players)) == len(players), "round_robin", "players", "different", players)
    require(1 <= at_once <= len(players), "round_robin", "at_once", f"in [1, {len(players)} players]", at_once)
    alone = [(name,) for name in players]
    groups = list(itertools.combinations(players, at_once))
    return groups if at_once == 1 or not selves else [*alone, *groups]


def graph(edges: Sequence[Sequence[str]], players: Sequence[str]) -> list[Names]:
    """Any list of groups. Raises: ConfigError for a name that is no contestant, or a group without names."""
    for edge in edges:
        require(len(edge) > 0, "graph", "line_ups", "groups of at least one player", edge)
        for name in edge:
            require(name in players, "graph", "line_ups", f"of {', '.join(players)}", name)
    return [tuple(edge) for edge in edges]


def line_up(
    group: Sequence[str], role: str, seats: Mapping[str, int], background: Mapping[str, Sequence[str]]
) -> dict[str, Names]:
    """Seats of all roles: the group takes those of its role in turn, a background population those of the others.

    Args:
        group: contestants; with fewer than there are seats they sit there more than once, a b a b.
        background: role -> names, in turn.
    Raises: ConfigError for a role that there is not, too many contestants, a role without players.
    """
    require(role in seats, "line-up", "role", f"one of {', '.join(seats)}", role)
    require(len(group) <= seats[role], "line-up", role, f"at most {seats[role]} players, one a seat", list(group))
    filled: dict[str, Names] = {}
    for name, count in seats.items():
        source = tuple(group) if name == role else tuple(background.get(name, ()))
        require(len(source) > 0, "line-up", name, "played by somebody: background players are missing", source)
        filled[name] = tuple(source[k % len(source)] for k in range(count))
    return filled
