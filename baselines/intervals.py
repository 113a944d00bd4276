"""How sure an average is: bootstrap over worlds and training seeds, and the summaries of Agarwal et al. (2021).

A score matrix has one row a training seed and one column a world; a policy that was not trained has one row. All seeds
meet the same worlds, so a bootstrap draws rows and columns (Owen 2007, "The pigeonhole bootstrap"), and a difference of
two policies on the same worlds draws the same columns for both. NaN marks a world in which a figure does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from qsl_envs.errors import MetricError, require

RESAMPLES = 4000
LEVEL = 95.0
"""Percent that an interval should hold."""
CHUNK = 250
"""Resamples drawn at once: what bounds the memory."""


class Estimate(NamedTuple):
    """A figure and its bootstrap interval (95 %)."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.mean):
            return "-"
        digits = 3 if max(abs(self.low), abs(self.high)) < 1 else 1 if max(abs(self.low), abs(self.high)) < 100 else 0
        return f"{self.mean:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


NOTHING = Estimate(np.nan, np.nan, np.nan)


def matrix(scores: np.ndarray) -> np.ndarray:
    """Scores as float64 (seed, world): one row for a flat array of worlds.

    Raises: MetricError for another number of dimensions.
    """
    scores = np.asarray(scores, np.float64)
    allowed = "of shape (world,) or (seed, world)"
    require(scores.ndim in (1, 2), "intervals", "scores", allowed, scores.shape, MetricError)
    return np.atleast_2d(scores)


def iqm(scores: np.ndarray) -> float:
    """Interquartile mean: the mean of what remains when a quarter is cut off at either end, NaN left out.

    As `scipy.stats.trim_mean(scores, 0.25)`: a quarter is rounded down to whole scores. Source: Agarwal et al. (2021).
    """
    values = np.sort(np.asarray(scores, np.float64).ravel())
    values = values[~np.isnan(values)]
    cut = len(values) // 4
    kept = values[cut : len(values) - cut]
    return float(kept.mean()) if len(kept) else float("nan")


def bootstrap(scores: np.ndarray, seed: int = 0) -> Estimate:
    """Mean with its percentile bootstrap interval (Efron 1979), over worlds and, with several rows, training seeds.

    Args:
        scores: float64 (world,) or (seed, world).
        seed: of the resamples.
    """
    values = matrix(scores)
    means = np.concatenate([_means(values, rows, columns) for rows, columns in _resamples(values.shape, seed)])
    return _estimate(_mean(values), means)


def bootstrap_iqm(scores: np.ndarray, seed: int = 0) -> Estimate:
    """Interquartile mean over all (seed, world) with its percentile bootstrap interval."""
    values = matrix(scores)
    found = []
    for rows, columns in _resamples(values.shape, seed):
        drawn = np.sort(values[rows[:, :, None], columns[:, None, :]].reshape(len(rows), -1), 1)  # NaN go last
        count = (~np.isnan(drawn)).sum(1)
        cut = count // 4
        place = np.arange(drawn.shape[1])
        kept = (place >= cut[:, None]) & (place < (count - cut)[:, None])
        with np.errstate(invalid="ignore"):
            found.append(np.where(kept, drawn, 0.0).sum(1) / kept.sum(1))
    return _estimate(iqm(values), np.concatenate(found))


def paired_difference(scores: np.ndarray, reference: np.ndarray, seed: int = 0) -> Estimate:
    """Mean difference `scores` minus `reference`, world by world, with its interval.

    Worlds are drawn once for both; training seeds for each by itself. A world that either lacks is left out.

    Args:
        scores, reference: float64 (world,) or (seed, world), of the same worlds.
    Raises: MetricError for different numbers of worlds.
    """
    a, b = matrix(scores), matrix(reference)
    worlds = a.shape[1]
    require(b.shape[1] == worlds, "paired_difference", "reference", f"of {worlds} worlds", b.shape[1], MetricError)
    lacking = np.isnan(a).any(0) | np.isnan(b).any(0)
    a, b = a[:, ~lacking], b[:, ~lacking]
    if not a.shape[1]:
        return NOTHING
    if len(a) == len(b) == 1:
        return bootstrap(a - b, seed)
    found = []
    for (rows, columns), (others, _) in zip(_resamples(a.shape, seed), _resamples(b.shape, seed + 1)):
        found.append(_means(a, rows, columns) - _means(b, others, columns))
    return _estimate(_mean(a) - _mean(b), np.concatenate(found))


