"""Arbitrageurs and traders on a signal: what they ask for, read back from their actions."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401  registers the environments
from baselines.policies.arbitrage import Consensus, CrossVenueArbitrage, deepest, touches
from baselines.policies.desk import Desk
from baselines.policies.direction import REST, TAKE, SignalFollower, SignalThreshold
from qsl_envs.errors import ConfigError


@pytest.fixture(scope="module")
def two():
    """Venue A: taker 0.3 ticks; venue B: pays takers 0.1. 50 lots may be held, 10 traded a step and venue."""
    envs = gym.make_vec("qsl/CrossVenueArbitrage-v0", num_envs=1)
    yield Desk.of(envs)
    envs.close()


@pytest.fixture(scope="module")
def signal():
    envs = gym.make_vec("qsl/DirectionalTrading-v0", num_envs=1)
    yield Desk.of(envs)
    envs.close()


def books(desk, *rows, held=0):
    """Observations: of each row for both venues (bid, bid lots, ask, ask lots), prices from the first mid, in ticks."""
    obs = np.zeros((len(rows), len(desk.observation_names)), np.float32)
    for n, row in enumerate(rows):
        for venue, (bid, bid_qty, ask, ask_qty) in enumerate(row):
            mid = 0.0 if venue == 0 else (bid + ask) / 2
            if venue:
                obs[n, desk.column("mid_gap", venue)] = mid / desk.tick_scale
            values = {"bid_distance_0": (mid - bid) / desk.tick_scale, "ask_distance_0": (ask - mid) / desk.tick_scale,
                      "bid_qty_0": bid_qty / desk.qty_scale, "ask_qty_0": ask_qty / desk.qty_scale}  # fmt: skip
            for name, value in values.items():
                obs[n, desk.column(name, venue)] = value
    obs[:, desk.column("inventory")] = held / desk.inventory_scale
    return obs


def lots(desk, actions):
    return np.rint(actions.astype(float) * desk.max_quote_qty).tolist()


def test_a_crossed_pair_is_taken_when_it_pays_after_fees(two):
    assert two.taker_fees == pytest.approx((0.3, -0.1))
    crossed = [(-1, 5, 1, 5), (3, 4, 5, 9)]  # buy at A for 1.3, sell at B for 3.1
    apart = [(-1, 5, 1, 5), (2, 4, 4, 9)]  # 0.8 remain
    other = [(6, 2, 8, 3), (1, 4, 2, 7)]  # buy at B for 1.9, sell at A for 5.7: 2 lots
    obs = books(two, crossed, apart, other)
    assert lots(two, CrossVenueArbitrage(two, edge=1.0)(obs)) == [[4, -4], [0, 0], [-2, 2]]
    assert lots(two, CrossVenueArbitrage(two, edge=0.7)(obs)) == [[4, -4], [4, -4], [-2, 2]]
    assert lots(two, CrossVenueArbitrage(two, edge=1.9)(obs))[0] == [0, 0]


def test_a_leg_that_stayed_alone_is_closed_at_the_best_price(two):
    quiet = [(-1, 5, 1, 5), (-0.5, 4, 0.9, 9)]  # best bid at B, best ask at B after its rebate
    assert lots(two, CrossVenueArbitrage(two)(books(two, quiet, held=7))) == [[0, -7]]
    assert lots(two, CrossVenueArbitrage(two)(books(two, quiet, held=-7))) == [[0, 7]]
    assert lots(two, CrossVenueArbitrage(two, keep=7)(books(two, quiet, held=7))) == [[0, 0]]
    empty = [(-1, 0, 1, 5), (-3, 4, 0.9, 0)]  # nobody bids at A, nobody asks at B
    assert lots(two, CrossVenueArbitrage(two)(books(two, empty, held=-2))) == [[2, 0]]
    assert lots(two, CrossVenueArbitrage(two)(books(two, empty, held=2))) == [[0, -2]]


def test_the_consensus_takes_what_lags_behind(two):
    """Mids 0 and 8: worth 4. A asks 1.3, B bids 6.1 after fees; both are more than 2 away from 4."""
    row = [(-1, 5, 1, 5), (6, 4, 10, 9)]
    assert lots(two, Consensus(two, edge=2.0, lean=5.0, qty=4.0)(books(two, row))) == [[4, -4]]
    assert lots(two, Consensus(two, edge=2.5, lean=5.0, qty=4.0)(books(two, row))) == [[4, 0]]
    # long to the limit it is worth 5 less: nothing is cheap, the bid at B is dear by 7
    assert lots(two, Consensus(two, edge=2.0, lean=5.0, qty=4.0)(books(two, row, held=50))) == [[0, -4]]


def test_the_consensus_hears_what_lies_behind_the_touch(two):
    """Both mids 0. At A the third level bids 3 and asks 9 from it: its middle is 3 above; at B no third level is known
    on both sides, the second one's middle is 1 below. So the books say 1 above on average, `deep` times.
    """
    flat = [(-2, 5, 2, 5), (-2, 5, 2, 5)]
    obs = books(two, flat)
    for venue, level, bid, ask in ((0, 1, 4, 4), (0, 2, 3, 9), (1, 1, 6, 4), (1, 2, 7, 100)):
        for side, away in (("bid", bid), ("ask", ask)):
            obs[:, two.column(f"{side}_distance_{level}", venue)] = away / two.tick_scale
            obs[:, two.column(f"{side}_qty_{level}", venue)] = 0.0 if away == 100 else 0.3
    assert deepest(two, obs) == pytest.approx(np.array([[3.0, -1.0]]))
    mid = touches(two, obs)[0]
    assert Consensus(two, deep=2.0).worth(obs, mid) == pytest.approx([2.0])
    assert Consensus(two).worth(obs, mid) == pytest.approx([0.0])
    for venue, share in ((0, 0.5), (1, 0.1)):
        obs[:, two.column("depth_imbalance", venue)] = share
    assert Consensus(two, deep=2.0, pressure=4.0).worth(obs, mid) == pytest.approx([3.2])
    # an ask of 2.3 at A and of 1.9 at B are cheap beside 3.2 by 0.9 and 1.3
    assert lots(two, Consensus(two, edge=1.0, qty=4.0, deep=2.0, pressure=4.0)(obs)) == [[0, 4]]
    assert lots(two, Consensus(two, edge=1.0, qty=4.0)(obs)) == [[0, 0]]


def heard(desk, signal, moved=0.0, held=0.0):
    signal, moved, held = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, float)) for x in (signal, moved, held)))
    obs = np.zeros((len(signal), len(desk.observation_names)), np.float32)
    obs[:, desk.column("signal")] = signal / desk.tick_scale
    obs[:, desk.column("mid_change")] = moved / desk.tick_scale
    obs[:, desk.column("inventory")] = held
    return obs


def test_the_average_of_signals_finds_a_value_that_stands_still(signal):
    """A value 12 ticks above the first mid; the mid drifts up by a tenth a step; errors of 2 ticks average out."""
    chance = np.random.default_rng(0)
    policy = SignalFollower(signal, weight=0.05)
    policy.reset(np.arange(500))
    for step in range(100):
        mid = 0.1 * step
        told = 12 - mid + 2 * chance.standard_normal(500)
        edge = policy.edge(heard(signal, told, 0.1 if step else 0.0))
    assert edge.mean() == pytest.approx(12 - mid, abs=0.1)
    assert edge.std() == pytest.approx(2 * np.sqrt(0.05 / 1.95), rel=0.15)  # of an exponential average
    policy.reset(np.arange(3))
    assert policy.edge(heard(signal, [5.0, 0.0, -5.0])) == pytest.approx([5, 0, -5])


def test_the_follower_wants_what_the_edge_is_worth_and_leaves_small_differences(signal):
    policy = SignalFollower(signal, weight=1.0, full=10.0, band=0.25, take_from=4.0)
    policy.reset(np.zeros(6))
    held = [0.0, 0.0, 0.4, 0.4, 0.0, -1.0]
    found = policy(heard(signal, [5.0, 2.0, 6.0, 8.0, -30.0, 3.0], held=held))
    assert found[:, 0] == pytest.approx([0.5, 0.0, 0.4, 0.8, -1.0, 0.3], abs=1e-6)
    assert found[:, 1].tolist() == [0, -1, 0, 0, 0, -1], "takes from four ticks on"


def test_a_follower_that_minds_its_side_never_pays_to_trade_against_its_signal(signal):
    """Long with an edge above it wants less: it sells, and rests. Without a side it takes, since the edge is large."""
    settings = {"weight": 1.0, "full": 10.0, "band": 0.0, "take_from": 4.0}
    said = heard(signal, [5.0, 5.0, -5.0, -5.0, 3.0], held=[0.0, 0.9, 0.0, -0.9, 0.0])
    plain, sided = SignalFollower(signal, **settings), SignalFollower(signal, **settings, sided=1.0)
    first, second = plain(said), sided(said)
    assert first[:, 0].tolist() == second[:, 0].tolist() == pytest.approx([0.5, 0.5, -0.5, -0.5, 0.3])
    assert first[:, 1].tolist() == [TAKE, TAKE, TAKE, TAKE, REST]
    assert second[:, 1].tolist() == [TAKE, REST, TAKE, REST, REST]


def test_what_is_taken_goes_a_share_of_the_way_and_what_rests_all_of_it(signal):
    """At least a lot, and never past the goal; a learner's correction changes the share of both."""
    lot = 1.0 / signal.inventory_scale
    settings = {"weight": 1.0, "full": 10.0, "band": 0.0, "take_from": 4.0, "share": 0.25}
    policy = SignalFollower(signal, **settings)
    held = np.array([0.0, 0.4, 0.5 - 2 * lot, 0.5 - 0.5 * lot, 0.0])
    said = heard(signal, [5.0, -6.0, 5.0, 5.0, 2.0], held=held)
    found = policy(said)[:, 0]
    assert found == pytest.approx([0.125, 0.4 - 0.25, 0.5 - lot, 0.5, 0.2], abs=1e-6)
    policy.reset(np.zeros(5))
    hints = policy.hints(said)
    way = np.array([0.5, -0.6, 0.5, 0.5, 0.2]) - held
    assert hints[:, 2] == pytest.approx(way, abs=1e-6)
    assert hints[:, 1] == pytest.approx(np.array([5.0, 6.0, 5.0, 5.0, 2.0]) / signal.tick_scale)
    for more, share in ((0.5, [0.75, 0.75, 0.75, 0.75, 1.0]), (-1.0, [0.0] * 5), (-0.5, [0.0] * 4 + [0.5])):
        change = np.zeros((5, 3))
        change[:, 2] = more
        least = np.where(np.array(share) > 0, np.minimum(lot, np.abs(way)), 0.0)
        moved = np.sign(way) * np.maximum(np.array(share) * np.abs(way), least)
        assert policy.corrected(said, hints, change)[:, 0] == pytest.approx(held + moved, abs=1e-6)


def test_the_threshold_enters_stays_and_leaves(signal):
    policy = SignalThreshold(signal, weight=1.0, enter=6.0, leave=0.5, size=0.5)
    policy.reset(np.zeros(6))
    found = policy(heard(signal, [7.0, 5.0, 5.0, 2.0, -2.0, -7.0], held=[0, 0, 0.5, 0.5, 0.5, 0.5]))
    assert found[:, 0].tolist() == [0.5, 0, 0.5, 0, 0, -0.5]
    assert found[:, 1].tolist() == [0, -1, -1, -1, -1, 0]


def test_mistakes_are_named(two, signal):
    with pytest.raises(ConfigError, match=r"SignalFollower\.weight"):
        SignalFollower(signal, weight=0.0)
    with pytest.raises(ConfigError, match=r"CrossVenueArbitrage.*arbitrage"):
        CrossVenueArbitrage(signal)
