"""A venue's service line: one message at a time, a finite gateway queue, storms raise latency."""

from numpy import int64

from qsl_envs.engine.reasons import Reason
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.background import act_cancel_tick, act_candidate, next_tick
from qsl_envs.market.books import venue_number
from qsl_envs.market.calendar import order_key, push
from qsl_envs.market.client import free_message
from qsl_envs.market.constants import C_SERVICE_END, L_CANCEL_TICK, L_CANDIDATE, L_MESSAGE, NEVER, RECORD
from qsl_envs.market.recorder import stamp_arrival
from qsl_envs.market.rules import hold_back
from qsl_envs.market.venue import refuse, serve_message

GATEWAY_FULL = int(Reason.GATEWAY_FULL)
LINE_LONGS = 5
"""int64 cells of a place in the line: kind, and up to four numbers."""


@kernel
def next_outage(m, venue):
    """Look ahead to the venue's next outage, NEVER when all are over."""
    venue.out_from_ns = venue.out_to_ns = NEVER
    if venue.outages_at < venue.outages_end:
        venue.out_from_ns, venue.out_to_ns = m.link_longs[venue.outages_at], m.link_longs[venue.outages_at + 1]
        venue.outages_at += 2


@kernel
def reach_venue(m, r, i, now_ns):
    """A participant's message reaches the door of its venue: a speed bump may hold it back before the line."""
    run = m.runs[r]
    venue_index = venue_number(run, int64(m.msgs[run.msgs + i].book))
    venue = m.venues[run.venues + venue_index]
    if m.entries[RECORD] != 0:
        stamp_arrival(m, r, i, now_ns)
    if venue.speed_bump_ns == 0 and venue.service_ns == 0 and now_ns < venue.out_from_ns:
        serve_message(m, r, i, now_ns)
    elif venue.speed_bump_ns == 0 or not hold_back(m, r, i, venue, now_ns):
        arrive(m, r, venue_index, L_MESSAGE, i, 0, 0, 0, now_ns)


@kernel
def arrive(m, r, venue_index, kind, a, b, c, d, now_ns):
    """Something reaches a venue's gateway: it is served at once, waits in line, or is refused because the line is full.

    (a, b, c, d): L_MESSAGE (message), L_CANDIDATE (book, k, word, due_ns), L_CANCEL_TICK (code).
    """
    run = m.runs[r]
    venue = m.venues[run.venues + venue_index]
    while now_ns >= venue.out_to_ns:
        next_outage(m, venue)
    if venue.out_from_ns <= now_ns:
        venue.lost_in_outage += 1
        if kind == L_MESSAGE:
            free_message(m, r, a)
        elif kind == L_CANCEL_TICK:
            next_tick(m, r, a, now_ns)
        return
    if venue.service_ns == 0:
        serve(m, r, kind, a, b, c, d, now_ns)
        return
    if venue.line_size == venue.line_max:
        run.gateway_refused += 1
        venue.refused += 1
        if kind == L_MESSAGE:
            refuse(m, r, a, GATEWAY_FULL, now_ns)
            free_message(m, r, a)
        elif kind == L_CANCEL_TICK:
            next_tick(m, r, a, now_ns)
        return
    start = max(now_ns, venue.busy_ns)
    venue.busy_ns = start + venue.service_ns
    venue.waited_ns += start - now_ns
    venue.num_waited += 1
    at = venue.line_base + LINE_LONGS * ((venue.line_head + venue.line_size) % venue.line_max)
    m.longs[at], m.longs[at + 1], m.longs[at + 2], m.longs[at + 3], m.longs[at + 4] = kind, a, b, c, d
    venue.line_size += 1
    venue.peak_line = max(venue.peak_line, venue.line_size)
    if venue.line_size == 1:
        push(m, r, venue.busy_ns, order_key(C_SERVICE_END, 0, venue_index), C_SERVICE_END, venue_index)


@kernel
def end_service(m, r, venue_index, now_ns):
    """The message in service is done: it acts now, and the next one is taken up."""
    run = m.runs[r]
    venue = m.venues[run.venues + venue_index]
    at = venue.line_base + LINE_LONGS * venue.line_head
    kind, a, b, c, d = m.longs[at], m.longs[at + 1], m.longs[at + 2], m.longs[at + 3], m.longs[at + 4]
    venue.line_head = (venue.line_head + 1) % venue.line_max
    venue.line_size -= 1
    if venue.line_size > 0:
        # the line is never idle while it holds anything, so the next one ends one service later
        push(m, r, now_ns + venue.service_ns, order_key(C_SERVICE_END, 0, venue_index), C_SERVICE_END, venue_index)
    serve(m, r, kind, a, b, c, d, now_ns)


@kernel
def serve(m, r, kind, a, b, c, d, now_ns):
    """Let what was served act."""
    if kind == L_CANDIDATE:
        act_candidate(m, r, a, b, c, d, now_ns)
    elif kind == L_CANCEL_TICK:
        act_cancel_tick(m, r, a, now_ns)
    else:
        serve_message(m, r, a, now_ns)
