"""The table of what is measured on a market: statistics, whose distributions are compared, and single figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Statistic:
    """One statistic of a market, whose distribution is compared."""

    name: str
    unit: str
    """of the values"""
    over: str
    """what values are divided by before distances are taken: a lot or a price step means something else elsewhere"""
    edges: tuple[float, ...]
    """borders of the bins of the L1 distance, of the divided values; they lie off the lattice of ticks and lots"""
    doc: str
    source: str


def _half_octaves(first: int, last: int) -> tuple[float, ...]:
    return tuple(float(edge) for edge in np.exp2(np.arange(first, last + 1) / 2 + 0.25))


COUNTS = (1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8.5, 10.5, 13.5, 16.5, 20.5, 25.5, 32.5, 40.5, 64.5)
ORDERS = _half_octaves(-12, 20)
GAPS = tuple(k / 4 for k in range(-36, 13))
DEVIATIONS = (-8.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, -0.05, 0.05, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
KURTOSES = (0.0, 1.0, 3.0, 6.0, 12.0, 24.0)
MEMORIES = (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
SPREADS = (-1.2, -0.6, -0.4, -0.2, -0.1, -0.01, 0.01, 0.1, 0.2, 0.4, 0.6, 0.8, 1.2, 1.7, 2.5)
"""The bins: ticks and trades; sizes over a median; decades of seconds; returns; blocks' figures; mean spreads."""

BENCH = "LOB-Bench (Nagy et al., 2025)"

STATISTICS = (
    Statistic("spread", "ticks", "", COUNTS, "best ask - best bid, weighted by time", BENCH),
    Statistic("depth_best", "lots", "median order", ORDERS, "lots at the best prices, both sides, weighted by time",
              "Bouchaud, Mezard and Potters (2002)"),
    Statistic("depth_5", "lots", "median order", ORDERS, "lots in the best five levels, weighted by time", BENCH),
    Statistic("order_qty", "lots", "median order", ORDERS, "size of new limit orders", BENCH),
    Statistic("trade_qty", "lots", "median trade", ORDERS, "size of aggressive orders, displayed fills only",
              "Gopikrishnan et al. (2000)"),
    Statistic("order_gap", "log10 s", "", GAPS, "time between new limit orders (0 counts as 1 ns)", BENCH),
    Statistic("trade_gap", "log10 s", "", GAPS, "time between aggressive orders (0 counts as 1 ns)",
              "Engle and Russell (1998)"),
    Statistic("return_1s", "ticks", "standard deviation", DEVIATIONS, "change of the mid over 1 s: its shape",
              "Cont (2001), heavy tails"),
    Statistic("return_kurtosis", "", "", KURTOSES, "excess kurtosis of 1 s changes of the mid, by blocks of 5 min",
              "Cont (2001), heavy tails"),
    Statistic("return_memory", "", "", MEMORIES, "autocorrelation of 1 s changes at 1 s, by blocks of 5 min",
              "Cont (2001), absence of autocorrelation"),
    Statistic("volatility_clustering", "", "", MEMORIES,
              "autocorrelation of the size of 1 s changes, mean of lags 1 to 10 s, by blocks of 5 min",
              "Cont (2001), volatility clustering"),
    Statistic("sign_run", "trades", "", COUNTS, "aggressive orders of one side in a row", "Lillo and Farmer (2004)"),
    Statistic("sign_memory", "", "", MEMORIES,
              "autocorrelation of aggressors' signs, mean of lags 1 to 10, by blocks of 100 of them",
              "Lillo and Farmer (2004)"),
    Statistic("impact", "ticks", "mean spread", SPREADS,
              "change of the mid by an aggressive order, toward its own side", "Lillo, Farmer and Mantegna (2003)"),
    Statistic("impact_1s", "ticks", "mean spread", SPREADS, "the same, 1 s later", "Bouchaud et al. (2004)"),
)  # fmt: skip
"""What is compared."""

FACTS = {
    "messages_per_s": "messages a second, hidden prints included",
    "trades_per_s": "aggressive orders a second",
    "spread_mean": "ticks, by time",
    "spread_1_share": "share of the time with a spread of one tick",
    "order_qty_mean": "lots of a new limit order",
    "trade_qty_mean": "lots of an aggressive order",
    "depth_best_mean": "lots at a best price, by time",
    "volatility_1s": "standard deviation of the mid's change over 1 s, ticks",
    "variance_ratio_60s": "variance of 60 s changes over 60 times that of 1 s changes: below 1, prices turn back",
    "kurtosis_1s": "excess kurtosis of 1 s changes of the mid",
    "kurtosis_10s": "of 10 s changes",
    "kurtosis_60s": "of 60 s changes: nearer 0 than that of 1 s (aggregational normality)",
    "return_acf_1s": "autocorrelation of 1 s changes, lag 1",
    "abs_return_acf_1s": "autocorrelation of their size, lag 1",
    "abs_return_acf_10s": "lag 10",
    "abs_return_acf_60s": "lag 60",
    "sign_acf_1": "autocorrelation of aggressors' signs, lag 1",
    "sign_acf_10": "lag 10",
    "sign_exponent": "decay of that autocorrelation over lags 1 to 63, as a power: long memory is below 1",
    "impact_mean": "ticks that the mid moves by an aggressive order, in its direction",
    "impact_exponent": "power of the volume that this grows with: concave below 1",
}
"""Single figures of a market: name -> what it is."""
