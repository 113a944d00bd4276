"""What a seat knows: from its feeds and its reports straight into its place among the observations."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.envs.act import desk_of, seat_of
from qsl_envs.envs.blocks import DISTANCE_MAX, LONG_CHANGE, QTY_MAX
from qsl_envs.envs.state import (
    HISTORY,
    TELL_ACCOUNT,
    TELL_BOOK,
    TELL_CLOCK,
    TELL_ELAPSED,
    TELL_LEVELS,
    TELL_OWN,
    TELL_PARENT,
    TELL_SIGNAL,
)
from qsl_envs.kernel.draw import SIGNAL, draw_normal, stream_key
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.client import known_inventory
from qsl_envs.market.constants import K_LIVE, K_SENT
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.fundamental import value_at

LOOK = 8
"""Levels looked at for others' best price, at least: own orders may stand alone on the first ones."""


@kernel(inline=True)
def put(obs, at, value, low, high):
    """Write one element, clipped to its bounds; returns the place of the next one."""
    obs[at] = min(max(value, low), high)
    return at + 1


@kernel
def own_known(m, r, s, book, side, price, heard_by_ns):
    """Lots of the seat's orders at a price that must be among what its feed has told: known live by then."""
    clients = m.runs[r].clients
    total = 0
    k = int64(m.traders[m.runs[r].traders + s].client_head)
    while k >= 0:
        c = m.clients[clients + k]
        if c.state == K_LIVE and c.side == side and c.book == book and c.price == price and c.ack_ns <= heard_by_ns:
            total += int64(c.leaves_qty)
        k = int64(c.next)
    return total


@kernel
def others_touch(m, r, s, book, side, at, count, heard_by_ns):
    """Best price of a side at which somebody else is known to show lots; NIL when nobody is.

    The known levels stand at m.scratch[at], as price and lots.
    """
    for n in range(count):
        price, qty = m.scratch[at + 2 * n], m.scratch[at + 2 * n + 1]
        if qty > own_known(m, r, s, book, side, price, heard_by_ns):
            return price
    return NIL


@kernel
def look(m, r, w, i, s, book):
    """Take up what a seat has heard of a book; returns (bid levels known, ask levels known).

    They stand in m.scratch from run.scratch + 4 * run.scratch_cap on, bids first, asks `2 * max(levels, LOOK)` later.
    """
    run, seat, desk = m.runs[r], w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)]
    now = run.now_ns
    v = run.views + m.conns[run.conns + s * run.num_books + book].feed
    hear(m, r, v, now)
    undone_bids, undone_asks = undo(m, r, m.views[v], now)
    at, levels = run.scratch + 4 * run.scratch_cap, max(w.roles[seat.role].levels, LOOK)
    bids = known_levels(m, r, v, BUY, levels, undone_bids, m.scratch, at)
    asks = known_levels(m, r, v, SELL, levels, undone_asks, m.scratch, at + 2 * levels)
    heard_by = now - seat.feed_max_ns
    desk.bid = others_touch(m, r, s, book, BUY, at, bids, heard_by)
    desk.ask = others_touch(m, r, s, book, SELL, at + 2 * levels, asks, heard_by)
    if desk.bid != NIL and desk.ask != NIL:
        desk.mid_x2 = desk.bid + desk.ask
    return bids, asks


