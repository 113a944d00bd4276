"""How a function becomes a kind of participant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import HEAR_NOTHING, WHY_START, WHY_TIMER
from qsl_envs.market.kinds import Kind, Param, enter_kind


def participant(
    name: str,
    *,
    params: Mapping[str, Param] | None = None,
    num_states: int = 0,
    wakes_on: int = WHY_START | WHY_TIMER,
    listens: int = HEAR_NOTHING,
    many_books: bool = False,
    read_programs: Callable[[tuple[str, ...], str], np.ndarray] | None = None,
):
    """Enter a function as a kind of participant that trades inside the kernel.

    The function is compiled on its own, for one signature, when a market with it is made; the market's event loop jumps
    to it and is not compiled again. From then on `PopulationConfig(kind=name)` means it::

        @participant("sleepy", params={"period_ns": Param(1e9, "between two looks")}, num_states=1)
        def wake(m, r, p, why, now_ns):
            ...
            return now_ns + int(param(m, r, p, 0))

    Args:
        name: of the kind, a word.
        params: its parameters in the order in which `knowledge.param` numbers them.
        num_states: int64 cells for what it keeps (`knowledge.state`, `knowledge.keep`), all 0 at the start.
        wakes_on: bits that say what it is woken for: WHY_START (once, at time 0), WHY_TIMER, WHY_FILL (a report of an
            own fill is heard), WHY_REPORT (any report). What it hears of a book wakes it as `listens` says.
        listens: HEAR_NOTHING; HEAR_TOP: a change of the best prices or their lots arrives; HEAR_ALL: anything does.
        many_books: each participant trades in all books of its group; else each has one of them.
        read_programs: for a kind whose participants run programs: (texts of the settings, name of the group) -> int64
            (text, cell), which the kernel finds in `m.crowd`.

    The function takes (m, r, p, why, now_ns): arrays and numbers that it hands on to `participants.knowledge` and
    `participants.orders`; `why`, the bits of those that hold; the time in ns. It returns the time in ns at
    which it wants to be woken next (NEVER: not by the clock; KEEP: as it stood). An exception that it raises is a
    ParticipantError that names the participant, the reason and the time.
    """

    def enter(function):
        compiled = kernel(function, closed=True)
        enter_kind(Kind(name=name, function=compiled, params=dict(params or {}), num_states=num_states,
                        wakes_on=wakes_on, listens=listens, many_books=many_books, read_programs=read_programs,
                        doc=(function.__doc__ or "").strip()))  # fmt: skip
        return compiled

    return enter
