"""The kernel of `qsl/AvellanedaStoikov-v0`: one step of many independent one-maker markets, in blocks that vectorise.

All state is float64 and int64 in rows of two arrays, one row a quantity, one column an env. A step draws one 64-bit
word an env: its upper half decides the bid's fill, 31 bits of the lower one the ask's, the last one the mid's move.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.state import record
from qsl_envs.kernel.draw import FLOW, STAGGER, draw_below, draw_bits, episode_key, high_half, low_half, stream_key
from qsl_envs.kernel.fmath import exp_, exp_normal, float_of_small
from qsl_envs.kernel.jit import kernel

REWARD_TERMS = ("pnl", "inventory", "utility")
"""Names of the reward's terms, in the order of `reward_terms`."""
PNL, INVENTORY, UTILITY = 0, 1, 2

GOES_ON, HORIZON, STEP_LIMIT = 0, 1, 2
"""Why an episode ended."""
END_NAMES = ("goes_on", "horizon", "step_limit")

DISABLED, NEXT_STEP, SAME_STEP = 0, 1, 2
"""What an env does with the step after the last one of an episode."""

BLOCK = 256
"""Envs that go through the loops of a step together: what they touch stays in the first cache."""
SCRATCH_ROWS = 5

NOT_A_NUMBER = -1
"""What `step_rows` returns counts down from here for a NaN in the actions."""

LOW_31 = 0x7FFFFFFF
CELL_31, CELL_32 = 4.656612873077393e-10, 2.3283064365386963e-10
"""2**-31, 2**-32"""

# rows of `values`, float64 (NUM_VALUES, num_envs)
WALK = 0
"""up moves of the mid less down moves"""
HELD = 1
"""inventory"""
WEALTH = 2
"""marked wealth gained since the start of the episode: the sum of the term `pnl`"""
RETURN = 3
"""sum of the rewards"""
HELD_SUM = 4
"""sum of the term `inventory`"""
QUOTED = 5
"""sum of the quoted spreads"""
TERMS = 6
"""terms of the last step"""
WEIGHTS = 9
"""weights of the three terms"""
END_RETURN, END_WEALTH, END_HELD, END_HELD_SUM, END_UTILITY, END_QUOTED = range(12, 18)
"""the episode that ended last"""
NUM_VALUES = 18

# rows of `numbers`, int64 (NUM_NUMBERS, num_envs)
BASE_KEY, DRAW_KEY, EPISODE, STEP, ENDED, END_STEPS, END_CODE, WORD, AGE = range(9)
NUM_NUMBERS = 9

MODEL = record(
    192,
    ("fill_scale", "f8"),  # log(a dt): log of the expected fills of a quote at the mid in one step
    ("k", "f8"),  # decay of the fill intensity per unit of price
    ("move", "f8"),  # sigma sqrt(dt)
    ("dt", "f8"),
    ("gamma", "f8"),  # risk aversion of the utility term
    ("offset_low", "f8"),  # offset of action -1
    ("offset_range", "f8"),  # half the width of the range
    ("held_scale", "f8"),  # what turns state into observation
    ("walk_scale", "f8"),
    ("time_scale", "f8"),
    ("max_held", "f8"),  # inventory limit
    ("start_held", "f8"),
    ("exponential", "i8"),  # fill probability 1: 1 - exp(-intensity dt); 0: intensity dt, capped at 1
    ("num_steps", "i8"),  # to the horizon
    ("last_step", "i8"),  # of an episode: the horizon, or the caller's limit
    ("autoreset", "i8"),
    ("stagger", "i8"),  # 1: a world's first episode begins at a drawn age
)
"""Constants of the model; one record for all envs."""


