"""Parts of the market that are compiled once and called by address by everything above them.

`advance` is most of what there is to compile: an environment's step, the making of templates and the facade all jump
to the one copy of it. Playback is compiled only when a recorded day is loaded.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, int64

from qsl_envs.kernel.address import Callable
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import ADVANCE, FLOW_DECIDE, FLOW_HEAR, FLOW_START, FLOW_TAKE, PLAY_EVENT
from qsl_envs.market.kinds import Kind
from qsl_envs.market.state import MarketArrays

advance_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64))
play_family = Callable(lambda: boolean(MarketArrays._numba_type_, int64))
wake_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64, int64, int64))
decide_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64, int64, int64, int64, int64))
take_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64))
hear_family = Callable(lambda: int64(MarketArrays._numba_type_, int64, int64, int64, int64, int64, int64))
_call_advance = advance_family.call
_call_play = play_family.call
_call_wake = wake_family.call
_call_decide = decide_family.call
_call_take = take_family.call
_call_hear = hear_family.call


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


@kernel(inline=True)
def call_decide(m, r, book, k, word, due_ns, now_ns):
    """What a flow model makes of its candidate k (`word`, `due_ns`): IDLE, REST, HIT or PULL, the rest in MODEL."""
    return _call_decide(m.entries[FLOW_DECIDE], m, r, book, k, word, due_ns, now_ns)


@kernel(inline=True)
def call_start(m, r, book):
    """Let a model that has candidates of its own begin a world's."""
    return _call_take(m.entries[FLOW_START], m, r, book)


@kernel(inline=True)
def call_take(m, r, book):
    """Take the candidate that is due from such a model; 0: there was none after all."""
    return _call_take(m.entries[FLOW_TAKE], m, r, book)


@kernel(inline=True)
def call_hear(m, r, book, trader, number, kind, now_ns):
    """Tell a model that a participant's message `number` was an event of type `kind`."""
    return _call_hear(m.entries[FLOW_HEAR], m, r, book, trader, number, kind, now_ns)


def fill_entries(entries: np.ndarray, with_day: bool, flow: str | None = None) -> None:
    """Compile (or load) the parts and write where they start into `entries`; good for this process.

    Args:
        flow: `kind` of the background flow; the Poisson flow and none (None) have no parts of their own.
    """
    from qsl_envs.market.loop import advance
    from qsl_envs.market.play import play_next

    entries[ADVANCE] = advance_family.address(advance)
    if with_day:
        entries[PLAY_EVENT] = play_family.address(play_next)
    if flow == "cst":
        from qsl_envs.market.flow_cst import decide_cst

        entries[FLOW_DECIDE] = decide_family.address(decide_cst)
    elif flow == "queue_reactive":
        from qsl_envs.market.flow_queue_reactive import decide_queue_reactive

        entries[FLOW_DECIDE] = decide_family.address(decide_queue_reactive)
    elif flow == "hawkes":
        from qsl_envs.market.flow_hawkes import decide_hawkes, hear_hawkes, start_hawkes, take_hawkes

        entries[FLOW_DECIDE] = decide_family.address(decide_hawkes)
        entries[FLOW_START] = take_family.address(start_hawkes)
        entries[FLOW_TAKE] = take_family.address(take_hawkes)
        entries[FLOW_HEAR] = hear_family.address(hear_hawkes)


def fill_kinds(crowd: np.ndarray, kinds: list[Kind]) -> None:
    """Compile (or load) the kernels of the kinds of participants in use and write where they start to the front of
    `crowd`. Raises: TypeError for a kernel of another form.
    """
    for code, kind in enumerate(kinds):
        crowd[code] = wake_family.address(kind.function)
