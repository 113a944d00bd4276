"""An order that cannot trade rests as it does by the door for all orders, down to the last byte of the book."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import BUY, HOLD_BIT, NIL
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.plain import rest_plain, submit_plain
from qsl_envs.kernel.jit import kernel


@kernel
def send(m, h, side, price, qty, bits, owner, tag):
    """The door for all orders, which is copied into its callers."""
    return submit_plain(m, h, side, price, qty, 0, bits, owner, tag)


def test_the_first_orders_of_a_book_rest_as_by_the_door_for_all_orders():
    config = EngineConfig(max_orders=100, window_ticks=64)
    one, other = BookMemory(config, False), BookMemory(config, False)
    draws = np.random.default_rng(0)
    slots = []
    for n in range(110):  # the last ones find the pool full; some prices lie outside the window
        side, away, qty = (int(draws.integers(*bounds)) for bounds in ((0, 2), (0, 90), (1, 10)))
        price = 999 - away if side == BUY else 1001 + away
        bits, owner = (HOLD_BIT, NIL) if n % 3 else (0, n % 5)
        order = side, price, qty, bits, owner, n if owner != NIL else NIL
        slots.append(rest_plain(one.arrays, one.h, *order))
        assert slots[-1] == send(other.arrays, other.h, *order)
        assert one.arena.tobytes() == other.arena.tobytes(), n
    assert slots.count(NIL) == 10 and len(set(slots)) == 101
