"""Background flow at a venue: candidates and cancel clocks act on the book as they find it.

The Poisson flow is decided here; every other model decides behind an address (`entries.call_decide`), and what it has
decided is carried out here, so that the loop is compiled once.
"""

from numpy import int64

from qsl_envs.engine.constants import (
    AUCTION_CALL,
    BUY,
    EV_LEVEL,
    GTC,
    HOLD_BIT,
    IOC,
    LIMIT,
    LIVE_BIT,
    MARKET,
    MARKET_IOC,
    NIL,
    NO_ASK,
    NO_BID,
    PRICE_MAX,
    STOP,
    STOP_LIMIT,
)
from qsl_envs.engine.machine import market_limit
from qsl_envs.engine.plain import cancel_order, submit_beside_special, submit_plain
from qsl_envs.engine.pool import release_slot
from qsl_envs.engine.views import best_shown
from qsl_envs.flow.poisson import TICK_SHIFT, kind_of, later_life_ns, leaning_side, qty_of
from qsl_envs.flow.record import HIT, IDLE, POISSON, PULL
from qsl_envs.flow.thinning import is_thinned
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.bands import band_refuses, follow_trades, watch_limit
from qsl_envs.market.books import symbol_number, venue_number
from qsl_envs.market.consequences import consequences
from qsl_envs.market.constants import CODE_SHIFT, NEVER, RECORD, T_CANCELED, T_NEW
from qsl_envs.market.entries import call_decide, call_hear
from qsl_envs.market.fundamental import gap_x2
from qsl_envs.market.recording import close_order, record_order, record_withdrawn
from qsl_envs.market.reports import report_dirty
from qsl_envs.market.rules import on_tick
from qsl_envs.market.sight import look, seen_best, seen_orders, takes_all
from qsl_envs.market.tape import publish_level
from qsl_envs.market.wheel import arm, order_of


@kernel(inline=True)
def find_flow(m, r):
    """Cache which book's flow has the next candidate."""
    run = m.runs[r]
    best, which = NEVER, NIL
    for book in range(run.num_books):
        flow = m.flows[run.flows + book]
        if flow.active != 0:
            t = m.longs[flow.block + flow.at]
            if t < best:
                best, which = t, book
    run.flow_next_ns, run.flow_book = best, which


@kernel
def after_flow(m, r, book, side, now_ns):
    """Consequences of a message of background flow."""
    run = m.runs[r]
    run.served += 1
    run.served_flow += 1
    b = m.book.books[run.books + book]
    if b.num_events == 1 and b.special == 0 and m.book.events[b.events_base].kind == EV_LEVEL:
        publish_level(m, r, book, now_ns)
        if m.entries[RECORD] != 0:
            close_order(m, r, book, now_ns)
        if m.venues[run.venues + venue_number(run, book)].limit_state_ns > 0:
            watch_limit(m, r, book, now_ns)
        return
    consequences(m, r, book, side, NIL, NIL, now_ns)
    if m.entries[RECORD] != 0:
        close_order(m, r, book, now_ns)
    report_dirty(m, r, book, now_ns)
    if m.venues[run.venues + venue_number(run, book)].limit_state_ns > 0:
        watch_limit(m, r, book, now_ns)


