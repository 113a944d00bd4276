"""The table of an observation: which quantities a seat is told, in which order, with their bounds and units."""

from __future__ import annotations

from typing import NamedTuple

from qsl_envs.envs.fields import Field
from qsl_envs.envs.state import (
    TELL_ACCOUNT,
    TELL_BOOK,
    TELL_CLOCK,
    TELL_ELAPSED,
    TELL_LEVELS,
    TELL_OWN,
    TELL_PARENT,
    TELL_SIGNAL,
)

LONG_CHANGE = 10
"""Steps over which the longer change of the mid is taken."""
DISTANCE_MAX, QTY_MAX = 10, 10
"""Bounds of distances and of lots, in units of tick_scale and qty_scale."""
BLOCKS = {
    "clock": TELL_CLOCK, "account": TELL_ACCOUNT, "parent": TELL_PARENT, "signal": TELL_SIGNAL, "book": TELL_BOOK,
    "own": TELL_OWN, "levels": TELL_LEVELS,
}  # fmt: skip
TICKS, LOTS, ORDERS = "`tick_scale` ticks", "`qty_scale` lots", "orders"
FEED, REPORTS, OWN = "data feed", "reports", "own messages and reports"


class Sight(NamedTuple):
    """What a role's seats look at."""

    blocks: int
    """flags TELL_*"""
    levels: int
    num_venues: int
    num_symbols: int


def head_fields(sight: Sight) -> tuple[Field, ...]:
    """The part of an observation before the books, in the order in which `observe` writes it."""
    d = DISTANCE_MAX
    fields: list[Field] = []
    if sight.blocks & TELL_CLOCK:
        fields.append(Field("time_left", 0, 1, "of the session", "own clock", "time to the close"))
    if sight.blocks & TELL_ELAPSED:
        fields.append(Field("elapsed", 0, 10, "`step_ns`", "own clock", "time since the last decision"))
    if sight.blocks & TELL_ACCOUNT:
        for s in range(sight.num_symbols):
            name = f"inventory_{s}" if sight.num_symbols > 1 else "inventory"
            fields.append(Field(name, -1, 1, "of the inventory limit", REPORTS, "own inventory, from the fills heard"))
        fields += [
            Field("equity", -2, 2, "of `max_loss`", "reports and feed", "gain since the start, at the known mid"),
            Field("report_gaps", 0, 8, "gaps", REPORTS, "gaps in the reports found in this step"),
        ]
    if sight.blocks & TELL_PARENT:
        fields += [
            Field("parent_side", -1, 1, "sign", "own order", "1: lots are to be bought, -1: to be sold"),
            Field("parent_left", -1, 1, "of `parent_qty`", REPORTS, "lots still to be executed, from the fills heard"),
            Field("arrival_distance", -d, d, TICKS, FEED, "known mid minus the mid at the start"),
        ]
    if sight.blocks & TELL_SIGNAL:
        for s in range(sight.num_symbols):
            name = f"signal_{s}" if sight.num_symbols > 1 else "signal"
            doc = "the symbol's value, `signal_delay_ns` old and with an error, minus the known mid"
            fields.append(Field(name, -d, d, TICKS, "own research", doc))
    return tuple(fields)


def book_fields(sight: Sight, book: int) -> tuple[Field, ...]:
    """The part of an observation that one book fills."""
    d, q = DISTANCE_MAX, QTY_MAX
    fields: list[Field] = []
    if sight.blocks & TELL_BOOK:
        before = f"known mid now minus {LONG_CHANGE} steps ago, or as many as there were"
        fields += [
            Field("spread", 0, d, TICKS, FEED, "best ask - best bid of others; 0 when a side is empty"),
            Field("mid_change", -d, d, TICKS, FEED, "known mid now minus one step ago"),
            Field(f"mid_change_{LONG_CHANGE}", -d, d, TICKS, FEED, before),
            Field("imbalance", -1, 1, "share", FEED, "(bid lots - ask lots) / both, at the best prices"),
            Field("depth_imbalance", -1, 1, "share", FEED, "the same over all levels below"),
            Field("print_volume", -q, q, LOTS, FEED, "lots bought minus lots sold by aggressors, heard in this step"),
            Field("feed_age", 0, 10, "`step_ns`", FEED, "time since the newest record heard left the venue"),
            Field("feed_gaps", 0, 8, "gaps", FEED, "gaps in the feed found in this step"),
        ]
        if sight.num_venues > 1:
            fields.append(Field("mid_gap", -d, d, TICKS, FEED, "known mid minus that of the symbol's first venue"))
    if sight.blocks & TELL_OWN:
        for name, away in (("bid", "below"), ("ask", "above")):
            fields += [
                Field(f"own_{name}_distance", -d, d, TICKS, OWN, f"best own {name}, {away} the mid; 0 without one"),
                Field(f"own_{name}_qty", 0, 4, LOTS, OWN, f"lots of own {name}s known to be open"),
                Field(f"own_{name}_in_flight", 0, 8, ORDERS, OWN, f"new {name}s not yet acknowledged"),
                Field(f"own_{name}_pending", 0, 8, ORDERS, OWN, f"{name}s with a change or cancel not yet answered"),
                Field(f"own_{name}_queue", 0, q, LOTS, FEED, f"at most so many lots are in front of the best {name}"),
            ]
    if sight.blocks & TELL_LEVELS:
        n = sight.levels
        shown = "lots shown there, own ones too; 0 without a level"
        fields += [
            Field("bid_distance", 0, d, TICKS, FEED, f"a level's, below the known mid; {d} without a level", n),
            Field("bid_qty", 0, q, LOTS, FEED, shown, n),
            Field("ask_distance", 0, d, TICKS, FEED, f"a level's, above the known mid; {d} without a level", n),
            Field("ask_qty", 0, q, LOTS, FEED, shown, n),
        ]
    if sight.num_venues * sight.num_symbols == 1:
        return tuple(fields)
    return tuple(f._replace(name=f"book_{book}_{f.name}") for f in fields)


def frame_fields(sight: Sight) -> tuple[Field, ...]:
    """The table of one frame of an observation, in the order in which `observe` writes it.

    With several books (book = venue x symbols + symbol) the names of each one's quantities begin with `book_<n>_`.
    """
    books = range(sight.num_venues * sight.num_symbols)
    return (*head_fields(sight), *(f for book in books for f in book_fields(sight, book)))


def observation_fields(sight: Sight, frames: int = 1) -> tuple[Field, ...]:
    """The table of an observation of so many frames, the newest last (names of older ones begin with `ago_<n>_`)."""
    frame = frame_fields(sight)
    old = (f._replace(name=f"ago_{n}_{f.name}") for n in range(frames - 1, 0, -1) for f in frame)
    return (*old, *frame)
