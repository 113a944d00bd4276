"""Elementary functions of `qsl_envs.kernel.fmath` over arrays: NumPy's own differ between machines in the last bit."""

from __future__ import annotations

import numpy as np

from qsl_envs.kernel.fmath import exp_, log_, tanh_
from qsl_envs.kernel.jit import kernel

LOG, EXP, TANH = 0, 1, 2


@kernel
def each(which, x, out):
    """Write a function of every element of `x` (flat float64) to `out`."""
    for i in range(x.shape[0]):
        out[i] = log_(x[i]) if which == LOG else exp_(x[i]) if which == EXP else tanh_(x[i])


def _over(which: int, x: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(x, np.float64).reshape(-1)
    out = np.empty_like(flat)
    each(which, flat, out)
    return out.reshape(np.shape(x))


def log_each(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive numbers, float64 of the shape of `x`."""
    return _over(LOG, x)


def exp_each(x: np.ndarray) -> np.ndarray:
    """e to the power of `x`."""
    return _over(EXP, x)


def tanh_each(x: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent."""
    return _over(TANH, x)
