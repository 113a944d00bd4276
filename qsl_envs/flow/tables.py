"""Settings of a flow as kernels read them: numbers in FLOW and MODEL records, lists in one float64 table a market."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from qsl_envs.flow.config import FlowConfig, PoissonFlowConfig
from qsl_envs.flow.cst_config import CstFlowConfig
from qsl_envs.flow.hawkes_config import TYPES, HawkesFlowConfig
from qsl_envs.flow.kinds import AnyFlowConfig
from qsl_envs.flow.queue_reactive_config import QueueReactiveFlowConfig
from qsl_envs.flow.record import CST, HAWKES, POISSON, QUEUE_REACTIVE

NIL = -1
HALF_WORD = 2.0**32
MODELS = {
    PoissonFlowConfig: POISSON,
    CstFlowConfig: CST,
    HawkesFlowConfig: HAWKES,
    QueueReactiveFlowConfig: QUEUE_REACTIVE,
}


def thresholds(weights: Iterable[float], scale: float = HALF_WORD) -> list[float]:
    """Upper ends, in [0, scale], of the stretches that a uniform draw falls into by these weights."""
    cumulative = np.cumsum(list(weights))
    return [float(x) for x in scale * cumulative / cumulative[-1]]


class FlowTables:
    """The lists of one flow, one after another, and where each starts.

    Args:
        config: the flow of a market.
        max_orders: slots of a book's pool, among which some cancels choose.
    """

    def __init__(self, config: AnyFlowConfig, max_orders: int):
        self.config, self.values = config, [0.0]
        self.profile = self._add(x for step in config.profile for x in (float(step.at_ns), step.factor))
        self.profile_end = self.profile + 2 * len(config.profile)
        self.start = NIL if isinstance(config, PoissonFlowConfig) else self._add(config.start_means)
        self.limit = self.cancel = self.types = self.rates = self.family = NIL
        if isinstance(config, CstFlowConfig):
            self.limit = self._add(thresholds(config.limit_rates))
            self.cancel = self._add(rate / config.cancel_rate for rate in config.cancel_rates)
        elif isinstance(config, HawkesFlowConfig):
            self._add_hawkes(config)
        elif isinstance(config, QueueReactiveFlowConfig):
            self._add_queue_reactive(config, max_orders)

    def _add(self, values: Iterable[float]) -> int:
        at = len(self.values)
        self.values += [float(v) for v in values]
        return at

    def _add_hawkes(self, config: HawkesFlowConfig) -> None:
        self.limit = self._add(thresholds(config.distances))
        self.types = self._add(thresholds(config.base_rates, 1.0))
        n, delays = config.branching, 1e9 / np.array(config.decays)
        self.family = len(self.values)
        for j in range(len(TYPES)):
            children = n[:, j].sum()
            self._add([children, *(thresholds(n[:, j], 1.0) if children > 0 else [1.0] * len(TYPES)), *delays[:, j]])

    def _add_queue_reactive(self, config: QueueReactiveFlowConfig, max_orders: int) -> None:
        rows = [*config.limit_rates, *config.cancel_rates, config.market_rates]
        self.max_queue = max(len(row) for row in rows) - 1
        tops = [max(row) for row in rows]
        far = config.far_rate * max_orders / 2
        self.type_rate = sum(tops) + far
        self.types = self._add(thresholds([*tops, far]))
        self.rates = len(self.values)
        for row, top in zip(rows, tops):
            self._add(row[min(q, len(row) - 1)] / top for q in range(self.max_queue + 1))

    @property
    def array(self) -> np.ndarray:
        """All lists, float64."""
        return np.array(self.values, np.float64)

    @property
    def rate(self) -> float:
        """Candidates per second of one book at base rates."""
        if isinstance(self.config, HawkesFlowConfig):
            return float(sum(self.config.base_rates))
        if isinstance(self.config, QueueReactiveFlowConfig):
            return 2 * self.type_rate
        return self.config.total_rate

    def set_flow(self, flow) -> None:
        """Write the settings into a FLOW record; its keys are those of a world, set later."""
        config = self.config
        flow.active, flow.model = 1, MODELS[type(config)]
        flow.clocks, flow.blind = int(config.clocks), int(not config.reactive)
        flow.qty_low, flow.qty_high = config.qty_low, config.qty_high
        flow.mean_gap_ns = 1e9 / (self.rate * config.top)
        flow.thinned = int(config.top > 1 or len(config.profile) > 0)
        flow.inv_top, flow.profile_factor = 1 / config.top, 1.0
        flow.market_scale = flow.limit_scale = flow.cancel_scale = 1.0
        flow.profile_first, flow.profile_end = self.profile, self.profile_end
        flow.start_table, flow.cancel_table = self.start, self.cancel
        if isinstance(config, (PoissonFlowConfig, CstFlowConfig)):
            flow.mean_life_ns = 1e9 / (config.cancel_rate * config.top)
            flow.cut_market_buy = round(config.market_rate / self.rate * 2**32)
        if isinstance(config, CstFlowConfig):
            flow.num_cancel = len(config.cancel_rates)
        flow.cut_market = 2 * flow.cut_market_buy
        flow.cut_limit_buy = flow.cut_market + (2**32 - flow.cut_market) // 2
        flow.ticks = config.ticks if isinstance(config, PoissonFlowConfig) else len(config.start_means)
        if config.anchor is not None:
            flow.tilt, flow.limit_tilt = config.anchor.tilt, config.anchor.limit_tilt
            flow.per_half_tick = 0.5 / config.anchor.ticks

    def set_model(self, model, start_price: int, mirror: bool, max_pending: int) -> None:
        """Write what only this model has into a MODEL record."""
        config = self.config
        model.limit_table = self.limit
        if isinstance(config, CstFlowConfig):
            model.num_distances = len(config.limit_rates)
        elif isinstance(config, HawkesFlowConfig):
            model.num_distances, model.full_orders = len(config.distances), config.full_orders
            model.start_types, model.family, model.max_pending = self.types, self.family, max_pending
        elif isinstance(config, QueueReactiveFlowConfig):
            model.type_table, model.rate_table, model.max_queue = self.types, self.rates, self.max_queue
            model.unit_qty, model.reach, model.theta = config.unit_qty, config.reach, config.theta
            model.ref_x2 = model.refused_x2 = 2 * start_price + (-1 if mirror else 1)


def clock_rate(config: FlowConfig) -> float:
    """Ticks of orders' cancel clocks per second of one book, in the mean."""
    if isinstance(config, (PoissonFlowConfig, CstFlowConfig)):
        return config.cancel_rate * config.top * config.mean_orders
    return 1.0
