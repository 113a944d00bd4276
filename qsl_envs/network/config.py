"""Settings of a link: what a message that is sent into it meets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from qsl_envs.errors import ConfigError, require

JITTER_LAWS = ("none", "uniform", "exponential", "lognormal", "pareto")
"""Names of the jitter laws; the index is the law's number in a LINK record."""

LATENCY_MAX_NS = 3_600_000_000_000
"""One hour: no latency or jitter is longer, so that sums of times stay far from the ends of int64."""

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any]) -> T:
    """Make a config of `cls` from a mapping of plain values; an unknown key is a ConfigError that names it."""
    require(isinstance(values, Mapping), cls.__name__, "from_dict", "given a mapping", values)
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise ConfigError(f"{cls.__name__} has no field {key!r}; it has {', '.join(known)}")
    return cls(**values)


def whole(owner: object, field: str, value: object) -> None:
    """Require a whole number (bool is none)."""
    require(isinstance(value, int) and not isinstance(value, bool), owner, field, "a whole number", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """One direction of one wire between two nodes, or the profile that several wires share.

    A message sent at `ts` is lost when `ts` lies in an outage, or by chance; else it arrives at
    `ts + latency_ns + change in force at ts + jitter`. What counts is the sending time: a message under way is not
    touched by what happens to the wire later.
    """

    latency_ns: int = 50_000
    """one way, in [0, one hour]; a round trip is two links"""
    jitter: str = "none"
    """law of the delay that is added to the latency: none, uniform, exponential, lognormal or pareto"""
    jitter_ns: int = 0
    """the law's mean before truncation (uniform: on [0, 2 x jitter_ns])"""
    jitter_shape: float | None = None
    """lognormal: sigma of the logarithm, default 1.0; pareto (Lomax): tail exponent, > 1, default 3.0; else unused"""
    jitter_max_ns: int | None = None
    """J, the longest jitter: the law is conditioned on not exceeding it. Default: uniform 2, else 20 x jitter_ns"""
    drop_ppm: int = 0
    """messages lost per million, in [0, 1_000_000], drawn from stream DROP"""
    fifo: bool = True
    """whether messages keep their order: one that would overtake arrives together with the one before it"""
    outages: tuple[tuple[int, int], ...] = ()
    """(start_ns, end_ns) windows, sorted and apart; what is sent at start_ns <= ts < end_ns is lost, not delayed"""
    latency_changes: tuple[tuple[int, int], ...] = ()
    """(at_ns, change_ns), sorted: from at_ns on the latency is latency_ns + change_ns, until the next entry"""

    def __post_init__(self) -> None:
        for field in ("outages", "latency_changes"):
            self._set_pairs(field)
        for field in ("latency_ns", "jitter_ns", "drop_ppm"):
            whole(self, field, getattr(self, field))
        require(0 <= self.latency_ns <= LATENCY_MAX_NS, self, "latency_ns", "in [0, one hour]", self.latency_ns)
        require(self.jitter in JITTER_LAWS, self, "jitter", f"one of {', '.join(JITTER_LAWS)}", self.jitter)
        if self.jitter == "none":
            require(self.jitter_ns == 0, self, "jitter_ns", "0 without a jitter law", self.jitter_ns)
        else:
            allowed = "in [1, one hour] with a jitter law"
            require(1 <= self.jitter_ns <= LATENCY_MAX_NS, self, "jitter_ns", allowed, self.jitter_ns)
        self._check_shape()
        self._check_max()
        require(0 <= self.drop_ppm <= 1_000_000, self, "drop_ppm", "in [0, 1_000_000]", self.drop_ppm)
        require(isinstance(self.fifo, bool), self, "fifo", "true or false", self.fifo)
        self._check_schedule()

    def _set_pairs(self, field: str) -> None:
        """Lists, as YAML has them, become tuples of pairs of whole numbers."""
        value = getattr(self, field)
        require(isinstance(value, (list, tuple)), self, field, "a list of pairs", value)
        for pair in value:
            require(isinstance(pair, (list, tuple)) and len(pair) == 2, self, field, "a list of pairs", pair)
            for number in pair:
                whole(self, field, number)
        object.__setattr__(self, field, tuple(tuple(pair) for pair in value))

    def _check_shape(self) -> None:
        shape = self.jitter_shape
        if shape is None:
            return
        require(isinstance(shape, (int, float)), self, "jitter_shape", "a number", shape)
        if self.jitter == "lognormal":
            require(0 < shape <= 4, self, "jitter_shape", "in (0, 4] for lognormal", shape)
        elif self.jitter == "pareto":
            require(1 < shape <= 100, self, "jitter_shape", "in (1, 100] for pareto", shape)
        else:
            require(False, self, "jitter_shape", f"absent for {self.jitter}", shape)

    def _check_max(self) -> None:
        most = self.jitter_max_ns
        if most is None:
            return
        whole(self, "jitter_max_ns", most)
        if self.jitter == "none":
            require(most == 0, self, "jitter_max_ns", "0 or absent without a jitter law", most)
        else:
            require(1 <= most <= LATENCY_MAX_NS, self, "jitter_max_ns", "in [1, one hour]", most)

    def _check_schedule(self) -> None:
        last = None
        for start, end in self.outages:
            require(start < end, self, "outages", "pairs start_ns < end_ns", (start, end))
            require(last is None or start > last, self, "outages", "sorted and apart", self.outages)
            last = end
        last = None
        for at, change in self.latency_changes:
            require(last is None or at > last, self, "latency_changes", "sorted by at_ns", self.latency_changes)
            total = self.latency_ns + change
            allowed = "such that the latency stays in [0, one hour]"
            require(0 <= total <= LATENCY_MAX_NS, self, "latency_changes", allowed, (at, change))
            last = at

    @property
    def jitter_cap_ns(self) -> int:
        """J in force: no message of this link is later than its latency by more."""
        if self.jitter_max_ns is not None:
            return self.jitter_max_ns
        return min(LATENCY_MAX_NS, self.jitter_ns * (2 if self.jitter == "uniform" else 20))

    @property
    def jitter_shape_in_force(self) -> float:
        """`jitter_shape` or its default; 0.0 for laws that have none."""
        if self.jitter_shape is not None:
            return float(self.jitter_shape)
        return {"lognormal": 1.0, "pareto": 3.0}.get(self.jitter, 0.0)

    @property
    def max_transit_ns(self) -> int:
        """The longest time any message may take: latency, the largest scheduled change, and J. Sizes rings."""
        return self.latency_ns + max([0, *(change for _, change in self.latency_changes)]) + self.jitter_cap_ns

    @property
    def min_transit_ns(self) -> int:
        """The shortest time any message may take."""
        return self.latency_ns + min([0, *(change for _, change in self.latency_changes)])

    def schedule(self) -> list[tuple[int, int | None]]:
        """Outages and latency changes as one timeline: (start_ns, change_ns), `None` while the link is down.

        Entry i holds from its start to the next entry's; before the first the change is 0.
        """
        marks = sorted({at for window in self.outages for at in window} | {at for at, _ in self.latency_changes})
        timeline: list[tuple[int, int | None]] = []
        for mark in marks:
            down = any(start <= mark < end for start, end in self.outages)
            change = 0
            for at, value in self.latency_changes:
                if at <= mark:
                    change = value
            timeline.append((mark, None if down else change))
        return timeline

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LinkConfig:
        """From plain values, as YAML gives them. Raises ConfigError."""
        return build(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that YAML and JSON can hold; `from_dict` gives an equal config back."""
        values = asdict(self)
        for field in ("outages", "latency_changes"):
            values[field] = [list(pair) for pair in values[field]]
        return values


MILLISECOND = LinkConfig(latency_ns=1_000_000, jitter="exponential", jitter_ns=100_000)
"""One way between an agent and a venue, by default: a line within one city, with a little jitter."""
