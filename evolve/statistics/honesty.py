"""How much of a good result is the search: deflated Sharpe ratio, probability of backtest overfitting, reality check.

Ratios are per period, as the returns are. In this project a period is a world, drawn on its own: returns are
independent, and a mean block length of 1 (the plain bootstrap) is right for them; paths in time need longer blocks.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from qsl_envs.errors import MetricError, require

EULER_GAMMA = 0.5772156649015329
NORMAL = NormalDist()


class Moments(NamedTuple):
    """What a Sharpe ratio's error depends on."""

    sharpe: float
    """mean / standard deviation (n - 1), per period; 0 for returns that are all the same"""
    length: int
    """periods"""
    skew: float
    kurtosis: float
    """fourth standardised moment: 3 for normal returns"""


def moments(returns: np.ndarray) -> Moments:
    """Sharpe ratio, length, skewness and kurtosis of returns, float64 (period,). Raises: MetricError."""
    values = _returns("moments", returns, 1)
    centered = values - values.mean()
    spread = float(np.sqrt((centered**2).mean()))
    if spread <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return Moments(0.0, len(values), 0.0, 3.0)
    z = centered / spread
    sharpe = float(values.mean() / values.std(ddof=1))
    return Moments(sharpe, len(values), float((z**3).mean()), float((z**4).mean()))


def probabilistic_sharpe(of: Moments, benchmark: float = 0.0) -> float:
    """Probability that the true ratio is above `benchmark`, given the measured one: PSR.

    Phi((s - s0) sqrt(T - 1) / sqrt(1 - g3 s + (g4 - 1) / 4 s^2)).

    Source: Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", equation 11.
    """
    require(of.length >= 2, "probabilistic_sharpe", "length", ">= 2", of.length, MetricError)
    variance = 1.0 - of.skew * of.sharpe + (of.kurtosis - 1.0) / 4.0 * of.sharpe**2
    error = math.sqrt(max(variance, 1e-300))
    return NORMAL.cdf((of.sharpe - benchmark) * math.sqrt(of.length - 1) / error)


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """The ratio to expect of the best of `trials` strategies that are worth nothing.

    sqrt(V) ((1 - c) z(1 - 1/N) + c z(1 - 1/(N e))), c = 0.5772...; 0 for a single trial.

    Args:
        variance: of the trials' ratios, per period squared.
    Source: Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", equation 1.
    """
    owner = "expected_maximum_sharpe"
    require(trials >= 1, owner, "trials", ">= 1", trials, MetricError)
    require(variance >= 0, owner, "variance", ">= 0", variance, MetricError)
    if trials == 1:
        return 0.0
    first, second = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated_sharpe(of: Moments, trials: int, variance: float) -> float:
    """Probability that the true ratio is above 0, for the best of `trials`: PSR against the expected maximum.

    Args:
        trials: all that were made, the bad ones too.
        variance: of their ratios, per period squared.
    Source: Bailey and Lopez de Prado (2014).
    """
    return probabilistic_sharpe(of, expected_maximum_sharpe(trials, variance))


# --- probability of backtest overfitting


class Overfitting(NamedTuple):
    """Combinatorially symmetric cross-validation of a choice among strategies."""

    probability: float
    """share of the splits in which the best of one half is at or below the median of the other"""
    logits: np.ndarray
    """float64 (split,): ln(w / (1 - w)) of the relative rank w, out of sample, of the in-sample best"""
    slope: float
    """of the out-of-sample ratio on the in-sample ratio of those that were chosen: below 0 when choosing hurts"""
    loss: float
    """share of the splits in which the chosen one loses money out of sample"""


