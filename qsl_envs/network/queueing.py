"""What queueing theory says of a gateway that serves one message at a time: the yardstick for the venue's line.

Messages arrive as a Poisson process; each takes the same `service_ns` (M/D/1). Plain Python, for tests and docs.
"""

from __future__ import annotations

import math

from qsl_envs.errors import require


def utilization(rate_per_s: float, service_ns: float) -> float:
    """Share of the time that the server is busy, in [0, 1). Raises ConfigError where the line would grow for ever."""
    rho = rate_per_s * service_ns * 1e-9
    require(0 <= rho < 1, "M/D/1", "rate_per_s x service_ns", "below 1: the line must not grow for ever", rho)
    return rho


def md1_mean_wait_ns(rate_per_s: float, service_ns: float) -> float:
    """Mean time before service begins, in ns: rho s / (2 (1 - rho)), after Pollaczek and Khinchine."""
    rho = utilization(rate_per_s, service_ns)
    return rho * service_ns / (2.0 * (1.0 - rho))


def md1_mean_in_line(rate_per_s: float, service_ns: float) -> float:
    """Mean number of messages that wait, the one in service not counted (Little's law)."""
    return rate_per_s * 1e-9 * md1_mean_wait_ns(rate_per_s, service_ns)


def md1_wait_cdf(wait_ns: float, rate_per_s: float, service_ns: float) -> float:
    """P(time before service <= wait_ns), by Erlang's formula of 1909.

    (1 - rho) sum_{k=0}^{floor(t / s)} exp(-x_k) x_k^k / k! with x_k = rate (k s - t) <= 0. Its terms alternate and
    grow, so it loses digits: good to 1e-6 while rate x wait < 15.
    """
    rho = utilization(rate_per_s, service_ns)
    if wait_ns < 0:
        return 0.0
    rate = rate_per_s * 1e-9
    terms = []
    for k in range(int(wait_ns // service_ns) + 1):
        x = rate * (k * service_ns - wait_ns)
        terms.append(math.exp(-x) * x**k / math.factorial(k))
    return (1.0 - rho) * math.fsum(terms)


def md1k_loss(rate_per_s: float, service_ns: float, places: int) -> float:
    """Share of messages that find `places` messages in the system (served one included) and are refused.

    The system as left behind by departing messages is a Markov chain on 0..places-1, solved from the empty state up;
    its law gives the loss (Gross and Harris, "Fundamentals of Queueing Theory", finite M/G/1). Any load, also above 1.
    """
    require(places >= 1, "M/D/1/K", "places", ">= 1", places)
    rho = rate_per_s * service_ns * 1e-9
    require(rho > 0, "M/D/1/K", "rate_per_s x service_ns", "> 0", rho)
    arrivals = [math.exp(-rho) * rho**j / math.factorial(j) for j in range(places + 1)]
    left = [1.0]
    for n in range(places - 1):
        flow = left[n] - arrivals[n] * left[0] - math.fsum(arrivals[n - i + 1] * left[i] for i in range(1, n + 1))
        left.append(flow / arrivals[0])
    empty = left[0] / math.fsum(left)
    return 1.0 - 1.0 / (empty + rho)
