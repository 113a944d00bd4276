"""The study of a Hawkes process: rate, variance of counts in windows, and time rescaling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qsl_envs.kernel.draw import world_key
from qsl_envs.theory.hawkes_process import compensator_gaps, simulate_events
from qsl_envs.theory.study import Comparison, Model, Study, mean_and_error

REPLICAS = 32
MAX_GAPS = 200_000
"""Gaps that the test of time rescaling looks at."""


def stationary_rate(mu: float, alpha: float, beta: float) -> float:
    """Events per unit of time far from the start: mu / (1 - alpha / beta)."""
    return mu / (1.0 - alpha / beta)


def count_variance(mu: float, alpha: float, beta: float, window: float) -> float:
    """Variance of the number of events in a window of a stationary process (Hawkes 1971), in closed form."""
    rate, calm = stationary_rate(mu, alpha, beta), 1.0 - alpha / beta
    decay = -math.expm1(-(beta - alpha) * window) / (beta - alpha)
    return rate * (window / calm**2 + (1.0 - 1.0 / calm**2) * decay)


def kolmogorov_p(distance: float, n: int) -> float:
    """P(a sample of n from the supposed law is farther from it), with Stephens' correction of the limit law."""
    x = distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    if x < 0.2:
        return 1.0
    total = sum((-1) ** (j - 1) * math.exp(-2.0 * j * j * x * x) for j in range(1, 101))
    return min(1.0, max(0.0, 2.0 * total))


def exponential_distance(gaps: np.ndarray) -> float:
    """Kolmogorov's distance of a sample from the unit exponential law."""
    at = -np.expm1(-np.sort(gaps))
    steps = np.arange(len(gaps) + 1) / len(gaps)
    return float(max((steps[1:] - at).max(), (at - steps[:-1]).max()))


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Simulate, count, rescale."""
    mu, alpha, beta, window = (values[name] for name in ("mu", "alpha", "beta", "window"))
    model.require(alpha < beta, "alpha", f">= 0 and < beta = {beta:g}: else the process explodes", alpha)
    span = values["duration"] / REPLICAS
    windows = int(span / window + 1e-9)
    model.require(windows >= 2, "duration", f">= {2 * REPLICAS} windows of {window:g}", values["duration"])
    rate, variance = stationary_rate(mu, alpha, beta), count_variance(mu, alpha, beta, window)
    burn_in = 40.0 / (beta - alpha)
    room = rate * (span + burn_in) + 10.0 * math.sqrt(count_variance(mu, alpha, beta, span + burn_in)) + 1000.0
    allowed = f"at most about {1e8 * values['duration'] / (rate * values['duration'] + 1e5):.3g} at this rate"
    model.require(room < 1e8, "duration", allowed, values["duration"])
    times = np.empty(int(room))
    rates, counts = np.empty(REPLICAS), np.empty((REPLICAS, windows))
    gaps = np.empty(0)
    for r in range(REPLICAS):
        n = simulate_events(world_key("theory", seed, r), mu, alpha, beta, -burn_in, span, times)
        while n > len(times):
            times = np.empty(2 * n)
            n = simulate_events(world_key("theory", seed, r), mu, alpha, beta, -burn_in, span, times)
        early = int(np.searchsorted(times[:n], 0.0))
        rates[r] = (n - early) / span
        counts[r] = np.histogram(times[early:n], windows, (0.0, windows * window))[0]
        if len(gaps) < MAX_GAPS and n > 1:
            fresh = np.empty(n - 1)
            compensator_gaps(mu, alpha, beta, times[:n], fresh)
            gaps = np.concatenate([gaps, fresh])[:MAX_GAPS]
    seen_rate, rate_error = mean_and_error(rates)
    seen_variance, variance_error = mean_and_error(((counts - counts.mean()) ** 2).mean(axis=1))
    distance = exponential_distance(gaps) if len(gaps) else 1.0
    p_value = kolmogorov_p(distance, len(gaps)) if len(gaps) else 0.0
    results = {
        "model": "hawkes", "parameters": values, "seed": seed, "rate": seen_rate, "count_variance": seen_variance,
        "standard_error": {"rate": rate_error, "count_variance": variance_error},
        "exact": {"rate": rate, "count_variance": variance},
        "compensator": {"gaps": len(gaps), "mean": float(gaps.mean()) if len(gaps) else None,
                        "kolmogorov_distance": distance, "p_value": p_value},
    }  # fmt: skip
    comparisons = [
        Comparison("rate", seen_rate, rate_error, rate, "mu / (1 - n)"),
        Comparison(f"variance of counts in {window:g}", seen_variance, variance_error, variance, "closed form"),
    ]
    if len(gaps) > 1:
        mean, error = mean_and_error(gaps)
        comparisons.append(Comparison("mean gap of the compensator", mean, error, 1.0, "time rescaling"))
    words = "nothing speaks against" if p_value > 0.001 else "that is NOT"
    return Study(
        f"Hawkes process, exponential kernel: {int(rates.sum() * span):,} events in {REPLICAS} independent stretches",
        results,
        ingredients=[
            ("intensity", "mu + sum alpha exp(-beta (t - t_i))", f"{mu:g} + jumps of {alpha:g}, half-life "
             f"{math.log(2) / beta:.4g}"),
            ("branching ratio", "n = alpha / beta", alpha / beta),
            ("rate", "L = mu / (1 - n)", rate),
            ("clustering", "Var N / E N far out: 1 / (1 - n)^2", 1.0 / (1.0 - alpha / beta) ** 2),
            ("variance of counts", "L [w/(1-n)^2 + (1-1/(1-n)^2) (1-exp(-(beta-alpha) w))/(beta-alpha)]", variance),
            ("left out at the start", "40 / (beta - alpha)", burn_in),
        ],
        comparisons=comparisons,
        notes=[
            f"time rescaling: {len(gaps):,} gaps of the compensator against the unit exponential law: Kolmogorov "
            f"distance {distance:.2g}, p-value {p_value:.3g}; {words} a Hawkes process of these parameters"
        ],
    )  # fmt: skip
