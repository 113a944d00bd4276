"""What a market maker knows: from its feed and its reports straight into a row of observations."""

from numpy import int64

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.envs.fields import Field
from qsl_envs.envs.quoting import AGENT, BOOK
from qsl_envs.envs.state import HISTORY
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import K_LIVE, K_SENT
from qsl_envs.market.feed import hear, known_levels, undo

LONG_CHANGE = 10
"""Steps over which the longer change of the mid is taken."""
LOOK = 8
"""Levels looked at for others' best price, at least: own orders may stand alone on the first ones."""
DISTANCE_MAX, QTY_MAX = 10, 10
"""Bounds of distances and of lots, in units of tick_scale and qty_scale."""


def observation_fields(levels: int) -> tuple[Field, ...]:
    """The table of the observation, in the order in which `observe` writes it."""
    ticks, lots, orders = "`tick_scale` ticks", "`qty_scale` lots", "orders"
    feed, reports, own = "data feed", "reports", "own messages and reports"
    d, q = DISTANCE_MAX, QTY_MAX
    sides = []
    for name, away in (("bid", "below"), ("ask", "above")):
        sides += [
            Field(f"own_{name}_distance", -d, d, ticks, own, f"best own {name}, {away} the known mid; 0 without one"),
            Field(f"own_{name}_qty", 0, 4, "`max_quote_qty` lots", own, f"lots of own {name}s known to be open"),
            Field(f"own_{name}_in_flight", 0, 8, orders, own, f"new {name}s not yet acknowledged"),
            Field(f"own_{name}_pending", 0, 8, orders, own, f"{name}s with a change or cancel not yet answered"),
            Field(f"own_{name}_queue", 0, q, lots, feed, f"at most so many lots are in front of the best own {name}"),
        ]
    before = f"known mid now minus {LONG_CHANGE} steps ago, or as many as there were"
    return (
        Field("time_left", 0, 1, "of the session", "own clock", "time to the close"),
        Field("spread", 0, d, ticks, feed, "best ask - best bid of others; 0 when a side is empty"),
        Field("mid_change", -d, d, ticks, feed, "known mid now minus one step ago"),
        Field(f"mid_change_{LONG_CHANGE}", -d, d, ticks, feed, before),
        Field("imbalance", -1, 1, "share", feed, "(bid lots - ask lots) / both, at the best prices"),
        Field("depth_imbalance", -1, 1, "share", feed, "the same over all levels below"),
        Field("print_volume", -q, q, lots, feed, "lots bought minus lots sold by aggressors, heard in this step"),
        Field("feed_age", 0, 10, "`step_ns`", feed, "time since the newest record heard left the venue"),
        Field("feed_gaps", 0, 8, "gaps", feed, "gaps in the feed found in this step"),
        Field("report_gaps", 0, 8, "gaps", reports, "gaps in the reports found in this step"),
        Field("inventory", -1, 1, "of `max_inventory`", reports, "own inventory, from the fills heard"),
        Field("equity", -2, 2, "of `max_loss`", "reports and feed", "gain since the start, at the known mid"),
        *sides,
        Field("bid_distance", 0, d, ticks, feed, f"a level's, below the known mid; {d} without a level", levels),
        Field("bid_qty", 0, q, lots, feed, "lots shown there, own ones too; 0 without a level", levels),
        Field("ask_distance", 0, d, ticks, feed, f"a level's, above the known mid; {d} without a level", levels),
        Field("ask_qty", 0, q, lots, feed, "lots shown there, own ones too; 0 without a level", levels),
    )


@kernel(inline=True)
def put(obs, i, at, value, low, high):
    """Write one element, clipped to its bounds; returns the place of the next one."""
    obs[i, at] = min(max(value, low), high)
    return at + 1


@kernel(inline=True)
def money_to_ticks(run, money):
    """Money in ticks x lots, float64."""
    return money / run.fee_unit


@kernel
def own_known(m, r, side, price, heard_by_ns):
    """Lots of the agent's orders at a price that must be among what its feed has told: known live by then."""
    clients = m.runs[r].clients
    total = 0
    i = int64(m.traders[m.runs[r].traders + AGENT].client_head)
    while i >= 0:
        c = m.clients[clients + i]
        if c.state == K_LIVE and c.side == side and c.book == BOOK and c.price == price and c.ack_ns <= heard_by_ns:
            total += int64(c.leaves_qty)
        i = int64(c.next)
    return total


