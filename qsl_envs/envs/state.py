"""What environments hold beside their market: settings for kernels, and the state of each env, seat and seat's book.

A *seat* is a participant moved from outside: seat s of an env is participant s of its market. Seats of one kind share a
*role*: its action, its observation, its scale. Actions and observations of all roles lie in one flat float32 array
each, role after role; within a role, env after env, seat after seat.

What belongs to one env lies in one row of an arena, so that a step finds it in one place and can fetch the next env's
row in time: `env_layout` says in which order.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.state import record
from qsl_envs.kernel.arena import Layout
from qsl_envs.kernel.views import Views, inside, outside
from qsl_envs.market.state import whole

HISTORY = 16
"""Known mids kept of a seat and book, a ring over its steps; a power of two."""

REWARD_TERMS = (
    "pnl", "inventory", "damped_pnl", "fees", "shortfall", "turnover", "drawdown", "tail", "liquidation",
)  # fmt: skip
"""Names of the terms whose weighted sum is the reward, in the order of `reward_terms`."""
PNL, INVENTORY, DAMPED_PNL, FEES, SHORTFALL, TURNOVER, DRAWDOWN, TAIL, LIQUIDATION = range(9)

# why an episode, or a seat's part in it, ended
GOES_ON, CLOSE, RUIN, KILL, STEP_LIMIT = 0, 1, 2, 3, 4
END_NAMES = ("goes_on", "close", "ruin", "kill_switch", "step_limit")

# what a row does with the step after the last one of an episode
DISABLED, NEXT_STEP, SAME_STEP = 0, 1, 2

# when the next decision is due
ON_INTERVAL, ON_FILL, ON_BOTH = 0, 1, 2
DECISION_NAMES = ("interval", "fill", "both")

# what an action says
QUOTE, CHOOSE_QUOTE, EXECUTE, ROUTE, ARBITRAGE, TARGET = 0, 1, 2, 3, 4, 5

# what an observation tells: flags of ROLE.blocks
TELL_CLOCK, TELL_ELAPSED, TELL_ACCOUNT, TELL_PARENT, TELL_SIGNAL, TELL_BOOK, TELL_OWN, TELL_LEVELS = (
    1 << k for k in range(8)
)

TASK = whole(
    384,
    # how the market lies in memory: RUN records a row, int64 cells a row, templates, scratch
    "stride row_longs first_template num_templates scratch_longs scratch_cap "
    "num_seats num_books num_symbols num_roles "
    "autoreset step_ns max_steps decide_on look_levels stagger "
    # where an env's sections start in their views, and how far it is to the next env's
    "row_cells hot_cells env_stride seats seat_stride desks desk_stride ends end_stride "
    "mids terms sums weights end_sums "
    # 1: the market's flow is a recorded day, on which an episode may start from .. to
    "with_day first_start_ns last_start_ns ",
)
"""Settings of an environment, one record for all envs."""

ROLE = record(
    320,
    ("action", "i8"),
    ("seats", "i8"),  # how many in an env
    ("first_seat", "i8"),
    ("obs_base", "i8"),  # place of its first element in the flat arrays
    ("act_base", "i8"),
    ("past_base", "i8"),
    ("width", "i8"),  # float32 of a seat's observation, all frames
    ("frame", "i8"),  # of one frame
    ("head", "i8"),  # of a frame's part before the books
    ("book", "i8"),  # of its part about one book
    ("act_width", "i8"),
    ("frames", "i8"),
    ("blocks", "i8"),
    ("levels", "i8"),
    ("max_quote_qty", "i8"),
    ("min_offset", "i8"),
    ("max_offset", "i8"),
    ("take_ticks", "i8"),  # beyond the known touch, for orders that take
    ("post_only", "i8"),
    ("max_loss", "i8"),  # money
    ("unfilled_penalty_ticks", "i8"),
    ("parent_qty", "i8"),  # lots to be executed; 0: no parent order
    ("parent_side", "i8"),  # BUY, SELL, or 2: drawn
    ("signal_delay_ns", "i8"),
    ("table_at", "i8"),  # of a discrete action: its first number in the table
    ("num_choices", "i8"),
    ("tick_scale", "f8"),
    ("qty_scale", "f8"),
    ("signal_noise", "f8"),  # ticks
    ("tail_loss", "f8"),  # ticks x lots of a step
)
"""Settings of a role, one record for all its seats."""

SEAT = whole(
    192,
    # fixed: its role, its number within it, the longest time a record of its feed may take, its cap in lots
    "role index feed_max_ns max_inventory "
    # the episode
    "alive end start_equity equity start_known_equity report_gaps parent_side known_inventory "
    "inventory peak_inventory peak_gain fees_paid volume ",
    ("reward", "f8"),
    ("total_reward", "f8"),
    ("drawdown", "f8"),
    ("terminated", "i1"),
    ("truncated", "i1"),
)
"""One seat: what its next step needs to know of the steps before. Money in 1/fee_unit of tick x lot."""

SUMMARY = whole(
    96,
    "end steps equity inventory peak_inventory fees volume fills ",
    ("total_reward", "f8"),
)
"""What is told of the episode of a seat that ended last."""

DESK = whole(
    128,
    # what the seat knew of a book at its last observation, of others' lots (NIL: a side empty to it)
    "bid ask mid_x2 volume_buy volume_sell feed_gaps "
    # the newest quotes wanted
    "target_bid target_ask "
    # an upper bound of the lots in front of the best own order of each side, and for which order it holds
    "bid_tag bid_queue ask_tag ask_queue "
    # of a symbol (in its first book): true mark and inventory at the end of the last step, mark at the start
    "mark_x2 held arrival_x2 ",
)
"""One seat's view of one book."""

