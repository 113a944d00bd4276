"""Whom a student of the league meets, and when it joins the pool: the rules of Vinyals et al. (2019), as functions.

| agent | meets | joins the pool, and then |
| --- | --- | --- |
| main | mains as they are now; all past players by PFSP; past exploiters and mains that beat it again | goes on |
| main exploiter | a main as it is now, or its past while it wins too rarely against it | begins anew |
| league exploiter | all past players by PFSP | begins anew with a chance |

It joins when it wins often enough against every target, or after the longest time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leagues.pfsp import WinRates, pfsp
from leagues.training_config import Matchmaking

MAIN, MAIN_EXPLOITER, LEAGUE_EXPLOITER = "main", "main exploiter", "league exploiter"
FORGOTTEN = 0.5
"""A past main against which a main wins less often than this has been forgotten."""


@dataclass(frozen=True)
class Member:
    """Somebody that can be met.

    Attributes:
        name: of the agent as it is now, or of its checkpoint.
        kind: `MAIN`, `MAIN_EXPLOITER`, `LEAGUE_EXPLOITER`, or "starter".
        agent: whose checkpoint it is; its own name for an agent as it is now.
    """

    name: str
    kind: str
    agent: str


def roster(rules: Matchmaking) -> list[Member]:
    """The agents that learn."""
    kinds = ((MAIN, rules.mains), (MAIN_EXPLOITER, rules.main_exploiters), (LEAGUE_EXPLOITER, rules.league_exploiters))
    names = [(f"{kind.replace(' ', '-')}-{k + 1}", kind) for kind, count in kinds for k in range(count)]
    return [Member(name, kind, name) for name, kind in names]


def schedule(rules: Matchmaking) -> list[Member]:
    """Who learns in the sessions of one turn."""
    return [m for m in roster(rules) for _ in range(rules.main_sessions if m.kind == MAIN else 1)]


def choose(student: Member, past: Sequence[Member], rates: WinRates, rules: Matchmaking, count: int,
           chance: np.random.Generator) -> list[str]:  # fmt: skip
    """Names of the opponents of a session, `count` of them, drawn one by one.

    Args:
        student: who learns.
        past: the pool, starters and checkpoints, oldest first; not empty.
        rates: how the student has fared so far.
    """
    mains = [member for member in roster(rules) if member.kind == MAIN]
    return [_one(student, mains, past, rates, rules, chance) for _ in range(count)]


def _one(student: Member, mains: Sequence[Member], past: Sequence[Member], rates: WinRates, rules: Matchmaking,
         chance: np.random.Generator) -> str:  # fmt: skip
    if student.kind == LEAGUE_EXPLOITER:
        return _drawn(student, past, rates, rules, chance)
    target = mains[chance.integers(len(mains))]
    own_past = [member for member in past if member.agent == target.name]
    if student.kind == MAIN_EXPLOITER:
        if rates.rate(student.name, target.name) >= rules.hopeless or not own_past:
            return target.name
        return _drawn(student, own_past, rates, rules, chance, "var", 1.0)
    coin = chance.random()
    if coin < rules.past:
        return _drawn(student, past, rates, rules, chance)
    if coin < rules.past + rules.forgotten:
        hard = [m for m in past if m.kind in (MAIN_EXPLOITER, LEAGUE_EXPLOITER)
                or (m.kind == MAIN and rates.rate(student.name, m.name) < FORGOTTEN)]  # fmt: skip
        if hard:
            return _drawn(student, hard, rates, rules, chance)
    return target.name


def _drawn(student: Member, among: Sequence[Member], rates: WinRates, rules: Matchmaking, chance: np.random.Generator,
           weighting: str = "", power: float = 0.0) -> str:  # fmt: skip
    names = [member.name for member in among]
    floor = min(rules.floor, 1 / len(names))
    chances = pfsp(rates.rates(student.name, names), weighting or rules.weighting, power or rules.power, floor)
    return names[int(chance.choice(len(names), p=chances / chances.sum()))]


def targets(student: Member, past: Sequence[Member], rules: Matchmaking) -> list[str]:
    """Whom a student has to beat to join the pool early: the mains for a main exploiter, else all past players."""
    if student.kind == MAIN_EXPLOITER:
        return [member.name for member in roster(rules) if member.kind == MAIN]
    return [member.name for member in past]


def joins(student: Member, sessions: int, past: Sequence[Member], rates: WinRates, rules: Matchmaking) -> bool:
    """Whether a student joins the pool, `sessions` after it did last or began."""
    if sessions >= rules.longest:
        return True
    names = targets(student, past, rules)
    known = all(rates.games.get((student.name, name), 0.0) >= rules.min_games for name in names)
    return known and bool((rates.rates(student.name, names) > rules.beaten).all())


def begins_anew(student: Member, rules: Matchmaking, chance: np.random.Generator) -> bool:
    """Whether a student that has joined the pool begins anew from the first network."""
    if student.kind == LEAGUE_EXPLOITER:
        return bool(chance.random() < rules.reset)
    return student.kind == MAIN_EXPLOITER
