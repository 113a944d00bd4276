"""From outside 64-bit numbers to small ones inside: an open-addressing hash of 8-byte entries.

A key is mixed into another 64-bit number, one to one. An entry is its high half << 32 | (index + 1), 0 when empty; its
low half can be kept with whatever the index names (an order's tag), so that a look there, where one goes anyway, tells
whether the key is the same; else the key itself stands in `keys[index]`. The place an entry wants is its highest bits,
so a deletion can shift entries back.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.jit import kernel

LOW = 0xFFFF_FFFF
GOLDEN = -7046029254386353131
"""2**64 / golden ratio as an int64: multiplying by it spreads neighbors (Knuth, volume 3, 6.4)."""


@kernel(inline=True)
def mixed(key):
    """A key, mixed: both steps can be undone, the second because the factor is odd."""
    return (int(key) ^ ((int(key) >> 32) & LOW)) * GOLDEN


@kernel(inline=True)
def hash_of(key):
    """High half of a mixed key, as an int64 from 0 on."""
    return (mixed(key) >> 32) & LOW


@kernel(inline=True)
def rest_of(key):
    """Low half of a mixed key, as an int32 holds it."""
    low = mixed(key) & LOW
    return low - ((low >> 31) << 32)


@kernel(inline=True)
def find_key(table, shift, keys, key):
    """Index of a key, NIL when it is not there. `shift` is 32 - log2(places of the table)."""
    tag = hash_of(key)
    at = tag >> shift
    mask = (1 << (32 - shift)) - 1
    while True:
        entry = table[at]
        if entry == 0:
            return np.int64(NIL)
        if (entry >> 32) & LOW == tag:
            index = (entry & LOW) - 1
            if keys[index] == key:
                return index
        at = (at + 1) & mask


@kernel(inline=True)
def find_order(table, shift, m, h, key):
    """Slot of the order whose id is `key`, NIL when there is none; each order's `tag` is the `rest_of` its id."""
    tag = hash_of(key)
    rest = rest_of(key)
    at = tag >> shift
    mask = (1 << (32 - shift)) - 1
    while True:
        entry = table[at]
        if entry == 0:
            return np.int64(NIL)
        if (entry >> 32) & LOW == tag:
            slot = (entry & LOW) - 1
            if m.orders[m.books[h].orders_base + slot].tag == rest:
                return slot
        at = (at + 1) & mask


@kernel(inline=True)
def fetch_place(table, shift, key):
    """Bring the place where a key's entry begins to be looked for near."""
    prefetch(table, hash_of(key) >> shift)


@kernel(inline=True)
def likely_index(table, shift, key):
    """The index in a key's first place: nearly always the key's, if it is there at all; NIL: an empty place."""
    return (table[hash_of(key) >> shift] & LOW) - 1


@kernel(inline=True)
def insert_key(table, shift, key, index):
    """Enter a key that is not there; the caller keeps the table at most half full and writes `keys[index]`."""
    tag = hash_of(key)
    at = tag >> shift
    mask = (1 << (32 - shift)) - 1
    while table[at] != 0:
        at = (at + 1) & mask
    table[at] = (tag - ((tag >> 31) << 32)) << 32 | (index + 1)


@kernel(inline=True)
def erase_key(table, shift, key, index):
    """Delete the entry of a key with this index, if it is there; entries behind it move up."""
    mask = (1 << (32 - shift)) - 1
    tag = hash_of(key)
    at = tag >> shift
    while True:
        entry = table[at]
        if entry == 0:
            return
        if (entry & LOW) - 1 == index and (entry >> 32) & LOW == tag:
            break
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        entry = table[at]
        if entry == 0:
            break
        wanted = ((entry >> 32) & LOW) >> shift
        if (at - wanted) & mask >= (at - hole) & mask:
            table[hole] = entry
            hole = at
    table[hole] = 0


@kernel
def rebuild_table(old, new, shift):
    """Enter everything of one table into an empty other one."""
    mask = len(new) - 1
    for k in range(len(old)):
        entry = old[k]
        if entry != 0:
            at = ((entry >> 32) & LOW) >> shift
            while new[at] != 0:
                at = (at + 1) & mask
            new[at] = entry


def places_for(count: int, spread: int = 8) -> int:
    """Places of a table for `count` keys: a power of two, `spread` to 2 x `spread` times as many."""
    return 1 << max(6, (max(count, 1) * spread - 1).bit_length())


def shift_of(places: int) -> int:
    """The `shift` of a table of so many places."""
    return 32 - (places.bit_length() - 1)
