"""Elementary functions of + - * / and square root, so that every machine computes the same bits.

The C library's `log` and `exp` differ between systems in the last bit, and one last bit is another trajectory. IEEE 754
fixes + - * / and the square root; all else here is made of those, with the operations in a written order, no fused
multiply-add and no fastmath. Errors are stated in ulp (units in the last place) and tested against 50-digit arithmetic.
The polynomials are our own minimax fits (Remez exchange in 60 digits) of the series named beside them.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numba import types
from numba.core import config
from numba.extending import intrinsic

from qsl_envs.kernel.jit import kernel

INF = math.inf
NAN = math.nan

LN2_HIGH = 0.6931467056274414
"""The leading 20 bits of ln 2: a product with an exponent is exact."""
LN2_LOW = 4.7493250390316726e-07
INV_LN2 = 1.4426950408889634

_MANTISSA = 0x000FFFFFFFFFFFFF
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 0x3FF0000000000000
_FLOAT_BITS = 0x4338000000000000  # of 1.5 * 2**52: adding a small integer to these bits adds it to the number
_FLOAT_SHIFT = 6755399441055744.0

if config.DISABLE_JIT:

    def bits_of(x):
        """The 64 bits of a float64, as int64."""
        return struct.unpack("<q", struct.pack("<d", x))[0]

    def float_of(bits):
        """The float64 that has these 64 bits (int64)."""
        return struct.unpack("<d", struct.pack("<q", bits))[0]

    def divide(a, b):
        """a / b for b != 0 without Python's test for zero, which would keep loops from being vectorised."""
        return a / b

else:

    @intrinsic
    def bits_of(typingctx, x):
        """The 64 bits of a float64, as int64."""
        if x != types.float64:
            return None

        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(types.int64))

        return types.int64(types.float64), codegen

    @intrinsic
    def float_of(typingctx, bits):
        """The float64 that has these 64 bits (int64)."""
        if not isinstance(bits, types.Integer):
            return None

        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(types.float64))

        return types.float64(types.int64), codegen

    @intrinsic
    def divide(typingctx, a, b):
        """a / b for b != 0 without Python's test for zero, which would keep loops from being vectorised."""
        if a != types.float64 or b != types.float64:
            return None

        def codegen(context, builder, signature, args):
            return builder.fdiv(args[0], args[1])

        return types.float64(types.float64, types.float64), codegen


@kernel(inline=True)
def float_of_small(k):
    """An integer below 2**51 in size as float64; the form that vectorises where int64 conversion does not."""
    return float_of(k + _FLOAT_BITS) - _FLOAT_SHIFT


@kernel(inline=True)
def _atanh_tail(f):
    """(s, z P(z)) of s = f / (2 + f), z = s * s, where 2 atanh(s) = s (2 + z P(z)); for 1 + f in [1/sqrt(2), sqrt(2)].

    The polynomial is summed as a tree (Estrin), which has half the latency of a chain.
    """
    s = divide(f, 2.0 + f)
    z = s * s
    w = z * z
    high = (0.18182893219063329 + z * 0.1533159694877952) + w * 0.1461787281792654
    middle = 0.28571428626399253 + z * 0.22222211072836892
    low = 0.666666666666667 + z * 0.39999999999898445
    return s, z * (low + w * (middle + w * high))


@kernel(inline=True)
def log_normal(x):
    """Natural logarithm of a positive normal float64, without a branch (for loops that vectorise); error < 1 ulp.

    x = 2**k * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) = 2 atanh(s) is written as
    f - f*f/2 + s * (f*f/2 + z P(z)), which keeps its first term exact.
    """
    shifted = bits_of(x) + (_ONE_BITS - _SQRT_HALF_BITS)  # not negative: AVX2 has no arithmetic 64-bit shift
    k = (shifted >> 52) & 0x7FF
    f = float_of((shifted & _MANTISSA) + _SQRT_HALF_BITS) - 1.0
    s, tail = _atanh_tail(f)
    half = 0.5 * f * f
    e = float_of_small(k) - 1023.0
    return e * LN2_HIGH - ((half - (s * (half + tail) + e * LN2_LOW)) - f)


@kernel
def log_(x):
    """Natural logarithm; error < 1 ulp. -inf at 0, nan below 0 and for nan, inf at inf."""
    if not x > 0.0:
        return -INF if x == 0.0 else NAN
    if x == INF:
        return INF
    if x < 2.2250738585072014e-308:  # subnormal: scale by 2**54 first
        return log_normal(x * 18014398509481984.0) - 54.0 * 0.6931471805599453
    return log_normal(x)