def overfitting_probability(returns: np.ndarray, blocks: int = 16) -> Overfitting:
    """PBO of choosing the best Sharpe ratio among strategies.

    The periods are cut into `blocks` of equal length (what is left over at the end is not used). Every choice of half
    of them is a training set, the others test. Equal ratios share their mean rank.

    Args:
        returns: float64 (period, strategy), at least two strategies.
        blocks: even, in [2, 20].
    Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting".
    """
    owner = "overfitting_probability"
    values = _returns(owner, returns, 2)
    require(blocks % 2 == 0 and 2 <= blocks <= 20, owner, "blocks", "even, in [2, 20]", blocks, MetricError)
    require(len(values) >= 2 * blocks, owner, "returns", f"of {2 * blocks} periods at least", len(values), MetricError)
    require(values.shape[1] >= 2, owner, "returns", "of two strategies at least", values.shape[1], MetricError)
    length = len(values) // blocks
    parts = values[: length * blocks].reshape(blocks, length, -1)
    parts = parts - values.mean(0)  # squares are summed without cancellation; `_ratio` adds the means again
    sums, squares = parts.sum(1), (parts**2).sum(1)
    logits, chosen_in, chosen_out = [], [], []
    for picked in itertools.combinations(range(blocks), blocks // 2):
        inside = np.zeros(blocks, bool)
        inside[list(picked)] = True
        train, test = (_ratio(sums[half], squares[half], length, values.mean(0)) for half in (inside, ~inside))
        best = int(np.argmax(train))
        below, same = (test < test[best]).sum(), (test == test[best]).sum()
        share = (below + (same + 1) / 2) / (len(test) + 1)
        logits.append(math.log(share / (1 - share)))
        chosen_in.append(train[best])
        chosen_out.append(test[best])
    made, kept = np.array(chosen_in), np.array(chosen_out)
    spread = float(((made - made.mean()) ** 2).sum())
    slope = float(((made - made.mean()) * (kept - kept.mean())).sum() / spread) if spread > 1e-300 else 0.0
    found = np.array(logits)
    return Overfitting(float((found <= 0).mean()), found, slope, float((kept < 0).mean()))


def _ratio(sums: np.ndarray, squares: np.ndarray, length: int, shift: np.ndarray) -> np.ndarray:
    """Sharpe ratios (strategy,) of some blocks, from sums of returns less `shift` and of their squares."""
    count = len(sums) * length
    mean = sums.sum(0) / count
    variance = np.maximum(squares.sum(0) / count - mean**2, 0.0) * count / (count - 1)
    return np.divide(mean + shift, np.sqrt(variance), out=np.zeros_like(mean), where=variance > 1e-24)


# --- bootstrap


def stationary_weights(length: int, resamples: int, mean_block: float, rng: np.random.Generator) -> np.ndarray:
    """How often each period stands in each resample of the stationary bootstrap: float64 (resample, period).

    Blocks start anywhere, have geometric lengths with mean `mean_block`, and run round the end.

    Source: Politis and Romano (1994).
    """
    owner = "stationary_weights"
    require(length >= 1, owner, "length", ">= 1", length, MetricError)
    require(resamples >= 1, owner, "resamples", ">= 1", resamples, MetricError)
    require(mean_block >= 1, owner, "mean_block", ">= 1", mean_block, MetricError)
    picks = rng.integers(0, length, (resamples, length))
    if mean_block > 1:
        fresh = rng.random((resamples, length)) < 1.0 / mean_block
        fresh[:, 0] = True
        place = np.arange(length)
        since = np.maximum.accumulate(np.where(fresh, place, -1), axis=1)
        picks = (np.take_along_axis(picks, since, 1) + place - since) % length
    flat = (picks + length * np.arange(resamples)[:, None]).reshape(-1)
    return np.bincount(flat, minlength=resamples * length).reshape(resamples, length).astype(np.float64)


def reality_check(gains: np.ndarray, *, mean_block: float = 1.0, resamples: int = 2000, seed: int = 0) -> float:
    """P-value of "none of these is better than the benchmark", all of them taken together.

    Args:
        gains: float64 (period, strategy), each strategy's return less the benchmark's.
    Source: White (2000), "A reality check for data snooping".
    """
    values = _returns("reality_check", gains, 2)
    root = math.sqrt(len(values))
    weights = stationary_weights(len(values), resamples, mean_block, np.random.default_rng(seed))
    mean = values.mean(0)
    drawn = root * (weights @ (values - mean) / len(values)).max(1)
    return float((1 + (drawn >= root * mean.max()).sum()) / (1 + resamples))


class Superior(NamedTuple):
    """P-values of the test for superior predictive ability; `consistent` is the one to use."""

    lower: float
    consistent: float
    upper: float


def superior_ability(gains: np.ndarray, *, mean_block: float = 1.0, resamples: int = 2000, seed: int = 0) -> Superior:
    """The same question as `reality_check`, studentised, and without being dulled by strategies that are plainly bad.

    Source: Hansen (2005), "A test for superior predictive ability"; the variance is that of the bootstrap.
    """
    values = _returns("superior_ability", gains, 2)
    length, root = len(values), math.sqrt(len(values))
    weights = stationary_weights(length, resamples, mean_block, np.random.default_rng(seed))
    mean = values.mean(0)
    drawn = weights @ (values - mean) / length
    error = np.sqrt((drawn**2).mean(0)) * root
    live = error > 1e-12 * max(1.0, float(np.abs(values).max()))
    if not live.any():
        return Superior(1.0, 1.0, 1.0)
    mean, drawn, error = mean[live], drawn[:, live], error[live]
    statistic = max(0.0, float((root * mean / error).max()))
    border = -error / root * math.sqrt(2.0 * math.log(max(math.log(max(length, 3)), 1.0 + 1e-12)))
    found = []
    for center in (np.maximum(mean, 0.0), np.where(mean >= border, mean, 0.0), mean):
        shifted = drawn + mean - center
        best = np.maximum((root * shifted / error).max(1), 0.0)
        found.append(float((1 + (best >= statistic).sum()) / (1 + resamples)) if statistic > 0 else 1.0)
    return Superior(*found)


def mean_above(returns: np.ndarray, *, resamples: int = 2000, seed: int = 0) -> float:
    """P-value of "the mean is 0 or less", for one strategy: the studentised bootstrap (Efron and Tibshirani 1993).

    Raises: MetricError.
    """
    values = _returns("mean_above", returns, 1)
    length, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(length)
    if mean <= 0 or error <= 1e-12 * max(1.0, abs(mean)):
        return 1.0 if mean <= 0 else 1.0 / (1 + resamples)
    weights = stationary_weights(length, resamples, 1.0, np.random.default_rng(seed))
    means = weights @ values / length
    squares = weights @ (values**2) / length
    errors = np.sqrt(np.maximum(squares - means**2, 1e-300) / (length - 1))
    return float((1 + ((means - mean) / errors >= mean / error).sum()) / (1 + resamples))


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values adjusted for how many there are, float64 of the same shape: Holm (1979), no assumption on dependence."""
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted


# --- how often something happens


def binomial_quantile(trials: int, probability: float, level: float) -> int:
    """The smallest number of successes that is not exceeded with probability `level`."""
    total = 0.0
    for k in range(trials + 1):
        total += _binomial(trials, k, probability)
        if total >= level:
            return k
    return trials


def binomial_interval(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2

    def solve(reached) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if reached(middle) else (low, middle)
        return 0.5 * (low + high)

    def at_least(p: float) -> float:
        return sum(_binomial(trials, k, p) for k in range(successes, trials + 1))

    def at_most(p: float) -> float:
        return sum(_binomial(trials, k, p) for k in range(successes + 1))

    low = 0.0 if successes == 0 else solve(lambda p: at_least(p) < tail)
    high = 1.0 if successes == trials else solve(lambda p: at_most(p) > tail)
    return low, high


def _binomial(n: int, k: int, p: float) -> float:
    if p <= 0 or p >= 1:
        return float(k == (0 if p <= 0 else n))
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p)
    return math.exp(log)


def _returns(owner: str, returns: np.ndarray, ndim: int) -> np.ndarray:
    values = np.asarray(returns, np.float64)
    require(values.ndim == ndim, owner, "returns", f"an array of {ndim} dimension(s)", values.shape, MetricError)
    require(len(values) >= 2 and values.size > 0, owner, "returns", "of two periods at least", len(values), MetricError)
    require(bool(np.isfinite(values).all()), owner, "returns", "finite", "NaN or infinite", MetricError)
    return values
