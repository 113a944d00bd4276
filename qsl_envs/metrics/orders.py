"""How orders fare, and what a party holds: fill ratio, queue time, inventory, turnover."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import count, integers, mean_by_episode, numbers, ratio, sum_by_episode
from qsl_envs.metrics.fills import MAKER, Fills


def fill_ratio(episode: np.ndarray, qty: np.ndarray, filled_qty: np.ndarray, num_episodes: int) -> np.ndarray:
    """Lots filled over lots sent.

    Args:
        episode: of each order, int64 (order,).
        qty: lots sent, > 0; of a replaced order what it was raised to.
        filled_qty: lots filled, in [0, qty].
    Returns: float64 (episode,), in [0, 1], more is better filled; NaN without orders.

    Source: SEC Rule 605 (17 CFR 242.605), shares executed over covered shares.
    """
    owner = "fill_ratio"
    num_episodes = count(owner, "num_episodes", num_episodes)
    episode = integers(owner, "episode", episode, None, 0, num_episodes - 1)
    qty = integers(owner, "qty", qty, len(episode), 1)
    filled_qty = integers(owner, "filled_qty", filled_qty, len(episode), 0)
    over = filled_qty > qty
    require(not over.any(), owner, "filled_qty", "<= qty", filled_qty[over][:1].tolist(), MetricError)
    sent, filled = (sum_by_episode(lots, episode, num_episodes) for lots in (qty, filled_qty))
    return ratio(filled, sent)


def queue_time(episode: np.ndarray, arrival_ns: np.ndarray, first_fill_ns: np.ndarray, num_episodes: int) -> np.ndarray:
    """Mean time from an order's arrival at the venue to its first fill, over the orders that were filled.

    What was never filled is left out: the mean is of a selection, shorter than waiting for every order would take.

    Args:
        arrival_ns: int64 (order,).
        first_fill_ns: int64 (order,), `NIL` for an order without fills.
    Returns: float64 (episode,), ns, a cost; NaN without filled orders.

    Source: Lo, MacKinlay and Zhang (2002), time to first fill.
    """
    owner = "queue_time"
    num_episodes = count(owner, "num_episodes", num_episodes)
    episode = integers(owner, "episode", episode, None, 0, num_episodes - 1)
    arrival_ns = integers(owner, "arrival_ns", arrival_ns, len(episode), NIL)
    first_fill_ns = integers(owner, "first_fill_ns", first_fill_ns, len(episode), NIL)
    early = (first_fill_ns != NIL) & (first_fill_ns < arrival_ns)
    require(not early.any(), owner, "first_fill_ns", ">= arrival_ns, or NIL", first_fill_ns[early][:1], MetricError)
    known = (first_fill_ns != NIL) & (arrival_ns != NIL)
    waited = np.where(known, first_fill_ns - arrival_ns, np.nan)
    return mean_by_episode(waited, episode, num_episodes)


def maker_share(fills: Fills) -> np.ndarray:
    """Lots filled as maker over all lots filled, float64 (episode,), in [0, 1]; NaN without fills. FIX 851."""
    made = sum_by_episode(np.where(fills.liquidity == MAKER, fills.qty, 0), fills.episode, fills.num_episodes)
    return ratio(made, traded_qty(fills))


def traded_qty(fills: Fills) -> np.ndarray:
    """Lots bought and sold, int64 (episode,)."""
    return sum_by_episode(fills.qty, fills.episode, fills.num_episodes)


class InventoryStatistics(NamedTuple):
    """Statistics of an inventory path, weighted by time; float64 (...), lots where not said otherwise.

    | field          | definition                                                         | sign                    |
    | -------------- | ------------------------------------------------------------------ | ----------------------- |
    | `mean`         | mean                                                               | long positive           |
    | `mean_abs`     | mean of the size                                                   | >= 0, a cost (risk)     |
    | `deviation`    | standard deviation around the mean                                 | >= 0, a cost (risk)     |
    | `max_abs`      | largest size                                                       | >= 0, a cost (risk)     |
    | `flat_share`   | share of the time without inventory                                | in [0, 1]               |
    | `crossings`    | times that it went from long to short or back                      | more: turned quicker    |
    | `final`        | the last one                                                       | long positive           |
    """

    mean: np.ndarray
    mean_abs: np.ndarray
    deviation: np.ndarray
    max_abs: np.ndarray
    flat_share: np.ndarray
    crossings: np.ndarray
    final: np.ndarray


def inventory_statistics(inventory: np.ndarray, elapsed_ns: np.ndarray | None = None) -> InventoryStatistics:
    """Statistics of what is held.

    Args:
        inventory: float64 (..., step), lots; NaN steps (after an episode's end) are left out.
        elapsed_ns: how long each step's inventory was held, >= 0, broadcast to `inventory`; None: equally long.
    Raises: MetricError naming the argument.

    Source: plain moments; time weighting as Hasbrouck and Sofianos (1993) measure specialists' inventories.
    """
    owner = "inventory_statistics"
    inventory = numbers(owner, "inventory", inventory)
    require(inventory.shape[-1] >= 1, owner, "inventory", "of at least one step", inventory.shape, MetricError)
    if elapsed_ns is None:
        weights = np.ones(inventory.shape)
    else:
        weights = numbers(owner, "elapsed_ns", elapsed_ns)
        fits = weights.shape[-1] == inventory.shape[-1] and weights.ndim <= inventory.ndim
        allowed = f"of a shape that broadcasts to {inventory.shape}"
        require(fits, owner, "elapsed_ns", allowed, weights.shape, MetricError)
        require(bool((weights >= 0).all()), owner, "elapsed_ns", ">= 0", float(weights.min()), MetricError)
        weights = np.broadcast_to(weights, inventory.shape)
    held = ~np.isnan(inventory)
    weights, lots = np.where(held, weights, 0.0), np.where(held, inventory, 0.0)
    time = weights.sum(-1)
    mean = ratio((weights * lots).sum(-1), time)
    centered = lots - np.where(np.isnan(mean), 0.0, mean)[..., None]
    none = ~held.any(-1)
    last = inventory.shape[-1] - 1 - np.argmax(held[..., ::-1], -1)
    final = np.take_along_axis(inventory, last[..., None], -1)[..., 0]
    return InventoryStatistics(
        mean=mean,
        mean_abs=ratio((weights * np.abs(lots)).sum(-1), time),
        deviation=np.sqrt(ratio((weights * centered**2).sum(-1), time)),
        max_abs=np.where(none, np.nan, np.abs(lots).max(-1)),
        flat_share=ratio((weights * (lots == 0)).sum(-1), time),
        crossings=np.where(none, np.nan, _crossings(lots)),
        final=np.where(none, np.nan, final),
    )


def _crossings(lots: np.ndarray) -> np.ndarray:
    """Changes of sign along the last axis; zeros between keep the sign before them."""
    sign = np.sign(lots)
    steps = np.arange(lots.shape[-1])
    last = np.maximum.accumulate(np.where(sign != 0, steps, 0), -1)
    kept = np.take_along_axis(sign, last, -1)
    return (kept[..., 1:] * kept[..., :-1] < 0).sum(-1)


def turnover(fills: Fills, mean_abs_inventory: np.ndarray) -> np.ndarray:
    """Lots traded over twice the mean size of the inventory: how often what is held was built up and given back.

    Args:
        mean_abs_inventory: lots, >= 0, float64 (episode,); see `inventory_statistics`.
    Returns: float64 (episode,), no unit; more: the same trade with less held. NaN without inventory.

    Source: portfolio turnover, the mean of purchases and sales over the mean holding.
    """
    held = numbers("turnover", "mean_abs_inventory", mean_abs_inventory, 1)
    n = fills.num_episodes
    require(len(held) == n, "turnover", "mean_abs_inventory", f"of length {n}", len(held), MetricError)
    negative = held < 0
    require(not negative.any(), "turnover", "mean_abs_inventory", ">= 0", held[negative][:1].tolist(), MetricError)
    return ratio(traded_qty(fills), 2.0 * held)
