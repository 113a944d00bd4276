"""Many replicas: the loops that drive one kernel over rows, and the threads that share them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from qsl_envs.errors import require_whole
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.entries import call_advance
from qsl_envs.market.world import reset_day_row, reset_row


@kernel
def advance_rows(m, first, last, stride, scratch, scratch_cap, until_ns, stops):
    """`advance` for rows first .. last - 1; until_ns and stops int64 (rows,); `stride` RUN records a row."""
    for i in range(first, last):
        run = m.runs[i * stride]
        run.scratch, run.scratch_cap = scratch, scratch_cap
        stops[i] = call_advance(m, i * stride, until_ns[i])
        run.scratch = 0


@kernel
def reset_rows(m, first, last, stride, scratch, scratch_cap, row_longs, first_template, num_templates, mask, keys):
    """`reset_row` for the rows of first .. last - 1 whose mask (bool) is set; keys int64 (rows,) are world keys."""
    for i in range(first, last):
        if mask[i]:
            run = m.runs[i * stride]
            run.scratch, run.scratch_cap = scratch, scratch_cap
            reset_row(m, row_longs, stride, first_template, num_templates, i, keys[i])
            run.scratch = 0


@kernel
def reset_day_rows(
    m, first, last, stride, row_longs, first_template, num_templates, mask, keys, first_ns, last_ns, starts
):
    """`reset_day_row` for the rows of first .. last - 1 whose mask is set; starts int64 (rows,) on the day's clock,
    NIL: drawn.
    """
    for i in range(first, last):
        if mask[i]:
            reset_day_row(m, row_longs, stride, first_template, num_templates, i, keys[i], first_ns, last_ns, starts[i])


class Threads:
    """A pool of plain Python threads that splits rows into equal stretches; made when first used, anew after a fork."""

    def __init__(self, count: int = 1):
        self.count = require_whole("Market", "num_threads", count, 1, 256)
        self._pool: ThreadPoolExecutor | None = None
        self._pid = -1

    def run(self, rows: int, work) -> None:
        """Call `work(first, last, thread)` for stretches that together cover range(rows)."""
        n = min(self.count, rows)
        if n <= 1:
            work(0, rows, 0)
            return
        if self._pool is None or self._pid != os.getpid():
            self._pool, self._pid = ThreadPoolExecutor(self.count), os.getpid()
        cuts = [rows * i // n for i in range(n + 1)]
        tasks = [self._pool.submit(work, cuts[i], cuts[i + 1], i) for i in range(1, n)]
        work(cuts[0], cuts[1], 0)
        for task in tasks:
            task.result()
