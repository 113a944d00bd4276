"""Orders taken back, all or in part, by the slow road: special ones, far ones, books with pegs or stops."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    ACK,
    CANCELED,
    HIDDEN_BIT,
    LIVE_BIT,
    NIL,
    OUTSIDE_BIT,
    PARKED_BIT,
    SPECIAL_BIT,
    STOP_BIT,
)
from qsl_envs.engine.events import touch_level
from qsl_envs.engine.ladder import depth_of
from qsl_envs.engine.life import remove_order
from qsl_envs.engine.machine import EXPIRING, PEGS, REMOVING, begin_message, refuse, run_message, write_report
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel

NONE = int(Reason.NONE)
UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
BAD_QTY = int(Reason.BAD_QTY)
QTY_MAX = 2**31 - 1


@kernel
def cancel_slow(m, h, slot):
    """Cancel any order; return the lots that it had left (0: unknown)."""
    begin_message(m, h)
    book = m.books[h]
    if slot == NIL or m.orders[book.orders_base + slot].bits & LIVE_BIT == 0:
        refuse(m, h, UNKNOWN_ORDER)
        return np.int64(0)
    qty = remove_order(m, h, slot)
    write_report(m, h, CANCELED, NONE, 0, 0, 0, NIL)
    book.stage = PEGS
    run_message(m, h)
    return qty


@kernel
def reduce_slow(m, h, slot, qty):
    """Take `qty` lots from any order, the reserve first and the clip last; it keeps its place."""
    begin_message(m, h)
    book = m.books[h]
    if slot == NIL or m.orders[book.orders_base + slot].bits & LIVE_BIT == 0:
        return refuse(m, h, UNKNOWN_ORDER)
    if qty < 1 or qty > QTY_MAX:
        return refuse(m, h, BAD_QTY)
    order = m.orders[book.orders_base + slot]
    bits = np.int64(order.bits)
    leaves = np.int64(order.leaves_qty) - qty
    if leaves <= 0:
        remove_order(m, h, slot)
        write_report(m, h, CANCELED, NONE, 0, 0, 0, NIL)
    else:
        shown_less = qty
        if bits & SPECIAL_BIT:
            ext = m.exts[ext_at(m, h, slot)]
            shown_less = max(np.int64(ext.shown_qty) - leaves, 0)
        if bits & (HIDDEN_BIT | PARKED_BIT | STOP_BIT) == 0 and shown_less > 0:
            side = bits & 1
            price = np.int64(order.price)
            touch_level(m, h, side, price)
            if bits & OUTSIDE_BIT == 0:
                m.levels[m.sides[SIDES * h + side].levels_base + depth_of(m, h, side, price)].qty -= shown_less
        if bits & SPECIAL_BIT:
            m.exts[ext_at(m, h, slot)].shown_qty -= shown_less
        order.leaves_qty = leaves
        write_report(m, h, ACK, NONE, 0, leaves, 0, slot)
    book.stage = PEGS
    run_message(m, h)


@kernel
def cancel_all(m, h, owner):
    """Cancel every order of an owner, waiting stops and parked pegs included, each with an EV_CANCELED."""
    begin_message(m, h)
    book = m.books[h]
    write_report(m, h, CANCELED, NONE, 0, 0, 0, NIL)
    book.cursor = 0
    book.loop_left = owner
    book.stage = REMOVING if owner != NIL else PEGS
    run_message(m, h)


@kernel
def run_deadlines(m, h, now_ns):
    """Cancel the GTD orders whose `expire_ns` has come, each with an EV_EXPIRED."""
    begin_message(m, h)
    book = m.books[h]
    book.loop_left = now_ns
    book.stage = EXPIRING
    run_message(m, h)
