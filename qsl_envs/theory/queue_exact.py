"""Exact probabilities of a race of two queues, from its linear system.

Until the mid moves, only the two best queues matter: each is a birth-death chain of its own, and orders inside a
spread wider than one tick end the race as well. States are (bids, asks); queues longer than a stated bound get no more
arrivals. The methods add and multiply numbers that are not negative, so long queues lose no digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST = 400
"""Longest queue of the system."""
TERMS = 24
MAX_DOUBLINGS = 80


@dataclass(frozen=True, slots=True)
class QueueRates:
    """Rates of the best queues of one side, equal on both."""

    arrival: float
    """limit orders at the best price"""
    market: float
    """market orders that take it"""
    cancel: float
    """cancels of each order of the queue"""
    inside: float
    """limit orders inside the spread"""

    def service(self, queue: np.ndarray) -> np.ndarray:
        """Rate at which a queue of this length loses an order."""
        return self.market + self.cancel * queue


def queue_rates(limit_rates: Sequence[float], market: float, cancel_rates: Sequence[float], spread: int) -> QueueRates:
    """What the rates by distance make of the best queues of a book with this spread; there are none beyond the list."""
    at = spread - 1
    return QueueRates(
        arrival=float(limit_rates[at]) if at < len(limit_rates) else 0.0,
        market=float(market),
        cancel=float(cancel_rates[at]) if at < len(cancel_rates) else 0.0,
        inside=float(sum(limit_rates[:at])),
    )


def longest_queue(rates: QueueRates, start: int, lost: float = 1e-11) -> tuple[int, float]:
    """(a queue length that is reached from `start` with a probability of about `lost`, that probability).

    The chance of climbing from `start` is estimated by the product of arrival over service rates; where it does not
    fall fast enough the length is capped and the second number says how bad that is.
    """
    n, log_chance = start, 0.0
    while n < MOST and log_chance > math.log(lost):
        n += 1
        service = rates.market + rates.cancel * n
        log_chance += math.log(rates.arrival / service) if rates.arrival > 0 and service > 0 else -math.inf
        if rates.arrival == 0:
            return start, 0.0
        log_chance = min(log_chance, 0.0)
    return n, math.exp(log_chance)


def _chain(rates: QueueRates, n: int) -> np.ndarray:
    """Generator of one queue on 1..n, with the emptying of the queue left out: rows sum to minus its rate."""
    length = np.arange(1, n + 1, dtype=np.float64)
    service = rates.service(length)
    birth = np.full(n, rates.arrival)
    birth[-1] = 0.0
    return np.diag(-(birth + service)) + np.diag(birth[:-1], 1) + np.diag(service[1:], -1)


def rise_probability(rates: QueueRates, bid: int, ask: int) -> float:
    """P(the mid rises before it falls): the ask queue empties, or a bid comes inside the spread, before the opposite.

    With A the chain of one queue, G the rate at which the mid rises in a state and c twice the inside rate, the
    matrix of probabilities is the integral of exp(-c t) exp(A t) G exp(A t)^T over all t > 0. A short stretch h comes
    from the Taylor series; then X(2 t) = X(t) + exp(-c t) E(t) X(t) E(t)^T and E(2 t) = E(t)^2 until nothing changes.
    """
    n, _ = longest_queue(rates, max(bid, ask))
    a, c = _chain(rates, n), 2.0 * rates.inside
    rise = np.full((n, n), float(rates.inside))
    rise[:, 0] += float(rates.service(np.array([1.0]))[0])
    h = 0.25 / (float(np.abs(np.diag(a)).max()) + c)
    moved, kernel = rise * h, np.eye(n)
    x, e = moved.copy(), kernel.copy()
    for j in range(1, TERMS):
        moved = (a @ moved + moved @ a.T - c * moved) * (h / (j + 1))
        kernel = a @ kernel * (h / j)
        x += moved
        e += kernel
    fade = math.exp(-c * h)
    for _ in range(MAX_DOUBLINGS):
        more = fade * (e @ x @ e.T)
        x += more
        if float(more.max()) < 1e-16:
            break
        e, fade = e @ e, fade * fade
    return float(x[bid - 1, ask - 1])


def fill_probability(rates: QueueRates, bid: int, ask: int) -> float:
    """P(our bid, the last of the queue and never cancelled, is filled before the mid moves).

    What comes behind ours does not matter: the orders in front leave one by one, ours when a market order meets it.
    """
    n, _ = longest_queue(rates, ask)
    length = np.arange(1, n + 1, dtype=np.float64)
    service = rates.service(length).tolist()
    x = [1.0] * n  # ours has been filled
    for ahead in range(bid):
        leave = rates.market + rates.cancel * ahead
        stop = leave + 2.0 * rates.inside
        # elimination from the longest ask queue down: x[i] = gain[i] x[i - 1] + constant[i]
        gain, constant = [0.0] * n, [0.0] * n
        for i in range(n - 1, -1, -1):
            birth = rates.arrival if i < n - 1 else 0.0
            pivot = stop + service[i] + birth * (1.0 - (gain[i + 1] if i < n - 1 else 0.0))
            gain[i] = service[i] / pivot
            constant[i] = (leave * x[i] + birth * (constant[i + 1] if i < n - 1 else 0.0)) / pivot
        before = 0.0  # an empty ask queue: the mid has moved
        for i in range(n):
            before = gain[i] * before + constant[i]
            x[i] = before
    return x[ask - 1]


def symmetric_rise_probability(bid: int, ask: int) -> float:
    """P(rise) for equal unit rates up and down and no cancels (Cont and de Larrard 2013), by their integral.

    (1/pi) int_0^pi (2 - cos t - sqrt((2 - cos t)^2 - 1))^ask sin(bid t) cos(t/2) / sin(t/2) dt. The square root is
    2 sin(t/2) sqrt(1 + sin(t/2)^2), so the integrand is smooth up to both ends; Gauss-Legendre on equal stretches.
    """
    nodes, weights = np.polynomial.legendre.leggauss(48)
    count = 4 + (bid + ask) // 8
    t = math.pi / count * (np.arange(count)[:, None] + 0.5 * (nodes + 1.0))
    sine = np.sin(0.5 * t)
    base = 1.0 + 2.0 * sine * sine - 2.0 * sine * np.sqrt(1.0 + sine * sine)
    return float((weights * base**ask * np.sin(bid * t) / np.tan(0.5 * t)).sum() / (2.0 * count))
