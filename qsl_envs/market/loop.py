"""The event loop of one replica: whatever comes first acts first."""

from numpy import int64

from qsl_envs.flow.poisson import advance_candidate
from qsl_envs.flow.record import BLOCK, HAWKES
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.background import act_cancel_tick, act_candidate, find_flow
from qsl_envs.market.bands import act_limit
from qsl_envs.market.books import venue_number
from qsl_envs.market.calendar import first_time, pop
from qsl_envs.market.change import act_change
from qsl_envs.market.constants import (  # fmt: skip
    C_AT_NODE,
    C_AT_VENUE,
    C_BATCH,
    C_BUMPED,
    C_CHANGE,
    C_DEADLINE,
    C_LIMIT,
    C_REGIME,
    C_RISK,
    C_SERVICE_END,
    C_WAKE,
    CODE_SHIFT,
    HOT_LONGS,
    L_CANCEL_TICK,
    L_CANDIDATE,
    L_MESSAGE,
    RECORD,
    ROW_LONGS,
    STOP_CLOSE,
    STOP_ERROR,
    STOP_RECORD,
    STOP_TIME,
)
from qsl_envs.market.crowd import act_crowd
from qsl_envs.market.day import act_day
from qsl_envs.market.deadline import expire
from qsl_envs.market.entries import call_take
from qsl_envs.market.fundamental import catch_up_all
from qsl_envs.market.node import check_risk, hear_reports, time_out
from qsl_envs.market.phase import act_batch, change_phase
from qsl_envs.market.recorder import is_full
from qsl_envs.market.service import arrive, end_service, reach_venue
from qsl_envs.market.state import RUN
from qsl_envs.market.wheel import take

RUN_LONGS = RUN.itemsize // 8
LINE_OF_LONGS = 8
"""int64 cells of a cache line."""
FETCH_LINES = 32
"""Cache lines of the next row that are fetched with each event."""


@kernel(closed=True)
def advance(m, r, until_ns):
    """Run one replica until `until_ns` (events at that time included), the close, or a reason to stop.

    Returns RUN.stop; RUN.now_ns says how far it came.
    """
    run = m.runs[r]
    run.stop = STOP_TIME
    end = max(run.now_ns, min(until_ns, run.close_ns))  # time never runs back
    # while this replica runs, the next one's row is brought near, a few cache lines an event
    fetch = r * RUN_LONGS + m.entries[ROW_LONGS]
    fetched = fetch + m.entries[HOT_LONGS]
    while True:
        t_cal = first_time(m, r)
        t = min(min(t_cal, run.day_next_ns), min(run.wheel_next_ns, min(run.flow_next_ns, run.crowd_next_ns)))
        if t > end:
            break
        if m.entries[RECORD] != 0 and is_full(m, r):
            run.stop = STOP_RECORD
            return run.stop
        run.now_ns = t
        if fetch < fetched:
            for k in range(FETCH_LINES):
                prefetch(m.longs, fetch + LINE_OF_LONGS * k)
            fetch += FETCH_LINES * LINE_OF_LONGS
        if t_cal == t:
            t, what, arg = pop(m, r)
            if what == C_AT_VENUE:
                reach_venue(m, r, arg, t)
            elif what == C_AT_NODE:
                hear_reports(m, r, arg, t)
            elif what == C_SERVICE_END:
                end_service(m, r, arg, t)
            elif what == C_REGIME:
                change_phase(m, r, arg, t)
            elif what == C_WAKE:
                time_out(m, r, arg, t)
            elif what == C_DEADLINE:
                expire(m, r, arg, t)
            elif what == C_BUMPED:
                at = venue_number(run, int64(m.msgs[run.msgs + arg].book))
                arrive(m, r, at, L_MESSAGE, arg, 0, 0, 0, t)
            elif what == C_CHANGE:
                act_change(m, r, arg, t)
                find_flow(m, r)
            elif what == C_BATCH:
                act_batch(m, r, arg, t)
            elif what == C_LIMIT:
                act_limit(m, r, arg, t)
            elif what == C_RISK:
                check_risk(m, r, arg, t)
        elif run.crowd_next_ns == t:
            act_crowd(m, r, t)
        elif run.day_next_ns == t:
            act_day(m, r, t)
        elif run.wheel_next_ns == t:
            code = take(m, r)
            venue_index = venue_number(run, code >> CODE_SHIFT)
            venue = m.venues[run.venues + venue_index]
            if venue.service_ns == 0 and t < venue.out_from_ns:
                act_cancel_tick(m, r, code, t)
            else:
                arrive(m, r, venue_index, L_CANCEL_TICK, code, 0, 0, 0, t)
        else:
            candidate(m, r, t)
        if run.error != 0:
            run.stop = STOP_ERROR
            return run.stop
        if run.stop != STOP_TIME:
            return run.stop
    run.now_ns = end
    if run.num_values > 0:
        catch_up_all(m, r, end)
    if end == run.close_ns:
        run.stop = STOP_CLOSE
    return run.stop


@kernel(inline=True)
def candidate(m, r, now_ns):
    """The next candidate of background flow reaches its venue; the clock goes on."""
    run = m.runs[r]
    book = run.flow_book
    flow = m.flows[run.flows + book]
    at = flow.block + flow.at
    k, word, due = flow.first + flow.at, m.longs[at + BLOCK], now_ns + m.longs[at + 2 * BLOCK]
    if flow.model != HAWKES:
        advance_candidate(flow, m.longs)
        find_flow(m, r)
    else:
        born = call_take(m, r, book)
        find_flow(m, r)
        if born == 0:
            run.idle_candidates += 1
            return
        word, due = m.models[run.models + book].key, m.models[run.models + book].kind
    venue_index = venue_number(run, book)
    venue = m.venues[run.venues + venue_index]
    if venue.service_ns == 0 and now_ns < venue.out_from_ns:
        act_candidate(m, r, book, k, word, due, now_ns)
    else:
        arrive(m, r, venue_index, L_CANDIDATE, book, k, word, due, now_ns)
