"""Links with names: routes of the real world, and the two or three ways to stand to a venue.

Latency comes from `media.latency_ns` where a route is physical, from a stated figure where it is not (a home line).
Jitter, loss and order are assumptions, stated in `docs/network.md` beside the published figures that the latencies are
held against in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qsl_envs.errors import ConfigError, require
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.media import latency_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named one-way link, and what it stands for."""

    name: str
    link: LinkConfig
    doc: str
    route: tuple[str, str, str] | None = None
    """(place, place, medium) that the latency is computed from; `None` for a stated latency"""


def _route(name: str, a: str, b: str, through: str, doc: str, **link) -> Profile:
    """A profile whose latency is the physical one of a route."""
    return Profile(
        name=name, doc=doc, route=(a, b, through), link=LinkConfig(latency_ns=latency_ns(a, b, through), **link)
    )


FIBER = {"jitter": "exponential", "jitter_ns": 200, "jitter_max_ns": 5_000}
"""Dedicated fiber: repeaters and switches, hundreds of ns."""
RADIO = {"jitter": "exponential", "jitter_ns": 300, "jitter_max_ns": 10_000, "drop_ppm": 1_000, "fifo": True}
"""Radio chains lose frames in fading; lossy feeds over them are usual."""
INTERNET = {"jitter": "lognormal", "jitter_shape": 1.2, "drop_ppm": 100, "fifo": True}
"""The public Internet under TCP: order is kept, queues have a long tail."""


def _triangle() -> list[Profile]:
    sides = (("mahwah", "secaucus"), ("secaucus", "carteret"), ("mahwah", "carteret"))
    profiles = []
    for a, b in sides:
        doc = f"New Jersey triangle, {a.title()} to {b.title()}"
        profiles.append(_route(f"{a}-{b}-fiber", a, b, "fiber-metro", f"{doc}, metropolitan fiber", **FIBER))
        profiles.append(_route(f"{a}-{b}-microwave", a, b, "microwave", f"{doc}, radio line of sight", **RADIO))
    return profiles


_LIST = [
    Profile(
        name="instant", doc="no time at all: for tests and for theory without latency", link=LinkConfig(latency_ns=0)
    ),
    Profile(
        name="colo",
        doc="a rack in the venue's hall: cable of 100 m, two switch ports and a network card each way",
        link=LinkConfig(latency_ns=2_500, jitter="exponential", jitter_ns=50, jitter_max_ns=2_000),
    ),
    Profile(
        name="non-colo",
        doc="a server in the same city, over a broker's line and gateway",
        link=LinkConfig(
            latency_ns=500_000, jitter="lognormal", jitter_ns=50_000, jitter_shape=1.0, jitter_max_ns=2_000_000
        ),
    ),
    *_triangle(),
    _route(
        "chicago-new-jersey-fiber",
        "aurora",
        "carteret",
        "fiber-direct",
        "CME's hall to Nasdaq's over the straightest fiber",
        **FIBER,
    ),
    _route(
        "chicago-new-jersey-microwave",
        "aurora",
        "carteret",
        "microwave",
        "CME's hall to Nasdaq's over a chain of radio towers",
        **RADIO,
    ),
    _route("london-frankfurt-fiber", "slough", "frankfurt", "fiber-direct", "Slough LD4 to Frankfurt FR2", **FIBER),
    _route(
        "london-frankfurt-microwave", "slough", "frankfurt", "microwave", "Slough LD4 to Frankfurt FR2, radio", **RADIO
    ),
    _route(
        "new-york-london-fiber",
        "new-york",
        "london",
        "fiber-subsea",
        "the fastest transatlantic cable",
        jitter="exponential",
        jitter_ns=5_000,
        jitter_max_ns=200_000,
    ),
    _route(
        "new-york-london-satellite",
        "new-york",
        "london",
        "satellite-leo",
        "low satellites with laser links between them",
        jitter="uniform",
        jitter_ns=5_000_000,
        drop_ppm=1_000,
    ),
    Profile(
        name="crypto-colo",
        doc="a cloud server in the zone of the venue's matching engine",
        link=LinkConfig(
            latency_ns=400_000, jitter="lognormal", jitter_ns=150_000, jitter_shape=1.2, jitter_max_ns=20_000_000
        ),
    ),
    _route(
        "crypto-abroad",
        "ashburn",
        "tokyo",
        "fiber",
        "a cloud server on another continent than the venue's",
        jitter_ns=3_000_000,
        jitter_max_ns=200_000_000,
        **INTERNET,
    ),
    Profile(
        name="crypto-home",
        doc="a home line on the venue's continent, through the venue's front door (CDN, load balancer, REST)",
        link=LinkConfig(latency_ns=25_000_000, jitter_ns=8_000_000, jitter_max_ns=400_000_000, **INTERNET),
    ),
]

PROFILES: dict[str, Profile] = {profile.name: profile for profile in _LIST}


def link(name: str, **changes) -> LinkConfig:
    """The link of a named profile, with some fields changed. Raises ConfigError that lists the names.

    >>> link("colo", drop_ppm=5).drop_ppm
    5
    """
    if name not in PROFILES:
        raise ConfigError(f"link profile must be one of {', '.join(PROFILES)}; was {name!r}")
    known = LinkConfig.__slots__
    for field in changes:
        require(field in known, "LinkConfig", field, f"one of the fields {', '.join(known)}", field)
    return replace(PROFILES[name].link, **changes)
