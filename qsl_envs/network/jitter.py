"""Jitter laws by their quantile functions: one word, one jitter, monotone in the word.

A law truncated at J is conditioned on not exceeding J: the uniform draw is taken below the share `F(J)` of the law that
does not, so no mass piles up at J. `F(J)` is found by bisection of the very quantile that kernels use, which needs no
second formula and no library call.
"""

from __future__ import annotations

from qsl_envs.kernel.draw import unit_from_bits
from qsl_envs.kernel.fmath import LOG2_GAP, exp_, expm1_, log1p_, log1p_open, log2_below, normal_quantile
from qsl_envs.kernel.jit import kernel

NONE, UNIFORM, EXPONENTIAL, LOGNORMAL, PARETO = 0, 1, 2, 3, 4

LN2 = 0.6931471805599453
RARE = 1e-6
"""Below such a share a difference from 1 has lost too many digits to be compared roughly."""


@kernel
def jitter_quantile(law, scale_ns, shape, u):
    """The jitter, in ns as float64, that a share `u` in (0, 1) of the untruncated law does not exceed.

    | law         | quantile                         | mean                        |
    | ----------- | -------------------------------- | --------------------------- |
    | uniform     | scale u                          | scale / 2                   |
    | exponential | -scale ln(1 - u)                 | scale                       |
    | lognormal   | scale exp(shape z(u))            | scale exp(shape^2 / 2)      |
    | pareto      | scale ((1 - u)^-shape - 1)       | scale shape / (1 - shape)   |

    `z` is the standard normal quantile. The Pareto law is Lomax's, which starts at 0; its tail exponent is 1 / shape.
    """
    if law == EXPONENTIAL:
        return -scale_ns * log1p_(-u)
    if law == LOGNORMAL:
        return scale_ns * exp_(shape * normal_quantile(u))
    if law == PARETO:
        return scale_ns * expm1_(-shape * log1p_(-u))
    if law == UNIFORM:
        return scale_ns * u
    return 0.0


@kernel
def truncation_point(law, scale_ns, shape, max_ns):
    """The largest u (to 2**-60) with jitter_quantile(u) <= max_ns; 1.0 when the law never exceeds it."""
    low, high = 0.0, 1.0
    if law == UNIFORM and scale_ns <= max_ns:
        return 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if middle >= 1.0 or jitter_quantile(law, scale_ns, shape, middle) > max_ns:
            high = middle
        else:
            low = middle
    return low


@kernel(inline=True)
def jitter_from_bits(law, scale_ns, shape, unit_max, max_ns, bits):
    """A jitter in whole ns, int64 in [0, max_ns], from one word; of the law that most lines have without a call."""
    u = unit_max * unit_from_bits(bits)
    long = -scale_ns * log1p_open(-u) if law == EXPONENTIAL else jitter_quantile(law, scale_ns, shape, u)
    jitter = int(long + 0.5)
    return jitter if jitter < max_ns else int(max_ns)


@kernel(inline=True)
def jitter_within(law, scale_ns, shape, unit_max, max_ns, bits, limit_ns):
    """Whether the jitter of a word is at most `limit_ns` (int64): what `jitter_from_bits` says, for fewer divisions.

    Of the exponential law the logarithm is needed only where its binary exponent and mantissa, read as one number, come
    too near to the limit: in one of twenty cases.
    """
    if limit_ns >= max_ns:
        return True
    left = 1.0 - unit_max * unit_from_bits(bits)
    if law == EXPONENTIAL and left > RARE:
        low = log2_below(left)  # the jitter is -scale ln(left), between these two
        most, least = -scale_ns * LN2 * low, -scale_ns * LN2 * (low + LOG2_GAP)
        spare = 1.0 + 1e-9 * scale_ns
        if most + spare <= limit_ns:
            return True
        if least - spare > limit_ns:
            return False
    return jitter_from_bits(law, scale_ns, shape, unit_max, max_ns, bits) <= limit_ns
