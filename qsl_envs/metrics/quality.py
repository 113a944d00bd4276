"""Quality of fills against the mid: markouts, slippage, effective and realized spread, price impact. Ticks per lot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import integers, mean_by_episode
from qsl_envs.metrics.fills import MAKER, TAKER, Fills, MidPath

HORIZONS_NS = (10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)
"""10 ms, 100 ms, 1 s, 10 s."""


def markouts(fills: Fills, mids: MidPath, horizons_ns: Sequence[int] = HORIZONS_NS) -> np.ndarray:
    """Sign x (mid some time after the fill - fill price): what one lot is worth then, against what was paid for it.

    Args:
        horizons_ns: times after the fill, >= 0.
    Returns: float64 (fill, horizon), ticks per lot, a gain is positive; NaN where the episode ends before.

    Source: the maker's realized half spread of Huang and Stoll (1996), seen from either side of the trade.
    """
    _check_episodes("markouts", fills, mids)
    horizons = integers("markouts", "horizons_ns", horizons_ns, low=0)
    out = np.empty((len(fills), len(horizons)))
    for column, horizon in enumerate(horizons.tolist()):
        later = mids.at(fills.episode, fills.ts_ns + horizon)
        out[:, column] = _signed(fills.sign, later, fills.price)
    return out


def mean_markouts(fills: Fills, mids: MidPath, horizons_ns: Sequence[int] = HORIZONS_NS) -> np.ndarray:
    """Markouts averaged over the lots of each episode: float64 (episode, horizon), ticks per lot, a gain is positive.

    Minus a maker's mean markout is its adverse selection.
    """
    values = markouts(fills, mids, horizons_ns)
    return mean_by_episode(values, fills.episode, fills.num_episodes, fills.qty)


def slippage(fills: Fills, reference_x2: np.ndarray) -> np.ndarray:
    """Sign x (fill price - reference): what a lot cost more than the price that was looked at.

    Args:
        reference_x2: half ticks, int64 (fill,) (the mid at each order's decision) or (episode,) (one parent order's
            arrival mid); `NIL`: none.
    Returns: float64 (fill,), ticks per lot, a cost is positive; NaN without a reference.

    Source: Perold (1988), execution cost per share.
    """
    by_fill = np.size(reference_x2) == len(fills)
    length = len(fills) if by_fill else fills.num_episodes
    reference = integers("slippage", "reference_x2", reference_x2, length, NIL)
    return -_signed(fills.sign, reference if by_fill else reference[fills.episode], fills.price)


def effective_spread(fills: Fills, mids: MidPath) -> np.ndarray:
    """2 x aggressor's sign x (price - mid just before the trade): what the taker of each fill pays, both ways.

    Returns:
        float64 (fill,), ticks; a cost of the taker is positive, for his maker it is earned. NaN for fills of no
        liquidity side (auctions), or without a mid.

    Source: Huang and Stoll (1996); the sum `realized_spread + price_impact` at any horizon.
    """
    _check_episodes("effective_spread", fills, mids)
    return -2.0 * _signed(_aggressor(fills), mids.before(fills.episode, fills.ts_ns), fills.price)


def realized_spread(fills: Fills, mids: MidPath, horizon_ns: int) -> np.ndarray:
    """2 x aggressor's sign x (price - mid after `horizon_ns`): what the maker keeps once the price has moved.

    Returns:
        float64 (fill,), ticks; positive: the maker earned it, the taker paid it. NaN as in `effective_spread`, and
        where the episode ends before the horizon.

    Source: Huang and Stoll (1996).
    """
    _check_episodes("realized_spread", fills, mids)
    horizon = integers("realized_spread", "horizon_ns", [horizon_ns], low=0)
    later = mids.at(fills.episode, fills.ts_ns + horizon)
    return -2.0 * _signed(_aggressor(fills), later, fills.price)


def price_impact(fills: Fills, mids: MidPath, horizon_ns: int) -> np.ndarray:
    """2 x aggressor's sign x (mid after `horizon_ns` - mid just before the trade).

    Returns: float64 (fill,), ticks; positive: the price went the taker's way. NaN as in `realized_spread`.

    Source: Huang and Stoll (1996); Bessembinder and Kaufman (1997).
    """
    _check_episodes("price_impact", fills, mids)
    horizon = integers("price_impact", "horizon_ns", [horizon_ns], low=0)
    before, later = mids.before(fills.episode, fills.ts_ns), mids.at(fills.episode, fills.ts_ns + horizon)
    known = (before != NIL) & (later != NIL)
    return np.where(known, _aggressor(fills) * (later - before), np.nan)


def _signed(sign: np.ndarray, mid_x2: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Sign x (mid - price) in ticks; NaN where there is no mid."""
    return np.where(mid_x2 == NIL, np.nan, sign * (mid_x2 - 2 * price) / 2.0)


def _aggressor(fills: Fills) -> np.ndarray:
    """The aggressor's sign, float64 (fill,); NaN where nobody was."""
    took = np.where(fills.liquidity == TAKER, 1.0, np.where(fills.liquidity == MAKER, -1.0, np.nan))
    return took * fills.sign


def _check_episodes(owner: str, fills: Fills, mids: MidPath) -> None:
    wanted = fills.num_episodes
    require(mids.num_episodes == wanted, owner, "mids", f"of {wanted} episodes", mids.num_episodes, MetricError)
