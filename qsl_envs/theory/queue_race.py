"""Paths of a Markovian order book until its mid moves: unit orders that rest, queue and trade in the engine's own book.

Per side, limit orders arrive at each distance from the opposite best, market orders take the best one, and every
resting order is cancelled at a rate that depends on its distance. Only the order of events matters, so a path is
the chain of jumps; jump n of path p owns draws 2 n (what) and 2 n + 1 (which order) of stream FLOW, entity p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import BUY, LIVE_BIT, MARKET_IOC, NIL, PRICE_MAX, SELL
from qsl_envs.engine.layout import add_book_sections, book_arrays, init_books
from qsl_envs.engine.plain import cancel_order, submit_plain
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import best_shown, first_order, next_order, shown_qty
from qsl_envs.kernel.arena import Layout
from qsl_envs.kernel.draw import FLOW, draw_unit, stream_key, world_key
from qsl_envs.kernel.jit import kernel

MID = 100_000
"""Ticks: price of the best bid at the start of each path."""
MAX_ORDERS = 2**16
MAX_JUMPS = 2_000_000
"""A path that has not ended by then counts as undecided."""
PATHS_AT_ONCE = 1_000

RISE, FALL, FILL, UNDECIDED = 0, 1, 2, 3
"""How a path ended: the mid went up, went down, our order was filled before either; or it did not end."""


@kernel
def rest_one(m, h, side, price):
    """A limit order of one lot; its slot."""
    return submit_plain(m, h, side, price, np.int64(1), 0, 0, np.int64(NIL), np.int64(NIL))


@kernel
def take_one(m, h, side):
    """A market order of one lot."""
    submit_plain(m, h, side, np.int64(PRICE_MAX if side == BUY else 1), np.int64(1), MARKET_IOC, 0, np.int64(NIL),
                 np.int64(NIL))  # fmt: skip


@kernel
def cancel_nth(m, h, side, price, n, ours):
    """Cancel the order with n others, `ours` not counted, in front of it at a price."""
    slot = first_order(m, h, side, price, 0)
    while True:
        if slot != ours:
            if n == 0:
                break
            n -= 1
        slot = next_order(m, h, slot)
    cancel_order(m, h, slot)


@kernel
def empty_book(m, h):
    """Cancel everything."""
    for side in range(2):
        while m.sides[SIDES * h + side].num_orders > 0:
            cancel_order(m, h, first_order(m, h, side, best_shown(m, h, side), 0))


@kernel
def run_path(m, h, skey, limit_rates, market_rate, cancel_rates, spread, bid, ask, with_ours):
    """Play one path from `bid` and `ask` unit orders, `spread` ticks apart; return how it ended.

    Args:
        limit_rates, cancel_rates: float64 (distance - 1,).
        with_ours: 1: the last of the bids is ours, is never cancelled, and its fill ends the path too.
    """
    ours = np.int64(NIL)
    for _ in range(bid):
        ours = rest_one(m, h, BUY, np.int64(MID))
    for _ in range(ask):
        rest_one(m, h, SELL, np.int64(MID + spread))
    if with_ours == 0:
        ours = np.int64(NIL)
    arrivals = 0.0
    for distance in range(len(limit_rates)):
        arrivals += limit_rates[distance]
    base = m.books[h].orders_base
    for jump in range(MAX_JUMPS):
        best_bid, best_ask = best_shown(m, h, BUY), best_shown(m, h, SELL)
        cancels = 0.0
        for distance in range(1, len(cancel_rates) + 1):
            bids = shown_qty(m, h, BUY, best_ask - distance)
            if ours != NIL and best_ask - distance == MID:
                bids -= 1
            cancels += cancel_rates[distance - 1] * (bids + shown_qty(m, h, SELL, best_bid + distance))
        u = draw_unit(skey, 2 * jump) * (2.0 * (arrivals + market_rate) + cancels)
        if u < 2.0 * arrivals:
            if m.books[h].free_head < 0 and m.books[h].used_slots == m.books[h].num_slots:
                return UNDECIDED
            side = BUY if u < arrivals else SELL
            if side == SELL:
                u -= arrivals
            distance = 1
            while distance < len(limit_rates) and u >= limit_rates[distance - 1]:
                u -= limit_rates[distance - 1]
                distance += 1
            rest_one(m, h, side, best_ask - distance if side == BUY else best_bid + distance)
        elif u < 2.0 * (arrivals + market_rate):
            take_one(m, h, SELL if u < 2.0 * arrivals + market_rate else BUY)
            if ours != NIL and m.orders[base + ours].bits & LIVE_BIT == 0:
                return FILL
        else:
            cancel_one(m, h, u - 2.0 * (arrivals + market_rate), cancel_rates, best_bid, best_ask, ours,
                       draw_unit(skey, 2 * jump + 1))  # fmt: skip
        new_bid, new_ask = best_shown(m, h, BUY), best_shown(m, h, SELL)
        if new_bid > best_bid or new_ask > best_ask:
            return RISE
        if new_bid < best_bid or new_ask < best_ask:
            return FALL
    return UNDECIDED


@kernel
def cancel_one(m, h, u, cancel_rates, best_bid, best_ask, ours, v):
    """Cancel the order that a draw names: `u` in [0, all cancel rates) the level, `v` in (0, 1) the place in it."""
    for distance in range(1, len(cancel_rates) + 1):
        rate = cancel_rates[distance - 1]
        for side in range(2):
            price = best_ask - distance if side == BUY else best_bid + distance
            qty = shown_qty(m, h, side, price)
            mine = ours
            if side == BUY and ours != NIL and price == MID:
                qty -= 1
            else:
                mine = np.int64(NIL)
            if u < rate * qty:
                cancel_nth(m, h, side, price, min(np.int64(v * qty), qty - 1), mine)
                return
            u -= rate * qty


@kernel
def run_paths(m, h, world, limit_rates, market_rate, cancel_rates, spread, bid, ask, with_ours, first, count, ends):
    """Play paths first .. first + count - 1 and count their ends, int64 (4,)."""
    for path in range(first, first + count):
        end = run_path(m, h, stream_key(world, FLOW, path), limit_rates, market_rate, cancel_rates, spread, bid, ask,
                       with_ours)  # fmt: skip
        ends[end] += 1
        empty_book(m, h)


@dataclass(frozen=True, slots=True)
class Ends:
    """How many paths ended how."""

    rise: int
    fall: int
    fill: int
    undecided: int

    @property
    def paths(self) -> int:
        """All of them."""
        return self.rise + self.fall + self.fill + self.undecided


def race(limit_rates, market_rate: float, cancel_rates, *, spread: int, bid: int, ask: int, with_ours: bool,
         paths: int, seed: int) -> Ends:  # fmt: skip
    """Play paths of a book with these rates.

    Args:
        limit_rates, cancel_rates: by distance 1, 2, ... from the opposite best; beyond there are none.
        spread, bid, ask: the start, in ticks and unit orders.
        with_ours: whether the last of the bids is ours; see `run_path`.
    Returns: the counts. Stops early, all paths so far counted, when most of the first ones do not end.
    """
    config = EngineConfig(max_orders=MAX_ORDERS, window_ticks=512, publish=False)
    layout = Layout()
    add_book_sections(layout, "book", config)
    arrays = book_arrays(layout.allocate(1))
    init_books(arrays, layout, "book", config)
    rates = np.asarray(limit_rates, np.float64), float(market_rate), np.asarray(cancel_rates, np.float64)
    ends = np.zeros(4, np.int64)
    world = world_key("theory", seed, 0)
    h, played, first = layout.base("book.books"), 0, 20
    while played < paths:
        count = min(first if played == 0 else PATHS_AT_ONCE, paths - played)
        run_paths(arrays, h, world, *rates, spread, bid, ask, int(with_ours), played, count, ends)
        played += count
        if ends[UNDECIDED] * 2 > played:
            break
    return Ends(*ends.tolist())