@kernel
def begin(model, values, numbers, i):
    """Start the next episode of env i: a new world, flat sums, the mid at its start."""
    numbers[EPISODE, i] += 1
    world = episode_key(numbers[BASE_KEY, i], numbers[EPISODE, i])
    numbers[DRAW_KEY, i] = stream_key(world, FLOW, 0)
    numbers[AGE, i] = 0
    if model.stagger != 0 and numbers[EPISODE, i] == 0:
        numbers[AGE, i] = draw_below(stream_key(world, STAGGER, 0), 0, model.last_step)
    numbers[STEP, i] = numbers[AGE, i]
    numbers[ENDED, i] = 0
    for row in range(TERMS):
        values[row, i] = 0.0
    values[HELD, i] = model.start_held


@kernel
def observe(model, values, numbers, i, obs):
    """Write the observation of env i."""
    obs[i, 0] = np.float32(float_of_small(model.num_steps - numbers[STEP, i]) * model.time_scale)
    obs[i, 1] = np.float32(values[HELD, i] * model.held_scale)
    obs[i, 2] = np.float32(values[WALK, i] * model.walk_scale)


@kernel
def begin_rows(models, values, numbers, mask, last, obs):
    """Start an episode where `mask` (bool, (num_envs,)) says so and write all observations; the others' are `last`."""
    for i in range(len(mask)):
        if mask[i]:
            begin(models[0], values, numbers, i)
            for term in range(3):
                values[TERMS + term, i] = 0.0
            observe(models[0], values, numbers, i, obs)
        else:
            for element in range(obs.shape[1]):
                obs[i, element] = last[i, element]


@kernel(inline=True)
def offsets_of(low, half_range, actions, bid, ask):
    """Offsets of a block's quotes from the mid; actions float32 (n, 2), clipped to [-1, 1]."""
    for i in range(len(bid)):
        a = np.float64(actions[i, 0])
        a = a if a > -1.0 else -1.0
        a = a if a < 1.0 else 1.0
        bid[i] = low + (a + 1.0) * half_range
    for i in range(len(ask)):
        a = np.float64(actions[i, 1])
        a = a if a > -1.0 else -1.0
        a = a if a < 1.0 else 1.0
        ask[i] = low + (a + 1.0) * half_range


@kernel(inline=True)
def fill_chances(exponential, scale, k, offsets, chances):
    """P(a quote at this offset is filled within one step), by the rule of the model."""
    if exponential != 0:
        for i in range(len(chances)):
            chances[i] = 1.0 - exp_normal(-exp_normal(scale - k * offsets[i]))
    else:
        for i in range(len(chances)):
            p = exp_normal(scale - k * offsets[i])
            chances[i] = p if p < 1.0 else 1.0


@kernel(inline=True)
def draw_words(keys, steps, words):
    """The word of each env's step."""
    for i in range(len(words)):
        words[i] = draw_bits(keys[i], steps[i])


@kernel(inline=True)
def fill_bids(words, held, limit, chances):
    """Turn the chances of a block's bids into fills, 0.0 or 1.0: none at the inventory limit."""
    for i in range(len(words)):
        u = (float_of_small(high_half(words[i])) + 0.5) * CELL_32
        chances[i] = (1.0 if u < chances[i] else 0.0) * (1.0 if held[i] < limit else 0.0)


@kernel(inline=True)
def fill_asks(words, held, limit, chances):
    """Turn the chances of a block's asks into fills."""
    for i in range(len(words)):
        u = (float_of_small(low_half(words[i]) & LOW_31) + 0.5) * CELL_31
        chances[i] = (1.0 if u < chances[i] else 0.0) * (1.0 if held[i] > -limit else 0.0)


@kernel(inline=True)
def move_mids(words, move, walk, change):
    """One coin each: the mid goes up or down; `change` is by how much."""
    for i in range(len(words)):
        coin = 1.0 if low_half(words[i]) > LOW_31 else -1.0
        walk[i] += coin
        change[i] = coin * move


@kernel(inline=True)
def trade(bid, ask, bought, sold, held, quoted):
    """Fills change the inventory; `bid` becomes what they earned against the mid before it moved."""
    for i in range(len(bid)):
        quoted[i] += bid[i] + ask[i]
        bid[i] = bought[i] * bid[i] + sold[i] * ask[i]
    for i in range(len(held)):
        held[i] += bought[i] - sold[i]


