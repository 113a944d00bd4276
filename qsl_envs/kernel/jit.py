"""One decorator for every compiled function."""

from __future__ import annotations

import numba


def kernel(function=None, *, inline: bool = False):
    """Compile a function of numbers and arrays: no Python objects, no GIL.

    Args:
        inline: copy the body into each caller (LLVM `alwaysinline`); for the few hot leaves only.
    """
    if function is None:
        return lambda f: kernel(f, inline=inline)
    return numba.njit(nogil=True, cache=False, forceinline=inline)(function)
