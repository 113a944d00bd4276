"""One decorator for every compiled function."""

from __future__ import annotations

import os
import warnings

import numba

try:
    from qsl_envs.kernel.cache import NUMBA_MINOR, KernelDispatcher
except (ImportError, AttributeError):  # another numba, whose private parts have moved
    NUMBA_MINOR, KernelDispatcher = "", None

CHECK = os.environ.get("QSL_CHECK", "") not in ("", "0")
"""True under `QSL_CHECK=1`: kernels write `if CHECK:` before their expensive inner checks; else nothing is compiled."""


def kernel(function=None, *, inline: bool = False, closed: bool = False):
    """Compile a function of numbers and arrays on its first call: no Python objects, no GIL, kept on disk.

    The cache sees a change in any file that the function's file imports, in turn (`kernel.sources`), but not a value
    that is computed or read from elsewhere at import: such a value is an argument. The address of a function is one,
    so it lives in an array (`kernel.address`), never in a global. Under `NUMBA_DISABLE_JIT=1` the function comes back
    as it is.

    Args:
        function: the function; None when the decorator is written with options.
        inline: copy the body into each caller (LLVM `alwaysinline`); for the few hot leaves only.
        closed: where this kernel is the entry, shape what it calls for it alone. LLVM then moves a function that is
            called in one place to that place, which large loops gain by and small ones, that were fitted into the
            caches and registers by hand, may lose by; a third more of LLVM's time.
    """
    if function is None:
        return lambda f: kernel(f, inline=inline, closed=closed)
    if numba.config.DISABLE_JIT:
        return function
    options = {"nopython": True, "nogil": True, "forceinline": inline, "boundscheck": None}
    if not _can_cache():
        return numba.njit(nogil=True, forceinline=inline)(function)
    dispatcher = KernelDispatcher(function, {}, options, closed=closed)
    dispatcher.enable_caching()
    return dispatcher


_told = False


def _can_cache() -> bool:
    global _told
    if KernelDispatcher is not None and numba.__version__.startswith(NUMBA_MINOR + "."):
        return True
    if not _told:
        _told = True
        warnings.warn(
            f"kernel cache: made for numba {NUMBA_MINOR or 'of another minor version'}, found {numba.__version__}; "
            "kernels are compiled in every process",
            stacklevel=3,
        )
    return False
