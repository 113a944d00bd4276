"""Quote formulas against reference results: published closed forms, eigenvalues by numpy, and simulated books."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.errors import ConfigError
from qsl_envs.kernel import draw
from qsl_envs.kernel.jit import kernel
from qsl_envs.participants import quotes
from tests.kernel.modes import in_mode

# --- Avellaneda and Stoikov -------------------------------------------------------------------------------------------

PATHS = 200 if numba_config.DISABLE_JIT else 20_000
S0, T, SIGMA, DT, K, A = 100.0, 1.0, 2.0, 0.005, 1.5, 140.0
STEPS = 200


@kernel
def _simulate(world, gamma, symmetric, pnl, inventory):
    """The paper's simulation: quotes, then fills at those quotes, then the mid moves by +-sigma sqrt(dt)."""
    move = 2.0 * 0.005**0.5
    for path in range(len(pnl)):
        skey = draw.stream_key(world, draw.FLOW, path)
        mid, cash, q = 100.0, 0.0, 0
        for step in range(200):
            left = 1.0 - step * 0.005
            if symmetric:
                spread = quotes.as_mean_spread(gamma, 2.0, 1.5, 1.0, 200)
                bid, ask = quotes.fixed_quotes(mid, spread, 0.0, q)
            else:
                bid, ask = quotes.as_quotes(mid, q, gamma, 2.0, 1.5, left)
            bought = draw.draw_unit(skey, 3 * step) < quotes.fill_probability(mid - bid, 140.0, 1.5, 0.005)
            sold = draw.draw_unit(skey, 3 * step + 1) < quotes.fill_probability(ask - mid, 140.0, 1.5, 0.005)
            if bought:
                q += 1
                cash -= bid
            if sold:
                q -= 1
                cash += ask
            mid += move if draw.draw_bits(skey, 3 * step + 2) < 0 else -move
        pnl[path] = cash + q * mid
        inventory[path] = q


ROWS = [  # gamma, symmetric, mean spread, P&L, its error, sd P&L, sd q: an independent program's
    (0.1, False, 1.4918, 64.9, 0.03, 6.55, 2.94),
    (0.1, True, 1.4918, 68.25, 0.07, 13.5, 8.4),
    (0.01, False, 1.3490, 68.40, 0.04, 9.0, 5.25),
    (0.01, True, 1.3490, 68.68, 0.07, 13.7, 8.75),
    (0.5, False, 2.1557, 48.6, 0.03, 5.9, 1.96),
    (0.5, True, 2.1557, 59.95, 0.06, 12.35, 6.97),
]


@pytest.mark.parametrize(("gamma", "symmetric", "spread", "mean", "error", "sd", "sd_q"), ROWS)
def test_avellaneda_stoikov_table(gamma, symmetric, spread, mean, error, sd, sd_q):
    assert quotes.as_mean_spread(gamma, SIGMA, K, T, STEPS) == pytest.approx(spread, abs=6e-5)
    pnl, inventory = np.empty(PATHS), np.empty(PATHS, np.int64)
    _simulate(draw.world_key("test", 11, 0), gamma, symmetric, pnl, inventory)
    rounding = 0.05  # the reference is printed with one decimal
    assert abs(pnl.mean() - mean) < 4 * math.hypot(error, sd / math.sqrt(PATHS)) + rounding
    assert pnl.std() == pytest.approx(sd, rel=0.02 + 5 / math.sqrt(2 * PATHS))
    assert inventory.std() == pytest.approx(sd_q, rel=0.02 + 5 / math.sqrt(2 * PATHS))
    assert abs(inventory.mean()) < 5 * sd_q / math.sqrt(PATHS)


