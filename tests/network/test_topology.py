"""Nodes and wires: resolution of links, the latency matrix, YAML, and errors with names."""

from __future__ import annotations

import pytest
import yaml

from qsl_envs.errors import ConfigError
from qsl_envs.network import profiles
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.media import latency_ns
from qsl_envs.network.places import Place
from qsl_envs.network.topology import NodeConfig, TopologyConfig, WireConfig

NET = TopologyConfig(
    nodes=(
        NodeConfig(name="nyse", place="mahwah"),
        NodeConfig(name="nasdaq", place="carteret"),
        NodeConfig(name="home", place=Place(name="cabin", lat=45.0, lon=-75.0)),
        NodeConfig(name="maker"),
    ),
    wires=(
        WireConfig(source="nyse", target="nasdaq", medium="microwave"),
        WireConfig(source="home", target="nyse", medium="fiber", both=False),
        WireConfig(source="maker", target="nasdaq", profile="colo"),
        WireConfig(source="maker", target="nyse", link=LinkConfig(latency_ns=9, outages=((1, 2),))),
    ),
)


def test_links_come_from_media_profiles_and_settings():
    assert NET.link("nasdaq", "nyse").latency_ns == latency_ns("mahwah", "carteret", "microwave")
    assert NET.link("maker", "nasdaq") == NET.link("nasdaq", "maker") == profiles.link("colo")
    assert NET.link("nyse", "maker").outages == ((1, 2),)
    with pytest.raises(ConfigError, match="no wire from 'nyse' to 'home'"):
        NET.link("nyse", "home")


def test_latency_matrix():
    radio, glass = NET.link("nyse", "nasdaq").latency_ns, NET.link("home", "nyse").latency_ns
    colo = profiles.link("colo").latency_ns
    assert NET.latency_matrix().tolist() == [
        [0, radio, -1, 9],
        [radio, 0, -1, colo],
        [glass, -1, 0, -1],
        [9, colo, -1, 0],
    ]


def test_yaml_round_trip():
    assert TopologyConfig.from_dict(yaml.safe_load(yaml.safe_dump(NET.to_dict()))) == NET


NODES = [{"name": "a", "place": "tokyo"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"nodes": [{"name": "a"}, {"name": "a"}]}, "TopologyConfig.nodes"),
        ({"nodes": [{"name": ""}]}, "NodeConfig.name"),
        ({"nodes": [{"name": "a", "place": "atlantis"}]}, "place"),
        ({"nodes": [{"name": "a", "spot": "tokyo"}]}, "spot"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "c", "profile": "colo"}]}, r"wires\[0\].target"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "a", "profile": "colo"}]}, "WireConfig.target"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "b"}]}, "profile, medium, link"),
        (
            {"nodes": NODES, "wires": [{"source": "a", "target": "b", "profile": "colo", "medium": "fiber"}]},
            "profile, medium, link",
        ),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "b", "profile": "pigeon"}]}, "link profile"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "b", "medium": "fiber"}]}, "'b'.place"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "b", "link": {"drop_ppm": -1}}]}, "LinkConfig.drop_ppm"),
        ({"nodes": NODES, "wires": [{"source": "a", "target": "b", "profile": "colo", "both": 2}]}, "WireConfig.both"),
        (
            {
                "nodes": NODES,
                "wires": [
                    {"source": "a", "target": "b", "profile": "colo"},
                    {"source": "b", "target": "a", "profile": "colo"},
                ],
            },
            r"wires\[1\]",
        ),
    ],
)
def test_errors_name_what_is_wrong(values, named):
    with pytest.raises(ConfigError, match=named):
        TopologyConfig.from_dict(values)
