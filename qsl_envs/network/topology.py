"""Who is connected to whom: nodes with places, and one-way links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsl_envs.errors import ConfigError, require
from qsl_envs.network import profiles
from qsl_envs.network.config import LinkConfig, build
from qsl_envs.network.media import latency_ns
from qsl_envs.network.places import Place, place


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """A venue or an agent in the network."""

    name: str
    place: str | Place | None = None
    """name of a known place, or a Place; `None` when every wire of the node says its own latency"""

    def __post_init__(self) -> None:
        require(isinstance(self.name, str) and self.name != "", self, "name", "a name that is not empty", self.name)
        if isinstance(self.place, Mapping):
            object.__setattr__(self, "place", build(Place, self.place))
        if self.place is not None:
            place(self.place)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `NodeConfig(**values)` gives an equal config back."""
        where = self.place
        if isinstance(where, Place):
            where = {"name": where.name, "lat": where.lat, "lon": where.lon, "what": where.what}
        return {"name": self.name, "place": where}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireConfig:
    """A connection of two nodes: exactly one of `profile`, `medium` and `link` says how it behaves."""

    source: str
    target: str
    both: bool = True
    """also from target to source, with the same settings and its own draws"""
    profile: str | None = None
    """a named profile, see `profiles.PROFILES`"""
    medium: str | None = None
    """latency computed from the places of the two nodes; neither jitter nor loss"""
    link: LinkConfig | None = None

    def __post_init__(self) -> None:
        if isinstance(self.link, Mapping):
            object.__setattr__(self, "link", LinkConfig.from_dict(self.link))
        given = [field for field in ("profile", "medium", "link") if getattr(self, field) is not None]
        require(len(given) == 1, self, "profile, medium, link", "given once", given)
        if self.profile is not None:
            profiles.link(self.profile)
        require(self.source != self.target, self, "target", "another node than source", self.target)
        require(isinstance(self.both, bool), self, "both", "true or false", self.both)

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the two that are not given."""
        values: dict[str, Any] = {"source": self.source, "target": self.target, "both": self.both}
        if self.link is not None:
            values["link"] = self.link.to_dict()
        elif self.profile is not None:
            values["profile"] = self.profile
        else:
            values["medium"] = self.medium
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class TopologyConfig:
    """A network: nodes, and the wires between them."""

    nodes: tuple[NodeConfig, ...]
    wires: tuple[WireConfig, ...] = ()

    def __post_init__(self) -> None:
        nodes = tuple(build(NodeConfig, n) if isinstance(n, Mapping) else n for n in self.nodes)
        wires = tuple(build(WireConfig, w) if isinstance(w, Mapping) else w for w in self.wires)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "wires", wires)
        names = [node.name for node in nodes]
        require(len(set(names)) == len(names), self, "nodes", "of different names", names)
        seen: set[tuple[str, str]] = set()
        for at, wire in enumerate(wires):
            for end in ("source", "target"):
                require(getattr(wire, end) in names, self, f"wires[{at}].{end}", f"one of {names}", getattr(wire, end))
            for pair in _directions(wire):
                require(pair not in seen, self, f"wires[{at}]", "the only wire of its two nodes and direction", pair)
                seen.add(pair)
        for wire in wires:
            self._resolve(wire)

    def _resolve(self, wire: WireConfig) -> LinkConfig:
        if wire.link is not None:
            return wire.link
        if wire.profile is not None:
            return profiles.link(wire.profile)
        ends = []
        for name in (wire.source, wire.target):
            where = next(node.place for node in self.nodes if node.name == name)
            require(where is not None, f"NodeConfig {name!r}", "place", "set for a wire with a medium", where)
            ends.append(where)
        return LinkConfig(latency_ns=latency_ns(ends[0], ends[1], wire.medium or ""))

    def link(self, source: str, target: str) -> LinkConfig:
        """The one-way link between two nodes. Raises ConfigError when there is none."""
        for wire in self.wires:
            if (source, target) in _directions(wire):
                return self._resolve(wire)
        raise ConfigError(f"TopologyConfig has no wire from {source!r} to {target!r}")

    def latency_matrix(self) -> np.ndarray:
        """One-way latencies in ns without jitter, int64 (nodes, nodes): 0 on the diagonal, -1 where no wire runs."""
        index = {node.name: at for at, node in enumerate(self.nodes)}
        matrix = np.full((len(index), len(index)), -1, np.int64)
        np.fill_diagonal(matrix, 0)
        for wire in self.wires:
            for source, target in _directions(wire):
                matrix[index[source], index[target]] = self._resolve(wire).latency_ns
        return matrix

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TopologyConfig:
        """From plain values, as YAML gives them. Raises ConfigError."""
        return build(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that YAML and JSON can hold; `from_dict` gives an equal config back."""
        return {"nodes": [node.to_dict() for node in self.nodes], "wires": [wire.to_dict() for wire in self.wires]}


def _directions(wire: WireConfig) -> list[tuple[str, str]]:
    forward = (wire.source, wire.target)
    return [forward, forward[::-1]] if wire.both else [forward]