def test_avellaneda_stoikov_formulas():
    for gamma, sigma, k, left, q in ((0.1, 2.0, 1.5, 0.7, 3), (0.5, 0.3, 8.0, 1.0, -7), (1e-9, 1.0, 1.0, 1.0, 2)):
        reservation = 100.0 - q * gamma * sigma**2 * left
        spread = gamma * sigma**2 * left + 2 / gamma * math.log1p(gamma / k)
        bid, ask = quotes.as_quotes(100.0, q, gamma, sigma, k, left)
        assert quotes.as_reservation(100.0, q, gamma, sigma, left) == pytest.approx(reservation, rel=1e-14)
        assert (bid + ask) / 2 == pytest.approx(reservation, rel=1e-14)
        assert ask - bid == pytest.approx(spread, rel=1e-12)
    assert quotes.base_spread(0.0, 1.5) == 2 / 1.5
    assert quotes.base_spread(1e-12, 1.5) == pytest.approx(2 / 1.5, rel=1e-11)
    assert quotes.base_spread(0.1, 1.5) == pytest.approx(1.2908, abs=5e-5)  # the paper's 2006 working version


def test_mean_spread_is_the_mean_over_the_steps():
    spreads = [quotes.as_spread(0.1, SIGMA, K, T - step * DT) for step in range(STEPS)]
    assert quotes.as_mean_spread(0.1, SIGMA, K, T, STEPS) == pytest.approx(np.mean(spreads), rel=1e-13)


def test_fill_probability_is_capped():
    assert quotes.fill_probability(0.5, A, K, DT) == pytest.approx(A * math.exp(-0.75) * DT, rel=1e-14)
    assert quotes.fill_probability(-10.0, A, K, DT) == 1.0


# --- Gueant, Lehalle and Fernandez-Tapia ------------------------------------------------------------------------------

GLFT = {"a": 0.9, "k": 0.3, "gamma": 0.01, "sigma": 0.3}


def matrix(a, k, gamma, sigma, bound):
    """M, dense, from its definition."""
    q = np.arange(-bound, bound + 1)
    eta = a * (1 + gamma / k) ** -(1 + k / gamma)
    beside = np.full(2 * bound, -eta)
    return np.diag(0.5 * k * gamma * sigma**2 * q**2) + np.diag(beside, 1) + np.diag(beside, -1)


def offsets_of(v, k, gamma):
    base = math.log1p(gamma / k) / gamma
    return base + np.log(v[:-1] / v[1:]) / k, base + np.log(v[1:] / v[:-1]) / k


def test_glft_reference_figures():
    table = quotes.glft_table(**GLFT, max_inventory=30, time_left=600.0)
    assert table.bid[[25, 30, 35, 40]] == pytest.approx([2.97252, 3.31305, 3.65348, 3.99293], abs=6e-6)
    half_base, slope = quotes.base_spread(0.01, 0.3) / 2, quotes.glft_slope(**GLFT)
    assert half_base == pytest.approx(3.278982, abs=6e-7)
    assert slope == pytest.approx(0.067866, abs=6e-7)
    closed = [quotes.glft_offsets(q, half_base, slope)[0] for q in (0, 5, 10)]
    assert closed == pytest.approx([3.31292, 3.65224, 3.99157], abs=6e-6)
    eta = quotes.glft_eta(0.9, 0.3, 0.01)
    assert quotes.glft_growth(0.5 * 0.3 * 0.01 * 0.09, eta, 30) == pytest.approx(-0.644734, abs=6e-7)


PARAMETERS = [
    (GLFT, 30, 600.0),
    (GLFT, 3, 5.0),
    ({"a": 140.0, "k": 1.5, "gamma": 0.1, "sigma": 2.0}, 10, 0.3),
    ({"a": 140.0, "k": 1.5, "gamma": 0.5, "sigma": 2.0}, 12, 1.0),
    ({"a": 2.0, "k": 5.0, "gamma": 0.001, "sigma": 1.0}, 20, 40.0),
    ({"a": 2.0, "k": 5.0, "gamma": 3.0, "sigma": 0.1}, 1, 10.0),
]


