"""Worlds: keys of one episode, warm books, and the reset that puts an episode on a warm book."""

from numpy import int64

from qsl_envs.engine.constants import BUY, HOLD_BIT, NIL
from qsl_envs.engine.plain import rest_plain
from qsl_envs.flow.poisson import refill
from qsl_envs.flow.record import HAWKES
from qsl_envs.flow.thinning import start_profile
from qsl_envs.kernel.draw import (
    CANCEL,
    CLOCK,
    FLOW,
    JITTER,
    ORDER,
    SIZE,
    TEMPLATE,
    WARMUP,
    draw_below,
    draw_bits,
    exp_from_bits,
    stream_key,
    unit_from_bits,
)
from qsl_envs.kernel.draw import (
    HAWKES as CHILDREN,
)
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.background import find_flow
from qsl_envs.market.bands import rewind_rules
from qsl_envs.market.books import venue_number
from qsl_envs.market.change import BURN_IN_NS, draw_member, enter_changes
from qsl_envs.market.constants import CODE_SHIFT, L_CANDIDATE, NEVER, RECORD
from qsl_envs.market.crowd import set_crowd
from qsl_envs.market.day import skip_day
from qsl_envs.market.entries import call_advance, call_start
from qsl_envs.market.fundamental import rewind_values, start_values
from qsl_envs.market.layout import copy_row
from qsl_envs.market.marks import mark
from qsl_envs.market.node import watch_risk
from qsl_envs.market.phase import enter_schedule
from qsl_envs.market.recording import record_standing
from qsl_envs.market.service import LINE_LONGS
from qsl_envs.market.wheel import arm, order_of

UP, DOWN, FEED = 0, 1, 2
LEAN, THIN, PICK = 1 << 32, 2 << 32, 3 << 32
"""Added to a book's number: streams of draws that turn its candidates' sides, thin them, choose orders for them."""
TEMPLATE_BIRTH = 1 << 43
"""Added to the candidate numbers of a template's orders, so that their later clocks share no draw with the
episode's.
"""


@kernel
def set_world(m, r, world_key):
    """Give a replica a world: every stream key that its flows, lines and feeds draw from; draw the first candidates."""
    run = m.runs[r]
    run.world_key = world_key
    start_values(m, r)
    for b in range(run.num_books):
        flow = m.flows[run.flows + b]
        if flow.active != 0:
            flow.clock_skey = stream_key(world_key, CLOCK, b)
            flow.word_skey = stream_key(world_key, FLOW, b)
            flow.life_skey = stream_key(world_key, CANCEL, b)
            flow.size_skey = stream_key(world_key, SIZE, b)
            flow.lean_skey = stream_key(world_key, FLOW, b | LEAN)
            flow.thin_skey = stream_key(world_key, FLOW, b | THIN)
            flow.tick_skey = stream_key(world_key, CANCEL, b | THIN)
            flow.last_ns = run.now_ns
            start_profile(m, flow, run.now_ns)
            if run.num_models > 0:
                m.models[run.models + b].pick_skey = stream_key(world_key, FLOW, b | PICK)
                m.models[run.models + b].hear_skey = stream_key(world_key, CHILDREN, b)
            if flow.model == HAWKES:
                call_start(m, r, b)
            else:
                refill(flow, m.longs, 0)
    find_flow(m, r)
    for p in range(run.num_traders):
        for b in range(run.num_books):
            conn = m.conns[run.conns + p * run.num_books + b]
            line = (p * run.num_books + b) << 2
            conn.up_skey = stream_key(world_key, JITTER, line | UP)
            conn.down_skey = stream_key(world_key, JITTER, line | DOWN)
            conn.order_skey = stream_key(world_key, ORDER, venue_number(run, b) << 32 | p)
    for v in range(run.num_views):
        m.views[run.views + v].skey = stream_key(world_key, JITTER, v << 2 | FEED)