@kernel
def join_batch(m, r, book, side, qty, now_ns):
    """A market order of the flow joins a batch auction; in another call it does nothing.

    It has no cancel clock and the auction ends it, so its slot is not held.
    """
    run = m.runs[r]
    b = m.book.books[run.books + book]
    full = b.free_head < 0 and b.used_slots == b.num_slots
    if m.venues[run.venues + venue_number(run, book)].batch_interval_ns == 0 or full:
        run.idle_candidates += 1
        return
    h = run.books + book
    submit_beside_special(m.book, h, side, market_limit(m.book, h, side), qty, MARKET_IOC, 0, NIL, NIL)
    if m.entries[RECORD] != 0:
        record_order(m, r, book, T_NEW, NIL, side, MARKET, GTC, NIL, qty, NIL, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel
def act_candidate(m, r, book, k, word, due_ns, now_ns):
    """Thin candidate k of a book by the book itself, and let it act.

    Smith, Farmer, Gillemot and Krishnamurthy (2003): limit orders fall on the `ticks` prices beyond the opposite best;
    a market order that would take the last order of a side does nothing. During a call no market orders come, but in
    batch auctions they take part. An order's cancel clock first strikes at `due_ns`, a life after the candidate came,
    however long it stood in line. For another model `k`, `word` and `due_ns` are what it made of its candidate.
    """
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    if flow.model != POISSON:
        act_model(m, r, book, k, word, due_ns, now_ns)
        return
    kind, side, offset = kind_of(flow, word)
    if flow.blind != 0:
        look(m, run.books + book, flow)
    else:
        h = run.books + book
        bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, BUY ^ 1)
        if bid != NO_BID:
            flow.seen_bid = bid
        if ask != NO_ASK:
            flow.seen_ask = ask
    if flow.thinned != 0:
        scale = flow.market_scale if kind == HIT else flow.limit_scale
        if is_thinned(m, flow, flow.thin_skey, k, scale, now_ns):
            run.idle_candidates += 1
            return
    if flow.per_half_tick > 0.0:
        gap = gap_x2(m, r, symbol_number(run, book), flow.seen_bid + flow.seen_ask, now_ns)
        side = leaning_side(flow, k, kind, side, gap)
    qty = qty_of(flow, k)
    if is_halted(m, r, book, now_ns):
        run.idle_candidates += 1
    elif kind == HIT:
        hit(m, r, book, side, qty, now_ns)
    else:
        price = flow.seen_ask - 1 - offset if side == BUY else flow.seen_bid + 1 + offset
        place(m, r, book, k, side, price, qty, due_ns, now_ns)


@kernel(inline=True)
def is_halted(m, r, book, now_ns):
    """Whether a book takes no orders now; a band that follows the trades is brought up to date."""
    run = m.runs[r]
    rules = m.rules[run.rules + book]
    if rules.bucket_ns > 0:
        follow_trades(m, r, book, now_ns)
    return m.venues[run.venues + venue_number(run, book)].halted != 0 or rules.halted != 0


@kernel
def act_model(m, r, book, k, word, due_ns, now_ns):
    """Let another model than Poisson decide what its candidate does, and carry it out."""
    run = m.runs[r]
    decision = call_decide(m, r, book, k, word, due_ns, now_ns)
    if decision == IDLE or is_halted(m, r, book, now_ns):
        run.idle_candidates += 1
        return
    model = m.models[run.models + book]
    if decision == HIT:
        hit(m, r, book, model.side, model.qty, now_ns)
    elif decision == PULL:
        pull(m, r, book, model.side, model.slot, now_ns)
    else:
        place(m, r, book, k, model.side, model.price, model.qty, due_ns, now_ns)


