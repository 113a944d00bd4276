"""What each event writes to the recorded tape: orders, trades, cancels, refusals, and how a tape begins."""

from numpy import int64

from qsl_envs.engine.constants import (
    CANCELED,
    GTC,
    HIDDEN_BIT,
    HOLD_BIT,
    LIMIT,
    LIVE_BIT,
    MARKET,
    MARKET_BIT,
    NIL,
    PARKED_BIT,
    SPECIAL_BIT,
    STOP_BIT,
)
from qsl_envs.engine.ladder import no_best, shown_of
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import first_order, next_order, next_price, queue_ahead, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import (
    CROSS,
    DAY_BOOK,
    T_CANCELED,
    T_HEARD,
    T_NEW,
    T_REDUCED,
    T_REJECTED,
    T_RESTATED,
    T_STANDING,
    T_START,
    T_TRADE,
    T_TRIGGERED,
)
from qsl_envs.market.recorder import (
    CLIENT_MASK,
    R_AT_PRICE,
    R_AT_TAKEN,
    R_NEXT_ID,
    R_OWN,
    R_OWN_LEFT,
    R_OWN_ROW,
    R_SEQ,
    R_TAKER,
    R_TAKER_CLIENT,
    R_TAKER_LEFT,
    add_row,
    begin_event,
    id_at,
    leaves_at,
    put_stamps,
    recorder_of,
)


@kernel
def record_order(m, r, book, kind, slot, side, order_type, tif, price, qty, display_qty, owner, tag, message, now_ns):
    """An order is accepted (T_NEW, `slot` NIL) or was replaced (T_REPLACED, in `slot`): its row, before its trades.

    `close_order` completes the row when the message is over.
    """
    begin_event(m, r)
    base = recorder_of(m, r)
    if kind == T_NEW:
        order_id = m.recorder[base + R_NEXT_ID]
        m.recorder[base + R_NEXT_ID] = order_id + 1
    else:
        order_id = m.recorder[id_at(m, r, base, book, slot)] >> 1
    i = add_row(m, r, book, kind, now_ns)
    row = m.records[i]
    row.order_id, row.side, row.order_type, row.tif, row.price = order_id, side, order_type, tif, price
    row.qty = row.leaves_qty = qty
    row.display_qty, row.participant = display_qty, owner
    row.client = tag & CLIENT_MASK if tag >= 0 else NIL
    put_stamps(m, r, row, message)
    m.recorder[base + R_OWN] = m.recorder[base + R_TAKER] = order_id
    m.recorder[base + R_OWN_LEFT] = m.recorder[base + R_TAKER_LEFT] = qty
    m.recorder[base + R_TAKER_CLIENT] = row.client
    m.recorder[base + R_OWN_ROW] = i


@kernel
def seat_own(m, r, book):
    """Give the message's own order its name in the slot where it rests, before later events of the message meet it."""
    slot = int64(m.book.books[m.runs[r].books + book].slot)
    base = recorder_of(m, r)
    if slot >= 0 and m.recorder[base + R_OWN] != NIL:
        side = int64(m.records[m.recorder[base + R_OWN_ROW]].side)
        m.recorder[id_at(m, r, base, book, slot)] = m.recorder[base + R_OWN] << 1 | side


@kernel
def close_order(m, r, book, now_ns):
    """The message that brought an order is over: where it stands, behind how many lots; or what of it was cancelled."""
    base = recorder_of(m, r)
    own = m.recorder[base + R_OWN]
    if own == NIL:
        return
    h = m.runs[r].books + book
    b = m.book.books[h]
    seat_own(m, r, book)
    row = m.records[m.recorder[base + R_OWN_ROW]]
    slot = int64(b.slot)
    if slot >= 0 and (m.book.orders[b.orders_base + slot].bits & LIVE_BIT) != 0:
        order = m.book.orders[b.orders_base + slot]
        bits = int64(order.bits)
        m.recorder[leaves_at(m, r, base, book, slot)] = order.leaves_qty
        if (bits & (STOP_BIT | PARKED_BIT)) == 0:
            row.price = order.price  # a slide or a peg stands elsewhere than was asked for
            row.shown_qty = shown_of_slot(m, h, slot)
            if (bits & HIDDEN_BIT) != 0:
                row.queue_ahead = queue_ahead(m.book, h, slot)
            else:
                row.queue_ahead = shown_qty(m.book, h, bits & 1, int64(order.price)) - row.shown_qty
    if b.status == CANCELED and m.recorder[base + R_OWN_LEFT] > 0:
        i = add_row(m, r, book, T_CANCELED, now_ns)
        gone = m.records[i]
        gone.order_id, gone.side, gone.price, gone.qty = own, row.side, row.price, m.recorder[base + R_OWN_LEFT]
        gone.participant, gone.client, gone.reason = row.participant, row.client, b.reason


