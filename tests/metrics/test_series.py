"""Series and distances against scipy, naive loops, closed forms of generated processes, and their bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.errors import MetricError
from qsl_envs.metrics.distance import Sample, histogram_l1, wasserstein
from qsl_envs.metrics.series import autocorrelation, binned_means, excess_kurtosis, power_exponent, run_lengths

series = st.lists(st.integers(-9, 9), min_size=4, max_size=30)
weighted = st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 5)), min_size=1, max_size=20).filter(
    lambda rows: sum(weight for _, weight in rows) > 0
)
EDGES = np.array([-6.5, 0.0, 2.0, 7.5])


def sample_of(rows: list[tuple[int, int]]) -> Sample:
    return Sample(np.array([value for value, _ in rows]), np.array([weight for _, weight in rows]))


@given(series)
def test_autocorrelation_against_a_loop(values):
    found = autocorrelation(values, 3)
    mean = sum(values) / len(values)
    power = sum((x - mean) ** 2 for x in values)
    for lag in (1, 2, 3):
        top = sum((values[k] - mean) * (values[k + lag] - mean) for k in range(len(values) - lag))
        assert np.isnan(found[lag - 1]) if power == 0 else found[lag - 1] == pytest.approx(top / power, abs=1e-12)
    assert not (np.abs(found) > 1 + 1e-12).any()


def test_autocorrelation_of_a_first_order_process():
    """x(t) = a x(t-1) + e: a^lag. Error of an estimate: below 1/sqrt(n) x sqrt((1 + a^2)/(1 - a^2))."""
    draw = np.random.default_rng(1)
    shocks = draw.normal(size=100_000)
    values = np.empty_like(shocks)
    values[0] = shocks[0]
    for k in range(1, len(shocks)):
        values[k] = 0.6 * values[k - 1] + shocks[k]
    np.testing.assert_allclose(autocorrelation(values, 4), 0.6 ** np.arange(1, 5), atol=5 * 1.46 / np.sqrt(100_000))


def test_kurtosis_of_known_laws():
    """Laplace 3, uniform -6/5, a fair coin -2, by quantiles of the law itself."""
    shares = (np.arange(200_000) + 0.5) / 200_000
    laplace = np.sign(shares - 0.5) * np.log(1 - 2 * np.abs(shares - 0.5))
    assert excess_kurtosis(laplace) == pytest.approx(3.0, abs=0.02)
    assert excess_kurtosis(shares) == pytest.approx(-1.2, abs=1e-4)
    assert excess_kurtosis([-1.0, 1.0, 1.0, -1.0]) == -2.0
    assert np.isnan(excess_kurtosis([0.1] * 7))


def test_kurtosis_against_scipy():
    kurtosis = pytest.importorskip("scipy.stats").kurtosis
    values = np.random.default_rng(2).standard_t(5, size=(3, 4, 50))
    np.testing.assert_allclose(excess_kurtosis(values), kurtosis(values, axis=-1), rtol=1e-10)


@given(st.lists(st.sampled_from([-1, 1]), max_size=30))
def test_runs_against_groupby(signs):
    from itertools import groupby

    assert run_lengths(np.array(signs, np.int64)).tolist() == [len(list(group)) for _, group in groupby(signs)]


def test_power_exponent_of_a_power():
    x = np.array([0.0, 1.0, 2.0, 5.0, 9.0])
    assert power_exponent(x, 3 * x**0.4) == pytest.approx(0.4)
    assert np.isnan(power_exponent([1, 2], [1, 2])) and np.isnan(power_exponent([1, 1, 1], [1, 2, 3]))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-5, 5)), max_size=40), st.integers(1, 6))
def test_binned_means_keep_everything_and_part_no_ties(rows, num_bins):
    x, y = (np.array([row[k] for row in rows], float) for k in range(2))
    mean_x, mean_y, counts = binned_means(x, y, num_bins)
    assert counts.sum() == len(rows) and len(counts) <= num_bins
    assert (np.diff(mean_x) > 0).all()
    assert (mean_x * counts).sum() == pytest.approx(x.sum()) and (mean_y * counts).sum() == pytest.approx(y.sum())
    order = np.argsort(x)
    bins = np.split(x[order], np.cumsum(counts)[:-1]) if len(rows) else []
    assert all(one.max() < other.min() for one, other in zip(bins, bins[1:]))


# --- distances
@given(weighted, weighted)
def test_wasserstein_against_scipy(one, other):
    reference = pytest.importorskip("scipy.stats").wasserstein_distance
    a, b = sample_of(one), sample_of(other)
    expected = reference(a.values, b.values, a.shares, b.shares)
    assert wasserstein(a, b) == pytest.approx(expected, abs=1e-9)
    assert wasserstein(a, b) == pytest.approx(wasserstein(b, a)) and wasserstein(a, b) >= abs(a.mean - b.mean) - 1e-9


@given(weighted, weighted)
def test_l1_against_numpys_histogram(one, other):
    a, b = sample_of(one), sample_of(other)
    # numpy's bins hold their lower border, ours their upper one: reflect
    borders = np.array([-1e9, *-EDGES[::-1], 1e9])
    shares = [np.histogram(-sample.values, borders, weights=sample.shares)[0] for sample in (a, b)]
    found = histogram_l1(a, b, EDGES)
    assert found == pytest.approx(np.abs(shares[0] - shares[1]).sum(), abs=1e-12)
    assert 0 <= found <= 2 + 1e-12 and found == pytest.approx(histogram_l1(b, a, EDGES))
    assert histogram_l1(a, a, EDGES) == 0 and wasserstein(a, a) == 0


@given(weighted, st.integers(-9, 9), st.integers(1, 9))
def test_a_shift_and_a_scale_are_their_own_distance(rows, shift, scale):
    a = sample_of(rows)
    assert wasserstein(a, Sample(a.values + shift, a.weights)) == pytest.approx(abs(shift), abs=1e-9)
    stretched = wasserstein(a, Sample(a.values * scale, a.weights))
    assert stretched == pytest.approx((scale - 1) * (np.abs(a.values) * a.shares).sum(), abs=1e-9)


@given(weighted)
def test_moments_and_quantiles_of_a_sample(rows):
    values = [value for value, weight in rows for _ in range(weight)]
    sample = sample_of(rows)
    assert sample.mean == pytest.approx(np.mean(values)) and sample.deviation == pytest.approx(np.std(values), abs=1e-9)
    expected = [sorted(values)[max(int(np.ceil(q * len(values) - 1e-9)) - 1, 0)] for q in (0.05, 0.5, 0.95, 1.0)]
    found = sample.quantiles([0.05, 0.5, 0.95, 1.0])
    assert found.tolist() == expected


def test_disjoint_samples_are_two_apart():
    a, b = Sample(np.array([1.0, 2.0])), Sample(np.array([11.0, 12.0]))
    assert histogram_l1(a, b, np.array([5.0])) == 2.0 and wasserstein(a, b) == 10.0


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: autocorrelation([1, 2, 3], 3), r"autocorrelation\.max_lag must be in \[1, 2\], was 3"),
        (lambda: autocorrelation([1, np.nan, 3], 1), r"autocorrelation\.values must be without NaN"),
        (lambda: excess_kurtosis([]), r"excess_kurtosis\.values must be of at least one"),
        (lambda: Sample([]), r"Sample\.values must be of at least one item"),
        (lambda: Sample([1.0], [0.0]), r"Sample\.weights must be >= 0, with a sum > 0"),
        (lambda: Sample([1.0], [1.0, 2.0]), r"Sample\.weights must be of length 1"),
        (lambda: Sample([1.0]).over(0.0), r"Sample\.over\.divisor must be > 0"),
        (lambda: histogram_l1(Sample([1.0]), Sample([1.0]), [2.0, 1.0]), r"histogram_l1\.edges must be at least one"),
        (lambda: power_exponent([1, 2], [1]), r"power_exponent\.y must be of length 2"),
        (lambda: binned_means([1], [1], 0), r"binned_means\.num_bins must be >= 1"),
    ],
)
def test_bad_arguments_are_named(call, names):
    with pytest.raises(MetricError, match=names):
        call()
