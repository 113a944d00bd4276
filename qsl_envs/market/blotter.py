"""The blotter of a run: one row an order, one row a fill, with all their times, made from recorded tapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import DataError, require, require_extra
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.events import MAKER, TAKER, Kind
from qsl_envs.market.events import fills as halves_of_trades
from qsl_envs.market.shown import mid_path
from qsl_envs.metrics.fills import Fills
from qsl_envs.metrics.quality import HORIZONS_NS, markouts

MARKOUTS = ("markout_10ms", "markout_100ms", "markout_1s", "markout_10s")
ENDS = ("open", "filled", "canceled", "expired", "rejected")
"""How an order ended, by number: `open` is one that stands when the tape ends."""
OPEN, FILLED, CANCELED, EXPIRED, REJECTED = range(5)
MANY = 1 << 16
"""Client orders of a participant at most, more than a market can hold."""

ORDER = np.dtype(
    [("episode", "i4"), ("order_id", "i8"), ("participant", "i4"), ("client", "i4"), ("book", "i4"), ("side", "i1"),
     ("order_type", "i1"), ("tif", "i1"), ("end", "i1"), ("reason", "i2"), ("price", "i4"), ("qty", "i8"),
     ("filled_qty", "i8"), ("maker_qty", "i8"), ("taker_qty", "i8"), ("mean_price", "f8"), ("fee", "f8"),
     ("decision_ns", "i8"), ("sent_ns", "i8"), ("arrival_ns", "i8"), ("entered_ns", "i8"), ("ack_ns", "i8"),
     ("first_fill_ns", "i8"), ("end_ns", "i8"), ("book_age_ns", "i8"), ("queue_ahead_arrival", "i4"),
     ("queue_ahead_fill", "i4"), *((name, "f8") for name in MARKOUTS)]
)  # fmt: skip
"""One order. What is not known is -1, of the floats NaN.

