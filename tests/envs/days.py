"""A recorded day of a minute, made by the generator: small enough to convert and to replay interpreted."""

from __future__ import annotations

import functools
import tempfile

from qsl_envs.envs.replay_market_making import ReplayMarketMakingVectorEnv
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.synthetic import SyntheticConfig, write_day

SECOND = 1_000_000_000


@functools.lru_cache(maxsize=1)
def minute() -> EventTable:
    with tempfile.TemporaryDirectory() as folder:
        return convert(read_day(write_day(folder, SyntheticConfig(seed=5, duration_s=60, limit_rate=3.0))))


def small_replay() -> dict:
    """Arguments of a small replay environment: twenty steps of a tenth of a second."""
    return {"data": minute(), "session_ns": 2 * SECOND, "config": {"templates": 3}}


def make(num_envs: int = 1, **changes) -> ReplayMarketMakingVectorEnv:
    return ReplayMarketMakingVectorEnv(num_envs, **{**small_replay(), **changes})
