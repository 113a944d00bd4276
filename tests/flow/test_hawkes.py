"""The Hawkes flow's candidates against closed forms: moments, rescaled times, and the children of an agent's orders."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.flow.hawkes_config import TYPES, HawkesFlowConfig
from tests.flow.kinds import HAWKES, next_candidate_ns
from tests.market.worlds import MS, SECOND, SIZE, START, participant, ready, small

NOTHING = ((0.0,) * 6,) * 6


def univariate(mu: float, alpha: float, beta: float) -> HawkesFlowConfig:
    """Market buys that excite themselves, and nothing else."""
    jumps = ((alpha, *NOTHING[0][1:]), *NOTHING[1:])
    return HawkesFlowConfig(base_rates=(mu, 0.0, 0.0, 0.0, 0.0, 0.0), jumps=jumps, decays=((beta,) * 6,) * 6)


def count_variance(mu: float, alpha: float, beta: float, t: float) -> float:
    """Var N(t) of the stationary process."""
    n = alpha / beta
    g = 1 / (1 - n) ** 2
    return mu / (1 - n) * (t * g + (1 - g) * (1 - math.exp(-(beta - alpha) * t)) / (beta - alpha))


def num_candidates(market, i: int) -> int:
    run = market.arrays.runs[i * market.stride]
    return int(run.served_flow + run.idle_candidates)


def test_rate_and_variance_of_the_counts():
    assert abs(count_variance(0.2, 0.8, 1.0, 10.0) - 146.2) < 0.05
    config = small(flow=univariate(0.2, 0.8, 1.0), participants=(), templates=64, burn_in_ns=60 * SECOND,
                   session_ns=3_600 * SECOND)  # fmt: skip
    market = ready(config, 400, seed=3)
    market.advance(40 * SECOND)  # worlds that began at one template have parted
    counts = []
    before = np.array([num_candidates(market, i) for i in range(400)])
    for window in range(1, 13):
        market.advance((40 + 10 * window) * SECOND)
        now = np.array([num_candidates(market, i) for i in range(400)])
        counts.append(now - before)
        before = now
    counts = np.array(counts).T  # (world, window)
    mean = counts.mean()
    squares = ((counts - 10.0) ** 2).mean(axis=1)
    error, square_error = counts.mean(axis=1).std() / 20, squares.std() / 20
    assert abs(mean - 10.0) < 4 * error and error < 0.5
    assert abs(squares.mean() - 146.2) < 4 * square_error and square_error < 0.12 * 146.2


def test_rescaled_times_of_every_type_are_a_poisson_process():
    """Six types that excite each other: the compensator between events of a type is exponential (KS)."""
    market = ready(small(flow=HAWKES, participants=(), templates=1, burn_in_ns=0, size=replace(SIZE, max_orders=400)))
    mu, jumps, decays = (np.array(getattr(HAWKES, name)) for name in ("base_rates", "jumps", "decays"))
    excess = np.zeros((6, 6))  # of type i by past events of type j
    gaps: list[list[float]] = [[] for _ in TYPES]
    grown, last = np.zeros(6), 0.0
    for _ in range(5_000):
        ns = next_candidate_ns(market)
        dt, last = ns / 1e9 - last, ns / 1e9
        faded = np.exp(-decays * dt)
        grown += mu * dt + (excess * (1 - faded) / decays).sum(axis=1)
        excess *= faded
        market.advance(ns)
        kind = int(market.arrays.models[market.arrays.runs[0].models].kind)
        gaps[kind].append(grown[kind])
        grown[kind] = 0.0
        excess[:, kind] += jumps[:, kind]
    for kind, found in zip(TYPES, gaps):
        x = np.sort(1 - np.exp(-np.array(found)))
        n = len(x)
        distance = max((np.arange(1, n + 1) / n - x).max(), (x - np.arange(n) / n).max())
        assert n > 100 and distance * math.sqrt(n) < 2.0, kind  # P < 0.001
    poisson = np.sort(1 - np.exp(-np.diff(np.cumsum(gaps[2]))))
    assert len(poisson) > 1_000
    observed = np.array([len(g) for g in gaps]) / last
    assert np.abs(observed / HAWKES.rates - 1).max() < 0.25


def children_of(qty: int, price: int | None, cancel: bool = False, reactive: bool = True) -> np.ndarray:
    """Children by type that one message of an agent has in each of 400 worlds, int64 (world, type)."""
    quiet = replace(HAWKES, base_rates=(1e-6,) * 6, full_orders=50, reactive=reactive)
    market = ready(small(flow=quiet, participants=(participant(),), templates=1, burn_in_ns=0), 400, seed=1)
    clients = [market.send(BUY, qty, price, replica=i) for i in range(400)]
    market.advance(0)
    if cancel:
        for i in range(400):
            run = market.arrays.runs[i * market.stride]
            market.arrays.models[run.models].num_pending = 0
            market.cancel(clients[i], replica=i)
        market.advance(1)
    found = np.zeros((400, 6), np.int64)
    for i in range(400):
        model = market.arrays.models[market.arrays.runs[i * market.stride].models]
        for c in market.arrays.cal[model.pending : model.pending + int(model.num_pending)]:
            found[i, c.what] += 1
    return found


def test_an_agents_orders_have_the_children_of_their_type():
    branching = HAWKES.branching
    for parent, found in (
        (0, children_of(1, None)),
        (2, children_of(1, START - 300)),
        (4, children_of(1, START - 300, cancel=True)),
    ):
        error = np.sqrt(np.maximum(branching[:, parent], 1e-3) / 400)
        assert (np.abs(found.mean(axis=0) - branching[:, parent]) < 4.5 * error).all(), TYPES[parent]
    assert children_of(1, None, reactive=False).sum() == 0


def test_the_flow_answers_whoever_trades():
    """After an agent's buys more of the flow's market orders buy than in the same worlds without him."""
    config = small(flow=HAWKES, templates=4, burn_in_ns=SECOND, size=replace(SIZE, max_orders=400))
    markets = [ready(config, 60, seed=5) for _ in range(2)]
    for t in range(10 * MS, 300 * MS, 10 * MS):
        for i in range(60):
            markets[1].send(BUY, 1, None, replica=i)
        for market in markets:
            market.advance(t)
    pending = np.zeros((2, 60, 2))
    for m, market in enumerate(markets):
        for i in range(60):
            model = market.arrays.models[market.arrays.runs[i * market.stride].models]
            kinds = [int(c.what) for c in market.arrays.cal[model.pending : model.pending + int(model.num_pending)]]
            pending[m, i] = kinds.count(BUY), kinds.count(SELL)
    more = pending[1] - pending[0]
    assert (more >= 0).all()
    assert more[:, BUY].mean() > 3 * more[:, SELL].mean() > 0