| field                 | meaning                                                                                    |
| --------------------- | ------------------------------------------------------------------------------------------ |
| `episode`             | which of the tapes                                                                         |
| `order_id`            | the venue's; unique within an episode                                                      |
| `participant`         | whose; -1: background flow                                                                 |
| `client`              | what `Market.send` returned for it                                                         |
| `book`                | venue x symbols + symbol                                                                   |
| `side`                | `BUY` or `SELL`                                                                            |
| `order_type`, `tif`   | the engine's numbers                                                                       |
| `end`                 | index into `ENDS`                                                                          |
| `reason`              | why it ended, a `Reason`; 0 none                                                           |
| `price`               | ticks, as it entered; -1 of a market order                                                 |
| `qty`                 | lots: the most that was ever asked for, filled and open together                           |
| `filled_qty`          | lots filled, of them `maker_qty` and `taker_qty` (the rest in auctions)                    |
| `mean_price`          | ticks, of its fills                                                                        |
| `fee`                 | ticks x lots, a cost; rebates are negative                                                 |
| `decision_ns`         | when it was decided on                                                                     |
| `sent_ns`             | when it left, after the participant's own thinking time                                    |
| `arrival_ns`          | when it reached the venue's gateway                                                        |
| `entered_ns`          | when the venue had served it: accepted, or refused                                         |
| `ack_ns`              | when the participant heard of it first                                                     |
| `first_fill_ns`       | its first fill, the venue's clock                                                          |
| `end_ns`              | when nothing of it was left                                                                |
| `book_age_ns`         | at the decision: age of the newest record of the book that had been looked at              |
| `queue_ahead_arrival` | lots in front of it when it came to rest; -1: it did not                                   |
| `queue_ahead_fill`    | lots in front of it when the aggressor of its first fill as maker came                     |
| `markout_*`           | sign x (mid so long after the fill - price), mean over its lots, ticks: a gain is positive |
"""

FILL = np.dtype(
    [("episode", "i4"), ("order_id", "i8"), ("other_order_id", "i8"), ("participant", "i4"), ("client", "i4"),
     ("book", "i4"), ("ts_ns", "i8"), ("side", "i1"), ("liquidity", "i1"), ("price", "i4"), ("qty", "i4"),
     ("fee", "f8"), ("queue_ahead", "i4"), ("mid", "f8"), *((name, "f8") for name in MARKOUTS)]
)  # fmt: skip
"""One party's half of a trade: fields as in ORDER; `liquidity` MAKER, TAKER or 0 (auction); `mid`, ticks: just before.
"""


class Blotter:
    """Orders and fills of one or many episodes of one market.

    `orders` ORDER (order,), `fills` FILL (fill,), both in the order of the tapes; `mids`: book -> MidPath of what the
    book displayed, everybody's orders in it.

    Args:
        tapes: TAPE_ROW (rows,) of each episode, whole from its start: `Market.events_array` put together, or
            `RunRecorder.tapes`.
        config: of the market.
        everyone: background flow's orders too; else those of participants alone.
        end_ns: the last time that is known of each episode, for the markouts; None: that of its last row.
    An order that its line lost reached no venue and has no row.
    """

    def __init__(self, tapes: Sequence[np.ndarray], config: MarketConfig, *, everyone: bool = False,
                 end_ns: Sequence[int] | None = None):  # fmt: skip
        for tape in tapes:
            whole = len(tape) > 0 and tape["kind"][0] == Kind.START and (tape["kind"][1:] != Kind.START).all()
            require(whole, "Blotter", "tapes", "whole, each of one episode from its START", "another", DataError)
        self.config, self.num_episodes = config, len(tapes)
        last = None if end_ns is None else np.asarray(end_ns, np.int64)
        shape = (len(tapes),)
        fits = last is None or last.shape == shape
        require(fits, "Blotter", "end_ns", f"of shape {shape}", None if last is None else last.shape, DataError)
        self.mids = {book: mid_path(list(tapes), book, last) for book in range(config.num_books)}
        kept = [_fills_of(tape, e, everyone, config.fee_unit) for e, tape in enumerate(tapes)]
        self.fills = np.concatenate(kept) if kept else np.zeros(0, FILL)
        self._mark_fills()
        orders = [_orders_of(tape, e, everyone) for e, tape in enumerate(tapes)]
        self.orders = np.concatenate(orders) if orders else np.zeros(0, ORDER)
        self._sum_fills()

    def party(self, participant: int, book: int = 0) -> Fills:
        """One participant's fills in one book, as the metrics take them."""
        mine = self.fills[(self.fills["participant"] == participant) & (self.fills["book"] == book)]
        money = np.round(mine["fee"] * self.config.fee_unit).astype(np.int64)
        names = ("episode", "ts_ns", "side", "price", "qty")
        return Fills(*(mine[name].astype(np.int64) for name in names), money, mine["liquidity"], self.num_episodes,
                     self.config.fee_unit)  # fmt: skip

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write `orders.parquet` and `fills.parquet` into a folder (it is made); return their paths.

        Names stand in place of numbers for venue, symbol, participant, side, end, reason and liquidity.
        Raises: MissingExtraError naming the extra [data], without pyarrow.
        """
        parquet = require_extra("pyarrow.parquet", "data")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = (folder / "orders.parquet", folder / "fills.parquet")
        for path, rows in zip(paths, (self.orders, self.fills)):
            parquet.write_table(self._table(rows), path, compression="zstd")
        return paths

    def _table(self, rows: np.ndarray):
        pa = require_extra("pyarrow", "data")
        symbols = len(self.config.symbols)
        people = [p.name for p in self.config.participants] + ["flow"]
        codes = sorted({int(code) for code in Reason})
        words = {
            "participant": (np.where(rows["participant"] < 0, len(people) - 1, rows["participant"]), people),
            "side": (rows["side"], ["buy", "sell"]),
        }
        if "end" in rows.dtype.names:
            words["end"] = (rows["end"], list(ENDS))
            words["reason"] = (np.searchsorted(codes, rows["reason"]), [Reason(code).name for code in codes])
        else:
            words["liquidity"] = (rows["liquidity"], ["auction", "maker", "taker"])
        columns = {}
        for name in rows.dtype.names:
            if name == "book":
                for key, at, items in (("venue", rows["book"] // symbols, self.config.venues),
                                       ("symbol", rows["book"] % symbols, self.config.symbols)):  # fmt: skip
                    columns[key] = _named(pa, at, [item.name for item in items])
            elif name in words:
                columns[name] = _named(pa, *words[name])
            else:
                columns[name] = pa.array(np.ascontiguousarray(rows[name]))
        return pa.table(columns)

    def _mark_fills(self) -> None:
        """Mids and markouts of the fills, book by book."""
        for name in ("mid", *MARKOUTS):
            self.fills[name] = np.nan
        for book, path in self.mids.items():
            at = np.flatnonzero(self.fills["book"] == book)
            if len(at) == 0:
                continue
            mine = self.fills[at]
            names = ("episode", "ts_ns", "side", "price", "qty")
            n = len(at)
            party = Fills(*(mine[name] for name in names), np.zeros(n, np.int64), mine["liquidity"], self.num_episodes)
            mid_x2 = path.before(party.episode, party.ts_ns)
            self.fills["mid"][at] = np.where(mid_x2 == NIL, np.nan, mid_x2 / 2.0)
            for name, column in zip(MARKOUTS, markouts(party, path, HORIZONS_NS).T):
                self.fills[name][at] = column

    def _sum_fills(self) -> None:
        """What an order's fills say of it."""
        orders, fills = self.orders, self.fills
        names = np.stack([orders["episode"].astype(np.int64), orders["order_id"]], 1)
        keys = np.stack([fills["episode"].astype(np.int64), fills["order_id"]], 1)
        span = int(max(names.max(initial=0), keys.max(initial=0))) + 1
        known, wanted = names[:, 0] * span + names[:, 1], keys[:, 0] * span + keys[:, 1]
        sorter = np.argsort(known, kind="stable")
        at = np.searchsorted(known, wanted, sorter=sorter)
        owner = sorter[np.minimum(at, len(sorter) - 1)] if len(wanted) else at
        assert (known[owner] == wanted).all(), "a fill of an order that never entered"
        lots = fills["qty"].astype(np.int64)
        for name, mask in (("filled_qty", np.ones(len(fills), bool)), ("maker_qty", fills["liquidity"] == MAKER),
                           ("taker_qty", fills["liquidity"] == TAKER)):  # fmt: skip
            np.add.at(orders[name], owner[mask], lots[mask])
        np.add.at(orders["fee"], owner, fills["fee"])
        _weigh(orders["mean_price"], owner, fills["price"].astype(np.float64), lots)
        for name in MARKOUTS:
            _weigh(orders[name], owner, fills[name], lots)
        backwards = slice(None, None, -1)  # of several writes to one place the last stays: the first fill
        orders["first_fill_ns"][owner[backwards]] = fills["ts_ns"][backwards]
        made = np.flatnonzero(fills["liquidity"] == MAKER)[backwards]
        orders["queue_ahead_fill"][owner[made]] = fills["queue_ahead"][made]


