"""Flow that leans towards the value: the stated probabilities, prices that follow it, and venues that stay together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.flow.config import AnchorConfig
from qsl_envs.flow.poisson import leaning_side
from qsl_envs.flow.record import FLOW_RECORD, HIT, REST
from qsl_envs.flow.tables import FlowTables
from qsl_envs.market.config import MarketConfig, SymbolConfig, VenueConfig
from qsl_envs.market.value_config import ValueConfig
from tests.market.worlds import FLOW, MS, SECOND, START, ready, small, touch

ANCHOR = AnchorConfig(tilt=0.9, limit_tilt=0.3, ticks=3.0)
VALUE = ValueConfig(sigma=6.0, reversion=0.1)


def anchored(**changes) -> MarketConfig:
    """Two venues of one symbol whose flows lean to its value."""
    values = {"symbols": (SymbolConfig(start_price=START, value=VALUE),), "flow": replace(FLOW, anchor=ANCHOR),
              "venues": (VenueConfig(), VenueConfig(name="B")), "participants": ()}  # fmt: skip
    return small(**{**values, **changes})


@pytest.mark.parametrize(
    "kind, gap_ticks, share",
    [(HIT, 0.0, 0.5), (HIT, 1.0, 0.65), (HIT, -2.0, 0.2), (HIT, 50.0, 0.95), (REST, 3.0, 0.65), (REST, -9.0, 0.35)],
)
def test_the_share_of_buyers_is_the_stated_one(kind, gap_ticks, share):
    flow = np.zeros(1, FLOW_RECORD).view(np.recarray)
    FlowTables(replace(FLOW, anchor=ANCHOR), 64).set_flow(flow[0])
    flow[0].lean_skey = 12_345
    turned = [leaning_side(flow[0], k, kind, k & 1, 2 * gap_ticks) for k in range(4_000)]
    assert np.mean(np.array(turned) == BUY) == pytest.approx(share, abs=4 * 0.5 / np.sqrt(4_000))
    # what is turned in the mirror is what is turned here, and only one side ever is
    image = [leaning_side(flow[0], k, kind, (k & 1) ^ 1, -2 * gap_ticks) for k in range(4_000)]
    assert [side ^ 1 for side in image] == turned
    kept = SELL if gap_ticks < 0 else BUY
    assert all(turned[k] == kept for k in range(4_000) if k & 1 == kept)


def gaps(config: MarketConfig, replicas: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """(mid - value, mid of the second venue - mid of the first) at many times, ticks."""
    market = ready(config, replicas, seed=3)
    from_value, apart = [], []
    for t in range(200 * MS, 6 * SECOND, 200 * MS):
        market.advance(t)
        for i in range(replicas):
            mids = [sum(touch(market, i, b)) / 2 for b in range(2)]
            from_value.append(mids[0] - market.value(replica=i))
            apart.append(mids[1] - mids[0])
    return np.array(from_value), np.array(apart)


def test_prices_follow_the_value_and_venues_stay_together():
    lean, lean_apart = gaps(anchored())
    free, free_apart = gaps(anchored(flow=FLOW))
    assert np.abs(lean).mean() < 0.4 * np.abs(free).mean()
    assert lean_apart.std() < 0.7 * free_apart.std()


def test_a_gap_decays():
    """What lies between value and mid closes: a signal that a directional trader could use, and that goes away."""
    still = ValueConfig(sigma=0.0)
    market = ready(anchored(symbols=(SymbolConfig(start_price=START, value=still),)), 24, seed=5)
    for i in range(24):
        run = market.arrays.runs[i * market.stride]
        market.arrays.fundamentals[run.fundamentals].offset = 12.0
    means = []
    for t in (100 * MS, 400 * MS, 1_000 * MS, 3_000 * MS):
        market.advance(t)
        means.append(np.mean([market.value(replica=i) - sum(touch(market, i)) / 2 for i in range(24)]))
    assert means[0] > 8 > means[1] > means[2] and abs(means[3]) < 2


def test_an_anchor_needs_values():
    with pytest.raises(ConfigError, match="flow.anchor"):
        small(flow=replace(FLOW, anchor=ANCHOR))
    config = anchored()
    assert MarketConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="AnchorConfig.tilt"):
        AnchorConfig(tilt=1.5)
    with pytest.raises(ConfigError, match="AnchorConfig.ticks"):
        AnchorConfig(ticks=0.0)
