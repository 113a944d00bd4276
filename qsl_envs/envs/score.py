"""What a step pays a seat, from its true accounts, and whether its part in the episode is over.

Two looks at every seat of an env: `judge` what the step brought and who ends, then, when those who end have been closed
together, `pay`.
"""

from qsl_envs.envs.close import is_closed
from qsl_envs.envs.places import desk_of, end_of, env_of, seat_of, terms_of
from qsl_envs.envs.state import (
    CLOSE,
    DAMPED_PNL,
    DRAWDOWN,
    FEES,
    GOES_ON,
    INVENTORY,
    KILL,
    LIQUIDATION,
    NUM_TERMS,
    PNL,
    RUIN,
    SHORTFALL,
    STEP_LIMIT,
    TAIL,
    TURNOVER,
)
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.client import kill
from qsl_envs.market.ledger import account_of, equity
from qsl_envs.market.marks import mark


@kernel
def true_equity(m, r, s):
    """True equity (money) of a seat over all symbols, at marks evaluated now."""
    run = m.runs[r]
    total = 0
    for symbol in range(run.num_symbols):
        mark_x2 = mark(m, r, s, symbol)
        total += equity(m.accounts[account_of(m, r, s, symbol)], mark_x2, run.fee_unit)
    return total


@kernel
def judge(m, r, w, i, s, closed):
    """Whether the step ends the seat's part, and its reward terms before a liquidation; `closed`: the session is over.

    The terms, in ticks x lots:
        pnl: change of true equity, marked at the mid without own orders, before a liquidation.
        inventory: minus the lots held at the end of the step, over all symbols.
        damped_pnl: minus what the inventory held over the step gained by the move of the mark, losses at 0 (Spooner,
            Fearnley, Savani and Koukorinis 2018): a weight in (0, 1] damps speculation.
        fees: minus fees, rebates and what the impact account took.
        shortfall: change of equity at the marks of the episode's start: what was traded better or worse than those.
        turnover: minus the lots traded.
        drawdown: minus the growth of the largest fall of equity from a peak.
        tail: minus what the step lost beyond `tail_loss`.
        liquidation: what closing the inventory at the end costs against the mark.
    """
    seat, env, run, task = w.seats[seat_of(w, i, s)], w.envs[env_of(w, i)], m.runs[r], w.tasks[0]
    role, unit = w.roles[seat.role], run.fee_unit
    at = terms_of(w, i, s, task.terms)
    now = true_equity(m, r, s)
    held, drift, fees_paid, volume, at_arrival = 0, 0, 0, 0, 0
    for symbol in range(run.num_symbols):
        account = m.accounts[account_of(m, r, s, symbol)]
        desk = w.desks[desk_of(w, i, s, symbol)]
        held += abs(account.inventory)
        drift += desk.held * (account.mark_x2 - desk.mark_x2)
        at_arrival += (account.inventory * (account.mark_x2 - desk.arrival_x2)
                       - desk.held * (desk.mark_x2 - desk.arrival_x2))  # fmt: skip
        fees_paid += account.fees - account.rebates
        volume += account.volume
        desk.mark_x2, desk.held = account.mark_x2, account.inventory
    seat.end = GOES_ON
    if closed:
        seat.end = CLOSE
    elif now - seat.start_equity <= -role.max_loss:
        seat.end = RUIN
    elif m.traders[run.traders + s].killed != 0:
        seat.end = KILL
    elif env.steps + env.age == task.max_steps:
        seat.end = STEP_LIMIT
    pnl = (now - seat.equity) / unit
    w.floats[at + PNL] = pnl
    w.floats[at + INVENTORY] = -held
    w.floats[at + DAMPED_PNL] = -max(0.0, drift * 0.5)
    w.floats[at + FEES] = -(fees_paid - seat.fees_paid) / unit
    w.floats[at + SHORTFALL] = pnl - at_arrival * 0.5
    w.floats[at + TURNOVER] = -(volume - seat.volume)
    w.floats[at + TAIL] = -max(0.0, -pnl - role.tail_loss)
    seat.inventory = held
    seat.peak_inventory = max(seat.peak_inventory, held)
    seat.fees_paid, seat.volume, seat.equity = fees_paid, volume, now


@kernel
def pay(m, r, w, i, s):
    """The reward of a seat that has been judged and, if its part is over, closed."""
    seat, run, task = w.seats[seat_of(w, i, s)], m.runs[r], w.tasks[0]
    unit = run.fee_unit
    at = terms_of(w, i, s, task.terms)
    now = after = seat.equity
    if is_closed(seat.end):
        after = true_equity(m, r, s)
        if seat.end != CLOSE and task.num_seats > 1:  # the market goes on for the others: nothing of this one may stay
            kill(m, r, s, run.now_ns)
    seat.equity = after
    seat.peak_gain = max(seat.peak_gain, after - seat.start_equity)
    fall = max(seat.drawdown, (seat.peak_gain - (after - seat.start_equity)) / unit)
    w.floats[at + DRAWDOWN] = -(fall - seat.drawdown)
    w.floats[at + LIQUIDATION] = (after - now) / unit
    seat.drawdown = fall
    reward = 0.0
    weights, sums = terms_of(w, i, s, task.weights), terms_of(w, i, s, task.sums)
    for k in range(NUM_TERMS):
        if w.floats[weights + k] != 0.0:
            reward += w.floats[weights + k] * w.floats[at + k]
        w.floats[sums + k] += w.floats[at + k]
    seat.reward = reward
    seat.total_reward += reward
    seat.terminated = 1 if is_closed(seat.end) else 0
    seat.truncated = 1 if seat.end == STEP_LIMIT else 0
    if seat.end != GOES_ON:
        summarize(m, r, w, i, s)


@kernel
def summarize(m, r, w, i, s):
    """Keep what the episode's summary tells, before the row begins another one; the seat takes no more part."""
    seat, end, task = w.seats[seat_of(w, i, s)], w.ends[end_of(w, i, s)], w.tasks[0]
    seat.alive = 0
    end.end, end.steps, end.inventory = seat.end, w.envs[env_of(w, i)].steps, seat.inventory
    end.peak_inventory, end.total_reward = seat.peak_inventory, seat.total_reward
    end.equity = seat.equity - seat.start_equity
    end.fees, end.volume, end.fills = seat.fees_paid, seat.volume, 0
    for symbol in range(m.runs[r].num_symbols):
        end.fills += m.accounts[account_of(m, r, s, symbol)].fills
    sums, end_sums = terms_of(w, i, s, task.sums), terms_of(w, i, s, task.end_sums)
    for k in range(NUM_TERMS):
        w.floats[end_sums + k] = w.floats[sums + k]
