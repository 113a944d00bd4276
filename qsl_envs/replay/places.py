"""Moves an order forward in its queue: engines never do that, corrections of history do."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL, OUTSIDE_BIT
from qsl_envs.engine.ladder import depth_of
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def move_before(m, h, slot, other):
    """Put a displayed order directly before `other`, which stands before it at the same price (or is it, or `NIL`)."""
    if other == NIL or other == slot:
        return
    base = m.books[h].orders_base
    order, target = m.orders[base + slot], m.orders[base + other]
    side = np.int64(order.bits) & 1
    ladder = m.sides[SIDES * h + side]
    before, behind = (
        np.int64(order.prev),
        np.int64(order.next),
    )  # `before` is an order: `other` stands there at the latest
    m.orders[base + before].next = behind
    if behind != NIL:
        m.orders[base + behind].prev = before
    elif order.bits & OUTSIDE_BIT:
        ladder.out_tail = before
    else:
        m.levels[ladder.levels_base + depth_of(m, h, side, np.int64(order.price))].tail = before
    ahead = np.int64(target.prev)
    order.prev = ahead
    order.next = other
    target.prev = slot
    if ahead != NIL:
        m.orders[base + ahead].next = slot
    elif order.bits & OUTSIDE_BIT:
        ladder.out_head = slot
    else:
        m.levels[ladder.levels_base + depth_of(m, h, side, np.int64(order.price))].head = slot