@kernel(inline=True)
def earn(gain, change, held, pnl, wealth):
    """What the step changed in marked wealth: earned by fills, and by the move of what is held."""
    for i in range(len(pnl)):
        pnl[i] = gain[i] + held[i] * change[i]
        wealth[i] += pnl[i]


@kernel(inline=True)
def hold(dt, held, inventory, total):
    """The inventory term, -dt inventory^2, and its sum."""
    for i in range(len(inventory)):
        inventory[i] = -dt * held[i] * held[i]
        total[i] += inventory[i]


@kernel(inline=True)
def pay(pnl, inventory, pnl_weight, inventory_weight, reward):
    """The reward, but for the utility that an end adds."""
    for i in range(len(reward)):
        reward[i] = pnl_weight[i] * pnl[i] + inventory_weight[i] * inventory[i]


@kernel(inline=True)
def collect(reward, total, utility):
    """Sum the rewards; there is no utility before the end."""
    for i in range(len(reward)):
        total[i] += reward[i]
        utility[i] = 0.0


@kernel(inline=True)
def count_steps(steps, last_step):
    """One more step in each env; return how many have come to the last one."""
    reached = 0
    for i in range(len(steps)):
        steps[i] += 1
        reached += 1 if steps[i] >= last_step else 0
    return reached


@kernel(inline=True)
def lower_flags(terminated, truncated):
    """Nothing has ended yet."""
    for i in range(len(terminated)):
        terminated[i] = False
        truncated[i] = False


@kernel(inline=True)
def write_observations(num_steps, time_scale, held_scale, walk_scale, steps, held, walk, obs):
    """The observations of a block; `observe` for many."""
    for i in range(len(steps)):
        obs[i, 0] = np.float32(float_of_small(num_steps - steps[i]) * time_scale)
        obs[i, 1] = np.float32(held[i] * held_scale)
        obs[i, 2] = np.float32(walk[i] * walk_scale)


@kernel
def finish(model, values, numbers, reward, terminated, truncated, final, obs, i):
    """The episode of env i is over: its utility, its summary and, in SAME_STEP mode, its next one."""
    over = numbers[STEP, i] >= model.num_steps
    terminated[i] = over
    truncated[i] = not over
    utility = 0.0
    if over:
        utility = utility_of(model.gamma, values[WEALTH, i])
        values[TERMS + UTILITY, i] = utility
        paid = values[WEIGHTS + UTILITY, i] * utility
        reward[i] += paid
        values[RETURN, i] += paid
    numbers[ENDED, i] = 1
    numbers[END_STEPS, i] = numbers[STEP, i] - numbers[AGE, i]
    numbers[END_CODE, i] = HORIZON if over else STEP_LIMIT
    values[END_RETURN, i] = values[RETURN, i]
    values[END_WEALTH, i] = values[WEALTH, i]
    values[END_HELD, i] = values[HELD, i]
    values[END_HELD_SUM, i] = values[HELD_SUM, i]
    values[END_UTILITY, i] = utility
    values[END_QUOTED, i] = values[QUOTED, i]
    if model.autoreset == SAME_STEP:
        for element in range(obs.shape[1]):
            final[i, element] = obs[i, element]
        begin(model, values, numbers, i)  # the terms of the step stay: they are what its reward was made of
        observe(model, values, numbers, i, obs)


@kernel
def utility_of(gamma, wealth):
    """(1 - exp(-gamma wealth)) / gamma, which is like wealth near 0, and is wealth at gamma 0."""
    if gamma == 0.0:
        return wealth
    exponent = -gamma * wealth
    return (1.0 - exp_(exponent if exponent < 700.0 else 700.0)) / gamma


