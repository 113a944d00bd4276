"""What a candidate of queue-reactive flow (Huang, Lehalle and Rosenbaum 2015) does.

Candidates of one clock come at the sum of the largest rates of all queues; a candidate's word says which queue and
which kind it is for, and the rate in force for that queue's length says whether it acts.
"""

from numpy import int64

from qsl_envs.engine.constants import BUY, LIVE_BIT, NIL, NO_ASK, NO_BID, SELL
from qsl_envs.engine.state import SIDES
from qsl_envs.flow.poisson import leaning_side, qty_of
from qsl_envs.flow.record import HIT, IDLE, PULL, REST
from qsl_envs.flow.thinning import follow_profile
from qsl_envs.kernel.draw import draw_below, draw_unit, high_half, low_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.flow_cst import pick
from qsl_envs.market.fundamental import gap_x2
from qsl_envs.market.sight import is_flow, look, pick_at, seen_best, seen_qty


@kernel
def move_reference(m, flow, model, k):
    """Let the reference price follow the mid: once for each place that the mid has gone to, with probability theta.

    The reference lies half a tick off the grid: at the mid of an odd spread, and beside that of an even one on the side
    on which it was.
    """
    mid_x2 = flow.seen_bid + flow.seen_ask
    target = mid_x2
    if (mid_x2 & 1) == 0:
        target = mid_x2 + 1 if model.ref_x2 > mid_x2 else mid_x2 - 1
    if target == model.ref_x2:
        model.refused_x2 = target
    elif target != model.refused_x2:
        model.refused_x2 = target
        if draw_unit(model.pick_skey, 2 * k + 1) < model.theta:
            model.ref_x2 = target


@kernel
def price_of(model, side, distance):
    """Price of the queue at `distance` (1 is the nearest) on a side of the reference."""
    return (model.ref_x2 + 1) // 2 - distance if side == BUY else (model.ref_x2 - 1) // 2 + distance


@kernel
def decide_queue_reactive(m, r, book, k, word, due_ns, now_ns):
    """Thin candidate k by the queue that it is for; a cancel picks one of the flow's orders by a draw."""
    run = m.runs[r]
    h = run.books + book
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    look(m, h, flow)
    move_reference(m, flow, model, k)
    which = pick(m, model.type_table, float(high_half(word)))
    low = low_half(word)
    side = (low & 1) ^ flow.mirror
    u = (low >> 1) * (1.0 / 2147483648.0)
    follow_profile(m, flow, now_ns)
    scale = flow.profile_factor * flow.inv_top
    if which > 2 * model.reach:
        return pull_far(m, h, model, k) if u < scale * flow.cancel_scale else IDLE
    kind = REST if which < model.reach else PULL if which < 2 * model.reach else HIT
    if flow.per_half_tick > 0.0 and kind != PULL:
        gap = gap_x2(m, r, symbol_number(run, book), flow.seen_bid + flow.seen_ask, now_ns)
        side = leaning_side(flow, k, kind, side, gap)
    model.side, model.qty = side, qty_of(flow, k)
    if kind == HIT:
        price = seen_best(m, h, flow, side ^ 1)
        if price == NO_ASK or price == NO_BID:
            return IDLE
        queue = seen_qty(m, h, flow, side ^ 1, price)
        scale *= flow.market_scale
    else:
        price = price_of(model, side, 1 + (which if kind == REST else which - model.reach))
        queue = seen_qty(m, h, flow, side, price) if price > 0 else 0
        scale *= flow.limit_scale if kind == REST else flow.cancel_scale
    units = min((queue + model.unit_qty - 1) // model.unit_qty, model.max_queue)
    if u >= scale * m.tables[model.rate_table + which * (model.max_queue + 1) + units]:
        return IDLE
    model.price = price
    if kind == PULL:
        return pull_at(m, h, model, k)
    return kind


@kernel
def pull_at(m, h, model, k):
    """Choose one of the flow's orders at the decided price and side."""
    count = pick_at(m, h, model.side, model.price, NIL)
    if count == 0 or m.book.sides[h * SIDES + model.side].num_orders <= 1:
        return IDLE
    model.slot = pick_at(m, h, model.side, model.price, draw_below(model.pick_skey, 2 * k, count))
    return PULL


@kernel
def pull_far(m, h, model, k):
    """Choose a slot of the pool; the order in it is cancelled if it is the flow's and lies beyond the last queue."""
    b = m.book.books[h]
    slot = draw_below(model.pick_skey, 2 * k, int64(b.num_slots))
    if slot >= b.used_slots:
        return IDLE
    o = m.book.orders[b.orders_base + slot]
    if (o.bits & LIVE_BIT) == 0 or not is_flow(m, h, slot):
        return IDLE
    side = SELL if (o.bits & 1) != 0 else BUY
    distance = 1 + (
        price_of(model, side, 1) - int64(o.price) if side == BUY else int64(o.price) - price_of(model, side, 1)
    )
    if 1 <= distance <= model.reach or m.book.sides[h * SIDES + side].num_orders <= 1:
        return IDLE
    model.side, model.slot = side, slot
    return PULL
