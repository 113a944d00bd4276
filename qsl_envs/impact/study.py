"""Impact on paired worlds: the same world with and without an agent's order, which is sliced evenly over its duration.

A world and its twin have the same flow candidates, so what parts their mids is the order alone: what it took, and what
the flow made of that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import require
from qsl_envs.flow.kinds import FLOWS, AnyFlowConfig
from qsl_envs.market.config import MarketConfig, ParticipantConfig, RiskConfig, SizeConfig, SymbolConfig, VenueConfig
from qsl_envs.market.market import Market
from qsl_envs.network.config import LinkConfig

SECOND = 1_000_000_000
POINTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Times at which the mids are compared, in durations of the order; 1 is its end."""
END = POINTS.index(1.0)
START_PRICE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactStudy:
    """What to measure: every size with every duration, each in the same `worlds`."""

    model: str = "poisson"
    """kind of the flow"""
    sizes: tuple[int, ...] = (2, 4, 8, 16, 32)
    """lots of the order"""
    durations_s: tuple[float, ...] = (2.0, 8.0, 32.0)
    """over which it is sliced into orders of one lot"""
    worlds: int = 64
    seed: int = 0
    reactive: bool = True
    """False: the flow does not see the agent's orders"""

    def __post_init__(self) -> None:
        require(self.model in FLOWS, self, "model", f"one of {', '.join(FLOWS)}", self.model)
        rising = len(self.sizes) >= 2 and all(a < b for a, b in zip(self.sizes, self.sizes[1:]))
        require(rising and self.sizes[0] >= 1 and self.sizes[-1] <= 10_000, self, "sizes",
                "two or more lots in [1, 10_000], rising", self.sizes)  # fmt: skip
        fine = len(self.durations_s) >= 1 and all(0.001 <= t <= 3_600 for t in self.durations_s)
        require(fine, self, "durations_s", "in [0.001, 3600] s", self.durations_s)
        require(2 <= self.worlds <= 100_000, self, "worlds", "in [2, 100_000]", self.worlds)
        require(0 <= self.seed < 2**62, self, "seed", "in [0, 2**62)", self.seed)

    @property
    def flow(self) -> AnyFlowConfig:
        """The flow, with its defaults."""
        return FLOWS[self.model](reactive=self.reactive)

    @property
    def market(self) -> MarketConfig:
        """One book without fees, and an agent without latency or limits that matter."""
        line = LinkConfig(latency_ns=0)
        agent = ParticipantConfig(
            order_link=line, report_link=line, feed_link=line, risk=RiskConfig(max_inventory=100_000)
        )
        return MarketConfig(
            venues=(VenueConfig(maker_fee_bps=0.0, taker_fee_bps=0.0),),
            symbols=(SymbolConfig(start_price=START_PRICE),),
            participants=(agent,),
            flow=self.flow,
            templates=16,
            session_ns=int(4 * max(self.durations_s) * SECOND) + SECOND,
            size=SizeConfig(max_orders=1024, window_ticks=1024, tape=2048),
        )


@dataclass(frozen=True, slots=True)
class ImpactData:
    """What was measured.

    | field    | shape                                  | meaning                                                    |
    | -------- | -------------------------------------- | ---------------------------------------------------------- |
    | `moves`  | float64 (duration, size, world, point) | mid with the order less mid without, ticks, its direction  |
    | `filled` | float64 (duration, size)               | share of the order's lots that was filled, mean            |
    """

    study: ImpactStudy
    moves: np.ndarray
    filled: np.ndarray


def measure(study: ImpactStudy) -> ImpactData:
    """Run every size and duration, buys in even worlds and sells in odd ones."""
    market = Market(study.market, study.worlds, split="evaluation")
    sides = np.arange(study.worlds) & 1
    signs = 1 - 2 * sides
    moves = np.zeros((len(study.durations_s), len(study.sizes), study.worlds, len(POINTS)))
    filled = np.zeros(moves.shape[:2])
    for d, seconds in enumerate(study.durations_s):
        alone, _ = _run(market, study, seconds, 0, sides)
        for s, size in enumerate(study.sizes):
            mids, lots = _run(market, study, seconds, size, sides)
            moves[d, s] = signs[:, None] * (mids - alone)
            filled[d, s] = np.abs(lots).mean() / size
    return ImpactData(study, moves, filled)


def _run(market: Market, study: ImpactStudy, seconds: float, size: int, sides: np.ndarray):
    """One pass through all worlds with an order of `size` lots (0: none): mids (world, point), and lots held."""
    market.reseed(study.seed)
    market.reset()
    duration = int(seconds * SECOND)
    slices = [duration * n // size for n in range(size)]
    looks = [int(point * duration) for point in POINTS]
    mids = np.full((study.worlds, len(looks)), 0.0)
    last = np.full(study.worlds, float(START_PRICE))
    for t, kind, n in sorted([(t, 1, n) for n, t in enumerate(slices)] + [(t, 0, n) for n, t in enumerate(looks)]):
        market.advance(t)
        for i in range(study.worlds):
            if kind == 1:
                market.send(BUY if sides[i] == 0 else SELL, 1, None, replica=i)
            else:
                bids, asks = market.true_book(replica=i, levels=1)
                if len(bids) and len(asks):
                    last[i] = (bids[0, 0] + asks[0, 0]) / 2
        if kind == 0:
            mids[:, n] = last
    return mids, np.array([market.account(replica=i)["inventory"] for i in range(study.worlds)])


def with_options(model: str, **options) -> ImpactStudy:
    """A study of a model (`queue-reactive` and `queue_reactive` are one); options that are None keep their default."""
    given = {name: value for name, value in options.items() if value is not None}
    return dataclasses.replace(ImpactStudy(model=model.replace("-", "_")), **given)
