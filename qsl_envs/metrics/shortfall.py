"""Implementation shortfall of parent orders, and its parts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import LIMIT, integers, ratio, sum_by_episode
from qsl_envs.metrics.fills import Fills


class Shortfall(NamedTuple):
    """Shortfall of one parent order an episode, int64 (episode,) of money; costs are positive.

    `total = delay + trading + fees + opportunity`, exactly.

    | field         | definition                                                          |
    | ------------- | ------------------------------------------------------------------- |
    | `delay`       | filled lots x sign x (mid at the first arrival - mid at the decision) |
    | `trading`     | sum over fills of sign x qty x (price - mid at the first arrival)   |
    | `fees`        | fees less rebates                                                   |
    | `opportunity` | lots left x sign x (final mark - mid at the decision)               |
    | `total`       | gain of a paper trade of the whole order at the decision's mid, less the gain made |
    """

    delay: np.ndarray
    trading: np.ndarray
    fees: np.ndarray
    opportunity: np.ndarray
    total: np.ndarray


def implementation_shortfall(
    fills: Fills,
    *,
    side: np.ndarray,
    qty: np.ndarray,
    decision_x2: np.ndarray,
    mark_x2: np.ndarray,
    arrival_x2: np.ndarray | None = None,
) -> Shortfall:
    """What executing one parent order an episode cost against trading all of it at once at the decision's mid.

    Args:
        fills: of the parent orders; sells inside a buy (or the reverse) count negative.
        side: `BUY` or `SELL`, int64 (episode,).
        qty: lots of the parent order, > 0, int64 (episode,).
        decision_x2: mid when it was decided, half ticks, int64 (episode,).
        mark_x2: mid at the end, int64 (episode,): what the lots left are held against.
        arrival_x2: mid when the first child order reached the venue; None: the decision's, and no delay.
    Raises: MetricError naming the argument.

    Source: Perold (1988), "The implementation shortfall: paper versus reality"; delay and opportunity as in Wagner
    and Edwards (1993).
    """
    owner, n, half = "implementation_shortfall", fills.num_episodes, fills.fee_unit // 2
    side = integers(owner, "side", side, n, BUY, SELL)
    qty = integers(owner, "qty", qty, n, 1)
    decision_x2 = integers(owner, "decision_x2", decision_x2, n, 0)
    mark_x2 = integers(owner, "mark_x2", mark_x2, n, 0)
    arrival_x2 = decision_x2 if arrival_x2 is None else integers(owner, "arrival_x2", arrival_x2, n, 0)
    highest = max(int(a.max(initial=0)) for a in (2 * fills.price, decision_x2, mark_x2, arrival_x2))
    lots = sum(fills.qty.tolist()) + int(qty.max())
    most = highest * lots * fills.fee_unit
    require(most < LIMIT, owner, "fills", "such that price x lots x fee_unit < 2**61", most // 2, MetricError)
    sign = 1 - 2 * side
    along = fills.sign * sign[fills.episode] * fills.qty  # lots toward the parent order's end
    filled = sum_by_episode(along, fills.episode, n)
    value_x2 = sum_by_episode(along * 2 * fills.price, fills.episode, n)
    fees = sum_by_episode(fills.fee, fills.episode, n)
    paper = sign * qty * (mark_x2 - decision_x2)
    made = sign * (filled * mark_x2 - value_x2)
    return Shortfall(
        delay=sign * filled * (arrival_x2 - decision_x2) * half,
        trading=sign * (value_x2 - filled * arrival_x2) * half,
        fees=fees,
        opportunity=sign * (qty - filled) * (mark_x2 - decision_x2) * half,
        total=(paper - made) * half + fees,
    )


def shortfall_bps(shortfall: Shortfall, qty: np.ndarray, decision_x2: np.ndarray, fee_unit: int) -> np.ndarray:
    """Total shortfall over the paper trade's value, float64 (episode,), basis points; a cost is positive."""
    owner, n = "shortfall_bps", len(shortfall.total)
    qty = integers(owner, "qty", qty, n, 1)
    decision_x2 = integers(owner, "decision_x2", decision_x2, n, 1)
    return 1e4 * ratio(shortfall.total, qty * (decision_x2 / 2.0) * fee_unit)
