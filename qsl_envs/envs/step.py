"""One step of many market makers: quotes, time, observation, reward, end. Rows in a compiled loop, nothing else."""

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.envs.observe import known_equity, look, observe
from qsl_envs.envs.quoting import AGENT, BOOK, quote, target_quotes
from qsl_envs.envs.state import (
    CLOSE,
    GOES_ON,
    INVENTORY_PENALTY,
    KILL,
    LIQUIDATION,
    PNL,
    RUIN,
    SAME_STEP,
    STEP_LIMIT,
)  # fmt: skip
from qsl_envs.kernel.draw import episode_key
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import STOP_CLOSE, STOP_ERROR
from qsl_envs.market.entries import call_advance
from qsl_envs.market.ledger import account_of, collect_borrow, equity
from qsl_envs.market.marks import liquidate, mark
from qsl_envs.market.node import check_drawdown
from qsl_envs.market.world import reset_day_row, reset_row

STEPPED, MARKET_ERROR, NOT_A_NUMBER = -1, -2, 0
"""What `step_rows` returns; a number >= NOT_A_NUMBER is the place of the first NaN among the actions."""


@kernel
def step_rows(m, w, actions, obs, final_obs, first, last, thread):
    """Step envs first .. last - 1; an env whose episode ended begins the next one as TASK.autoreset says.

    Args:
        m, w: MarketArrays, TaskArrays.
        actions: float32 (env, 4) in [-1, 1], clipped: bid offset, ask offset, bid size, ask size.
        obs: float32 (env, element), written.
        final_obs: the same, written for episodes that end in SAME_STEP mode.
        thread: whose stretch of scratch is used.
    Returns: STEPPED, MARKET_ERROR (ENV.error tells which rows), or the place of a NaN; then nothing has moved anywhere.
    """
    for i in range(actions.shape[0]):
        for k in range(actions.shape[1]):
            if np.isnan(actions[i, k]):
                return NOT_A_NUMBER + i * actions.shape[1] + k
    task = w.tasks[0]
    code = STEPPED
    for i in range(first, last):
        env = w.envs[i]
        if env.ended != GOES_ON:
            begin_row(m, w, i, obs, thread)
            continue
        take_scratch(m, task, i, thread)
        if not step_row(m, w, i, actions, obs):
            env.error = 1
            code = MARKET_ERROR
        elif env.ended != GOES_ON and task.autoreset == SAME_STEP:
            for k in range(obs.shape[1]):
                final_obs[i, k] = obs[i, k]
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
            for k in range(obs.shape[1]):
                obs[i, k] = last_obs[i, k]


@kernel(inline=True)
def take_scratch(m, task, i, thread):
    """Give row `i` the scratch of a thread; it is given back as 0, so that a row's bytes do not tell who ran it."""
    run = m.runs[i * task.stride]
    run.scratch, run.scratch_cap = thread * task.scratch_longs, task.scratch_cap


@kernel
def begin_row(m, w, i, obs, thread):
    """Begin the next episode of an env: nothing of the last one stays, no reward is paid."""
    begin_next(m, w, i, obs, thread)
    env = w.envs[i]
    env.reward, env.terminated, env.truncated, env.ended, env.error = 0.0, 0, 0, GOES_ON, 0
    w.terms[i, :] = 0.0
    clear_sums(w, i)


@kernel
def begin_next(m, w, i, obs, thread):
    """Put row `i` at the start of its next world and observe it; what the last step paid stays to be read."""
    task, env = w.tasks[0], w.envs[i]
    r = i * task.stride
    w.episodes[i] += 1
    key = episode_key(w.base_keys[i], w.episodes[i])
    if task.with_day != 0:
        reset_day_row(m, task.row_longs, task.stride, task.first_template, task.num_templates, i, key,
                      task.first_start_ns, task.last_start_ns, w.starts[i])  # fmt: skip
    else:
        reset_row(m, task.row_longs, task.stride, task.first_template, task.num_templates, i, key)
    take_scratch(m, task, i, thread)
    run = m.runs[r]
    account = m.accounts[account_of(m, r, AGENT, BOOK)]
    env.steps = 0
    env.equity = env.start_equity = equity(account, account.mark_x2, run.fee_unit)
    env.bid = env.ask = env.target_bid = env.target_ask = env.bid_tag = env.ask_tag = NIL
    env.mid_x2 = account.mark_x2
    env.volume_buy = env.volume_sell = env.feed_gaps = env.report_gaps = 0
    look(m, r, task, env)
    env.start_known_equity = known_equity(m, r, env)
    observe(m, r, w, i, obs)
    run.scratch = 0


