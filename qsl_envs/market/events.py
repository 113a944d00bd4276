"""The recorded tape as people read it: an array of rows, or an Arrow table.

| column | meaning |
| --- | --- |
| `ts_ns` | when it happened, ns from the start of the episode |
| `seq` | number of the matching event in the replica; all rows of one event share it |
| `venue`, `symbol` | names (the array has `book` = venue x symbols + symbol) |
| `kind` | see `Kind` |
| `order_id` | unique within a replica and episode; of a trade the resting order (in an auction the buy); -1: none |
| `maker_order_id`, `taker_order_id` | of a trade; -1: not known, as the aggressors of a recorded day |
| `side` | of the order; of a trade the aggressor's; -1: an auction, or a row about a book |
| `order_type`, `tif` | of NEW and STANDING (the engine's numbers); 0: as before |
| `price` | ticks: where it stands, traded, or was asked for; -1: none (market orders, what waits) |
| `qty` | lots: ordered, traded, taken off, standing |
| `leaves_qty` | lots of `order_id` that are open after this row |
| `display_qty` | of NEW and STANDING: the clip of an iceberg, 0 hidden, -1 all is shown |
| `shown_qty` | lots of the order that the book shows when the matching event is over |
| `queue_ahead` | NEW, REPLACED, STANDING: lots in front at its price when the event is over (-1: in no queue) |
| | TRADE: lots that the same aggressor took at this price before it |
| `participant`, `client` | owner of the order (-1: background flow) and what `Market.send` returned for it |
| `taker_participant`, `taker_client` | the same of a trade's aggressor (in an auction the sell) |
| `maker_fee`, `taker_fee` | of a trade: money, 1/fee_unit of tick x lot; negative: a rebate; impact included |
| `reason` | why: a `Reason`; 0 none |
| `decision_ns`, `sent_ns`, `arrival_ns` | of participants' messages: decided, left, reached the gateway |
| `book_age_ns` | at the decision: age of the newest record of this book that had been looked at through the feed |

A stamp that is not known is -1.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import require_extra
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import (
    NEVER,
    T_CALL,
    T_CANCELED,
    T_EXPIRED,
    T_HALT,
    T_HEARD,
    T_NEW,
    T_OPEN,
    T_REDUCED,
    T_REJECTED,
    T_REPLACED,
    T_RESTATED,
    T_STANDING,
    T_START,
    T_TRADE,
    T_TRIGGERED,
)
from qsl_envs.market.recorder import R_CAP, R_ROWS, R_USED, recorder_longs
from qsl_envs.market.recording import record_standing
from qsl_envs.market.state import TAPE_ROW

MAKER, TAKER = 1, 2
"""`liquidity` of a fill (FIX 851)."""


class Kind(IntEnum):
    """What a row of the tape tells."""

    START = T_START
    """a tape begins: forget the book before"""
    STANDING = T_STANDING
    """an order that stands when the tape begins"""
    NEW = T_NEW
    """an order is accepted; its trades, if it takes, follow"""
    TRADE = T_TRADE
    """two orders met: both have `qty` less"""
    CANCELED = T_CANCELED
    """an order, or what was left of one, is gone"""
    REDUCED = T_REDUCED
    """an order lost lots and keeps its place"""
    REPLACED = T_REPLACED
    """an order has a new price and open quantity, at the back of its queue; its trades follow"""
    RESTATED = T_RESTATED
    """the venue moved an order (a peg; what a triggered stop-limit left) to `price`, at the back; -1: into no queue"""
    TRIGGERED = T_TRIGGERED
    """a stop is triggered and takes; its trades follow"""
    REJECTED = T_REJECTED
    """a message was refused: of a new order (an id without NEW), or of a change to `order_id`"""
    EXPIRED = T_EXPIRED
    """the time of a GTD order is over"""
    HALT = T_HALT
    """the book takes no new orders"""
    CALL = T_CALL
    """a call begins"""
    OPEN = T_OPEN
    """the book trades continuously; the trades of an uncross follow"""
    HEARD = T_HEARD
    """a report on the order of `client` has reached `participant`: `qty` lots filled so far, `leaves_qty` open"""


class Recording:
    """The memory of a market's tape: `rows` kept a replica, and behind them room for the rows of one matching event."""

    def __init__(self, config: MarketConfig, num_replicas: int, rows: int, *, stop: bool = True):
        size = config.size
        room = (config.num_books + 1) * size.max_orders + size.max_events + 64
        self.rows = rows
        self.rows_each = rows + room
        self.longs = recorder_longs(config.num_books, size.max_orders, size.max_messages) if rows > 0 else 0
        self.records = np.zeros(max(1, num_replicas * self.rows_each if rows > 0 else 0), TAPE_ROW).view(np.recarray)
        self.recorder = np.zeros(max(1, num_replicas * self.longs), np.int64)
        for i in range(num_replicas if rows > 0 else 0):
            self.recorder[i * self.longs + R_CAP] = rows if stop else NEVER
            self.recorder[i * self.longs + R_ROWS] = self.rows_each

    def clear(self, mask: np.ndarray) -> None:
        """Forget the rows of the replicas that `mask` (bool) names."""
        if self.longs > 0:
            self.recorder[np.flatnonzero(mask) * self.longs + R_USED] = 0

    def used(self, replica: int) -> int:
        """Rows that wait to be read."""
        return int(self.recorder[replica * self.longs + R_USED])

    def take(self, replica: int, keep: bool) -> np.ndarray:
        """The rows of a replica that were not taken yet, TAPE_ROW (rows,); with `keep` they stay."""
        used = self.used(replica)
        start = replica * self.rows_each
        rows = np.array(self.records[start : start + used]).view(np.ndarray)
        if not keep:
            self.recorder[replica * self.longs + R_USED] = 0
        return rows


