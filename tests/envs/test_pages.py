"""The page of an environment says what its spaces are."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from qsl_envs.envs.fields import field_table
from qsl_envs.envs.market_making import DEFAULT_MARKET, MarketMakingEnv
from qsl_envs.envs.market_making import ROLE as MAKER
from qsl_envs.envs.observe import observe
from qsl_envs.envs.replay_market_making import ROLE as REPLAY
from qsl_envs.envs.replay_market_making import ReplayMarketMakingEnv
from tests.envs.small import SMALL, make

ORDER = ["Description", "Assumptions", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End",
         "Arguments", "Vector form", "Reference Scores", "Version History"]  # fmt: skip


def table_rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


@pytest.mark.parametrize("levels", [1, 10, 64])
def test_the_kernel_writes_every_field_of_the_table(levels):
    envs = make(1, levels=levels)
    obs, _ = envs.reset(seed=0)
    run = envs.market.arrays.runs[0]
    run.scratch, run.scratch_cap = 0, envs.market.config.size.tape
    row = np.full(obs.shape[1] + 8, np.nan, np.float32)
    observe(envs.market.arrays, 0, envs.core.arrays, 0, row)
    assert np.array_equal(np.flatnonzero(~np.isnan(row)), np.arange(len(envs.observation_names)))
    assert np.array_equal(row[: obs.shape[1]], obs[0])
    assert len(set(envs.observation_names)) == len(envs.observation_units) == obs.shape[1]


def test_the_table_is_the_space():
    env = MarketMakingEnv(**SMALL)
    found = {}
    for index, name, low, high, *_ in table_rows(field_table(MAKER.fields(DEFAULT_MARKET)))[2:]:
        first, last = (int(n) for n in re.fullmatch(r"(\d+)(?: to (\d+))?", index).groups(default=index.split()[0]))
        for at in range(first, last + 1):
            found[at] = (name.split("`")[1].rstrip("0").rstrip("_") if last > first else name.strip("`"), low, high)
    assert sorted(found) == list(range(env.observation_space.shape[0]))
    for at, (name, low, high) in found.items():
        assert env.observation_names[at].startswith(name)
        assert np.float32(low) == env.observation_space.low[at] and np.float32(high) == env.observation_space.high[at]


@pytest.mark.parametrize("cls, role", [(MarketMakingEnv, MAKER), (ReplayMarketMakingEnv, REPLAY)])
def test_the_page_has_its_parts_in_order_and_its_tables(cls, role):
    page = cls.__doc__
    assert re.findall(r"^## (.*)$", page, re.M) == ORDER
    assert field_table(role.fields(DEFAULT_MARKET)) in page
    for field in dataclasses.fields(role.task):
        assert f"| `{field.name}` | {getattr(role.task, field.name)!r} |" in page
    assert "{{" not in page and not re.search(r"{\w+}", page)
