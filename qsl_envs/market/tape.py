"""The public tape of a book: what every matching event changed, in order. One sequence number an event."""

from numpy import int64

from qsl_envs.engine.constants import EV_FILL, EV_LEVEL
from qsl_envs.engine.views import shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import E_TAPE, PUB_LAST_BIT, PUB_LEVEL, PUB_TRADE
from qsl_envs.market.feed import hear
from qsl_envs.replay.playback import EV_PRINT


@kernel
def publish(m, r, book, ts_ns, aggressor):
    """Write the level changes and prints of the message just processed to the book's tape.

    Args:
        aggressor: side of the order that took, for the prints.
    """
    run = m.runs[r]
    h = run.books + book
    b = m.book.books[h]
    tape = m.tapes[run.tapes + book]
    last = -1
    for i in range(b.num_events):
        e = m.book.events[b.events_base + i]
        if e.kind == EV_LEVEL:
            side, price, was = int64(e.slot), int64(e.price), int64(e.qty)
            now = shown_qty(m.book, h, side, price)
            if now == was:
                continue
            code = PUB_LEVEL | (side << 1)
        elif e.kind == EV_FILL or e.kind == EV_PRINT:
            price, was, now = int64(e.price), int64(e.qty), int64(e.qty)
            code = PUB_TRADE | (aggressor << 1)
        else:
            continue
        if tape.head - tape.floor >= run.max_pubs:
            make_room(m, r, tape)
            if run.error != 0:
                return
        last = tape.first_pub + (tape.head & (run.max_pubs - 1))
        p = m.pubs[last]
        p.price, p.before, p.after, p.code = price, was, now, code
        p.ts_ns, p.seq = ts_ns, tape.seq
        tape.head += 1
    if last >= 0:
        m.pubs[last].code |= PUB_LAST_BIT
        tape.seq += 1
        tape.last_ts_ns = ts_ns


@kernel
def make_room(m, r, tape):
    """Let the listeners hear what has arrived, so that old records of a full tape may go; else RUN.error is set."""
    run = m.runs[r]
    floor = tape.head
    for v in range(run.views + tape.first_view, run.views + tape.first_view + tape.num_views):
        hear(m, r, v, run.now_ns)
        floor = min(floor, m.views[v].tail)
    tape.floor = floor
    if tape.head - floor >= run.max_pubs:
        run.error = E_TAPE
        run.error_need = tape.head - floor + 1
