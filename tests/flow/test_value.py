"""Fundamental values: the exact law, a naive twin, what delayed observers may ask, and that trading moves nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY
from qsl_envs.errors import ConfigError, OrderError
from qsl_envs.kernel.draw import FUNDAMENTAL, draw_normal, draw_unit, stream_key
from qsl_envs.market.config import MarketConfig, SymbolConfig
from qsl_envs.market.fundamental import RING, catch_up
from qsl_envs.market.value_config import ValueConfig
from tests.market.worlds import MS, SECOND, START, HardTrader, participant, ready, small

VALUE = ValueConfig(sigma=3.0, reversion=0.8, jump_rate=2.0, jump_ticks=4.0, common_share=0.36, drift=1.5)


def quiet(*values: ValueConfig | None, **changes) -> MarketConfig:
    """A market without flow: one symbol for each value."""
    symbols = tuple(SymbolConfig(name=f"S{i}", start_price=START, value=v) for i, v in enumerate(values))
    return small(flow=None, symbols=symbols, templates=1, burn_in_ns=0, session_ns=3_600 * SECOND, **changes)


def twin(config: ValueConfig, world: int, symbol: int, points: int) -> list[float]:
    """The value's first points from the settings alone, in ticks from the start price."""
    dt = config.grid_ns / 1e9
    decay = math.exp(-config.reversion * dt)
    own, common, jumps = (stream_key(world, FUNDAMENTAL, e) for e in (symbol + 1, 0, (symbol + 1) | 1 << 32))
    x, path = 0.0, [0.0]
    for n in range(1, points):
        z = math.sqrt(1 - config.common_share) * draw_normal(own, n)
        z += math.sqrt(config.common_share) * draw_normal(common, n)
        jump = draw_normal(jumps, 2 * n + 1) if draw_unit(jumps, 2 * n) < config.jump_rate * dt else 0.0
        x = decay * x + config.drift * (1 - decay) / config.reversion
        x += config.sigma * math.sqrt((1 - decay**2) / (2 * config.reversion)) * z + config.jump_ticks * jump
        path.append(x)
    return path