@kernel
def shown_of_slot(m, h, slot):
    """Lots that an order shows now; 0 when it is hidden, waits, or is gone."""
    bits = int64(m.book.orders[m.book.books[h].orders_base + slot].bits)
    if (bits & LIVE_BIT) == 0 or (bits & (PARKED_BIT | STOP_BIT)) != 0:
        return int64(0)
    return int64(shown_of(m.book, h, slot))


@kernel
def record_slot(m, r, book, kind, slot, price, qty, leaves, owner, tag, reason, now_ns):
    """A row about the order in `slot`: it was cancelled, reduced, moved or triggered. Returns its index."""
    run = m.runs[r]
    base = recorder_of(m, r)
    i = add_row(m, r, book, kind, now_ns)
    row = m.records[i]
    named = m.recorder[id_at(m, r, base, book, slot)]
    row.order_id, row.side = named >> 1, named & 1
    row.price, row.qty, row.leaves_qty, row.participant, row.reason = price, qty, leaves, owner, reason
    row.client = tag & CLIENT_MASK if tag >= 0 else NIL
    m.recorder[leaves_at(m, r, base, book, slot)] = leaves
    if leaves > 0 and price > 0:
        row.shown_qty = shown_of_slot(m, run.books + book, slot)
    return i


@kernel
def record_withdrawn(m, r, book, kind, slot, price, qty, leaves, owner, tag, message, now_ns):
    """A cancel or reduce was carried out, as an event of its own."""
    begin_event(m, r)
    i = record_slot(m, r, book, kind, slot, price, qty, leaves, owner, tag, 0, now_ns)
    put_stamps(m, r, m.records[i], message)


@kernel
def record_reject(m, r, book, slot, side, price, qty, owner, tag, reason, message, now_ns):
    """A message was refused. A new order has an id of its own; a change has its order's (slot NIL: no such order)."""
    begin_event(m, r)
    base = recorder_of(m, r)
    i = add_row(m, r, book, T_REJECTED, now_ns)
    row = m.records[i]
    if slot >= 0:
        row.order_id = m.recorder[id_at(m, r, base, book, slot)] >> 1
        row.leaves_qty = m.recorder[leaves_at(m, r, base, book, slot)]
    elif side != NIL:
        row.order_id = m.recorder[base + R_NEXT_ID]
        m.recorder[base + R_NEXT_ID] += 1
    row.side, row.price, row.qty, row.participant, row.reason = side, price, qty, owner, reason
    row.client = tag & CLIENT_MASK if tag >= 0 else NIL
    put_stamps(m, r, row, message)


@kernel
def record_heard(m, r, client, msg, now_ns):
    """A report has reached its order's owner. The node knows its own name of the order alone."""
    begin_event(m, r)
    c = m.clients[m.runs[r].clients + client]
    row = m.records[add_row(m, r, int64(c.book), T_HEARD, now_ns)]
    row.side, row.participant, row.client, row.reason = c.side, c.owner, client, msg.reason
    row.qty, row.leaves_qty = msg.filled_qty, msg.leaves_qty


@kernel
def record_mark(m, r, book, kind, now_ns):
    """A row about a whole book: a halt, a call, the opening."""
    begin_event(m, r)
    add_row(m, r, book, kind, now_ns)


@kernel
def record_trade(m, r, book, e, side, taker_owner, maker_fee, taker_fee, now_ns):
    """A trade: `e` is the engine's EV_FILL, `side` the aggressor's (CROSS: an auction, `taker_slot` is the sell)."""
    base = recorder_of(m, r)
    slot, price, qty = int64(e.slot), int64(e.price), int64(e.qty)
    maker_side = side ^ 1 if side != CROSS else 0
    if book == DAY_BOOK and e.owner < 0 and m.plays[m.runs[r].plays].num_events > 0:
        note_cap(m, r, base, slot, price, int64(e.leaves_qty) + qty, now_ns)
    i = record_slot(m, r, book, T_TRADE, slot, price, qty, int64(e.leaves_qty), int64(e.owner), int64(e.tag), 0, now_ns)
    row = m.records[i]
    row.side = side
    row.maker_fee, row.taker_fee, row.taker_participant = maker_fee, taker_fee, taker_owner
    if side == CROSS:
        sell = int64(e.taker_slot)
        at = leaves_at(m, r, base, book, sell)
        m.recorder[at] -= qty
        row.taker_order_id = m.recorder[id_at(m, r, base, book, sell)] >> 1
        order = m.book.orders[m.book.books[m.runs[r].books + book].orders_base + sell]
        if taker_owner >= 0:
            row.taker_client = int64(order.tag) & CLIENT_MASK
        return
    if m.recorder[base + R_AT_PRICE] != (price << 1 | maker_side):
        m.recorder[base + R_AT_PRICE], m.recorder[base + R_AT_TAKEN] = price << 1 | maker_side, 0
    row.queue_ahead = m.recorder[base + R_AT_TAKEN]
    m.recorder[base + R_AT_TAKEN] += qty
    row.taker_order_id = m.recorder[base + R_TAKER]
    row.taker_client = m.recorder[base + R_TAKER_CLIENT]
    take_from_taker(m, base, qty)


