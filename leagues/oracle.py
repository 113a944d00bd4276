"""Equilibria of small symmetric games by exact arithmetic. Shares no code with solvers and learners.

Nothing here iterates towards an answer or rounds: payoffs are fractions, dominated actions are struck out, and the
equations of every possible support are solved by elimination.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from qsl_envs.errors import require

MAX_ACTIONS = 13
"""Actions that may be left after the dominated ones are struck out: their supports are all tried."""

Table = list[list[Fraction]]


class ExactGame(Protocol):
    """What the oracle asks of a game."""

    @property
    def num_players(self) -> int:
        """Players."""

    @property
    def num_actions(self) -> int:
        """Actions of each."""

    def pay(self, profile: Sequence[int]) -> tuple[Fraction, ...]:
        """Expected payoff of each player."""


def symmetric_equilibria(game: ExactGame) -> list[tuple[Fraction, ...]]:
    """Symmetric equilibria, one weight per action: pure ones first, then by size of support.

    Of two players: all of them, a whole segment or face of equilibria by its corners. Of more players: the pure ones.

    Raises: ConfigError if there is no pure one among more than two players, or too many actions are left to try.
    """
    actions = range(game.num_actions)
    if game.num_players > 2:
        found = [tuple(Fraction(int(a == action)) for a in actions) for action in pure_equilibria(game)]
        require(bool(found), "oracle", "game", "of two players, or with a pure symmetric equilibrium", game)
        return found
    pay = [[game.pay((own, other))[0] for other in actions] for own in actions]
    left = undominated(pay)
    require(len(left) <= MAX_ACTIONS, "oracle", "undominated actions", f"at most {MAX_ACTIONS}", len(left))
    kept: dict[tuple[Fraction, ...], None] = {}
    for size in range(1, len(left) + 1):
        for support in itertools.combinations(left, size):
            for weights in balanced(pay, support, [a for a in left if a not in support]):
                mixture = [Fraction(0)] * len(actions)
                for action, weight in zip(support, weights):
                    mixture[action] = weight
                values = [sum(p * x for p, x in zip(row, mixture)) for row in pay]
                if max(values) == values[support[0]]:
                    kept[tuple(mixture)] = None
    return list(kept)


def pure_equilibria(game: ExactGame) -> list[int]:
    """Actions from which nobody gains by leaving, while all others take them."""
    found = []
    for action in range(game.num_actions):
        others = (action,) * (game.num_players - 1)
        stays = game.pay((action, *others))[0]
        if all(game.pay((own, *others))[0] <= stays for own in range(game.num_actions)):
            found.append(action)
    return found


def undominated(pay: Table) -> list[int]:
    """Actions that no other action beats whatever the opponent does, struck out again and again.

    No equilibrium gives weight to the others.
    """
    left = list(range(len(pay)))
    while True:
        kept = [a for a in left if not any(all(pay[b][o] > pay[a][o] for o in left) for b in left if b != a)]
        if len(kept) == len(left):
            return left
        left = kept


def balanced(pay: Table, support: Sequence[int], outside: Sequence[int]) -> list[list[Fraction]]:
    """Mixtures on a support, all weights > 0, against which all its actions earn the same v.

    Equations: sum_s pay[r][s] x_s - v = 0 for each r of the support, sum_s x_s = 1. Where they leave some freedom, the
    corners of what they allow are those at which actions outside earn v as well.
    """
    rows = [[*(pay[r][s] for s in support), Fraction(-1), Fraction(0)] for r in support]
    rows.append([Fraction(1)] * len(support) + [Fraction(0), Fraction(1)])
    solution, free = solved(rows)
    if solution is not None:
        solutions = [solution]
    else:
        solutions = []
        for extra in itertools.combinations(outside, free):
            more = [[*(pay[r][s] for s in support), Fraction(-1), Fraction(0)] for r in extra]
            solution, _ = solved([*rows, *more])
            solutions += [] if solution is None else [solution]
    return [solution[:-1] for solution in solutions if min(solution[:-1]) > 0]


def solved(equations: list[list[Fraction]]) -> tuple[list[Fraction] | None, int]:
    """The one solution of linear equations (coefficients, then right side) or None, and how many unknowns stay free.

    Equations that contradict each other leave none free: nothing that is added can mend them.
    """
    rows = [list(row) for row in equations]
    unknowns, rank = len(rows[0]) - 1, 0
    for column in range(unknowns):
        pivot = next((row for row in range(rank, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        head = rows[rank][column]
        rows[rank] = [value / head for value in rows[rank]]
        for row in range(len(rows)):
            factor = rows[row][column]
            if row != rank and factor:
                rows[row] = [value - factor * lead for value, lead in zip(rows[row], rows[rank])]
        rank += 1
    if any(row[-1] for row in rows[rank:]):
        return None, 0
    return ([row[-1] for row in rows[:rank]], 0) if rank == unknowns else (None, unknowns - rank)
