"""GTD orders run out: one calendar entry a book, at its earliest expiry."""

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.engine.heap import GTD_HEAP, heap_top
from qsl_envs.engine.pool import ext_at
from qsl_envs.engine.withdraw import run_deadlines
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import hasten, order_key, push
from qsl_envs.market.consequences import consequences
from qsl_envs.market.constants import C_DEADLINE, NEVER, RECORD
from qsl_envs.market.recorder import begin_event
from qsl_envs.market.reports import report_dirty


@kernel(inline=True)
def set_deadline(m, r, book):
    """Let the book's calendar entry stand no later than the earliest expiry among its GTD orders, if it has any."""
    if m.book.books[m.runs[r].books + book].num_gtd != 0:
        find_deadline(m, r, book)


@kernel
def find_deadline(m, r, book):
    """`set_deadline` in a book with GTD orders."""
    run = m.runs[r]
    h = run.books + book
    tape = m.tapes[run.tapes + book]
    due = m.book.exts[ext_at(m.book, h, heap_top(m.book, h, GTD_HEAP))].expire_ns
    if due >= tape.deadline_ns:
        return
    if tape.deadline_ns == NEVER:
        push(m, r, due, order_key(C_DEADLINE, 0, book), C_DEADLINE, book)
    else:
        hasten(m, r, C_DEADLINE, book, due)
    tape.deadline_ns = due


@kernel
def expire(m, r, book, now_ns):
    """Take out the GTD orders of a book whose time is over, tell their owners, and wait for the next."""
    run = m.runs[r]
    m.tapes[run.tapes + book].deadline_ns = NEVER
    if m.entries[RECORD] != 0:
        begin_event(m, r)
    run_deadlines(m.book, run.books + book, now_ns)
    consequences(m, r, book, BUY, NIL, NIL, now_ns)
    report_dirty(m, r, book, now_ns)
    set_deadline(m, r, book)