@pytest.mark.parametrize(("parameters", "bound", "left"), PARAMETERS)
def test_glft_tables_against_dense_linear_algebra(parameters, bound, left):
    values, vectors = np.linalg.eigh(matrix(**parameters, bound=bound))
    eta = quotes.glft_eta(parameters["a"], parameters["k"], parameters["gamma"])
    alpha = 0.5 * parameters["k"] * parameters["gamma"] * parameters["sigma"] ** 2
    assert quotes.glft_growth(alpha, eta, bound) == pytest.approx(values[0], rel=1e-12)

    exact = vectors @ (np.exp(-(values - values[0]) * left) * (vectors.T @ np.ones(len(values))))
    far = np.abs(vectors[:, 0])
    for v, table in (
        (exact, quotes.glft_table(**parameters, max_inventory=bound, time_left=left)),
        (far, quotes.glft_table(**parameters, max_inventory=bound)),
    ):
        bid, ask = offsets_of(v, parameters["k"], parameters["gamma"])
        assert table.bid[:-1] == pytest.approx(bid, rel=1e-7, abs=1e-9)
        assert table.ask[1:] == pytest.approx(ask, rel=1e-7, abs=1e-9)
        assert table.bid[-1] == table.ask[0] == math.inf
        assert table.bid == pytest.approx(table.ask[::-1], rel=1e-10)  # buy and sell are mirror images


def test_glft_at_the_horizon_is_the_myopic_spread():
    table = quotes.glft_table(**GLFT, max_inventory=4, time_left=0.0)
    assert table.bid[:-1] == pytest.approx(quotes.base_spread(0.01, 0.3) / 2, rel=1e-14)


def test_glft_long_horizon_is_the_limit():
    long = quotes.glft_table(**GLFT, max_inventory=6, time_left=500.0)
    limit = quotes.glft_table(**GLFT, max_inventory=6)
    assert long.bid[:-1] == pytest.approx(limit.bid[:-1], rel=1e-12)


def test_glft_without_risk_aversion():
    assert quotes.glft_slope(0.9, 0.3, 0.0, 0.3) == 0.0
    assert quotes.glft_eta(1.0, 0.3, 0.0) == pytest.approx(math.exp(-1), rel=1e-15)
    assert quotes.glft_eta(1.0, 0.3, 1e-7) == pytest.approx(math.exp(-1), rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"a": 0.0}, "a"),
        ({"gamma": 0.0}, "gamma"),
        ({"max_inventory": 0}, "max_inventory"),
        ({"time_left": -1.0}, "time"),
    ],
)
def test_glft_errors_name_the_field(changes, field):
    with pytest.raises(ConfigError, match=field):
        quotes.glft_table(**({"max_inventory": 3} | GLFT | changes))


# --- Almgren and Chriss -----------------------------------------------------------------------------------------------

IMPACT = {"sigma": 0.95, "eta": 2.5e-6, "gamma": 2.5e-7, "tau": 1.0}


@pytest.mark.parametrize(
    ("risk_aversion", "kappa", "mean", "sd"),
    [
        (1e-6, 0.607076, 911226.99, 603430.67),
        (2e-6, 0.846297, 1140715.17, 449367.65),
        (0.0, 0.0, 662500.0, 1040672.86),
    ],
)
def test_almgren_chriss_reference_figures(risk_aversion, kappa, mean, sd):
    found = quotes.ac_kappa(risk_aversion, 0.95, 2.5e-6, 2.5e-7, 1.0)
    assert found == pytest.approx(kappa, abs=6e-7)
    holdings = [quotes.ac_holdings(1e6, 5.0, float(j), found) for j in range(6)]
    if risk_aversion == 1e-6:
        assert holdings == pytest.approx([1e6, 541955.6, 289854.2, 147897.5, 62141.8, 0.0], abs=0.06)
    assert quotes.ac_cost(holdings, epsilon=0.0625, **IMPACT) == pytest.approx((mean, sd), abs=0.006)


def test_almgren_chriss_trajectory_is_optimal():
    """No small change of the holdings lowers mean + lambda x variance."""
    risk_aversion = 1e-6
    kappa = quotes.ac_kappa(risk_aversion, 0.95, 2.5e-6, 2.5e-7, 1.0)
    best = np.array([quotes.ac_holdings(1e6, 5.0, float(j), kappa) for j in range(6)])

    def utility(holdings):
        mean, sd = quotes.ac_cost(holdings, epsilon=0.0625, **IMPACT)
        return mean + risk_aversion * sd**2

    rng = np.random.default_rng(5)
    for _ in range(50):
        other = best.copy()
        other[1:-1] += rng.normal(0, 1_000, 4)
        assert utility(other) > utility(best)


