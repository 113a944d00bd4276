"""Makers: what they ask for in ticks and lots, read back from their actions, beside the participants' formulas."""

from __future__ import annotations

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401  registers the environments
from baselines.policies.desk import Desk
from baselines.policies.library import build, candidates
from baselines.policies.makers import AvellanedaStoikov, FixedSpread, Glft, InventorySkew
from baselines.tuning.tune import tunable
from qsl_envs.errors import ConfigError
from qsl_envs.participants.quotes import as_quotes, base_spread, glft_offsets, glft_slope
from tests.baselines.toys import Shop, Steering

DESK = Desk.of(Shop(1))
WIDE = dataclasses.replace(DESK, min_offset=-1000.0, max_offset=1000.0)
MAKERS = tunable(DESK)


def world(inventory=0.0, time_left=1.0):
    """Observations of a shop that holds `inventory` lots."""
    inventory, time_left = np.broadcast_arrays(inventory, time_left)
    return np.stack([inventory / 10, time_left, np.full(inventory.shape, 2.0)], -1).reshape(-1, 3).astype(np.float32)


def quotes(actions):
    """Offsets in ticks (0 to 8) and sizes in lots (0 to 2) that actions stand for, by the environment's rule."""
    return (actions.astype(float) + 1) / 2 * np.array([8, 8, 2, 2])


def wide_offsets(actions):
    return (actions[:, :2].astype(float) + 1) / 2 * 2000 - 1000


def test_a_desk_reads_the_environment():
    assert (DESK.kind, DESK.inventory_scale, DESK.session_s, DESK.step_s) == ("quotes", 10.0, 10.0, 0.5)
    assert (DESK.min_offset, DESK.max_offset, DESK.max_quote_qty) == (0, 8, 2)
    assert DESK.column("time_left") == 1 and DESK.num_steps == 20
    with pytest.raises(ConfigError, match="inventory"):
        Desk.of(Steering(1))
    with pytest.raises(ConfigError, match="role"):
        Desk.of(Shop(1), "maker")


def test_fixed_spread_quotes_the_same_whatever_it_holds():
    found = quotes(FixedSpread(DESK, half_spread=3.0, qty=1.0)(world(np.array([-10, 0, 7]))))
    assert found == pytest.approx(np.tile([3, 3, 1, 1], (3, 1)), abs=1e-6)


def test_skew_leans_against_the_inventory():
    found = quotes(InventorySkew(DESK, half_spread=3.0, skew=2.0, qty=2.0)(world(np.array([-10, 0, 5]))))
    assert found == pytest.approx(np.array([[1, 5, 2, 2], [3, 3, 2, 2], [4, 2, 2, 2]]), abs=1e-6)


@pytest.mark.parametrize("gamma", [1e-4, 0.01, 0.3])
def test_avellaneda_stoikov_is_the_formula_of_the_participants(gamma):
    held = np.array([-4.0, 0.0, 1.0, 3.0])
    left = np.array([1.0, 0.5, 0.25, 0.0])
    offsets = wide_offsets(AvellanedaStoikov(WIDE, gamma=gamma, sigma=1.4, k=0.5)(world(held, left)))
    for row, q, share in zip(offsets, held, left):
        bid, ask = as_quotes(0.0, float(q), gamma, 1.4, 0.5, float(share) * 10.0)
        assert row == pytest.approx([-bid, ask], abs=1e-3)


@pytest.mark.parametrize("gamma", [1e-3, 0.2])
def test_glft_is_the_formula_of_the_participants_and_of_the_paper(gamma):
    held, sigma, k, a = np.array([-7.0, 0.0, 2.0]), 0.8, 0.4, 1.7
    offsets = wide_offsets(Glft(WIDE, gamma=gamma, sigma=sigma, k=k, a=a)(world(held)))
    slope = np.sqrt(sigma**2 * gamma / (2 * k * a) * (1 + gamma / k) ** (1 + k / gamma))  # equation 4.2 of the paper
    half = np.log(1 + gamma / k) / gamma
    for row, q in zip(offsets, held):
        assert row == pytest.approx([half + (2 * q + 1) / 2 * slope, half - (2 * q - 1) / 2 * slope], abs=1e-3)
        kernel = glft_offsets(float(q), 0.5 * base_spread(gamma, k), glft_slope(a, k, gamma, sigma))
        assert row == pytest.approx(kernel, abs=1e-3)


