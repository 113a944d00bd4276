"""Limit up, limit down: a band around a reference that follows the trades, and what a limit state leads to.

The reference is the mean price of the trades of the last `band_window_ns`, kept in 16 buckets and looked at when a new
one begins; without a trade in the window it stays. The width goes by the reference (`band_tiers`). Orders that would
rest outside the band are refused; market orders, triggered stops, IOC and FOK trade up to the band.

A book whose best bid stands at the upper band, or whose best ask at the lower, is in a limit state. After
`limit_state_ns` of it without a break the book is halted, `limit_halt_ns` later a call gathers orders, `limit_call_ns`
later it is uncrossed, and the band begins anew at the last price.
"""

from numpy import int64

from qsl_envs.engine.constants import AUCTION_CALL, BUY, FOK, IOC, MARKET, NIL, NO_ASK, NO_BID, PRICE_MAX, SELL, STOP
from qsl_envs.engine.phase import start_call, uncross
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import best_shown
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import venue_number
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.consequences import consequences
from qsl_envs.market.constants import C_LIMIT, C_REGIME, CROSS, NEVER, RECORD, T_CALL, T_HALT, T_OPEN
from qsl_envs.market.recording import record_mark
from qsl_envs.market.reports import report_dirty
from qsl_envs.market.rules import BAND_BUCKETS
from qsl_envs.market.tape import reference_price

BAND = int(Reason.PRICE_OUTSIDE_BAND)
IOC_REST = int(Reason.IOC_REST)
MARKET_REST = int(Reason.MARKET_REST)
TRADING, HALTED, CALLED = 0, 1, 2


@kernel
def set_band(m, r, book, reference):
    """Put the band of a book around a reference price."""
    run = m.runs[r]
    rules = m.rules[run.rules + book]
    venue = m.venues[run.venues + venue_number(run, book)]
    width = venue.band_ticks
    for at in range(venue.bands_at, venue.bands_end, 2):
        if reference >= m.link_longs[at]:
            width = m.link_longs[at + 1]
    rules.reference = reference
    rules.low, rules.high = max(1, reference - width), min(PRICE_MAX, reference + width)
    b = m.book.books[run.books + book]
    b.market_low, b.market_high = rules.low, rules.high


@kernel
def follow_trades(m, r, book, now_ns):
    """Let the reference follow the trades of the window, when a new bucket begins; for books with a window."""
    rules = m.rules[m.runs[r].rules + book]
    bucket = now_ns // rules.bucket_ns
    if bucket == rules.bucket:
        return
    for n in range(max(rules.bucket, bucket - BAND_BUCKETS) + 1, bucket + 1):
        at = rules.ring + 2 * (n % BAND_BUCKETS)
        m.longs[at] = m.longs[at + 1] = 0
    rules.bucket = bucket
    total, trades = 0, 0
    for n in range(BAND_BUCKETS):
        total += m.longs[rules.ring + 2 * n]
        trades += m.longs[rules.ring + 2 * n + 1]
    if trades > 0:
        set_band(m, r, book, (2 * total + trades) // (2 * trades))


@kernel
def forget_trades(m, r, book):
    """Empty the window."""
    rules = m.rules[m.runs[r].rules + book]
    for n in range(2 * BAND_BUCKETS):
        m.longs[rules.ring + n] = 0


@kernel
def band_refuses(m, r, book, side, order_type, tif, price):
    """Whether an order would rest beyond the band: a buy above it, a sell below it."""
    rules = m.rules[m.runs[r].rules + book]
    if rules.high == 0 or price <= 0 or order_type == MARKET or order_type == STOP or tif == IOC or tif == FOK:
        return False
    return price > rules.high if side == BUY else price < rules.low


@kernel
def within_band(m, r, book, side, price):
    """Limit price of an order that trades on arrival or not at all: at most the band."""
    rules = m.rules[m.runs[r].rules + book]
    if rules.high == 0 or price <= 0:
        return price
    return min(price, rules.high) if side == BUY else max(price, rules.low)


@kernel
def stopped_by_band(m, r, book, side, price, reason):
    """Whether the rest of an order that traded up to `price` (NIL: market) was cancelled because of the band."""
    run = m.runs[r]
    rules = m.rules[run.rules + book]
    if rules.high == 0 or (reason != IOC_REST and reason != MARKET_REST):
        return False
    best = m.book.sides[SIDES * (run.books + book) + (side ^ 1)].best
    if best == NO_ASK or best == NO_BID:
        return False
    if side == BUY:
        return best > rules.high and (price <= 0 or price > rules.high)
    return best < rules.low and (price <= 0 or price < rules.low)


@kernel
def watch_limit(m, r, book, now_ns):
    """Note when a limit state begins and ends; after every message, at venues where one leads to a halt."""
    run = m.runs[r]
    rules = m.rules[run.rules + book]
    h = run.books + book
    if rules.high == 0 or rules.limit_step != TRADING or m.book.books[h].phase == AUCTION_CALL:
        return
    if run.close_ns == NEVER:  # while a template is made nothing is halted
        return
    bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, SELL)
    if bid < rules.high and ask > rules.low:
        rules.limit_since_ns = NEVER
    elif rules.limit_since_ns == NEVER:
        rules.limit_since_ns = now_ns
        if rules.limit_pending == 0:
            wait_limit(m, r, book, now_ns + m.venues[run.venues + venue_number(run, book)].limit_state_ns)