@kernel(inline=True)
def hit(m, r, book, side, qty, now_ns):
    """A market order of the flow, unless it would take all that the flow sees."""
    run = m.runs[r]
    h = run.books + book
    if m.book.books[h].phase == AUCTION_CALL:
        join_batch(m, r, book, side, qty, now_ns)
        return
    if takes_all(m, h, m.flows[run.flows + book], side ^ 1, qty):
        run.idle_candidates += 1
        return
    submit_plain(m.book, h, side, market_limit(m.book, h, side), qty, MARKET_IOC, HOLD_BIT, NIL, NIL)
    if m.entries[RECORD] != 0:
        record_order(m, r, book, T_NEW, NIL, side, MARKET, IOC, NIL, qty, NIL, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel(inline=True)
def place(m, r, book, k, side, price, qty, due_ns, now_ns):
    """A limit order of the flow, with its cancel clock where the model has clocks."""
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    price = on_tick(m, m.venues[run.venues + venue_number(run, book)], side, price)
    if price < 1 or price > PRICE_MAX or band_refuses(m, r, book, side, LIMIT, GTC, price):
        run.skipped_far += 1
        return
    h = run.books + book
    b = m.book.books[h]
    if b.free_head < 0 and b.used_slots == b.num_slots:
        run.flow_pool_full += 1
        return
    slot = submit_plain(m.book, h, side, price, qty, 0, HOLD_BIT if flow.clocks != 0 else 0, NIL, NIL)
    if flow.clocks != 0 and slot >= 0:
        m.longs[flow.births + slot] = k
        arm(m, r, book << CODE_SHIFT | slot, max(due_ns, now_ns))
    if m.entries[RECORD] != 0:
        record_order(m, r, book, T_NEW, NIL, side, LIMIT, GTC, price, qty, NIL, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel(inline=True)
def pull(m, r, book, side, slot, now_ns):
    """Cancel an order of the flow."""
    o = m.book.orders[m.book.books[m.runs[r].books + book].orders_base + slot]
    price, qty = int64(o.price), int64(o.leaves_qty)
    cancel_order(m.book, m.runs[r].books + book, slot)
    if m.entries[RECORD] != 0:
        record_withdrawn(m, r, book, T_CANCELED, slot, price, qty, 0, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel(inline=True)
def hear_new(m, r, book, trader, number, side, order_type, now_ns):
    """Tell a flow that hears of participants what a new order did: as a taker it is a market order, at rest a limit
    order, as a waiting stop nothing. Called before the consequences of the message are carried out.
    """
    if m.runs[r].flow_hears != 0:
        tell_new(m, r, book, trader, number, side, order_type, now_ns)


@kernel
def tell_new(m, r, book, trader, number, side, order_type, now_ns):
    """`hear_new` of a flow that hears."""
    run = m.runs[r]
    b = m.book.books[run.books + book]
    if b.filled_qty > 0:
        call_hear(m, r, book, trader, number, side, now_ns)
    elif b.slot >= 0 and order_type != STOP and order_type != STOP_LIMIT:
        call_hear(m, r, book, trader, number, 2 + side, now_ns)
    find_flow(m, r)


@kernel(inline=True)
def hear_cancel(m, r, book, trader, number, side, now_ns):
    """Tell a flow that hears of participants that an order of this side was cancelled or made smaller."""
    if m.runs[r].flow_hears != 0:
        tell_cancel(m, r, book, trader, number, side, now_ns)


@kernel
def tell_cancel(m, r, book, trader, number, side, now_ns):
    """`hear_cancel` of a flow that hears."""
    call_hear(m, r, book, trader, number, 4 + side, now_ns)
    find_flow(m, r)


@kernel
def act_cancel_tick(m, r, code, now_ns):
    """The cancel clock of a flow order has struck: cancel it, unless the tick is thinned or the order is the last of
    its side; then wait for the next.
    """
    run = m.runs[r]
    book, slot = code >> CODE_SHIFT, code & ((1 << CODE_SHIFT) - 1)
    h = run.books + book
    flow = m.flows[run.flows + book]
    o = m.book.orders[order_of(m, r, code)]
    if (o.bits & LIVE_BIT) == 0:  # filled long ago; its slot was kept for this moment
        release_slot(m.book, h, slot)
        return
    side = int64(o.bits) & 1
    refused = seen_orders(m, h, flow, side) <= 1
    if flow.thinned != 0 or flow.cancel_table >= 0:
        refused = refused or is_tick_thinned(m, h, flow, slot, side, int64(o.price), now_ns)
    if refused:
        run.idle_candidates += 1
        next_tick(m, r, code, now_ns)
        return
    pull(m, r, book, side, slot, now_ns)


@kernel
def is_tick_thinned(m, h, flow, slot, side, price, now_ns):
    """Whether the rate in force refuses a tick of a cancel clock: by the scale, the time of day, and the distance from
    the opposite best.
    """
    scale = flow.cancel_scale
    if flow.cancel_table >= 0:
        best = seen_best(m, h, flow, side ^ 1)
        if best == NO_ASK or best == NO_BID:
            best = flow.seen_ask if side == BUY else flow.seen_bid
        distance = best - price if side == BUY else price - best
        scale *= m.tables[flow.cancel_table + min(max(distance, 1), flow.num_cancel) - 1]
    return is_thinned(m, flow, flow.tick_skey, m.longs[flow.births + slot], scale, now_ns)


@kernel
def next_tick(m, r, code, now_ns):
    """Wind the cancel clock of a flow order up again, after a tick that was refused, from when that was due."""
    run = m.runs[r]
    book, slot = code >> CODE_SHIFT, code & ((1 << CODE_SHIFT) - 1)
    flow = m.flows[run.flows + book]
    born = m.longs[flow.births + slot] + (1 << TICK_SHIFT)
    m.longs[flow.births + slot] = born
    k, n = born & ((1 << TICK_SHIFT) - 1), born >> TICK_SHIFT
    due_ns = m.book.orders[order_of(m, r, code)].expiry_ns
    arm(m, r, code, max(due_ns + later_life_ns(flow, k, n), now_ns))