def test_the_published_mean_spreads_come_back():
    """Avellaneda and Stoikov's table: sigma 2, k 1.5, T 1, 200 steps; mean spread 1.4918 at 0.1, 1.3490 at 0.01."""
    steps = np.arange(200) / 200
    wide = dataclasses.replace(DESK, min_offset=-10.0, max_offset=10.0, session_s=1.0)
    for gamma, mean_spread in ((0.1, 1.4918), (0.01, 1.3490)):
        actions = AvellanedaStoikov(wide, gamma=gamma, sigma=2.0, k=1.5)(world(0.0, 1 - steps)).astype(float)
        assert (actions[:, :2] * 10).sum(1).mean() == pytest.approx(mean_spread, abs=1e-4)


@pytest.mark.parametrize("name", MAKERS)
def test_candidates_differ_stay_in_range_and_the_first_ones_of_a_larger_budget_are_the_same(name):
    tries = candidates(name, DESK, 12, sigma=1.4)
    assert len(tries) == 12 and len({tuple(sorted(t.items())) for t in tries}) == 12
    assert candidates(name, DESK, 24, sigma=1.4)[:12] == tries
    first = [quotes(build(name, DESK, t)(world(0.0)))[0, 0] for t in tries]
    assert min(first) < 0.6 * max(first), "the candidates should differ"


def test_search_coordinates_mean_what_they_say():
    """A point of the tuner's space is turned into the formula's parameters; the quotes say it was the right ones."""
    point = {"half_spread": 2.5, "skew": 3.0, "qty": 2.0}
    formula = AvellanedaStoikov(WIDE, **AvellanedaStoikov.settings(DESK, 1.4, point))
    at_close, full = wide_offsets(formula(world(0.0, 0.0)))[0], wide_offsets(formula(world(10.0, 1.0)))[0]
    assert at_close == pytest.approx([2.5, 2.5], abs=1e-3)
    assert (full[0] - full[1]) / 2 == pytest.approx(3.0, abs=1e-3)
    steady = Glft(WIDE, **Glft.settings(DESK, 1.4, {**point, "ratio": 0.3}))
    flat, full = wide_offsets(steady(world(0.0)))[0], wide_offsets(steady(world(10.0)))[0]
    assert (full[0] - flat[0]) == pytest.approx(3.0, abs=1e-3)
    assert flat.mean() - 0.5 * 3.0 / 10 == pytest.approx(2.5, abs=1e-3)


def test_a_choice_is_the_nearest_quote_of_the_list():
    envs = gym.make_vec("qsl/MarketMakingDiscrete-v0", num_envs=1, offsets=(1, 2, 4, 8))
    desk, table = Desk.of(envs), envs.unwrapped.role.choices().astype(float)
    asked = {(1.0, 1.0): (1, 1), (2.9, 3.1): (2, 4), (-5.0, 99.0): (1, 8), (6.1, 2.0): (8, 2)}
    for (bid, ask), (near_bid, near_ask) in asked.items():
        (choice,) = desk.quotes(np.array([[bid]]), np.array([[ask]]), 5.0, 5.0)
        assert (table[choice, :2] + 1) / 2 * 10 == pytest.approx([near_bid, near_ask], abs=1e-5)
        assert (table[choice, 2:] == 1).all()
        (alone,) = desk.quotes(np.array([[bid]]), np.array([[ask]]), 5.0, 0.0)
        assert (table[alone, 0] + 1) / 2 * 10 == pytest.approx(near_bid) and table[alone, 2:].tolist() == [1, -1]
        (other,) = desk.quotes(np.array([[bid]]), np.array([[ask]]), 0.0, 5.0)
        assert (table[other, 1] + 1) / 2 * 10 == pytest.approx(near_ask) and table[other, 2:].tolist() == [-1, 1]
    assert desk.quotes(np.ones((1, 1)), np.ones((1, 1)), 0.0, 0.0).tolist() == [0]
    envs.close()


def test_several_symbols_are_quoted_each_by_what_is_held_together():
    envs = gym.make_vec("qsl/MultiAssetMarketMaking-v0", num_envs=1)
    desk = Desk.of(envs)
    obs = np.zeros((1, len(desk.observation_names)), np.float32)
    obs[0, [desk.column(f"inventory_{s}") for s in range(3)]] = 0.5, -0.25, 0.0
    policy = InventorySkew(desk, half_spread=5.0, skew=4.0, qty=10.0, common=0.5)
    offsets = (policy(obs).reshape(3, 4).astype(float) + 1) / 2 * 10
    # by hand: own share and half of the others'
    for row, share in zip(offsets, (0.5 - 0.125, -0.25 + 0.25, 0.125)):
        assert row == pytest.approx([5 + 4 * share, 5 - 4 * share, 10, 10], abs=1e-5)
    envs.close()


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="one of do nothing, random"):
        build("crystal ball", DESK, {})
    with pytest.raises(ConfigError, match="fixed spread: .*width"):
        build("fixed spread", DESK, {"width": 1.0})
    with pytest.raises(ConfigError, match=r"AvellanedaStoikov\.gamma"):
        AvellanedaStoikov(DESK, gamma=0.0)
    with pytest.raises(ConfigError, match="desk.kind"):
        build("TWAP", DESK)