LOG2_GAP = 0.0861
"""By how much `log2_below` falls short, at most: the largest of log2(1 + f) - f for f in [0, 1), rounded up."""


@kernel(inline=True)
def log2_below(x):
    """A number that log2(x) is not below, nor more than `LOG2_GAP` above: exponent and mantissa, read as one number."""
    return float(bits_of(x) - _ONE_BITS) * 2.220446049250313e-16


@kernel
def log1p_(x):
    """log(1 + x), also for small x; error < 2 ulp. -inf at -1, nan below.

    The part of x that 1 + x rounds away comes back as a first-order correction.
    """
    if not x > -1.0:
        return -INF if x == -1.0 else NAN
    return INF if x == INF else log1p_open(x)


@kernel(inline=True)
def log1p_open(x):
    """`log1p_` of a finite number above -1, copied into its callers."""
    u = 1.0 + x
    if u == 1.0:
        return x
    lost = x - (u - 1.0) if x < 1.0 else 1.0 - (u - x)
    if -0.25 < x < 0.25:
        # here the leading term must be x itself, not the rounded u - 1
        s, tail = _atanh_tail(x)
        half = 0.5 * x * x
        return x - (half - s * (half + tail))
    return log_normal(u) + lost / u


@kernel(inline=True)
def _exp_poly(r):
    """(exp(r) - 1 - r) for |r| <= ln(2) / 2, of the series r^2/2! + r^3/3! + ..."""
    p = 2.5100424827790313e-08 + r * 2.091817169427505e-09
    p = 2.755726422519779e-07 + r * p
    p = 2.755726837705878e-06 + r * p
    p = 2.480158733403211e-05 + r * p
    p = 0.00019841269863107204 + r * p
    p = 0.0013888888888880918 + r * p
    p = 0.008333333333330051 + r * p
    p = 0.04166666666666667 + r * p
    p = 0.16666666666666669 + r * p
    return r * r * (0.5 + r * p)


@kernel
def exp_(x):
    """e**x; error < 1 ulp for normal results. inf above 709.78, 0 below -745.13, subnormal results correctly scaled."""
    if x != x:
        return NAN
    if x > 709.782712893384:
        return INF
    if x < -745.1332191019412:
        return 0.0
    k = int(x * INV_LN2 + 0.5) if x >= 0.0 else int(x * INV_LN2 - 0.5)
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    # what the subtraction rounded away is added last, where it weighs least
    y = 1.0 + (r + (_exp_poly(r) + ((high - r) - low)))
    if k > 1023:
        return y * 2.0 * float_of((k - 1 + 1023) << 52)
    if k < -1021:
        return y * float_of((k + 54 + 1023) << 52) * 5.551115123125783e-17
    return y * float_of((k + 1023) << 52)


@kernel(inline=True)
def exp_normal(x):
    """e**x for -708 <= x <= 709, without a branch (for loops that vectorise); error < 1 ulp. Outside: as at the bound.

    The nearest whole number of ln 2 comes from adding 1.5 * 2**52, which rounds halves to even.
    """
    x = x if x > -708.0 else -708.0
    x = x if x < 709.0 else 709.0
    shifted = x * INV_LN2 + _FLOAT_SHIFT
    k = shifted - _FLOAT_SHIFT
    high = x - k * LN2_HIGH
    low = k * LN2_LOW
    r = high - low
    y = 1.0 + (r + (_exp_poly(r) + ((high - r) - low)))
    return y * float_of((bits_of(shifted) - _FLOAT_BITS + 1023) << 52)


@kernel
def expm1_(x):
    """e**x - 1, also for small x; error < 3 ulp."""
    if -0.34 < x < 0.34:
        return x + _exp_poly(x)
    return exp_(x) - 1.0


@kernel
def sinh_(x):
    """Hyperbolic sine; error < 4 ulp."""
    if -22.0 < x < 22.0:
        t = expm1_(x if x >= 0.0 else -x)
        y = 0.5 * (t + t / (t + 1.0))
        return y if x >= 0.0 else -y
    half = exp_(0.5 * x) if x > 0.0 else exp_(-0.5 * x)
    y = 0.5 * half * half
    return y if x > 0.0 else -y


@kernel
def cosh_(x):
    """Hyperbolic cosine; error < 3 ulp."""
    y = exp_(0.5 * x if x >= 0.0 else -0.5 * x)
    y = y * y
    return 0.5 * y + 0.5 / y


