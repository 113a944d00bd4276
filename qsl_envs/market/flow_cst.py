"""What a candidate of the flow of Cont, Stoikov and Talreja (2010) does."""

from qsl_envs.engine.constants import BUY
from qsl_envs.flow.poisson import kind_of, leaning_side, qty_of
from qsl_envs.flow.record import HIT, IDLE
from qsl_envs.flow.thinning import is_thinned
from qsl_envs.kernel.draw import low_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.fundamental import gap_x2
from qsl_envs.market.sight import look


@kernel(inline=True)
def pick(m, table, at):
    """Place of the stretch that a uniform draw `at` falls into: the first threshold of a table above it."""
    n = 0
    while at >= m.tables[table + n]:
        n += 1
    return n


@kernel
def decide_cst(m, r, book, k, word, due_ns, now_ns):
    """Kind, side and distance from candidate k's word; a limit order stands that far from the opposite best."""
    run = m.runs[r]
    flow = m.flows[run.flows + book]
    model = m.models[run.models + book]
    kind, side, _ = kind_of(flow, word)
    look(m, run.books + book, flow)
    if flow.thinned != 0:
        scale = flow.market_scale if kind == HIT else flow.limit_scale
        if is_thinned(m, flow, flow.thin_skey, k, scale, now_ns):
            return IDLE
    if flow.per_half_tick > 0.0:
        gap = gap_x2(m, r, symbol_number(run, book), flow.seen_bid + flow.seen_ask, now_ns)
        side = leaning_side(flow, k, kind, side, gap)
    model.side, model.qty = side, qty_of(flow, k)
    distance = 1 + pick(m, model.limit_table, float(low_half(word)))
    model.price = flow.seen_ask - distance if side == BUY else flow.seen_bid + distance
    return kind
