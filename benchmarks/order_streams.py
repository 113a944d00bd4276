"""Three standard order streams, made by running them once: near the touch, a deep book, sweeps with refills.

A stream is HANDLE_MESSAGE records for a given start book. A kernel draws each message, gives it to the book, and keeps
the handles of what rests; the same start book then sees the same handles whenever the stream is played.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import ADD, CANCEL, GTC, IOC, LIMIT, MARKET, MARKET_IOC, NIL, PRICE_MAX, REDUCE
from qsl_envs.engine.handles import HANDLE_MESSAGE, HANDLE_REPORT, apply_message, finish_message, handle_arrays
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.messages import HAS_PRICE, MESSAGE
from qsl_envs.engine.pool import handle_of, slot_of
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.draw import below_from_half, draw_bits, high_half, low_half
from qsl_envs.kernel.jit import kernel

NEAR, DEEP, SWEEP = 0, 1, 2
NAMES = ("near", "deep", "sweep")
LIVE = (1_000, 100_000, 1_000)
TICKS = (20, 1_000, 20)
"""Orders that live at a time, and the ticks of a side over which they lie."""

MID = 50_000
ID_KEY = 77
FILL, SETTLE, PLAY = 1, 2, 3
"""Keys of the draws: orders until the book is full, messages until it is like any other moment, the stream."""


class Stream(NamedTuple):
    """A warm book, the messages that made it, and the stream that is played from there."""

    name: str
    memory: BookMemory
    warm_up: np.ndarray
    messages: np.ndarray


@kernel
def make_stream(x, h, count, kind, live, ticks, key, handles, filling):
    """Draw the first `count` messages, giving each to the book; with `filling` 1 only adds.

    `handles` is where the handles of orders that were added stand; `handles[-1]` counts them.
    """
    m = x.book
    known = handles[-1]
    left = 0
    sweep_side = 0
    for n in range(count):
        word = draw_bits(key, 2 * n)
        more = draw_bits(key, 2 * n + 1)
        message = x.messages[n]
        what = below_from_half(high_half(word), 1000)
        side = np.int64(low_half(word) & 1)
        qty = 1 + below_from_half(low_half(more), 10)
        action = ADD
        ioc = 0
        best = m.sides[SIDES * h + (side ^ 1)].best
        touch = MID + 1 - side
        away = below_from_half(high_half(more), ticks)
        if kind != DEEP:
            away = min(away, below_from_half(low_half(word), ticks))
        price = touch - 1 - away if side == 0 else touch + 1 + away
        if filling == 0 and kind == SWEEP:
            if left == 0:  # a market order takes what was refilled; then the other side is refilled
                left = 5 + below_from_half(high_half(more), 46)
                if n > 0:
                    side = sweep_side ^ 1
                    sweep_side ^= 1
                    ioc = MARKET_IOC
                    price = PRICE_MAX if side == 0 else 1
                    qty = left * 11 // 2
            else:
                left -= 1
                side = sweep_side ^ 1
                touch = MID + 1 - side
                price = touch - 1 - away if side == 0 else touch + 1 + away
        elif filling == 0:
            adds = 450 + (live - known) * 2000 // live
            if what < 50:
                ioc = 1
                price = best
                if best <= 0 or best > PRICE_MAX:
                    price = touch
            elif what >= 50 + max(min(adds, 850), 50):
                action = REDUCE if what >= 950 else CANCEL
        message.handle = NIL
        message.order_id = draw_bits(ID_KEY, (key << 40) + n)
        if action != ADD:
            slot = NIL
            while slot == NIL and known > 0:
                k = below_from_half(high_half(more), known)
                message.handle = handles[k]
                slot = slot_of(m, h, handles[k])
                if slot == NIL or action == CANCEL:
                    known -= 1
                    handles[k] = handles[known]
                more = draw_bits(key ^ more, n)
            if slot == NIL:
                action = ADD
        message.action = action
        message.side = side
        message.ioc = ioc
        message.owner = NIL
        message.price = price
        message.qty = qty if action != REDUCE else 1
        slot = apply_message(x, h, n)[5]
        if m.books[h].suspended != 0:
            finish_message(x, h)
            slot = np.int64(m.books[h].slot)
        if action == ADD and slot != NIL:
            handles[known] = handle_of(m, h, slot)
            known += 1
    handles[-1] = known


def stream_of(kind: int, length: int, live: int | None = None) -> Stream:
    """A warm book and a stream for it."""
    live = LIVE[kind] if live is None else live
    config = EngineConfig(max_orders=max(live * 4 // 3, 2048), window_ticks=4096, max_events=512)
    memory = BookMemory(config, False)
    handles = np.zeros(length + 4 * live + 1, np.int64)
    parts = []
    for key, count in ((FILL, live), (SETTLE, 2 * live), (PLAY, length)):
        start = memory.arena.copy()
        messages = np.zeros(count, HANDLE_MESSAGE)
        arrays = handle_arrays(memory.arena, messages, np.zeros(count, HANDLE_REPORT))
        make_stream(arrays, memory.h, count, kind, live, TICKS[kind], key, handles, int(key == FILL))
        parts.append(messages)
    memory.arena[:] = start
    return Stream(NAMES[kind], memory, np.concatenate(parts[:2]), parts[2])


@kernel
def name_orders(messages, handles, ids, names):
    """Write the id of every message's order: its own for an add, for others the last one added in the handle's slot."""
    for n in range(len(messages)):
        message = messages[n]
        names[n] = message.order_id
        if message.action != ADD:
            names[n] = ids[message.handle & 0xFFFF_FFFF]
        elif handles[n] != NIL:
            ids[handles[n] & 0xFFFF_FFFF] = message.order_id


def with_ids(messages: np.ndarray, handles: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The same messages as MESSAGE records, with outside ids.

    Args:
        messages: HANDLE_MESSAGE records.
        handles: what their reports said.
        ids: int64 per slot, the id of the order in it; kept up from one call to the next.
    """
    named = np.zeros(len(messages), MESSAGE)
    names = np.zeros(len(messages), np.int64)
    name_orders(messages.view(np.recarray), handles, ids, names)
    named["action"] = messages["action"]
    named["side"] = messages["side"]
    named["order_type"] = np.where(messages["ioc"] == MARKET_IOC, MARKET, LIMIT)
    named["tif"] = np.where(messages["ioc"] == 0, GTC, IOC)
    named["price"] = messages["price"]
    named["qty"] = messages["qty"]
    named["has"] = HAS_PRICE
    named["order_id"] = names
    return named
