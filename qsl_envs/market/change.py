"""Settings that are drawn for an episode, or change within it: numbers written over those of a replica's row.

`m.changes` (int64) holds what `market.plan` made: the number of members of the family that an episode's settings are
drawn from, the number of changes within an episode, their times, and for each member and change (0: what the member
itself sets) the stretch of (cell, value) pairs to write, cells counted in int32 from the start of the row.
"""

from numpy import int64

from qsl_envs.flow.record import BLOCK, HAWKES
from qsl_envs.kernel.draw import RANDOMIZE, draw_below, stream_key
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.constants import C_CHANGE, C_REGIME
from qsl_envs.market.flow_hawkes import show_first
from qsl_envs.market.fundamental import catch_up_all
from qsl_envs.market.state import RUN

MEMBERS, CHANGES, BURN_IN_NS, TIMES, STRETCHES = 0, 1, 2, 3, 4
"""Cells of `m.changes`: two counts, the burn-in after a flow setting was drawn (0: none was), where times and stretches
begin."""
HEAD = 5
ROW_INTS = RUN.itemsize // 4
GAP_UNIT = 1024.0
"""Mean gaps are compared in 1/1024 ns."""


@kernel
def overwrite(m, r, change):
    """Write the numbers of a change (0: of the drawn member itself) into a replica's row."""
    run = m.runs[r]
    at = m.changes[STRETCHES] + run.member * (m.changes[CHANGES] + 1) + change
    row = r * ROW_INTS
    for i in range(m.changes[at], m.changes[at + 1], 2):
        m.book.ints[row + m.changes[i]] = m.changes[i + 1]


@kernel
def draw_member(m, r, world_key):
    """Draw the settings of an episode, from a stream of their own, and write them."""
    m.runs[r].member = draw_below(stream_key(world_key, RANDOMIZE, 0), 0, max(1, m.changes[MEMBERS]))
    overwrite(m, r, 0)


@kernel
def enter_changes(m, r):
    """Put the changes of an episode into its calendar."""
    for c in range(m.changes[CHANGES]):
        push(m, r, m.changes[m.changes[TIMES] + c], order_key(C_REGIME, 3, c), C_CHANGE, c + 1)


@kernel
def act_change(m, r, change, now_ns):
    """Settings change: values go on by the old ones until now; candidates that are drawn ahead come at the new rate.

    The rests of a Poisson clock's gaps are exponential again, so they are stretched by the ratio of the mean gaps; of a
    Hawkes flow that is the wait for the next immigrant, its children stay as they are.
    """
    run = m.runs[r]
    catch_up_all(m, r, now_ns)
    for b in range(run.num_books):
        m.scratch[run.scratch + b] = int64(m.flows[run.flows + b].mean_gap_ns * GAP_UNIT)
    overwrite(m, r, change)
    for b in range(run.num_books):
        flow = m.flows[run.flows + b]
        before = m.scratch[run.scratch + b]
        if flow.active != 0 and int64(flow.mean_gap_ns * GAP_UNIT) != before:
            ratio = flow.mean_gap_ns * GAP_UNIT / before
            if flow.model == HAWKES:
                model = m.models[run.models + b]
                model.immigrant_ns = now_ns + int64((model.immigrant_ns - now_ns) * ratio + 0.5)
                show_first(m, flow, model)
                continue
            for i in range(flow.block + flow.at, flow.block + BLOCK):
                m.longs[i] = now_ns + int64((m.longs[i] - now_ns) * ratio + 0.5)
            flow.last_ns = m.longs[flow.block + BLOCK - 1]