@kernel
def wait_limit(m, r, book, t_ns):
    """Look at a book's limit state at `t_ns`."""
    m.rules[m.runs[r].rules + book].limit_pending = 1
    push(m, r, t_ns, order_key(C_REGIME, 1, book), C_LIMIT, book)


@kernel
def act_limit(m, r, book, now_ns):
    """A limit state has lasted, or the halt that it led to, or the call after that."""
    run = m.runs[r]
    rules = m.rules[run.rules + book]
    venue = m.venues[run.venues + venue_number(run, book)]
    h = run.books + book
    rules.limit_pending = 0
    if rules.limit_step == TRADING:
        if rules.limit_since_ns == NEVER:
            return
        due = rules.limit_since_ns + venue.limit_state_ns
        if due > now_ns:
            wait_limit(m, r, book, due)
            return
        rules.limit_step, rules.halted = HALTED, 1
        told = T_HALT
        wait_limit(m, r, book, now_ns + venue.limit_halt_ns)
    elif rules.limit_step == HALTED:
        rules.limit_step, rules.halted = CALLED, 0
        told = T_CALL
        wait_limit(m, r, book, now_ns + venue.limit_call_ns)
    else:
        rules.limit_step, rules.limit_since_ns = TRADING, NEVER
        told = T_OPEN
    if m.entries[RECORD] != 0:
        record_mark(m, r, book, told, now_ns)
    if told == T_CALL and m.book.books[h].phase != AUCTION_CALL:
        start_call(m.book, h)
        consequences(m, r, book, CROSS, NIL, NIL, now_ns)
    elif told == T_OPEN and m.book.books[h].phase == AUCTION_CALL and venue.batch_interval_ns == 0:
        uncross(m.book, h, reference_price(m, r, book))
        consequences(m, r, book, CROSS, NIL, NIL, now_ns)
        if m.rules[run.rules + book].bucket_ns > 0:
            forget_trades(m, r, book)
        set_band(m, r, book, int64(reference_price(m, r, book)))
    if run.dirty_head >= 0:
        report_dirty(m, r, book, now_ns)


@kernel
def rewind_rules(m, r):
    """Make now time 0 for the bands of a replica: references stay, windows are empty."""
    run = m.runs[r]
    for book in range(run.num_books):
        rules = m.rules[run.rules + book]
        rules.bucket = 0
        if rules.bucket_ns > 0:
            forget_trades(m, r, book)
