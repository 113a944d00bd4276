"""A recorded day as the flow of a replica's first book: historical events act at their stamps."""

from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.consequences import handle_events, roll_volume
from qsl_envs.market.constants import DAY_BOOK, NEVER, RECORD, T_HALT, T_OPEN
from qsl_envs.market.entries import call_play
from qsl_envs.market.recorder import begin_event
from qsl_envs.market.recording import close_day_add, reconcile, record_day_add, record_mark
from qsl_envs.market.reports import report_dirty
from qsl_envs.replay.events import Kind

K_ADD, K_SYNTH_ADD = int(Kind.ADD), int(Kind.SYNTH_ADD)
K_HALT, K_TRADE_RESUME = int(Kind.HALT), int(Kind.TRADE_RESUME)


@kernel
def find_day(m, r):
    """Cache when the next historical event acts, in the replica's own time."""
    run = m.runs[r]
    play = m.plays[run.plays]
    run.day_next_ns = m.day[play.next].ts_ns - run.day_shift_ns if play.next < play.num_events else NEVER


@kernel
def act_day(m, r, now_ns):
    """The next historical event, or the whole aggressor that it begins, acts on the book with agents' orders in it."""
    run = m.runs[r]
    play = m.plays[run.plays]
    row = m.day[play.next]
    kind = int64(row.kind)
    if K_HALT <= kind <= K_TRADE_RESUME:
        m.venues[run.venues].halted = 0 if kind == K_TRADE_RESUME else 1
    # an event names the resting order's side; only a new order that meets agents' orders is itself the aggressor
    aggressor = int64(row.side) if kind == K_ADD or kind == K_SYNTH_ADD else int64(row.side) ^ 1
    if run.impact_window_ns > 0:
        roll_volume(m, r, DAY_BOOK, now_ns)
    run.served += 1
    run.served_flow += 1
    recording = m.entries[RECORD] != 0
    first = play.next
    if recording:
        begin_day_event(m, r, first, now_ns)
    while True:
        done = call_play(m, r)
        handle_events(m, r, DAY_BOOK, aggressor, NIL, NIL, now_ns)
        if done or run.error != 0:
            break
    if recording:
        end_day_event(m, r, first, play.next, now_ns)
    if run.dirty_head >= 0:
        report_dirty(m, r, DAY_BOOK, now_ns)
    find_day(m, r)


@kernel
def begin_day_event(m, r, i, now_ns):
    """The tape's row of a historical event that is one by itself: a new order, a halt."""
    row = m.day[i]
    kind = int64(row.kind)
    if kind == K_ADD or kind == K_SYNTH_ADD:
        record_day_add(m, r, int64(row.slot), int64(row.side), int64(row.price), int64(row.qty), now_ns)
    elif K_HALT <= kind <= K_TRADE_RESUME:
        record_mark(m, r, DAY_BOOK, T_OPEN if kind == K_TRADE_RESUME else T_HALT, now_ns)
    else:
        begin_event(m, r)


@kernel
def end_day_event(m, r, first, end, now_ns):
    """What the historical events first .. end - 1 did to their orders beside trades: the tape's rows of that."""
    for i in range(first, end):
        row = m.day[i]
        kind = int64(row.kind)
        if kind == K_ADD or kind == K_SYNTH_ADD:
            close_day_add(m, r, int64(row.slot))
        elif row.slot >= 0:
            reconcile(m, r, DAY_BOOK, int64(row.slot), now_ns)


@kernel
def skip_day(m, r, ts_ns):
    """Let all events before `ts_ns` (the day's clock) act without agents and unheard; the replica's time 0 is then."""
    run = m.runs[r]
    play = m.plays[run.plays]
    h = run.books + DAY_BOOK
    while play.next < play.num_events and m.day[play.next].ts_ns < ts_ns:
        kind = int64(m.day[play.next].kind)
        if K_HALT <= kind <= K_TRADE_RESUME:
            m.venues[run.venues].halted = 0 if kind == K_TRADE_RESUME else 1
        while not call_play(m, r):
            pass
    m.book.books[h].num_events = 0
    run.day_shift_ns = ts_ns
    find_day(m, r)
