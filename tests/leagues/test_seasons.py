"""Seasons that come with the package: every player of them can sit down."""

from __future__ import annotations

import dataclasses

import pytest

from leagues.command_tournament import seasons
from leagues.tournament import Worker
from leagues.tournament_config import load_tournament

MARKET = {"templates": 1, "burn_in_ns": 100_000_000}


@pytest.mark.parametrize("name", sorted(seasons()))
def test_all_players_of_a_season_can_sit_down(name):
    config = load_tournament(seasons()[name])
    assert config.name == name and all(contest.groups() for contest in config.contests)
    small = []
    for contest in config.contests:
        settings = {**contest.stage.settings, "config": MARKET}
        small.append(
            dataclasses.replace(contest, stage=dataclasses.replace(contest.stage, settings=settings, worlds=1))
        )
    Worker(dataclasses.replace(config, contests=tuple(small))).check()
