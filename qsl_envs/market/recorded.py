"""The market of a recorded day, as its file tells it: tick, prices, and room for its orders."""

from __future__ import annotations

import dataclasses

import numpy as np

from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig, ParticipantConfig, RiskConfig, SizeConfig, SymbolConfig, VenueConfig
from qsl_envs.network.config import MILLISECOND
from qsl_envs.replay.events import EventTable, Kind

SIZE = SizeConfig(window_ticks=1024, max_special=16, max_events=64, max_clients=16, max_messages=64, max_calendar=64,
                  tape=512, wheel=64)  # fmt: skip


def day_market(day: EventTable) -> MarketConfig:
    """The default market of a recorded day: its tick, its prices, and room for its orders."""
    agent = ParticipantConfig(
        order_link=MILLISECOND,
        report_link=MILLISECOND,
        feed_link=MILLISECOND,
        risk=RiskConfig(max_inventory=1_000, max_order_qty=1_000, max_open_orders=16),
    )
    prices = day.rows["price"][day.rows["kind"] == Kind.ADD]
    require(len(prices) > 0, "day_market", "day", "a day with orders", len(prices))
    symbol = SymbolConfig(name=day.symbol or "DAY", tick_size_usd=day.tick_size_usd, start_price=int(np.median(prices)))
    return MarketConfig(
        venues=(VenueConfig(maker_fee_bps=-0.2, taker_fee_bps=0.3),),
        symbols=(symbol,),
        participants=(agent,),
        flow=None,
        session_ns=60_000_000_000,
        templates=8,
        size=dataclasses.replace(SIZE, max_orders=day.num_slots + 2 * SIZE.max_clients),
    )