@kernel
def others_touch(m, r, side, at, count, heard_by_ns):
    """Best price of a side at which somebody else is known to show lots; NIL when nobody is.

    The known levels stand at m.scratch[at], as price and lots.
    """
    for n in range(count):
        price, qty = m.scratch[at + 2 * n], m.scratch[at + 2 * n + 1]
        if qty > own_known(m, r, side, price, heard_by_ns):
            return price
    return NIL


@kernel
def look(m, r, task, env):
    """Take up what has been heard of the book; returns (bid levels known, ask levels known).

    They stand in m.scratch from run.scratch + 4 * run.scratch_cap on, bids first, asks `2 * max(levels, LOOK)` later.
    """
    run = m.runs[r]
    now = run.now_ns
    v = run.views + m.conns[run.conns + AGENT * run.num_books + BOOK].feed
    hear(m, r, v, now)
    undone_bids, undone_asks = undo(m, r, m.views[v], now)
    at, levels = run.scratch + 4 * run.scratch_cap, max(task.levels, LOOK)
    bids = known_levels(m, r, v, BUY, levels, undone_bids, m.scratch, at)
    asks = known_levels(m, r, v, SELL, levels, undone_asks, m.scratch, at + 2 * levels)
    heard_by = now - task.feed_max_ns
    env.bid = others_touch(m, r, BUY, at, bids, heard_by)
    env.ask = others_touch(m, r, SELL, at + 2 * levels, asks, heard_by)
    if env.bid != NIL and env.ask != NIL:
        env.mid_x2 = env.bid + env.ask
    return bids, asks


