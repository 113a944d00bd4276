"""Scripted policies: what they ask for in ticks and lots, read back from their actions."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.scripted import POLICIES, AvellanedaStoikov, Desk, FixedSpread, InventorySkew, Random, build, candidates
from baselines.tune import TUNED
from qsl_envs.errors import ConfigError
from qsl_envs.participants.quotes import as_quotes
from tests.baselines.toys import Shop, Steering

DESK = Desk.of(Shop(1))


def world(inventory=0.0, time_left=1.0):
    """Observations of a shop that holds `inventory` lots."""
    inventory, time_left = np.broadcast_arrays(inventory, time_left)
    return np.stack([inventory / 10, time_left, np.full(inventory.shape, 2.0)], -1).reshape(-1, 3).astype(np.float32)


def quotes(actions):
    """Offsets in ticks (0 to 8) and sizes in lots (0 to 2) that actions stand for, by the environment's rule."""
    return (actions.astype(float) + 1) / 2 * np.array([8, 8, 2, 2])


def test_a_desk_reads_the_environment():
    assert DESK._asdict() == {
        "inventory": 0, "time_left": 1, "min_offset": 0, "max_offset": 8, "max_quote_qty": 2, "max_inventory": 10,
        "session_ns": 10_000_000_000, "step_ns": 500_000_000,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="inventory"):
        Desk.of(Steering(1))


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
    wide = DESK._replace(min_offset=-1000, max_offset=1000)
    found = AvellanedaStoikov(wide, gamma=gamma, sigma=1.4, k=0.5)(world(held, left))
    offsets = (found[:, :2].astype(float) + 1) / 2 * 2000 - 1000
    for row, q, share in zip(offsets, held, left):
        bid, ask = as_quotes(0.0, float(q), gamma, 1.4, 0.5, float(share) * 10.0)
        assert row == pytest.approx([-bid, ask], abs=1e-3)


def test_the_published_mean_spreads_come_back():
    """Avellaneda and Stoikov's table: sigma 2, k 1.5, T 1, 200 steps; mean spread 1.4918 at 0.1, 1.3490 at 0.01."""
    steps = np.arange(200) / 200
    wide = DESK._replace(min_offset=-10, max_offset=10, session_ns=10**9)
    for gamma, mean_spread in ((0.1, 1.4918), (0.01, 1.3490)):
        actions = AvellanedaStoikov(wide, gamma=gamma, sigma=2.0, k=1.5)(world(0.0, 1 - steps)).astype(float)
        assert (actions[:, :2] * 10).sum(1).mean() == pytest.approx(mean_spread, abs=1e-4)


def test_random_covers_the_space_and_does_not_depend_on_the_batch():
    policy, obs = Random(DESK), world(np.zeros(400))
    policy.reset(np.arange(400))
    whole = np.stack([policy(obs) for _ in range(50)])
    policy.reset(np.arange(123, 130))
    part = np.stack([policy(obs[:7]) for _ in range(50)])
    assert np.array_equal(part, whole[:, 123:130])
    assert np.abs(whole).max() <= 1 and np.abs(whole.mean((0, 1))).max() < 0.02
    assert whole.var((0, 1)) == pytest.approx(np.full(4, 1 / 3), abs=0.01)
    flat = whole.reshape(-1, 4)
    assert np.abs(np.corrcoef(np.hstack([flat[:-1], flat[1:]]).T) - np.eye(8)).max() < 0.03


@pytest.mark.parametrize("name", TUNED)
def test_every_policy_with_parameters_has_twelve_candidates_that_quote_inside_the_range(name):
    tries = candidates(name, DESK, sigma=1.4)
    assert len(tries) == 12 and len({tuple(sorted(t.items())) for t in tries}) == 12
    first = [quotes(build(name, DESK, t)(world(0.0)))[0, 0] for t in tries]
    assert min(first) < 0.5 * max(first), "the candidates should differ"


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="one of do nothing, random"):
        build("oracle", DESK, {})
    with pytest.raises(ConfigError, match="fixed spread: .*width"):
        build("fixed spread", DESK, {"width": 1.0})
    with pytest.raises(ConfigError, match=r"AvellanedaStoikov\.gamma"):
        AvellanedaStoikov(DESK, gamma=0.0)


@pytest.mark.parametrize("name", POLICIES)
def test_actions_are_float32_in_the_box(name):
    policy = build(name, DESK, {})
    policy.reset(np.arange(9))
    actions = policy(world(np.linspace(-10, 10, 9), 0.4))
    assert actions.shape == (9, 4) and actions.dtype == np.float32 and np.abs(actions).max() <= 1
