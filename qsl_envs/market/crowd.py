"""The participants of a replica as those who are woken: set up at a reset, called when their time has come."""

import numpy as np
from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.draw import (
    PARTICIPANT,
    WAKE,
    below_from_bits,
    draw_bits,
    exp_from_bits,
    normal_from_bits,
    stream_key,
    unit_from_bits,
)
from qsl_envs.kernel.fetch import LINE_LONGS, fetch
from qsl_envs.kernel.fmath import exp_, float_of, log_
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import (
    GIVEN,
    GROUP_LAWS,
    GROUP_PARAMS,
    GROUP_STATES,
    KEEP,
    KIND_NONE,
    KIND_OUTSIDE,
    LAW_LONGS,
    NEVER,
    ROW_LONGS,
    STOP_WAKE,
    WHY_FILL,
    WHY_REPORT,
    WHY_START,
    WHY_TIMER,
)
from qsl_envs.market.entries import call_wake
from qsl_envs.market.listen import alert, start_views
from qsl_envs.market.near import FEW, fetch_client, fetch_trader
from qsl_envs.market.state import RUN
from qsl_envs.market.wakes import FIRST, WHO, clear_wakes, find_wake, place_wake, request_wake

RUN_LONGS = RUN.itemsize // 8
LAST_MATCHES = 3
"""In seven of eight cases the second one lost in one of these."""
FAR_MATCHES = 5
"""Matches at the foot of the tree, whose places are seldom near."""
FIXED, UNIFORM, WHOLE, LOG_UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL = range(7)
"""Places in `kinds.LAWS`."""


@kernel
def set_crowd(m, r):
    """Begin an episode for a replica's participants: streams, parameters and extra latencies of this world, states at
    0, and everybody who has code in the kernel woken at once.
    """
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    crowd.acting = 0
    crowd.alert_next_ns, crowd.alert_view = NEVER, NIL
    start_views(m, r)
    clear_wakes(m, crowd)
    for p in range(crowd.num_actors):
        actor = m.actors[crowd.actors + p]
        actor.skey = stream_key(run.world_key, PARTICIPANT, p)
        actor.order_skey = stream_key(run.world_key, WAKE, p)
        actor.timer_ns, actor.wakes, actor.why = NEVER, 0, 0
        if actor.kind >= 0:
            draw_params(m, r, p, actor)
        if actor.kind != KIND_NONE and (actor.wakes_on & WHY_START) != 0:
            request_wake(m, r, p, run.now_ns, WHY_START)
    find_wake(m, r)


@kernel
def draw_params(m, r, p, actor):
    """Draw what a participant is in this world, and clear what it remembers."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    group, params, states = int64(actor.group), crowd.params + actor.params, crowd.states + actor.states
    laws = m.crowd[group + GROUP_LAWS]
    if m.crowd[laws] != FIXED or m.crowd[laws + 1] != 0:  # the extra latency of all its lines; 0.0 has no bits
        extra = int64(value_of(m, laws, actor.skey, -1))
        for book in range(run.num_books):
            conn = m.conns[run.conns + p * run.num_books + book]
            conn.up_extra_ns = conn.down_extra_ns = extra
    at = r * RUN_LONGS // m.entries[ROW_LONGS] * m.entries[GIVEN] + actor.params
    for j in range(m.crowd[group + GROUP_PARAMS]):
        value = value_of(m, laws + LAW_LONGS * (j + 1), actor.skey, -2 - j)
        if m.entries[GIVEN] > 0 and not np.isnan(m.given[at + j]):
            value = m.given[at + j]
        m.floats[params + j] = value
    for j in range(m.crowd[group + GROUP_STATES]):
        m.longs[states + j] = 0


@kernel
def value_of(m, law, skey, index):
    """One draw from the law that stands at `law`: word `index` of a stream, cut to the law's bounds."""
    kind, a, b = m.crowd[law], float_of(m.crowd[law + 1]), float_of(m.crowd[law + 2])
    if kind == FIXED:
        return a
    bits = draw_bits(skey, index)
    if kind == UNIFORM:
        x = a + (b - a) * unit_from_bits(bits)
    elif kind == WHOLE:
        x = a + below_from_bits(bits, int64(b - a) + 1)
    elif kind == LOG_UNIFORM:
        x = a * exp_(unit_from_bits(bits) * log_(b / a))
    elif kind == NORMAL:
        x = a + b * normal_from_bits(bits)
    elif kind == LOGNORMAL:
        x = a * exp_(b * normal_from_bits(bits))
    else:
        x = a * exp_from_bits(bits)
    return min(max(x, float_of(m.crowd[law + 3])), float_of(m.crowd[law + 4]))


