"""Where market makers quote and how a large order is worked: closed forms, without libm, for kernels and Python alike.

Units are the caller's, as long as they agree. In a market of this package: prices and offsets in ticks, inventory in
lots, time in seconds, `sigma` in ticks per square root of a second, `gamma` (risk aversion) per tick and lot, `k`
(decay of the fill intensity) per tick, `a` (fill intensity at the mid) per second. Offsets are distances from the mid,
positive away from it. Everything returns floats; `floor_tick` and `ceil_tick` bring quotes to the grid.

Sources: M. Avellaneda, S. Stoikov (2008), "High-frequency trading in a limit order book", Quantitative Finance 8;
O. Gueant, C.-A. Lehalle, J. Fernandez-Tapia (2013), "Dealing with the inventory risk", Mathematics and Financial
Economics 7; R. Almgren, N. Chriss (2000), "Optimal execution of portfolio transactions", Journal of Risk 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.errors import require
from qsl_envs.kernel.fmath import exp_, expm1_, log1p_, log_, sqrt_
from qsl_envs.kernel.jit import kernel


@kernel(inline=True)
def floor_tick(price):
    """The highest tick at or below a price, int64: where a bid goes."""
    tick = int(price)
    return tick - 1 if price < tick else tick


@kernel(inline=True)
def ceil_tick(price):
    """The lowest tick at or above a price, int64: where an ask goes."""
    tick = int(price)
    return tick + 1 if price > tick else tick


# --- Fixed spread -----------------------------------------------------------------------------------------------------


@kernel
def fixed_quotes(mid, spread, skew, inventory):
    """(bid, ask) at a constant total spread around mid - skew * inventory.

    Args:
        skew: price per lot; 0 quotes around the mid whatever is held, > 0 leans against the inventory.
    """
    center = mid - skew * inventory
    return center - 0.5 * spread, center + 0.5 * spread


# --- Avellaneda and Stoikov -------------------------------------------------------------------------------------------


@kernel
def base_spread(gamma, k):
    """(2 / gamma) ln(1 + gamma / k): the spread of a maker without inventory risk; 2 / k at gamma = 0, its limit."""
    if gamma == 0.0:
        return 2.0 / k
    return 2.0 / gamma * log1p_(gamma / k)


@kernel
def as_reservation(mid, inventory, gamma, sigma, time_left):
    """Reservation price mid - q gamma sigma^2 (T - t): where the maker is indifferent between buying and selling."""
    return mid - inventory * gamma * sigma * sigma * time_left


@kernel
def as_spread(gamma, sigma, k, time_left):
    """Optimal total spread gamma sigma^2 (T - t) + (2 / gamma) ln(1 + gamma / k)."""
    return gamma * sigma * sigma * time_left + base_spread(gamma, k)


@kernel
def as_quotes(mid, inventory, gamma, sigma, k, time_left):
    """(bid, ask) of the inventory strategy: reservation price plus and minus half the optimal spread."""
    center = as_reservation(mid, inventory, gamma, sigma, time_left)
    half = 0.5 * as_spread(gamma, sigma, k, time_left)
    return center - half, center + half


@kernel
def as_mean_spread(gamma, sigma, k, horizon, num_steps):
    """Mean of `as_spread` over the steps t = 0, dt, ..., T - dt: the constant spread of the symmetric strategy.

    The mean time left is T (N + 1) / (2 N). The paper compares its strategy with one that quotes this spread around
    the mid at every step, whatever it holds.
    """
    return as_spread(gamma, sigma, k, horizon * (num_steps + 1.0) / (2.0 * num_steps))


@kernel
def fill_probability(offset, a, k, dt):
    """P(a quote at this distance from the mid is filled within dt) = a exp(-k offset) dt, capped at 1.

    The first-order rule of the paper's simulation. 1 - exp(-a exp(-k offset) dt) is another rule with other results.
    """
    p = a * exp_(-k * offset) * dt
    return p if p < 1.0 else 1.0


# --- Gueant, Lehalle and Fernandez-Tapia ------------------------------------------------------------------------------


@kernel
def glft_slope(a, k, gamma, sigma):
    """c = sqrt(sigma^2 gamma / (2 k a) (1 + gamma / k)^(1 + k / gamma)): offset per lot held; 0 at gamma = 0."""
    if gamma == 0.0:
        return 0.0
    power = exp_((1.0 + k / gamma) * log1p_(gamma / k))
    return sqrt_(sigma * sigma * gamma / (2.0 * k * a) * power)


@kernel
def glft_offsets(inventory, half_base, slope):
    """(bid offset, ask offset) of the closed-form approximation far from the horizon.

    Args:
        half_base: `base_spread(gamma, k) / 2`.
        slope: `glft_slope(...)`; both are constants of a configuration, computed once.
    """
    lean = inventory * slope
    return half_base + 0.5 * slope + lean, half_base + 0.5 * slope - lean


class GlftTable(NamedTuple):
    """Optimal offsets by inventory: row `q + max_inventory` of each array, float64 (2 max_inventory + 1,).

    inf where the inventory bound forbids the side.
    """

    bid: np.ndarray
    ask: np.ndarray


def glft_eta(a: float, k: float, gamma: float) -> float:
    """eta = a (1 + gamma / k)^-(1 + k / gamma), the off-diagonal of the matrix; a / e at gamma = 0."""
    exponent = 1.0 if gamma == 0 else (1.0 + k / gamma) * float(log1p_(gamma / k))
    return a * float(exp_(-exponent))


def glft_table(
    a: float, k: float, gamma: float, sigma: float, max_inventory: int, time_left: float | None = None
) -> GlftTable:
    """The exact optimal offsets with inventories bounded to -Q..Q.

    With v(t) = exp(-M (T - t)) 1, M tridiagonal with alpha q^2 on and -eta beside the diagonal and alpha =
    k gamma sigma^2 / 2, the bid offset is base / 2 + ln(v_q / v_{q+1}) / k, the ask offset the same with v_{q-1}.
    All sums are of positive numbers, so each entry keeps its digits however small v gets at the bounds, and nothing
    but + - * / and `fmath` is used: the table has the same bits everywhere.

    Args:
        max_inventory: Q >= 1, lots.
        time_left: T - t >= 0; `None` for the limit far from the horizon (the eigenvector of M's smallest eigenvalue).
    Raises: ConfigError.
    """
    for field, value in (("a", a), ("k", k), ("gamma", gamma), ("sigma", sigma)):
        require(value > 0, "glft_table", field, "> 0", value)
    require(max_inventory >= 1, "glft_table", "max_inventory", ">= 1 lots", max_inventory)
    require(time_left is None or time_left >= 0, "glft_table", "time_left", ">= 0 or None", time_left)
    alpha, eta = 0.5 * k * gamma * sigma * sigma, glft_eta(a, k, gamma)
    if time_left is None:
        log_v = _lowest_eigenvector(alpha, eta, max_inventory)
    else:
        v = _evolved_ones(alpha, eta, max_inventory, time_left)
        allowed = "so small that v does not vanish at the bound"
        require(bool(v.min() > 0), "glft_table", "max_inventory", allowed, max_inventory)
        log_v = np.array([log_(float(x)) for x in v])
    half_base = 0.5 * float(base_spread(gamma, k))
    bid, ask = np.full(len(log_v), np.inf), np.full(len(log_v), np.inf)
    bid[:-1] = half_base + (log_v[:-1] - log_v[1:]) / k
    ask[1:] = half_base + (log_v[1:] - log_v[:-1]) / k
    return GlftTable(bid, ask)


def _evolved_ones(alpha: float, eta: float, bound: int, time_left: float) -> np.ndarray:
    """exp(-M t) 1 up to a factor: Taylor steps of (s - M) dt, which has no negative entry when s = alpha Q^2."""
    q = np.arange(-bound, bound + 1, dtype=np.float64)
    stay = alpha * (float(bound) * bound - q * q)
    num_steps = max(1, int((alpha * bound * bound + 2.0 * eta) * time_left) + 1)
    dt = time_left / num_steps
    v = np.ones(len(q))
    for _ in range(num_steps):
        term, total = v, v.copy()
        for n in range(1, 24):  # the step's norm is at most 1: 1/24! is below a rounding
            moved = stay * term
            moved[:-1] += eta * term[1:]
            moved[1:] += eta * term[:-1]
            term = moved * (dt / n)
            total += term
        v = total / total.max()
    return v


def glft_growth(alpha: float, eta: float, bound: int) -> float:
    """The smallest eigenvalue of M, by bisection on the signs of its leading minors (Sturm's sequence)."""
    diagonal = [alpha * q * q for q in range(-bound, bound + 1)]
    low, high = -2.0 * eta, 0.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        pivot, positive = 1.0, True
        for at, entry in enumerate(diagonal):
            pivot = entry - middle - (eta * eta / pivot if at else 0.0)
            if pivot <= 0.0:
                positive = False
                break
        if positive:
            low = middle
        else:
            high = middle
    return low


def _lowest_eigenvector(alpha: float, eta: float, bound: int) -> np.ndarray:
    """Logarithms of its entries, grown from the bound towards q = 0: there the recurrence is stable; symmetric."""
    growth = glft_growth(alpha, eta, bound)
    half = [0.0]
    ratio = 0.0  # v of the row outside over v of this row
    for q in range(bound, 0, -1):
        step = (alpha * q * q - growth) / eta - ratio  # v_{|q|-1} / v_{|q|}
        half.append(half[-1] + float(log_(step)))
        ratio = 1.0 / step
    return np.array(half + half[-2::-1])


# --- Almgren and Chriss -----------------------------------------------------------------------------------------------


@kernel
def ac_kappa(risk_aversion, sigma, eta, gamma, tau):
    """Urgency: the kappa of 2 (cosh(kappa tau) - 1) / tau^2 = lambda sigma^2 / (eta - gamma tau / 2).

    Args:
        risk_aversion: lambda, per unit of money; 0 gives 0, the straight line.
        sigma: price per square root of time.
        eta: temporary impact, price x time per lot.
        gamma: permanent impact, price per lot.
        tau: length of one slice.
    With cosh(x) - 1 = 2 sinh(x / 2)^2: sinh(kappa tau / 2) = tau / 2 sqrt(lambda sigma^2 / eta~).
    """
    y = 0.5 * tau * sqrt_(risk_aversion * sigma * sigma / (eta - 0.5 * gamma * tau))
    return 2.0 / tau * log1p_(y + y * y / (1.0 + sqrt_(1.0 + y * y)))


@kernel
def ac_holdings(qty, horizon, t, kappa):
    """Lots still held at time t: qty sinh(kappa (T - t)) / sinh(kappa T), in a form that cannot overflow; float."""
    if t >= horizon:
        return 0.0
    if kappa * horizon < 1e-8:
        return qty * (horizon - t) / horizon
    return qty * exp_(-kappa * t) * expm1_(-2.0 * kappa * (horizon - t)) / expm1_(-2.0 * kappa * horizon)


def ac_schedule(qty: int, horizon: float, num_slices: int, kappa: float) -> np.ndarray:
    """Lots to trade in each slice, int64 (num_slices,), >= 0, summing to `qty`: differences of the rounded holdings.

    Raises: ConfigError.
    """
    require(qty >= 0, "ac_schedule", "qty", ">= 0 lots", qty)
    require(num_slices >= 1, "ac_schedule", "num_slices", ">= 1", num_slices)
    require(horizon > 0, "ac_schedule", "horizon", "> 0", horizon)
    times = [horizon * j / num_slices for j in range(num_slices)]
    holdings = [floor_tick(float(ac_holdings(float(qty), horizon, t, kappa)) + 0.5) for t in times]
    return -np.diff(np.array([*holdings, 0], np.int64))


def ac_cost(holdings, sigma: float, epsilon: float, eta: float, gamma: float, tau: float) -> tuple[float, float]:
    """Expectation and standard deviation of the implementation shortfall of a trajectory, in money.

    Args:
        holdings: lots at t_0 = 0, t_1, ..., t_N = T, float64 (N + 1,).
        epsilon: fixed cost per lot (half a spread, fees).
    """
    held = np.asarray(holdings, np.float64)
    traded = -np.diff(held)
    mean = (
        0.5 * gamma * held[0] * held[0]
        + epsilon * np.abs(traded).sum()
        + (eta - 0.5 * gamma * tau) / tau * (traded * traded).sum()
    )
    variance = sigma * sigma * tau * (held[1:] * held[1:]).sum()
    return float(mean), float(np.sqrt(variance))
