"""Profit and loss of episodes, and its parts: they are whole numbers of money and sum to it exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import LIMIT, integers, ratio, sum_by_episode
from qsl_envs.metrics.fills import Fills, MidPath


class PnlParts(NamedTuple):
    """P&L of each episode and its parts, int64 (episode,) of money (1/`fee_unit` of tick x lot).

    `total = spread + inventory - fees + rebates - borrow`, exactly.

    | field       | definition                                                    | sign                    |
    | ----------- | ------------------------------------------------------------- | ----------------------- |
    | `spread`    | sum over fills of sign x qty x (mid at the fill - price)      | gain: +, a maker's edge |
    | `inventory` | sum over fills of sign x qty x (final mark - mid at the fill), |                         |
    |             | and the change of value of what was held at the start         | gain: +                 |
    | `fees`      | fees paid                                                     | cost: +                 |
    | `rebates`   | fees received                                                 | gain: +                 |
    | `borrow`    | paid for short inventory                                      | cost: +                 |
    | `total`     | change of cash + inventory x mark over the episode            | gain: +                 |
    """

    spread: np.ndarray
    inventory: np.ndarray
    fees: np.ndarray
    rebates: np.ndarray
    borrow: np.ndarray
    total: np.ndarray

    def ticks_lots(self, fee_unit: int) -> PnlParts:
        """The same in ticks x lots, float64."""
        return PnlParts(*(part / fee_unit for part in self))


def pnl_parts(
    fills: Fills,
    mids: MidPath,
    mark_x2: np.ndarray,
    *,
    borrow: np.ndarray | None = None,
    initial_inventory: np.ndarray | None = None,
    initial_mark_x2: np.ndarray | None = None,
) -> PnlParts:
    """P&L of one party and its parts.

    The mid at a fill is the one just before it: what the fill itself does to the book is inventory's, as in a markout.
    The closing of an inventory at the end belongs to `fills` when it is to count (`liquidity` 0).

    Args:
        fills: of one party, in all episodes.
        mids: of the market; without the party's own orders where those would move it.
        mark_x2: final mark, int64 (episode,), half ticks.
        borrow: money paid for short inventory, int64 (episode,); None: nothing.
        initial_inventory: lots, int64 (episode,); None: none.
        initial_mark_x2: the mark at the start, int64 (episode,), half ticks; needed with `initial_inventory`.
    Raises: MetricError naming the argument; a fill at a time without a mid is one.

    Source: cash accounting; the split at the mid is Glosten (1987) and Stoll (1989), spread and holding gains.
    """
    owner, n, half = "pnl_parts", fills.num_episodes, fills.fee_unit // 2
    require(mids.num_episodes == n, owner, "mids", f"of {n} episodes", mids.num_episodes, MetricError)
    mark_x2 = integers(owner, "mark_x2", mark_x2, n, 0)
    zero = np.zeros(n, np.int64)
    paid = zero if borrow is None else integers(owner, "borrow", borrow, n)
    held = zero if initial_inventory is None else integers(owner, "initial_inventory", initial_inventory, n)
    needed = initial_mark_x2 is not None or not held.any()
    require(needed, owner, "initial_mark_x2", "given with initial_inventory", None, MetricError)
    first_x2 = zero if initial_mark_x2 is None else integers(owner, "initial_mark_x2", initial_mark_x2, n, 0)
    mid_x2 = mids.before(fills.episode, fills.ts_ns)
    unknown = mid_x2 == NIL
    require(not unknown.any(), owner, "mids", "known at every fill", f"{unknown.sum()} fills without", MetricError)
    signed, episode = fills.sign * fills.qty, fills.episode
    _check_size(fills, mid_x2, mark_x2, held)

    def total(values: np.ndarray) -> np.ndarray:
        return sum_by_episode(values, episode, n)

    cash = -total(signed * fills.price) * fills.fee_unit - total(fills.fee) - paid
    final = held + total(signed)
    return PnlParts(
        spread=total(signed * (mid_x2 - 2 * fills.price)) * half,
        inventory=(total(signed * (mark_x2[episode] - mid_x2)) + held * (mark_x2 - first_x2)) * half,
        fees=total(np.maximum(fills.fee, 0)),
        rebates=total(np.maximum(-fills.fee, 0)),
        borrow=paid,
        total=cash + (final * mark_x2 - held * first_x2) * half,
    )


def _check_size(fills: Fills, mid_x2: np.ndarray, mark_x2: np.ndarray, held: np.ndarray) -> None:
    """Raise where an exact sum might not fit 64 bits."""
    price = max(2 * int(fills.price.max(initial=0)), int(mid_x2.max(initial=0)), int(mark_x2.max(initial=0)))
    lots = sum(fills.qty.tolist()) + int(np.abs(held).max(initial=0))
    most = price * lots * fills.fee_unit
    require(most < LIMIT, "pnl_parts", "fills", "such that price x lots x fee_unit < 2**61", most // 2, MetricError)


def adverse_selection(parts: PnlParts) -> np.ndarray:
    """Share of the captured spread that inventory gave back: -inventory / spread, float64 (episode,), NaN without any.

    Positive is bad for the party: 1 is a maker whose whole edge was taken by moves against him. Source: Glosten and
    Milgrom (1985).
    """
    return -ratio(parts.inventory, parts.spread)
