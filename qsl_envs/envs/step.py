"""One step of many envs: actions, time, observations, rewards, ends. Rows in a compiled loop, nothing else."""

from numpy import isnan

from qsl_envs.engine.constants import NIL
from qsl_envs.envs.act import act
from qsl_envs.envs.close import close_seats, is_closed
from qsl_envs.envs.fetch import fetch_calendar, fetch_orders, fetch_seat
from qsl_envs.envs.observe import observe
from qsl_envs.envs.places import desk_of, env_of, seat_of, terms_of
from qsl_envs.envs.score import judge, pay
from qsl_envs.envs.state import GOES_ON, NUM_TERMS, ON_FILL, ON_INTERVAL, SAME_STEP
from qsl_envs.kernel.draw import EPISODE, STAGGER, draw_below, draw_bits, episode_key, stream_key
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.constants import STOP_CLOSE, STOP_ERROR, STOP_FILL
from qsl_envs.market.entries import call_advance
from qsl_envs.market.ledger import account_of, equity
from qsl_envs.market.node import check_drawdown
from qsl_envs.market.world import reset_day_row, reset_row

STEPPED, MARKET_ERROR, NOT_A_NUMBER = -1, -2, 0
"""What `step_rows` returns; a number >= NOT_A_NUMBER is the place of the first NaN among the actions."""
EITHER_SIDE = 2
"""ROLE.parent_side of a parent order whose side is drawn."""


@kernel(closed=True)
def step_rows(m, w, actions, obs, final_obs, first, last, thread):
    """Step envs first .. last - 1; an env whose episode ended begins the next one as TASK.autoreset says.

    Args:
        m, w: MarketArrays, TaskArrays.
        actions: flat float32, of all roles, envs and seats.
        obs: flat float32, written.
        final_obs: the same, written for episodes that end in SAME_STEP mode.
        thread: whose stretch of scratch is used.
    Returns: STEPPED, MARKET_ERROR (ENV.error tells which rows), or the place of a NaN; then nothing has moved anywhere.
    """
    for k in range(actions.shape[0]):
        if isnan(actions[k]):
            return NOT_A_NUMBER + k
    task = w.tasks[0]
    code = STEPPED
    for i in range(first, last):
        env = w.envs[env_of(w, i)]
        if env.ended != GOES_ON:
            begin_row(m, w, i, obs, thread)
            continue
        take_scratch(m, task, i, thread)
        if not step_row(m, w, i, actions, obs):
            env.error = 1
            code = MARKET_ERROR
        elif env.ended != GOES_ON and task.autoreset == SAME_STEP:
            copy_obs(w, i, obs, final_obs)
            begin_next(m, w, i, obs, thread)
            env.ended = GOES_ON
        m.runs[i * task.stride].scratch = 0
    return code


@kernel
def begin_rows(m, w, mask, last_obs, obs, first, last, thread):
    """Begin the next episode of the envs first .. last - 1 whose mask (bool) is set; the others' last_obs is copied."""
    for i in range(first, last):
        if mask[i]:
            begin_row(m, w, i, obs, thread)
        else:
            copy_obs(w, i, last_obs, obs)


@kernel
def copy_obs(w, i, source, target):
    """Copy the observations of env `i` from one flat array to the same places of another."""
    for role_index in range(w.tasks[0].num_roles):
        role = w.roles[role_index]
        size = role.seats * role.width
        at = role.obs_base + i * size
        for k in range(at, at + size):
            target[k] = source[k]


@kernel(inline=True)
def take_scratch(m, task, i, thread):
    """Give row `i` the scratch of a thread; it is given back as 0, so that a row's bytes do not tell who ran it."""
    run = m.runs[i * task.stride]
    run.scratch, run.scratch_cap = thread * task.scratch_longs, task.scratch_cap


@kernel
def begin_row(m, w, i, obs, thread):
    """Begin the next episode of an env: nothing of the last one stays, no reward is paid."""
    begin_next(m, w, i, obs, thread)
    env = w.envs[env_of(w, i)]
    env.ended = env.error = 0
    for s in range(w.tasks[0].num_seats):
        clear_pay(w, i, s)


@kernel
def clear_pay(w, i, s):
    """A seat is paid nothing, and nothing of it ends."""
    seat, at = w.seats[seat_of(w, i, s)], terms_of(w, i, s, w.tasks[0].terms)
    seat.reward, seat.terminated, seat.truncated = 0.0, 0, 0
    for k in range(NUM_TERMS):
        w.floats[at + k] = 0.0


@kernel
def begin_next(m, w, i, obs, thread):
    """Put row `i` at the start of its next world and observe it; what the last step paid stays to be read."""
    task, env = w.tasks[0], w.envs[env_of(w, i)]
    r = i * task.stride
    w.episodes[i] += 1
    key = episode_key(w.base_keys[i], w.episodes[i])
    if task.with_day != 0:
        reset_day_row(m, task.row_longs, task.stride, task.first_template, task.num_templates, i, key,
                      task.first_start_ns, task.last_start_ns, w.starts[i])  # fmt: skip
    else:
        take_scratch(m, task, i, thread)
        reset_row(m, task.row_longs, task.stride, task.first_template, task.num_templates, i, key)
    take_scratch(m, task, i, thread)
    run = m.runs[r]
    run.wake_on_fill = 1 if task.decide_on != ON_INTERVAL else 0
    env.age = grow_old(m, r, task) if task.stagger != 0 and w.episodes[i] == 0 else 0
    env.steps, env.elapsed_ns, env.last_ns = 0, 0, run.now_ns
    for s in range(task.num_seats):
        seat_down(m, r, w, i, s)
    observe(m, r, w, i, obs)
    run.scratch = 0