@kernel
def known_equity(m, r, w, i, s):
    """Equity (money) by reports heard, at the known mids of the symbols' first venue."""
    run = m.runs[r]
    total = m.traders[run.traders + s].known_cash
    for symbol in range(run.num_symbols):
        held = known_inventory(m, r, s, symbol)
        if held != 0:
            total += held * w.desks[desk_of(w, i, s, symbol)].mid_x2 * (run.fee_unit // 2)
    return total


@kernel
def observe(m, r, w, i, s, obs):
    """Write a seat's observation, frames from the oldest, to its place in `obs` (flat float32)."""
    seat = w.seats[seat_of(w, i, s)]
    role = w.roles[seat.role]
    row = i * role.seats + seat.index
    at = role.obs_base + row * role.width
    older = role.width - role.frame
    observe_frame(m, r, w, i, s, obs, at + older)
    if role.frames == 1:
        return
    past = role.past_base + row * role.width
    begins = w.envs[i].steps == 0
    for k in range(older):
        obs[at + k] = obs[at + older + k % role.frame] if begins else w.past[past + role.frame + k]
    for k in range(role.width):
        w.past[past + k] = obs[at + k]


@kernel
def observe_frame(m, r, w, i, s, obs, start):
    """Write one frame: first the books, whose looks the head builds on."""
    run, seat = m.runs[r], w.seats[seat_of(w, i, s)]
    role = w.roles[seat.role]
    at = start + role.head
    for book in range(run.num_books):
        at = observe_book(m, r, w, i, s, book, obs, at)
    if w.envs[i].steps == 0:
        seat.start_known_equity = known_equity(m, r, w, i, s)
    put_head(m, r, w, i, s, role, seat, obs, start)


@kernel
def put_head(m, r, w, i, s, role, seat, obs, at):
    """Write the part before the books: clock, account, parent order, signal."""
    run, task, env = m.runs[r], w.tasks[0], w.envs[i]
    trader = m.traders[run.traders + s]
    if (role.blocks & TELL_CLOCK) != 0:
        at = put(obs, at, (run.close_ns - run.now_ns) / run.close_ns, 0.0, 1.0)
    if (role.blocks & TELL_ELAPSED) != 0:
        at = put(obs, at, env.elapsed_ns / task.step_ns, 0.0, 10.0)
    seat.known_inventory = known_inventory(m, r, s, 0)
    if (role.blocks & TELL_ACCOUNT) != 0:
        for symbol in range(run.num_symbols):
            held = known_inventory(m, r, s, symbol)
            at = put(obs, at, held / seat.max_inventory, -1.0, 1.0)
        gain = known_equity(m, r, w, i, s) - seat.start_known_equity
        at = put(obs, at, gain / role.max_loss, -2.0, 2.0)
        at = put(obs, at, trader.gaps_seen - seat.report_gaps, 0.0, 8.0)
    seat.report_gaps = trader.gaps_seen
    if (role.blocks & TELL_PARENT) != 0:
        desk = w.desks[desk_of(w, i, s, 0)]
        sign = 1 - 2 * seat.parent_side
        at = put(obs, at, sign, -1.0, 1.0)
        at = put(obs, at, -sign * known_inventory(m, r, s, 0) / role.parent_qty, -1.0, 1.0)
        distance = (desk.mid_x2 - desk.arrival_x2) * 0.5 / role.tick_scale
        at = put(obs, at, distance, -DISTANCE_MAX, DISTANCE_MAX)
    if (role.blocks & TELL_SIGNAL) != 0:
        for symbol in range(run.num_symbols):
            told = value_at(m, r, symbol, max(0, run.now_ns - role.signal_delay_ns))
            key = stream_key(run.world_key, SIGNAL, (s << 16) | symbol)
            told += role.signal_noise * draw_normal(key, env.steps)
            distance = told - w.desks[desk_of(w, i, s, symbol)].mid_x2 * 0.5
            at = put(obs, at, distance / role.tick_scale, -DISTANCE_MAX, DISTANCE_MAX)


@kernel
def observe_book(m, r, w, i, s, book, obs, at):
    """Look at a book and write its part of a frame; returns the place after it."""
    run, task = m.runs[r], w.tasks[0]
    seat, d = w.seats[seat_of(w, i, s)], desk_of(w, i, s, book)
    role, desk = w.roles[seat.role], w.desks[d]
    bids, asks = look(m, r, w, i, s, book)
    levels = role.levels
    bid_at = run.scratch + 4 * run.scratch_cap
    ask_at = bid_at + 2 * max(levels, LOOK)
    view = m.views[run.views + m.conns[run.conns + s * run.num_books + book].feed]
    ticks, mid_x2, step = role.tick_scale, desk.mid_x2, w.envs[i].steps
    mids = d * HISTORY
    if step == 0:
        for k in range(HISTORY):
            w.mids[mids + k] = mid_x2
    w.mids[mids + (step & (HISTORY - 1))] = mid_x2
    if (role.blocks & TELL_BOOK) != 0:
        before = w.mids[mids + ((step - 1) & (HISTORY - 1))] if step > 0 else mid_x2
        long_before = w.mids[mids + (max(step - LONG_CHANGE, 0) & (HISTORY - 1))]
        bid_qty = m.scratch[bid_at + 1] if bids > 0 else 0
        ask_qty = m.scratch[ask_at + 1] if asks > 0 else 0
        bid_depth, ask_depth = depth(m, bid_at, min(bids, levels)), depth(m, ask_at, min(asks, levels))
        spread = desk.ask - desk.bid if desk.bid != NIL and desk.ask != NIL else 0
        net_prints = (view.volume_buy - desk.volume_buy) - (view.volume_sell - desk.volume_sell)
        at = put(obs, at, spread / ticks, 0.0, DISTANCE_MAX)
        at = put(obs, at, (mid_x2 - before) * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
        at = put(obs, at, (mid_x2 - long_before) * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
        at = put(obs, at, (bid_qty - ask_qty) / max(bid_qty + ask_qty, 1), -1.0, 1.0)
        at = put(obs, at, (bid_depth - ask_depth) / max(bid_depth + ask_depth, 1), -1.0, 1.0)
        at = put(obs, at, net_prints / role.qty_scale, -QTY_MAX, QTY_MAX)
        at = put(obs, at, (run.now_ns - view.heard_ts_ns) / task.step_ns, 0.0, 10.0)
        at = put(obs, at, view.gaps - desk.feed_gaps, 0.0, 8.0)
        if run.num_venues > 1:
            gap = mid_x2 - w.desks[desk_of(w, i, s, book % run.num_symbols)].mid_x2
            at = put(obs, at, gap * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
    desk.volume_buy, desk.volume_sell, desk.feed_gaps = view.volume_buy, view.volume_sell, view.gaps
    if (role.blocks & TELL_OWN) != 0:
        at = put_own(m, r, w, i, s, book, obs, at, BUY, bid_at, bids)
        at = put_own(m, r, w, i, s, book, obs, at, SELL, ask_at, asks)
    if (role.blocks & TELL_LEVELS) != 0:
        at = put_levels(m, role, mid_x2, obs, at, -1, bid_at, bids)
        at = put_levels(m, role, mid_x2, obs, at, 1, ask_at, asks)
    return at


@kernel
def depth(m, at, count):
    """Lots over `count` known levels at m.scratch[at]."""
    total = 0
    for n in range(count):
        total += m.scratch[at + 2 * n + 1]
    return total


@kernel
def put_own(m, r, w, i, s, book, obs, at, side, levels_at, count):
    """Write what the seat knows of its own orders of a side of a book: five elements."""
    run, seat, desk = m.runs[r], w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)]
    role = w.roles[seat.role]
    sign = 1 if side == BUY else -1
    open_qty, in_flight, pending, best, best_price = 0, 0, 0, NIL, 0
    k = int64(m.traders[run.traders + s].client_head)
    while k >= 0:
        c = m.clients[run.clients + k]
        if c.side == side and c.book == book:
            if c.pending != 0:
                pending += 1
            if c.state == K_SENT:
                in_flight += 1
            else:
                open_qty += int64(c.leaves_qty)
                if best == NIL or sign * (int64(c.price) - best_price) >= 0:  # the oldest of equals
                    best, best_price = k, int64(c.price)
        k = int64(c.next)
    queue = 0
    distance_x2 = 0
    if best != NIL:
        distance_x2 = sign * (desk.mid_x2 - 2 * best_price)
        queue = queue_bound(m, r, w, i, s, book, side, best, levels_at, count)
    elif side == BUY:
        desk.bid_tag = NIL
    else:
        desk.ask_tag = NIL
    at = put(obs, at, distance_x2 * 0.5 / role.tick_scale, -DISTANCE_MAX, DISTANCE_MAX)
    at = put(obs, at, open_qty / role.qty_scale, 0.0, 4.0)
    at = put(obs, at, in_flight, 0.0, 8.0)
    at = put(obs, at, pending, 0.0, 8.0)
    return put(obs, at, queue / role.qty_scale, 0.0, QTY_MAX)


@kernel
def queue_bound(m, r, w, i, s, book, side, best, levels_at, count):
    """Upper bound of the lots in front of an own order: no more than others ever showed at its price since it stands.

    It counts from the first observation that is sure to include the order itself; before, what is known now is told.
    """
    run, seat, desk = m.runs[r], w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)]
    c = m.clients[run.clients + best]
    price = int64(c.price)
    heard_by = run.now_ns - seat.feed_max_ns
    shown = QTY_MAX * int64(w.roles[seat.role].qty_scale) + 1  # deeper than the levels known
    for n in range(count):
        if m.scratch[levels_at + 2 * n] == price:
            shown = max(0, m.scratch[levels_at + 2 * n + 1] - own_known(m, r, s, book, side, price, heard_by))
    if c.ack_ns > heard_by:
        return shown
    tag = (price << 32) | (int64(c.serial) << 16) | best
    known_tag, known_bound = (desk.bid_tag, desk.bid_queue) if side == BUY else (desk.ask_tag, desk.ask_queue)
    if tag == known_tag:
        shown = min(shown, known_bound)
    if side == BUY:
        desk.bid_tag, desk.bid_queue = tag, shown
    else:
        desk.ask_tag, desk.ask_queue = tag, shown
    return shown


@kernel
def put_levels(m, role, mid_x2, obs, at, sign, levels_at, count):
    """Write distances, then lots, of the known levels of a side (sign -1: bids)."""
    levels = role.levels
    for n in range(levels):
        if n < count:
            distance = sign * (2 * m.scratch[levels_at + 2 * n] - mid_x2) * 0.5 / role.tick_scale
            put(obs, at + n, distance, 0.0, DISTANCE_MAX)
            put(obs, at + levels + n, m.scratch[levels_at + 2 * n + 1] / role.qty_scale, 0.0, QTY_MAX)
        else:
            obs[at + n] = DISTANCE_MAX
            obs[at + levels + n] = 0.0
    return at + 2 * levels
