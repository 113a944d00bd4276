"""Every order of a book, in order, as arrays: what files, snapshots for people and checks are made of."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY, HIDDEN_BIT, LIVE_BIT, NIL, PARKED_BIT, PEG_BIT, SPECIAL_BIT, STOP_BIT
from qsl_envs.engine.ladder import next_level
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.state import SIDES, record
from qsl_envs.kernel.jit import kernel

ROW = record(
    48,
    ("order_id", "i8"),
    ("price", "i8"),  # NIL: a market order of a call
    ("position", "i8"),  # 0-based, through the displayed queue and then the hidden one
    ("qty", "i8"),  # open
    ("display_qty", "i8"),  # shown now
    ("slot", "i4"),
    ("side", "i4"),
)
"""One resting order."""


@kernel
def list_slots(m, h, side, inside, outside, market):
    """Write a side's slots: those inside the window in order of priority, outside in list order, market orders by time.

    Returns: how many of each.
    """
    base = m.books[h].orders_base
    ladder = m.sides[SIDES * h + side]
    num_inside = 0
    depth = next_level(m, h, side, 0)
    while depth != NIL:
        level = m.levels[ladder.levels_base + depth]
        for queue in range(2):
            slot = np.int64(level.head if queue == 0 else level.hidden_head)
            while slot != NIL:
                inside[num_inside] = slot
                num_inside += 1
                slot = np.int64(m.orders[base + slot].next)
        depth = next_level(m, h, side, depth + 1)
    num_outside = 0
    slot = np.int64(ladder.out_head)
    while slot != NIL:
        outside[num_outside] = slot
        num_outside += 1
        slot = np.int64(m.orders[base + slot].next)
    num_market = 0
    slot = np.int64(ladder.market_head)
    while slot != NIL:
        market[num_market] = slot
        num_market += 1
        slot = np.int64(m.orders[base + slot].next)
    return num_inside, num_outside, num_market


def slots_of_side(memory: BookMemory, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slots of a side: market orders, inside the window, outside the window; each in order of priority."""
    room = int(memory.book.used_slots)
    inside, outside, market = np.zeros((3, room), np.int64)
    counts = list_slots(memory.arrays, memory.h, side, inside, outside, market)
    inside, outside, market = inside[: counts[0]], outside[: counts[1]], market[: counts[2]]
    orders = memory.section("orders")[outside]
    price = orders["price"].astype(np.int64)
    order = np.lexsort((orders["bits"] & HIDDEN_BIT, -price if side == BUY else price))
    return market, inside, outside[order]


def list_side(memory: BookMemory, side: int) -> np.ndarray:
    """Every resting order of a side as ROW records: market orders of a call, then best price first, in queue order."""
    slots = np.concatenate(slots_of_side(memory, side))
    orders = memory.section("orders")[slots]
    rows = np.zeros(len(slots), ROW)
    rows["order_id"] = memory.names.slots["order_id"][slots]
    rows["price"] = np.where(orders["bits"] & PARKED_BIT, NIL, orders["price"])
    rows["qty"] = orders["leaves_qty"]
    rows["display_qty"] = orders["leaves_qty"]
    rows["slot"] = slots
    rows["side"] = side
    special = np.flatnonzero(orders["bits"] & SPECIAL_BIT)
    rows["display_qty"][special] = memory.section("exts")[orders["ext"][special]]["shown_qty"]
    index = np.arange(len(slots))
    starts = np.concatenate([[True], rows["price"][1:] != rows["price"][:-1]])[: len(slots)]
    rows["position"] = index - np.maximum.accumulate(np.where(starts, index, 0)) if len(slots) else 0
    return rows


def list_pending(memory: BookMemory) -> np.ndarray:
    """Slots of waiting stops and parked pegs, in order of entry."""
    orders = memory.section("orders")[: memory.book.used_slots]
    bits = orders["bits"]
    waiting = (bits & STOP_BIT != 0) | ((bits & PARKED_BIT != 0) & (bits & PEG_BIT != 0))
    slots = np.flatnonzero(waiting & (bits & LIVE_BIT != 0))
    entries = memory.section("exts")[orders["ext"][slots]]["entry"]
    return slots[np.argsort(entries, kind="stable")]
