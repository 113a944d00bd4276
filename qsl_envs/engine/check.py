"""What must always hold in a book. Slow and plain: for tests, and for whoever suspects the engine."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    AUCTION_CALL,
    BUY,
    FLAG_BITS,
    HIDDEN_BIT,
    LIVE_BIT,
    MARKET_BIT,
    NIL,
    NO_ASK,
    NO_BID,
    OUTSIDE_BIT,
    PARKED_BIT,
    PEG_BIT,
    PRICE_MAX,
    SELL,
    SPECIAL_BIT,
    STOP_BIT,
)
from qsl_envs.engine.ids import find_order
from qsl_envs.engine.ladder import depth_of, price_at
from qsl_envs.engine.listing import slots_of_side
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.stream import SHIFT


def check_book(memory: BookMemory) -> None:
    """Assert the invariants of a book between two messages.

    Raises:
        AssertionError: one is broken; the message names it.
    """
    book = memory.book
    assert book.num_events == 0 and book.suspended == 0 and book.stage == 0, "a message is still in progress"
    assert book.queue_head == NIL, "a triggered stop was forgotten"
    orders = memory.section("orders")[: book.used_slots]
    bits = orders["bits"]
    live = set(np.flatnonzero(bits & LIVE_BIT).tolist())
    queued: set[int] = set()
    for side in (BUY, SELL):
        queued |= _check_side(memory, side)
    waiting = {s for s in live if bits[s] & STOP_BIT or bits[s] & PARKED_BIT and not bits[s] & MARKET_BIT}
    assert queued | waiting == live, f"live orders that stand nowhere: {live - queued - waiting}"
    assert not queued & waiting, f"orders in a queue and waiting: {queued & waiting}"
    _check_free(memory, live)
    _check_special(memory, live)
    _check_names(memory, live)
    bid, ask = (memory.arrays.sides[SIDES * memory.h + side].best for side in (BUY, SELL))
    assert book.phase == AUCTION_CALL or bid < ask, f"crossed: {bid} {ask}"


def _check_side(memory: BookMemory, side: int) -> set[int]:
    """Links, sums, bitmap and best price of a side; return its slots, market orders of a call included."""
    m, h, book = memory.arrays, memory.h, memory.book
    ladder = m.sides[SIDES * h + side]
    orders = memory.section("orders")
    window = int(book.window)
    market, inside, outside = (part.tolist() for part in slots_of_side(memory, side))
    assert ladder.num_orders == len(inside) + len(outside), "SIDE.num_orders"
    assert ladder.num_outside == len(outside), "SIDE.num_outside"
    prices = [int(orders[s]["price"]) for s in inside + outside]
    empty = NO_BID if side == BUY else NO_ASK
    best = (max(prices) if side == BUY else min(prices)) if prices else empty
    assert ladder.best == best, f"SIDE.best {ladder.best}, should be {best}"
    assert not prices or 0 <= depth_of(m, h, side, best) < window, "the best price is outside the window"
    worst = max([int(depth_of(m, h, side, int(orders[s]["price"]))) for s in inside], default=-1)
    assert worst < window, "an order inside stands outside"
    for slot in outside:
        assert depth_of(m, h, side, int(orders[slot]["price"])) >= window, "an order outside belongs inside"
    for slot in market + inside + outside:
        flags = int(orders[slot]["bits"])
        assert flags & LIVE_BIT and flags & 1 == side and orders[slot]["leaves_qty"] > 0, (
            f"slot {slot}: bits or quantity"
        )
        assert bool(flags & OUTSIDE_BIT) == (slot in outside), f"slot {slot}: OUTSIDE_BIT"
        assert bool(flags & MARKET_BIT) == (slot in market), f"slot {slot}: MARKET_BIT"
    _check_levels(memory, side, inside)
    return {*market, *inside, *outside}


def _check_levels(memory: BookMemory, side: int, inside: list[int]) -> None:
    """Every level of the window against the orders that stand in it; the bitmap's three layers."""
    m, h, window = memory.arrays, memory.h, int(memory.book.window)
    ladder = m.sides[SIDES * h + side]
    orders = memory.section("orders")
    at_price: dict[int, list[int]] = {}
    for slot in inside:
        at_price.setdefault(int(orders[slot]["price"]), []).append(slot)
    start = int(ladder.levels_base)
    levels = m.levels[start : start + window]
    occupied = np.flatnonzero((levels["head"] != NIL) | (levels["hidden_head"] != NIL)).tolist()
    assert {int(price_at(m, h, side, depth)) for depth in occupied} == set(at_price), "levels and orders differ"
    assert not np.any(levels["qty"][np.setdiff1d(np.arange(window), occupied)]), "an empty level shows lots"
    for depth in occupied:
        level = levels[depth]
        slots = at_price[int(price_at(m, h, side, depth))]
        shown = 0
        for hidden, head, tail in ((False, "head", "tail"), (True, "hidden_head", "hidden_tail")):
            queue = [s for s in slots if bool(orders[s]["bits"] & HIDDEN_BIT) == hidden]
            assert (level[head], level[tail]) == ((queue[0], queue[-1]) if queue else (NIL, NIL)), "queue ends"
            for k, slot in enumerate(queue):
                assert orders[slot]["prev"] == (queue[k - 1] if k else NIL), f"slot {slot}: prev"
                shown += 0 if hidden else _shown(memory, slot)
        assert level["qty"] == shown, f"LEVEL.qty {level['qty']}, should be {shown}"
    bits = [set(occupied)]
    for _ in range(2):
        bits.append({k >> 6 for k in bits[-1]})
    words = m.words[int(ladder.bits_base) :]
    at = 0
    for layer, size in zip(bits, (window >> 6, -(-window // 4096), 1), strict=True):
        found = {64 * k + b for k in range(size) for b in range(64) if int(words[at + k]) >> b & 1}
        assert found == layer, "bitmap"
        at += size


def _shown(memory: BookMemory, slot: int) -> int:
    order = memory.section("orders")[slot]
    if order["bits"] & SPECIAL_BIT:
        ext = memory.section("exts")[order["ext"]]
        assert 0 < ext["shown_qty"] <= order["leaves_qty"], f"slot {slot}: shown_qty"
        return int(ext["shown_qty"])
    return int(order["leaves_qty"])


def _check_free(memory: BookMemory, live: set[int]) -> None:
    """Free lists hold what is not in use, once."""
    book = memory.book
    orders, exts = memory.section("orders"), memory.section("exts")
    free = []
    slot = int(book.free_head)
    while slot != NIL:
        free.append(slot)
        assert len(free) <= book.used_slots, "the free list is a ring"
        assert orders[slot]["bits"] & FLAG_BITS == 0, f"free slot {slot} has flags"
        slot = int(orders[slot]["next"])
    assert sorted(free + list(live)) == list(range(book.used_slots)), "free and live slots are not all slots"
    used = [int(orders[s]["ext"]) for s in live if orders[s]["bits"] & SPECIAL_BIT]
    index = int(book.free_ext)
    while index != NIL:
        used.append(index)
        assert len(used) <= book.used_exts, "the free list of EXT records is a ring"
        index = int(exts[index]["next"])
    assert sorted(used) == list(range(book.used_exts)), "free and used EXT records are not all"


def _check_special(memory: BookMemory, live: set[int]) -> None:
    """Pegs in their list, stops and deadlines in their heaps, the count that guards the fast paths."""
    book, m = memory.book, memory.arrays
    orders, exts = memory.section("orders"), memory.section("exts")
    bits = orders["bits"]
    pegs = []
    slot = int(book.peg_head)
    while slot != NIL:
        pegs.append(slot)
        slot = int(exts[orders[slot]["ext"]]["next"])
    assert sorted(pegs) == sorted(s for s in live if bits[s] & PEG_BIT), "list of pegs"
    assert book.num_pegs == len(pegs), "BOOK.num_pegs"
    entries = [int(exts[orders[s]["ext"]]["entry"]) for s in pegs]
    assert entries == sorted(entries), "pegs are not in order of entry"
    sides = [m.sides[SIDES * memory.h + side] for side in (BUY, SELL)]
    heaps = memory.section("heaps").reshape(3, -1)
    special = [s for s in live if bits[s] & SPECIAL_BIT]
    wanted = [[s for s in special if bits[s] & STOP_BIT and bits[s] & 1 == side] for side in (BUY, SELL)]
    wanted.append([s for s in special if exts[orders[s]["ext"]]["expire_ns"] != NIL])
    sizes = [int(sides[0].num_stops), int(sides[1].num_stops), int(book.num_gtd)]
    for which in range(3):
        heap = heaps[which, : sizes[which]].tolist()
        assert sorted(heap) == sorted(wanted[which]), f"heap {which}"
        field = "heap_at2" if which == 2 else "heap_at"
        assert [int(exts[orders[s]["ext"]][field]) for s in heap] == list(range(len(heap))), f"places in heap {which}"
    stops = [[int(exts[orders[s]["ext"]]["stop_price"]) for s in wanted[side]] for side in (BUY, SELL)]
    assert sides[BUY].trigger == min(stops[BUY], default=PRICE_MAX), "SIDE.trigger of the buy stops"
    assert sides[SELL].trigger == max(stops[SELL], default=0), "SIDE.trigger of the sell stops"
    in_call = int(book.phase == AUCTION_CALL)
    assert book.special == len(pegs) + sizes[0] + sizes[1] + in_call, "BOOK.special"


def _check_names(memory: BookMemory, live: set[int]) -> None:
    """Every live order is found by its name, and nothing else is."""
    names = memory.names
    for slot in live:
        order_id = int(names.slots["order_id"][slot])
        found = find_order(names.table, names.state[SHIFT], memory.arrays, memory.h, order_id)
        assert found == slot, f"slot {slot} is not found by its id"
    assert np.count_nonzero(names.table) == len(live), "the table names orders that are gone"