@kernel
def tanh_(x):
    """Hyperbolic tangent; error < 4 ulp."""
    a = x if x >= 0.0 else -x
    if a > 22.0:
        y = 1.0
    else:
        t = expm1_(2.0 * a)
        y = t / (t + 2.0)
    return y if x >= 0.0 else -y


@kernel(inline=True)
def sqrt_(x):
    """Square root, correctly rounded: IEEE 754 demands it of the hardware. nan below 0."""
    return np.sqrt(x) if x >= 0.0 else NAN


@kernel
def pow_(x, y):
    """x**y for x > 0 as exp(y * log(x)); relative error about (1 + |y log x|) * 2e-16. 0 at x = 0 for y > 0."""
    if x == 0.0:
        return 0.0 if y > 0.0 else (1.0 if y == 0.0 else INF)
    return exp_(y * log_(x))


@kernel
def int_pow(x, n):
    """x**n for an integer n >= 0 by repeated squaring."""
    y = 1.0
    while n > 0:
        if n & 1:
            y *= x
        x *= x
        n >>= 1
    return y


@kernel
def normal_quantile(p):
    """The z with P(N(0, 1) <= z) = p, for p in (0, 1); relative error about 1e-15. -inf at 0, inf at 1, nan outside.

    Source: M. J. Wichura (1988), "Algorithm AS 241: The percentage points of the normal distribution", Applied
    Statistics 37, 477-484: three rational approximations (PPND16), in p - 1/2 and in sqrt(-log(tail)).
    """
    if not (0.0 < p < 1.0):
        return -INF if p == 0.0 else (INF if p == 1.0 else NAN)
    q = p - 0.5
    if -0.425 <= q <= 0.425:
        r = 0.180625 - q * q
        num = 3.3430575583588128105e4 + r * 2.5090809287301226727e3
        num = 6.7265770927008700853e4 + r * num
        num = 4.5921953931549871457e4 + r * num
        num = 1.3731693765509461125e4 + r * num
        num = 1.9715909503065514427e3 + r * num
        num = 1.3314166789178437745e2 + r * num
        num = 3.3871328727963666080e0 + r * num
        den = 2.8729085735721942674e4 + r * 5.2264952788528545610e3
        den = 3.9307895800092710610e4 + r * den
        den = 2.1213794301586595867e4 + r * den
        den = 5.3941960214247511077e3 + r * den
        den = 6.8718700749205790830e2 + r * den
        den = 4.2313330701600911252e1 + r * den
        den = 1.0 + r * den
        return q * num / den
    tail = p if q < 0.0 else 1.0 - p
    r = sqrt_(-log_(tail))
    if r <= 5.0:
        r -= 1.6
        num = 2.27238449892691845833e-2 + r * 7.74545014278341407640e-4
        num = 2.41780725177450611770e-1 + r * num
        num = 1.27045825245236838258e0 + r * num
        num = 3.64784832476320460504e0 + r * num
        num = 5.76949722146069140550e0 + r * num
        num = 4.63033784615654529590e0 + r * num
        num = 1.42343711074968357734e0 + r * num
        den = 5.47593808499534494600e-4 + r * 1.05075007164441684324e-9
        den = 1.51986665636164571966e-2 + r * den
        den = 1.48103976427480074590e-1 + r * den
        den = 6.89767334985100004550e-1 + r * den
        den = 1.67638483018380384940e0 + r * den
        den = 2.05319162663775882187e0 + r * den
        den = 1.0 + r * den
    else:
        r -= 5.0
        num = 2.71155556874348757815e-5 + r * 2.01033439929228813265e-7
        num = 1.24266094738807843860e-3 + r * num
        num = 2.65321895265761230930e-2 + r * num
        num = 2.96560571828504891230e-1 + r * num
        num = 1.78482653991729133580e0 + r * num
        num = 5.46378491116411436990e0 + r * num
        num = 6.65790464350110377720e0 + r * num
        den = 1.42151175831644588870e-7 + r * 2.04426310338993978564e-15
        den = 1.84631831751005468180e-5 + r * den
        den = 7.86869131145613259100e-4 + r * den
        den = 1.48753612908506148525e-2 + r * den
        den = 1.36929880922735805310e-1 + r * den
        den = 5.99832206555887937690e-1 + r * den
        den = 1.0 + r * den
    z = num / den
    return -z if q < 0.0 else z
