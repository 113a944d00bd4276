"""The calendar of one replica: a binary heap of things that will happen, by (time, class, draw, number)."""

from numpy import int64

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import E_CALENDAR, NEVER


@kernel(inline=True)
def order_key(klass, draw, number):
    """The order of entries at one nanosecond: class, then a draw of 24 bits, then a running number of 32 bits."""
    return (klass << 57) | (draw << 32) | (number & 0xFFFFFFFF)


@kernel(inline=True)
def before(m, a, b):
    """True if calendar entry `a` comes before entry `b` (absolute indices)."""
    ta, tb = m.cal[a].t_ns, m.cal[b].t_ns
    return ta < tb or (ta == tb and m.cal[a].order < m.cal[b].order)


@kernel(inline=True)
def settle(m, at, t_ns, order, what, arg):
    """Write an entry to its place (an absolute index)."""
    c = m.cal[at]
    c.t_ns, c.order, c.what, c.arg = t_ns, order, what, arg


@kernel(inline=True)
def move(m, source, target):
    """Copy an entry to another place (absolute indices)."""
    c = m.cal[source]
    settle(m, target, c.t_ns, c.order, c.what, c.arg)


@kernel
def push(m, r, t_ns, order, what, arg):
    """Enter something into the calendar; a full one sets RUN.error and changes nothing. Returns 1 if it was entered."""
    run = m.runs[r]
    n = run.cal_size
    if n == run.max_cal:
        run.error = E_CALENDAR
        run.error_need = n + 1
        return 0
    run.cal_size = n + 1
    if n + 1 > run.cal_peak:
        run.cal_peak = n + 1
    rise(m, run.cal, n, t_ns, order, what, arg)
    return 1


@kernel(inline=True)
def rise(m, base, at, t_ns, order, what, arg):
    """Let an entry move up from place `at`, and write it."""
    while at > 0:
        parent = (at - 1) >> 1
        above = m.cal[base + parent]
        if above.t_ns < t_ns or (above.t_ns == t_ns and above.order <= order):
            break
        move(m, base + parent, base + at)
        at = parent
    settle(m, base + at, t_ns, order, what, arg)


@kernel(inline=True)
def sink_last(m, base, size):
    """The entry behind the `size` others takes the place of the first one, which is gone, and moves down."""
    last = m.cal[base + size]
    t_ns, order, what, arg = last.t_ns, last.order, int64(last.what), int64(last.arg)
    at, child = 0, 1
    while child < size:
        if child + 1 < size and before(m, base + child + 1, base + child):
            child += 1
        below = m.cal[base + child]
        if t_ns < below.t_ns or (t_ns == below.t_ns and order <= below.order):
            break
        move(m, base + child, base + at)
        at = child
        child = 2 * at + 1
    settle(m, base + at, t_ns, order, what, arg)


@kernel(inline=True)
def pop(m, r):
    """Take the first entry out; returns (t_ns, what, arg)."""
    run = m.runs[r]
    first = m.cal[run.cal]
    t_ns, what, arg = first.t_ns, int64(first.what), int64(first.arg)
    run.cal_size -= 1
    sink_last(m, run.cal, run.cal_size)
    return t_ns, what, arg


@kernel(inline=True)
def first_time(m, r):
    """Time of the first entry, NEVER when the calendar is empty."""
    run = m.runs[r]
    return m.cal[run.cal].t_ns if run.cal_size > 0 else NEVER


@kernel
def hasten(m, r, what, arg, t_ns):
    """Bring the entry (what, arg) forward to `t_ns` if it stands later; for resends."""
    run = m.runs[r]
    for i in range(run.cal_size):
        c = m.cal[run.cal + i]
        if c.what == what and c.arg == arg:
            if c.t_ns > t_ns:
                rise(m, run.cal, i, t_ns, c.order, int64(c.what), int64(c.arg))
            return
