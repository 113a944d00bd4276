"""What seats know: from their feeds and reports straight into their places among the observations."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.envs.blocks import DISTANCE_MAX, LONG_CHANGE, QTY_MAX
from qsl_envs.envs.own import (
    OWN_BEST,
    OWN_CELLS,
    OWN_HEARD,
    OWN_IN_FLIGHT,
    OWN_OPEN,
    OWN_PENDING,
    OWN_PRICE,
    others_touch,
    survey,
)
from qsl_envs.envs.places import desk_of, env_of, mids_of, seat_of
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
from qsl_envs.market.books import symbol_number
from qsl_envs.market.client import known_inventory
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.fundamental import value_at

LOOK = 8
"""Levels looked at for others' best price, at least: own orders may stand alone on the first ones."""


@kernel(inline=True)
def put(obs, at, value, low, high):
    """Write one element, clipped to its bounds; returns the place of the next one."""
    obs[at] = min(max(value, low), high)
    return at + 1


@kernel(inline=True)
def place_of(w, i, seat, role):
    """Where a seat's observation starts in the flat array."""
    return role.obs_base + (i * role.seats + seat.index) * role.width


@kernel
def observe(m, r, w, i, obs):
    """Write the observations of an env's seats, frames from the oldest, to their places in `obs` (flat float32).

    Seats that take no more part get zeros. Those who hear a book through one view share one look at it.
    """
    task = w.tasks[0]
    observe_books(m, r, w, i, obs)
    for s in range(task.num_seats):
        seat = w.seats[seat_of(w, i, s)]
        role = w.roles[seat.role]
        at = place_of(w, i, seat, role)
        if seat.alive == 0:
            for k in range(at, at + role.width):
                obs[k] = 0.0
            continue
        if w.envs[env_of(w, i)].steps == 0:
            seat.start_known_equity = known_equity(m, r, w, i, s)
        put_head(m, r, w, i, s, role, seat, obs, at + role.width - role.frame)
        if role.frames > 1:
            stack_frames(w, i, seat, role, obs, at)


@kernel
def stack_frames(w, i, seat, role, obs, at):
    """Put the older frames before the newest one, and keep all of them for the next step."""
    older = role.width - role.frame
    past = role.past_base + (i * role.seats + seat.index) * role.width
    begins = w.envs[env_of(w, i)].steps == 0
    for k in range(older):
        obs[at + k] = obs[at + older + k % role.frame] if begins else w.past[past + role.frame + k]
    for k in range(role.width):
        w.past[past + k] = obs[at + k]


@kernel
def observe_books(m, r, w, i, obs):
    """Write what the newest frames tell of the books: book after book, seat after seat.

    The known levels of the view in turn stand in m.scratch from run.scratch + 4 * run.scratch_cap on, bids first, asks
    `2 * TASK.look_levels` later. What one seat was told of them is copied to the next one who knows the same mid.
    """
    run, task = m.runs[r], w.tasks[0]
    bid_at = run.scratch + 4 * run.scratch_cap
    ask_at = bid_at + 2 * task.look_levels
    for book in range(run.num_books):
        last_view, last_role, told, told_mid_x2, bids, asks = NIL, NIL, NIL, 0, 0, 0
        for s in range(task.num_seats):
            seat = w.seats[seat_of(w, i, s)]
            if seat.alive == 0:
                continue
            v = run.views + m.conns[run.conns + s * run.num_books + book].feed
            if v != last_view:
                hear(m, r, v, run.now_ns)
                undone_bids, undone_asks = undo(m, r, m.views[v], run.now_ns)
                bids = known_levels(m, r, v, BUY, task.look_levels, undone_bids, m.scratch, bid_at)
                asks = known_levels(m, r, v, SELL, task.look_levels, undone_asks, m.scratch, ask_at)
            role = w.roles[seat.role]
            if v != last_view or seat.role != last_role:
                told = NIL
            last_view, last_role = v, seat.role
            known = max(role.levels, LOOK)
            start = place_of(w, i, seat, role) + role.width - role.frame + role.head + book * role.book
            at = observe_book(m, r, w, i, s, book, obs, start, v, bid_at, min(bids, known), ask_at, min(asks, known))
            if (role.blocks & TELL_LEVELS) == 0:
                continue
            mid_x2 = w.desks[desk_of(w, i, s, book)].mid_x2
            if told != NIL and mid_x2 == told_mid_x2:
                for k in range(4 * role.levels):
                    obs[at + k] = obs[told + k]
            else:
                put_levels(m, role, mid_x2, obs, at, -1, bid_at, bids)
                put_levels(m, role, mid_x2, obs, at + 2 * role.levels, 1, ask_at, asks)
            told, told_mid_x2 = at, mid_x2


