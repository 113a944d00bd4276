"""What `OrderBook` answers: a report for a message, and its trades."""

from __future__ import annotations

from typing import NamedTuple


class Trade(NamedTuple):
    """One execution, at the resting order's price. In an uncross the maker is the buy."""

    seq: int
    maker_order_id: int
    taker_order_id: int
    price: int
    qty: int


class Report(NamedTuple):
    """What became of a message. `status`: ack, partial, fill, canceled, reject; `reason`: of `Reason`, or empty."""

    status: str
    reason: str
    filled_qty: int
    leaves_qty: int
    notional: int
    """sum of price x qty of the own fills"""
    order_id: int
    trades: tuple[Trade, ...]
    """every trade that the message caused, those of triggered stops included"""
