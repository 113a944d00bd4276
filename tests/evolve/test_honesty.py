"""Statistics of overfitting: published numbers, closed forms, plain twins, and their size when nothing is there."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest

from evolve.statistics.honesty import (
    Moments,
    binomial_interval,
    binomial_quantile,
    deflated_sharpe,
    expected_maximum_sharpe,
    holm,
    mean_above,
    moments,
    overfitting_probability,
    probabilistic_sharpe,
    reality_check,
    stationary_weights,
    superior_ability,
)
from qsl_envs.errors import MetricError

SHARPE, VARIANCE = 2.5 / math.sqrt(250), 0.5 / 250


@pytest.mark.parametrize("trials, skew, kurtosis, expected", [
    (100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505),
])  # fmt: skip
def test_the_deflated_sharpe_ratio_of_the_paper(trials, skew, kurtosis, expected):
    of = Moments(SHARPE, 1250, skew, kurtosis)
    assert deflated_sharpe(of, trials, VARIANCE) == pytest.approx(expected, abs=5e-5)


def test_a_probabilistic_sharpe_ratio_is_the_normal_tail_of_normal_returns():
    expected = NormalDist().cdf(0.1 * math.sqrt(99) / math.sqrt(1 + 0.5 * 0.01))
    assert probabilistic_sharpe(Moments(0.1, 100, 0, 3)) == pytest.approx(expected, abs=1e-12)
    assert probabilistic_sharpe(Moments(0.1, 100, 0, 3), 0.1) == pytest.approx(0.5)


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_the_expected_maximum_is_that_of_worthless_trials(trials):
    best = np.random.default_rng(trials).normal(0, 0.3, (4000, trials)).max(1)
    error = 4 * best.std() / math.sqrt(len(best))
    assert expected_maximum_sharpe(trials, 0.09) == pytest.approx(best.mean(), abs=error + 0.01 * best.mean())
    assert expected_maximum_sharpe(1, 0.09) == 0.0


def test_moments_are_the_textbook_ones():
    values = np.random.default_rng(0).gamma(2.0, size=200_000)
    got = moments(values)
    assert got.skew == pytest.approx(math.sqrt(2), rel=0.03) and got.kurtosis == pytest.approx(6.0, rel=0.05)
    assert got.sharpe == pytest.approx(math.sqrt(2), rel=0.01)
    assert moments(np.full(5, 0.1)).sharpe == 0.0


def plain_pbo(values: np.ndarray, blocks: int) -> list[float]:
    """The logits by the words of the paper, loop by loop."""
    length, found = len(values) // blocks, []
    parts = [values[k * length : (k + 1) * length] for k in range(blocks)]
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[k] for k in range(blocks) if k in chosen])
        outside = np.concatenate([parts[k] for k in range(blocks) if k not in chosen])
        train, test = (x.mean(0) / x.std(0, ddof=1) for x in (inside, outside))
        best = int(np.argmax(train))
        rank = sorted(test).index(test[best]) + 1
        share = rank / (len(test) + 1)
        found.append(math.log(share / (1 - share)))
    return found


def test_pbo_is_its_plain_twin():
    values = np.random.default_rng(4).normal(0.1, 1.0, (67, 7))
    got = overfitting_probability(values, 8)
    assert got.logits == pytest.approx(plain_pbo(values, 8), abs=1e-9)


def test_pbo_is_a_half_on_noise_and_small_where_one_strategy_is_good():
    rng = np.random.default_rng(5)
    noise = [overfitting_probability(rng.normal(size=(128, 20)), 8).probability for _ in range(60)]
    assert np.mean(noise) == pytest.approx(0.5, abs=4 * np.std(noise) / math.sqrt(60))
    good = rng.normal(size=(128, 20)) + np.eye(20)[3] * 0.8
    found = overfitting_probability(good, 8)
    assert found.probability < 0.02 and found.loss < 0.05


def test_the_stationary_bootstrap_draws_each_period_alike_in_blocks_of_the_mean_length():
    weights = stationary_weights(50, 4000, 5.0, np.random.default_rng(1))
    assert weights.sum(1).tolist() == [50.0] * 4000
    assert weights.mean(0) == pytest.approx(np.ones(50), abs=0.15)
    steps = np.arange(50.0)  # a mean over blocks varies as the sum of its covariances says, not as 1 / n
    x = np.sin(2 * np.pi * steps / 50)
    shares = (1 - 1 / 5) ** np.arange(1, 50)
    cov = [np.mean((x - x.mean()) * (np.roll(x, -k) - x.mean())) for k in range(50)]
    variance = (cov[0] + 2 * sum((1 - k / 50) * cov[k] * shares[k - 1] for k in range(1, 50))) / 50
    assert (weights @ x / 50).var() == pytest.approx(variance, rel=0.1)


def test_the_tests_keep_their_size_when_nothing_is_there():
    """400 families of worthless strategies, normal and heavy-tailed: rejections at 5 % as often as a coin allows."""
    rng, most = np.random.default_rng(6), binomial_quantile(400, 0.05, 0.99)
    counts = np.zeros(3, int)
    for n in range(400):
        values = rng.normal(size=(200, 6)) if n % 2 else rng.standard_t(4, (200, 6))
        found = (
            reality_check(values, resamples=400, seed=n),
            superior_ability(values, resamples=400, seed=n).consistent,
            mean_above(values[:, 0], resamples=400, seed=n),
        )
        counts += np.array(found) <= 0.05
    assert (counts <= most).all(), (counts, most)
    assert (counts >= 5).all(), counts  # a test that never rejects has no power either


def test_the_tests_find_what_is_there_and_bad_company_does_not_dull_hansens():
    rng = np.random.default_rng(17)
    values = rng.normal(size=(200, 3)) + np.array([0.3, 0.0, 0.0])
    assert (
        reality_check(values) < 0.01 and superior_ability(values).consistent < 0.01 and mean_above(values[:, 0]) < 0.01
    )
    bad = np.hstack([values[:, :1] - 0.15, 40 * rng.normal(size=(200, 30)) - 30])
    assert superior_ability(bad).consistent < 0.1 < reality_check(bad)
    p = superior_ability(rng.normal(size=(200, 5)))
    assert p.lower <= p.consistent <= p.upper


def test_dependent_returns_need_blocks():
    """Returns that follow each other with correlation 0.8: without blocks the test rejects far too often."""
    rng, hits = np.random.default_rng(8), np.zeros(2)
    for n in range(150):
        noise = rng.normal(size=(300, 1))
        for t in range(1, 300):
            noise[t] += 0.8 * noise[t - 1]
        hits += [reality_check(noise, mean_block=b, resamples=200, seed=n) <= 0.05 for b in (1, 25)]
    assert hits[0] > 25 and hits[1] <= binomial_quantile(150, 0.1, 0.99)


def test_holm_and_binomial_numbers():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert binomial_quantile(400, 0.05, 0.99) == 31 and binomial_quantile(10, 0.5, 0.5) == 5
    assert binomial_interval(20, 400) == pytest.approx((0.0308, 0.0762), abs=1e-4)
    assert binomial_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)


@pytest.mark.parametrize("call, words", [
    (lambda: overfitting_probability(np.zeros((40, 1))), "two strategies"),
    (lambda: overfitting_probability(np.zeros((40, 3)), 7), "blocks must be even"),
    (lambda: overfitting_probability(np.zeros((10, 3)), 16), "32 periods"),
    (lambda: moments(np.array([1.0, np.nan])), "finite"),
    (lambda: reality_check(np.zeros(5)), "2 dimension"),
    (lambda: expected_maximum_sharpe(0, 1.0), "trials"),
])  # fmt: skip
def test_bad_arguments_are_named(call, words):
    with pytest.raises(MetricError, match=words):
        call()
