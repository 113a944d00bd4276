"""The recorded tape: a book rebuilt from it alone is the true one; recording loses nothing and changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, FOK, IOC, NIL, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import CapacityError, MissingExtraError, OrderError
from qsl_envs.market.config import PhaseChange, VenueConfig
from qsl_envs.market.constants import STOP_RECORD, STOP_TIME
from qsl_envs.market.events import MAKER, TAKER, Kind, fills
from qsl_envs.market.export import export_lobster
from qsl_envs.replay.check import check_file
from qsl_envs.replay.convert import convert
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.player import Player
from tests.market.test_day import config as day_config
from tests.market.test_day import day
from tests.market.worlds import (
    LOOSE,
    MS,
    SECOND,
    START,
    HardTrader,
    accounts,
    link,
    participant,
    ready,
    rich,
    small,
    trade,
)

CALLS = (PhaseChange(at_ns=0, action="call"), PhaseChange(at_ns=200 * MS, action="open"),
         PhaseChange(at_ns=400 * MS, action="halt"), PhaseChange(at_ns=500 * MS, action="call"),
         PhaseChange(at_ns=650 * MS, action="open"))  # fmt: skip


class Rebuilt:
    """Orders by id, from the rows of a tape and the rule book's words about clips; knows nothing of the engine."""

    def __init__(self, rows):
        self.orders: dict[int, dict] = {}
        self.ended: set[int] = set()
        self.born: set[int] = set()
        self.traded: Counter = Counter()
        for row in rows:
            self.apply({name: int(row[name]) for name in rows.dtype.names})

    def apply(self, row):
        kind, order_id = row["kind"], row["order_id"]
        if kind == Kind.START:
            assert not self.orders
        elif kind in (Kind.NEW, Kind.STANDING):
            assert order_id not in self.born, row
            self.born.add(order_id)
            self.orders[order_id] = row
            self.orders[order_id]["leaves"] = row["qty"]
        elif kind == Kind.TRADE and order_id >= 0:
            self.traded[row["book"]] += row["qty"]
            self.take(order_id, row["qty"])
            assert self.leaves(order_id) == row["leaves_qty"], row
            if row["taker_order_id"] >= 0:
                self.take(row["taker_order_id"], row["qty"])
        elif kind in (Kind.CANCELED, Kind.EXPIRED):
            assert self.orders[order_id]["leaves"] == row["qty"] > 0 == row["leaves_qty"], row
            self.end(order_id)
        elif kind == Kind.REDUCED:
            self.take(order_id, row["qty"])
            assert self.leaves(order_id) == row["leaves_qty"] > 0
        elif kind == Kind.REPLACED:
            self.orders[order_id].update(price=row["price"], leaves=row["qty"], queue_ahead=row["queue_ahead"])
        elif kind == Kind.RESTATED:
            self.orders[order_id].update(price=row["price"], queue_ahead=0 if row["price"] > 0 else NIL)
            assert self.orders[order_id]["leaves"] == row["leaves_qty"]

    def take(self, order_id, qty):
        self.orders[order_id]["leaves"] -= qty
        assert self.orders[order_id]["leaves"] >= 0
        if self.orders[order_id]["leaves"] == 0:
            self.end(order_id)

    def end(self, order_id):
        del self.orders[order_id]
        self.ended.add(order_id)

    def leaves(self, order_id):
        return self.orders[order_id]["leaves"] if order_id in self.orders else 0

    def resting(self, book):
        """(side, price, open lots) of every order in a queue."""
        there = [o for o in self.orders.values() if o["book"] == book and o["queue_ahead"] >= 0]
        return sorted((o["side"], o["price"], o["leaves"]) for o in there)

    def waiting(self, book):
        """(side, open lots) of stops, parked pegs and market orders of a call."""
        there = [o for o in self.orders.values() if o["book"] == book and o["queue_ahead"] < 0]
        return sorted((o["side"], o["leaves"]) for o in there)


def pool(market, book, replica=0):
    """The same two lists, from the engine's own pool of orders."""
    from qsl_envs.engine.constants import LIVE_BIT, PARKED_BIT, STOP_BIT

    h = market.arrays.runs[replica * market.stride].books + book
    b = market.arrays.book.books[h]
    resting, waiting = [], []
    for o in market.arrays.book.orders[b.orders_base : b.orders_base + b.used_slots]:
        if o.bits & LIVE_BIT and o.leaves_qty > 0:
            side, leaves = int(o.bits) & 1, int(o.leaves_qty)
            if o.bits & (PARKED_BIT | STOP_BIT):
                waiting.append((side, leaves))
            else:
                resting.append((side, int(o.price), leaves))
    return sorted(resting), sorted(waiting)