@kernel
def grow_old(m, r, task):
    """Let a market run alone to the age, in steps, at which its first episode begins: any that an episode has."""
    run = m.runs[r]
    count = (run.close_ns - run.now_ns) // task.step_ns
    if 0 < task.max_steps < count:
        count = task.max_steps
    if count < 1:
        return 0
    age = draw_below(stream_key(run.world_key, STAGGER, 0), 0, count)
    until = run.now_ns + age * task.step_ns
    while run.now_ns < until:
        if call_advance(m, r, until) == STOP_ERROR:
            break
    return age


@kernel
def seat_down(m, r, w, i, s):
    """Give a seat a clean start: its parent order, its accounts as they are, no memory of another episode."""
    run, seat, at = m.runs[r], w.seats[seat_of(w, i, s)], terms_of(w, i, s, w.tasks[0].sums)
    role = w.roles[seat.role]
    if role.parent_qty > 0:
        give_parent(m, r, w, i, s)
    seat.alive, seat.end, seat.start_equity = 1, GOES_ON, 0
    for symbol in range(run.num_symbols):
        account = m.accounts[account_of(m, r, s, symbol)]
        seat.start_equity += equity(account, account.mark_x2, run.fee_unit)
    seat.equity = seat.start_equity
    seat.report_gaps = seat.inventory = seat.peak_inventory = seat.peak_gain = seat.fees_paid = seat.volume = 0
    seat.total_reward = seat.drawdown = 0.0
    for k in range(NUM_TERMS):
        w.floats[at + k] = 0.0
    for book in range(run.num_books):
        desk = w.desks[desk_of(w, i, s, book)]
        account = m.accounts[account_of(m, r, s, symbol_number(run, book))]
        desk.bid = desk.ask = desk.target_bid = desk.target_ask = desk.bid_tag = desk.ask_tag = NIL
        desk.volume_buy = desk.volume_sell = desk.feed_gaps = desk.bid_queue = desk.ask_queue = 0
        desk.mid_x2 = desk.mark_x2 = desk.arrival_x2 = account.mark_x2
        desk.held = account.inventory


@kernel
def give_parent(m, r, w, i, s):
    """Hand a seat its parent order: the inventory that is to be brought to zero, at the marks of the start."""
    run, seat = m.runs[r], w.seats[seat_of(w, i, s)]
    role = w.roles[seat.role]
    side = role.parent_side
    if side == EITHER_SIDE:
        side = draw_bits(stream_key(run.world_key, EPISODE, s), 0) & 1
    seat.parent_side = side
    lots = role.parent_qty if side == 1 else -role.parent_qty  # what is to be sold is there, what is to be bought owed
    account = m.accounts[account_of(m, r, s, 0)]
    account.inventory = account.initial_inventory = lots
    account.basis = account.initial_basis = lots * account.mark_x2 * (run.fee_unit // 2)
    account.short_since_ns = run.now_ns
    m.gates[run.gates + s * run.num_books].position = lots
    m.conns[run.conns + s * run.num_books].known_position = lots
    trader = m.traders[run.traders + s]
    trader.peak_known = trader.known_cash + account.basis


@kernel
def step_row(m, w, i, actions, obs):
    """One step of one env; False if the market needs more room (RUN.error)."""
    task, env = w.tasks[0], w.envs[env_of(w, i)]
    r = i * task.stride
    run = m.runs[r]
    for s in range(task.num_seats):
        fetch_seat(w, i + 1, s)
        trader = m.traders[run.traders + s]
        if trader.max_drawdown > 0 and trader.killed == 0:
            check_drawdown(m, r, s, run.now_ns)
        if trader.killed == 0 and w.seats[seat_of(w, i, s)].alive != 0:
            act(m, r, w, i, s, actions, run.now_ns)
    if run.error != 0:
        return False
    stop = go_on(m, r, task, run.now_ns)
    if stop == STOP_ERROR:
        return False
    env.steps += 1
    env.elapsed_ns, env.last_ns = run.now_ns - env.last_ns, run.now_ns
    observe(m, r, w, i, obs)
    after = r + task.stride  # the next env's market; behind the last one lie the templates
    fetch_calendar(m, after)
    end = GOES_ON
    alive, closing = 0, False
    for s in range(task.num_seats):
        fetch_orders(m, after, s)
        seat = w.seats[seat_of(w, i, s)]
        if seat.alive != 0:
            judge(m, r, w, i, s, stop == STOP_CLOSE)
            closing = closing or is_closed(seat.end)
    if closing:
        close_seats(m, r, w, i)
    for s in range(task.num_seats):
        seat = w.seats[seat_of(w, i, s)]
        if seat.alive == 0:
            clear_pay(w, i, s)
            continue
        pay(m, r, w, i, s)
        end = max(end, seat.end)
        alive += seat.alive
    if alive == 0:
        env.ended = end
    return run.error == 0


@kernel
def go_on(m, r, task, now_ns):
    """Let the market run to the next decision point; returns why it came back."""
    until = now_ns + task.step_ns
    if task.decide_on == ON_FILL:  # alone: the session's end is the only other reason
        until = m.runs[r].close_ns
    while True:
        stop = call_advance(m, r, until)
        if stop != STOP_FILL or m.runs[r].stop_trader < task.num_seats:
            return stop
