"""An order moves to the front of its queue: what a backtest without queues assumes."""

import numpy as np

from qsl_envs.engine.constants import HIDDEN_BIT, NIL, OUTSIDE_BIT
from qsl_envs.engine.ladder import depth_of
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def move_to_front(m, h, slot):
    """Let a resting order stand first among those of its price (and kind: displayed or hidden). Nothing else moves."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    if order.prev == NIL:
        return
    side = np.int64(order.bits) & 1
    ladder = m.sides[SIDES * h + side]
    m.orders[base + order.prev].next = order.next
    outside, hidden = (order.bits & OUTSIDE_BIT) != 0, (order.bits & HIDDEN_BIT) != 0
    level = m.levels[ladder.levels_base + (0 if outside else depth_of(m, h, side, np.int64(order.price)))]
    if order.next != NIL:
        m.orders[base + order.next].prev = order.prev
    elif outside:
        ladder.out_tail = order.prev
    elif hidden:
        level.hidden_tail = order.prev
    else:
        level.tail = order.prev
    order.prev = NIL
    if outside:  # in the list of all prices outside the window; ahead of all is ahead at its own
        order.next = ladder.out_head
        ladder.out_head = slot
    elif hidden:
        order.next = level.hidden_head
        level.hidden_head = slot
    else:
        order.next = level.head
        level.head = slot
    m.orders[base + order.next].prev = slot
