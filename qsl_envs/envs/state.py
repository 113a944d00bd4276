"""What a market-making environment holds beside its market: settings for kernels, and the state of each env."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.state import record
from qsl_envs.market.state import whole

HISTORY = 16
"""Known mids kept of an env, a ring over its steps; a power of two."""

REWARD_TERMS = ("pnl", "inventory_penalty", "liquidation")
"""Names of the terms whose sum is the reward, in the order of `reward_terms`."""
PNL, INVENTORY_PENALTY, LIQUIDATION = 0, 1, 2

# why an episode ended
GOES_ON, CLOSE, RUIN, KILL, STEP_LIMIT = 0, 1, 2, 3, 4
END_NAMES = ("goes_on", "close", "ruin", "kill_switch", "step_limit")

# what a row does with the step after the last one of an episode
DISABLED, NEXT_STEP, SAME_STEP = 0, 1, 2

TASK = record(
    256,
    # how the market lies in memory
    ("stride", "i8"),  # RUN records a row
    ("row_longs", "i8"),
    ("first_template", "i8"),  # row number
    ("num_templates", "i8"),
    ("scratch_longs", "i8"),  # int64 cells of scratch a thread
    ("scratch_cap", "i8"),
    # the task
    ("autoreset", "i8"),
    ("step_ns", "i8"),
    ("max_steps", "i8"),  # 0: none
    ("levels", "i8"),
    ("max_quote_qty", "i8"),
    ("min_offset", "i8"),
    ("max_offset", "i8"),
    ("post_only", "i8"),
    ("max_inventory", "i8"),  # of the agent, summed over venues
    ("max_loss", "i8"),  # money
    ("unfilled_penalty_ticks", "i8"),
    ("borrow_rate", "i8"),
    ("with_day", "i8"),  # 1: the market's flow is a recorded day
    ("first_start_ns", "i8"),  # an episode may start there, on the day's clock
    ("last_start_ns", "i8"),
    ("feed_max_ns", "i8"),  # the longest time a record of the feed may take
    ("inventory_penalty", "f8"),
    ("tick_scale", "f8"),
    ("qty_scale", "f8"),
)
"""Settings of a task, one record for all envs."""

ENV = whole(
    384,
    # the episode
    "steps start_equity equity start_known_equity ended error "
    # what the agent knew at its last observation, of others' lots (NIL: a side empty to it)
    "bid ask mid_x2 volume_buy volume_sell feed_gaps report_gaps "
    # the newest quotes wanted
    "target_bid target_ask "
    # an upper bound of the lots in front of the best own order of each side, and for which order it holds
    "bid_tag bid_queue ask_tag ask_queue "
    # of the episode: the true inventory at the end of the step, and what its summary tells
    "inventory peak_inventory end_code end_steps end_equity end_inventory end_fees end_volume end_fills",
    ("reward", "f8"),
    ("total_reward", "f8"),
    ("terminated", "i1"),
    ("truncated", "i1"),
)
"""One env: what its next step needs to know of the steps before. Money in 1/fee_unit of tick x lot."""


class TaskArrays(NamedTuple):
    """What kernels of a task take beside the market's arrays.

    | field       | dtype, axes                 | meaning                                            |
    | ----------- | --------------------------- | -------------------------------------------------- |
    | `tasks`     | TASK (1,)                   | settings                                           |
    | `envs`      | ENV (env,)                  | state of each env                                  |
    | `mids`      | int64 (env, HISTORY)        | known mids in half ticks; step n stands at n % HISTORY |
    | `terms`     | float64 (env, term)         | reward terms of the last step, ticks x lots        |
    | `sums`      | float64 (env, term)         | the same, summed over the episode                  |
    | `base_keys` | int64 (env,)                | the market's: key of (split, seed)                 |
    | `episodes`  | int64 (env,)                | the market's: number of the episode                |
    | `starts`    | int64 (env,)                | where the next episode starts on the day, NIL: drawn |
    """

    tasks: np.ndarray
    envs: np.ndarray
    mids: np.ndarray
    terms: np.ndarray
    sums: np.ndarray
    base_keys: np.ndarray
    episodes: np.ndarray
    starts: np.ndarray
