"""Transit on a link: each law against scipy's, loss, outages, changes; pure in its key; the same bits in every mode."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from numba.core import config as numba_config
from scipy import stats

from qsl_envs.kernel import draw
from qsl_envs.kernel.jit import kernel
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.jitter import jitter_from_bits
from qsl_envs.network.links import LOST, is_through, latency_at, transit_ns
from qsl_envs.network.state import allocate_links
from tests.kernel.modes import in_mode

N = 4_000 if numba_config.DISABLE_JIT else 100_000
SIGMAS = 5.0


@kernel
def _send(links, longs, link, skey, first, step, ts_ns, out):
    for i in range(len(out)):
        out[i] = transit_ns(links, longs, link, skey, first + i * step, ts_ns)


def send(config, n=N, *, entity=0, first=0, step=1, ts_ns=0, seed=1):
    links, longs = allocate_links([config])
    out = np.empty(n, np.int64)
    skey = draw.stream_key(draw.world_key("test", seed, 0), draw.JITTER, entity)
    _send(links, longs, 0, skey, first, step, ts_ns, out)
    return out


MEAN = 1_000_000
LAWS = {
    "uniform": (LinkConfig(latency_ns=7_000, jitter="uniform", jitter_ns=MEAN), stats.uniform(0, 2 * MEAN)),
    "exponential": (LinkConfig(latency_ns=7_000, jitter="exponential", jitter_ns=MEAN), stats.expon(0, MEAN)),
    "lognormal": (
        LinkConfig(latency_ns=7_000, jitter="lognormal", jitter_ns=MEAN, jitter_shape=0.8),
        stats.lognorm(0.8, scale=MEAN * math.exp(-0.32)),
    ),
    "pareto": (
        LinkConfig(latency_ns=7_000, jitter="pareto", jitter_ns=MEAN, jitter_shape=4.0),
        stats.lomax(4.0, scale=3.0 * MEAN),
    ),
}


def truncated_cdf(law, cap):
    return lambda x: np.minimum(law.cdf(x), law.cdf(cap)) / law.cdf(cap)


@pytest.mark.parametrize("cap", [None, 700_000, 3_000_000])
@pytest.mark.parametrize("name", LAWS)
def test_jitter_follows_its_law_truncated_at_j(name, cap):
    base, law = LAWS[name]
    config = LinkConfig.from_dict(base.to_dict() | {"jitter_max_ns": cap})
    jitter = send(config) - 7_000
    top = config.jitter_cap_ns
    assert jitter.min() >= 0 and jitter.max() <= top
    cdf = truncated_cdf(law, min(top, 1e30))
    assert stats.kstest(jitter.astype(float), cdf).pvalue > 1e-5
    grid = np.linspace(0, top, 200_001)
    share = cdf(grid)
    mean = top - np.trapezoid(share, grid)  # E = integral of the survival function
    sd = math.sqrt(max(0.0, 2 * np.trapezoid(grid * (1 - share), grid) - mean**2))
    assert abs(jitter.mean() - mean) < SIGMAS * sd / math.sqrt(N)
    for q in (0.1, 0.5, 0.9, 0.99):
        exact = law.ppf(q * law.cdf(top))
        assert abs((jitter <= exact).mean() - q) < SIGMAS * math.sqrt(q * (1 - q) / N) + 1e-4


@kernel
def _has_come(links, link, skey, spent, out):
    for i in range(len(out)):
        out[i] = is_through(links, link, skey, i, spent[i])


@pytest.mark.parametrize("jitter_ns", [1, 50, MEAN])
@pytest.mark.parametrize("name", [*LAWS, "none"])
def test_a_message_is_through_exactly_when_its_time_has_passed(name, jitter_ns):
    base = LAWS[name][0].to_dict() | {"jitter_ns": jitter_ns} if name != "none" else {"latency_ns": 7_000}
    config = LinkConfig.from_dict(base)
    n = N // 10
    travel = send(config, n)
    links, _ = allocate_links([config])
    skey = draw.stream_key(draw.world_key("test", 1, 0), draw.JITTER, 0)
    out = np.empty(n, np.bool_)
    near = np.array([-jitter_ns, -3, -2, -1, 0, 1, 2, 3, jitter_ns])  # of the time it takes, and far from it
    for off in near:
        _has_come(links, 0, skey, travel + off, out)
        assert (out == (off >= 0)).all(), off
    _has_come(links, 0, skey, np.full(n, 7_000 + jitter_ns), out)
    assert (out == (travel <= 7_000 + jitter_ns)).all()


def test_a_link_without_jitter_takes_its_latency_and_no_draw():
    assert (send(LinkConfig(latency_ns=12_345), 100) == 12_345).all()


@pytest.mark.parametrize("drop_ppm", [0, 100, 20_000, 500_000, 1_000_000])
def test_drop_share(drop_ppm):
    lost = send(LinkConfig(latency_ns=5, drop_ppm=drop_ppm)) == LOST
    p = drop_ppm / 1e6
    assert abs(lost.mean() - p) <= SIGMAS * math.sqrt(p * (1 - p) / N)
    if 0.01 < p < 1:  # losses do not come in runs
        pairs = (lost[1:] & lost[:-1]).mean()
        assert abs(pairs - p * p) < SIGMAS * math.sqrt(p * p / N)


def test_loss_does_not_move_the_jitter_and_is_independent_of_it():
    whole = LinkConfig(latency_ns=0, jitter="exponential", jitter_ns=1_000_000)
    lossy = LinkConfig(latency_ns=0, jitter="exponential", jitter_ns=1_000_000, drop_ppm=300_000)
    a, b = send(whole), send(lossy)
    arrived = b != LOST
    assert (a[arrived] == b[arrived]).all() and 0 < arrived.sum() < N
    assert stats.ks_2samp(a[arrived], a[~arrived]).pvalue > 1e-5


def test_transit_is_a_function_of_its_key_alone():
    config = LAWS["lognormal"][0]
    forward = send(config, 1_000)
    assert (send(config, 1_000) == forward).all()
    assert (send(config, 500, first=999, step=-1) == forward[:499:-1]).all()
    for other in ({"entity": 1}, {"seed": 2}, {"first": 1_000}):
        assert (send(config, 1_000, **other) != forward).mean() > 0.99


def test_sending_times_as_indices_are_independent_draws():
    """Market data is keyed by its stamp: nanoseconds far apart, or next to each other."""
    config = LAWS["uniform"][0]
    for step in (1, 1_000, 250_000_000):
        jitter = send(config, N, first=34_200_000_000_000, step=step).astype(float)
        assert abs(np.corrcoef(jitter[1:], jitter[:-1])[0, 1]) < SIGMAS / math.sqrt(N)


def naive_latency(config, ts_ns):
    """From the definition: the windows and the last change at or before the sending time."""
    if any(start <= ts_ns < end for start, end in config.outages):
        return LOST
    changes = [change for at, change in config.latency_changes if at <= ts_ns]
    return config.latency_ns + (changes[-1] if changes else 0)


SCHEDULES = [
    LinkConfig(latency_ns=1_000, outages=((10, 20),)),
    LinkConfig(latency_ns=1_000, latency_changes=((0, -1_000), (30, 5), (31, 0))),
    LinkConfig(latency_ns=1_000, outages=((10, 20), (25, 40), (60, 61)), latency_changes=((15, 7), (40, -9), (70, 1))),
    LinkConfig(latency_ns=1_000, outages=tuple((10 * k, 10 * k + 4) for k in range(1, 9))),
]


@pytest.mark.parametrize("number", range(len(SCHEDULES)))
def test_outages_and_changes_go_by_the_sending_time(number):
    links, longs = allocate_links(SCHEDULES)
    seen = set()
    for ts_ns in range(-2, 100):
        expected = naive_latency(SCHEDULES[number], ts_ns)
        assert latency_at(links, longs, number, ts_ns) == expected
        assert transit_ns(links, longs, number, 5, ts_ns, ts_ns) == expected
        seen.add(expected)
    assert len(seen) > 1


def test_several_links_share_the_arrays_without_touching_each_other():
    configs = [*SCHEDULES, LAWS["pareto"][0], LinkConfig(latency_ns=3, drop_ppm=10)]
    links, longs = allocate_links(configs)
    for number, config in enumerate(configs):
        own_links, own_longs = allocate_links([config])
        for ts_ns in (0, 12, 26, 45, 1_000):
            args = (99, ts_ns, ts_ns)
            assert transit_ns(links, longs, number, *args) == transit_ns(own_links, own_longs, 0, *args)


def test_extremes_of_the_words_stay_within_j():
    """Truncation holds at the ends of the law, not only where draws fell."""
    for config, _ in LAWS.values():
        links, _ = allocate_links([config])
        row = links[0]
        law = (int(row.law), float(row.scale_ns), float(row.law_shape), float(row.unit_max), int(row.jitter_max_ns))
        low, high = jitter_from_bits(*law, 0), jitter_from_bits(*law, -1)
        assert 0 <= low < MEAN / 500 and config.jitter_cap_ns * 0.999 <= high <= config.jitter_cap_ns


def sample() -> str:
    """A digest of transits under every law, with loss and a schedule."""
    digest = hashlib.sha256()
    for config, _ in LAWS.values():
        values = config.to_dict() | {"drop_ppm": 50_000, "outages": [[400, 420]], "latency_changes": [[100, 33]]}
        lossy = LinkConfig.from_dict(values)
        digest.update(send(lossy, 500, ts_ns=150).tobytes())
        digest.update(send(lossy, 5, ts_ns=410).tobytes())
        digest.update(allocate_links([lossy])[0].tobytes())
    return digest.hexdigest()


GOLDEN_SAMPLE = "e402e08e99d3882862b475b7ae5c64754454ae297401014cbd373d2470681516"


@pytest.mark.parametrize("interpreted", [False, True])
def test_same_bits_compiled_and_interpreted(interpreted):
    assert in_mode("tests.network.test_links", "sample", interpreted=interpreted) == GOLDEN_SAMPLE