@kernel
def known_equity(m, r, env):
    """Equity (money) by reports heard, at the known mid."""
    run = m.runs[r]
    held = m.conns[run.conns + AGENT * run.num_books + BOOK].known_position
    return m.traders[run.traders + AGENT].known_cash + held * env.mid_x2 * (run.fee_unit // 2)


@kernel
def observe(m, r, w, i, obs):
    """Write row `i` of the observations, float32 (env, element); returns how many elements that were."""
    run, task, env = m.runs[r], w.tasks[0], w.envs[i]
    now = run.now_ns
    bids, asks = look(m, r, task, env)
    levels = task.levels
    bid_at = run.scratch + 4 * run.scratch_cap
    ask_at = bid_at + 2 * max(levels, LOOK)
    conn = m.conns[run.conns + AGENT * run.num_books + BOOK]
    view, trader = m.views[run.views + conn.feed], m.traders[run.traders + AGENT]
    ticks, lots = task.tick_scale, task.qty_scale
    mid_x2, step = env.mid_x2, env.steps
    if step == 0:
        for k in range(HISTORY):
            w.mids[i, k] = mid_x2
    w.mids[i, step & (HISTORY - 1)] = mid_x2
    before = w.mids[i, (step - 1) & (HISTORY - 1)] if step > 0 else mid_x2
    long_before = w.mids[i, max(step - LONG_CHANGE, 0) & (HISTORY - 1)]
    bid_qty = m.scratch[bid_at + 1] if bids > 0 else 0
    ask_qty = m.scratch[ask_at + 1] if asks > 0 else 0
    bid_depth, ask_depth = depth(m, bid_at, min(bids, levels)), depth(m, ask_at, min(asks, levels))
    spread = env.ask - env.bid if env.bid != NIL and env.ask != NIL else 0
    gain = money_to_ticks(run, known_equity(m, r, env) - env.start_known_equity)
    net_prints = (view.volume_buy - env.volume_buy) - (view.volume_sell - env.volume_sell)

    at = put(obs, i, 0, (run.close_ns - now) / run.close_ns, 0.0, 1.0)
    at = put(obs, i, at, spread / ticks, 0.0, DISTANCE_MAX)
    at = put(obs, i, at, (mid_x2 - before) * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
    at = put(obs, i, at, (mid_x2 - long_before) * 0.5 / ticks, -DISTANCE_MAX, DISTANCE_MAX)
    at = put(obs, i, at, (bid_qty - ask_qty) / max(bid_qty + ask_qty, 1), -1.0, 1.0)
    at = put(obs, i, at, (bid_depth - ask_depth) / max(bid_depth + ask_depth, 1), -1.0, 1.0)
    at = put(obs, i, at, net_prints / lots, -QTY_MAX, QTY_MAX)
    at = put(obs, i, at, (now - view.heard_ts_ns) / task.step_ns, 0.0, 10.0)
    at = put(obs, i, at, view.gaps - env.feed_gaps, 0.0, 8.0)
    at = put(obs, i, at, trader.gaps_seen - env.report_gaps, 0.0, 8.0)
    at = put(obs, i, at, conn.known_position / task.max_inventory, -1.0, 1.0)
    at = put(obs, i, at, gain / money_to_ticks(run, task.max_loss), -2.0, 2.0)
    at = put_own(m, r, task, env, i, obs, at, BUY, bid_at, bids)
    at = put_own(m, r, task, env, i, obs, at, SELL, ask_at, asks)
    at = put_levels(m, task, mid_x2, i, obs, at, -1, bid_at, bids)
    at = put_levels(m, task, mid_x2, i, obs, at, 1, ask_at, asks)
    env.volume_buy, env.volume_sell = view.volume_buy, view.volume_sell
    env.feed_gaps, env.report_gaps = view.gaps, trader.gaps_seen
    return at


@kernel
def depth(m, at, count):
    """Lots over `count` known levels at m.scratch[at]."""
    total = 0
    for n in range(count):
        total += m.scratch[at + 2 * n + 1]
    return total


@kernel
def put_own(m, r, task, env, i, obs, at, side, levels_at, count):
    """Write what the agent knows of its own orders of a side: five elements."""
    run = m.runs[r]
    sign = 1 if side == BUY else -1
    open_qty, in_flight, pending, best, best_price = 0, 0, 0, NIL, 0
    k = int64(m.traders[run.traders + AGENT].client_head)
    while k >= 0:
        c = m.clients[run.clients + k]
        if c.side == side and c.book == BOOK:
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
        distance_x2 = sign * (env.mid_x2 - 2 * best_price)
        queue = queue_bound(m, r, task, env, side, best, levels_at, count)
    elif side == BUY:
        env.bid_tag = NIL
    else:
        env.ask_tag = NIL
    at = put(obs, i, at, distance_x2 * 0.5 / task.tick_scale, -DISTANCE_MAX, DISTANCE_MAX)
    at = put(obs, i, at, open_qty / task.max_quote_qty, 0.0, 4.0)
    at = put(obs, i, at, in_flight, 0.0, 8.0)
    at = put(obs, i, at, pending, 0.0, 8.0)
    return put(obs, i, at, queue / task.qty_scale, 0.0, QTY_MAX)


@kernel
def queue_bound(m, r, task, env, side, best, levels_at, count):
    """Upper bound of the lots in front of an own order: no more than others ever showed at its price since it stands.

    It counts from the first observation that is sure to include the order itself; before, what is known now is told.
    """
    run = m.runs[r]
    c = m.clients[run.clients + best]
    price = int64(c.price)
    heard_by = run.now_ns - task.feed_max_ns
    shown = QTY_MAX * int64(task.qty_scale) + 1  # deeper than the levels known
    for n in range(count):
        if m.scratch[levels_at + 2 * n] == price:
            shown = max(0, m.scratch[levels_at + 2 * n + 1] - own_known(m, r, side, price, heard_by))
    if c.ack_ns > heard_by:
        return shown
    tag = (price << 32) | (int64(c.serial) << 16) | best
    known_tag, known_bound = (env.bid_tag, env.bid_queue) if side == BUY else (env.ask_tag, env.ask_queue)
    if tag == known_tag:
        shown = min(shown, known_bound)
    if side == BUY:
        env.bid_tag, env.bid_queue = tag, shown
    else:
        env.ask_tag, env.ask_queue = tag, shown
    return shown


@kernel
def put_levels(m, task, mid_x2, i, obs, at, sign, levels_at, count):
    """Write distances, then lots, of the known levels of a side (sign -1: bids)."""
    levels = task.levels
    for n in range(levels):
        if n < count:
            distance = sign * (2 * m.scratch[levels_at + 2 * n] - mid_x2) * 0.5 / task.tick_scale
            put(obs, i, at + n, distance, 0.0, DISTANCE_MAX)
            put(obs, i, at + levels + n, m.scratch[levels_at + 2 * n + 1] / task.qty_scale, 0.0, QTY_MAX)
        else:
            obs[i, at + n] = DISTANCE_MAX
            obs[i, at + levels + n] = 0.0
    return at + 2 * levels
