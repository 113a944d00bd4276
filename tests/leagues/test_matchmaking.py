"""Whom students meet and when they join the pool, against the stated rules."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from leagues.matchmaking import (
    LEAGUE_EXPLOITER,
    MAIN,
    MAIN_EXPLOITER,
    Member,
    begins_anew,
    choose,
    joins,
    roster,
    schedule,
)
from leagues.pfsp import WinRates
from leagues.training_config import Matchmaking

RULES = Matchmaking(floor=0.0)
NOW, EXPLOITER, LEAGUE = roster(RULES)
PAST = [
    Member("fixed", "starter", "fixed"), Member("main-1@0", MAIN, "main-1"), Member("main-1@1", MAIN, "main-1"),
    Member("main-exploiter-1@1", MAIN_EXPLOITER, "main-exploiter-1"),
]  # fmt: skip
DRAWS = 5_000


def rates(of: str, **against: float) -> WinRates:
    made = WinRates(memory=1e9)
    for name, share in against.items():
        won = round(1000 * share)
        made.record(of, NAMES[name], np.r_[np.ones(won), np.zeros(1000 - won)], np.full(1000, 0.5))
    return made


NAMES = {"fixed": "fixed", "old": "main-1@0", "new": "main-1@1", "exploiter": "main-exploiter-1@1", "main": "main-1"}


def drawn(student: Member, known: WinRates, rules: Matchmaking = RULES) -> dict[str, float]:
    found = Counter(choose(student, PAST, known, rules, DRAWS, np.random.default_rng(3)))
    return {name: count / DRAWS for name, count in found.items()}


def close(found: dict[str, float], wanted: dict[str, float]) -> None:
    assert set(found) == {name for name, share in wanted.items() if share > 0}
    for name, share in found.items():
        assert abs(share - wanted[name]) < 4.5 * np.sqrt(wanted[name] / DRAWS), name


def test_a_main_agent_mixes_self_play_the_past_and_what_it_has_forgotten():
    known = rates(NOW.name, fixed=1.0, old=0.9, new=0.4, exploiter=0.1)
    hard = {"fixed": 0.0, "main-1@0": 0.01, "main-1@1": 0.36, "main-exploiter-1@1": 0.81}
    forgotten = {"main-1@1": 0.36, "main-exploiter-1@1": 0.81}
    wanted = {"main-1": 0.35}
    for name in hard:
        wanted[name] = 0.5 * hard[name] / 1.18 + 0.15 * forgotten.get(name, 0.0) / 1.17
    close(drawn(NOW, known), wanted)


def test_with_nothing_forgotten_a_main_agent_plays_itself_instead():
    calm = [m for m in PAST if m.kind != MAIN_EXPLOITER]
    known = rates(NOW.name, fixed=0.5, old=0.9, new=0.9)
    found = Counter(choose(NOW, calm, known, RULES, DRAWS, np.random.default_rng(3)))
    assert abs(found["main-1"] / DRAWS - 0.5) < 0.035


def test_a_main_exploiter_meets_the_main_or_its_past_when_hopeless():
    assert drawn(EXPLOITER, rates(EXPLOITER.name, main=0.3)) == {"main-1": 1.0}
    known = rates(EXPLOITER.name, main=0.1, old=0.5, new=0.1)
    close(drawn(EXPLOITER, known), {"main-1@0": 0.25 / 0.34, "main-1@1": 0.09 / 0.34})


def test_a_league_exploiter_meets_all_of_the_past():
    known = rates(LEAGUE.name, fixed=0.5, old=0.5, new=0.0, exploiter=1.0)
    close(drawn(LEAGUE, known), {"fixed": 0.25 / 1.5, "main-1@0": 0.25 / 1.5, "main-1@1": 1 / 1.5})


def test_a_student_joins_when_it_beats_all_or_after_the_longest_time():
    better = rates(NOW.name, fixed=0.9, old=0.8, new=0.75, exploiter=0.71)
    assert joins(NOW, 1, PAST, better, RULES)
    assert not joins(NOW, 1, PAST, rates(NOW.name, fixed=0.9, old=0.8, new=0.75, exploiter=0.69), RULES)
    assert not joins(NOW, 1, PAST, rates(NOW.name, fixed=0.9, old=0.8, new=0.75), RULES)  # one was never met
    assert joins(NOW, RULES.longest, PAST, WinRates(), RULES)
    assert joins(EXPLOITER, 1, PAST, rates(EXPLOITER.name, main=0.75), RULES)
    assert not joins(EXPLOITER, 1, PAST, rates(EXPLOITER.name, main=0.6), RULES)


def test_who_begins_anew():
    chance = np.random.default_rng(0)
    assert begins_anew(EXPLOITER, RULES, chance) and not begins_anew(NOW, RULES, chance)
    share = np.mean([begins_anew(LEAGUE, RULES, chance) for _ in range(4_000)])
    assert share == pytest.approx(0.25, abs=0.03)


def test_the_schedule_gives_mains_their_sessions():
    rules = Matchmaking(mains=2, main_sessions=3, main_exploiters=1, league_exploiters=2)
    assert Counter(m.kind for m in schedule(rules)) == {MAIN: 6, MAIN_EXPLOITER: 1, LEAGUE_EXPLOITER: 2}
    assert len({m.name for m in roster(rules)}) == 5