def tape_is_true(market, rows, replica=0):
    rebuilt = Rebuilt(rows)
    for book in range(market.config.num_books):
        resting, waiting = pool(market, book, replica)
        assert rebuilt.resting(book) == resting
        assert rebuilt.waiting(book) == waiting
    assert (np.diff(rows["ts_ns"]) >= 0).all() and (np.diff(rows["seq"]) >= 0).all()
    return rebuilt


def one_venue(**venue):
    return small(venues=(VenueConfig(**venue),))


WORLDS = {
    "flow only": (small, 0),
    "hard": (small, 1),
    "rich": (rich, 2),
    "decrement": (lambda: one_venue(stp="decrement"), 1),
    "cancel both, kept places": (lambda: one_venue(stp="cancel_both", keep_on_decrease=True), 1),
    "batches": (lambda: one_venue(batch_interval_ns=30 * MS), 1),
    "bands": (
        lambda: one_venue(
            band_ticks=5, band_window_ns=100 * MS, limit_state_ns=20 * MS, limit_halt_ns=20 * MS, limit_call_ns=30 * MS
        ),
        1,
    ),
    "calls and halts": (lambda: one_venue(schedule=CALLS, auction_fee_bps=0.1), 1),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_book_rebuilt_from_the_tape_is_the_true_one(name):
    make, agents = WORLDS[name]
    market = ready(make(), 2, record=200_000)
    start = accounts(market, 1)
    traders = [HardTrader(market, 5 + p, replica=1, agent=p) for p in range(agents)]
    rows = []
    for until in range(100, 1_600, 300):
        trade(market, traders, until * MS, 3 * MS)
        rows.append(market.events_array(1))
        tape_is_true(market, np.concatenate(rows), 1)
    rows = np.concatenate(rows)
    seen = Counter(Kind(k).name for k in rows["kind"])
    assert seen["NEW"] > 300 and seen["TRADE"] > 50 and seen["CANCELED"] > 100
    if agents and name != "batches":
        assert min(seen[k] for k in ("REDUCED", "REPLACED", "RESTATED", "TRIGGERED", "REJECTED", "EXPIRED")) > 0
    end = accounts(market, 1)
    for book in range(market.config.num_books):
        flow = market.arrays.flows[market.arrays.runs[market.stride].flows + book]
        lots = int(rows["qty"][(rows["kind"] == Kind.TRADE) & (rows["book"] == book)].sum())
        assert lots == flow.traded_qty
    for p in range(len(market.config.participants)):
        mine = fills(rows, p)
        sign = 1 - 2 * mine["side"].astype("i8")
        unit = market.config.fee_unit
        cash = -(sign * mine["price"] * mine["qty"] * unit).sum() - mine["fee"].sum()
        assert end["inventory"][p].sum() - start["inventory"][p].sum() == (sign * mine["qty"]).sum()
        borrowed = (end["borrow"][p] - start["borrow"][p]).sum()
        assert end["cash"][p].sum() - start["cash"][p].sum() == cash - borrowed


def test_both_halves_of_all_trades_cancel_out():
    market = ready(record=100_000)
    trade(market, [HardTrader(market, 2)], SECOND, 3 * MS)
    rows = market.events_array()
    both = fills(rows)
    sign = 1 - 2 * both["side"].astype("i8")
    assert len(both) > 200 and (sign * both["qty"]).sum() == 0 and (sign * both["qty"] * both["price"]).sum() == 0
    assert set(both["liquidity"].tolist()) == {MAKER, TAKER}
    mine = fills(rows, 0)
    assert 0 < len(mine) < len(both) and set(mine["participant"].tolist()) == {0}


@pytest.mark.parametrize("make", [small, rich, lambda: one_venue(schedule=CALLS)])
def test_recording_changes_no_trajectory(make):
    digests = []
    for record in (0, 100_000):
        market = ready(make(), 2, record=record)
        traders = [HardTrader(market, 9 + p, agent=p) for p in range(len(market.config.participants))]
        trade(market, traders, 800 * MS, 4 * MS)
        digests.append(market.digest())
    assert digests[0] == digests[1]


def test_a_full_tape_brings_the_market_back_and_nothing_is_lost():
    whole, small_tape = ready(record=100_000), ready(record=40)
    trade(whole, [HardTrader(whole, 4)], SECOND, 20 * MS)
    trader, parts, stops = HardTrader(small_tape, 4), [], 0
    for t in range(20 * MS, SECOND + 1, 20 * MS):
        trader.act()
        while (why := small_tape.advance(t)[0]) == STOP_RECORD:
            stops += 1
            before = small_tape.now_ns[0]
            assert small_tape.advance(t)[0] == STOP_RECORD and small_tape.now_ns[0] == before
            parts.append(small_tape.events_array())
        assert why == STOP_TIME and small_tape.now_ns[0] == t
    parts.append(small_tape.events_array())
    assert stops > 10 and whole.digest() == small_tape.digest()
    assert np.array_equal(np.concatenate(parts), whole.events_array())


def test_an_event_of_more_rows_than_the_tape_holds_is_an_error_that_names_it():
    market = ready(small(flow=None, participants=(participant(), participant("other"))), record=1)
    market.recording.recorder[1] = 3  # R_ROWS: no room behind the row that is kept
    for n in range(3):
        market.send(BUY, 1, START - n)
        market.advance(int(market.now_ns[0]) + MS), market.events_array()
    market.send(SELL, 3, START - 9, agent="other")
    with pytest.raises(CapacityError, match=r"Market\(record="):
        market.advance(10 * MS), market.events_array(), market.advance(10 * MS)


def test_stamps_queue_places_and_ages_of_a_participants_orders():
    lines = link(3 * MS)
    venue = VenueConfig(service_ns=MS)
    people = (participant(lines=lines, reaction_ns=2 * MS), participant("other"), participant("third"))
    market = ready(small(flow=None, venues=(venue,), participants=people), record=1_000)
    market.send(BUY, 7, START, agent="other")
    market.advance(10 * MS)
    market.observe(0)
    first = market.send(BUY, 5, START)
    market.advance(40 * MS)
    market.send(SELL, 9, START, agent="third", tif=IOC)
    market.advance(60 * MS)
    rows = market.events_array()
    new = rows[(rows["kind"] == Kind.NEW) & (rows["participant"] == 0)][0]
    assert new["client"] == first and new["queue_ahead"] == 7 and new["leaves_qty"] == 5
    assert (new["decision_ns"], new["sent_ns"]) == (10 * MS, 12 * MS)
    assert (new["arrival_ns"], new["ts_ns"]) == (15 * MS, 16 * MS)
    assert new["book_age_ns"] == 10 * MS - MS  # the other's order was served, and published, at 1 ms
    heard = rows[(rows["kind"] == Kind.HEARD) & (rows["participant"] == 0)]
    assert heard["ts_ns"].tolist() == [19 * MS, int(rows["ts_ns"][rows["kind"] == Kind.TRADE][0]) + 3 * MS]
    assert heard[["qty", "leaves_qty"]].tolist() == [(0, 5), (2, 3)] and set(heard["client"]) == {first}
    ours = rows[(rows["kind"] == Kind.TRADE) & (rows["order_id"] == new["order_id"])][0]
    assert ours["queue_ahead"] == 7 and ours["qty"] == 2 and ours["leaves_qty"] == 3
    assert ours["side"] == SELL and ours["taker_participant"] == 2
    taken = rows[(rows["kind"] == Kind.TRADE)]
    assert taken["qty"].tolist() == [7, 2] and len(set(taken["seq"])) == 1


def test_what_is_refused_or_killed_stands_on_the_tape_with_its_reason():
    risk = replace(LOOSE, max_order_qty=5)
    market = ready(small(participants=(participant(risk=risk),)), record=1_000)
    market.send(BUY, 6, START - 50)
    market.send(BUY, 3, 1, tif=IOC)
    market.send(BUY, 5, START - 60, tif=FOK)
    market.send(BUY, 5, START, order_type=3)
    client = market.send(BUY, 5, START - 50)
    market.advance(1)
    market.cancel(client)
    market.advance(2)
    rows = market.events_array()
    mine = rows[(rows["participant"] == 0) & (rows["kind"] != Kind.HEARD)]
    told = [(Kind(r["kind"]).name, Reason(int(r["reason"])).name, int(r["qty"])) for r in mine]
    assert told == [
        ("REJECTED", "MAX_ORDER_QTY", 6), ("NEW", "NONE", 3), ("CANCELED", "IOC_REST", 3), ("NEW", "NONE", 5),
        ("CANCELED", "FOK_KILLED", 5), ("REJECTED", "BAD_STOP_PRICE", 5), ("NEW", "NONE", 5), ("CANCELED", "NONE", 5),
    ]  # fmt: skip
    assert len(set(mine["order_id"])) == 5


def test_a_recorded_day_and_its_agents_stand_on_the_tape():
    from qsl_envs.market.market import Market

    market = Market(day_config(), 1, day=day(), record=100_000)
    market.reset(start_ns=np.array([int(day().rows["ts_ns"][0]) + SECOND]))
    tape_is_true(market, market.events_array(keep=True))
    traders = [HardTrader(market, 3 + p, agent=p) for p in range(2)]
    trade(market, traders, 4 * SECOND, 10 * MS)
    rows = market.events_array()
    rebuilt = tape_is_true(market, rows)
    assert rebuilt.traded[0] > 100 and (rows["participant"] >= 0).sum() > 100


def test_a_reset_begins_a_new_tape_and_a_restored_replica_one_from_its_book():
    market = ready(record=10_000)
    trade(market, [HardTrader(market, 4)], 300 * MS, 5 * MS)
    kept = market.snapshot()
    assert Kind(market.events_array(keep=True)["kind"][0]) == Kind.START
    market.reset()
    rows = market.events_array()
    assert set(rows["kind"].tolist()) == {Kind.START, Kind.STANDING}
    tape_is_true(market, rows)
    market.restore(kept)
    market.advance(400 * MS)
    rows = market.events_array()
    assert rows["ts_ns"][0] == 300 * MS
    tape_is_true(market, rows)


def test_the_table_has_names_and_the_arrays_numbers():
    pytest.importorskip("pyarrow")
    market = ready(record=10_000)
    trade(market, [HardTrader(market, 4)], 300 * MS, 5 * MS)
    rows = market.events_array(keep=True)
    table = market.events()
    assert table.num_rows == len(rows) > 100 and len(market.events_array()) == 0
    assert set(table["venue"].to_pylist()) == {"QSX"} and set(table["symbol"].to_pylist()) == {"QSL"}
    assert table["kind"].to_pylist() == [Kind(k).name for k in rows["kind"]]
    assert table["reason"].to_pylist() == [Reason(int(k)).name for k in rows["reason"]]
    is_trade = rows["kind"] == Kind.TRADE
    assert np.array_equal(table["maker_order_id"].to_numpy(), np.where(is_trade, rows["order_id"], -1))
    for name in ("ts_ns", "seq", "price", "qty", "leaves_qty", "queue_ahead", "participant", "arrival_ns", "maker_fee"):
        assert np.array_equal(table[name].to_numpy(), rows[name])


def test_a_market_that_does_not_record_and_a_missing_extra_say_so(monkeypatch):
    with pytest.raises(OrderError, match="record"):
        ready().events_array()
    import sys

    market = ready(record=100)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"\[data\]"):
        market.events()
    assert len(market.events_array()) > 10