@kernel
def clear_sums(w, i):
    """Forget the sums of an episode; its first step does so too, where they stayed to be read."""
    w.envs[i].total_reward = 0.0
    w.envs[i].peak_inventory = 0
    w.sums[i, :] = 0.0


@kernel
def step_row(m, w, i, actions, obs):
    """One step of one env; False if the market needs more room (RUN.error)."""
    task, env = w.tasks[0], w.envs[i]
    r = i * task.stride
    run = m.runs[r]
    trader = m.traders[run.traders + AGENT]
    if trader.max_drawdown > 0 and trader.killed == 0:
        check_drawdown(m, r, AGENT, run.now_ns)
    inventory = m.conns[run.conns + AGENT * run.num_books + BOOK].known_position
    bid, bid_qty, ask, ask_qty = target_quotes(
        task, env, inventory, actions[i, 0], actions[i, 1], actions[i, 2], actions[i, 3]
    )
    if trader.killed == 0:
        quote(m, r, task, env, bid, bid_qty, ask, ask_qty, run.now_ns)
    if run.error != 0:
        return False
    stop = call_advance(m, r, run.now_ns + task.step_ns)
    if stop == STOP_ERROR:
        return False
    if env.steps == 0:
        clear_sums(w, i)
    env.steps += 1
    observe(m, r, w, i, obs)
    score(m, r, w, i, stop)
    return True


@kernel
def score(m, r, w, i, stop):
    """Reward terms of the step from the true account, and whether the episode is over."""
    task, env, run = w.tasks[0], w.envs[i], m.runs[r]
    account = m.accounts[account_of(m, r, AGENT, BOOK)]
    if task.borrow_rate != 0:
        collect_borrow(m, r, AGENT, BOOK, task.borrow_rate, run.now_ns)
    now = equity(account, mark(m, r, AGENT, BOOK), run.fee_unit)
    held = account.inventory
    env.inventory = held
    env.peak_inventory = max(env.peak_inventory, abs(held))
    end = GOES_ON
    if stop == STOP_CLOSE:
        end = CLOSE
    elif now - env.start_equity <= -task.max_loss:
        end = RUIN
    elif m.traders[run.traders + AGENT].killed != 0:
        end = KILL
    after = now
    if end != GOES_ON:
        liquidate(m, r, AGENT, BOOK, task.unfilled_penalty_ticks)
        after = equity(account, account.mark_x2, run.fee_unit)
    elif env.steps == task.max_steps:
        end = STEP_LIMIT
    w.terms[i, PNL] = (now - env.equity) / run.fee_unit
    w.terms[i, INVENTORY_PENALTY] = -task.inventory_penalty * abs(held)
    w.terms[i, LIQUIDATION] = (after - now) / run.fee_unit
    env.equity = after
    env.reward = 0.0
    for k in range(w.terms.shape[1]):
        env.reward += w.terms[i, k]
        w.sums[i, k] += w.terms[i, k]
    env.total_reward += env.reward
    env.ended = end
    env.terminated = 1 if end == CLOSE or end == RUIN or end == KILL else 0
    env.truncated = 1 if end == STEP_LIMIT else 0
    if end != GOES_ON:
        summarize(env, account)


@kernel
def summarize(env, account):
    """Keep what the episode's summary tells, before the row begins another one."""
    env.end_code, env.end_steps, env.end_inventory = env.ended, env.steps, env.inventory
    env.end_equity = env.equity - env.start_equity
    env.end_fees = account.fees - account.rebates
    env.end_volume = account.volume
    env.end_fills = account.fills