@kernel
def start_tapes(m, stride, mask):
    """Begin the tape of every replica whose mask (bool) is set with what stands in its books."""
    for i in range(mask.shape[0]):
        if mask[i]:
            record_standing(m, i * stride, m.runs[i * stride].now_ns)


def to_table(rows: np.ndarray, config: MarketConfig) -> Any:
    """An Arrow table of tape rows; see the module's page for its columns.

    Args:
        rows: TAPE_ROW (rows,), as `Market.events_array` gives them.

    Raises: MissingExtraError naming the extra [data], without pyarrow.
    """
    pa = require_extra("pyarrow", "data")
    symbols = len(config.symbols)
    names = [kind.name for kind in Kind]
    codes = sorted({int(code) for code in Reason})
    is_trade = rows["kind"] == T_TRADE

    def words(index: np.ndarray, values: list[str]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values))

    columns: dict[str, Any] = {
        "ts_ns": rows["ts_ns"],
        "seq": rows["seq"],
        "venue": words(rows["book"] // symbols, [v.name for v in config.venues]),
        "symbol": words(rows["book"] % symbols, [s.name for s in config.symbols]),
        "kind": words(rows["kind"], names),
        "order_id": rows["order_id"],
        "maker_order_id": np.where(is_trade, rows["order_id"], -1),
        "taker_order_id": rows["taker_order_id"],
    }
    plain = ("side", "order_type", "tif", "price", "qty", "leaves_qty", "display_qty", "shown_qty", "queue_ahead",
             "participant", "client", "taker_participant", "taker_client", "maker_fee", "taker_fee")  # fmt: skip
    columns.update({name: np.ascontiguousarray(rows[name]) for name in plain})
    columns["reason"] = words(np.searchsorted(codes, rows["reason"]), [Reason(code).name for code in codes])
    for name in ("decision_ns", "sent_ns", "arrival_ns", "book_age_ns"):
        columns[name] = np.ascontiguousarray(rows[name])
    return pa.table(columns)


FILL = np.dtype(
    [("ts_ns", "i8"), ("seq", "i8"), ("order_id", "i8"), ("other_order_id", "i8"), ("book", "i4"), ("side", "i4"),
     ("price", "i4"), ("qty", "i4"), ("participant", "i4"), ("client", "i4"), ("liquidity", "i4"),
     ("queue_ahead", "i4"), ("fee", "i8")]
)  # fmt: skip
"""One half of a trade. `side`: his own; `liquidity`: MAKER, TAKER, 0 in an auction; `queue_ahead`: of a maker."""


def fills(rows: np.ndarray, participant: int | None = None) -> np.ndarray:
    """Both halves of every trade of a tape, in order, or one participant's.

    Args:
        rows: TAPE_ROW (rows,).
        participant: his index; None: everybody, background flow (-1) included.

    Returns: FILL (halves,).
    """
    trades = rows[(rows["kind"] == T_TRADE) & (rows["order_id"] >= 0)]
    both = np.zeros((len(trades), 2), FILL)
    auction = trades["side"] < 0
    for half, prefix, side in ((0, "", trades["side"] ^ 1), (1, "taker_", trades["side"])):
        out = both[:, half]
        for name in ("ts_ns", "seq", "book", "price", "qty"):
            out[name] = trades[name]
        out["order_id"], out["other_order_id"] = trades["order_id"], trades["taker_order_id"]
        if half:
            out["order_id"], out["other_order_id"] = trades["taker_order_id"], trades["order_id"]
        out["side"] = np.where(auction, half, side)
        out["participant"], out["client"] = trades[prefix + "participant"], trades[prefix + "client"]
        out["liquidity"] = np.where(auction, 0, TAKER if half else MAKER)
        out["queue_ahead"] = -1 if half else trades["queue_ahead"]
        out["fee"] = trades["taker_fee" if half else "maker_fee"]
    flat = both.reshape(-1)
    return flat if participant is None else flat[flat["participant"] == participant]
