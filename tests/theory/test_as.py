"""Avellaneda and Stoikov: exact moments, the optimum, and what the environment gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.errors import ConfigError
from qsl_envs.theory.as_exact import exact_moments
from qsl_envs.theory.as_model import AsModel
from qsl_envs.theory.as_oracle import solve
from qsl_envs.theory.avellaneda_stoikov import certainty_equivalent, simulate
from qsl_envs.theory.models import study
from qsl_envs.theory.study import deviation_and_error, mean_and_error

# gamma, strategy, mean spread, P&L, its error, sd of P&L, sd of the inventory: an independent program's simulation.
# The last digits of the two deviations are those it printed.
TABLE = [
    (0.1, "inventory", 1.4918, 64.9, 0.03, 6.55, 2.94),
    (0.1, "symmetric", 1.4918, 68.25, 0.07, 13.5, 8.4),
    (0.01, "inventory", 1.3490, 68.40, 0.04, 9.0, 5.25),
    (0.01, "symmetric", 1.3490, 68.68, 0.07, 13.7, 8.75),
    (0.5, "inventory", 2.1557, 48.6, 0.03, 5.9, 1.96),
    (0.5, "symmetric", 2.1557, 59.95, 0.06, 12.35, 6.97),
]
SMALL = {"a": 8.0, "num_steps": 10}
PLAYED = 60 if numba_config.DISABLE_JIT else 4_000


def strategy_of(model, name):
    return model.inventory_strategy() if name == "inventory" else model.symmetric_strategy()


@pytest.mark.parametrize("gamma, name, spread, pnl, error, pnl_sd, inventory_sd", TABLE)
def test_exact_moments_give_the_table(gamma, name, spread, pnl, error, pnl_sd, inventory_sd):
    model = AsModel(gamma=gamma)
    exact = exact_moments(model, strategy_of(model, name))
    assert model.mean_spread == pytest.approx(spread, abs=6e-5)
    assert exact.spread_mean == pytest.approx(spread, abs=6e-5)
    assert abs(exact.pnl_mean - pnl) < 3 * error + 0.05  # printed with one or two decimals
    assert exact.pnl_sd == pytest.approx(pnl_sd, rel=0.01)
    assert exact.inventory_sd == pytest.approx(inventory_sd, rel=0.01)


def test_the_exponential_rule_is_another_model():
    model = AsModel(fill="exponential")
    assert exact_moments(model, model.inventory_strategy()).pnl_mean == pytest.approx(57.2, abs=0.1)


@pytest.mark.parametrize("fill", ["linear", "exponential"])
@pytest.mark.parametrize("name", ["inventory", "symmetric"])
@pytest.mark.parametrize("limit", [None, 1])
def test_exact_moments_against_all_paths(fill, name, limit):
    """Three steps, every combination of fills and moves, one by one."""
    model = AsModel(a=2.0, k=0.9, gamma=0.4, sigma=1.3, horizon=1.2, num_steps=3, fill=fill)
    strategy = strategy_of(model, name)
    found = []
    for path in itertools.product(itertools.product((0, 1), (0, 1), (-1, 1)), repeat=3):
        chance, cash, q, mid, quoted = 1.0, 0.0, 0, 0.0, 0.0
        for step, (bought, sold, move) in enumerate(path):
            bid, ask = (float(x[0]) for x in strategy(step, np.array([float(q)])))
            for filled, offset, barred in ((bought, bid, q == limit), (sold, ask, limit is not None and q == -limit)):
                expected = model.a * math.exp(-model.k * offset) * model.dt
                p = min(1.0, expected) if fill == "linear" else 1 - math.exp(-expected)
                p = 0.0 if barred else p
                chance *= p if filled else 1 - p
            cash += sold * (mid + ask) - bought * (mid - bid)
            q += bought - sold
            mid += move * model.sigma * math.sqrt(model.dt)
            chance *= 0.5
            quoted += bid + ask
        found.append((chance, cash + q * mid, q, quoted / 3))
    p, pnl, q, quoted = np.array(found).T
    exact = exact_moments(model, strategy, max_inventory=limit)
    assert p.sum() == pytest.approx(1.0)
    assert exact.pnl_mean == pytest.approx((p * pnl).sum(), abs=1e-12)
    assert exact.pnl_sd == pytest.approx(math.sqrt((p * pnl**2).sum() - (p * pnl).sum() ** 2), abs=1e-10)
    assert exact.inventory_sd == pytest.approx(math.sqrt((p * q**2).sum() - (p * q).sum() ** 2), abs=1e-12)
    assert exact.spread_mean == pytest.approx((p * quoted).sum(), abs=1e-12)
    equivalent = -math.log((p * np.exp(-model.gamma * pnl)).sum()) / model.gamma
    assert exact.certainty_equivalent == pytest.approx(equivalent, abs=1e-12)


MODELS = [
    AsModel(**SMALL),
    AsModel(**SMALL, fill="exponential", gamma=0.5),
    AsModel(gamma=0.02, sigma=5.0, k=0.4, a=30.0, horizon=2.0, num_steps=25),
    AsModel(gamma=2.0, sigma=0.3, k=4.0, a=900.0, horizon=0.5, num_steps=40, fill="exponential"),
    AsModel(gamma=0.0, **SMALL),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["inventory", "symmetric"])
def test_the_environment_gives_the_exact_moments(model, name):
    strategy = strategy_of(model, name)
    seen, exact = simulate(model, strategy, PLAYED, seed=5), exact_moments(model, strategy)
    assert len(seen.pnl) == PLAYED
    for (mean, error), value in (
        (mean_and_error(seen.pnl), exact.pnl_mean),
        (deviation_and_error(seen.pnl), exact.pnl_sd),
        (deviation_and_error(seen.inventory), exact.inventory_sd),
        (mean_and_error(seen.inventory), exact.inventory_mean),
    ):
        assert error > 0 and abs(mean - value) < 4.5 * error, (mean, error, value)
    assert seen.mean_spread.mean() == pytest.approx(exact.spread_mean, rel=1e-5)


# --- the optimum --------------------------------------------------------------------------------------------------
def one_step_loss(model, oracle, step, q, bid, ask):
    """E[exp(-gamma (earned + gain to come))] from an inventory, outcome by outcome."""
    bound, total = oracle.max_inventory, 0.0
    buy, sell = (float(model.chances(np.array([d]))[0]) if np.isfinite(d) else 0.0 for d in (bid, ask))
    for bought, sold, move in itertools.product((0, 1), (0, 1), (-1, 1)):
        chance = (buy if bought else 1 - buy) * (sell if sold else 1 - sell) * 0.5
        if chance == 0.0:
            continue
        held = q + bought - sold
        earned = (bid if bought else 0.0) + (ask if sold else 0.0) + held * move * model.sigma * math.sqrt(model.dt)
        total += chance * math.exp(-model.gamma * (earned + oracle.equivalent[step + 1, held + bound]))
    return total


@pytest.mark.parametrize("model", [m for m in MODELS if m.gamma > 0])
def test_no_other_quote_is_better_at_any_step(model):
    oracle = solve(model, max_inventory=6)
    chance = np.random.default_rng(1)
    for step in (0, model.num_steps // 2, model.num_steps - 1):
        for q in (-6, -3, 0, 1, 6):
            bid, ask = oracle.bid[step, q + 6], oracle.ask[step, q + 6]
            assert (bid == np.inf) == (q == 6) and (ask == np.inf) == (q == -6)
            best = one_step_loss(model, oracle, step, q, bid, ask)
            value = math.exp(-model.gamma * oracle.equivalent[step, q + 6])
            assert best == pytest.approx(value, rel=1e-10)
            for scale in (1e-3, 0.1, 1.0):
                for _ in range(12):
                    other = bid + scale * chance.normal() / model.k, ask + scale * chance.normal() / model.k
                    assert one_step_loss(model, oracle, step, q, *other) >= best * (1 - 1e-12)


def test_the_optimum_is_above_the_papers_strategies_and_is_reached():
    model = AsModel(gamma=0.1)
    oracle = solve(model)
    paper = exact_moments(model, model.inventory_strategy()).certainty_equivalent
    plain = exact_moments(model, model.symmetric_strategy(), max_inventory=40).certainty_equivalent
    reached = exact_moments(model, oracle.strategy(), max_inventory=40).certainty_equivalent
    assert plain < paper < oracle.value
    assert reached == pytest.approx(oracle.value, rel=1e-10)
    wider = solve(model, max_inventory=60).value
    assert wider == pytest.approx(oracle.value, rel=1e-9)  # the bound does not matter


@pytest.mark.parametrize("fill", ["linear", "exponential"])
def test_the_optimal_policy_earns_its_value_in_the_environment(fill):
    model = AsModel(gamma=0.3, sigma=1.0, a=20.0, num_steps=20, fill=fill)
    oracle = solve(model, max_inventory=4)
    seen = simulate(model, oracle.strategy(), PLAYED, seed=2, max_inventory=4)
    assert np.abs(seen.inventory).max() <= 4
    equivalent, error = certainty_equivalent(seen.pnl, model.gamma)
    assert 0 < error and abs(equivalent - oracle.value) < 4.5 * error, (equivalent, error, oracle.value)


def test_the_oracle_without_risk_aversion_is_refused():
    with pytest.raises(ConfigError, match="as_oracle.gamma must be > 0"):
        solve(AsModel(gamma=0.0))


def test_far_from_risk_the_optimum_is_the_base_spread():
    """sigma = 0 and small fills: each side's best offset is ln(1 + gamma / k) / gamma."""
    model = AsModel(sigma=0.0, gamma=0.7, a=1e-3, num_steps=10)
    oracle = solve(model, max_inventory=3)
    assert oracle.bid[:, 2:-2] == pytest.approx(math.log1p(0.7 / 1.5) / 0.7, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("gamma, name, spread, pnl, error, pnl_sd, inventory_sd", TABLE)
def test_the_table_simulated(gamma, name, spread, pnl, error, pnl_sd, inventory_sd):
    found = study("avellaneda-stoikov", 11, gamma=gamma, strategy=name, episodes=100_000)
    r, errors = found.results, found.results["standard_error"]
    assert r["spread_mean"] == pytest.approx(spread, abs=1e-4)
    assert abs(r["pnl_mean"] - pnl) < 4 * math.hypot(errors["pnl_mean"], error) + 0.05
    assert r["pnl_sd"] == pytest.approx(pnl_sd, rel=0.015)
    assert r["inventory_sd"] == pytest.approx(inventory_sd, rel=0.015)
    assert all(abs(c.deviation) < 4 for c in found.comparisons)
