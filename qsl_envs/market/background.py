"""Background flow at a venue: candidates and cancel clocks act on the book as they find it."""

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
    SELL,
)
from qsl_envs.engine.machine import market_limit
from qsl_envs.engine.plain import cancel_order, submit_plain
from qsl_envs.engine.pool import release_slot
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.flow.poisson import HIT, kind_of, later_life_ns, leaning_side, qty_of
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.bands import band_refuses, follow_trades, watch_limit
from qsl_envs.market.consequences import consequences
from qsl_envs.market.constants import CODE_SHIFT, RECORD, T_CANCELED, T_NEW
from qsl_envs.market.fundamental import gap_x2
from qsl_envs.market.recording import close_order, record_order, record_withdrawn
from qsl_envs.market.reports import report_dirty
from qsl_envs.market.rules import on_tick
from qsl_envs.market.tape import publish_level
from qsl_envs.market.wheel import arm, order_of

TICK_SHIFT = 44
"""Births are kept as `candidate number | refused ticks << TICK_SHIFT`."""


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
        if m.venues[run.venues + book // run.num_symbols].limit_state_ns > 0:
            watch_limit(m, r, book, now_ns)
        return
    consequences(m, r, book, side, NIL, NIL, now_ns)
    if m.entries[RECORD] != 0:
        close_order(m, r, book, now_ns)
    if run.dirty_head >= 0:
        report_dirty(m, r, book, now_ns)
    if m.venues[run.venues + book // run.num_symbols].limit_state_ns > 0:
        watch_limit(m, r, book, now_ns)


@kernel
def takes_all(m, h, side, qty):
    """Whether a market order of `qty` lots would leave nothing that is shown on a side of the book."""
    orders = m.book.sides[SIDES * h + side].num_orders
    if orders > qty:  # an order has a lot at least
        return False
    if orders <= 1:
        return True
    none = NO_BID if side == BUY else NO_ASK
    price = best_shown(m.book, h, side)
    while price != none:
        qty -= shown_qty(m.book, h, side, price)
        if qty < 0:
            return False
        price = next_shown(m.book, h, side, price)
    return True


@kernel
def join_batch(m, r, book, side, qty, now_ns):
    """A market order of the flow joins a batch auction; in another call it does nothing.

    It has no cancel clock and the auction ends it, so its slot is not held.
    """
    run = m.runs[r]
    b = m.book.books[run.books + book]
    full = b.free_head < 0 and b.used_slots == b.num_slots
    if m.venues[run.venues + book // run.num_symbols].batch_interval_ns == 0 or full:
        run.idle_candidates += 1
        return
    submit_plain(
        m.book, run.books + book, side, market_limit(m.book, run.books + book, side), qty, MARKET_IOC, 0, NIL, NIL
    )
    if m.entries[RECORD] != 0:
        record_order(m, r, book, T_NEW, NIL, side, MARKET, GTC, NIL, qty, NIL, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel
def act_candidate(m, r, book, k, word, life_ns, now_ns):
    """Thin candidate k of a book by the book itself, and let it act.

    Smith, Farmer, Gillemot and Krishnamurthy (2003): limit orders fall on the `ticks` prices beyond the opposite best;
    a market order that would take the last order of a side does nothing. During a call no market orders come, but in
    batch auctions they take part.
    """
    run = m.runs[r]
    h = run.books + book
    flow = m.flows[run.flows + book]
    venue = m.venues[run.venues + book // run.num_symbols]
    kind, side, offset = kind_of(flow, word)
    bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, SELL)
    if bid != NO_BID:
        flow.seen_bid = bid
    if ask != NO_ASK:
        flow.seen_ask = ask
    if flow.per_half_tick > 0.0:
        gap = gap_x2(m, r, book % run.num_symbols, flow.seen_bid + flow.seen_ask, now_ns)
        side = leaning_side(flow, k, kind, side, gap)
    qty = qty_of(flow, k)
    rules = m.rules[run.rules + book]
    if rules.bucket_ns > 0:
        follow_trades(m, r, book, now_ns)
    if venue.halted != 0 or rules.halted != 0:
        run.idle_candidates += 1
        return
    if kind == HIT:
        if m.book.books[h].phase == AUCTION_CALL:
            join_batch(m, r, book, side, qty, now_ns)
            return
        if takes_all(m, h, side ^ 1, qty):
            run.idle_candidates += 1
            return
        price = market_limit(m.book, h, side)
        submit_plain(m.book, h, side, price, qty, MARKET_IOC, HOLD_BIT, NIL, NIL)
        if m.entries[RECORD] != 0:
            record_order(m, r, book, T_NEW, NIL, side, MARKET, IOC, NIL, qty, NIL, NIL, NIL, NIL, now_ns)
        after_flow(m, r, book, side, now_ns)
        return
    price = flow.seen_ask - 1 - offset if side == BUY else flow.seen_bid + 1 + offset
    price = on_tick(m, venue, side, price)
    if price < 1 or price > PRICE_MAX or band_refuses(m, r, book, side, LIMIT, GTC, price):
        run.skipped_far += 1
        return
    b = m.book.books[h]
    if b.free_head < 0 and b.used_slots == b.num_slots:
        run.flow_pool_full += 1
        return
    submit_plain(m.book, h, side, price, qty, 0, HOLD_BIT, NIL, NIL)
    slot = int64(b.slot)
    if slot >= 0:
        m.longs[flow.births + slot] = k
        arm(m, r, book << CODE_SHIFT | slot, now_ns + life_ns)
    if m.entries[RECORD] != 0:
        record_order(m, r, book, T_NEW, NIL, side, LIMIT, GTC, price, qty, NIL, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel
def act_cancel_tick(m, r, code, now_ns):
    """The cancel clock of a flow order has struck: cancel it, unless it is the last of its side; then wait for the
    next.
    """
    run = m.runs[r]
    book, slot = code >> CODE_SHIFT, code & ((1 << CODE_SHIFT) - 1)
    h = run.books + book
    o = m.book.orders[order_of(m, r, code)]
    if (o.bits & LIVE_BIT) == 0:  # filled long ago; its slot was kept for this moment
        release_slot(m.book, h, slot)
        return
    side = int64(o.bits) & 1
    if m.book.sides[SIDES * h + side].num_orders <= 1:
        run.idle_candidates += 1
        next_tick(m, r, code, now_ns)
        return
    price, qty = int64(o.price), int64(o.leaves_qty)
    cancel_order(m.book, h, slot)
    if m.entries[RECORD] != 0:
        record_withdrawn(m, r, book, T_CANCELED, slot, price, qty, 0, NIL, NIL, NIL, now_ns)
    after_flow(m, r, book, side, now_ns)


@kernel
def next_tick(m, r, code, now_ns):
    """Wind the cancel clock of a flow order up again, after a tick that was refused."""
    run = m.runs[r]
    book, slot = code >> CODE_SHIFT, code & ((1 << CODE_SHIFT) - 1)
    flow = m.flows[run.flows + book]
    born = m.longs[flow.births + slot] + (1 << TICK_SHIFT)
    m.longs[flow.births + slot] = born
    k, n = born & ((1 << TICK_SHIFT) - 1), born >> TICK_SHIFT
    arm(m, r, code, now_ns + later_life_ns(flow, k, n))
