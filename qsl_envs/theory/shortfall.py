"""Simulation of a sale along a trajectory in the Almgren-Chriss market; a kernel without libm."""

from __future__ import annotations

from qsl_envs.kernel.draw import FUNDAMENTAL, draw_normal, stream_key
from qsl_envs.kernel.fmath import sqrt_
from qsl_envs.kernel.jit import kernel


@kernel
def simulate_shortfalls(world, holdings, sigma, epsilon, eta, gamma, tau, shortfalls):
    """Cost of selling along `holdings` against the price at the start, once a path.

    In slice j, n lots are sold at the price before the slice's move less epsilon + eta n / tau; then the price moves
    by a normal draw of variance sigma^2 tau, and by -gamma n for good.

    Args:
        holdings: float64 (N + 1,), lots held at the ends of the slices, from all to 0.
        shortfalls: output, float64 (path,).
    """
    scale = sigma * sqrt_(tau)
    for path in range(len(shortfalls)):
        skey = stream_key(world, FUNDAMENTAL, path)
        price = 0.0
        cost = 0.0
        for j in range(len(holdings) - 1):
            sold = holdings[j] - holdings[j + 1]
            side = 1.0 if sold > 0.0 else (-1.0 if sold < 0.0 else 0.0)
            cost -= sold * (price - epsilon * side - eta * sold / tau)
            price += scale * draw_normal(skey, j) - gamma * sold
        shortfalls[path] = cost
