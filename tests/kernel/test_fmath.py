"""Our elementary functions against 60-digit decimal arithmetic; monotone; the same bits in every mode."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.kernel import fmath
from qsl_envs.kernel.jit import kernel
from tests.kernel.modes import in_mode

N = 500 if numba_config.DISABLE_JIT else 4_000
FUNCTIONS = ("log_", "log1p_", "exp_", "expm1_", "sinh_", "cosh_", "tanh_", "normal_quantile", "sqrt_")


def spread(low, high, n=N, seed=1):
    return np.random.default_rng(seed).uniform(low, high, n)


def magnitudes(low, high, n=N, seed=2):
    """Numbers of both signs whose decimal exponents are uniform."""
    rng = np.random.default_rng(seed)
    return 10.0 ** rng.uniform(low, high, n) * rng.choice([-1.0, 1.0], n)


def error_ulp(got: float, exact: Decimal) -> float:
    return float(abs(Decimal(got) - exact) / Decimal(math.ulp(float(exact)))) if exact else abs(got)


def exact_expm1(x: Decimal) -> Decimal:
    return x.exp() - 1


def exact_sinh(x: Decimal) -> Decimal:
    return (x.exp() - (-x).exp()) / 2


def exact_cosh(x: Decimal) -> Decimal:
    return (x.exp() + (-x).exp()) / 2


def exact_tanh(x: Decimal) -> Decimal:
    return exact_sinh(x) / exact_cosh(x)


CASES = [
    ("log_", Decimal.ln, np.abs(magnitudes(-307, 308)), 1.0),
    ("log_", Decimal.ln, spread(0.5, 2.0), 1.0),
    ("log_", Decimal.ln, 1.0 + magnitudes(-15, -2), 1.0),
    ("log_", Decimal.ln, np.array([5e-324, 1e-310, 2.2e-308, 1.7976931348623157e308]), 1.0),
    ("log1p_", lambda x: (1 + x).ln(), magnitudes(-30, -0.01), 1.5),
    ("log1p_", lambda x: (1 + x).ln(), np.abs(magnitudes(0, 300)), 1.5),
    ("exp_", Decimal.exp, spread(-708, 709.78), 1.0),
    ("exp_", Decimal.exp, magnitudes(-30, 0), 1.0),
    ("exp_normal", Decimal.exp, spread(-707.9, 708.9), 1.0),
    ("exp_normal", Decimal.exp, magnitudes(-30, 0), 1.0),
    ("expm1_", exact_expm1, magnitudes(-30, 1.5), 3.5),
    ("sinh_", exact_sinh, magnitudes(-20, 2.8), 4.0),
    ("cosh_", exact_cosh, magnitudes(-20, 2.8), 4.0),
    ("tanh_", exact_tanh, magnitudes(-20, 2), 4.0),
]


@pytest.mark.parametrize(("name", "exact", "xs", "most_ulp"), CASES)
def test_error_against_decimal(name, exact, xs, most_ulp):
    function = getattr(fmath, name)
    with localcontext() as context:
        context.prec = 60
        worst = max((error_ulp(function(float(x)), exact(Decimal(float(x)))), float(x)) for x in xs)
    assert worst[0] < most_ulp, worst


def test_subnormal_exponentials():
    with localcontext() as context:
        context.prec = 50
        for x in spread(-745.1, -708.4, 200):
            assert abs(Decimal(fmath.exp_(x)) - Decimal(float(x)).exp()) <= Decimal(5e-324)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("log_", 0.0, -math.inf),
        ("log_", -1.0, math.nan),
        ("log_", math.inf, math.inf),
        ("log_", math.nan, math.nan),
        ("log_", 1.0, 0.0),
        ("log1p_", -1.0, -math.inf),
        ("log1p_", -1.5, math.nan),
        ("log1p_", math.inf, math.inf),
        ("log1p_", 0.0, 0.0),
        ("exp_", 0.0, 1.0),
        ("exp_", 710.0, math.inf),
        ("exp_", -746.0, 0.0),
        ("exp_", -math.inf, 0.0),
        ("exp_", math.inf, math.inf),
        ("exp_", math.nan, math.nan),
        ("tanh_", 1e300, 1.0),
        ("tanh_", -1e300, -1.0),
        ("sqrt_", 2.0, math.sqrt(2.0)),
        ("sqrt_", -1.0, math.nan),
        ("normal_quantile", 0.0, -math.inf),
        ("normal_quantile", 1.0, math.inf),
        ("normal_quantile", -0.1, math.nan),
        ("normal_quantile", 1.5, math.nan),
        ("normal_quantile", 0.5, 0.0),
    ],
)
def test_special_values(name, x, expected):
    got = getattr(fmath, name)(x)
    assert got == expected or (math.isnan(got) and math.isnan(expected))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("log_", 0.4, 2.5), ("exp_", -2, 2), ("normal_quantile", 1e-9, 1 - 1e-9), ("log1p_", -0.5, 1), ("tanh_", -3, 3)],
)
def test_monotone(name, low, high):
    function = getattr(fmath, name)
    coarse = np.linspace(low, high, N)
    values = np.array([function(float(x)) for x in coarse])
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize("edge", [math.sqrt(0.5), 1.0, math.sqrt(2.0), 2.0])
def test_log_is_monotone_at_its_seams(edge):
    """Neighboring floats across a change of exponent."""
    xs = [edge]
    for _ in range(200):
        xs.insert(0, math.nextafter(xs[0], 0.0))
        xs.append(math.nextafter(xs[-1], math.inf))
    values = [fmath.log_(x) for x in xs]
    assert all(b >= a for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize("edge", [0.075, 0.925, math.exp(-25.0)])
def test_normal_quantile_is_monotone_at_its_seams(edge):
    xs = edge + np.linspace(-1, 1, 201) * edge * 1e-13
    values = [fmath.normal_quantile(float(x)) for x in xs]
    assert all(b >= a - 4 * math.ulp(a) for a, b in zip(values, values[1:], strict=False))


def test_normal_quantile_against_the_error_function():
    """Phi(z) = erfc(-z / sqrt 2) / 2: the error in p, divided by the slope, is the error in z."""
    ps = np.concatenate([spread(1e-4, 0.9999), np.abs(magnitudes(-280, -1))])
    for p in ps:
        z = fmath.normal_quantile(float(p))
        back = 0.5 * math.erfc(-z / math.sqrt(2.0))
        assert back == pytest.approx(p, rel=4e-15 * (1 + z * z))


@pytest.mark.parametrize(
    ("p", "z"),  # 16 digits, from tables of the normal law
    [(0.975, 1.959963984540054), (0.995, 2.575829303548901), (0.9, 1.281551565544600), (1e-9, -5.997807015007687)],
)
def test_normal_quantile_against_tables(p, z):
    assert fmath.normal_quantile(p) == pytest.approx(z, rel=3e-15)


def test_powers():
    for x in np.abs(magnitudes(-3, 3, 200)):
        assert fmath.pow_(float(x), 2.5) == pytest.approx(float(x) ** 2.5, rel=1e-14)
        assert fmath.int_pow(float(x), 7) == pytest.approx(float(x) ** 7, rel=1e-14)
    assert fmath.int_pow(3.0, 0) == 1.0
    assert fmath.pow_(0.0, 2.0) == 0.0 and fmath.pow_(0.0, 0.0) == 1.0 and fmath.pow_(0.0, -1.0) == math.inf


@kernel
def _bits(x):
    return fmath.bits_of(x)


@kernel
def _float(bits):
    return fmath.float_of(bits)


def test_bits_of_a_float_and_back():
    for x in (0.0, 1.0, -1.5, 5e-324, math.inf, *map(float, magnitudes(-300, 300, 50))):
        assert int(_bits(x)) == int(np.float64(x).view(np.int64))
        assert _float(_bits(x)) == x


def sample() -> str:
    """A digest of every function over wide ranges."""
    digest = hashlib.sha256()
    xs = np.concatenate([magnitudes(-30, 2.5, 300), spread(0, 1, 300), np.linspace(-746, 711, 200)])
    for name in FUNCTIONS:
        values = np.array([getattr(fmath, name)(float(x)) for x in xs])
        digest.update(np.where(np.isnan(values), -7.0, values).tobytes())
    digest.update(np.array([fmath.pow_(abs(float(x)), 1.7) for x in xs[:300]]).tobytes())
    return digest.hexdigest()


GOLDEN_SAMPLE = "ea77d4f3d7e075ff87bd59668544a0ad1a89376fffad5054117906af65b015b3"


@pytest.mark.parametrize("interpreted", [False, True])
def test_same_bits_compiled_and_interpreted(interpreted):
    assert in_mode("tests.kernel.test_fmath", "sample", interpreted=interpreted) == GOLDEN_SAMPLE
