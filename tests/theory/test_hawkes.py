"""The Hawkes process: moments, time rescaling, and the statistics that judge them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.kernel.draw import world_key
from qsl_envs.theory.hawkes import count_variance, exponential_distance, kolmogorov_p, stationary_rate
from qsl_envs.theory.hawkes_process import compensator_gaps, simulate_events
from qsl_envs.theory.models import study

SETS = [(0.2, 0.8, 1.0, 10.0), (3.0, 0.0, 2.0, 1.5), (0.5, 1.2, 4.0, 3.0), (0.05, 0.45, 0.5, 20.0)]


def test_reference_figures():
    assert stationary_rate(0.2, 0.8, 1.0) == pytest.approx(1.0)
    assert count_variance(0.2, 0.8, 1.0, 10.0) == pytest.approx(146.2, abs=0.05)


@pytest.mark.parametrize("mu, alpha, beta, window", SETS)
def test_the_variance_against_the_integral_of_the_covariance(mu, alpha, beta, window):
    """Hawkes' covariance density a L (2 b - a) / (2 (b - a)) exp(-(b - a) s), integrated by Gauss-Legendre."""
    rate = stationary_rate(mu, alpha, beta)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    s = 0.5 * window * (nodes + 1)
    density = alpha * rate * (2 * beta - alpha) / (2 * (beta - alpha)) * np.exp(-(beta - alpha) * s)
    integral = 0.5 * window * (weights * (window - s) * density).sum()
    assert count_variance(mu, alpha, beta, window) == pytest.approx(rate * window + 2 * integral, rel=1e-10)


@pytest.mark.parametrize("mu, alpha, beta, window", SETS)
def test_simulated_moments_and_time_rescaling(mu, alpha, beta, window):
    events = 8_000 if numba_config.DISABLE_JIT else 150_000
    duration = max(events / stationary_rate(mu, alpha, beta), 70 * window)
    found = study("hawkes", 4, mu=mu, alpha=alpha, beta=beta, window=window, duration=duration)
    assert all(abs(c.deviation) < 4.5 for c in found.comparisons), found.comparisons
    rescaled = found.results["compensator"]
    assert rescaled["gaps"] > events / 3 and rescaled["p_value"] > 1e-4
    assert all(
        c.standard_error < (0.6 if numba_config.DISABLE_JIT else 0.25) * c.reference for c in found.comparisons
    )  # the test could fail


def test_time_rescaling_sees_the_wrong_parameters():
    events = 4_000 if numba_config.DISABLE_JIT else 40_000
    times = np.empty(2 * events)
    n = min(len(times), simulate_events(world_key("test", 0, 0), 0.2, 0.8, 1.0, 0.0, float(events), times))
    gaps = np.empty(n - 1)
    for mu, alpha, good in ((0.2, 0.8, True), (0.2, 0.6, False), (1.0, 0.0, False)):
        compensator_gaps(mu, alpha, 1.0, times[:n], gaps)
        assert (kolmogorov_p(exponential_distance(gaps[50:]), n - 51) > 1e-3) == good


def test_the_compensator_against_its_integral():
    times, gaps = np.array([0.0, 0.5, 0.6, 2.0, 2.1]), np.empty(4)
    compensator_gaps(0.3, 0.7, 1.1, times, gaps)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    for i in range(4):
        t = times[i] + 0.5 * (times[i + 1] - times[i]) * (nodes + 1)
        intensity = 0.3 + sum(0.7 * np.exp(-1.1 * (t - s)) for s in times[: i + 1])
        integral = 0.5 * (times[i + 1] - times[i]) * (weights * intensity).sum()
        assert gaps[i] == pytest.approx(integral, rel=1e-12)


def test_times_that_do_not_fit_are_counted():
    short, long = np.empty(5), np.empty(500)
    key = world_key("test", 1, 0)
    n = simulate_events(key, 1.0, 0.5, 1.0, -10.0, 60.0, long)
    assert simulate_events(key, 1.0, 0.5, 1.0, -10.0, 60.0, short) == n > 20
    assert np.array_equal(short, long[:5]) and (np.diff(long[:n]) > 0).all() and -10 <= long[0] and long[n - 1] < 60


def test_kolmogorov_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    samples = np.random.default_rng(3).exponential(1.02, (20, 400))
    for sample in samples:
        theirs = stats.kstest(sample, "expon")
        distance = exponential_distance(sample)
        assert distance == pytest.approx(theirs.statistic, abs=1e-12)
        assert kolmogorov_p(distance, len(sample)) == pytest.approx(theirs.pvalue, abs=0.01)
    assert kolmogorov_p(1e-6, 100) == 1.0 and kolmogorov_p(0.9, 1000) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_the_reference_set_in_full():
    found = study("hawkes", 1, duration=5e6)
    assert all(abs(c.deviation) < 4 for c in found.comparisons) and found.results["compensator"]["p_value"] > 1e-4
    assert math.isclose(found.results["count_variance"], 146.24, rel_tol=0.05)
