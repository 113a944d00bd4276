"""How an order comes into a book's queues and lists, and how it leaves them for good."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import (
    FLAG_BITS,
    HIDDEN_BIT,
    HOLD_BIT,
    LIVE_BIT,
    MARKET_BIT,
    NIL,
    PARKED_BIT,
    PEG_BIT,
    SPECIAL_BIT,
    STOP_BIT,
)
from qsl_envs.engine.events import touch_level
from qsl_envs.engine.heap import GTD_HEAP, heap_remove
from qsl_envs.engine.ladder import append_to_level, depth_of, remove_from_level
from qsl_envs.engine.pool import ext_at, free_ext, free_slot
from qsl_envs.engine.queue import dequeue, enqueue
from qsl_envs.engine.state import SIDES
from qsl_envs.kernel.jit import kernel


@kernel
def rest_order(m, h, slot, price):
    """Put an order into its queue at a price, and say that the level changes."""
    order = m.orders[m.books[h].orders_base + slot]
    order.price = price
    order.bits &= ~PARKED_BIT
    if order.bits & HIDDEN_BIT == 0:
        touch_level(m, h, np.int64(order.bits) & 1, price)
    enqueue(m, h, slot)


@kernel
def unrest_order(m, h, slot):
    """Take an order out of its queue, and say that the level changes."""
    order = m.orders[m.books[h].orders_base + slot]
    if order.bits & HIDDEN_BIT == 0:
        touch_level(m, h, np.int64(order.bits) & 1, np.int64(order.price))
    dequeue(m, h, slot)


@kernel
def append_market(m, h, slot):
    """Put a market order at the end of its side's list: it rests during a call."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    ladder = m.sides[SIDES * h + (np.int64(order.bits) & 1)]
    order.bits |= MARKET_BIT | PARKED_BIT
    order.price = NIL
    order.next = NIL
    order.prev = ladder.market_tail
    if ladder.market_tail == NIL:
        ladder.market_head = slot
    else:
        m.orders[base + ladder.market_tail].next = slot
    ladder.market_tail = slot


@kernel
def remove_market(m, h, slot):
    """Take a market order out of its side's list."""
    base = m.books[h].orders_base
    order = m.orders[base + slot]
    ladder = m.sides[SIDES * h + (np.int64(order.bits) & 1)]
    if order.prev == NIL:
        ladder.market_head = order.next
    else:
        m.orders[base + order.prev].next = order.next
    if order.next == NIL:
        ladder.market_tail = order.prev
    else:
        m.orders[base + order.next].prev = order.prev


@kernel
def append_peg(m, h, slot):
    """Put a peg at the end of the list of pegs, which is in order of entry."""
    book = m.books[h]
    ext = m.exts[ext_at(m, h, slot)]
    ext.next = NIL
    ext.prev = book.peg_tail
    if book.peg_tail == NIL:
        book.peg_head = slot
    else:
        m.exts[ext_at(m, h, np.int64(book.peg_tail))].next = slot
    book.peg_tail = slot
    book.num_pegs += 1
    book.special += 1
    book.peg_bid = NIL - 1


@kernel
def remove_peg(m, h, slot):
    """Take a peg out of the list of pegs."""
    book = m.books[h]
    ext = m.exts[ext_at(m, h, slot)]
    if ext.prev == NIL:
        book.peg_head = ext.next
    else:
        m.exts[ext_at(m, h, np.int64(ext.prev))].next = ext.next
    if ext.next == NIL:
        book.peg_tail = ext.prev
    else:
        m.exts[ext_at(m, h, np.int64(ext.next))].prev = ext.prev
    book.num_pegs -= 1
    book.special -= 1


@kernel
def detach_order(m, h, slot):
    """Take a live order out of wherever it stands or waits; the slot, its EXT record and its quantity stay."""
    order = m.orders[m.books[h].orders_base + slot]
    bits = np.int64(order.bits)
    if bits & STOP_BIT:
        heap_remove(m, h, bits & 1, slot)
    elif bits & MARKET_BIT:
        remove_market(m, h, slot)
    elif bits & PARKED_BIT == 0:
        unrest_order(m, h, slot)
    if bits & PEG_BIT:
        remove_peg(m, h, slot)
    if bits & SPECIAL_BIT and m.exts[ext_at(m, h, slot)].expire_ns != NIL:
        heap_remove(m, h, GTD_HEAP, slot)
    order.bits = bits & ~(STOP_BIT | MARKET_BIT | PARKED_BIT | PEG_BIT)


@kernel
def bury_order(m, h, slot, keep_slot):
    """End an order that stands nowhere any more; with `keep_slot` a HOLD_BIT order keeps its slot (`release_slot`)."""
    order = m.orders[m.books[h].orders_base + slot]
    order.leaves_qty = 0
    if order.bits & SPECIAL_BIT:
        free_ext(m, h, np.int64(order.ext))
    if keep_slot != 0 and order.bits & HOLD_BIT:
        order.bits &= ~LIVE_BIT
    else:
        free_slot(m, h, slot)


@kernel
def remove_order(m, h, slot):
    """Cancel a live order; return the lots that it had left."""
    qty = np.int64(m.orders[m.books[h].orders_base + slot].leaves_qty)
    detach_order(m, h, slot)
    bury_order(m, h, slot, 0)
    return qty


@kernel
def refresh_clip(m, h, slot):
    """Show the next clip of an iceberg at the back of the displayed queue of its price."""
    order = m.orders[m.books[h].orders_base + slot]
    ext = m.exts[ext_at(m, h, slot)]
    depth = depth_of(m, h, np.int64(order.bits) & 1, np.int64(order.price))
    remove_from_level(m, h, slot, depth)
    ext.shown_qty = min(np.int64(ext.display_qty), np.int64(order.leaves_qty))
    append_to_level(m, h, slot, depth)


@kernel
def take_lots(m, h, slot, qty):
    """Take traded lots from the front order of a level; return what it has left.

    At most what it shows, or all when it is hidden. A used-up clip is followed by the next, at the back;
    an order with nothing left is gone.
    """
    order = m.orders[m.books[h].orders_base + slot]
    bits = np.int64(order.bits)
    leaves = np.int64(order.leaves_qty) - qty
    if leaves == 0:
        detach_order(m, h, slot)
        bury_order(m, h, slot, 1)
        return leaves
    order.leaves_qty = leaves
    if bits & HIDDEN_BIT == 0:
        side = bits & 1
        depth = depth_of(m, h, side, np.int64(order.price))
        m.levels[m.sides[SIDES * h + side].levels_base + depth].qty -= qty
        if bits & SPECIAL_BIT:
            ext = m.exts[ext_at(m, h, slot)]
            ext.shown_qty -= qty
            if ext.shown_qty == 0:
                refresh_clip(m, h, slot)
    return leaves


@kernel
def start_order(m, h, slot, flags, owner, tag):
    """Bring a drawn slot to life: flags, owner, tag (for HOLD_BIT the union field is the flow's: left alone)."""
    order = m.orders[m.books[h].orders_base + slot]
    order.bits = np.int64(order.bits) & ~FLAG_BITS | flags | LIVE_BIT
    if flags & HOLD_BIT == 0:
        order.ext = NIL
        order.owner = owner
        order.tag = tag
