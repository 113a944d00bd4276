"""The study of the zero-intelligence ("Santa Fe") book: spread, depth and diffusion of the event-driven market."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import MarketConfig, SizeConfig, SymbolConfig
from qsl_envs.market.constants import STOP_TIME
from qsl_envs.market.market import Market
from qsl_envs.theory.book_watch import DEPTH, NUM_SUMS, ORDERS, SPREAD, SPREAD_SQUARED, TIGHT, TIME, watch_replicas
from qsl_envs.theory.study import Comparison, Model, Study, mean_and_error

MOST_REPLICAS = 16
BURN_IN_LIVES = 10
"""Mean lives of an order that a replica runs before it is watched, beside what its template ran."""
GRID_LIVES = 0.05
"""Mean lives between two notes of the mid: the shortest time of the diffusion table."""
TIMES = (1, 4, 20, 100, 500, 2500)
"""Times of the diffusion table, in units of the grid."""
START_PRICE = 500_000_000
MOST_ORDERS = 4_000_000
MOST_NOTES = 20_000_000
MOST_CANDIDATES = 1e11
LONGEST = 50_000.0
"""Seconds of one replica; a market's session is a day at most. What takes longer runs faster: only ratios of rates
matter."""

SURE_ORDERS = 20
"""Resting orders a side from which the rule that spares the last one hardly ever acts."""


@dataclass(frozen=True, slots=True)
class KnownRow:
    """Figures of an independent program, not of this package; the standard errors are its own or follow from them."""

    spread: float
    spread_error: float
    spread_sd: float
    tight: float
    depth: float

    def comparisons(self, found: list[tuple[str, float, float]]) -> list[Comparison]:
        """Beside (name, simulated, standard error) of the mean spread, its sd, P(spread = 1) and the best depth."""
        relative = self.spread_error / self.spread
        values = self.spread, self.spread_sd, self.tight, self.depth
        errors = (self.spread_error, 2 * relative * self.spread_sd + 0.003, 2 * relative * self.tight + 5e-5,
                  relative * self.depth + 3e-4)  # fmt: skip
        return [
            Comparison(name, simulated, math.hypot(error, other), value, "independent program")
            for (name, simulated, error), value, other in zip(found, values, errors)
        ]


KNOWN = {
    (1.0, 0.1, 0.2, 300): KnownRow(8.108, 0.017, 5.94, 0.0847, 1.143),
    (1.0, 0.02, 0.02, 1000): KnownRow(25.10, 0.09, 17.4, 0.0211, 1.144),
    (1.0, 0.5, 0.2, 60): KnownRow(2.050, 0.003, 1.18, 0.414, 1.806),
}
"""By market, limit and cancel rate and ticks."""


@dataclass(frozen=True, slots=True)
class BookAverages:
    """Time averages by replica, float64 (replica,), and the mids noted, float64 (replica, note)."""

    spread: np.ndarray
    spread_squared: np.ndarray
    tight: np.ndarray
    best_depth: np.ndarray
    orders: np.ndarray
    mids: np.ndarray
    grid: float
    """seconds between two notes"""

    def diffusion(self, notes: int) -> np.ndarray:
        """Var(mid(t + tau) - mid(t)) / tau with tau = `notes` grid steps, ticks^2 per second, float64 (replica,)."""
        moves = self.mids[:, notes:] - self.mids[:, :-notes]
        return (moves * moves).mean(axis=1) / (notes * self.grid)


def measure(flow: PoissonFlowConfig, seconds: float, replicas: int, seed: int, grid: float) -> BookAverages:
    """Watch `replicas` markets of this flow for `seconds` each, after a burn-in.

    Raises: ConfigError or CapacityError of the market for flows that are too large.
    """
    orders = int(flow.mean_orders + 8 * math.sqrt(flow.mean_orders)) + 64
    wheel = 1 << max(6, min(14, int(orders).bit_length()))
    window = 1 << max(8, min(14, (4 * flow.ticks).bit_length()))
    size = SizeConfig(max_orders=orders, window_ticks=window, max_special=1, max_clients=4, max_messages=8,
                      max_calendar=8, max_events=64, tape=64, wheel=wheel)  # fmt: skip
    life = 1.0 / flow.cancel_rate
    speed = max(1.0, (BURN_IN_LIVES * life + seconds) / LONGEST)
    flow = replace(flow, market_rate=speed * flow.market_rate, limit_rate=speed * flow.limit_rate,
                   cancel_rate=speed * flow.cancel_rate)  # fmt: skip
    burn_in_ns, span_ns = int(BURN_IN_LIVES * life / speed * 1e9), int(seconds / speed * 1e9)
    config = MarketConfig(flow=flow, participants=(), symbols=(SymbolConfig(start_price=START_PRICE),), size=size,
                          templates=min(4, replicas), session_ns=burn_in_ns + span_ns + 1)  # fmt: skip
    market = Market(config, replicas, seed=seed, split="theory")
    market.reset()
    market.advance(burn_in_ns)
    grid_ns = int(grid / speed * 1e9)
    sums = np.zeros((replicas, NUM_SUMS))
    mids_x2 = np.zeros((replicas, max(2, span_ns // grid_ns)), np.int64)
    stop = watch_replicas(market.arrays, replicas, market.stride, config.size.tape, burn_in_ns + span_ns, grid_ns, sums,
                          mids_x2)  # fmt: skip
    if stop != STOP_TIME:
        market.raise_error(int(np.flatnonzero(market.arrays.runs.error[:: market.stride][:replicas])[0]))
    refused = sum(market.counters(i)["flow_pool_full"] for i in range(replicas))
    assert refused == 0, f"{refused} orders found the pool of {orders} full: the bound on resting orders is wrong"
    averages = sums / sums[:, TIME : TIME + 1]
    return BookAverages(averages[:, SPREAD], averages[:, SPREAD_SQUARED], averages[:, TIGHT], averages[:, DEPTH],
                        averages[:, ORDERS], 0.5 * mids_x2, grid)  # fmt: skip


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Watch the market for a while."""
    m, a, d, ticks = (values[name] for name in ("market_rate", "limit_rate", "cancel_rate", "ticks"))
    flow = PoissonFlowConfig(market_rate=m, limit_rate=a, cancel_rate=d, ticks=ticks)
    model.require(2 * a * ticks / d <= MOST_ORDERS, "ticks",
                  f"so few that 2 limit-rate ticks / cancel-rate <= {MOST_ORDERS:,} orders rest", ticks)  # fmt: skip
    life, duration = 1.0 / d, values["duration"]
    grid = GRID_LIVES * life
    tau = values["tau"] if values["tau"] is not None else life
    model.require(tau >= grid, "tau", f">= {grid:g}, a twentieth of a mean life", tau)
    least, most = max(4 * tau, 20 * grid), min(MOST_NOTES * grid, MOST_CANDIDATES / flow.total_rate)
    model.require(2 * least <= duration <= most, "duration", f"in [{2 * least:g}, {most:g}] at these rates", duration)
    replicas = min(MOST_REPLICAS, int(duration / least))
    seen = measure(flow, duration / replicas, replicas, seed * 2**20, grid)
    spread, spread_error = mean_and_error(seen.spread)
    tight, tight_error = mean_and_error(seen.tight)
    depth, depth_error = mean_and_error(seen.best_depth)
    squares, _ = mean_and_error(seen.spread_squared)
    spread_sd = math.sqrt(max(0.0, squares - spread * spread))
    # of the sd by the delta method: what each replica adds to (E[s^2] - E[s]^2) / (2 sd)
    pulls = (seen.spread_squared - 2 * spread * seen.spread) / (2 * spread_sd) if spread_sd > 0 else seen.spread * 0
    sd_error = mean_and_error(pulls)[1]
    notes = max(1, round(tau / grid))
    diffusion, diffusion_error = mean_and_error(seen.diffusion(notes))
    longest = seen.mids.shape[1] // 4
    table = []
    for count in sorted({*(c for c in TIMES if c <= longest), notes}):
        value, error = mean_and_error(seen.diffusion(count))
        table.append({"tau": count * grid, "diffusion": value, "standard_error": error})
    results = {
        "model": "zero-intelligence", "parameters": values, "seed": seed,
        "spread_mean": spread, "spread_sd": spread_sd, "p_spread_1": tight, "best_depth_mean": depth,
        "diffusion": diffusion, "diffusion_tau": notes * grid, "diffusions": table,
        "standard_error": {"spread_mean": spread_error, "spread_sd": sd_error, "p_spread_1": tight_error,
                           "best_depth_mean": depth_error, "diffusion": diffusion_error},
    }  # fmt: skip
    price, shares = m / (2 * a), m / (2 * d)
    found = [("mean spread", spread, spread_error), ("sd of the spread", spread_sd, sd_error),
             ("P(spread = 1)", tight, tight_error), ("mean depth of the best prices", depth, depth_error)]  # fmt: skip
    comparisons = []
    resting = (a * ticks - m) / d
    if resting >= SURE_ORDERS:
        comparisons.append(Comparison("resting orders a side", *mean_and_error(seen.orders), resting, "(a L - m) / d"))
    known = KNOWN.get((m, a, d, ticks))
    if known:
        comparisons += known.comparisons(found)
    return Study(
        f"Zero intelligence: {duration:,.0f} s of the event-driven market in {replicas} replicas, "
        f"{flow.total_rate:g} candidates and about {2 * a * ticks:g} cancels a second",
        results,
        ingredients=[
            ("characteristic price", "p_c = m / (2 a)", price),
            ("characteristic shares", "N_c = m / (2 d)", shares),
            ("granularity", "epsilon = 1 / N_c = 2 d / m", 1.0 / shares),
            ("tick in units of p_c", "dp / p_c", 1.0 / price),
            ("depth far from the best", "a / d orders a tick", a / d),
            ("scaling", "spread = p_c f(epsilon, dp / p_c); this f is", spread / price),
            ("mean life of an order", "1 / d", life),
        ],
        tables=[
            ("Time averages", ["", "simulated", "std error"], [list(row) for row in found]),
            ("Diffusion of the mid, Var(mid(t + tau) - mid(t)) / tau: it falls with tau, as prices revert",
             ["tau", "diffusion", "std error"],
             [[row["tau"], row["diffusion"], row["standard_error"]] for row in table]),
        ],
        comparisons=comparisons,
        notes=[f"diffusion is {diffusion:.6g} at the stated tau of {notes * grid:g} s (--tau chooses)",
               "no closed form of the spread is known: theory gives the scaling, and that births balance deaths"],
    )  # fmt: skip