def test_a_value_is_its_naive_twin_however_it_is_asked():
    config = quiet(VALUE, replace(VALUE, sigma=1.0, jump_rate=0.0))
    market = ready(config, 2, seed=4)
    for symbol in range(2):
        world = int(market.arrays.runs[0].world_key)
        path = twin(config.symbols[symbol].value, world, symbol, 301)
        for n in (0, 1, 7, 8, 150, 299):  # seldom, and in leaps
            if n * 10 * MS > market.now_ns[0]:
                market.advance(n * 10 * MS + 3)
            found = market.value(symbol=symbol, ts_ns=n * 10 * MS if symbol == 0 else None)
            if symbol == 0:
                assert found - START == pytest.approx(path[n], abs=1e-9)
    last = int(market.now_ns[0] // (10 * MS))
    often = [market.value(symbol=1, ts_ns=n * 10 * MS) for n in range(last - RING + 1, last + 1)]
    expected = twin(config.symbols[1].value, world, 1, last + 1)[-RING:]
    assert np.array(often) - START == pytest.approx(expected, abs=1e-9)
    assert market.value(symbol=1, ts_ns=0) == often[0]  # longer ago than is kept: the oldest
    with pytest.raises(OrderError, match="ts_ns"):
        market.value(ts_ns=int(market.now_ns[0]) + 1)


def test_moments_are_those_of_the_process():
    value = ValueConfig(sigma=5.0, reversion=2.0, jump_rate=3.0, jump_ticks=2.0, common_share=0.5, grid_ns=100 * MS)
    market = ready(quiet(value, replace(value, common_share=0.9), value), 500, seed=1)
    market.advance(6 * SECOND)  # twelve relaxation times: stationary
    a = np.array([[market.value(replica=i, symbol=s) for s in range(3)] for i in range(500)]) - START
    market.advance(6 * SECOND + 500 * MS)
    b = np.array([market.value(replica=i) for i in range(500)]) - START
    sd = value.stationary_sd()
    decay = math.exp(-0.2)
    noise = 25 * (1 - decay**2) / 4
    assert sd**2 == pytest.approx((noise + 0.3 * 4) / (1 - decay**2))
    assert np.abs(a.mean(axis=0)).max() < 4 * sd / math.sqrt(500)
    assert a.std(axis=0) == pytest.approx(sd, rel=4 / math.sqrt(1000))
    assert np.corrcoef(a[:, 0], b)[0, 1] == pytest.approx(math.exp(-1.0), abs=4 / math.sqrt(500))
    share = noise / (noise + 0.3 * 4)  # jumps are each symbol's own
    for i, j, c in ((0, 1, math.sqrt(0.5 * 0.9)), (0, 2, 0.5), (1, 2, math.sqrt(0.45))):
        assert np.corrcoef(a[:, i], a[:, j])[0, 1] == pytest.approx(c * share, abs=4 / math.sqrt(500))


def test_a_random_walk_has_sigma_and_drift():
    market = ready(quiet(ValueConfig(sigma=4.0, drift=6.0)), 400, seed=2)
    market.advance(2_500 * MS)
    x = np.array([market.value(replica=i) for i in range(400)]) - START
    assert x.mean() == pytest.approx(15.0, abs=4 * 4 * math.sqrt(2.5 / 400))
    assert x.std() == pytest.approx(4 * math.sqrt(2.5), rel=4 / math.sqrt(800))


def test_without_a_process_the_value_is_the_start_price():
    market = ready(quiet(None))
    market.advance(SECOND)
    assert market.value() == START and market.value(ts_ns=5) == START
    assert market.layout.count("values") == 0


def test_a_changed_setting_holds_from_the_next_point_on():
    market, plain = ready(quiet(VALUE), seed=3), ready(quiet(VALUE), seed=3)
    for m in (market, plain):
        m.advance(105 * MS)
    catch_up(market.arrays, 0, 0, 105 * MS)
    record = market.arrays.fundamentals[market.arrays.runs[0].fundamentals]
    record.offset += 50.0
    assert market.value() == plain.value()
    for m in (market, plain):
        m.advance(112 * MS)
    assert market.value() == pytest.approx(plain.value() + 50.0)
    assert market.value(ts_ns=109 * MS) == plain.value(ts_ns=109 * MS)


def test_trading_does_not_move_the_value_and_copies_keep_it():
    config = small(symbols=(SymbolConfig(start_price=START, value=VALUE),), participants=(participant(),), templates=1)
    market = ready(config, 2)
    market.reseed(np.array([8, 8]))
    market.reset()
    assert market.value() == market.value(replica=1)
    assert market.value() != START  # it goes on from where the template's stood
    trader = HardTrader(market, 1, replica=1)
    for t in range(5 * MS, 500 * MS, 5 * MS):
        trader.act()
        market.advance(t)
        assert market.value() == market.value(replica=1)
    other = ready(config, 3, seed=90)
    other.restore(market.snapshot(1), 2)
    for m in (market, other):
        m.advance(SECOND)
    assert other.value(replica=2) == market.value(replica=0)
    assert other.value(replica=2, ts_ns=900 * MS) == market.value(replica=1, ts_ns=900 * MS)
    assert other.digest(2) == market.digest(1)


def test_a_mirrored_value_is_the_reflected_value():
    config = quiet(VALUE)
    market, image = ready(config, seed=6), ready(replace(config, mirror=True), seed=6)
    for t in range(0, 900 * MS, 70 * MS):
        for m in (market, image):
            m.advance(t)
        assert image.value() - START == START - market.value()
    assert market.value() != START


@pytest.mark.parametrize(
    "field, values",
    [("sigma", {"sigma": -1.0}), ("reversion", {"reversion": 2e3}), ("common_share", {"common_share": 1.1}),
     ("grid_ns", {"grid_ns": 0}), ("jump_rate", {"jump_rate": 60.0}), ("drift", {"drift": math.nan}),
     ("sigma", {"sigma": math.inf})],
)  # fmt: skip
def test_impossible_settings_are_named(field, values):
    with pytest.raises(ConfigError, match=f"ValueConfig.{field}"):
        ValueConfig(**values)


def test_symbols_with_a_common_factor_share_their_grid():
    with pytest.raises(ConfigError, match="grid_ns"):
        quiet(VALUE, replace(VALUE, grid_ns=MS))
    config = quiet(VALUE, None)
    assert MarketConfig.from_dict(config.to_dict()) == config
    assert ready(config).send(BUY, 1, START) >= 0
