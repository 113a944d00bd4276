"""Hawkes flow: clusters of candidates, and what each of them does to the book.

Immigrants come from a Poisson clock; every event has children, a Poisson number of them, each after an exponential
time: this is the process with exponential kernels, exactly. An event's key is all its chance: whether the book lets it
act changes neither its children nor anybody else's. Orders of participants have children too, under keys made of their
sender and his own message number. Of an event's key K: words 0, 1, ... count its children; child c has key
`sub_key(K, c)`; words -1 to -4 are its type, the time it takes to come, its lots and its distance; from -5 down they
pick orders.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, LIVE_BIT
from qsl_envs.flow.poisson import leaning_side
from qsl_envs.flow.record import HIT, IDLE, PULL, REST
from qsl_envs.flow.thinning import is_thinned
from qsl_envs.kernel.draw import draw_below, draw_exp, draw_unit, sub_key
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.calendar import rise, sink_last
from qsl_envs.market.constants import E_PENDING
from qsl_envs.market.flow_cst import pick
from qsl_envs.market.fundamental import gap_x2
from qsl_envs.market.sight import is_flow, look, seen_orders

NUM_TYPES = 6
FAMILY_FLOATS = 1 + 2 * NUM_TYPES
"""Floats of a type in the table: children to expect, thresholds of their types, their mean delays."""
TYPE_WORD, DELAY_WORD, QTY_WORD, DISTANCE_WORD, PICK_WORD = -1, -2, -3, -4, -5
TRIES = 64
"""Slots that are drawn before a cancel goes on from the last one to the next that it may take."""


@kernel
def start_hawkes(m, r, book):
    """Begin the immigrants of a world now; children that are to come stay."""
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    model.immigrant = 0
    model.immigrant_ns = run.now_ns + int64(flow.mean_gap_ns * draw_exp(flow.clock_skey, 0) + 0.5)
    show_first(m, flow, model)
    return int64(1)


@kernel
def show_first(m, flow, model):
    """Put the time of the earliest candidate where the loop looks for it."""
    t = model.immigrant_ns
    if model.num_pending > 0 and m.cal[model.pending].t_ns < t:
        t = m.cal[model.pending].t_ns
    m.longs[flow.block] = t


@kernel
def add_child(m, r, model, t_ns, key, kind):
    """Enter a child to come; a full heap is an error that names its size."""
    n = model.num_pending
    if n == model.max_pending:
        m.runs[r].error = E_PENDING
        m.runs[r].error_need = n + 1
        return
    model.num_pending = n + 1
    rise(m, model.pending, n, t_ns, key, kind, 0)


@kernel
def have_children(m, r, model, key, kind, now_ns):
    """Draw the children of an event of this type that happens now."""
    family = model.family + FAMILY_FLOATS * kind
    expected = m.tables[family]
    if expected <= 0.0:
        return
    n = 0
    total = draw_exp(key, n)
    while total < expected:
        child = sub_key(key, n)
        child_kind = pick(m, family + 1, draw_unit(child, TYPE_WORD))
        delay = m.tables[family + 1 + NUM_TYPES + child_kind] * draw_exp(child, DELAY_WORD)
        add_child(m, r, model, now_ns + int64(delay + 0.5), child, child_kind)
        n += 1
        total += draw_exp(key, n)


@kernel
def take_hawkes(m, r, book):
    """Take the candidate that is due: its key and type are left in MODEL, its children are drawn, the next one shown.

    Returns 1; 0 for an immigrant that the rate in force refuses, which never was.
    """
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    now = m.longs[flow.block]
    born = int64(1)
    if model.immigrant_ns == now:
        key = sub_key(flow.word_skey, model.immigrant)
        kind = pick(m, model.start_types, draw_unit(key, TYPE_WORD))
        if flow.thinned != 0:
            scale = flow.market_scale if kind < 2 else flow.limit_scale if kind < 4 else flow.cancel_scale
            born = int64(0 if is_thinned(m, flow, flow.thin_skey, model.immigrant, scale, now) else 1)
        model.immigrant += 1
        model.immigrant_ns += int64(flow.mean_gap_ns * draw_exp(flow.clock_skey, model.immigrant) + 0.5)
    else:
        key, kind = m.cal[model.pending].order, int64(m.cal[model.pending].what)
        model.num_pending -= 1
        sink_last(m, model.pending, model.num_pending)
    if born != 0:
        have_children(m, r, model, key, kind, now)
    model.key, model.kind = key, kind
    show_first(m, flow, model)
    return born


@kernel
def hear_hawkes(m, r, book, trader, number, kind, now_ns):
    """A participant's message number `number` was an event of this type: it has children like any other."""
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    key = sub_key(sub_key(model.hear_skey, trader), number)
    have_children(m, r, model, key, kind ^ flow.mirror, now_ns)
    show_first(m, flow, model)
    return int64(1)


@kernel
def decide_hawkes(m, r, book, k, key, kind, now_ns):
    """What an event of this key and type does to the book."""
    run = m.runs[r]
    h = run.books + book
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    look(m, h, flow)
    side = (kind & 1) ^ flow.mirror
    if kind >= 4:
        return pull_any(m, h, flow, model, key, side)
    action = HIT if kind < 2 else REST
    if flow.per_half_tick > 0.0:
        gap = gap_x2(m, r, symbol_number(run, book), flow.seen_bid + flow.seen_ask, now_ns)
        side = leaning_side(flow, key, action, side, gap)
    model.side, model.qty = side, flow.qty_low
    if flow.qty_high > flow.qty_low:
        model.qty += draw_below(key, QTY_WORD, flow.qty_high - flow.qty_low + 1)
    distance = 1 + pick(m, model.limit_table, 4294967296.0 * draw_unit(key, DISTANCE_WORD))
    model.price = flow.seen_ask - distance if side == BUY else flow.seen_bid + distance
    return action


@kernel
def pull_any(m, h, flow, model, key, side):
    """Choose one of the flow's orders of a side, each as likely as the other; the fewer there are, the seldomer."""
    orders = seen_orders(m, h, flow, side)
    if orders <= 1 or draw_unit(key, PICK_WORD) * model.full_orders >= orders:
        return IDLE
    b = m.book.books[h]
    slot = int64(0)
    for n in range(1, TRIES + 1):
        slot = draw_below(key, PICK_WORD - n, int64(b.used_slots))
        if may_pull(m, h, slot, side):
            break
    for _ in range(b.used_slots):
        if may_pull(m, h, slot, side):
            model.side, model.slot = side, slot
            return PULL
        slot = slot + 1 if slot + 1 < b.used_slots else int64(0)
    return IDLE


@kernel(inline=True)
def may_pull(m, h, slot, side):
    """Whether a slot holds an order of the flow on this side."""
    bits = int64(m.book.orders[m.book.books[h].orders_base + slot].bits)
    return (bits & LIVE_BIT) != 0 and (bits & 1) == side and is_flow(m, h, slot)
