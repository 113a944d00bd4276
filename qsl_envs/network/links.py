"""What happens to one message on one link: pure functions of (link, key, index, sending time).

A link's chance has one stream key per entity: `stream_key(world_key, JITTER, entity)`. The entity is the feed and
profile for market data, the sender for orders and reports; the index is the sending time for market data, the sender's
own message number for orders and reports. The jitter is made of the word at `index`; whether the message is lost, of
the word DROP under that word. Nothing depends on what else was sent.
"""

from __future__ import annotations

from numpy import int64

from qsl_envs.kernel.draw import DROP, below_from_bits, draw_bits
from qsl_envs.kernel.jit import kernel
from qsl_envs.network.jitter import jitter_from_bits, jitter_within
from qsl_envs.network.state import DOWN

LOST = -1
"""What `transit_ns` returns for a message that never arrives."""


@kernel
def latency_at(links, longs, link, ts_ns):
    """Latency in force at a sending time, in ns, int64; LOST when the link is down then."""
    row = links[link]
    latency_ns = int(row.latency_ns)
    n = int(row.num_changes)
    if n > 0:
        base = int(row.schedule_base)
        low, high = 0, n  # entries that have started: binary search
        while low < high:
            middle = (low + high) >> 1
            if longs[base + 2 * middle] <= ts_ns:
                low = middle + 1
            else:
                high = middle
        if low > 0:
            change_ns = int(longs[base + 2 * low - 1])
            if change_ns == DOWN:
                return LOST
            latency_ns += change_ns
    return latency_ns


@kernel
def transit_ns(links, longs, link, skey, index, ts_ns):
    """How long a message travels, in ns, int64 >= 0; LOST (-1) when it never arrives.

    Args:
        links: LINK (n,); `link` is the index of the record in it.
        longs: int64 (m,), the view that holds the links' timelines.
        skey: int64 pattern, the sender's or feed's stream key.
        index: int64, the draw's number: sending time (market data) or the sender's message number.
        ts_ns: int64, sending time: outages and latency changes go by it.
    """
    delay_ns = latency_at(links, longs, link, ts_ns)
    if delay_ns == LOST:
        return LOST
    row = links[link]
    law = int64(row.law)
    drop_ppm = int(row.drop_ppm)
    if law == 0 and drop_ppm == 0:
        return delay_ns
    bits = draw_bits(skey, index)
    if drop_ppm > 0 and below_from_bits(draw_bits(bits, DROP), 1_000_000) < drop_ppm:
        return LOST
    if law == 0:
        return delay_ns
    return delay_ns + jitter_from_bits(law, row.scale_ns, row.law_shape, row.unit_max, row.jitter_max_ns, bits)


@kernel
def is_through(links, link, skey, index, spent_ns):
    """Whether a message has arrived that left `spent_ns` ago, on a link that loses nothing and never changes.

    What `transit_ns(...) <= spent_ns` says, mostly without working the travel time out.
    """
    row = links[link]
    limit_ns = spent_ns - row.latency_ns
    law = int64(row.law)
    if law == 0 or limit_ns < 0:
        return limit_ns >= 0
    bits = draw_bits(skey, index)
    return jitter_within(law, row.scale_ns, row.law_shape, row.unit_max, row.jitter_max_ns, bits, limit_ns)
