"""The next env's memory, brought near while this one's is worked on: caches hold little of what a step touches once.

What lies at the front of the market's row is fetched by the market's loop. Here are the env's own row and the pools
behind: they hand out what came back last, so a step touches their first records.
"""

from qsl_envs.kernel.fetch import fetch
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.state import CAL, CLIENT, MSG

CLIENT_LONGS, MSG_LONGS, CAL_LONGS = CLIENT.itemsize // 8, MSG.itemsize // 8, CAL.itemsize // 8
ORDERS, ENTRIES = 3, 32
"""Orders of a seat, and messages on their way; entries of the calendar."""


@kernel(inline=True)
def fetch_seat(w, i, s):
    """Bring a seat's share of env i's row near."""
    task = w.tasks[0]
    share = task.hot_cells // task.num_seats
    fetch(w.longs, i * task.row_cells + s * share, share)


@kernel(inline=True)
def fetch_calendar(m, r):
    """Bring the first entries of a market's calendar near."""
    fetch(m.longs, m.runs[r].cal * CAL_LONGS, ENTRIES * CAL_LONGS)


@kernel(inline=True)
def fetch_orders(m, r, s):
    """Bring a seat's share of a market's pools of orders and messages near."""
    run = m.runs[r]
    fetch(m.longs, (run.clients + s * ORDERS) * CLIENT_LONGS, ORDERS * CLIENT_LONGS)
    fetch(m.longs, (run.msgs + s * ORDERS) * MSG_LONGS, ORDERS * MSG_LONGS)
