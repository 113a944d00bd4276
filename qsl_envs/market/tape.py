"""The public tape of a book: what every matching event changed, in order. One sequence number an event."""

from numpy import int64

from qsl_envs.engine.auction import indicative
from qsl_envs.engine.constants import AUCTION_CALL, EV_FILL, EV_LEVEL, EV_STOP_DONE, EV_TRIGGERED
from qsl_envs.engine.views import shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.client import client_of
from qsl_envs.market.constants import CROSS, E_TAPE, PUB_CALL_BIT, PUB_CROSS_BIT, PUB_LAST_BIT, PUB_LEVEL, PUB_TRADE
from qsl_envs.market.feed import hear
from qsl_envs.market.listen import announce
from qsl_envs.replay.playback import EV_PRINT


@kernel
def publish(m, r, book, ts_ns, aggressor, side_after_stop):
    """Write the level changes and prints of the message just processed to the book's tape.

    Args:
        aggressor: side of the order that took, for the prints, until a stop is triggered.
        side_after_stop: the same after a triggered stop is done.
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
            code = PUB_TRADE | (PUB_CROSS_BIT if aggressor == CROSS else aggressor << 1)
        elif e.kind == EV_TRIGGERED:
            aggressor = int64(m.clients[run.clients + client_of(m, r, int64(e.tag))].side)
            continue
        elif e.kind == EV_STOP_DONE:
            aggressor = side_after_stop
            continue
        else:
            continue
        last = write(m, r, tape, ts_ns, price, was, now, code)
        if last < 0:
            return
    if b.phase == AUCTION_CALL:
        price, volume, imbalance = indicative(m.book, h, reference_price(m, r, book))
        last = write(m, r, tape, ts_ns, price, volume, imbalance, PUB_TRADE | PUB_CALL_BIT)
        if last < 0:
            return
    if last >= 0:
        m.pubs[last].code |= PUB_LAST_BIT
        tape.seq += 1
        tape.last_ts_ns = ts_ns
        if run.keeps_tops != 0:
            announce(m, r, book, ts_ns, last)


@kernel
def publish_level(m, r, book, ts_ns):
    """`publish` for a message that did nothing but change one level: a plain order came, went or changed."""
    run = m.runs[r]
    h = run.books + book
    e = m.book.events[m.book.books[h].events_base]
    side, price, was = int64(e.slot), int64(e.price), int64(e.qty)
    tape = m.tapes[run.tapes + book]
    shown = shown_qty(m.book, h, side, price)
    if shown == was:
        return
    at = write(m, r, tape, ts_ns, price, was, shown, PUB_LEVEL | (side << 1) | PUB_LAST_BIT)
    if at >= 0:
        tape.seq += 1
        tape.last_ts_ns = ts_ns
        if run.keeps_tops != 0:
            announce(m, r, book, ts_ns, at)


@kernel
def write(m, r, tape, ts_ns, price, before, after, code):
    """Append one record to a tape; returns its place, or -1 with RUN.error set when the ring is too small."""
    run = m.runs[r]
    if tape.head - tape.floor >= run.max_pubs:
        make_room(m, r, tape)
        if run.error != 0:
            return -1
    at = tape.first_pub + (tape.head & (run.max_pubs - 1))
    p = m.pubs[at]
    p.price, p.before, p.after, p.code = price, before, after, code
    p.ts_ns, p.seq = ts_ns, tape.seq
    tape.head += 1
    return at


@kernel
def reference_price(m, r, book):
    """What an auction's price is nearest to: the last trade's price, before the first one the middle of the book."""
    run = m.runs[r]
    last = m.book.books[run.books + book].last_price
    flow = m.flows[run.flows + book]
    return last if last > 0 else (flow.seen_bid + flow.seen_ask) >> 1


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
