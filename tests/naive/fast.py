"""The engine in the naive book's words: the same `apply`, `trades`, `l3` and `pending`."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from qsl_envs.engine import MESSAGE, OrderBook, Reason
from qsl_envs.engine import constants as c
from qsl_envs.engine import messages as fields
from tests.naive.order import Report

ACTIONS = {
    "add": c.ADD,
    "cancel": c.CANCEL,
    "reduce": c.REDUCE,
    "replace": c.REPLACE,
    "cancel_all": c.CANCEL_ALL,
    "call": c.CALL,
    "uncross": c.UNCROSS,
}
CODES = {
    "side": {"buy": c.BUY, "sell": c.SELL, None: -1},
    "order_type": {
        None: c.LIMIT,
        "limit": c.LIMIT,
        "market": c.MARKET,
        "stop": c.STOP,
        "stop_limit": c.STOP_LIMIT,
        "pegged": c.PEGGED,
    },
    "tif": {None: c.GTC, "gtc": c.GTC, "day": c.DAY, "ioc": c.IOC, "fok": c.FOK, "gtd": c.GTD},
    "peg": {None: c.PEG_NONE, "primary": c.PEG_PRIMARY, "market": c.PEG_MARKET, "mid": c.PEG_MID},
    "post_only": {None: 0, 0: 0, 1: c.POST_REJECT, "reject": c.POST_REJECT, "slide": c.POST_SLIDE},
}
GIVEN = {
    "price": fields.HAS_PRICE,
    "display_qty": fields.HAS_DISPLAY,
    "participant": fields.HAS_PARTICIPANT,
    "new_order_id": fields.HAS_NEW_ID,
}
STATUSES = {c.ACK: "ack", c.PARTIAL: "partial", c.FILL: "fill", c.CANCELED: "canceled", c.REJECT: "reject"}
INT32 = range(-(2**31), 2**31)


def encode(messages: list[dict]) -> np.ndarray:
    """Messages in words as MESSAGE records."""
    out = np.zeros(len(messages), MESSAGE)
    for row, m in zip(out, messages):
        row["action"] = ACTIONS[m["action"]]
        row["order_id"] = m["order_id"]
        row["qty"] = m.get("qty") or 0
        has = fields.TOTAL_BIT if m.get("total") else 0
        for name, codes in CODES.items():
            row[name] = codes[m.get(name)]
        for name, bit in GIVEN.items():
            if m.get(name) is not None:
                row[name] = m[name]
                has |= bit
        if m.get("stop_price") is not None:
            row["stop_price"] = m["stop_price"] if m["stop_price"] in INT32 else -2
            has |= fields.HAS_STOP
        if m.get("offset") is not None:
            fits = m["offset"] in INT32
            row["offset"] = m["offset"] if fits else 0
            has |= fields.HAS_OFFSET if fits else fields.BAD_OFFSET_BIT
        if m.get("expire_ns") is not None:
            row["expire_ns"] = m["expire_ns"]
        row["has"] = has
    return out


def decode(report: np.void) -> Report:
    """A REPORT record in words."""
    reason = "" if report["reason"] == Reason.NONE else Reason(int(report["reason"])).name
    return Report(
        STATUSES[int(report["status"])], reason, *(int(report[k]) for k in ("filled_qty", "leaves_qty", "notional"))
    )


class Engine:
    """`OrderBook` behind the face of `NaiveBook`; every message goes through `process`."""

    def __init__(self, stp: str = "off", window_ticks: int = 64, **settings):
        self.book = OrderBook(stp=stp, window_ticks=window_ticks, **settings)
        self.trades: list[tuple] = []

    def apply(self, message: dict) -> Report:
        return self.run([message])[0]

    def run(self, messages: list[dict]) -> list[Report]:
        """Process messages in one call."""
        reports, trades = self.book.process(encode(messages))
        self.trades += trades.tolist()
        return [decode(report) for report in reports]

    def __getattr__(self, name: str):
        return getattr(self.book, name)


def digest(reports: np.ndarray, trades: np.ndarray, book: OrderBook) -> str:
    """Fingerprint of what a stream did: every report, every trade, every order that is left."""
    h = sha256()
    for array in (reports, trades):
        for name in array.dtype.names:
            h.update(np.ascontiguousarray(array[name]).tobytes())
    h.update(repr((book.l3(), book.pending())).encode())
    return h.hexdigest()
