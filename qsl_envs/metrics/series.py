"""Statistics of a series: autocorrelation, excess kurtosis, runs, power laws. No unit, except where it says so."""

from __future__ import annotations

import numpy as np

from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import constant, numbers, ratio


def autocorrelation(values: np.ndarray, max_lag: int) -> np.ndarray:
    """Sample autocorrelation at lags 1 to `max_lag`.

    Args:
        values: float64 (..., time), without NaN, longer than `max_lag`.
        max_lag: from 1.
    Returns: float64 (..., max_lag), in [-1, 1]; NaN for a series without variance.
    Raises: MetricError naming the argument.

    Source: Box and Jenkins (1976): sums of n - lag products over the sum of n squares, which never exceeds 1.
    """
    values = _clean("autocorrelation", values)
    length = values.shape[-1]
    require(1 <= max_lag < length, "autocorrelation", "max_lag", f"in [1, {length - 1}]", max_lag, MetricError)
    centered = values - values.mean(-1, keepdims=True)
    power = np.where(constant(values), 0.0, (centered**2).sum(-1))
    products = [(centered[..., lag:] * centered[..., :-lag]).sum(-1) for lag in range(1, max_lag + 1)]
    return ratio(np.stack(products, -1), power[..., None])


def excess_kurtosis(values: np.ndarray) -> np.ndarray:
    """Fourth central moment over the squared variance, less 3: 0 for normal values, more with fatter tails.

    Args:
        values: float64 (..., time), without NaN.
    Returns: float64 (...), >= -2; NaN for a series without variance.

    Source: Cont (2001); the moment estimator g2 of Joanes and Gill (1998).
    """
    values = _clean("excess_kurtosis", values)
    centered = values - values.mean(-1, keepdims=True)
    variance = np.where(constant(values), 0.0, (centered**2).mean(-1))
    return ratio((centered**4).mean(-1), variance**2) - 3.0


def run_lengths(signs: np.ndarray) -> np.ndarray:
    """Lengths of the runs of equal values, in order, int64 (run,); they sum to the length of `signs`."""
    signs = np.asarray(signs)
    require(signs.ndim == 1, "run_lengths", "signs", "an array of 1 dimension", signs.shape, MetricError)
    starts = np.flatnonzero(np.diff(signs, prepend=signs[:1] + 1) != 0)
    return np.diff(np.append(starts, len(signs)))


def power_exponent(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of log y on log x by least squares, over the pairs where both are positive; NaN with fewer than three."""
    x, y = numbers("power_exponent", "x", x, 1), numbers("power_exponent", "y", y, 1)
    require(len(x) == len(y), "power_exponent", "y", f"of length {len(x)}", len(y), MetricError)
    held = (x > 0) & (y > 0)
    if held.sum() < 3:
        return float("nan")
    log_x, log_y = np.log(x[held]), np.log(y[held])
    centered = log_x - log_x.mean()
    power = float((centered**2).sum())
    return float((centered * log_y).sum() / power) if power > 0 else float("nan")


def binned_means(x: np.ndarray, y: np.ndarray, num_bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of x and of y, and the counts, in bins of x that hold about equally many.

    Equal x are never parted, so there may be fewer than `num_bins`.
    """
    x, y = numbers("binned_means", "x", x, 1), numbers("binned_means", "y", y, 1)
    require(len(x) == len(y), "binned_means", "y", f"of length {len(x)}", len(y), MetricError)
    require(num_bins >= 1, "binned_means", "num_bins", ">= 1", num_bins, MetricError)
    if len(x) == 0:
        return np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
    edges = np.unique(np.quantile(x, np.linspace(0, 1, num_bins + 1)[1:-1], method="higher"))
    place = np.searchsorted(edges, x, side="right")
    counts = np.bincount(place, minlength=len(edges) + 1)
    used = counts > 0
    means = [np.bincount(place, values, len(edges) + 1)[used] / counts[used] for values in (x, y)]
    return means[0], means[1], counts[used]


def _clean(owner: str, values: np.ndarray) -> np.ndarray:
    values = numbers(owner, "values", values)
    require(not np.isnan(values).any(), owner, "values", "without NaN", "NaN", MetricError)
    require(values.shape[-1] >= 1, owner, "values", "of at least one element", values.shape, MetricError)
    return values
