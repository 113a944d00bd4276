"""Impact of order flow on the price: Kyle's lambda."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import constant, numbers, ratio


class KyleLambda(NamedTuple):
    """Least squares of mid changes on signed flow; float64 (...).

    | field     | definition                                      | unit, sign                                       |
    | --------- | ----------------------------------------------- | ------------------------------------------------ |
    | `slope`   | Kyle's lambda                                   | ticks per lot; positive: price follows the flow  |
    | `drift`   | change without flow, the intercept              | ticks an interval                                |
    | `r2`      | share of the variance that flow explains        | in [0, 1]                                        |
    | `error`   | standard error of the slope, equal variances    | ticks per lot                                    |
    """

    slope: np.ndarray
    drift: np.ndarray
    r2: np.ndarray
    error: np.ndarray


def kyle_lambda(mid_changes: np.ndarray, signed_qty: np.ndarray) -> KyleLambda:
    """Price impact per lot of net flow. An interval with a NaN in either argument is left out.

    Args:
        mid_changes: change of the mid over each interval, ticks, float64 (..., interval).
        signed_qty: lots bought less lots sold by aggressors in it, of the same shape.
    Returns: NaN where fewer than two intervals or no flow differs; `error` needs three.
    Raises: MetricError naming the argument.

    Source: Kyle (1985); estimated by regression as in Hasbrouck (2009).
    """
    changes, flow = numbers("kyle_lambda", "mid_changes", mid_changes), numbers("kyle_lambda", "signed_qty", signed_qty)
    same = changes.shape == flow.shape
    require(same, "kyle_lambda", "signed_qty", f"of shape {changes.shape}", flow.shape, MetricError)
    held = ~(np.isnan(changes) | np.isnan(flow))
    num = held.sum(-1)
    mean_change, mean_flow = (ratio(np.where(held, values, 0.0).sum(-1), num) for values in (changes, flow))
    y = np.where(held, changes - mean_change[..., None], 0.0)
    x = np.where(held, flow - mean_flow[..., None], 0.0)
    xx, xy, yy = (x * x).sum(-1), (x * y).sum(-1), (y * y).sum(-1)
    xx = np.where(constant(np.where(held, flow, np.nan)), 0.0, xx)
    slope = ratio(xy, xx)
    rest = np.maximum(yy - np.where(np.isnan(slope), 0.0, slope) * xy, 0.0)
    return KyleLambda(
        slope=slope,
        drift=mean_change - slope * mean_flow,
        r2=ratio(xy * xy, xx * yy),
        error=np.sqrt(ratio(ratio(rest, np.maximum(num - 2, 0)), xx)),
    )
