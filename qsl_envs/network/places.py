"""Where markets live: coordinates of data centers and cities, from public maps, good to about a kilometer."""

from __future__ import annotations

from dataclasses import dataclass

from qsl_envs.errors import ConfigError, require
from qsl_envs.network.geo import great_circle_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A point on the Earth."""

    name: str
    lat: float
    """degrees, north is positive"""
    lon: float
    """degrees, east is positive"""
    what: str = ""
    """what stands there"""

    def __post_init__(self) -> None:
        require(-90 <= self.lat <= 90, self, "lat", "in [-90, 90]", self.lat)
        require(-180 <= self.lon <= 180, self, "lon", "in [-180, 180]", self.lon)


_TABLE = (
    ("mahwah", 41.0789, -74.1546, "NYSE's data center, New Jersey"),
    ("secaucus", 40.7771, -74.0727, "Equinix NY4 and NY5, New Jersey: Cboe, MEMX, many brokers"),
    ("carteret", 40.5841, -74.2464, "Nasdaq's data center (Equinix NY11), New Jersey"),
    ("weehawken", 40.7617, -74.0280, "former data center of Direct Edge and BATS, New Jersey"),
    ("new-york", 40.7069, -74.0089, "60 Hudson to Wall Street, Manhattan"),
    ("aurora", 41.7977, -88.2443, "CME's data center, Illinois"),
    ("chicago", 41.8535, -87.6184, "350 East Cermak, Illinois"),
    ("toronto", 43.6447, -79.3849, "151 Front Street"),
    ("ashburn", 39.0164, -77.4590, "Virginia's data center cluster; a cloud region of the US east coast"),
    ("london", 51.5136, -0.0890, "City of London"),
    ("slough", 51.5224, -0.6289, "Equinix LD4: ICE Europe's and Cboe Europe's matching engines"),
    ("basildon", 51.5820, 0.4770, "Euronext's and ICE's former data center"),
    ("frankfurt", 50.1194, 8.7350, "Equinix FR2: Eurex, Xetra"),
    ("paris", 48.8698, 2.3412, "city center"),
    ("zurich", 47.3875, 8.5186, "Equinix ZH4: SIX"),
    ("bergamo", 45.6940, 9.6700, "Euronext's data center since 2022"),
    ("stockholm", 59.4000, 17.9400, "Nasdaq Nordic"),
    ("tokyo", 35.6460, 139.7900, "TY3: Japan Exchange's neighborhood; a cloud region of many crypto venues"),
    ("singapore", 1.2950, 103.7900, "SG1: SGX"),
    ("hong-kong", 22.2840, 114.2690, "HKEX's data center, Tseung Kwan O"),
    ("mumbai", 19.0630, 72.8650, "NSE and BSE"),
    ("sydney", -33.8220, 151.1920, "ASX's data center, Gore Hill"),
    ("sao-paulo", -23.4900, -46.8100, "B3's data center, Santana de Parnaiba"),
    ("dubai", 25.1000, 55.1700, "city"),
    ("san-francisco", 37.7749, -122.4194, "city"),
    ("berlin", 52.5200, 13.4050, "city"),
)

PLACES: dict[str, Place] = {name: Place(name=name, lat=lat, lon=lon, what=what) for name, lat, lon, what in _TABLE}


def place(name: str | Place) -> Place:
    """The place of that name. Raises ConfigError that lists the names."""
    if isinstance(name, Place):
        return name
    if name not in PLACES:
        raise ConfigError(f"place must be one of {', '.join(PLACES)}, or a Place of your own; was {name!r}")
    return PLACES[name]


def distance_m(place_a: str | Place, place_b: str | Place) -> float:
    """Meters over the ground between two places, the shortest way."""
    a, b = place(place_a), place(place_b)
    return great_circle_m(a.lat, a.lon, b.lat, b.lon)
