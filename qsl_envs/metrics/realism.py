"""Realism of a market: its stylised facts, and how far its statistics lie from another market's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.distance import Sample, histogram_l1, wasserstein
from qsl_envs.metrics.history import History, Trades
from qsl_envs.metrics.series import (
    autocorrelation,
    binned_means,
    excess_kurtosis,
    power_exponent,
    run_lengths,
)
from qsl_envs.metrics.statistics import FACTS, STATISTICS, Statistic

SECOND_NS = 1_000_000_000
BLOCK_S = 300
"""Seconds of returns in a block: statistics of blocks are samples too."""
BLOCK_TRADES = 100
LAGS = 10
"""Lags that memory is averaged over in a block."""
SIGN_LAGS = 63
"""Lags of the signs' autocorrelation that its decay is fitted to."""
ENOUGH = 20
"""Changes of the mid that a moment is taken of."""
SIZE_BINS = 20
"""Bins of trade sizes that impact is averaged in."""


class Distance(NamedTuple):
    """Distance of two samples: `l1` in [0, 2], `wasserstein` in the statistic's unit (over what it is divided by)."""

    l1: float
    wasserstein: float


@dataclass(frozen=True)
class Realism:
    """What was measured on one history.

    `facts`: name of `FACTS` -> value, NaN where it cannot be had. `samples`: name of `STATISTICS` -> values in their
    unit; what cannot be had is left out. `scales`: name of `Statistic.over` -> value. `impact_curve`: mean size, mean
    impact and number of aggressive orders by bins of size, float64 (3, bin).
    """

    name: str
    span_ns: int
    facts: dict[str, float]
    samples: dict[str, Sample]
    scales: dict[str, float]
    impact_curve: np.ndarray

    def scaled(self, statistic: Statistic) -> Sample | None:
        """The sample that distances are taken of; None where there is none."""
        sample, scale = self.samples.get(statistic.name), self.scales[statistic.over]
        return sample.over(scale) if sample is not None and scale > 0 else None


def realism(history: History) -> Realism:
    """Measure the statistics of a market.

    Raises: MetricError if the history has no time in which both sides are quoted, or no new limit order.
    """
    held = np.flatnonzero((history.best > 0).all(1))
    require(len(held) > 1, "realism", "history", "quoted on both sides", history.name, MetricError)
    orders, trades = history.orders(), history.trades()
    require(len(orders) > 1, "realism", "history", "of at least two new orders", history.name, MetricError)
    path = mid_by_second(history)
    samples: dict[str, Sample] = {}
    samples.update(_book_samples(history))
    samples.update(_flow_samples(history, orders, trades))
    samples.update(_return_samples(path))
    samples.update(_sign_samples(trades.sign))
    moves = trade_moves(history, trades)
    samples.update({name: Sample(values[~np.isnan(values)]) for name, values in moves.items()
                    if not np.isnan(values).all()})  # fmt: skip
    curve = _impact_curve(trades.qty, moves["impact"]) if len(trades) else np.zeros((3, 0))
    scales = {
        "": 1.0,
        "median order": _median(samples, "order_qty"),
        "median trade": _median(samples, "trade_qty"),
        "standard deviation": samples["return_1s"].deviation if "return_1s" in samples else 0.0,
        "mean spread": samples["spread"].mean,
    }
    return Realism(history.name, history.span_ns, _facts(history, trades, path, samples, curve), samples, scales, curve)


def _median(samples: dict[str, Sample], name: str) -> float:
    """Median of a sample, 0 of none. A median is a size that orders have, so the lattice of lots stays in place."""
    return float(samples[name].quantiles([0.5])[0]) if name in samples else 0.0


def compare(one: Realism, other: Realism) -> dict[str, Distance]:
    """Distances of two markets, for every statistic that both have."""
    found = {}
    for statistic in STATISTICS:
        a, b = one.scaled(statistic), other.scaled(statistic)
        if a is not None and b is not None:
            found[statistic.name] = Distance(histogram_l1(a, b, np.array(statistic.edges)), wasserstein(a, b))
    return found


def compare_halves(history: History) -> dict[str, Distance]:
    """Distances of the two halves of one history (by time): what a market differs from itself by."""
    first, second = history.halves()
    return compare(realism(first), realism(second))


def mid_by_second(history: History) -> np.ndarray:
    """Mid at every whole second from the first message on: float64 (second,), ticks; of the last message until then.

    A time with an empty side keeps the mid before it; the path begins at the first mid there is.
    """
    mid = history.mid
    known = np.flatnonzero(~np.isnan(mid))
    ts_ns = history.ts_ns[known]
    times = np.arange(ts_ns[0], history.ts_ns[-1] + 1, SECOND_NS)
    return mid[known][np.searchsorted(ts_ns, times, side="right") - 1]


def _book_samples(history: History) -> dict[str, Sample]:
    """Spread and depths, weighted by the time that they stood."""
    stood = np.diff(history.ts_ns, append=history.ts_ns[-1]).astype(np.float64)
    both = (history.best > 0).all(1)
    weights = stood[both]
    if not weights.any():
        weights = np.ones(len(weights))
    best = history.best[both]
    found = {"spread": Sample(best[:, SELL] - best[:, BUY], weights)}
    for name, qty in (("depth_best", history.best_qty), ("depth_5", history.depth_qty)):
        if qty is not None:
            found[name] = Sample(qty[both].T.ravel(), np.tile(weights, 2))
    return found


