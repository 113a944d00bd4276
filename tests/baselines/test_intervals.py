"""Bootstrap intervals and rliable's summaries, against SciPy, closed forms and loops that a child could check."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from baselines.intervals import (
    bootstrap,
    bootstrap_iqm,
    iqm,
    normalized,
    paired_difference,
    performance_profile,
    probability_of_improvement,
    verdict,
)
from qsl_envs.errors import MetricError

CHANCE = np.random.default_rng(5)


def test_the_interval_over_worlds_is_scipys():
    values = CHANCE.exponential(size=120)
    found = bootstrap(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))
    assert found.mean == pytest.approx(values.mean())
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.06 * width)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.06 * width)
    assert bootstrap(values[None]) == found, "one seed is no seed"


def test_seeds_and_worlds_are_both_drawn():
    """Where only worlds, or only seeds, make a difference, the interval is the textbook one of that many numbers."""
    worlds, seeds = CHANCE.normal(size=200), CHANCE.normal(size=8)
    noise = 0.01 * CHANCE.normal(size=(8, 200))
    by_world, by_seed = worlds[None] + noise, seeds[:, None] + noise
    for values, spread in ((by_world, worlds.std() / np.sqrt(200)), (by_seed, seeds.std() / np.sqrt(8))):
        found = bootstrap(values)
        assert (found.high - found.low) / (2 * 1.96) == pytest.approx(spread, rel=0.08)


def test_every_resample_of_a_tiny_matrix():
    """All 3^3 x 2^2 draws of a 2 x 3 matrix with a hole, by hand: the percentiles are those of the whole law."""
    values = np.array([[1.0, 5.0, np.nan], [2.0, 11.0, 4.0]])
    means = []
    for rows in itertools.product(range(2), repeat=2):
        for columns in itertools.product(range(3), repeat=3):
            drawn = values[np.ix_(rows, columns)]
            if not np.isnan(drawn).all():
                means.append(np.nanmean(drawn))
    found = bootstrap(values)
    assert found.mean == pytest.approx(np.nanmean(values))
    low, high = np.percentile(means, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.3) and found.high == pytest.approx(high, abs=0.6)


@pytest.mark.parametrize("count", [1, 4, 7, 64, 101])
def test_iqm_is_the_trimmed_mean(count):
    values = CHANCE.standard_cauchy(size=count)
    assert iqm(values) == pytest.approx(stats.trim_mean(values, 0.25))
    holes = np.concatenate([values, [np.nan, np.nan]])
    assert iqm(holes) == pytest.approx(iqm(values))
    found = bootstrap_iqm(values)
    assert found.mean == iqm(values) and found.low <= found.mean <= found.high


def test_the_interval_of_the_iqm_is_scipys():
    values = CHANCE.standard_t(3, size=(1, 90))
    found = bootstrap_iqm(values)
    theirs = stats.bootstrap(
        (values[0],), lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=4000, method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_paired_differences_lose_the_worlds_noise():
    worlds = 100 * CHANCE.normal(size=50)
    a, b = worlds + 1 + 0.1 * CHANCE.normal(size=50), worlds
    found = paired_difference(a, b)
    assert found == bootstrap(a - b) and verdict(found) == "better" and found.high - found.low < 0.2
    assert verdict(paired_difference(b, a)) == "worse"
    assert verdict(paired_difference(a, a)) == "no difference shown"
    several = np.stack([a, a + 0.5, a - 0.5])
    by_seeds = paired_difference(several, b)
    assert by_seeds.mean == pytest.approx((several - b).mean()) and by_seeds.high - by_seeds.low > 0.5
    holes = np.where(np.arange(50) < 3, np.nan, a)
    assert paired_difference(holes, b).mean == pytest.approx((a - b)[3:].mean())
    with pytest.raises(MetricError, match="of 50 worlds"):
        paired_difference(a, b[:-1])


def test_the_normalised_score_is_0_and_1_at_its_ends_and_missing_without_a_scale():
    worlds = CHANCE.normal(size=80)
    nothing, best = np.zeros(80), worlds + 3
    assert normalized(nothing, nothing, best) == pytest.approx((0, 0, 0))
    assert normalized(best, nothing, best) == pytest.approx((1, 1, 1))
    half = normalized(np.stack([best / 2, best / 2 + 0.3]), nothing, best)
    assert half.mean == pytest.approx((best / 2 + 0.15).mean() / best.mean()) and half.low < half.mean < half.high
    assert normalized(best, nothing, worlds - worlds.mean()) is None


def test_profiles_count_runs():
    scores = {"a": CHANCE.normal(size=(3, 7)), "b": CHANCE.normal(1, 1, size=11)}
    thresholds = np.linspace(-2, 2, 9)
    by_hand = [np.mean([(values > t).mean() for values in scores.values()]) for t in thresholds]
    assert performance_profile(scores, thresholds) == pytest.approx(by_hand)


def test_probability_of_improvement_is_mann_whitneys():
    a = {"x": CHANCE.integers(0, 5, 12).astype(float), "y": CHANCE.normal(1, 1, size=9)}
    b = {"x": CHANCE.integers(0, 5, 10).astype(float), "y": CHANCE.normal(0, 1, size=14)}
    found = probability_of_improvement(a, b)
    theirs = np.mean([stats.mannwhitneyu(a[env], b[env]).statistic / (len(a[env]) * len(b[env])) for env in a])
    assert found.mean == pytest.approx(theirs) and 0 <= found.low < found.mean < found.high <= 1
    back = probability_of_improvement(b, a)
    assert back.mean == pytest.approx(1 - found.mean)
    with pytest.raises(MetricError, match="of the environments"):
        probability_of_improvement(a, {"x": b["x"]})