@kernel
def note_cap(m, r, base, slot, price, had, now_ns):
    """Before a trade: lots that the recorded day took off its order since the order's last row."""
    told = m.recorder[leaves_at(m, r, base, DAY_BOOK, slot)]
    if told > had and m.recorder[id_at(m, r, base, DAY_BOOK, slot)] >> 1 != m.recorder[base + R_OWN]:
        record_slot(m, r, DAY_BOOK, T_REDUCED, slot, price, told - had, had, NIL, NIL, 0, now_ns)


@kernel
def take_from_taker(m, base, qty):
    """The order that takes now has `qty` lots less."""
    m.recorder[base + R_TAKER_LEFT] -= qty
    if m.recorder[base + R_TAKER] == m.recorder[base + R_OWN]:
        m.recorder[base + R_OWN_LEFT] -= qty


@kernel
def record_print(m, r, book, price, qty, side, now_ns):
    """A trade of a recorded day in which no order of the book took part."""
    row = m.records[add_row(m, r, book, T_TRADE, now_ns)]
    row.price, row.qty, row.side = price, qty, side


@kernel
def record_triggered(m, r, book, e, now_ns):
    """A stop is triggered: from here it is the order that takes."""
    base = recorder_of(m, r)
    slot, qty = int64(e.slot), int64(e.qty)
    record_slot(m, r, book, T_TRIGGERED, slot, int64(e.price), qty, qty, int64(e.owner), int64(e.tag), 0, now_ns)
    m.recorder[base + R_TAKER] = m.recorder[id_at(m, r, base, book, slot)] >> 1
    m.recorder[base + R_TAKER_LEFT] = qty
    m.recorder[base + R_TAKER_CLIENT] = int64(e.tag) & CLIENT_MASK if e.tag >= 0 else NIL
    m.recorder[base + R_AT_PRICE] = NIL


@kernel
def record_stop_done(m, r, book, e, now_ns):
    """A triggered stop has matched: its rest stands, or was cancelled; the message's own order takes again."""
    base = recorder_of(m, r)
    slot, leaves = int64(e.slot), int64(e.leaves_qty)
    left = m.recorder[base + R_TAKER_LEFT]
    if leaves > 0:
        order = m.book.orders[m.book.books[m.runs[r].books + book].orders_base + slot]
        price = int64(order.price)
        record_slot(m, r, book, T_RESTATED, slot, price, leaves, leaves, int64(e.owner), int64(e.tag), 0, now_ns)
    elif left > 0:
        reason = int64(e.taker_slot)
        record_slot(m, r, book, T_CANCELED, slot, NIL, left, 0, int64(e.owner), int64(e.tag), reason, now_ns)
    m.recorder[base + R_TAKER] = m.recorder[base + R_OWN]
    m.recorder[base + R_TAKER_LEFT] = m.recorder[base + R_OWN_LEFT]
    m.recorder[base + R_AT_PRICE] = NIL


@kernel
def record_decrement(m, r, book, e, side, taker_owner, now_ns):
    """Self-trade prevention took lots from both orders without a trade."""
    base = recorder_of(m, r)
    slot, qty, leaves = int64(e.slot), int64(e.qty), int64(e.leaves_qty)
    kind = T_REDUCED if leaves > 0 else T_CANCELED
    reason = int64(e.taker_slot)
    record_slot(m, r, book, kind, slot, int64(e.price), qty, leaves, int64(e.owner), int64(e.tag), reason, now_ns)
    take_from_taker(m, base, qty)
    left = m.recorder[base + R_TAKER_LEFT]
    row = m.records[add_row(m, r, book, T_REDUCED if left > 0 else T_CANCELED, now_ns)]
    row.order_id, row.side, row.qty, row.leaves_qty = m.recorder[base + R_TAKER], side, qty, left
    row.participant, row.client, row.reason = taker_owner, m.recorder[base + R_TAKER_CLIENT], reason


