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


@kernel
def swap(m, a, b):
    """Exchange two entries of the calendar."""
    t, o, w, g = m.cal[a].t_ns, m.cal[a].order, m.cal[a].what, m.cal[a].arg
    m.cal[a].t_ns, m.cal[a].order, m.cal[a].what, m.cal[a].arg = (
        m.cal[b].t_ns,
        m.cal[b].order,
        m.cal[b].what,
        m.cal[b].arg,
    )
    m.cal[b].t_ns, m.cal[b].order, m.cal[b].what, m.cal[b].arg = t, o, w, g


@kernel
def push(m, r, t_ns, order, what, arg):
    """Enter something into the calendar; a full one sets RUN.error and changes nothing. Returns 1 if it was entered."""
    run = m.runs[r]
    n = run.cal_size
    if n == run.max_cal:
        run.error = E_CALENDAR
        run.error_need = n + 1
        return 0
    base = run.cal
    m.cal[base + n].t_ns = t_ns
    m.cal[base + n].order = order
    m.cal[base + n].what = what
    m.cal[base + n].arg = arg
    run.cal_size = n + 1
    if n + 1 > run.cal_peak:
        run.cal_peak = n + 1
    rise(m, base, n)
    return 1


@kernel
def rise(m, base, at):
    """Move entry `at` up to its place."""
    while at > 0:
        parent = (at - 1) >> 1
        if not before(m, base + at, base + parent):
            return
        swap(m, base + at, base + parent)
        at = parent


@kernel
def sink(m, base, at, size):
    """Move entry `at` down to its place."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and before(m, base + child + 1, base + child):
            child += 1
        if not before(m, base + child, base + at):
            return
        swap(m, base + child, base + at)
        at = child


@kernel
def pop(m, r):
    """Take the first entry out; returns (t_ns, what, arg)."""
    run = m.runs[r]
    base, last = run.cal, run.cal_size - 1
    t, what, arg = m.cal[base].t_ns, int64(m.cal[base].what), int64(m.cal[base].arg)
    swap(m, base, base + last)
    run.cal_size = last
    sink(m, base, 0, last)
    return t, what, arg


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
                c.t_ns = t_ns
                rise(m, run.cal, i)
            return
