"""The normalised event table: what every historical source is turned into, and all that playback reads.

A table is made once, from history alone. It holds the source's events and, as ordinary events among them, the
corrections that make the rebuilt book equal to the recorded one. An order's slot is fixed here: no historical order
outlives its history, so slots are reused as soon as an order's history ends, and `num_slots` of them are enough.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.engine.state import record
from qsl_envs.errors import DataError, require_extra


class Kind(IntEnum):
    """What an event does to the book."""

    ADD = 1
    """a new order at the back of its queue"""
    REDUCE = 2
    """an order loses `qty` lots and keeps its place"""
    DELETE = 3
    """an order leaves the book"""
    EXECUTE = 4
    """an aggressor takes `qty` lots of an order; rows of one `group` are one aggressor"""
    HIDDEN_PRINT = 5
    """a trade against a hidden order: no change of the displayed book"""
    CROSS_PRINT = 6
    """an auction's print: no change of the book by itself"""
    HALT = 7
    """trading stops"""
    QUOTE_RESUME = 8
    """orders are accepted again, trading is not"""
    TRADE_RESUME = 9
    """trading goes on"""
    SYNTH_ADD = 10
    """a made-up order that stands for quantity whose orders are not known"""
    SYNTH_REDUCE = 11
    """a correction: an order loses `qty` lots and keeps its place"""
    WITHDRAW = 12
    """a correction: an order leaves the book"""
    MOVE_FRONT = 13
    """a correction: an order goes before all other historical orders of its price"""


class Cause(IntEnum):
    """Why an event is not simply a row of the source (`NONE`: it is)."""

    NONE = 0
    INITIAL = 1
    """quantity that stood in the book before the first row"""
    LEVEL_ENTERED = 2
    """a price that came into the recorded levels"""
    LEVEL_GREW = 3
    """more at a remembered price than its known orders have: some came while it was not recorded"""
    LEVEL_SHRANK = 4
    """less at a remembered price: some left while it was not recorded"""
    LEVEL_GONE = 5
    """a remembered price that the recorded book does not have any more"""
    QUEUE_JUMP = 6
    """an order traded that did not stand at the front of its price: the order before it was put too early"""
    UNKNOWN_EXECUTION = 7
    """an execution of an order that was never added: it acts on a made-up order"""
    UNKNOWN_REDUCTION = 8
    """a cancel of an order that was never added: it acts on a made-up order, or on nothing"""
    OVERSIZE = 9
    """an execution or a cancel of more than the order had left"""
    UNDERSIZE = 10
    """a deletion of less than the order had left: the whole order goes"""
    CROSSED = 11
    """a remembered order on the wrong side of a new one: it had left unseen"""
    DUPLICATE = 12
    """an order added under the id of one that is alive: the earlier one goes"""


STAMP_END = 1
"""Mark: the last event of its time stamp."""
GROUP_END = 2
"""Mark: the last event of its aggressor."""
AT_FRONT = 4
"""Mark of SYNTH_ADD: the order stands before everything at its price."""
BEFORE_AGENTS = 8
"""Mark of SYNTH_ADD: the order stands before agents' orders at its price: it may have been there before them."""
MADE_UP = 16
"""Mark: the order in `slot` is a made-up one."""

EVENT_ROW = record(
    48,
    ("ts_ns", "i8"),
    ("order_id", "i8"),
    ("price", "i4"),
    ("qty", "i4"),
    ("rest_qty", "i4"),
    ("slot", "i4"),
    ("group", "i4"),
    ("row", "i4"),
    ("price_sub", "i4"),
    ("kind", "u1"),
    ("side", "u1"),
    ("marks", "u1"),
    ("cause", "u1"),
)
"""One event, 48 bytes.

| field       | unit                                                                                        |
| ----------- | ------------------------------------------------------------------------------------------- |
| `ts_ns`     | ns after the session's midnight, never decreasing                                           |
| `order_id`  | the source's id of the order; `NIL` of a made-up one or of none                             |
| `price`     | ticks, rounded down where a print is off the tick                                           |
| `qty`       | lots added, taken off or traded; WITHDRAW and DELETE: what the order had left in history    |
| `rest_qty`  | lots that history leaves the order in `slot` after this event                               |
| `slot`      | the order's fixed slot, 0 to `num_slots - 1`; `NIL` of an event without an order            |
| `group`     | number of the aggressor; `NIL` outside one                                                  |
| `row`       | 0-based row of the source                                                                   |
| `price_sub` | price units beyond `price` ticks, 0 to `tick_units - 1`; not 0 only for off-tick prints     |
| `kind`      | `Kind`                                                                                      |
| `side`      | of the resting order; for a hidden print the hidden order's                                 |
| `marks`     | `STAMP_END`, `GROUP_END`, `AT_FRONT`, `BEFORE_AGENTS`, `MADE_UP`                            |
| `cause`     | `Cause`                                                                                     |
"""


