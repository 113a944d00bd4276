"""Parts of the market that are compiled once and called by address by everything above them.

`advance` is most of what there is to compile: an environment's step, the making of templates and the facade all jump
to the one copy of it. Playback is compiled only when a recorded day is loaded.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, int64

from qsl_envs.kernel.address import Callable
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import ADVANCE, PLAY_EVENT
from qsl_envs.market.kinds import Kind
from qsl_envs.market.state import MarketArrays

advance_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64))
play_family = Callable(lambda: boolean(MarketArrays._numba_type_, int64))
wake_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64, int64, int64))
_call_advance = advance_family.call
_call_play = play_family.call
_call_wake = wake_family.call


@kernel(inline=True)
def call_advance(m, r, until_ns):
    """`loop.advance`: run one replica until `until_ns`, the close, or a reason to stop; returns RUN.stop."""
    return _call_advance(m.entries[ADVANCE], m, r, until_ns)


@kernel(inline=True)
def call_play(m, r):
    """`day.play_next`: play the day's next event or aggressor; False when the event buffer is full."""
    return _call_play(m.entries[PLAY_EVENT], m, r)


@kernel(inline=True)
def call_wake(address, m, r, p, why, now_ns):
    """A kind of participants: wake participant `p`; returns when it wants to be woken next."""
    return _call_wake(address, m, r, p, why, now_ns)


def fill_entries(entries: np.ndarray, with_day: bool) -> None:
    """Compile (or load) the parts and write where they start into `entries`; good for this process."""
    from qsl_envs.market.loop import advance
    from qsl_envs.market.play import play_next

    entries[ADVANCE] = advance_family.address(advance)
    if with_day:
        entries[PLAY_EVENT] = play_family.address(play_next)


def fill_kinds(crowd: np.ndarray, kinds: list[Kind]) -> None:
    """Compile (or load) the kernels of the kinds of participants in use and write where they start to the front of
    `crowd`. Raises: TypeError for a kernel of another form.
    """
    for code, kind in enumerate(kinds):
        crowd[code] = wake_family.address(kind.function)
