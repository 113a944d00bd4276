"""The cancel clocks of background flow: a timing wheel whose links live inside the order records.

An order stands in bucket `(expiry >> shift) & mask`; far expiries share buckets with near ones and are passed over
until their revolution. The earliest clock is cached in RUN (`wheel_next_ns`, `wheel_code`).
"""

import numpy as np
from numpy import int64

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.bits import low_zeros
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import CODE_SHIFT, NEVER


@kernel(inline=True)
def order_of(m, r, code):
    """Absolute index of the order that a wheel code names."""
    book = code >> CODE_SHIFT
    return m.book.books[m.runs[r].books + book].orders_base + (code & ((1 << CODE_SHIFT) - 1))


@kernel(inline=True)
def arm(m, r, code, expiry_ns):
    """Start the clock of a flow order; its record's expiry_ns is set here."""
    run = m.runs[r]
    o = m.book.orders[order_of(m, r, code)]
    bucket = (expiry_ns >> run.wheel_shift) & run.wheel_mask
    at = run.wheel + bucket
    head = m.book.ints[at]
    o.expiry_ns = expiry_ns
    o.ext = head
    m.book.ints[at] = code
    if head < 0:
        m.book.words[run.wheel_words + (bucket >> 6)] |= np.uint64(1) << np.uint64(bucket & 63)
    if expiry_ns < run.wheel_next_ns:
        run.wheel_next_ns = expiry_ns
        run.wheel_code = code


@kernel
def take(m, r):
    """Take the earliest clock out of the wheel and find the next one; returns its code."""
    run = m.runs[r]
    code, t = run.wheel_code, run.wheel_next_ns
    bucket = (t >> run.wheel_shift) & run.wheel_mask
    at = run.wheel + bucket
    link = int64(m.book.orders[order_of(m, r, code)].ext)
    walk = int64(m.book.ints[at])
    if walk == code:
        m.book.ints[at] = link
        if link < 0:
            m.book.words[run.wheel_words + (bucket >> 6)] &= ~(np.uint64(1) << np.uint64(bucket & 63))
    else:
        while True:
            i = order_of(m, r, walk)
            walk = int64(m.book.orders[i].ext)
            if walk == code:
                m.book.orders[i].ext = link
                break
    find(m, r, t >> run.wheel_shift)
    return code


@kernel
def find(m, r, turn):
    """Cache the earliest clock from bucket number `turn` (a time >> wheel_shift) on."""
    run = m.runs[r]
    mask, shift = run.wheel_mask, run.wheel_shift
    far, far_code = NEVER, NIL
    for _ in range(mask + 2):
        turn = next_turn(m, r, turn)
        if turn < 0:
            break
        walk = int64(m.book.ints[run.wheel + (turn & mask)])
        best, best_code = NEVER, NIL
        while walk >= 0:
            o = m.book.orders[order_of(m, r, walk)]
            t = o.expiry_ns
            if t < best:
                best, best_code = t, walk
            walk = int64(o.ext)
        if best >> shift <= turn:
            run.wheel_next_ns, run.wheel_code = best, best_code
            return
        if best < far:
            far, far_code = best, best_code
        turn += 1
    run.wheel_next_ns, run.wheel_code = far, far_code


@kernel(inline=True)
def next_turn(m, r, turn):
    """Bucket number of the first bucket at or after `turn` that holds anything, within one revolution; -1 if none."""
    run = m.runs[r]
    words = (run.wheel_mask + 1) >> 6
    bucket = turn & run.wheel_mask
    w = bucket >> 6
    word = m.book.words[run.wheel_words + w] >> np.uint64(bucket & 63)
    if word != 0:
        return turn + low_zeros(word)
    base = turn - (bucket & 63)
    for step in range(1, words + 1):
        word = m.book.words[run.wheel_words + ((w + step) & (words - 1))]
        if word != 0:
            return base + 64 * step + low_zeros(word)
    return -1
