"""A venue's settings in memory: its record, its books' rules, and the tables that both point to."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import NEVER
from qsl_envs.market.rules import BAND_BUCKETS


class Places(TypedDict):
    """Where a venue's tables begin and end in `link_longs`."""

    outages: tuple[int, int]
    bands: tuple[int, int]
    ticks: tuple[int, int]


def venue_longs(config: MarketConfig, at: int) -> tuple[np.ndarray, list[Places]]:
    """Tables of all venues, as pairs of numbers that lie in `link_longs` from cell `at` on.

    Outages are (start_ns, end_ns), band tiers (from_price, ticks), tick steps (from_price, step).
    Returns: the int64 numbers, and the places of each venue's tables.
    """
    numbers: list[int] = []
    places: list[Places] = []
    for venue in config.venues:
        cuts = [at + len(numbers)]
        for table in (
            venue.outages,
            [(tier.from_price, tier.ticks) for tier in venue.band_tiers],
            [(step.from_price, step.step) for step in venue.tick_table],
        ):
            numbers += [number for pair in table for number in pair]
            cuts.append(at + len(numbers))
        places.append({"outages": (cuts[0], cuts[1]), "bands": (cuts[1], cuts[2]), "ticks": (cuts[2], cuts[3])})
    return np.array(numbers, np.int64), places


def init_venues(m, layout, config: MarketConfig, run, replica: int, at: int) -> None:
    """Write every VENUE record of a row; `at`: where the venues' tables begin in `link_longs`."""
    places = venue_longs(config, at)[1]
    for v, c in enumerate(config.venues):
        venue = m.venues[run.venues + v]
        venue.service_ns, venue.line_max = c.service_ns, c.gateway_slots
        venue.line_base = layout.base(f"line{v}", replica)
        venue.collar_ticks, venue.max_order_qty = c.collar_ticks, c.max_order_qty
        venue.maker_lot_fee = round(c.maker_lot_fee * config.fee_unit)
        venue.taker_lot_fee = round(c.taker_lot_fee * config.fee_unit)
        venue.auction_rate = round(c.auction_fee_bps * 100)
        venue.impact_rate = round(c.impact_ticks * config.fee_unit)
        venue.num_tiers = 1 + len(c.tiers)
        venue.maker_rate_0, venue.taker_rate_0 = round(c.maker_fee_bps * 100), round(c.taker_fee_bps * 100)
        for i, tier in enumerate(c.tiers, start=1):
            setattr(venue, f"tier_volume_{i}", tier.volume)
            setattr(venue, f"maker_rate_{i}", round(tier.maker_fee_bps * 100))
            setattr(venue, f"taker_rate_{i}", round(tier.taker_fee_bps * 100))
        venue.band_ticks = c.band_ticks
        venue.limit_state_ns, venue.limit_halt_ns = c.limit_state_ns, c.limit_halt_ns
        venue.limit_call_ns, venue.batch_interval_ns = c.limit_call_ns, c.batch_interval_ns
        venue.speed_bump_ns, venue.bump_takers = c.speed_bump_ns, int(c.speed_bump_for == "takers")
        venue.min_resting_ns = c.min_resting_ns
        venue.out_from_ns = venue.out_to_ns = NEVER
        venue.outages_at, venue.outages_end = places[v]["outages"]
        venue.bands_at, venue.bands_end = places[v]["bands"]
        venue.ticks_at, venue.ticks_end = places[v]["ticks"]


def init_rules(m, layout, config: MarketConfig, run, replica: int) -> None:
    """Write every RULES record of a row: bands stand around the start prices."""
    symbols = len(config.symbols)
    for b in range(config.num_books):
        rules, venue = m.rules[run.rules + b], config.venues[b // symbols]
        rules.ring = layout.base("rings", replica) + 2 * BAND_BUCKETS * b
        rules.limit_since_ns = NEVER
        rules.bucket_ns = venue.band_window_ns // BAND_BUCKETS
        if venue.band_ticks > 0:
            start = config.symbols[b % symbols].start_price
            width = [venue.band_ticks] + [tier.ticks for tier in venue.band_tiers if start >= tier.from_price]
            rules.reference = start
            rules.low, rules.high = max(1, start - width[-1]), start + width[-1]
            book = m.book.books[run.books + b]
            book.market_low, book.market_high = rules.low, rules.high