@dataclass(frozen=True)
class EventTable:
    """One instrument's day of events, in order.

    `rows` is an EVENT_ROW array; `num_slots` the largest number of historical orders alive at once; `tick_units` the
    price units of a tick and `price_units` those of one currency unit; `causes` the source rows that needed an event
    of each cause.
    """

    rows: np.ndarray
    num_slots: int
    tick_units: int
    price_units: int
    symbol: str = ""
    date: str = ""
    causes: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.rows.shape[0]

    @property
    def tick_size_usd(self) -> float:
        """Dollars of a tick, for display."""
        return self.tick_units / self.price_units

    def index_at(self, ts_ns: int) -> int:
        """Index of the first event at or after `ts_ns`."""
        return int(np.searchsorted(self.rows["ts_ns"], ts_ns, side="left"))

    def to_arrow(self):
        """A `pyarrow.Table` with the columns of EVENT_ROW; the rest of the table stands in its metadata.

        Raises: MissingExtraError without the extra [data].
        """
        pyarrow = require_extra("pyarrow", "data")
        columns = {name: np.ascontiguousarray(self.rows[name]) for name in EVENT_ROW.names}
        about = {key: value for key, value in asdict(self).items() if key != "rows"}
        return pyarrow.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(about)})

    @classmethod
    def from_arrow(cls, table) -> EventTable:
        """The table that `to_arrow` wrote. Raises DataError if it is another kind of table."""
        about = (table.schema.metadata or {}).get(METADATA_KEY)
        missing = [name for name in EVENT_ROW.names if name not in table.column_names]
        if about is None or missing:
            raise DataError(f"not a table of events: missing {missing or 'the metadata ' + METADATA_KEY.decode()}")
        rows = np.zeros(table.num_rows, EVENT_ROW)
        for name in EVENT_ROW.names:
            rows[name] = table.column(name).to_numpy()
        return cls(rows=rows, **json.loads(about))

    def write_parquet(self, path: str | Path) -> None:
        """Write the table to a Parquet file. Raises MissingExtraError without the extra [data]."""
        require_extra("pyarrow.parquet", "data").write_table(self.to_arrow(), path, compression="zstd")

    @classmethod
    def read_parquet(cls, path: str | Path) -> EventTable:
        """Read what `write_parquet` wrote. Raises MissingExtraError, or DataError naming the file."""
        parquet = require_extra("pyarrow.parquet", "data")
        try:
            return cls.from_arrow(parquet.read_table(path))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

    def check(self) -> None:
        """Assert what every table promises: order of time, slots in range and never shared, rests that add up."""
        rows = self.rows
        assert (np.diff(rows["ts_ns"]) >= 0).all(), "time goes back"
        assert rows["slot"].max(initial=NIL) < self.num_slots, "slot out of range"
        rest = np.zeros(self.num_slots, np.int64)
        columns = (rows[name].tolist() for name in ("kind", "slot", "qty", "rest_qty"))
        for at, (kind, slot, qty, left) in enumerate(zip(*columns, strict=True)):
            if slot == NIL:
                continue
            if kind in (Kind.ADD, Kind.SYNTH_ADD):
                assert rest[slot] == 0, f"event {at}: slot {slot} is taken"
                rest[slot] = qty
            elif kind != Kind.MOVE_FRONT:
                rest[slot] -= qty
            assert rest[slot] == left >= 0, f"event {at}: rest {left}, must be {rest[slot]}"


METADATA_KEY = b"qsl_event_table"