@pytest.fixture(scope="module")
def book():
    """Offsets from 0 to 10 ticks from the known mid, 10 lots at most; its own orders are observed."""
    envs = gym.make_vec("qsl/MarketMaking-v0", num_envs=1)
    yield Desk.of(envs)
    envs.close()


def standing(desk, bids, asks):
    """Observations of rows with nothing held and own quotes at these distances from the mid; NaN: no quote."""
    obs = np.zeros((len(bids), len(desk.observation_names)), np.float32)
    for side, distances in (("bid", bids), ("ask", asks)):
        known = ~np.isnan(distances)
        obs[:, desk.column(f"own_{side}_distance")] = np.where(known, distances, 0.0) / desk.tick_scale
        obs[:, desk.column(f"own_{side}_qty")] = known * 0.3
    return obs


def ticks(desk, actions):
    """Offsets that actions stand for, by the environment's rule: whole ticks, halves away from 0."""
    return np.floor((actions[:, :2].astype(float) + 1) / 2 * desk.max_offset + 0.5)


def price(desk, actions, mid_x2=2001):
    """Prices of the quotes for a mid between two ticks, by the rule of `envs/act.py`."""
    bid, ask = ticks(desk, actions).astype(int).T
    return np.stack([(mid_x2 - 2 * bid) >> 1, (mid_x2 + 2 * ask + 1) >> 1], 1)


def test_a_quote_that_stands_near_enough_keeps_its_place(book):
    nan = np.nan
    obs = standing(book, np.array([1.0, 4.0, 5.0, nan, 0.0]), np.array([3.0, 2.0, nan, 4.4, 4.0]))
    plain, patient = FixedSpread(book, half_spread=3.0), FixedSpread(book, half_spread=3.0, stay=1.0)
    assert ticks(book, plain(obs)).tolist() == [[3, 3]] * 5
    assert ticks(book, patient(obs)).tolist() == [[3, 3], [4, 2], [3, 3], [3, 3], [3, 4]]
    # between two ticks a quote's distance is a whole number and a half: it is asked for at the price that it has
    own = np.array([1.5, 2.5, 3.5])
    held = FixedSpread(book, half_spread=2.5, stay=1.0)(standing(book, own, own))
    assert price(book, held).tolist() == [[999, 1002], [998, 1003], [997, 1004]]


def test_a_choice_keeps_a_quote_only_where_one_of_the_list_does():
    """The list has 1, 2, 4 and 8 ticks: nothing keeps a quote at 3, so the one that is wanted is asked for."""
    envs = gym.make_vec("qsl/MarketMakingDiscrete-v0", num_envs=1)
    desk, table = Desk.of(envs), envs.unwrapped.role.choices().astype(float)
    obs = standing(desk, np.array([3.0, 2.0, 4.5, 4.0]), np.array([2.5, 3.0, 8.0, 1.0]))
    chosen = FixedSpread(desk, half_spread=1.0, stay=3.5)(obs)
    assert ((table[chosen, :2] + 1) / 2 * 10).round(3).tolist() == [[1, 2], [2, 1], [4, 1], [4, 1]]
    envs.close()


def test_a_correction_smaller_than_what_a_quote_may_be_off_moves_none(book):
    obs = standing(book, np.array([3.0, 3.0, 3.0]), np.array([3.0, 3.0, 3.0]))
    policy = FixedSpread(book, half_spread=3.0, qty=4.0, stay=1.0)
    hints, change = policy.hints(obs), np.zeros((3, 6))
    assert policy.corrections[4:] == ("bid_stay_0", "ask_stay_0")
    assert np.array_equal(policy.corrected(obs, hints, change), policy(obs))
    change[:, 0], change[:, 3] = [0.15, 0.36, -0.36], 0.2  # half of the offsets is 5 ticks, all of the sizes 10 lots
    found = policy.corrected(obs, hints, change)
    assert ticks(book, found).tolist() == [[3, 3], [5, 3], [1, 3]]  # 4.8 and 1.2
    assert (found[:, 2:].astype(float) + 1) / 2 * 10 == pytest.approx(np.tile([4.0, 6.0], (3, 1)), abs=1e-5)
    change[:, 4] = [-0.2, 0.2, -0.2]  # a tick sooner, a tick later, a tick sooner
    assert ticks(book, policy.corrected(obs, hints, change)).tolist() == [[4, 3], [3, 3], [1, 3]]  # 3.75
