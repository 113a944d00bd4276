"""A stream of plain messages that name orders by handle: no outside ids, no hash. For replay, flows and benchmarks."""

import numpy as np

from qsl_envs.engine.constants import ADD, CANCEL, GENERATION_SHIFT, NIL
from qsl_envs.engine.machine import resume
from qsl_envs.engine.plain import place_plain, reduce_plain, report_of, withdraw_plain
from qsl_envs.engine.pool import GENERATIONS, slot_of
from qsl_envs.engine.state import BookArrays, record
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel
from qsl_envs.kernel.views import Views, inside, outside

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


class HandleArrays(Views):
    """A book and a stream that names orders by handle."""

    book = inside(BookArrays)
    messages = outside(HANDLE_MESSAGE)
    reports = outside(HANDLE_REPORT)


def handle_arrays(arena: np.ndarray, messages: np.ndarray, reports: np.ndarray) -> HandleArrays:
    """Bundle the arena of a book, HANDLE_MESSAGE records and HANDLE_REPORT records, (n,) each."""
    assert len(messages) <= len(reports)
    return HandleArrays(arena, messages=messages.view(np.recarray), reports=reports.view(np.recarray))


@kernel(inline=True)
def named_slot(x, h, n):
    """Slot that message `n` names, 0 when it names none: without a branch, which half of the time would be guessed
    wrongly.
    """
    slot = x.messages[n].handle & 0xFFFF_FFFF
    return slot if slot < x.book.books[h].num_slots else np.int64(0)


@kernel(inline=True)
def fetch_order(x, h, n):
    """Bring the order that message `n` names near."""
    prefetch(x.book.orders, x.book.books[h].orders_base + named_slot(x, h, n))


@kernel(inline=True)
def fetch_neighbors(x, h, n):
    """Bring the neighbors of the order that message `n` names near; NIL is in front of the pool, and harmless."""
    m = x.book
    base = m.books[h].orders_base
    order = m.orders[base + named_slot(x, h, n)]
    prefetch(m.orders, base + np.int64(order.prev))
    prefetch(m.orders, base + np.int64(order.next))


@kernel(inline=True)
def apply_message(x, h, n):
    """Give one message to the book; return its report, as `plain.place_plain` does."""
    m = x.book
    message = x.messages[n]
    if message.action == ADD:
        return place_plain(
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
    if message.action == CANCEL:
        return withdraw_plain(m, h, slot_of(m, h, message.handle))
    return reduce_plain(m, h, slot_of(m, h, message.handle), np.int64(message.qty))


@kernel(inline=True)
def write_handle_report(x, h, n, num_fills, answer):
    """Write the report of a message."""
    m = x.book
    status, reason, filled, leaves, notional, slot = answer
    report = x.reports[n]
    report.notional = notional
    report.filled_qty = filled
    report.leaves_qty = leaves
    report.num_fills = num_fills
    report.reason = reason
    report.status = status
    handle = np.int64(NIL)
    if slot != NIL:
        bits = np.int64(m.orders[m.books[h].orders_base + slot].bits)
        handle = ((bits >> GENERATION_SHIFT) & (GENERATIONS - 1)) << 32 | slot
    report.handle = handle


@kernel
def finish_message(x, h):
    """Go on with a message whose events were more than fit at a time; return the number of its fills."""
    m = x.book
    book = m.books[h]
    num_fills = np.int64(book.num_events)
    while book.suspended != 0:
        resume(m, h, 0)
        num_fills += np.int64(book.num_events)
    return num_fills


@kernel(inline=True)
def serve_handle(x, h, n):
    """Process message `n` to its end and report it; return the number of its fills."""
    book = x.book.books[h]
    answer = apply_message(x, h, n)
    fills = np.int64(book.num_events)
    if book.suspended != 0:
        fills = finish_message(x, h)
        answer = report_of(x.book, h)
    write_handle_report(x, h, n, fills, answer)
    return fills


@kernel
def run_handles(x, h, count):
    """Process the first `count` messages in order and report each; return the number of fills.

    The events of a message are its fills, one EV_FILL each; those of a message that overflows are counted as they are
    drained.
    """
    num_fills = np.int64(0)
    for n in range(count):
        if n + AHEAD < count:
            fetch_order(x, h, n + AHEAD)
            fetch_neighbors(x, h, n + (AHEAD >> 1))
        num_fills += serve_handle(x, h, n)
    return num_fills
