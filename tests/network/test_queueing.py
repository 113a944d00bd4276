"""Queueing formulas against simulated lines (Lindley's recursion in numpy, no code of ours)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qsl_envs.errors import ConfigError
from qsl_envs.network.queueing import md1_mean_in_line, md1_mean_wait_ns, md1_wait_cdf, md1k_loss, utilization

SERVICE_NS = 1_000.0


def simulated_waits(rho: float, n: int = 400_000, seed: int = 3) -> np.ndarray:
    """Waits before service: w' = max(0, w + s - gap), as reflected sums."""
    gaps = np.random.default_rng(seed).exponential(SERVICE_NS / rho, n)
    walk = np.concatenate([[0.0], np.cumsum(SERVICE_NS - gaps)])
    return walk - np.minimum.accumulate(walk)


def batch_error(values: np.ndarray, batches: int = 50) -> float:
    """Standard error of the mean of a correlated series."""
    means = values[: len(values) // batches * batches].reshape(batches, -1).mean(1)
    return means.std(ddof=1) / math.sqrt(batches)


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.8])
def test_waits_of_a_simulated_line(rho):
    waits = simulated_waits(rho)
    rate_per_s = rho / SERVICE_NS * 1e9
    assert abs(waits.mean() - md1_mean_wait_ns(rate_per_s, SERVICE_NS)) < 5 * batch_error(waits)
    for wait_ns in (0.0, 500.0, 1_500.0, 4_000.0):
        below = (waits <= wait_ns).astype(float)
        share = md1_wait_cdf(wait_ns, rate_per_s, SERVICE_NS)
        assert abs(below.mean() - share) < 5 * batch_error(below) + 1e-6
    assert md1_wait_cdf(-1.0, rate_per_s, SERVICE_NS) == 0.0


def test_line_length_is_rate_times_wait():
    assert md1_mean_wait_ns(500_000, 1_000) == pytest.approx(500.0)
    assert md1_mean_in_line(500_000, 1_000) == pytest.approx(0.25)


@pytest.mark.parametrize(("rho", "places"), [(0.5, 1), (0.5, 3), (0.9, 4), (1.0, 3), (2.0, 5)])
def test_loss_of_a_simulated_finite_line(rho, places):
    rng = np.random.default_rng(4)
    arrivals = np.cumsum(rng.exponential(SERVICE_NS / rho, 100_000))
    ends: list[float] = []
    free, lost = 0.0, np.zeros(len(arrivals))
    for at, now in enumerate(arrivals):
        while ends and ends[0] <= now:
            ends.pop(0)
        if len(ends) >= places:
            lost[at] = 1.0
            continue
        free = max(free, now) + SERVICE_NS
        ends.append(free)
    assert abs(lost.mean() - md1k_loss(rho / SERVICE_NS * 1e9, SERVICE_NS, places)) < 5 * batch_error(lost)


def test_one_place_is_erlangs_loss():
    assert md1k_loss(2e6, 1_000, 1) == pytest.approx(2 / 3)


@pytest.mark.parametrize("call", [lambda: utilization(1e6, 1_000), lambda: md1_mean_wait_ns(2e6, 1_000)])
def test_an_overloaded_line_is_an_error(call):
    with pytest.raises(ConfigError, match="rate_per_s x service_ns"):
        call()


def test_a_finite_line_needs_a_place_and_a_load():
    with pytest.raises(ConfigError, match="places"):
        md1k_loss(1e3, 1_000, 0)
    with pytest.raises(ConfigError, match="rate_per_s"):
        md1k_loss(0, 1_000, 1)
