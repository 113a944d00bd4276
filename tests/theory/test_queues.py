"""Races of two queues: the exact solutions against tables and other methods, the book's paths against them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba.core import config as numba_config

from qsl_envs.theory.models import MODELS, study
from qsl_envs.theory.queue_exact import (
    QueueRates,
    fill_probability,
    longest_queue,
    queue_rates,
    rise_probability,
    symmetric_rise_probability,
)
from qsl_envs.theory.queue_race import race

PATHS = 60 if numba_config.DISABLE_JIT else 20_000
OPTIONS = {option.dest: option.default for option in MODELS["cont-stoikov-talreja"].options}
RATES = OPTIONS["limit_rates"], OPTIONS["market_rate"], OPTIONS["cancel_rates"]

# Rows: 1 to 5 bids, columns: 1 to 5 asks, spread 1; an independent program's linear system.
UP = """
0.5000 0.3352 0.2590 0.2158 0.1878 / 0.6648 0.5000 0.4069 0.3479 0.3072 / 0.7410 0.5931 0.5000 0.4366 0.3906 /
0.7842 0.6521 0.5634 0.5000 0.4523 / 0.8122 0.6928 0.6094 0.5477 0.5000"""
FILL = """
0.5025 0.6980 0.7939 0.8483 0.8824 / 0.3589 0.5508 0.6643 0.7372 0.7869 / 0.2915 0.4654 0.5784 0.6564 0.7128 /
0.2514 0.4093 0.5174 0.5956 0.6543 / 0.2243 0.3691 0.4716 0.5480 0.6071"""


def table_of(text):
    return np.array([[float(x) for x in row.split()] for row in text.split("/")])


@pytest.mark.parametrize("text, solve", [(UP, rise_probability), (FILL, fill_probability)])
def test_the_tables(text, solve):
    rates = queue_rates(*RATES, spread=1)
    found = [[solve(rates, bid, ask) for ask in range(1, 6)] for bid in range(1, 6)]
    assert np.array(found) == pytest.approx(table_of(text), abs=5.1e-5)


def jacobi(rates: QueueRates, ours: bool, n: int, rounds: int = 6_000) -> np.ndarray:
    """The same probabilities by iterating the chain of jumps, states 1..n x 1..n; with `ours` the first axis counts
    ours and the orders in front of it.
    """
    q = np.arange(1, n + 1, dtype=float)
    lose = rates.market + rates.cancel * q
    lose_bid = rates.market + rates.cancel * (q - 1) if ours else lose
    gain = 0.0 if ours else rates.arrival
    x = np.zeros((n + 2, n + 2))
    x[0, :] = 1.0 if ours else 0.0
    x[:, 0] = 0.0 if ours else 1.0
    gain_bid, gain_ask = np.full(n, gain), np.full(n, rates.arrival)
    gain_bid[-1] = gain_ask[-1] = 0.0
    total = (lose_bid + gain_bid)[:, None] + (lose + gain_ask)[None, :] + 2 * rates.inside
    for _ in range(rounds):
        inner = (
            lose_bid[:, None] * x[:-2, 1:-1]
            + gain_bid[:, None] * x[2:, 1:-1]
            + lose[None, :] * x[1:-1, :-2]
            + gain_ask[None, :] * x[1:-1, 2:]
            + (0.0 if ours else rates.inside)
        )
        x[1:-1, 1:-1] = inner / total
    return x[1:-1, 1:-1]


@pytest.mark.parametrize(
    "rates",
    [
        QueueRates(1.85, 0.94, 0.71, 0.0),
        QueueRates(1.09, 0.94, 0.68, 3.36),
        QueueRates(0.0, 0.5, 0.0, 0.2),
        QueueRates(0.4, 1.0, 0.0, 0.0),
        QueueRates(3.0, 0.1, 0.9, 0.05),
    ],
)
def test_exact_against_iteration(rates):
    rise, fill = jacobi(rates, False, 30), jacobi(rates, True, 30)
    for bid, ask in ((1, 1), (2, 5), (6, 1), (4, 4)):
        assert rise_probability(rates, bid, ask) == pytest.approx(rise[bid - 1, ask - 1], abs=2e-8)
        assert fill_probability(rates, bid, ask) == pytest.approx(fill[bid - 1, ask - 1], abs=2e-8)


def test_rates_by_spread():
    assert queue_rates((3.0, 2.0, 1.0), 5.0, (0.3, 0.2, 0.1), 2) == QueueRates(2.0, 5.0, 0.2, 3.0)
    assert queue_rates((3.0, 2.0), 5.0, (0.3, 0.2), 4) == QueueRates(0.0, 5.0, 0.0, 5.0)


def test_a_queue_that_grows_has_no_exact_figure():
    n, lost = longest_queue(QueueRates(1.0, 0.9, 0.0, 0.0), 3)
    assert n == 400 and lost > 0.5
    found = study("cont-stoikov-talreja", limit_rates="1", cancel_rates="0", market_rate=0.95, paths=100)
    assert found.results["exact"] is None and not found.comparisons
    assert "no exact figure" in found.text()


# --- Cont and de Larrard ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bid, ask, expected", [(1, 1, 0.5), (1, 5, 0.12713), (3, 7, 0.25865), (10, 4, 0.75731)])
def test_the_integral_gives_the_printed_figures(bid, ask, expected):
    assert symmetric_rise_probability(bid, ask) == pytest.approx(expected, abs=6e-6)


def test_the_integral_is_harmonic():
    """P at each state is the mean over its four neighbors, 0 or 1 at the ends of the race: what defines it."""

    def p(bid, ask):
        return 0.0 if bid == 0 else 1.0 if ask == 0 else symmetric_rise_probability(bid, ask)

    for bid in (1, 2, 9, 40):
        for ask in (1, 3, 17, 120):
            around = p(bid - 1, ask) + p(bid + 1, ask) + p(bid, ask - 1) + p(bid, ask + 1)
            assert p(bid, ask) == pytest.approx(around / 4, abs=1e-12)
            assert p(bid, ask) + p(ask, bid) == pytest.approx(1.0, abs=1e-12)
    assert p(300, 100) == pytest.approx(2 / math.pi * math.atan(3), abs=1e-5)  # the diffusion limit


# --- the book -----------------------------------------------------------------------------------------------------
def near(hits: int, paths: int, p: float) -> bool:
    return abs(hits / paths - p) < 4.5 * math.sqrt(p * (1 - p) / paths)


@pytest.mark.parametrize("spread, bid, ask", [(1, 1, 1), (1, 3, 2), (2, 2, 4), (3, 1, 5), (7, 2, 1)])
def test_the_mid_moves_up_as_often_as_it_should(spread, bid, ask):
    ends = race(*RATES, spread=spread, bid=bid, ask=ask, with_ours=False, paths=PATHS, seed=spread)
    p = rise_probability(queue_rates(*RATES, spread), bid, ask)
    assert ends.paths == PATHS and ends.fill == ends.undecided == 0
    assert near(ends.rise, PATHS, p), (ends, p)


@pytest.mark.parametrize("spread, bid, ask", [(1, 1, 1), (1, 4, 3), (2, 1, 2), (2, 3, 3)])
def test_our_order_fills_as_often_as_it_should(spread, bid, ask):
    ends = race(*RATES, spread=spread, bid=bid, ask=ask, with_ours=True, paths=PATHS, seed=spread)
    p = fill_probability(queue_rates(*RATES, spread), bid, ask)
    assert (ends.fill > 0 or p * PATHS < 10) and near(ends.fill, PATHS, p), (ends, p)
    if spread == 1:
        assert ends.fall == 0  # nobody comes inside, and our order holds the bid


def test_equal_queues_without_cancels_through_the_book():
    paths = 20 if numba_config.DISABLE_JIT else 4_000
    ends = race((1.0,), 1.0, (0.0,), spread=1, bid=2, ask=1, with_ours=False, paths=paths, seed=3)
    assert ends.undecided <= 2 and near(ends.rise, paths, symmetric_rise_probability(2, 1))


def test_paths_do_not_depend_on_how_many_there_are():
    few = race(*RATES, spread=1, bid=2, ask=2, with_ours=False, paths=20, seed=9)
    more = race(*RATES, spread=1, bid=2, ask=2, with_ours=False, paths=30, seed=9)
    assert 0 <= more.rise - few.rise <= 10 and 0 <= more.fall - few.fall <= 10
    others = [race(*RATES, spread=1, bid=2, ask=2, with_ours=False, paths=20, seed=s) for s in range(3)]
    assert len({few, *others}) > 1


@pytest.mark.slow
@pytest.mark.parametrize("event, text", [("up", UP), ("fill", FILL)])
def test_the_tables_through_the_book(event, text):
    for (row, column), expected in np.ndenumerate(table_of(text)):
        found = study("cont-stoikov-talreja", 5, bid=row + 1, ask=column + 1, event=event, paths=100_000).results
        assert abs(found["probability"] - expected) < 4.5 * found["standard_error"] + 5e-5, (row, column)


@pytest.mark.slow
@pytest.mark.parametrize("bid, ask", [(1, 1), (1, 5), (3, 7), (10, 4)])
def test_equal_rates_through_the_book(bid, ask):
    found = study("cont-de-larrard", 5, bid=bid, ask=ask, paths=100_000)
    assert abs(found.comparisons[0].deviation) < 4
