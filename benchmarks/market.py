"""Whole markets: order messages a second through network, gate, accounts, flow and tapes.

Claim: a market with everything on serves millions of order messages a second a core. Rounds of all sizes are
interleaved and medians quoted, because the machine is shared. Books are warm; compiling is outside the clock.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

import qsl_envs  # noqa: F401  registers the environments
from benchmarks.report import Row, main
from qsl_envs.envs.market_making import DEFAULT_MARKET
from qsl_envs.market.config import (
    MarketConfig,
    ParticipantConfig,
    PopulationConfig,
    RiskConfig,
    SizeConfig,
    SymbolConfig,
    ValueConfig,
    VenueConfig,
)
from qsl_envs.market.market import Market
from qsl_envs.network.config import LinkConfig

SESSION_NS = 86_400_000_000_000


def small_market(venues: int) -> MarketConfig:
    """The default environment's market with a session that no round outlasts, on one or more venues."""
    names = tuple(dataclasses.replace(DEFAULT_MARKET.venues[0], name=f"V{v}") for v in range(venues))
    return dataclasses.replace(DEFAULT_MARKET, venues=names, session_ns=SESSION_NS)


class MarketRun:
    """One size of market, advanced a round at a time."""

    def __init__(self, replicas: int, threads: int, venues: int, messages: int, config: MarketConfig | None = None,
                 per_step: int = 20) -> None:  # fmt: skip
        self.replicas, self.threads, self.venues = replicas, threads, venues
        self.market = Market(small_market(venues) if config is None else config, replicas, num_threads=threads)
        self.market.reset()
        self.step_ns = 100_000_000 if replicas > 1 else 10_000_000_000  # of one replica the call would be all
        self.rates: list[float] = []
        self.now = 0
        self.steps = max(1, messages * 100_000_000 // (per_step * replicas * venues * self.step_ns))
        self.round()
        self.rates.clear()

    def served(self) -> int:
        """Order messages that the venues have served so far."""
        stride = self.market.stride
        return int(self.market.arrays.runs.served[: self.replicas * stride : stride].sum())

    def round(self) -> None:
        """Advance all replicas by some steps of 100 ms and note the messages a second."""
        before, start = self.served(), time.perf_counter()
        for _ in range(self.steps):
            self.now += self.step_ns
            self.market.advance(self.now)
        self.rates.append((self.served() - before) / (time.perf_counter() - start))


def market_speed(smoke: bool) -> list[Row]:
    """Order messages a second of background flow: nobody trades beside it, feeds are heard as the tape turns."""
    sizes = [(1, 1, 1), (64, 1, 1), (1024, 1, 1), (4096, 1, 1), (1024, 2, 1), (1024, 1, 4)]
    runs = [MarketRun(*size, messages=2_000 if smoke else 400_000) for size in (sizes[:1] if smoke else sizes)]
    for _ in range(1 if smoke else 7):
        for run in runs:
            run.round()
    return [
        Row(
            replicas=run.replicas,
            threads=run.threads,
            venues=run.venues,
            M_messages_per_s=statistics.median(run.rates) / 1e6,
            best=max(run.rates) / 1e6,
            KiB_per_replica=run.market.layout.row_bytes / 1024,
            digest=run.market.digest()[:8],
        )
        for run in runs
    ]


def crowd(count: int, gap_ns: float, size: SizeConfig) -> MarketConfig:
    """Nobody but a population: 60 % noise, 20 % value traders, 10 % that follow or fight the trend, 10 % makers that
    widen after adverse fills; each looks about once in `gap_ns`, behind lines of 0.2 ms with jitter.
    """
    line = LinkConfig(latency_ns=200_000, jitter="exponential", jitter_ns=50_000)
    common = {"order_link": line, "report_link": line, "feed_link": line,
              "risk": RiskConfig(max_inventory=10_000, max_open_orders=8)}  # fmt: skip
    life = {"life_ns": 3 * gap_ns}
    tenth = count // 10
    groups = (
        ("noise", count - 4 * tenth, {"gap_ns": gap_ns, "qty": (1, 5), "max_orders": 8, **life}),
        ("value", 2 * tenth, {"gap_ns": gap_ns, "max_inventory": 10_000, **life}),
        ("momentum", tenth // 2, {"period_ns": gap_ns}),
        ("mean_reversion", tenth - tenth // 2, {"period_ns": gap_ns}),
        ("inventory_skew", tenth, {"period_ns": gap_ns, "widen": 1.0, "spread": (2.0, 8.0)}),
    )
    population = tuple(PopulationConfig(kind=k, count=n, params=p, **common) for k, n, p in groups)
    symbol = SymbolConfig(value=ValueConfig(reversion=0.1))
    return MarketConfig(population=population, symbols=(symbol,), flow=None, size=size, session_ns=SESSION_NS,
                        templates=1)  # fmt: skip


def population_speed(smoke: bool) -> list[Row]:
    """Order messages a second of adaptive populations, wake-ups and their looks at the market included."""
    small = SizeConfig(max_orders=1024, max_clients=1024, max_messages=512, max_calendar=512, tape=512)
    large = SizeConfig(max_orders=2**16, max_clients=2**15, max_messages=2**14, max_calendar=2**14, tape=2**14,
                       window_ticks=4096)  # fmt: skip
    sizes = [(100, 64, 20e6, small, 600), (100, 1024, 20e6, small, 600), (10_000, 1, 1e9, large, 1_200)]
    rows = []
    for count, replicas, gap_ns, size, per_step in sizes[:1] if smoke else sizes:
        if smoke:
            count, replicas = 20, 2
        run = MarketRun(replicas, 1, 1, 2_000 if smoke else 300_000, crowd(count, gap_ns, size), per_step)
        for _ in range(1 if smoke else 5):
            run.round()
        rows.append(
            Row(
                participants=count,
                replicas=replicas,
                M_messages_per_s=statistics.median(run.rates) / 1e6,
                best=max(run.rates) / 1e6,
                KiB_per_replica=run.market.layout.row_bytes / 1024,
                digest=run.market.digest()[:8],
            )
        )
    return rows


def memory(smoke: bool) -> list[Row]:
    """Bytes of a small replica with 64 accounts (512 orders, 512 ticks), section by section."""
    risk = RiskConfig(max_open_orders=8)
    traders = tuple(ParticipantConfig(name=f"t{i}", risk=risk) for i in range(64))
    sizes = SizeConfig(max_orders=512, window_ticks=512, max_special=16, max_events=64, max_clients=32,
                       max_messages=32, max_calendar=64, tape=128, wheel=512)  # fmt: skip
    config = MarketConfig(venues=(VenueConfig(),), participants=traders, size=sizes, flow=None, templates=1)
    layout = Market(config, 1).layout
    rows = [Row(section=name, KiB=size / 1024) for name, size, _ in layout.table() if size >= 512]
    return [*rows, Row(section="all", KiB=layout.row_bytes / 1024)]


TABLES = {"market": market_speed, "population": population_speed, "memory": memory}

if __name__ == "__main__":
    main(TABLES)
