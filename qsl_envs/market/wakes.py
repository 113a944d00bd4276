"""Who is woken next: a knock-out of all participants, by (time, draw of that time, participant).

The field is a binary tree in an array: participant p stands at leaf `leaves + p`, every place above holds the earlier
one of the two below it, place 1 whoever is woken next. Who gets another time plays his way up anew: as many matches as
the tree is high, each with one neighbor whose place is known beforehand, whatever the times are. A heap has fewer
matches, but guesses at each where it goes on.
"""

from numpy import int64

from qsl_envs.kernel.draw import draw_bits, high_half
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import NEVER

WHO = 0xFFFFFFFF
"""Mask of the participant in WAKE.order."""
FIRST = 1
"""Place of whoever is woken next."""


def num_leaves(participants: int) -> int:
    """Leaves of the tree: a power of two."""
    return 1 << max(0, participants - 1).bit_length()


@kernel(inline=True)
def order_at(m, r, p, t_ns):
    """Place of a participant among those who are woken at `t_ns`: a draw of 31 bits, then his number."""
    actor = m.actors[m.crowds[m.runs[r].crowd].actors + p]
    return ((high_half(draw_bits(actor.order_skey, t_ns)) >> 1) << 32) | p


@kernel
def clear_wakes(m, crowd):
    """Nobody is woken."""
    for at in range(crowd.wakes, crowd.wakes + 2 * crowd.leaves):
        m.wakes[at].t_ns, m.wakes[at].order = NEVER, 0


@kernel
def place_wake(m, r, crowd, p, t_ns):
    """Give a participant another time, NEVER: none, and see who is first now."""
    base = crowd.wakes
    order = order_at(m, r, p, t_ns) if t_ns != NEVER else int64(p)
    at = crowd.leaves + p
    m.wakes[base + at].t_ns, m.wakes[base + at].order = t_ns, order
    while at > FIRST:
        other = m.wakes[base + (at ^ 1)]
        other_ns, other_order = other.t_ns, other.order
        wins = (other_ns < t_ns) | ((other_ns == t_ns) & (other_order < order))
        t_ns = other_ns if wins else t_ns
        order = other_order if wins else order
        at >>= 1
        m.wakes[base + at].t_ns, m.wakes[base + at].order = t_ns, order
    find_wake(m, r)


@kernel(inline=True)
def find_wake(m, r):
    """Cache when the crowd acts next: the first wake-up, or the first alert of those who listen to a feed."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    crowd.wake_next_ns = m.wakes[crowd.wakes + FIRST].t_ns if crowd.num_actors > 0 else NEVER
    run.crowd_next_ns = min(crowd.wake_next_ns, crowd.alert_next_ns)


@kernel
def wake_by(m, r, p, t_ns):
    """See to it that a participant is woken at `t_ns` or earlier."""
    crowd = m.crowds[m.runs[r].crowd]
    if m.wakes[crowd.wakes + crowd.leaves + p].t_ns > t_ns:
        place_wake(m, r, crowd, p, t_ns)


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
    if actor.why == 0:
        place_wake(m, r, crowd, p, t_ns)
    else:
        wake_by(m, r, p, t_ns)
