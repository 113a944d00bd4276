"""A stream of plain messages that name orders by handle: no outside ids, no hash. For replay, flows and benchmarks."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import ADD, CANCEL, GENERATION_SHIFT, NIL
from qsl_envs.engine.machine import resume
from qsl_envs.engine.plain import cancel_order, reduce_order, submit_plain
from qsl_envs.engine.pool import GENERATIONS, slot_of
from qsl_envs.engine.state import record
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel

HANDLE_MESSAGE = record(
    32,
    ("action", "i1"),  # ADD, CANCEL, REDUCE
    ("side", "i1"),
    ("ioc", "i1"),  # of an add: 0 rests, 1 immediate-or-cancel, MARKET_IOC market (price PRICE_MAX or 1)
    ("owner", "i4", 4),
    ("price", "i4"),
    ("qty", "i4"),
    ("handle", "i8"),  # of the order to cancel or reduce
    ("order_id", "i8"),  # carried for the caller
)
"""One message; values are unchecked: they come from a program that keeps to the ranges."""

HANDLE_REPORT = record(
    32,
    ("handle", "i8"),  # of the order that rests; NIL when it does not
    ("notional", "i8"),
    ("filled_qty", "i4"),
    ("leaves_qty", "i4"),
    ("num_fills", "i4"),
    ("reason", "i2"),
    ("status", "i1"),
)
"""What became of it."""

AHEAD = 12
"""Messages by which the order of a cancel is fetched ahead of its turn; its neighbors at half of that."""


@kernel(inline=True)
def fetch_order(m, h, messages, n):
    """Bring the order that message `n` names near."""
    if n < len(messages):
        slot = messages[n].handle & 0xFFFF_FFFF
        if slot < m.books[h].num_slots:
            prefetch(m.orders, m.books[h].orders_base + slot)


@kernel(inline=True)
def fetch_neighbors(m, h, messages, n):
    """Bring the neighbors of the order that message `n` names near."""
    if n < len(messages):
        book = m.books[h]
        slot = messages[n].handle & 0xFFFF_FFFF
        if slot < book.num_slots:
            order = m.orders[book.orders_base + slot]
            prefetch(m.orders, book.orders_base + max(np.int64(order.prev), 0))
            prefetch(m.orders, book.orders_base + max(np.int64(order.next), 0))


@kernel(inline=True)
def apply_message(m, h, messages, n):
    """Give one message to the book."""
    message = messages[n]
    if message.action == ADD:
        submit_plain(
            m,
            h,
            np.int64(message.side),
            np.int64(message.price),
            np.int64(message.qty),
            np.int64(message.ioc),
            0,
            np.int64(message.owner),
            NIL,
        )
    elif message.action == CANCEL:
        cancel_order(m, h, slot_of(m, h, message.handle))
    else:
        reduce_order(m, h, slot_of(m, h, message.handle), np.int64(message.qty))


@kernel(inline=True)
def write_handle_report(m, h, reports, n):
    """Copy the report of the message just processed."""
    book = m.books[h]
    report = reports[n]
    report.notional = book.notional
    report.filled_qty = book.filled_qty
    report.leaves_qty = book.leaves_qty
    report.num_fills = book.num_events
    report.reason = book.reason
    report.status = book.status
    slot = np.int64(book.slot)
    handle = np.int64(NIL)
    if slot != NIL:
        bits = np.int64(m.orders[book.orders_base + slot].bits)
        handle = ((bits >> GENERATION_SHIFT) & (GENERATIONS - 1)) << 32 | slot
    report.handle = handle


@kernel
def run_handles(m, h, messages, reports):
    """Process HANDLE_MESSAGE records in order and report each; return the number of fills.

    The events of a message are its fills, one EV_FILL each; those of a message that overflows are counted as they are
    drained.
    """
    book = m.books[h]
    num_fills = np.int64(0)
    for n in range(len(messages)):
        fetch_order(m, h, messages, n + AHEAD)
        fetch_neighbors(m, h, messages, n + (AHEAD >> 1))
        apply_message(m, h, messages, n)
        while book.suspended != 0:
            num_fills += np.int64(book.num_events)
            resume(m, h, 0)
        num_fills += np.int64(book.num_events)
        write_handle_report(m, h, reports, n)
    return num_fills
