"""Who is woken next: a heap of participants, four children a place, by (time, draw of that time, participant).

Everybody stands in it once at most, and knows his place; so what wakes him earlier moves his entry up, and when he is
woken and names his next time the entry sinks from the top: one pass instead of a pop and a push.
"""

from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.draw import draw_bits, high_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import NEVER

WHO = 0xFFFFFFFF
"""Mask of the participant in WAKE.order."""


@kernel(inline=True)
def order_at(m, r, p, t_ns):
    """Place of a participant among those who are woken at `t_ns`: a draw of 31 bits, then his number."""
    actor = m.actors[m.crowds[m.runs[r].crowd].actors + p]
    return ((high_half(draw_bits(actor.order_skey, t_ns)) >> 1) << 32) | p


@kernel(inline=True)
def comes_before(m, a, t_ns, order):
    """Whether the entry at absolute index `a` comes before (t_ns, order)."""
    t = m.wakes[a].t_ns
    return t < t_ns or (t == t_ns and m.wakes[a].order < order)


@kernel(inline=True)
def settle(m, crowd, at, t_ns, order):
    """Write an entry to its place."""
    m.wakes[crowd.wakes + at].t_ns = t_ns
    m.wakes[crowd.wakes + at].order = order
    m.book.ints[crowd.places + (order & WHO)] = at


@kernel
def rise_wake(m, crowd, at, t_ns, order):
    """Let the entry (t_ns, order) move up from place `at`, and write it."""
    base = crowd.wakes
    while at > 0:
        parent = (at - 1) >> 2
        if comes_before(m, base + parent, t_ns, order):
            break
        settle(m, crowd, at, m.wakes[base + parent].t_ns, m.wakes[base + parent].order)
        at = parent
    settle(m, crowd, at, t_ns, order)


@kernel
def sink_wake(m, crowd, at, t_ns, order):
    """Let the entry (t_ns, order) move down from place `at`, and write it."""
    base, size = crowd.wakes, crowd.num_wakes
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        best, best_t, best_order = child, m.wakes[base + child].t_ns, m.wakes[base + child].order
        for other in range(child + 1, min(child + 4, size)):
            if comes_before(m, base + other, best_t, best_order):
                best, best_t, best_order = other, m.wakes[base + other].t_ns, m.wakes[base + other].order
        if t_ns < best_t or (t_ns == best_t and order < best_order):
            break
        settle(m, crowd, at, best_t, best_order)
        at = best
    settle(m, crowd, at, t_ns, order)


@kernel
def find_wake(m, r):
    """Cache when the crowd acts next: the first wake-up, or the first alert of those who listen to a feed."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    crowd.wake_next_ns = m.wakes[crowd.wakes].t_ns if crowd.num_wakes > 0 else NEVER
    run.crowd_next_ns = min(crowd.wake_next_ns, crowd.alert_next_ns)


@kernel
def wake_by(m, r, p, t_ns):
    """See to it that a participant is woken at `t_ns` or earlier."""
    crowd = m.crowds[m.runs[r].crowd]
    at = int64(m.book.ints[crowd.places + p])
    if at == NIL:
        at = crowd.num_wakes
        crowd.num_wakes = at + 1
    elif m.wakes[crowd.wakes + at].t_ns <= t_ns:
        return
    rise_wake(m, crowd, at, t_ns, order_at(m, r, p, t_ns))
    find_wake(m, r)


@kernel
def request_wake(m, r, p, t_ns, why):
    """Wake a participant at `t_ns` for a reason (WHY_ bits); reasons that come together are told together."""
    m.actors[m.crowds[m.runs[r].crowd].actors + p].why |= why
    wake_by(m, r, p, t_ns)


@kernel
def set_timer(m, r, p, t_ns):
    """Set a participant's clock (NEVER: off), for one who does not act at this moment."""
    crowd = m.crowds[m.runs[r].crowd]
    actor = m.actors[crowd.actors + p]
    actor.timer_ns = t_ns
    at = int64(m.book.ints[crowd.places + p])
    if at != NIL and actor.why == 0:
        move_wake(m, crowd, at, t_ns, order_at(m, r, p, t_ns))
        find_wake(m, r)
    elif t_ns != NEVER:
        wake_by(m, r, p, t_ns)


@kernel
def move_wake(m, crowd, at, t_ns, order):
    """Give the entry at place `at` another time; NEVER takes it out."""
    if t_ns == NEVER:
        m.book.ints[crowd.places + (m.wakes[crowd.wakes + at].order & WHO)] = NIL
        last = crowd.num_wakes - 1
        crowd.num_wakes = last
        if at == last:
            return
        t_ns, order = m.wakes[crowd.wakes + last].t_ns, m.wakes[crowd.wakes + last].order
    if at > 0 and not comes_before(m, crowd.wakes + ((at - 1) >> 2), t_ns, order):
        rise_wake(m, crowd, at, t_ns, order)
    else:
        sink_wake(m, crowd, at, t_ns, order)
