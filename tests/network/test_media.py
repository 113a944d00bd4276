"""Distances against Vincenty's geodesic, latencies against published figures of real routes."""

from __future__ import annotations

import doctest
import math

import pytest

from qsl_envs.errors import ConfigError
from qsl_envs.network import geo, media, profiles
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.media import LIGHT_M_PER_S, Medium, latency_ns
from qsl_envs.network.places import PLACES, Place, distance_m

MILE_M = 1_609.344


def vincenty_m(a: Place, b: Place) -> float:
    """Geodesic on WGS 84 by Vincenty's inverse formula (1975), with the C library's functions."""
    major, f = 6_378_137.0, 1 / 298.257223563
    minor = major * (1 - f)
    u1 = math.atan((1 - f) * math.tan(math.radians(a.lat)))
    u2 = math.atan((1 - f) * math.tan(math.radians(b.lat)))
    difference = lam = math.radians(b.lon - a.lon)
    for _ in range(100):
        sin_s = math.hypot(
            math.cos(u2) * math.sin(lam),
            math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(lam),
        )
        cos_s = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(lam)
        s = math.atan2(sin_s, cos_s)
        sin_a = math.cos(u1) * math.cos(u2) * math.sin(lam) / sin_s
        cos2_a = 1 - sin_a**2
        cos_2m = cos_s - 2 * math.sin(u1) * math.sin(u2) / cos2_a
        c = f / 16 * cos2_a * (4 + f * (4 - 3 * cos2_a))
        bent = s + c * sin_s * (cos_2m + c * cos_s * (2 * cos_2m**2 - 1))
        new, lam = lam, difference + (1 - c) * f * sin_a * bent
        if abs(new - lam) < 1e-13:
            break
    u = cos2_a * (major**2 - minor**2) / minor**2
    big_a = 1 + u / 16384 * (4096 + u * (u * (320 - 175 * u) - 768))
    big_b = u / 1024 * (256 + u * (u * (74 - 47 * u) - 128))
    inner = cos_s * (2 * cos_2m**2 - 1) - big_b / 6 * cos_2m * (4 * sin_s**2 - 3) * (4 * cos_2m**2 - 3)
    return minor * big_a * (s - big_b * sin_s * (cos_2m + big_b / 4 * inner))


def test_distances_of_all_pairs_of_places():
    names = list(PLACES)
    for at, a in enumerate(names):
        for b in names[at + 1 :]:
            exact = vincenty_m(PLACES[a], PLACES[b])
            assert distance_m(a, b) == pytest.approx(exact, abs=50 + 3e-6 * exact)
            assert distance_m(a, b) == pytest.approx(distance_m(b, a), abs=1e-6)
        assert distance_m(a, a) == 0.0


def test_distance_over_the_date_line_and_to_the_antipode():
    west, east = Place(name="w", lat=10.0, lon=-179.5), Place(name="e", lat=10.0, lon=179.5)
    assert distance_m(west, east) == pytest.approx(
        vincenty_m(west, Place(name="x", lat=10.0, lon=-180.0)) * 2, rel=1e-4
    )
    antipode = distance_m(Place(name="a", lat=20.0, lon=30.0), Place(name="b", lat=-20.0, lon=-150.0))
    assert antipode == pytest.approx(math.pi * geo.EARTH_RADIUS_M, rel=0.005)


def test_trigonometry_is_that_of_the_c_library():
    for k in range(-60, 61):
        x = k / 10
        assert geo.sin_cos(x) == pytest.approx((math.sin(x), math.cos(x)), abs=1e-14)
        assert geo.arc_tangent(abs(x) ** 3) == pytest.approx(math.atan(abs(x) ** 3), rel=1e-14)


@pytest.mark.parametrize(
    ("a", "b", "miles"),  # Tivnan et al. (2020), PLOS ONE 15(1) e0226968: straight lines of the triangle
    [("mahwah", "secaucus", 21.31), ("secaucus", "carteret", 16.22), ("mahwah", "carteret", 34.55)],
)
def test_sides_of_the_new_jersey_triangle(a, b, miles):
    assert distance_m(a, b) / MILE_M == pytest.approx(miles, rel=0.01)


@pytest.mark.parametrize(
    ("a", "b", "through", "round_trip_ms", "tolerance"),
    [
        ("aurora", "carteret", "microwave", 8.23, 0.05),  # McKay Brothers, February 2013
        ("aurora", "carteret", "fiber-direct", 12.98, 0.02),  # Spread Networks, October 2012
        ("basildon", "frankfurt", "microwave", 4.192, 0.05),  # McKay Brothers, 2015
        ("new-york", "london", "fiber-subsea", 58.95, 0.01),  # Hibernia Express, September 2015
    ],
)
def test_latencies_of_published_routes(a, b, through, round_trip_ms, tolerance):
    assert 2 * latency_ns(a, b, through) / 1e6 == pytest.approx(round_trip_ms, rel=tolerance)


