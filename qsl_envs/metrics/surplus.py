"""Gains from trade of participants with private values: what could be had, what was had, and by whom."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import count, integers, ratio, sum_by_episode


class MaximalSurplus(NamedTuple):
    """The best allocation of each episode: demand crossed with supply.

    | field        | definition                                              | unit              |
    | ------------ | ------------------------------------------------------- | ----------------- |
    | `total`      | int64 (episode,): sum of value - cost over the best matches | ticks x lots, >= 0 |
    | `qty`        | int64 (episode,): lots that trade in it, as few as reach `total` | lots     |
    | `price_low`  | float64 (episode,): lowest price that clears            | ticks; NaN without trade |
    | `price_high` | float64 (episode,): highest price that clears           | ticks; NaN without trade |
    | `buyers`     | float64 (episode,): buyers' part at the middle of those prices | ticks x lots |
    | `sellers`    | float64 (episode,): sellers' part there                 | ticks x lots      |
    """

    total: np.ndarray
    qty: np.ndarray
    price_low: np.ndarray
    price_high: np.ndarray
    buyers: np.ndarray
    sellers: np.ndarray


def maximal_surplus(
    episode: np.ndarray, side: np.ndarray, value: np.ndarray, qty: np.ndarray, num_episodes: int
) -> MaximalSurplus:
    """Largest surplus that any trading among the participants can reach.

    Private values are given as units: `qty` lots that their owner would buy at up to `value`, or sell from `value` on.
    A participant whose next lot is worth less than the one before has a row a lot; one that may trade either way has
    buy rows for what lies above its holding and sell rows for what lies below it.

    Args:
        episode: int64 (unit,), in [0, num_episodes).
        side: `BUY` or `SELL`, int64 (unit,).
        value: ticks, int64 (unit,).
        qty: lots, > 0, int64 (unit,).
    Raises: MetricError naming the argument.

    Source: Smith (1962), demand and supply induced by private values.
    """
    owner = "maximal_surplus"
    num_episodes = count(owner, "num_episodes", num_episodes)
    episode = integers(owner, "episode", episode, None, 0, num_episodes - 1)
    n = len(episode)
    side = integers(owner, "side", side, n, BUY, SELL)
    value = integers(owner, "value", value, n, -(2**31), 2**31)
    qty = integers(owner, "qty", qty, n, 1, 2**31)
    # best first: highest value to buy, lowest to sell
    order = np.lexsort((np.where(side == BUY, -value, value), side, episode))
    bounds = np.searchsorted((2 * episode + side)[order], np.arange(2 * num_episodes + 1))
    value, qty = value[order], qty[order]
    found = np.zeros((num_episodes, 4))
    totals = np.zeros((num_episodes, 2), np.int64)
    for e in range(num_episodes):
        buys, sells = (slice(bounds[2 * e + s], bounds[2 * e + s + 1]) for s in (BUY, SELL))
        totals[e], found[e] = _cross(value[buys], qty[buys], value[sells], qty[sells])
    return MaximalSurplus(*totals.T, *found.T)


def _cross(values: np.ndarray, demand: np.ndarray, costs: np.ndarray, supply: np.ndarray) -> tuple:
    """Cross one demand with one supply, both best first."""
    bought, sold = np.cumsum(demand), np.cumsum(supply)
    reach = min(bought[-1] if len(bought) else 0, sold[-1] if len(sold) else 0)
    steps = np.union1d(bought[bought <= reach], sold[sold <= reach])
    # the lots up to each step are of one buy unit and one sell unit
    buy, sell = np.searchsorted(bought, steps), np.searchsorted(sold, steps)
    gain = values[buy] - costs[sell]
    gains = gain > 0  # a prefix: values fall, costs rise
    lots = np.diff(steps, prepend=0)
    total = int((gain * lots)[gains].sum())
    if not gains.any():
        return (0, 0), (np.nan, np.nan, 0.0, 0.0)
    traded = int(lots[gains].sum())
    last = int(np.flatnonzero(gains)[-1])
    # the price must please the last who trade and nobody who does not
    rest_buy, rest_sell = np.searchsorted(bought, traded, "right"), np.searchsorted(sold, traded, "right")
    low = max([int(costs[sell[last]]), *values[rest_buy : rest_buy + 1].tolist()])
    high = min([int(values[buy[last]]), *costs[rest_sell : rest_sell + 1].tolist()])
    middle = (low + high) / 2
    buyers = float(((values[buy] - middle) * lots)[gains].sum())
    sellers = float(((middle - costs[sell]) * lots)[gains].sum())
    return (total, traded), (low, high, buyers, sellers)


def realized_surplus(
    episode: np.ndarray,
    side: np.ndarray,
    value: np.ndarray,
    price: np.ndarray,
    qty: np.ndarray,
    num_episodes: int,
    *,
    role: np.ndarray | None = None,
    num_roles: int = 1,
) -> np.ndarray:
    """Surplus that each role made: over its fills, qty x (value - price) for a buy, qty x (price - value) for a sell.

    Each fill is given with the private value of the lots that it moved. Fees and prices only move surplus between
    parties: with both parties of every trade given, the sum over roles does not depend on the prices.

    Args:
        episode: int64 (fill,), in [0, num_episodes).
        side: of the party, `BUY` or `SELL`, int64 (fill,).
        value: private value of these lots to the party, ticks, int64 (fill,).
        price: ticks, int64 (fill,).
        qty: lots, > 0, int64 (fill,).
        role: of the party, int64 (fill,), in [0, num_roles); None: one role.
    Returns: int64 (episode, role), ticks x lots; a gain is positive.
    Raises: MetricError naming the argument.

    Source: Smith (1962); split by role as Gode and Sunder (1993) compare kinds of traders.
    """
    owner = "realized_surplus"
    num_episodes, num_roles = count(owner, "num_episodes", num_episodes), count(owner, "num_roles", num_roles)
    episode = integers(owner, "episode", episode, None, 0, num_episodes - 1)
    n = len(episode)
    side = integers(owner, "side", side, n, BUY, SELL)
    value = integers(owner, "value", value, n, -(2**31), 2**31)
    price = integers(owner, "price", price, n, -(2**31), 2**31)
    qty = integers(owner, "qty", qty, n, 1, 2**31)
    role = np.zeros(n, np.int64) if role is None else integers(owner, "role", role, n, 0, num_roles - 1)
    gain = (1 - 2 * side) * (value - price) * qty
    return sum_by_episode(gain, episode * num_roles + role, num_episodes * num_roles).reshape(num_episodes, num_roles)


def allocative_efficiency(realized: np.ndarray, maximal: np.ndarray) -> np.ndarray:
    """Realized over maximal surplus.

    Args:
        realized: of all roles together (episode,), or by role (episode, role), as `realized_surplus` gives it.
        maximal: int64 (episode,), as `maximal_surplus` gives it.

    Returns:
        float64 of `realized`'s shape: at most 1 in sum over roles, more is better, negative where trade destroyed
        value; NaN where nothing could be gained.

    Raises: MetricError naming the argument.

    Source: Smith (1962); Gode and Sunder (1993).
    """
    owner = "allocative_efficiency"
    maximal = integers(owner, "maximal", maximal, low=0)
    realized = np.asarray(realized)
    fits = realized.ndim in (1, 2) and len(realized) == len(maximal)
    require(fits, owner, "realized", f"({len(maximal)},) or ({len(maximal)}, role)", realized.shape, MetricError)
    return ratio(realized, maximal if realized.ndim == 1 else maximal[:, None])
