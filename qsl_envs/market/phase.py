"""Changes of a venue's phase at set times: halts, call auctions and their uncross."""

from qsl_envs.engine.constants import AUCTION_CALL, NIL
from qsl_envs.engine.phase import start_call, uncross
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.consequences import consequences
from qsl_envs.market.constants import (
    C_BATCH,
    C_REGIME,
    CROSS,
    PHASE_CALL,
    PHASE_HALT,
    RECORD,
    SCHEDULE_LONGS,
    T_CALL,
    T_HALT,
    T_OPEN,
)
from qsl_envs.market.recording import record_mark
from qsl_envs.market.reports import report_dirty
from qsl_envs.market.tape import reference_price


@kernel
def enter_schedule(m, r):
    """Put the scheduled phase changes of an episode into its calendar; `schedule` holds (at_ns, venue, action) in
    turn.
    """
    run = m.runs[r]
    for i in range(run.num_changes):
        at_ns = m.schedule[SCHEDULE_LONGS * i]
        push(m, r, at_ns, order_key(C_REGIME, 0, i), C_REGIME, i)
    for v in range(run.num_venues):
        if m.venues[run.venues + v].batch_interval_ns > 0:
            push(m, r, run.now_ns, order_key(C_REGIME, 2, v), C_BATCH, v)


@kernel
def change_phase(m, r, i, now_ns):
    """Carry out entry `i` of the schedule in every book of its venue."""
    run = m.runs[r]
    venue_index, action = m.schedule[SCHEDULE_LONGS * i + 1], m.schedule[SCHEDULE_LONGS * i + 2]
    m.venues[run.venues + venue_index].halted = 1 if action == PHASE_HALT else 0
    for symbol in range(run.num_symbols):
        book = venue_index * run.num_symbols + symbol
        if m.entries[RECORD] != 0:
            record_mark(
                m, r, book, T_HALT if action == PHASE_HALT else T_CALL if action == PHASE_CALL else T_OPEN, now_ns
            )
        if action == PHASE_CALL:
            start_call(m.book, run.books + book)
            consequences(m, r, book, CROSS, NIL, NIL, now_ns)
        elif action != PHASE_HALT and m.book.books[run.books + book].phase == AUCTION_CALL:
            uncross(m.book, run.books + book, reference_price(m, r, book))
            consequences(m, r, book, CROSS, NIL, NIL, now_ns)
        if run.dirty_head >= 0:
            report_dirty(m, r, book, now_ns)


@kernel
def act_batch(m, r, venue_index, now_ns):
    """A batch auction: every book of the venue is uncrossed and called anew; the next one comes an interval later.

    While the venue or the book is halted, orders stay where they are.
    """
    run = m.runs[r]
    venue = m.venues[run.venues + venue_index]
    push(m, r, now_ns + venue.batch_interval_ns, order_key(C_REGIME, 2, venue_index), C_BATCH, venue_index)
    for symbol in range(run.num_symbols):
        book = venue_index * run.num_symbols + symbol
        if venue.halted != 0 or m.rules[run.rules + book].limit_step != 0:
            continue
        if m.entries[RECORD] != 0:
            record_mark(m, r, book, T_OPEN, now_ns)
        if m.book.books[run.books + book].phase == AUCTION_CALL:
            uncross(m.book, run.books + book, reference_price(m, r, book))
            consequences(m, r, book, CROSS, NIL, NIL, now_ns)
        if m.entries[RECORD] != 0:
            record_mark(m, r, book, T_CALL, now_ns)
        start_call(m.book, run.books + book)
        consequences(m, r, book, CROSS, NIL, NIL, now_ns)
        if run.dirty_head >= 0:
            report_dirty(m, r, book, now_ns)