@kernel
def build_book(m, r, book):
    """Put the first orders into an empty book: on each of `ticks` prices a side, a Poisson number with the mean of the
    stationary flow (of other models a guess at it), each with the life that is left to it, if lives are drawn
    (exponential, so any life is as good as a fresh one)."""
    run = m.runs[r]
    h = run.books + book
    flow = m.flows[run.flows + book]
    skey = stream_key(run.world_key, WARMUP, book)
    births = flow.mean_life_ns / flow.mean_gap_ns  # candidates within a mean life
    mean = births * (flow.cut_limit_buy - flow.cut_market) / 4294967296.0 / flow.ticks
    hold = HOLD_BIT if flow.clocks != 0 else 0
    n = 0
    for turn in range(2):
        side = turn ^ flow.mirror
        for offset in range(flow.ticks):
            price = flow.seen_bid - offset if side == BUY else flow.seen_ask + offset
            if flow.start_table >= 0:
                mean = m.tables[flow.start_table + offset]
            total = exp_from_bits(draw_bits(skey, n))
            n += 1
            while (total < mean or (offset == 0 and m.book.books[h].used_slots < turn + 1)) and price >= 1:
                total += exp_from_bits(draw_bits(skey, n))
                life = int64(flow.mean_life_ns * exp_from_bits(draw_bits(skey, n + 1))) + 1
                qty = flow.qty_low + draw_below(skey, n + 2, flow.qty_high - flow.qty_low + 1)
                n += 3
                slot = rest_plain(m.book, h, side, price, qty, hold, NIL, NIL)
                if slot < 0:
                    return
                if hold == 0:
                    continue
                m.longs[flow.births + slot] = n
                arm(m, r, book << CODE_SHIFT | slot, run.now_ns + life)


@kernel
def make_template(m, r, world_key, burn_in_ns):
    """Turn an initialised row into a warm template: build its books, let the flow run, set the clock back to 0.

    Returns RUN.stop of the burn-in.
    """
    run = m.runs[r]
    set_world(m, r, world_key)
    for b in range(run.num_books):
        if m.flows[run.flows + b].active != 0:
            m.flows[run.flows + b].profile_next_ns = NEVER  # the burn-in is at the rates of the start
            build_book(m, r, b)
    close, keeps_tops = run.close_ns, run.keeps_tops
    run.close_ns, run.keeps_tops = NEVER, 0  # nobody listens yet
    stop = call_advance(m, r, burn_in_ns)
    run.close_ns, run.keeps_tops = close, keeps_tops
    rewind(m, r)
    return stop


@kernel
def rewind(m, r):
    """Make a replica's present its time 0: clocks of flow orders, tapes and counters begin anew."""
    run = m.runs[r]
    now = run.now_ns
    # the wheel is emptied into a chain through the orders' own links, then filled again at the new times
    chain = NIL
    for bucket in range(run.wheel_mask + 1):
        code = int64(m.book.ints[run.wheel + bucket])
        m.book.ints[run.wheel + bucket] = NIL
        while code >= 0:
            o = m.book.orders[order_of(m, r, code)]
            following = int64(o.ext)
            o.ext = chain
            chain = code
            code = following
    for w in range((run.wheel_mask + 1) >> 6):
        m.book.words[run.wheel_words + w] = 0
    run.wheel_next_ns, run.wheel_code = NEVER, NIL
    while chain >= 0:
        o = m.book.orders[order_of(m, r, chain)]
        following = int64(o.ext)
        arm(m, r, chain, o.expiry_ns - now)
        chain = following
    for n in range(run.cal_size):  # the order of entries stays
        m.cal[run.cal + n].t_ns -= now
    for v in range(run.num_venues):
        venue = m.venues[run.venues + v]
        venue.busy_ns = max(0, venue.busy_ns - now)
        venue.waited_ns = venue.num_waited = venue.refused = venue.peak_line = venue.lost_in_outage = 0
        for n in range(venue.line_size):
            at = venue.line_base + LINE_LONGS * ((venue.line_head + n) % venue.line_max)
            if m.longs[at] == L_CANDIDATE:
                m.longs[at + 2] += TEMPLATE_BIRTH
                if m.flows[run.flows + m.longs[at + 1]].clocks != 0:
                    m.longs[at + 4] -= now
    rewind_values(m, r)
    rewind_rules(m, r)
    run.now_ns = 0
    run.served = run.served_flow = run.idle_candidates = run.gateway_refused = run.flow_pool_full = run.skipped_far = 0
    run.cal_peak, run.msgs_peak = run.cal_size, run.msgs_used
    for b in range(run.num_books):
        tape = m.tapes[run.tapes + b]
        tape.head = tape.floor = tape.seq = tape.last_ts_ns = 0
        flow = m.flows[run.flows + b]
        if flow.model == HAWKES:
            model = m.models[run.models + b]
            for n in range(model.num_pending):  # their order stays
                m.cal[model.pending + n].t_ns -= now
        for slot in range(run.max_slots):
            m.longs[flow.births + slot] = TEMPLATE_BIRTH + slot
        flow.trades = flow.traded_qty = flow.volume = flow.volume_before = flow.window_start_ns = 0
    for v in range(run.num_views):
        view = m.views[run.views + v]
        view.cursor = view.tail = view.last_arrival_ns = view.heard_ts_ns = view.heard_seq = 0
        view.recover_ns = NEVER
        view.gaps = view.unseen = view.lost = view.last_print = view.volume_buy = view.volume_sell = view.prints = 0


