"""Distance on the Earth, of + - * / and square root only.

A latency becomes part of a trajectory, so it must not depend on the C library's last bit.
"""

from __future__ import annotations

import math

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the WGS 84 ellipsoid (2a + b) / 3."""

FLATTENING = 1.0 / 298.257223563
"""WGS 84."""

EQUATOR_M = 6_378_137.0
"""WGS 84 equatorial radius."""

PI = 3.141592653589793


def sin_cos(x: float) -> tuple[float, float]:
    """Sine and cosine of |x| <= 2 pi by their Taylor series; error about 1e-15."""
    sin, cos, term = 0.0, 1.0, 1.0
    for n in range(1, 50):
        term = term * x / n
        sign = -1.0 if (n >> 1) & 1 else 1.0
        if n & 1:
            sin += sign * term
        else:
            cos += sign * term
    return sin, cos


def arc_tangent(t: float) -> float:
    """Arc tangent of t >= 0: three halvings of the angle, then the series; error about 1e-15."""
    for _ in range(3):
        t = t / (1.0 + math.sqrt(1.0 + t * t))
    square, term, total = t * t, t, 0.0
    for n in range(1, 40, 2):
        total += term / n
        term = -term * square
    return 8.0 * total


def great_circle_m(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """Length of the shortest way over the Earth between two points, in meters.

    Great circle on the sphere of reduced latitudes, with Lambert's correction for the flattening; within some 10 m of
    the geodesic over thousands of km. Points more than 179 degrees apart get the mean sphere's length.

    Args:
        lat_a, lon_a, lat_b, lon_b: degrees; north and east are positive.
    Source: W. D. Lambert (1942), "The distance between two widely separated points on the surface of the earth",
        J. Washington Academy of Sciences 32, 125-130.
    """
    sin_a, cos_a = _reduced(lat_a)
    sin_b, cos_b = _reduced(lat_b)
    sin_l, cos_l = sin_cos(_radians(((lon_b - lon_a) + 180.0) % 360.0 - 180.0))
    x = cos_a - cos_b * cos_l
    y = cos_b * sin_l
    z = sin_a - sin_b
    half = math.sqrt(x * x + y * y + z * z) / 2.0  # sine of half the central angle
    if half <= 0.0:
        return 0.0
    if half >= 0.99996:
        quarter = PI / 2.0 - arc_tangent(math.sqrt(max(0.0, 1.0 - half * half)) / half)
        return 2.0 * quarter * EARTH_RADIUS_M
    sigma = 2.0 * arc_tangent(half / math.sqrt(1.0 - half * half))
    sin_sigma, _ = sin_cos(sigma)
    # Lambert's sin^2 P cos^2 Q and cos^2 P sin^2 Q (mean and half-difference latitudes) from the sum and difference
    p = (sin_a + sin_b) * (sin_a + sin_b) / (4.0 * (1.0 - half * half))
    q = z * z / (4.0 * half * half)
    correction = (sigma - sin_sigma) * p + (sigma + sin_sigma) * q
    return EQUATOR_M * (sigma - FLATTENING / 2.0 * correction)


def _radians(degrees: float) -> float:
    return degrees * PI / 180.0


def _reduced(lat: float) -> tuple[float, float]:
    """Sine and cosine of the reduced latitude: tan(beta) = (1 - f) tan(lat)."""
    sin, cos = sin_cos(_radians(lat))
    sin *= 1.0 - FLATTENING
    norm = math.sqrt(sin * sin + cos * cos)
    return sin / norm, cos / norm
