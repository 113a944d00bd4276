"""Lively small markets, one for each kind of flow, which the tests of this folder share."""

from __future__ import annotations

from dataclasses import replace

from qsl_envs.flow.config import AnchorConfig, ProfileStep
from qsl_envs.flow.cst_config import CstFlowConfig
from qsl_envs.flow.hawkes_config import HawkesFlowConfig
from qsl_envs.flow.queue_reactive_config import QueueReactiveFlowConfig
from qsl_envs.market.config import MarketConfig, SymbolConfig
from qsl_envs.market.value_config import ValueConfig
from tests.market.worlds import FLOW, MS, SECOND, SIZE, START, small

ANCHOR = AnchorConfig(tilt=0.6, limit_tilt=0.2, ticks=4.0)
PROFILE = (ProfileStep(at_ns=100 * MS, factor=1.5), ProfileStep(at_ns=300 * MS, factor=0.4))


def faster(rows, by: float):
    """Rates, or tables of rates, `by` times as high."""
    return tuple(faster(row, by) if isinstance(row, tuple) else by * row for row in rows)


CST = CstFlowConfig(
    limit_rates=faster((1.85, 1.51, 1.09, 0.88, 0.77, 0.6, 0.5, 0.4), 16),
    market_rate=15.0,
    cancel_rates=faster((0.71, 0.81, 0.68, 0.56, 0.47), 8),
    qty_high=3,
)
HAWKES = HawkesFlowConfig(
    base_rates=faster(HawkesFlowConfig().base_rates, 8), jumps=faster(HawkesFlowConfig().jumps, 8),
    decays=faster(HawkesFlowConfig().decays, 8), full_orders=60, qty_high=4,
)  # fmt: skip
QUEUE_REACTIVE = QueueReactiveFlowConfig(
    limit_rates=faster(QueueReactiveFlowConfig().limit_rates, 8), market_rates=faster((0.0, 2.6, 2.2, 1.6, 1.0), 8),
    cancel_rates=faster(QueueReactiveFlowConfig().cancel_rates, 8), far_rate=0.5, qty_high=3,
)  # fmt: skip
FLOWS = {
    "poisson": FLOW,
    "poisson changing": replace(FLOW, anchor=ANCHOR, profile=PROFILE, headroom=1.3),
    "cst": CST,
    "cst changing": replace(CST, anchor=ANCHOR, profile=PROFILE),
    "hawkes": HAWKES,
    "hawkes changing": replace(HAWKES, anchor=ANCHOR, profile=PROFILE),
    "queue-reactive": QUEUE_REACTIVE,
    "queue-reactive changing": replace(QUEUE_REACTIVE, anchor=ANCHOR, profile=PROFILE),
    "poisson blind": replace(FLOW, reactive=False),
    "hawkes blind": replace(HAWKES, reactive=False),
    "queue-reactive blind": replace(QUEUE_REACTIVE, reactive=False),
}


def market_of(name: str, **changes) -> MarketConfig:
    """A market with one of the flows, its symbol's value wandering."""
    flow = FLOWS[name]
    value = ValueConfig(sigma=8.0, reversion=0.5)
    values = {"flow": flow, "symbols": (SymbolConfig(start_price=START, value=value),), "templates": 1,
              "size": replace(SIZE, max_orders=448), "burn_in_ns": SECOND // 2}  # fmt: skip
    return small(**{**values, **changes})


def next_candidate_ns(market, replica: int = 0) -> int:
    """When the next candidate of a replica's flow comes."""
    return int(market.arrays.runs[replica * market.stride].flow_next_ns)


def candidates_to_come(market, replica: int) -> list[set]:
    """What is drawn of each book's flow and still to come: of a Hawkes flow (time, key, type) of the children and the
    next immigrant; else the block in hand with its number.
    """
    run = market.arrays.runs[replica * market.stride]
    found = []
    for b in range(int(run.num_books)):
        flow = market.arrays.flows[run.flows + b]
        if flow.model != 2:
            block = np_block(market, flow)
            found.append({(int(flow.first + flow.at), int(flow.last_ns), *block)})
            continue
        model = market.arrays.models[run.models + b]
        heap = market.arrays.cal[model.pending : model.pending + int(model.num_pending)]
        children = {(int(c.t_ns), int(c.order), int(c.what)) for c in heap}
        assert len(children) == model.num_pending
        found.append(children | {("immigrant", int(model.immigrant), int(model.immigrant_ns))})
    return found


def np_block(market, flow) -> list[int]:
    """The candidates in hand of a flow that is drawn in blocks."""
    return [int(x) for x in market.arrays.longs[flow.block : flow.block + 96]]