@kernel
def warm_up(m, r, world_key):
    """Let the flow run under the settings that were drawn, before anybody joins; its draws are no episode's."""
    run = m.runs[r]
    set_world(m, r, stream_key(world_key, TEMPLATE, 1))
    close = run.close_ns
    run.close_ns = NEVER
    call_advance(m, r, m.changes[BURN_IN_NS])
    run.close_ns = close
    rewind(m, r)


@kernel
def reset_row(m, row_longs, run_stride, first_template, num_templates, target, world_key):
    """Start an episode in row `target`: a warm template, chosen by a draw, becomes the world of `world_key`."""
    k = draw_below(stream_key(world_key, TEMPLATE, 0), 0, num_templates)
    r = target * run_stride
    scratch, scratch_cap = m.runs[r].scratch, m.runs[r].scratch_cap  # the thread's, which a warm-up needs
    copy_row(m, row_longs, first_template + k, target)
    m.runs[r].scratch, m.runs[r].scratch_cap = scratch, scratch_cap
    draw_member(m, r, world_key)
    if m.changes[BURN_IN_NS] > 0:
        warm_up(m, r, world_key)
    set_world(m, r, world_key)
    set_marks(m, r)
    set_clocks(m, r)
    set_crowd(m, r)
    if m.entries[RECORD] != 0:
        record_standing(m, r, m.runs[r].now_ns)


@kernel
def reset_day_row(
    m, row_longs, run_stride, first_template, num_templates, target, world_key, first_ns, last_ns, start_ns
):
    """Start an episode on the recorded day in row `target`, at `start_ns` of the day's clock or, when that is NIL, at a
    time drawn evenly from first_ns .. last_ns: the latest template before it, and the events from there on, unheard."""
    at = start_ns
    if at == NIL:
        key = stream_key(world_key, TEMPLATE, 0)
        at = first_ns + int64((last_ns - first_ns + 1) * unit_from_bits(draw_bits(key, 0)))
    k = 0
    while k + 1 < num_templates and m.runs[(first_template + k + 1) * run_stride].day_shift_ns <= at:
        k += 1
    copy_row(m, row_longs, first_template + k, target)
    r = target * run_stride
    skip_day(m, r, at)
    draw_member(m, r, world_key)
    set_world(m, r, world_key)
    set_marks(m, r)
    set_clocks(m, r)
    set_crowd(m, r)
    if m.entries[RECORD] != 0:
        record_standing(m, r, m.runs[r].now_ns)


@kernel
def set_marks(m, r):
    """First marks of an episode: the mids of the warm books; participants know them, and their equity by them."""
    run = m.runs[r]
    for p in range(run.num_traders):
        trader = m.traders[run.traders + p]
        trader.peak_known = trader.known_cash
        for s in range(run.num_symbols):
            mark(m, r, p, s)
            a = m.accounts[run.accounts + p * run.num_symbols + s]
            if a.initial_inventory != 0:
                a.basis = a.initial_basis = a.inventory * a.mark_x2 * (run.fee_unit // 2)
            m.conns[run.conns + p * run.num_books + s].last_mid_x2 = a.mark_x2
            trader.peak_known += a.inventory * a.mark_x2 * (run.fee_unit // 2)


@kernel
def set_clocks(m, r):
    """Enter into the calendar what is known to come: phase changes of venues, looks at drawdowns."""
    run = m.runs[r]
    for v in range(run.num_venues):
        venue = m.venues[run.venues + v]
        venue.out_from_ns = venue.out_to_ns = 0  # the first message looks for the first outage
    enter_schedule(m, r)
    enter_changes(m, r)
    for p in range(run.num_traders):
        watch_risk(m, r, p, run.now_ns)
