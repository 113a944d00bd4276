"""How fast a signal gets from one place to another through glass, air or space.

Ground media: time = distance x path factor x refractive index / c + equipment. Satellites: the geometry of up, along
and down. The path factor says how much longer the built route is than the geodesic; `docs/network.md` says where each
default comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qsl_envs.errors import ConfigError, require
from qsl_envs.network.geo import EARTH_RADIUS_M, PI, great_circle_m, sin_cos
from qsl_envs.network.places import Place, place

LIGHT_M_PER_S = 299_792_458.0
LEO_ALTITUDE_M = 550_000.0
GEO_ALTITUDE_M = 35_786_000.0

SAME_SITE_M = 3_000.0
"""Places closer than this are one site: a cross-connect may join them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A way to carry a signal."""

    name: str
    refractive_index: float = 1.0
    """speed of light in vacuum over group velocity"""
    path_factor: float = 1.0
    """length of the built route over the geodesic, >= 1"""
    fixed_ns: int = 0
    """equipment at both ends, one way"""
    shape: str = "ground"
    """ground, cross-connect, leo or geo: which geometry holds"""

    def __post_init__(self) -> None:
        require(self.refractive_index >= 1.0, self, "refractive_index", ">= 1", self.refractive_index)
        require(self.path_factor >= 1.0, self, "path_factor", ">= 1", self.path_factor)
        require(self.fixed_ns >= 0, self, "fixed_ns", ">= 0", self.fixed_ns)
        shapes = ("ground", "cross-connect", "leo", "geo")
        require(self.shape in shapes, self, "shape", f"one of {', '.join(shapes)}", self.shape)


GLASS_INDEX = 1.4682
"""Group index of standard single-mode fiber at 1550 nm."""
AIR_INDEX = 1.0003
"""Radio in the lower atmosphere."""

MEDIA: dict[str, Medium] = {
    medium.name: medium
    for medium in (
        Medium(name="fiber", refractive_index=GLASS_INDEX, path_factor=1.5),
        Medium(name="fiber-metro", refractive_index=GLASS_INDEX, path_factor=1.3),
        Medium(name="fiber-direct", refractive_index=GLASS_INDEX, path_factor=1.13),
        Medium(name="fiber-subsea", refractive_index=GLASS_INDEX, path_factor=1.08),
        Medium(name="microwave", refractive_index=AIR_INDEX, path_factor=1.01),
        Medium(name="cross-connect", refractive_index=GLASS_INDEX, shape="cross-connect"),
        Medium(name="satellite-leo", fixed_ns=8_000_000, shape="leo"),
        Medium(name="satellite-geo", fixed_ns=20_000_000, shape="geo"),
    )
}


def medium(name: str | Medium) -> Medium:
    """The medium of that name. Raises ConfigError that lists the names."""
    if isinstance(name, Medium):
        return name
    if name not in MEDIA:
        raise ConfigError(f"medium must be one of {', '.join(MEDIA)}, or a Medium of your own; was {name!r}")
    return MEDIA[name]


def latency_ns(
    place_a: str | Place,
    place_b: str | Place,
    through: str | Medium,
    *,
    path_factor: float | None = None,
    cable_m: float = 100.0,
) -> int:
    """One-way latency between two places through a medium, in whole nanoseconds.

    Args:
        path_factor: of this route, instead of the medium's.
        cable_m: length of a cross-connect's cable; exchanges give every customer of a hall the same.
    Raises: ConfigError.

    >>> latency_ns("aurora", "carteret", "microwave")       # 3.98 ms
    3978922
    """
    a, b, way = place(place_a), place(place_b), medium(through)
    factor = way.path_factor if path_factor is None else path_factor
    require(factor >= 1.0, "latency_ns", "path_factor", ">= 1", factor)
    ground_m = great_circle_m(a.lat, a.lon, b.lat, b.lon)
    if way.shape == "cross-connect":
        allowed = f"within {SAME_SITE_M:.0f} m of place_a for a cross-connect"
        require(ground_m <= SAME_SITE_M, "latency_ns", "place_b", allowed, f"{b.name}, {ground_m:.0f} m away")
        require(cable_m >= 0, "latency_ns", "cable_m", ">= 0", cable_m)
        path_m = cable_m
    elif way.shape == "leo":
        path_m = 2.0 * LEO_ALTITUDE_M + ground_m * factor * (EARTH_RADIUS_M + LEO_ALTITUDE_M) / EARTH_RADIUS_M
    elif way.shape == "geo":
        middle = _middle_lon(a.lon, b.lon)
        path_m = _slant_m(a, middle) + _slant_m(b, middle)
    else:
        path_m = ground_m * factor
    return int(path_m * way.refractive_index / LIGHT_M_PER_S * 1e9 + 0.5) + way.fixed_ns


def _middle_lon(lon_a: float, lon_b: float) -> float:
    """The longitude half way between two, on the shorter side."""
    return lon_a + ((lon_b - lon_a + 180.0) % 360.0 - 180.0) / 2.0


def _slant_m(ground: Place, satellite_lon: float) -> float:
    """Distance from a place to a geostationary satellite at that longitude; it must be above the horizon."""
    _, cos_lat = sin_cos(ground.lat * PI / 180.0)
    _, cos_lon = sin_cos(((satellite_lon - ground.lon + 180.0) % 360.0 - 180.0) * PI / 180.0)
    cosine = cos_lat * cos_lon
    orbit_m = EARTH_RADIUS_M + GEO_ALTITUDE_M
    if cosine <= EARTH_RADIUS_M / orbit_m:
        raise ConfigError(
            f"no geostationary satellite between the two places stands above the horizon of {ground.name}"
        )
    return math.sqrt(EARTH_RADIUS_M * EARTH_RADIUS_M + orbit_m * orbit_m - 2.0 * EARTH_RADIUS_M * orbit_m * cosine)