def test_holdings_against_hyperbolic_sines():
    for kappa in (1e-5, 0.01, 1.0, 20.0):
        for t in (0.0, 0.3, 2.5, 4.999):
            exact = 1e6 * math.sinh(kappa * (5 - t)) / math.sinh(kappa * 5)
            assert quotes.ac_holdings(1e6, 5.0, t, kappa) == pytest.approx(exact, rel=1e-10)
    assert quotes.ac_holdings(1e6, 5.0, 1.0, 1e4) == 0.0  # no overflow
    assert quotes.ac_holdings(1e6, 5.0, 5.0, 1.0) == quotes.ac_holdings(1e6, 5.0, 6.0, 1.0) == 0.0


@pytest.mark.parametrize(("qty", "slices", "kappa"), [(10, 5, 0.0), (1_000_003, 7, 0.6), (3, 10, 1.0), (0, 4, 1.0)])
def test_schedule_sums_to_the_order(qty, slices, kappa):
    lots = quotes.ac_schedule(qty, 5.0, slices, kappa)
    assert lots.sum() == qty and (lots >= 0).all() and len(lots) == slices
    held = qty - np.cumsum(lots)
    for j in range(slices):
        assert abs(held[j] - quotes.ac_holdings(float(qty), 5.0, 5.0 * (j + 1) / slices, kappa)) <= 0.5 + 1e-6


def test_schedule_errors_name_the_field():
    for args, field in (((-1, 5.0, 5, 0.1), "qty"), ((1, 5.0, 0, 0.1), "num_slices"), ((1, 0.0, 5, 0.1), "horizon")):
        with pytest.raises(ConfigError, match=field):
            quotes.ac_schedule(*args)


# --- Fixed spread, and the grid ---------------------------------------------------------------------------------------


def test_fixed_quotes_lean_against_the_inventory():
    assert quotes.fixed_quotes(100.0, 4.0, 0.0, 9) == (98.0, 102.0)
    assert quotes.fixed_quotes(100.0, 4.0, 0.5, 2) == (97.0, 101.0)
    assert quotes.fixed_quotes(100.0, 4.0, 0.5, -2) == (99.0, 103.0)


@pytest.mark.parametrize("price", [3.0, 3.2, 2.999999, -3.0, -3.2, 0.0, -0.5, 1e9 + 0.5])
def test_grid(price):
    assert quotes.floor_tick(price) == math.floor(price)
    assert quotes.ceil_tick(price) == math.ceil(price)


def sample() -> str:
    """Bits of every formula at odd arguments."""
    table = quotes.glft_table(**GLFT, max_inventory=7, time_left=33.0)
    limit = quotes.glft_table(**GLFT, max_inventory=7)
    values = [
        *quotes.as_quotes(100.3, -3, 0.13, 1.7, 1.1, 0.77),
        quotes.as_mean_spread(0.13, 1.7, 1.1, 1.0, 77),
        quotes.fill_probability(0.77, 3.0, 1.3, 0.01),
        *quotes.glft_offsets(3, 1.1, quotes.glft_slope(**GLFT)),
        quotes.ac_kappa(1e-6, 0.95, 2.5e-6, 2.5e-7, 1.0),
        quotes.ac_holdings(1e6, 5.0, 1.7, 0.6),
        *table.bid[:-1],
        *limit.ask[1:],
    ]
    return " ".join(float(value).hex() for value in values)


def test_same_bits_compiled_and_interpreted():
    compiled = in_mode("tests.participants.test_quotes", "sample", interpreted=False)
    assert compiled == in_mode("tests.participants.test_quotes", "sample", interpreted=True)
    assert compiled == sample() and len(compiled.split()) == 36