ENV = whole(64, "steps ended error elapsed_ns last_ns age")
"""One env. `age`: steps of an episode that went by before its agents came."""


NUM_TERMS = len(REWARD_TERMS)


def env_layout(num_seats: int, num_books: int) -> Layout:
    """The sections of one env's row: what a step touches, then what is written when an episode ends."""
    layout = Layout()
    layout.add("envs", ENV, 1)
    layout.add("seats", SEAT, num_seats)
    layout.add("desks", DESK, num_seats * num_books)
    layout.add("mids", np.int64, num_seats * num_books * HISTORY)
    layout.add("terms", np.float64, num_seats * NUM_TERMS)
    layout.add("sums", np.float64, num_seats * NUM_TERMS)
    layout.add("weights", np.float64, num_seats * NUM_TERMS)
    layout.add("end_sums", np.float64, num_seats * NUM_TERMS)
    layout.add("ends", SUMMARY, num_seats)
    return layout


class TaskArrays(Views):
    """What kernels of an environment take beside the market's arrays; each is one-dimensional.

    | field       | dtype, axes              | meaning; where an index comes from                          |
    | ----------- | ------------------------ | ----------------------------------------------------------- |
    | `envs`      | ENV                      | state of each env; `places.env_of`                          |
    | `seats`     | SEAT                     | state of each seat; `seat_of`                               |
    | `desks`     | DESK                     | what it knew of each book; `desk_of`                        |
    | `ends`      | SUMMARY                  | its episode that ended last; `end_of`                       |
    | `longs`     | int64                    | known mids in half ticks: HISTORY for each seat and book    |
    |             |                          | from `mids_of` on, step n at n % HISTORY                    |
    | `floats`    | float64                  | NUM_TERMS for each seat from `terms_of` on: terms of the    |
    |             |                          | last step (ticks x lots), sums over the episode, what they  |
    |             |                          | count in the reward, sums of the episode that ended last    |
    | `tasks`     | TASK (1,)                | settings                                                    |
    | `roles`     | ROLE (role,)             | settings of the roles                                       |
    | `past`      | float32 (env, seat, ...) | frames of observations, of roles that have more than one    |
    | `table`     | float32                  | what discrete actions stand for                             |
    | `base_keys` | int64 (env,)             | the market's: key of (split, seed)                          |
    | `episodes`  | int64 (env,)             | the market's: number of the episode                         |
    | `starts`    | int64 (env,)             | where the next episode starts on the day, NIL: drawn        |
    """

    envs = inside(ENV)
    seats = inside(SEAT)
    desks = inside(DESK)
    ends = inside(SUMMARY)
    longs = inside(np.int64)
    floats = inside(np.float64)
    tasks = outside(TASK)
    roles = outside(ROLE)
    past = outside(np.float32)
    table = outside(np.float32)
    base_keys = outside(np.int64)
    episodes = outside(np.int64)
    starts = outside(np.int64)
