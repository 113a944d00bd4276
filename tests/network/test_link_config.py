"""Link settings: what is allowed, what is named when it is not, and the way to YAML and back."""

from __future__ import annotations

import pytest
import yaml

from qsl_envs.errors import ConfigError
from qsl_envs.network.config import LATENCY_MAX_NS, LinkConfig

FULL = LinkConfig(
    latency_ns=1_000,
    jitter="pareto",
    jitter_ns=100,
    jitter_shape=2.5,
    jitter_max_ns=5_000,
    drop_ppm=7,
    fifo=False,
    outages=((5, 9), (20, 30)),
    latency_changes=((1, 10), (2, -1_000)),
)


@pytest.mark.parametrize("config", [LinkConfig(), FULL], ids=["default", "full"])
def test_yaml_round_trip(config):
    assert LinkConfig.from_dict(yaml.safe_load(yaml.safe_dump(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"latency_ns": -1}, "latency_ns"),
        ({"latency_ns": LATENCY_MAX_NS + 1}, "latency_ns"),
        ({"latency_ns": 1.5}, "latency_ns"),
        ({"latency_ns": True}, "latency_ns"),
        ({"latency_ns": float("nan")}, "latency_ns"),
        ({"jitter": "gauss", "jitter_ns": 3}, "jitter"),
        ({"jitter_ns": 3}, "jitter_ns"),
        ({"jitter": "uniform"}, "jitter_ns"),
        ({"jitter": "uniform", "jitter_ns": -4}, "jitter_ns"),
        ({"jitter": "uniform", "jitter_ns": 4, "jitter_shape": 1.0}, "jitter_shape"),
        ({"jitter": "lognormal", "jitter_ns": 4, "jitter_shape": 0.0}, "jitter_shape"),
        ({"jitter": "lognormal", "jitter_ns": 4, "jitter_shape": float("nan")}, "jitter_shape"),
        ({"jitter": "pareto", "jitter_ns": 4, "jitter_shape": 1.0}, "jitter_shape"),
        ({"jitter": "pareto", "jitter_ns": 4, "jitter_shape": "x"}, "jitter_shape"),
        ({"jitter_max_ns": 4}, "jitter_max_ns"),
        ({"jitter": "uniform", "jitter_ns": 4, "jitter_max_ns": 0}, "jitter_max_ns"),
        ({"drop_ppm": 1_000_001}, "drop_ppm"),
        ({"drop_ppm": -1}, "drop_ppm"),
        ({"fifo": 1}, "fifo"),
        ({"outages": 5}, "outages"),
        ({"outages": [5]}, "outages"),
        ({"outages": [[5, 5]]}, "outages"),
        ({"outages": [[5, 9], [8, 12]]}, "outages"),
        ({"outages": [[5, 9], [1, 2]]}, "outages"),
        ({"outages": [[5, 9.5]]}, "outages"),
        ({"latency_changes": [[5, 1], [5, 2]]}, "latency_changes"),
        ({"latency_ns": 10, "latency_changes": [[5, -11]]}, "latency_changes"),
        ({"latency": 4}, "latency"),
    ],
    ids=str,
)
def test_bad_settings_are_named(values, field):
    with pytest.raises(ConfigError, match=f"LinkConfig.*{field}"):
        LinkConfig.from_dict(values)


def test_a_mapping_is_needed():
    with pytest.raises(ConfigError, match="mapping"):
        LinkConfig.from_dict([1])


def test_bounds_of_transit():
    assert (FULL.min_transit_ns, FULL.max_transit_ns) == (0, 1_000 + 10 + 5_000)
    assert LinkConfig(jitter="uniform", jitter_ns=3).jitter_cap_ns == 6
    assert LinkConfig(jitter="exponential", jitter_ns=3).jitter_cap_ns == 60
    assert LinkConfig().max_transit_ns == LinkConfig().min_transit_ns == 50_000


def test_schedule_merges_outages_and_changes():
    config = LinkConfig(outages=((10, 20), (30, 40)), latency_changes=((15, 7), (35, 9), (50, 0)))
    assert config.schedule() == [(10, None), (15, None), (20, 7), (30, None), (35, None), (40, 9), (50, 0)]
    assert LinkConfig().schedule() == []