def _weigh(out: np.ndarray, owner: np.ndarray, values: np.ndarray, lots: np.ndarray) -> None:
    """Mean of `values` over the lots of each owner, into `out`; NaN items are left out."""
    held = ~np.isnan(values)
    top = np.bincount(owner[held], values[held] * lots[held], len(out))
    bottom = np.bincount(owner[held], lots[held], len(out))
    out[:] = np.nan
    np.divide(top, bottom, out=out, where=bottom > 0)


def _named(pa, index: np.ndarray, names: list[str]):
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(names))


def _fills_of(tape: np.ndarray, episode: int, everyone: bool, fee_unit: int) -> np.ndarray:
    halves = halves_of_trades(tape)
    if not everyone:
        halves = halves[halves["participant"] >= 0]
    halves = halves[halves["order_id"] >= 0]
    out = np.zeros(len(halves), FILL)
    shared = ("order_id", "other_order_id", "participant", "client", "book", "ts_ns", "side", "liquidity", "price",
              "qty", "queue_ahead")  # fmt: skip
    for name in shared:
        out[name] = halves[name]
    out["episode"], out["fee"] = episode, halves["fee"] / fee_unit
    return out


def _orders_of(tape: np.ndarray, episode: int, everyone: bool) -> np.ndarray:
    """The orders of one tape, as they entered and ended; `Blotter` adds what their fills say."""
    kind = tape["kind"]
    entered = np.isin(kind, (Kind.NEW, Kind.STANDING))
    ids = np.unique(tape["order_id"][entered])
    # a refused change names its order; a refused new order has an id that never entered
    refused = (kind == Kind.REJECTED) & (tape["order_id"] >= 0) & ~np.isin(tape["order_id"], ids)
    first = np.flatnonzero((entered | refused) & (everyone | (tape["participant"] >= 0)))
    rows = tape[first]
    out = np.zeros(len(rows), ORDER)
    for name in ("order_id", "participant", "client", "book", "side", "order_type", "tif", "price", "qty",
                 "decision_ns", "sent_ns", "arrival_ns", "book_age_ns"):  # fmt: skip
        out[name] = rows[name]
    out["episode"], out["queue_ahead_arrival"] = episode, rows["queue_ahead"]
    out["entered_ns"] = np.where(rows["kind"] == Kind.STANDING, NIL, rows["ts_ns"])
    for name in ("ack_ns", "first_fill_ns", "end_ns", "queue_ahead_fill"):
        out[name] = NIL
    was_refused = rows["kind"] == Kind.REJECTED
    out["end"] = np.where(was_refused, REJECTED, OPEN)
    out["end_ns"][was_refused], out["reason"][was_refused] = rows["ts_ns"][was_refused], rows["reason"][was_refused]
    _follow(tape, out, first)
    _hear(tape, out, first)
    return out