def normalized(scores: np.ndarray, nothing: np.ndarray, best: np.ndarray, seed: int = 0) -> Estimate | None:
    """Score on a scale where 0 is doing nothing and 1 the best scripted policy, all on the same worlds.

    Returns: None where the interval of `best` minus `nothing` contains 0: then the scale has no length.
    """
    a, zero, one = matrix(scores), matrix(nothing), matrix(best)
    scale = paired_difference(one, zero, seed)
    if not (scale.low > 0 or scale.high < 0):
        return None
    lacking = np.isnan(a).any(0) | np.isnan(zero).any(0) | np.isnan(one).any(0)
    a, zero, one = a[:, ~lacking], zero[:, ~lacking].mean(0, keepdims=True), one[:, ~lacking].mean(0, keepdims=True)
    found = []
    for rows, columns in _resamples(a.shape, seed):
        first = np.zeros((len(rows), 1), np.int64)
        low, high = (_means(values, first, columns) for values in (zero, one))
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append((_means(a, rows, columns) - low) / (high - low))
    length = _mean(one) - _mean(zero)
    return _estimate((_mean(a) - _mean(zero)) / length, np.concatenate(found))


def performance_profile(scores: Mapping[str, np.ndarray], thresholds: np.ndarray) -> np.ndarray:
    """Share of runs whose score exceeds each threshold, each environment counting as much; float64 (threshold,).

    Args:
        scores: environment -> normalised scores of any shape, NaN left out.
        thresholds: float64 (threshold,).
    Source: the score distributions of Agarwal et al. (2021), section 4.2.
    """
    shares = []
    for values in scores.values():
        flat = np.asarray(values, np.float64).ravel()
        flat = np.sort(flat[~np.isnan(flat)])
        require(len(flat) > 0, "performance_profile", "scores", "of one run at least", 0, MetricError)
        shares.append(1.0 - np.searchsorted(flat, thresholds, side="right") / len(flat))
    return np.mean(shares, 0)


def probability_of_improvement(
    scores: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray], seed: int = 0
) -> Estimate:
    """How likely a run of one policy beats a run of another, ties counting half, each environment counting as much.

    Runs are drawn by environment (stratified). Source: Agarwal et al. (2021), equation 3: the Mann-Whitney U over the
    number of pairs.

    Args:
        scores, others: environment -> scores of runs, any shape, NaN left out; the same environments.
    Raises: MetricError for different environments.
    """
    same = set(scores) == set(others) and len(scores) > 0
    allowed = f"of the environments {sorted(scores)}"
    require(same, "probability_of_improvement", "others", allowed, sorted(others), MetricError)
    chance = np.random.default_rng(seed)
    sides = {env: (_clean(scores[env]), _clean(others[env])) for env in scores}
    point = np.mean([_wins(a, b) for a, b in sides.values()])
    found = np.zeros(RESAMPLES // 4)
    for k in range(len(found)):
        found[k] = np.mean([_wins(_redrawn(chance, a), _redrawn(chance, b)) for a, b in sides.values()])
    return _estimate(float(point), found)


def verdict(difference: Estimate) -> str:
    """What an interval of a difference allows to say."""
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "no difference shown"


def _wins(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pairs in which `a` is greater, ties as halves."""
    b = np.sort(b)
    below, up_to = np.searchsorted(b, a, side="left"), np.searchsorted(b, a, side="right")
    return float((below + up_to).mean() / (2 * len(b)))


def _clean(values: np.ndarray) -> np.ndarray:
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[~np.isnan(flat)]
    require(len(flat) > 0, "probability_of_improvement", "scores", "of one run at least", 0, MetricError)
    return flat


def _redrawn(chance: np.random.Generator, values: np.ndarray) -> np.ndarray:
    return values[chance.integers(0, len(values), len(values))]


def _resamples(shape: tuple[int, int], seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Numbers of drawn rows and columns, int64 (resample, seed) and (resample, world), in chunks.

    Columns are drawn by a generator of their own, so that matrices of different numbers of rows draw the same worlds.
    """
    rows, columns = np.random.default_rng((seed, 1)), np.random.default_rng(seed)
    for _ in range(RESAMPLES // CHUNK):
        yield rows.integers(0, shape[0], (CHUNK, shape[0])), columns.integers(0, shape[1], (CHUNK, shape[1]))


def _means(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Mean of each resample, NaN left out; float64 (resample,)."""
    held = ~np.isnan(values)
    row_weights = _counts(rows, len(values))
    column_weights = _counts(columns, values.shape[1])
    top = np.einsum("rs,sw,rw->r", row_weights, np.where(held, values, 0.0), column_weights, optimize=True)
    bottom = np.einsum("rs,sw,rw->r", row_weights, held.astype(np.float64), column_weights, optimize=True)
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _counts(drawn: np.ndarray, size: int) -> np.ndarray:
    """How often each number was drawn in each resample, float64 (resample, size)."""
    flat = drawn + size * np.arange(len(drawn))[:, None]
    return np.bincount(flat.ravel(), minlength=size * len(drawn)).reshape(len(drawn), size).astype(np.float64)


def _mean(values: np.ndarray) -> float:
    held = ~np.isnan(values)
    return float(np.where(held, values, 0.0).sum() / held.sum()) if held.any() else float("nan")


def _estimate(point: float, resamples: np.ndarray) -> Estimate:
    resamples = resamples[~np.isnan(resamples)]
    if not len(resamples) or np.isnan(point):
        return NOTHING
    low, high = np.percentile(resamples, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Estimate(point, float(low), float(high))
