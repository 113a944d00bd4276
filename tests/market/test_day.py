"""A recorded day as the flow of a market: alone it is the player's book; with agents no money is made or lost."""

from __future__ import annotations

import functools
import tempfile

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.market.config import MarketConfig, SizeConfig, SymbolConfig, VenueConfig
from qsl_envs.market.market import Market
from qsl_envs.replay.convert import convert
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.player import Player
from qsl_envs.replay.synthetic import SyntheticConfig, write_day
from tests.market.worlds import MS, SECOND, HardTrader, accounts, link, participant


@functools.lru_cache(maxsize=1)
def day():
    """Half a minute of the generator's flow, three times as lively as the packaged day."""
    with tempfile.TemporaryDirectory() as folder:
        config = SyntheticConfig(seed=5, duration_s=30, limit_rate=18.0, market_rate=3.0, cancel_rate=0.4)
        return convert(read_day(write_day(folder, config)))


def config(**changes) -> MarketConfig:
    size = SizeConfig(max_orders=day().num_slots + 64, window_ticks=256, max_special=64, max_events=16, max_clients=64,
                      max_messages=256, max_calendar=512, tape=512)  # fmt: skip
    people = (participant(lines=link(MS)), participant("direct"))
    values = {"flow": None, "size": size, "participants": people, "templates": 5, "session_ns": 12 * SECOND,
              "symbols": (SymbolConfig(start_price=10_000),)}  # fmt: skip
    return MarketConfig(**{**values, **changes})


def first_and_last():
    return int(day().rows["ts_ns"][0]), int(day().rows["ts_ns"][-1])


def test_without_agents_the_book_is_the_players():
    market = Market(config(), 3, day=day())
    first, last = first_and_last()
    starts = np.array([first, (first + last - 12 * SECOND) // 2, last - 12 * SECOND])
    market.reset(start_ns=starts)
    compared = 0
    for i, start in enumerate(starts):
        player = Player(day())
        for t in range(0, 12 * SECOND, 250 * MS):
            until = market.now_ns
            until[i] = t
            market.advance(until)
            player.run(int(np.searchsorted(day().rows["ts_ns"], start + t, side="right")))
            for side, rows in zip((BUY, SELL), market.true_book(replica=i, levels=20)):
                assert [tuple(row) for row in rows.tolist()] == player.depth(side, 20), (i, t)
                compared += len(rows)
    assert compared > 2_000


def test_starts_are_drawn_by_the_world_and_end_a_session_before_the_end():
    first, last = first_and_last()
    market = Market(config(), 32, day=day(), day_start_ns=first + 2 * SECOND, day_end_ns=last - SECOND)
    market.reset()
    shifts = market.arrays.runs.day_shift_ns[: 32 * market.stride : market.stride].copy()
    assert shifts.min() >= first + 2 * SECOND and shifts.max() <= last - 13 * SECOND
    assert len(set(shifts.tolist())) > 28 and shifts.max() - shifts.min() > 8 * SECOND
    one = Market(config(), 1, day=day(), day_start_ns=first + 2 * SECOND, day_end_ns=last - SECOND, seed=17)
    one.reset()
    for m in (market, one):
        m.advance(3 * SECOND)
    assert one.digest(0) == market.digest(17)


def test_agents_in_the_queues_of_history_keep_the_money():
    venue = VenueConfig(impact_ticks=0.3, stp="decrement")
    market = Market(config(venues=(venue,)), 2, day=day())
    market.reset(start_ns=np.full(2, first_and_last()[0]))
    start = accounts(market)
    traders = [HardTrader(market, p, agent=p) for p in range(2)]
    for t in range(25 * MS, 10 * SECOND, 25 * MS):
        for trader in traders:
            trader.act()
        market.advance(t)
        now = accounts(market)
        for field in ("cash", "inventory"):
            assert now[field].sum() == start[field].sum(), t
    assert accounts(market)["fills"][:2].min() > 100
    seen, account = market.observe("direct"), market.account("direct")
    assert seen["inventory"] == account["inventory"] and seen["cash"] == account["cash"]
    assert accounts(market, 1)["fills"][:2].max() == 0


def test_what_does_not_fit_a_day_is_named():
    with pytest.raises(ConfigError, match="max_orders"):
        Market(config(size=SizeConfig(max_orders=64)), day=day())
    with pytest.raises(ConfigError, match="flow"):
        Market(MarketConfig(), day=day())
    with pytest.raises(ConfigError, match="session_ns"):
        Market(config(session_ns=60 * SECOND), day=day())
    market = Market(config(), 1, day=day())
    with pytest.raises(ConfigError, match="start_ns"):
        market.reset(start_ns=np.array([first_and_last()[1]]))