def test_satellites_lie_in_the_measured_ranges():
    assert 20e6 < 2 * latency_ns("berlin", "berlin", "satellite-leo") < 60e6  # Starlink: 20 to 60 ms
    assert 500e6 < 2 * latency_ns("berlin", "paris", "satellite-geo") < 700e6  # geostationary: 500 to 700 ms
    # over an ocean, lasers in space beat the sea cable once the ground segment's framing is left out
    framing = media.MEDIA["satellite-leo"].fixed_ns
    space_ns = latency_ns("new-york", "london", "satellite-leo") - framing
    assert space_ns < latency_ns("new-york", "london", "fiber-subsea")


def test_nothing_is_faster_than_light():
    for a, b in (("aurora", "carteret"), ("tokyo", "sao-paulo"), ("mahwah", "secaucus")):
        floor_ns = distance_m(a, b) / LIGHT_M_PER_S * 1e9
        for name in ("fiber", "fiber-direct", "fiber-metro", "fiber-subsea", "microwave", "satellite-leo"):
            assert latency_ns(a, b, name) > floor_ns
        assert latency_ns(a, b, "microwave") < latency_ns(a, b, "fiber-subsea") < latency_ns(a, b, "fiber-direct")


def test_cross_connect_is_the_cable():
    assert latency_ns("carteret", "carteret", "cross-connect") == round(100 * 1.4682 / LIGHT_M_PER_S * 1e9)
    assert latency_ns("carteret", "carteret", "cross-connect", cable_m=0) == 0
    with pytest.raises(ConfigError, match="place_b"):
        latency_ns("carteret", "mahwah", "cross-connect")


def test_route_of_ones_own():
    home = Place(name="home", lat=52.0, lon=13.0)
    vacuum = Medium(name="vacuum")
    assert latency_ns(home, "frankfurt", vacuum) == round(distance_m(home, "frankfurt") / LIGHT_M_PER_S * 1e9)
    assert latency_ns(home, "frankfurt", vacuum, path_factor=2.0) == pytest.approx(
        2 * latency_ns(home, "frankfurt", vacuum), abs=1
    )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: latency_ns("atlantis", "tokyo", "fiber"), "place"),
        (lambda: latency_ns("berlin", "tokyo", "pigeon"), "medium"),
        (lambda: latency_ns("berlin", "tokyo", "fiber", path_factor=0.9), "path_factor"),
        (lambda: latency_ns("berlin", "berlin", "cross-connect", cable_m=-1), "cable_m"),
        (lambda: latency_ns("tokyo", "sao-paulo", "satellite-geo"), "horizon"),
        (lambda: Place(name="x", lat=91.0, lon=0.0), "lat"),
        (lambda: Place(name="x", lat=0.0, lon=181.0), "lon"),
        (lambda: Medium(name="x", refractive_index=0.9), "refractive_index"),
        (lambda: Medium(name="x", path_factor=0.9), "path_factor"),
        (lambda: Medium(name="x", fixed_ns=-1), "fixed_ns"),
        (lambda: Medium(name="x", shape="round"), "shape"),
        (lambda: profiles.link("pigeon"), "link profile"),
        (lambda: profiles.link("colo", speed=3), "speed"),
        (lambda: profiles.link("colo", drop_ppm=-3), "drop_ppm"),
    ],
)
def test_errors_name_what_is_wrong(call, named):
    with pytest.raises(ConfigError, match=named):
        call()


def test_profiles_are_documented_links_in_the_order_of_their_speed():
    for name, profile in profiles.PROFILES.items():
        assert profile.name == name and profile.doc and isinstance(profile.link, LinkConfig)
        if profile.route is not None:
            assert profile.link.latency_ns == latency_ns(*profile.route)
    order = ["instant", "colo", "crypto-colo", "non-colo", "crypto-home", "crypto-abroad"]
    latencies = [profiles.link(name).latency_ns for name in order]
    assert latencies == sorted(latencies)
    for route in ("mahwah-secaucus", "secaucus-carteret", "mahwah-carteret", "chicago-new-jersey", "london-frankfurt"):
        assert profiles.link(f"{route}-microwave").latency_ns < profiles.link(f"{route}-fiber").latency_ns


def test_examples_in_docstrings():
    for module in (media, profiles):
        assert doctest.testmod(module).attempted > 0
        assert doctest.testmod(module).failed == 0
