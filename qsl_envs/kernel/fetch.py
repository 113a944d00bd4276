"""Memory brought near before its turn: what is touched seldom is in no cache, and waiting costs more than working."""

from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel

LINE_LONGS = 8
"""int64 cells of a cache line."""


@kernel(inline=True)
def fetch(longs, start, count):
    """Bring `count` int64 cells near."""
    for k in range(start, start + count, LINE_LONGS):
        prefetch(longs, k)