def _follow(tape: np.ndarray, orders: np.ndarray, first: np.ndarray) -> None:
    """Go through what happened to the orders, in order: the most that was asked for, and how each ended."""
    index = {order_id: k for k, order_id in enumerate(orders["order_id"].tolist())}
    alive = orders["end"] == OPEN
    leaves = np.where(alive, orders["qty"], 0).tolist()
    filled = [0] * len(orders)
    most = orders["qty"].tolist()
    touched = np.isin(tape["kind"], (Kind.TRADE, Kind.REPLACED, Kind.REDUCED, Kind.CANCELED, Kind.EXPIRED))
    names = ("kind", "order_id", "taker_order_id", "qty", "leaves_qty", "ts_ns", "reason")
    for kind, order_id, taker_id, qty, left, ts_ns, reason in zip(*(tape[name][touched].tolist() for name in names)):
        for name in (order_id, taker_id) if kind == Kind.TRADE else (order_id,):
            k = index.get(name)
            if k is None:
                continue
            if kind == Kind.TRADE:
                filled[k] += qty
                leaves[k] -= qty
            else:
                leaves[k] = qty if kind == Kind.REPLACED else left
                most[k] = max(most[k], filled[k] + leaves[k])
            if leaves[k] == 0:
                end = FILLED if kind == Kind.TRADE else EXPIRED if kind == Kind.EXPIRED else CANCELED
                orders["end"][k], orders["end_ns"][k], orders["reason"][k] = end, ts_ns, reason
    orders["qty"] = most


def _hear(tape: np.ndarray, orders: np.ndarray, first: np.ndarray) -> None:
    """When each order was first heard of: a report is about the client's latest order that entered before it."""
    heard = np.flatnonzero(tape["kind"] == Kind.HEARD)
    if len(heard) == 0 or len(orders) == 0:
        return
    span = len(tape) + 1

    def keys(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        return (rows["participant"].astype(np.int64) * MANY + rows["client"]) * span + at

    named = orders["participant"] >= 0
    entered = keys(orders[named], first[named])
    reports = keys(tape[heard], heard)
    order = np.argsort(entered)
    place = np.searchsorted(entered[order], reports) - 1
    owner = np.flatnonzero(named)[order[np.maximum(place, 0)]]
    same = (place >= 0) & (orders["participant"][owner] == tape["participant"][heard])
    same &= orders["client"][owner] == tape["client"][heard]
    owner, heard = owner[same][::-1], heard[same][::-1]  # the first report of an order is written last
    orders["ack_ns"][owner] = tape["ts_ns"][heard]