@kernel
def restart(model, values, numbers, reward, obs, i):
    """NEXT_STEP mode: the step after an end starts an episode; its action is not used, its reward is 0."""
    begin(model, values, numbers, i)
    for term in range(3):
        values[TERMS + term, i] = 0.0
    reward[i] = 0.0
    observe(model, values, numbers, i, obs)


@kernel
def first_nan(actions):
    """Place of the first NaN in float32 (num_envs, 2), counted by number; -1: none."""
    bad = 0
    for i in range(actions.shape[0]):
        bad += 1 if actions[i, 0] != actions[i, 0] else 0
        bad += 1 if actions[i, 1] != actions[i, 1] else 0
    if bad > 0:
        for i in range(actions.shape[0]):
            for element in range(2):
                if actions[i, element] != actions[i, element]:
                    return 2 * i + element
    return -1


@kernel
def step_rows(models, values, numbers, scratch, actions, obs, final, reward, terminated, truncated, first, end):
    """Step envs first .. end - 1.

    Args:
        models: MODEL records (1,).
        values, numbers: the state, see above.
        scratch: float64 (SCRATCH_ROWS, BLOCK), of this thread.
        actions: float32 (num_envs, 2).
        obs, final: float32 (num_envs, 3); `final` holds what SAME_STEP mode calls final observations.
        reward, terminated, truncated: float64, bool, bool (num_envs,).
    Returns: how many episodes ended; NOT_A_NUMBER - k, and nothing has moved, when number k of these actions is a NaN.
    """
    model = models[0]
    bad = first_nan(actions[first:end])
    if bad >= 0:
        return NOT_A_NUMBER - 2 * first - bad
    k, scale, exponential = model.k, model.fill_scale, model.exponential
    low, half_range, limit = model.offset_low, model.offset_range, model.max_held
    move, dt, last_step, num_steps = model.move, model.dt, model.last_step, model.num_steps
    time_scale, held_scale, walk_scale = model.time_scale, model.held_scale, model.walk_scale
    ended = 0
    start = first
    while start < end:
        stop = min(start + BLOCK, end)
        n = stop - start
        bid, ask, bought, sold = scratch[0, :n], scratch[1, :n], scratch[2, :n], scratch[3, :n]
        change = scratch[4, :n]
        words, steps = numbers[WORD, start:stop], numbers[STEP, start:stop]
        held, walk = values[HELD, start:stop], values[WALK, start:stop]
        pnl, inventory = values[TERMS + PNL, start:stop], values[TERMS + INVENTORY, start:stop]
        paid = reward[start:stop]
        offsets_of(low, half_range, actions[start:stop], bid, ask)
        fill_chances(exponential, scale, k, bid, bought)
        fill_chances(exponential, scale, k, ask, sold)
        draw_words(numbers[DRAW_KEY, start:stop], steps, words)
        fill_bids(words, held, limit, bought)
        fill_asks(words, held, limit, sold)
        move_mids(words, move, walk, change)
        trade(bid, ask, bought, sold, held, values[QUOTED, start:stop])
        earn(bid, change, held, pnl, values[WEALTH, start:stop])
        hold(dt, held, inventory, values[HELD_SUM, start:stop])
        pay(pnl, inventory, values[WEIGHTS + PNL, start:stop], values[WEIGHTS + INVENTORY, start:stop], paid)
        collect(paid, values[RETURN, start:stop], values[TERMS + UTILITY, start:stop])
        lower_flags(terminated[start:stop], truncated[start:stop])
        reached = count_steps(steps, last_step)
        write_observations(num_steps, time_scale, held_scale, walk_scale, steps, held, walk, obs[start:stop])
        if reached > 0:
            for i in range(start, stop):
                if numbers[STEP, i] >= last_step:
                    if numbers[ENDED, i] != 0:
                        restart(model, values, numbers, reward, obs, i)
                    else:
                        finish(model, values, numbers, reward, terminated, truncated, final, obs, i)
                        ended += 1
        start = stop
    return ended