@kernel
def observe_book(m, r, w, i, s, book, obs, at, v, bid_at, bids, ask_at, asks):
    """Take up what a seat knows of a book and write its part before the levels; returns the place after it.

    Args:
        v: the view that the seat hears the book through.
        bid_at, ask_at: where the known levels stand in m.scratch; bids, asks: how many of them it looks at.
    """
    run, task = m.runs[r], w.tasks[0]
    seat, desk, view = w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)], m.views[v]
    role = w.roles[seat.role]
    heard_by = run.now_ns - seat.feed_max_ns
    survey(m, r, s, book, heard_by, m.scratch[bid_at] if bids > 0 else NIL, m.scratch[ask_at] if asks > 0 else NIL)
    desk.bid = others_touch(m, r, s, book, BUY, bid_at, bids, heard_by)
    desk.ask = others_touch(m, r, s, book, SELL, ask_at, asks, heard_by)
    if desk.bid != NIL and desk.ask != NIL:
        desk.mid_x2 = desk.bid + desk.ask
    ticks, mid_x2, step = role.tick_scale, desk.mid_x2, w.envs[env_of(w, i)].steps
    mids = mids_of(w, i, s, book)
    if step == 0:
        for k in range(HISTORY):
            w.longs[mids + k] = mid_x2
    w.longs[mids + (step & (HISTORY - 1))] = mid_x2
    if (role.blocks & TELL_BOOK) != 0:
        before = w.longs[mids + ((step - 1) & (HISTORY - 1))] if step > 0 else mid_x2
        long_before = w.longs[mids + (max(step - LONG_CHANGE, 0) & (HISTORY - 1))]
        bid_qty = m.scratch[bid_at + 1] if bids > 0 else 0
        ask_qty = m.scratch[ask_at + 1] if asks > 0 else 0
        bid_depth, ask_depth = depth(m, bid_at, min(bids, role.levels)), depth(m, ask_at, min(asks, role.levels))
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
            gap = mid_x2 - w.desks[desk_of(w, i, s, symbol_number(run, book))].mid_x2
            at = put(obs, at, gap * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
    desk.volume_buy, desk.volume_sell, desk.feed_gaps = view.volume_buy, view.volume_sell, view.gaps
    if (role.blocks & TELL_OWN) != 0:
        at = put_own(m, r, w, i, s, book, obs, at, BUY, bid_at, bids)
        at = put_own(m, r, w, i, s, book, obs, at, SELL, ask_at, asks)
    return at


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
def put_head(m, r, w, i, s, role, seat, obs, at):
    """Write the part before the books: clock, account, parent order, signal."""
    run, task, env = m.runs[r], w.tasks[0], w.envs[env_of(w, i)]
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
def depth(m, at, count):
    """Lots over `count` known levels at m.scratch[at]."""
    total = 0
    for n in range(count):
        total += m.scratch[at + 2 * n + 1]
    return total


@kernel
def put_own(m, r, w, i, s, book, obs, at, side, levels_at, count):
    """Write what the seat knows of its own orders of a side of a book, as surveyed: five elements."""
    run, desk = m.runs[r], w.desks[desk_of(w, i, s, book)]
    role = w.roles[w.seats[seat_of(w, i, s)].role]
    own = run.scratch + OWN_CELLS * side
    best = m.scratch[own + OWN_BEST]
    queue = 0
    distance_x2 = 0
    if best != NIL:
        sign = 1 if side == BUY else -1
        distance_x2 = sign * (desk.mid_x2 - 2 * m.scratch[own + OWN_PRICE])
        queue = queue_bound(m, r, w, i, s, book, side, best, m.scratch[own + OWN_HEARD], levels_at, count)
    elif side == BUY:
        desk.bid_tag = NIL
    else:
        desk.ask_tag = NIL
    at = put(obs, at, distance_x2 * 0.5 / role.tick_scale, -DISTANCE_MAX, DISTANCE_MAX)
    at = put(obs, at, m.scratch[own + OWN_OPEN] / role.qty_scale, 0.0, 4.0)
    at = put(obs, at, m.scratch[own + OWN_IN_FLIGHT], 0.0, 8.0)
    at = put(obs, at, m.scratch[own + OWN_PENDING], 0.0, 8.0)
    return put(obs, at, queue / role.qty_scale, 0.0, QTY_MAX)


@kernel
def queue_bound(m, r, w, i, s, book, side, best, own_qty, levels_at, count):
    """Upper bound of the lots in front of an own order: no more than others ever showed at its price since it stands.

    It counts from the first observation that is sure to include the order itself; before, what is known now is told.
    `own_qty`: own lots that are sure to be among those known at the price.
    """
    run, seat, desk = m.runs[r], w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)]
    c = m.clients[run.clients + best]
    price = int64(c.price)
    shown = QTY_MAX * int64(w.roles[seat.role].qty_scale) + 1  # deeper than the levels known
    for n in range(count):
        if m.scratch[levels_at + 2 * n] == price:
            shown = max(0, m.scratch[levels_at + 2 * n + 1] - own_qty)
    if c.ack_ns > run.now_ns - seat.feed_max_ns:
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