@pytest.mark.parametrize("agents", [0, 1])
def test_the_lobster_files_of_a_simulated_day_pass_the_data_check(tmp_path, agents):
    market = ready(record=100_000)
    traders = [HardTrader(market, 6)] * agents
    trade(market, traders, 2 * SECOND, 4 * MS)
    rows = market.events_array()
    path = export_lobster(rows, market.config, tmp_path, levels=50)
    report = check_file(path)
    assert report.one_step_share == report.free_run_best_share == 1.0
    assert not any(report.corrections.values())
    trades = rows[rows["kind"] == Kind.TRADE]
    assert report.visible_volume + report.hidden_volume == trades["qty"].sum()
    assert (report.hidden_volume > 0) == (agents > 0)
    table = convert(read_day(path))
    player = Player(table)
    player.run(len(table))
    for side, levels in zip((BUY, SELL), market.true_book(levels=60), strict=True):
        assert player.depth(side, 60) == [tuple(level) for level in levels.tolist()]


def test_halts_calls_and_auctions_in_lobster_form(tmp_path):
    market = ready(one_venue(schedule=CALLS), record=100_000)
    trade(market, [HardTrader(market, 6, plain=True)], SECOND, 4 * MS)
    rows = market.events_array()
    path = export_lobster(rows, market.config, tmp_path, levels=50)
    messages = read_day(path).messages
    cross = (rows["kind"] == Kind.TRADE) & (rows["side"] < 0)
    assert rows["qty"][cross].sum() == messages.qty[messages.type == 6].sum() > 0
    assert messages.price[messages.type == 7].tolist() == [0, 1, -1, 0, 1]
    by_kind = defaultdict(int, Counter(messages.type.tolist()))
    assert by_kind[1] > 200 and by_kind[4] > 50
