"""The participants' formulas over rows: what a batched policy computes is what the kernels of the market compute."""

from __future__ import annotations

import numpy as np

from qsl_envs.kernel.jit import kernel
from qsl_envs.participants.executors import scheduled_ac, scheduled_pov, scheduled_twap, scheduled_vwap
from qsl_envs.participants.quotes import as_quotes, fixed_quotes, glft_offsets


@kernel
def fixed_rows(held, spread, skew, bid, ask):
    """Offsets from the mid of `fixed_quotes`.

    Args:
        held: float64 (n,), in the unit that `skew` is per.
        bid, ask: float64 (n,), written.
    """
    for i in range(len(held)):
        b, a = fixed_quotes(0.0, spread, skew, held[i])
        bid[i] = -b
        ask[i] = a


@kernel
def as_rows(held, left, gamma, sigma, k, bid, ask):
    """Offsets from the mid of `as_quotes`, for inventories and times left, float64 (n,)."""
    for i in range(len(held)):
        b, a = as_quotes(0.0, held[i], gamma, sigma, k, left[i])
        bid[i] = -b
        ask[i] = a


@kernel
def glft_rows(held, half_base, slope, bid, ask):
    """Offsets from the mid of `glft_offsets`, for inventories, float64 (n,)."""
    for i in range(len(held)):
        bid[i], ask[i] = glft_offsets(held[i], half_base, slope)


@kernel
def twap_rows(qty, slices, n, due):
    """Lots due by slice `slices[i]` of `n`, int64 (n,), by `scheduled_twap`."""
    for i in range(len(slices)):
        due[i] = scheduled_twap(qty, slices[i], n)


@kernel
def vwap_rows(qty, slices, n, curve, due):
    """Lots due by slice `slices[i]` of `n`, by `scheduled_vwap`."""
    for i in range(len(slices)):
        due[i] = scheduled_vwap(qty, slices[i], n, curve)


@kernel
def pov_rows(qty, others, share, due):
    """Lots due when others have traded `others[i]`, float64 (n,), by `scheduled_pov`."""
    for i in range(len(others)):
        due[i] = scheduled_pov(qty, np.int64(others[i]), share)


@kernel
def ac_rows(qty, slices, n, horizon, kappa, due):
    """Lots due by slice `slices[i]` of `n`, by `scheduled_ac`."""
    for i in range(len(slices)):
        due[i] = scheduled_ac(qty, slices[i], n, horizon, kappa)
