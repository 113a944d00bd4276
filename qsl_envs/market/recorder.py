"""The recorded tape: what happens at the venues, a row each, written inside the kernel into memory beside the arena.

Nothing here touches a replica's row, so a trajectory is the same to the bit with recording on or off. Off, every hook
costs one predictable branch (`m.entries[RECORD] != 0`). `m.recorder` holds, for each replica, `entries[RECORD]` int64
cells: counters (R_*), then `id << 1 | side` and the open lots of the order in each slot of each book, then four stamps
of each message under way. `market.recording` says what each event writes.

A replica keeps `R_CAP` rows until they are read; the loop comes back before an event when they are full, and behind
them lies room for the rows of one event.
"""

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import E_RECORD, NEVER, RECORD, ROW_LONGS
from qsl_envs.market.state import RUN

R_CAP, R_ROWS, R_USED, R_SEQ, R_NEXT_ID = 0, 1, 2, 3, 4
R_OWN, R_OWN_LEFT, R_OWN_ROW = 5, 6, 7  # the order that the message in progress brought
R_TAKER, R_TAKER_LEFT, R_TAKER_CLIENT = 8, 9, 10  # the order that takes now: that one, or a triggered stop
R_AT_PRICE, R_AT_TAKEN = 11, 12  # lots that the taker took so far at a price
R_IDS = 16
STAMPS = 4
DECIDED, SENT, ARRIVED, AGE = 0, 1, 2, 3
RUN_LONGS = RUN.itemsize // 8
CLIENT_MASK = 0xFFFF


def recorder_longs(books: int, slots: int, messages: int) -> int:
    """int64 cells of one replica's recorder."""
    return R_IDS + 2 * books * slots + STAMPS * messages


@kernel(inline=True)
def replica_of(m, r):
    """Number of the replica whose RUN record is `r`."""
    return r * RUN_LONGS // m.entries[ROW_LONGS]


@kernel(inline=True)
def recorder_of(m, r):
    """Start of a replica's cells in `m.recorder`."""
    return replica_of(m, r) * m.entries[RECORD]


@kernel(inline=True)
def is_full(m, r):
    """Whether the rows that a replica keeps are full: they must be read before it goes on."""
    base = recorder_of(m, r)
    return m.recorder[base + R_USED] >= m.recorder[base + R_CAP]


@kernel
def id_at(m, r, base, book, slot):
    """Place of `id << 1 | side` of the order in `slot`; its open lots stand `books x slots` cells behind it."""
    return base + R_IDS + book * m.runs[r].max_slots + slot


@kernel
def leaves_at(m, r, base, book, slot):
    """Place of the open lots, by the tape, of the order in `slot`."""
    return id_at(m, r, base, book, slot) + m.runs[r].num_books * m.runs[r].max_slots


@kernel
def stamp_at(m, r, base, message):
    """Place of the four stamps of a message under way."""
    run = m.runs[r]
    return base + R_IDS + 2 * run.num_books * run.max_slots + STAMPS * message


@kernel
def stamp_sent(m, r, message, decided_ns, sent_ns, heard_ts_ns):
    """Note when a message was decided on and left, and how old the newest record of the book was that its sender had
    looked at (NIL: none yet).
    """
    at = stamp_at(m, r, recorder_of(m, r), message)
    m.recorder[at + DECIDED], m.recorder[at + SENT], m.recorder[at + ARRIVED] = decided_ns, sent_ns, NIL
    m.recorder[at + AGE] = decided_ns - heard_ts_ns if heard_ts_ns > 0 else NIL


@kernel
def stamp_arrival(m, r, message, now_ns):
    """Note when a message reached its venue's gateway."""
    m.recorder[stamp_at(m, r, recorder_of(m, r), message) + ARRIVED] = now_ns


@kernel
def add_row(m, r, book, kind, now_ns):
    """Append an empty row; returns its index. Without room RUN.error is set and the last row is written over."""
    base = recorder_of(m, r)
    used = m.recorder[base + R_USED]
    if used == m.recorder[base + R_ROWS]:
        m.runs[r].error = E_RECORD
        m.runs[r].error_need = used + 1
        used -= 1
    if m.runs[r].close_ns != NEVER:  # while a book is warmed before an episode nothing is kept
        m.recorder[base + R_USED] = used + 1
    i = replica_of(m, r) * m.recorder[base + R_ROWS] + used
    row = m.records[i]
    row.ts_ns, row.seq, row.book, row.kind = now_ns, m.recorder[base + R_SEQ], book, kind
    row.order_id = row.taker_order_id = NIL
    row.decision_ns = row.sent_ns = row.arrival_ns = row.book_age_ns = NIL
    row.maker_fee = row.taker_fee = 0
    row.price = row.display_qty = row.queue_ahead = row.participant = row.taker_participant = row.client = NIL
    row.qty = row.leaves_qty = row.shown_qty = 0
    row.side = row.taker_client = NIL
    row.order_type = row.tif = row.reason = 0
    return i


@kernel
def begin_event(m, r):
    """A new matching event: rows from here on share its number; no order of its own yet."""
    base = recorder_of(m, r)
    m.recorder[base + R_SEQ] += 1
    m.recorder[base + R_OWN] = m.recorder[base + R_TAKER] = m.recorder[base + R_TAKER_CLIENT] = NIL
    m.recorder[base + R_OWN_LEFT] = m.recorder[base + R_TAKER_LEFT] = 0
    m.recorder[base + R_AT_PRICE], m.recorder[base + R_AT_TAKEN] = NIL, 0


@kernel
def put_stamps(m, r, row, message):
    """Copy the stamps of a participant's message into a row; `message` NIL: none."""
    if message != NIL:
        at = stamp_at(m, r, recorder_of(m, r), message)
        row.decision_ns, row.sent_ns = m.recorder[at + DECIDED], m.recorder[at + SENT]
        row.arrival_ns, row.book_age_ns = m.recorder[at + ARRIVED], m.recorder[at + AGE]
