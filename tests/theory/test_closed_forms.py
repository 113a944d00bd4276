"""Almgren-Chriss and GLFT: the studies against printed figures, linear algebra and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.errors import ConfigError
from qsl_envs.theory.models import study

PATHS = 200 if numba_config.DISABLE_JIT else 20_000


def chriss(**given):
    return study("almgren-chriss", 2, **{"paths": PATHS, **given})


def test_almgren_chriss_reference_figures():
    r = chriss().results
    assert r["kappa"] == pytest.approx(0.607076, abs=6e-7)
    assert r["expected_cost"] == pytest.approx(911226.99, abs=0.006)
    assert r["cost_sd"] == pytest.approx(603430.67, abs=0.006)
    assert r["trajectory"] == pytest.approx([1e6, 541955.6, 289854.2, 147897.5, 62141.8, 0.0], abs=0.06)
    r = chriss(**{"lambda": 2e-6}).results
    assert r["kappa"] == pytest.approx(0.846297, abs=6e-7)
    assert (r["expected_cost"], r["cost_sd"]) == pytest.approx((1140715.17, 449367.65), abs=0.006)
    r = chriss(**{"lambda": 0}).results
    assert r["kappa"] == 0 and (r["expected_cost"], r["cost_sd"]) == pytest.approx((662500, 1040672.86), abs=0.006)
    assert r["trajectory"] == pytest.approx([1e6, 8e5, 6e5, 4e5, 2e5, 0.0])


def best_trajectory(qty, horizon, slices, sigma, gamma, eta, averse):
    """The minimum of cost + lambda variance, from its normal equations: a linear system in the inner holdings."""
    tau = horizon / slices
    c = (eta - 0.5 * gamma * tau) / tau
    matrix = np.zeros((slices + 1, slices + 1))
    matrix[0, 0] = matrix[-1, -1] = 1.0
    for j in range(1, slices):
        matrix[j, j - 1] = matrix[j, j + 1] = -2 * c
        matrix[j, j] = 4 * c + 2 * averse * sigma**2 * tau
    return np.linalg.solve(matrix, [qty, *np.zeros(slices)])


@pytest.mark.parametrize(
    "given",
    [
        {"X": 5e4, "T": 2.0, "N": 12, "sigma": 0.3, "gamma": 1e-6, "eta": 3e-5, "lambda": 1e-5},
        {"X": 100.0, "T": 0.5, "N": 40, "sigma": 2.0, "gamma": 0.0, "eta": 0.01, "lambda": 0.02},
        {"X": 1e6, "T": 10.0, "N": 3, "sigma": 0.1, "gamma": 1e-7, "eta": 1e-6, "lambda": 1e-4},
        {"X": 7.0, "T": 1.0, "N": 1, "lambda": 0.5},
    ],
)
def test_the_trajectory_is_the_minimum_and_costs_what_it_says(given):
    found = chriss(**given)
    p = found.results["parameters"]
    best = best_trajectory(p["X"], p["T"], p["N"], p["sigma"], p["gamma"], p["eta"], p["lambda"])
    assert found.results["trajectory"] == pytest.approx(best, rel=1e-8, abs=1e-9 * p["X"])
    assert all(abs(c.deviation) < 4.5 for c in found.comparisons), found.comparisons
    if p["N"] > 1:
        assert found.comparisons[0].standard_error > 0


# --- GLFT ---------------------------------------------------------------------------------------------------------
GLFT = {"A": 0.9, "k": 0.3, "gamma": 0.01, "sigma": 0.3, "Q": 30}


@pytest.mark.parametrize("q, exact, closed", [(-5, 2.97252, None), (0, 3.31305, 3.31292), (5, 3.65348, 3.65224),
                                              (10, 3.99293, 3.99157)])  # fmt: skip
def test_glft_reference_figures(q, exact, closed):
    for left in (None, 600.0):
        r = study("glft", **GLFT, inventory=q, T=left).results
        assert r["bid_offset"] == pytest.approx(exact, abs=6e-6)
        if closed:
            assert r["closed_form"]["bid_offset"] == pytest.approx(closed, abs=6e-6)
    assert (r["smallest_eigenvalue"], r["base"]) == pytest.approx((-0.644734, 3.278982), abs=6e-7)
    assert study("glft", **GLFT, inventory=-q).results["ask_offset"] == pytest.approx(exact, abs=6e-6)


@pytest.mark.parametrize("left", [None, 0.0, 0.7, 12.0])
@pytest.mark.parametrize("given", [GLFT, {"A": 50.0, "k": 2.0, "gamma": 0.4, "sigma": 1.5, "Q": 5}])
def test_glft_against_dense_matrices(given, left):
    a, k, gamma, sigma, bound = (given[name] for name in ("A", "k", "gamma", "sigma", "Q"))
    q = np.arange(-bound, bound + 1)
    eta = a * (1 + gamma / k) ** -(1 + k / gamma)
    m = np.diag(0.5 * k * gamma * sigma**2 * q**2)
    m -= eta * (np.eye(len(q), k=1) + np.eye(len(q), k=-1))
    if left is None:
        v = np.abs(np.linalg.eigh(m)[1][:, 0])
    else:
        v = pytest.importorskip("scipy.linalg").expm(-m * left) @ np.ones(len(q))
    for held in (-2, 0, 1, 4):
        r = study("glft", **given, inventory=held, T=left).results
        at, base = held + bound, np.log1p(gamma / k) / gamma
        assert r["bid_offset"] == pytest.approx(base + np.log(v[at] / v[at + 1]) / k, rel=1e-8)
        assert r["ask_offset"] == pytest.approx(base + np.log(v[at] / v[at - 1]) / k, rel=1e-8)


def test_glft_where_the_eigenvector_spans_more_than_floats_do():
    """Far out the offset follows from the recurrence alone: eta (v_{q+1} + v_{q-1}) = (alpha q^2 - growth) v_q."""
    given = {"A": 5.0, "k": 0.1, "gamma": 2.0, "sigma": 3.0, "Q": 400}
    r = study("glft", **given, inventory=350).results
    eta = 5.0 * 21.0**-1.05
    ratio = np.exp(0.1 * (r["ask_offset"] - r["base"]))  # v_q / v_{q-1}
    assert 1 / ratio == pytest.approx((0.9 * 350**2 - r["smallest_eigenvalue"]) / eta, rel=1e-5)
    with pytest.raises(ConfigError, match="--Q must be so small that v does not vanish"):
        study("glft", **{**given, "Q": 150}, T=0.05)


def test_glft_at_the_bound():
    r = study("glft", **GLFT, inventory=30).results
    assert r["bid_offset"] is None and r["ask_offset"] < 3.0
    assert "none, the bound is reached" in study("glft", **GLFT, inventory=30).text()
