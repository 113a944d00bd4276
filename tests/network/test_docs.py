"""docs/network.md says what the code does: its table of profiles, its figures, its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from qsl_envs.network.media import MEDIA, latency_ns
from qsl_envs.network.places import distance_m
from qsl_envs.network.profiles import PROFILES
from qsl_envs.network.topology import TopologyConfig

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "network.md").read_text()
UNIT_NS = {"": 1, "ns": 1, "us": 1_000, "ms": 1_000_000}


def cells(line):
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def to_ns(text):
    number, _, unit = text.partition(" ")
    return float(number) * UNIT_NS[unit]


def test_table_of_profiles_is_complete_and_true():
    table = PAGE.split("<!-- profiles: begin -->")[1].split("<!-- profiles: end -->")[0].strip().splitlines()[2:]
    rows = {cells(line)[0].strip("`"): cells(line)[1:] for line in table}
    assert list(rows) == list(PROFILES)
    for name, (latency, jitter, drop, what) in rows.items():
        link = PROFILES[name].link
        assert to_ns(latency) == pytest.approx(link.latency_ns, rel=1e-3)
        assert jitter.split(",")[0] == link.jitter
        if link.jitter != "none":
            mean, cap = re.fullmatch(r"\w+, mean (.+), J (.+)", jitter).groups()
            assert (to_ns(mean), to_ns(cap)) == pytest.approx((link.jitter_ns, link.jitter_cap_ns), rel=1e-3)
        assert int(drop) == link.drop_ppm and what == PROFILES[name].doc


def test_table_of_media_is_complete_and_true():
    for name, medium in MEDIA.items():
        row = cells(next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` | 1")))
        assert float(row[1]) == pytest.approx(medium.refractive_index, abs=1e-3)
        assert float(row[2] or 1) == medium.path_factor
        assert to_ns(row[3]) == medium.fixed_ns


def test_modeled_figures_beside_the_published_ones():
    for a, b, through in re.findall(r"^\| (\w+) - (\w+), (microwave|direct fiber), round trip", PAGE, re.M):
        row = cells(next(line for line in PAGE.splitlines() if line.startswith(f"| {a} - {b}, {through}")))
        medium = {"microwave": "microwave", "direct fiber": "fiber-direct"}[through]
        assert to_ns(row[1]) == pytest.approx(2 * latency_ns(a.lower(), b.lower(), medium), rel=2e-3)
    sides = (("mahwah", "secaucus"), ("secaucus", "carteret"), ("mahwah", "carteret"))
    miles = " / ".join(f"{distance_m(*side) / 1609.344:.1f}" for side in sides)
    assert f"| {miles} miles |" in PAGE


def test_examples_run():
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        names = {}
        exec(code, names)
        assert names["flaky"].outages and names["slow"].jitter == "lognormal"
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    network = TopologyConfig.from_dict(yaml.safe_load(text))
    assert network.link("maker", "nyse").drop_ppm == 1000
