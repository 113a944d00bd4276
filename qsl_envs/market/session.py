"""One session of a participant from start to close, measured on its true account; many of them, one after the other, in
one row of memory: the row stays in its thread's cache."""

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.closing import liquidate
from qsl_envs.market.constants import STOP_ERROR
from qsl_envs.market.entries import call_advance
from qsl_envs.market.ledger import account_of, equity
from qsl_envs.market.marks import mark
from qsl_envs.market.world import reset_row

PNL, FEES, DRAWDOWN, VOLUME, FILLS, MESSAGES, HELD, PEAK_HELD, LAST_HELD, ENDED, NUM_COLUMNS = range(11)
"""Columns of a sheet, int64."""


@kernel
def account_sums(m, r, p):
    """Equity at marks of now, |inventory|, fees less rebates, volume and fills of a participant over all symbols."""
    run = m.runs[r]
    worth, held, fees, volume, fills = 0, 0, 0, 0, 0
    for symbol in range(run.num_symbols):
        mark_x2 = mark(m, r, p, symbol)
        account = m.accounts[account_of(m, r, p, symbol)]
        worth += equity(account, mark_x2, run.fee_unit)
        held += abs(account.inventory)
        fees += account.fees - account.rebates
        volume += account.volume
        fills += account.fills
    return worth, held, fees, volume, fills


@kernel
def run_trial(m, r, p, times_ns, penalty_ticks, sheet, squares, path, n):
    """Session `n` of participant `p` in a row that has been reset: its columns in `sheet` (money in units), the sum of
    its squared changes of equity in ticks x lots, and its gain at every sample when `path` has room for any.
    """
    run, at, path_at = m.runs[r], n * NUM_COLUMNS, n * len(times_ns)
    first, _, _, _, _ = account_sums(m, r, p)
    before, peak, fall, held_sum, peak_held, held = first, first, 0, 0, 0, 0
    total = 0.0
    last = len(times_ns) - 1
    for k in range(last + 1):
        if call_advance(m, r, times_ns[k]) == STOP_ERROR:
            return
        now, held, _, _, _ = account_sums(m, r, p)
        if k == last:
            for symbol in range(run.num_symbols):
                liquidate(m, r, p, symbol, penalty_ticks, 0)
            now, _, _, _, _ = account_sums(m, r, p)
        change = (now - before) / run.fee_unit
        total += change * change
        before, peak, peak_held = now, max(peak, now), max(peak_held, held)
        fall = max(fall, peak - now)
        held_sum += held
        if len(path) > 0:
            path[path_at + k] = now - first
    now, _, fees, volume, fills = account_sums(m, r, p)
    squares[n] = total
    sheet[at + PNL], sheet[at + FEES], sheet[at + DRAWDOWN] = now - first, fees, fall
    sheet[at + VOLUME], sheet[at + FILLS], sheet[at + MESSAGES] = volume, fills, m.traders[run.traders + p].sent
    sheet[at + HELD], sheet[at + PEAK_HELD], sheet[at + LAST_HELD] = held_sum, peak_held, held
    sheet[at + ENDED] = 1


@kernel
def run_trials(m, row, stride, row_longs, first_template, num_templates, scratch, scratch_cap, first, last, p, given_at,
               keys, params, times_ns, penalty_ticks, sheet, squares, path, going):  # fmt: skip
    """Trials first .. last - 1 of a call, one after the other, in one row; trial n is set of parameters n // worlds in
    world n % worlds. `going[0]` is the trial at work.

    Returns: `last`, or the number of a trial that has run out of room: RUN.error says of which.
    """
    worlds, width = len(keys), params.shape[1]
    for n in range(first, last):
        going[0] = n
        for j in range(width):
            m.given[given_at + j] = params[n // worlds, j]
        r = row * stride
        m.runs[r].scratch, m.runs[r].scratch_cap = scratch, scratch_cap
        reset_row(m, row_longs, stride, first_template, num_templates, row, keys[n % worlds])
        if m.runs[r].error == 0:
            run_trial(m, r, p, times_ns, penalty_ticks, sheet, squares, path, n)
        m.runs[r].scratch = 0
        if m.runs[r].error != 0:
            return n
    return last
