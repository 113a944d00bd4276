"""Exact simulation of a Hawkes process with an exponential kernel, and its compensator; kernels without libm."""

from __future__ import annotations

from qsl_envs.kernel.draw import HAWKES, draw_exp, draw_unit, stream_key
from qsl_envs.kernel.fmath import exp_
from qsl_envs.kernel.jit import kernel


@kernel
def simulate_events(world, mu, alpha, beta, start, until, times):
    """Write event times in [start, until) into `times`; return how many there were (perhaps more than fit).

    Thinning (Ogata 1981): between events the intensity falls, so its value now bounds it until the next candidate.
    Candidate n of stream HAWKES owns draws 2 n (gap) and 2 n + 1 (acceptance). The process starts empty.

    Args:
        mu, alpha, beta: intensity mu + sum of alpha exp(-beta (t - t_i)) over past events; alpha < beta.
        times: float64 (n,).
    """
    skey = stream_key(world, HAWKES, 0)
    t = start
    excited = 0.0
    found = 0
    n = 0
    while True:
        bound = mu + excited
        gap = draw_exp(skey, 2 * n) / bound
        t += gap
        if t >= until:
            return found
        excited *= exp_(-beta * gap)
        if draw_unit(skey, 2 * n + 1) * bound < mu + excited:
            excited += alpha
            if found < len(times):
                times[found] = t
            found += 1
        n += 1


@kernel
def compensator_gaps(mu, alpha, beta, times, gaps):
    """Integral of the intensity from each event to the next, (n - 1,): unit exponentials if the times are the process.

    Before the first time there was none: the process has started empty.
    """
    excited = alpha
    for i in range(len(gaps)):
        gap = times[i + 1] - times[i]
        decay = exp_(-beta * gap)
        gaps[i] = mu * gap + excited / beta * (1.0 - decay)
        excited = excited * decay + alpha