@kernel
def reconcile(m, r, book, slot, now_ns):
    """A recorded day changed the order in `slot` by other than trades: say by how much."""
    base = recorder_of(m, r)
    order = m.book.orders[m.book.books[m.runs[r].books + book].orders_base + slot]
    price, leaves = int64(order.price), int64(order.leaves_qty)
    had = m.recorder[leaves_at(m, r, base, book, slot)]
    if leaves < had:
        kind = T_REDUCED if leaves > 0 else T_CANCELED
        record_slot(m, r, book, kind, slot, price, had - leaves, leaves, NIL, NIL, 0, now_ns)


@kernel
def record_standing(m, r, now_ns):
    """Begin a tape behind what is kept of the one before: a T_START row, then every order that stands, book by book,
    side by side, best first, in queue order; then what waits: stops, parked pegs, market orders of a call.
    """
    run = m.runs[r]
    base = recorder_of(m, r)
    m.recorder[base + R_SEQ] = m.recorder[base + R_NEXT_ID] = 0
    begin_event(m, r)
    add_row(m, r, 0, T_START, now_ns)
    for book in range(run.num_books):
        h = run.books + book
        b = m.book.books[h]
        for side in range(2):
            price = m.book.sides[SIDES * h + side].best
            while price != no_best(side):
                for hidden in range(2):
                    ahead = shown_qty(m.book, h, side, price) if hidden == 1 else int64(0)
                    slot = first_order(m.book, h, side, price, hidden)
                    while slot != NIL:
                        standing(m, r, base, book, slot, ahead, now_ns)
                        order = m.book.orders[b.orders_base + slot]
                        ahead += int64(order.leaves_qty) if hidden == 1 else shown_of_slot(m, h, slot)
                        slot = next_order(m.book, h, slot)
                price = next_price(m.book, h, side, price)
        for slot in range(int64(b.used_slots)):
            bits = int64(m.book.orders[b.orders_base + slot].bits)
            if (bits & LIVE_BIT) != 0 and (bits & (PARKED_BIT | STOP_BIT)) != 0:
                standing(m, r, base, book, slot, NIL, now_ns)


@kernel
def standing(m, r, base, book, slot, ahead, now_ns):
    """The row of an order that stands when a tape begins."""
    b = m.book.books[m.runs[r].books + book]
    order = m.book.orders[b.orders_base + slot]
    bits = int64(order.bits)
    m.recorder[id_at(m, r, base, book, slot)] = m.recorder[base + R_NEXT_ID] << 1 | (bits & 1)
    m.recorder[base + R_NEXT_ID] += 1
    owner = NIL if (bits & HOLD_BIT) != 0 else int64(order.owner)
    tag = NIL if (bits & HOLD_BIT) != 0 else int64(order.tag)
    qty = int64(order.leaves_qty)
    waits = (bits & (PARKED_BIT | STOP_BIT)) != 0
    price = NIL if waits else int64(order.price)
    i = record_slot(m, r, book, T_STANDING, slot, price, qty, qty, owner, tag, 0, now_ns)
    row = m.records[i]
    row.queue_ahead, row.order_type, row.tif = ahead, LIMIT, GTC
    if (bits & MARKET_BIT) != 0:
        row.order_type = MARKET
    if (bits & SPECIAL_BIT) != 0:
        ext = m.book.exts[b.exts_base + order.ext]
        row.order_type, row.tif, row.display_qty = ext.kind, ext.tif, ext.display_qty


@kernel
def record_day_add(m, r, slot, side, price, qty, now_ns):
    """A recorded day brings an order: its row, before it meets agents' orders; it has its slot from the start."""
    record_order(m, r, DAY_BOOK, T_NEW, NIL, side, LIMIT, GTC, price, qty, NIL, NIL, NIL, NIL, now_ns)
    base = recorder_of(m, r)
    m.recorder[id_at(m, r, base, DAY_BOOK, slot)] = m.recorder[base + R_OWN] << 1 | side
    m.recorder[leaves_at(m, r, base, DAY_BOOK, slot)] = qty


@kernel
def close_day_add(m, r, slot):
    """What stands of an order that a recorded day brought, and behind how many lots."""
    base = recorder_of(m, r)
    h = m.runs[r].books + DAY_BOOK
    order = m.book.orders[m.book.books[h].orders_base + slot]
    m.recorder[leaves_at(m, r, base, DAY_BOOK, slot)] = order.leaves_qty
    if (order.bits & LIVE_BIT) != 0 and order.leaves_qty > 0:
        row = m.records[m.recorder[base + R_OWN_ROW]]
        row.shown_qty, row.queue_ahead = order.leaves_qty, queue_ahead(m.book, h, slot)
