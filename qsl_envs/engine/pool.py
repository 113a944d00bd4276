"""The order pool and the pool of EXT records: last freed, first used; what was never used comes after that."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import FLAG_BITS, GENERATION_SHIFT, LIVE_BIT, NIL
from qsl_envs.kernel.jit import kernel

GENERATIONS = 1 << 20


@kernel(inline=True)
def take_slot(m, h):
    """Draw a free slot; NIL when the pool is full."""
    book = m.books[h]
    slot = np.int64(book.free_head)
    if slot != NIL:
        book.free_head = m.orders[book.orders_base + slot].next
        return slot
    slot = np.int64(book.used_slots)
    if slot == book.num_slots:
        return np.int64(NIL)
    book.used_slots = slot + 1
    return slot


@kernel(inline=True)
def free_slot(m, h, slot):
    """Give back the slot of an order that is gone; its handle is stale from now on. Owner and tag stay readable."""
    book = m.books[h]
    order = m.orders[book.orders_base + slot]
    order.bits = freed_bits(np.int64(order.bits))
    order.next = book.free_head
    book.free_head = slot


@kernel(inline=True)
def freed_bits(bits):
    """ORDER.bits of a slot that becomes free: no flags, the next generation."""
    bits = (bits | FLAG_BITS) + 1
    return ((bits + 2**31) & 0xFFFF_FFFF) - 2**31  # 2**31 wraps to -2**31


@kernel(inline=True)
def has_slot(m, h):
    """Whether the pool has a free slot."""
    book = m.books[h]
    return book.free_head != NIL or book.used_slots < book.num_slots


@kernel
def release_slot(m, h, slot):
    """Free the slot of a filled order with HOLD_BIT: its own cancel clock has fired."""
    free_slot(m, h, slot)


@kernel
def handle_of(m, h, slot):
    """Name of the order in `slot` that goes stale when the order is gone: generation << 32 | slot."""
    bits = np.int64(m.orders[m.books[h].orders_base + slot].bits)
    return ((bits >> GENERATION_SHIFT) & (GENERATIONS - 1)) << 32 | slot


@kernel(inline=True)
def slot_of(m, h, handle):
    """Slot of the live order that a handle names; NIL when it is stale or was never given."""
    slot = handle & 0xFFFF_FFFF
    book = m.books[h]
    if handle < 0 or slot >= book.used_slots:
        return np.int64(NIL)
    bits = np.int64(m.orders[book.orders_base + slot].bits)
    if (bits >> GENERATION_SHIFT) & (GENERATIONS - 1) != handle >> 32 or bits & LIVE_BIT == 0:
        return np.int64(NIL)
    return slot


@kernel(inline=True)
def ext_at(m, h, slot):
    """Absolute index of the EXT record of an order that has one. (Returning the record would copy it.)"""
    book = m.books[h]
    return book.exts_base + np.int64(m.orders[book.orders_base + slot].ext)


@kernel(inline=True)
def has_ext(m, h):
    """Whether an EXT record is free."""
    book = m.books[h]
    return book.free_ext != NIL or book.used_exts < book.num_exts


@kernel
def take_ext(m, h):
    """Draw a free EXT record, made empty; the caller has asked `has_ext`."""
    book = m.books[h]
    index = np.int64(book.free_ext)
    if index != NIL:
        book.free_ext = m.exts[book.exts_base + index].next
    else:
        index = np.int64(book.used_exts)
        book.used_exts = index + 1
    ext = m.exts[book.exts_base + index]
    ext.shown_qty = 0
    ext.display_qty = NIL
    ext.stop_price = NIL
    ext.offset = 0
    ext.limit_price = NIL
    ext.kind = 0
    ext.peg = 0
    ext.tif = 0
    ext.entry = 0
    ext.expire_ns = NIL
    ext.next = NIL
    ext.prev = NIL
    ext.heap_at = NIL
    ext.heap_at2 = NIL
    return index


@kernel
def free_ext(m, h, index):
    """Give an EXT record back."""
    book = m.books[h]
    m.exts[book.exts_base + index].next = book.free_ext
    book.free_ext = index
