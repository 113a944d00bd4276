"""Time averages of a market's first book, taken at every event of its loop; kernels."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import best_shown, shown_qty
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import first_time
from qsl_envs.market.constants import STOP_TIME
from qsl_envs.market.entries import call_advance

TIME, SPREAD, SPREAD_SQUARED, TIGHT, DEPTH, ORDERS = range(6)
"""Rows of the sums: seconds, and the integrals over them of the spread (ticks), its square, whether it is 1, the mean
depth of the two best prices (lots), and the mean number of resting orders of the two sides."""
NUM_SUMS = 6


@kernel
def watch_book(m, r, until_ns, grid_ns, sums, mids_x2):
    """Run one replica until `until_ns` and watch the book that background flow keeps two-sided; return RUN.stop.

    Args:
        grid_ns: mids are noted every so many ns from now on.
        sums: float64 (NUM_SUMS,), added to.
        mids_x2: int64 (n,), best bid + best ask at each multiple of the grid, the first of them now.
    """
    run = m.runs[r]
    h = run.books
    start = run.now_ns
    noted = 0
    stop = np.int64(STOP_TIME)
    while run.now_ns < until_ns and stop == STOP_TIME:
        event = min(min(first_time(m, r), run.day_next_ns), min(run.wheel_next_ns, run.flow_next_ns))
        upto = min(event, until_ns)
        bid, ask = best_shown(m.book, h, BUY), best_shown(m.book, h, SELL)
        spread = float(ask - bid)
        depth = 0.5 * (shown_qty(m.book, h, BUY, bid) + shown_qty(m.book, h, SELL, ask))
        orders = 0.5 * (m.book.sides[SIDES * h + BUY].num_orders + m.book.sides[SIDES * h + SELL].num_orders)
        while noted < len(mids_x2) and start + noted * grid_ns < upto:
            mids_x2[noted] = bid + ask
            noted += 1
        seconds = (upto - run.now_ns) * 1e-9
        sums[TIME] += seconds
        sums[SPREAD] += seconds * spread
        sums[SPREAD_SQUARED] += seconds * spread * spread
        sums[TIGHT] += seconds if spread == 1.0 else 0.0
        sums[DEPTH] += seconds * depth
        sums[ORDERS] += seconds * orders
        stop = call_advance(m, r, upto)
    return stop


@kernel
def watch_replicas(m, count, stride, scratch_cap, until_ns, grid_ns, sums, mids_x2):
    """`watch_book` for replicas 0 .. count - 1, one row of the outputs each; the first bad RUN.stop, else STOP_TIME."""
    for i in range(count):
        run = m.runs[i * stride]
        run.scratch, run.scratch_cap = 0, scratch_cap
        stop = watch_book(m, i * stride, until_ns, grid_ns, sums[i], mids_x2[i])
        run.scratch = 0
        if stop != STOP_TIME:
            return stop
    return np.int64(STOP_TIME)