@kernel
def act_crowd(m, r, now_ns):
    """What the crowd does next at `now_ns`: a view alerts its listeners, or the first participant is woken."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    if crowd.alert_next_ns <= now_ns:
        alert(m, r, now_ns)
        return
    p = m.wakes[crowd.wakes + FIRST].order & WHO
    actor = m.actors[crowd.actors + p]
    why = int64(actor.why)
    if actor.timer_ns <= now_ns:
        why |= WHY_TIMER
        actor.timer_ns = NEVER
    actor.why = 0
    actor.wakes += 1
    if actor.kind >= 0:
        crowd.acting, crowd.acting_why = p + 1, why
        following = call_wake(m.crowd[actor.kind], m, r, p, why, now_ns)
        crowd.acting = 0
        if following != KEEP:
            actor.timer_ns = max(following, now_ns + 1)
    elif actor.kind == KIND_OUTSIDE:
        run.stop, run.stop_trader, crowd.acting_why = STOP_WAKE, p, why
    # nothing that a kernel does wakes anybody at once: it is still the first
    place_wake(m, r, crowd, p, actor.timer_ns)
    if crowd.num_actors > FEW:
        fetch_next(m, r, crowd)


@kernel
def fetch_next(m, r, crowd):
    """Bring near what those who are woken next will look at: of many, no cache holds all.

    Of the second one, as far as the last matches tell who that is, the records that are found by his number; of the
    first one, whose records are there by now, what they lead to.
    """
    run = m.runs[r]
    base, at = crowd.wakes, FIRST
    first = m.wakes[base + FIRST].order
    second, second_ns = first, NEVER
    for _ in range(LAST_MATCHES):
        at = 2 * at + (0 if m.wakes[base + 2 * at].order == first else 1)
        loser = m.wakes[base + (at ^ 1)]
        if loser.t_ns < second_ns:
            second, second_ns = loser.order, loser.t_ns
    p = second & WHO
    prefetch(m.actors, crowd.actors + p)
    fetch_trader(m, r, p, 0, 0)
    at = crowd.leaves + p
    for _ in range(FAR_MATCHES):
        prefetch(m.wakes, base + (at ^ 1))
        at >>= 1
    p = first & WHO
    actor = m.actors[crowd.actors + p]
    fetch(m.longs, crowd.params + actor.params, 2 * LINE_LONGS)
    fetch(m.longs, crowd.states + actor.states, LINE_LONGS)
    order = int64(m.traders[run.traders + p].client_head)
    if order >= 0:
        fetch_client(m, r, order)


@kernel
def after_reports(m, r, p, filled, now_ns):
    """A delivery of reports was heard: wake a participant that waits for it."""
    run = m.runs[r]
    crowd = m.crowds[run.crowd]
    if crowd.num_actors == 0 or m.actors[crowd.actors + p].kind == KIND_NONE:
        return
    actor = m.actors[crowd.actors + p]
    why = int64(actor.wakes_on) & (WHY_FILL | WHY_REPORT if filled else WHY_REPORT)
    if why != 0:
        request_wake(m, r, p, now_ns, why)