def _flow_samples(history: History, orders: np.ndarray, trades: Trades) -> dict[str, Sample]:
    """Sizes and times between events."""
    found = {"order_qty": Sample(history.qty[orders]), "order_gap": Sample(_log_gaps(history.ts_ns[orders]))}
    if len(trades):
        found["trade_qty"] = Sample(trades.qty)
    if len(trades) > 1:
        found["trade_gap"] = Sample(_log_gaps(trades.ts_ns))
    return found


def _log_gaps(ts_ns: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(np.diff(ts_ns), 1) / 1e9)


def _return_samples(path: np.ndarray) -> dict[str, Sample]:
    """Changes of the mid over 1 s, and what their blocks say."""
    changes = np.diff(path)
    if len(changes) == 0:
        return {}
    found = {"return_1s": Sample(changes)}
    blocks = changes[: len(changes) // BLOCK_S * BLOCK_S].reshape(-1, BLOCK_S)
    if len(blocks):
        found |= _of_blocks("return_kurtosis", excess_kurtosis(blocks))
        found |= _of_blocks("return_memory", autocorrelation(blocks, 1)[:, 0])
        found |= _of_blocks("volatility_clustering", autocorrelation(np.abs(blocks), LAGS).mean(1))
    return found


def _sign_samples(sign: np.ndarray) -> dict[str, Sample]:
    """Runs of equal signs, and the memory of blocks of trades."""
    if len(sign) == 0:
        return {}
    found = {"sign_run": Sample(run_lengths(sign))}
    blocks = sign[: len(sign) // BLOCK_TRADES * BLOCK_TRADES].reshape(-1, BLOCK_TRADES)
    if len(blocks):
        found |= _of_blocks("sign_memory", autocorrelation(blocks, LAGS).mean(1))
    return found


def _of_blocks(name: str, values: np.ndarray) -> dict[str, Sample]:
    """The values of the blocks that have one (a block without any change has none)."""
    values = values[~np.isnan(values)]
    return {name: Sample(values)} if len(values) else {}


def trade_moves(history: History, trades: Trades) -> dict[str, np.ndarray]:
    """Change of the mid by each aggressive order, toward its own side: float64 (trade,), ticks.

    `impact`: from just before its first row to just after its last; `impact_1s`: to one second after it. NaN where the
    mid is not known, or the history ends before.
    """
    mid = history.mid
    before = np.where(trades.first > 0, mid[np.maximum(trades.first - 1, 0)], np.nan)
    later = np.searchsorted(history.ts_ns, trades.ts_ns + SECOND_NS, side="right") - 1
    inside = trades.ts_ns + SECOND_NS <= history.ts_ns[-1]
    return {
        "impact": trades.sign * (mid[trades.last] - before),
        "impact_1s": np.where(inside, trades.sign * (mid[later] - before), np.nan),
    }


def _impact_curve(qty: np.ndarray, impact: np.ndarray) -> np.ndarray:
    held = ~np.isnan(impact)
    return np.stack(binned_means(qty[held], impact[held], SIZE_BINS))


def _facts(
    history: History, trades: Trades, path: np.ndarray, samples: dict[str, Sample], curve: np.ndarray
) -> dict[str, float]:
    """The single figures, in the order of `FACTS`."""
    seconds = max(history.span_ns / 1e9, 1e-9)
    spread = samples["spread"]
    at_one = float(spread.shares[spread.values == 1].sum())
    changes = {lag: np.diff(path[::lag]) for lag in (1, 10, 60)}
    signs = _lags(trades.sign.astype(np.float64), SIGN_LAGS)
    returns, sizes = _lags(changes[1], 1), _lags(np.abs(changes[1]), 60)
    enough = {lag: len(values) >= ENOUGH for lag, values in changes.items()}
    kurtosis = {lag: excess_kurtosis(values) if enough[lag] else np.nan for lag, values in changes.items()}
    minute = changes[60]
    variance = float(changes[1].var()) if len(changes[1]) > 1 else 0.0
    ratio_60 = float(minute.var()) / (60 * variance) if enough[60] and variance > 0 else np.nan
    mean: Callable[[str], float] = lambda name: samples[name].mean if name in samples else float("nan")  # noqa: E731
    values = (
        len(history) / seconds, len(trades) / seconds, spread.mean, at_one, mean("order_qty"), mean("trade_qty"),
        mean("depth_best"), float(np.sqrt(variance)), ratio_60, kurtosis[1], kurtosis[10], kurtosis[60],
        returns[0], sizes[0], sizes[9], sizes[59], signs[0], signs[9],
        _decay(signs), mean("impact"), power_exponent(curve[0], curve[1]),
    )  # fmt: skip
    return {name: float(value) for name, value in zip(FACTS, values, strict=True)}


def _lags(values: np.ndarray, max_lag: int) -> np.ndarray:
    """Autocorrelation at lags 1 to `max_lag`, NaN where the series is shorter than ten times that."""
    if len(values) < 10 * max_lag:
        return np.full(max_lag, np.nan)
    return autocorrelation(values, max_lag)


def _decay(memory: np.ndarray) -> float:
    """Power by which an autocorrelation at lags 1, 2, ... decays: fitted to its means over octaves of lags."""
    lags = np.arange(1, len(memory) + 1)
    octave = np.log2(lags).astype(np.int64)
    num = np.bincount(octave)
    return -power_exponent(np.bincount(octave, lags) / num, np.bincount(octave, np.nan_to_num(memory)) / num)
