"""The optimum of the Avellaneda-Stoikov environment: by brute force, in the limit of small steps, and by simulation."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from scipy.linalg import expm

import qsl_envs  # noqa: F401  registers the environments
from baselines.evaluate import Worlds, evaluate
from baselines.policies.desk import Desk
from baselines.policies.library import build
from baselines.policies.oracle import Optimal, certainty_equivalent, neutral_offset, optimum
from qsl_envs.front_door import LADDER
from qsl_envs.participants.quotes import glft_table
from qsl_envs.theory.as_model import AsModel

ID = "qsl/AvellanedaStoikov-v0"


def make(num_envs=1, **settings):
    return gym.make_vec(ID, num_envs=num_envs, autoreset_mode="SameStep", step_info=True, **settings)


def brute_force(model: AsModel, limit: int, offsets: np.ndarray) -> float:
    """Certainty equivalent by trying every pair of offsets of a grid in every state, outcome by outcome."""
    gamma, move = model.gamma, model.sigma * np.sqrt(model.dt)
    chance = model.chances(offsets)
    worth = dict.fromkeys(range(-limit, limit + 1), 1.0)  # E[exp(-gamma gain to come)] by inventory
    for _ in range(model.num_steps):
        after = {q: w * 0.5 * (np.exp(gamma * q * move) + np.exp(-gamma * q * move)) for q, w in worth.items()}
        paid = np.exp(-gamma * offsets)
        for q in worth:
            buy, sell = chance * (q < limit), chance * (q > -limit)
            up, down = after.get(q + 1, 0.0), after.get(q - 1, 0.0)
            table = np.outer(1 - buy, 1 - sell) * after[q] + np.outer(buy * paid, sell * paid) * after[q]
            table += np.outer(buy * paid, 1 - sell) * up + np.outer(1 - buy, sell * paid) * down
            worth[q] = table.min()
    return -np.log(worth[0]) / gamma


@pytest.mark.parametrize("fill", ["linear", "exponential"])
def test_it_is_the_best_of_all_quotes(fill):
    """Three steps, two lots: all pairs of 500 x 500 offsets in every state find the same value, to the grid's width."""
    settings = {"horizon": 0.03, "dt": 0.01, "gamma": 0.8, "sigma": 3.0, "a": 60.0, "k": 1.2, "max_inventory": 2}
    envs = make(fill=fill, min_offset=-3.0, max_offset=6.0, **settings)
    found = optimum(envs)
    model = AsModel(gamma=0.8, sigma=3.0, k=1.2, a=60.0, horizon=0.03, num_steps=3, fill=fill)
    best = brute_force(model, 2, np.linspace(-1.0, 6.0, 500))
    assert best <= found.certainty_equivalent + 1e-12 and found.certainty_equivalent == pytest.approx(best, abs=1e-4)
    assert best > 0.5


def test_small_steps_lead_to_the_closed_form_of_continuous_time():
    """Gueant, Lehalle and Fernandez-Tapia: v(T) = exp(-M T) 1; offsets from its ratios, the value is ln(v_0) / k."""
    gamma, sigma, k, a, limit = 0.2, 1.5, 1.4, 8.0, 3
    alpha, eta = k * gamma * sigma**2 / 2, a * (1 + gamma / k) ** -(1 + k / gamma)
    q = np.arange(-limit, limit + 1)
    matrix = np.diag(alpha * q**2.0) - eta * (np.eye(2 * limit + 1, k=1) + np.eye(2 * limit + 1, k=-1))
    exact = np.log((expm(-matrix) @ np.ones(2 * limit + 1))[limit]) / k
    errors = []
    for dt in (0.01, 0.0025):
        envs = make(dt=dt, gamma=gamma, sigma=sigma, k=k, a=a, max_inventory=limit, min_offset=-8.0, max_offset=8.0)
        errors.append(abs(optimum(envs).certainty_equivalent - exact))
    assert errors[1] < 0.3 * errors[0] and errors[1] < 0.002 * exact
    policy = Optimal(Desk.of(make(dt=0.001, gamma=gamma, sigma=sigma, k=k, a=a, min_offset=-8.0, max_offset=8.0)))
    obs = np.array([[1.0, held / 10, 0.0] for held in (-2, 0, 1)], np.float32)
    table = glft_table(a, k, gamma, sigma, 30, time_left=1.0)
    offsets = policy(obs).astype(float) * 8
    assert offsets[:, 0] == pytest.approx(table.bid[[28, 30, 31]], abs=5e-3)
    assert offsets[:, 1] == pytest.approx(table.ask[[28, 30, 31]], abs=5e-3)


@pytest.mark.parametrize("fill", ["linear", "exponential"])
def test_it_earns_its_value_in_the_environment_and_others_earn_less(fill):
    envs = make(fill=fill)
    desk, exact = Desk.of(envs), optimum(envs)
    gamma = exact.gamma
    assert gamma == 0.1
    policies = {"optimal": Optimal(desk), "AS": build("Avellaneda-Stoikov", desk, {"gamma": 0.1, "sigma": 2, "k": 1.5})}
    results = evaluate(policies, Worlds(lambda n: make(n, fill=fill, split="test"), 2000, block=500))
    found = certainty_equivalent(results["optimal"]["pnl"], gamma)
    assert found.low < exact.certainty_equivalent < found.high
    assert found.high - found.low < 0.03 * exact.certainty_equivalent
    assert certainty_equivalent(results["AS"]["pnl"], gamma).mean < found.mean
    assert results["optimal"]["pnl"].mean() == pytest.approx(exact.pnl_mean, abs=4 * exact.pnl_sd / 2000**0.5)


def test_the_published_optimum_and_the_front_doors():
    assert optimum(make()).certainty_equivalent == pytest.approx(65.25, abs=0.01)  # as on the environment's page
    neutral = optimum(gym.make_vec(LADDER[0].env_id, num_envs=1), risk_aversion=0.0)
    assert neutral.certainty_equivalent == neutral.pnl_mean
    # 200 steps, two sides, 0.7 fills expected at the mid, the best offset is 1 / k
    assert neutral.pnl_mean == pytest.approx(400 * 0.7 * np.exp(-1) / 1.5, rel=1e-9)
    assert LADDER[0].threshold < 0.98 * neutral.pnl_mean


@pytest.mark.parametrize("a", [1.0, 140.0, 2000.0])
@pytest.mark.parametrize("fill", ["linear", "exponential"])
def test_without_risk_aversion_a_quote_earns_most_where_the_search_says(a, fill):
    model = AsModel(gamma=0.0, a=a, fill=fill)
    tried = np.linspace(0.01, 8.0, 200_000)
    assert neutral_offset(model) == pytest.approx(tried[(model.chances(tried) * tried).argmax()], abs=1e-3)


def test_a_certainty_equivalent_is_that_of_a_normal_law():
    """Of a normal P&L it is mean - gamma variance / 2."""
    pnl = 50 + 3 * np.random.default_rng(1).standard_normal(20_000)
    found = certainty_equivalent(pnl, 0.2)
    assert found.low < 50 - 0.1 * 9 < found.high and found.high - found.low < 0.3
    assert certainty_equivalent(pnl, 0.0).mean == pnl.mean()
