"""The blotter against an order worked by hand, recounts of the tape, the accounts, and the market's own book."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, IOC, NIL, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import DataError
from qsl_envs.market.blotter import ENDS, MARKOUTS, Blotter
from qsl_envs.market.config import VenueConfig
from qsl_envs.market.events import MAKER, TAKER, Kind
from qsl_envs.market.shown import mid_path
from qsl_envs.metrics.orders import fill_ratio, queue_time
from qsl_envs.metrics.pnl import pnl_parts
from tests.market.worlds import LOOSE, MS, SECOND, START, HardTrader, link, participant, ready, rich, small, trade


def test_an_order_by_hand():
    """Decided at 10 ms, out at 12, at the gateway at 15, served at 16 behind 7 lots, heard of at 19; filled for 2 of 5
    by a sell of 9 that follows 7 others, then cancelled."""
    venue = VenueConfig(service_ns=MS, maker_fee_bps=-1.0, taker_fee_bps=2.0)
    people = (participant(lines=link(3 * MS), reaction_ns=2 * MS), participant("other"), participant("third"))
    market = ready(small(flow=None, venues=(venue,), participants=people), record=1_000)
    market.send(BUY, 7, START, agent="other")
    market.send(SELL, 7, START + 4, agent="other")
    market.advance(10 * MS)
    market.observe(0)
    ours = market.send(BUY, 5, START)
    market.advance(40 * MS)
    market.send(SELL, 9, START, agent="third", tif=IOC)
    market.advance(60 * MS)
    market.cancel(ours)
    market.advance(80 * MS)
    market.send(BUY, 3, START + 1, agent="other")
    market.advance(SECOND)
    blotter = Blotter([market.events_array()], market.config, end_ns=[SECOND])
    order = blotter.orders[blotter.orders["participant"] == 0][0]
    stamps = {name: order[name] // MS for name in ("decision_ns", "sent_ns", "arrival_ns", "entered_ns", "ack_ns",
                                                   "first_fill_ns", "end_ns", "book_age_ns")}  # fmt: skip
    assert stamps == {"decision_ns": 10, "sent_ns": 12, "arrival_ns": 15, "entered_ns": 16, "ack_ns": 19,
                      "first_fill_ns": 41, "end_ns": 66, "book_age_ns": 8}  # fmt: skip
    assert order[["client", "side", "price", "qty", "filled_qty"]].tolist() == (ours, BUY, START, 5, 2)
    assert order[["maker_qty", "taker_qty", "mean_price"]].tolist() == (2, 0, START)
    assert (order["queue_ahead_arrival"], order["queue_ahead_fill"]) == (7, 7)
    assert (ENDS[order["end"]], order["reason"]) == ("canceled", 0)
    assert order["fee"] == pytest.approx(-2 * START * 1e-4)
    # the mid: 1002 until the sell; then ours alone at 1000; nobody bids after the cancel, then the bid of 1001
    fill = blotter.fills[blotter.fills["participant"] == 0][0]
    assert fill[["ts_ns", "liquidity", "qty", "mid", "queue_ahead"]].tolist() == (41 * MS, MAKER, 2, START + 2, 7)
    assert fill["markout_10ms"] == order["markout_10ms"] == 2.0 and fill["markout_100ms"] == 2.5
    assert np.isnan(fill["markout_10s"])  # the tape ends before
    third = blotter.orders[blotter.orders["participant"] == 2][0]
    assert third[["filled_qty", "taker_qty", "queue_ahead_arrival", "queue_ahead_fill"]].tolist() == (9, 9, NIL, NIL)
    assert ENDS[third["end"]] == "filled" and third["fee"] == pytest.approx(9 * START * 2e-4)
    assert third["markout_100ms"] == -2.5


def test_what_is_refused_has_a_row():
    market = ready(small(participants=(participant(risk=replace(LOOSE, max_order_qty=5)),)), record=1_000)
    market.send(BUY, 6, START - 50)
    market.send(BUY, 3, 1, tif=IOC)
    client = market.send(BUY, 5, START - 50)
    market.advance(10)
    market.replace(client, START - 51, 4)
    market.advance(20)
    orders = Blotter([market.events_array()], market.config).orders
    told = [(ENDS[o["end"]], Reason(int(o["reason"])).name, int(o["qty"]), int(o["price"])) for o in orders]
    assert told == [("rejected", "MAX_ORDER_QTY", 6, START - 50), ("canceled", "IOC_REST", 3, 1),
                    ("open", "NONE", 5, START - 50)]  # fmt: skip
    assert orders["end_ns"].tolist() == [0, 0, NIL] and orders["ack_ns"].tolist() == [0, 0, 0]


def test_a_lost_answer_is_heard_late():
    lossy = link(MS, drop_ppm=400_000)
    market = ready(small(participants=(participant(lines=lossy),)), record=50_000)
    for k in range(60):
        market.send(BUY, 1, START - 40 - k % 5)
        market.advance((k + 1) * 20 * MS)
        for order in market.orders()[6:]:
            market.cancel(order["client"])
    market.advance(10 * SECOND)
    orders = Blotter([market.events_array()], market.config).orders
    assert 20 < len(orders) < 60  # those that were lost on their way never entered
    waited = orders["ack_ns"] - orders["entered_ns"]
    assert (orders["ack_ns"] >= 0).all() and (waited >= MS).all()
    assert (waited > MS).any() and (waited == MS).any()


@pytest.fixture(scope="module")
def days():
    """Two episodes of a market of two venues in which two participants trade all they can; tapes and accounts."""
    tapes, accounts, marks, market = [], [], [], None
    market = ready(rich(), record=400_000)
    for episode in range(2):
        if episode:
            market.reset()
        traders = [HardTrader(market, 3 + p, agent=p) for p in range(2)]
        trade(market, traders, 600 * MS, 4 * MS)
        tapes.append(market.events_array())
        accounts.append([market.account(p) for p in range(2)])
        marks.append([market.arrays.accounts[market.arrays.runs[0].accounts + p].mark_x2 for p in range(2)])
    return market, tapes, accounts, np.array(marks)


def test_orders_against_a_recount(days):
    market, tapes, _, _ = days
    blotter = Blotter(tapes, market.config)
    assert len(blotter.orders) > 100 and set(blotter.orders["end"]) >= {1, 2, 4}
    for order in blotter.orders:
        tape = tapes[order["episode"]]
        trades = tape[tape["kind"] == Kind.TRADE]
        made = trades[(trades["order_id"] == order["order_id"]) & (trades["side"] >= 0)]
        took = trades[(trades["taker_order_id"] == order["order_id"]) & (trades["side"] >= 0)]
        assert order["maker_qty"] == made["qty"].sum() and order["taker_qty"] == took["qty"].sum()
        times = [*made["ts_ns"], *took["ts_ns"]]
        if times and order["filled_qty"] == order["maker_qty"] + order["taker_qty"]:
            assert order["first_fill_ns"] == min(times)
            value = (made["price"].astype(int) * made["qty"]).sum() + (took["price"].astype(int) * took["qty"]).sum()
            assert order["mean_price"] == pytest.approx(value / order["filled_qty"])
            fees = made["maker_fee"].sum() + took["taker_fee"].sum()
            assert order["fee"] == pytest.approx(fees / market.config.fee_unit)
        assert order["queue_ahead_fill"] == (made["queue_ahead"][0] if len(made) else NIL)
        assert 0 <= order["filled_qty"] <= order["qty"]
        stamps = [order[name] for name in ("decision_ns", "sent_ns", "arrival_ns", "entered_ns", "ack_ns")]
        known = [stamp for stamp in stamps if stamp != NIL]
        assert known == sorted(known) and len(known) >= 4
        over = ENDS[order["end"]] != "open"
        assert over == (order["end_ns"] != NIL) and (not over or order["end_ns"] >= order["entered_ns"])
        assert (ENDS[order["end"]] == "filled") <= (order["filled_qty"] > 0)


def test_fills_are_the_accounts(days):
    """Inventory, volume, fees and the whole P&L, to the last unit of money."""
    market, tapes, accounts, marks = days
    blotter = Blotter(tapes, market.config)
    unit, symbols = market.config.fee_unit, len(market.config.symbols)
    for p in range(2):
        books = [blotter.party(p, book) for book in range(0, market.config.num_books, symbols)]
        totals = []
        for book, party in zip(range(0, market.config.num_books, symbols), books):
            parts = pnl_parts(party, blotter.mids[book], marks[:, p])
            total = parts.spread + parts.inventory - parts.fees + parts.rebates
            assert (total == parts.total).all()
            totals.append(parts.total)
        for e in range(2):
            mine = [party.where(party.episode == e) for party in books]
            account = accounts[e][p]
            assert sum(int(f.qty.sum()) for f in mine) == account["volume"] > 50
            assert sum(int((f.sign * f.qty).sum()) for f in mine) == account["inventory"] - account["initial_inventory"]
            assert sum(int(f.fee.sum()) for f in mine) == account["fees"] - account["rebates"]
            bought = account["inventory"] - account["initial_inventory"]
            gained = account["cash"] - account["initial_cash"] + bought * marks[e, p] * (unit // 2)
            assert sum(int(total[e]) for total in totals) == gained + account["borrow"]


def test_blotter_columns_feed_the_metrics(days):
    market, tapes, _, _ = days
    orders = Blotter(tapes, market.config).orders
    entered = orders[np.array(ENDS)[orders["end"]] != "rejected"]
    ratio = fill_ratio(entered["episode"], entered["qty"], entered["filled_qty"], 2)
    waited = queue_time(entered["episode"], entered["arrival_ns"], entered["first_fill_ns"], 2)
    assert ((0 < ratio) & (ratio < 1)).all() and (waited >= 0).all()


@pytest.mark.parametrize("make", [small, rich])
def test_mids_are_those_of_the_true_book(make):
    market = ready(make(), record=200_000)
    trader, seen = HardTrader(market, 5), []
    for k in range(150):
        trader.act()
        market.advance((k + 1) * 4 * MS)
        for book in range(market.config.num_books):
            bids, asks = market.true_book(book=book, levels=1)
            if len(bids) and len(asks):
                seen.append((book, int(market.now_ns[0]), int(bids[0, 0] + asks[0, 0])))
        market.advance((k + 1) * 4 * MS + 1)  # what is sent next acts at another time
    tape = market.events_array()
    end = np.array([market.now_ns[0]])
    paths = {book: mid_path([tape], book, end) for book in range(market.config.num_books)}
    assert len(seen) > 100
    for book, ts_ns, mid_x2 in seen:
        assert paths[book].at([0], [ts_ns])[0] == mid_x2


def test_files(days, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    market, tapes, _, _ = days
    blotter = Blotter(tapes, market.config)
    orders, fills = (parquet.read_table(path) for path in blotter.write(tmp_path / "run"))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["fills.parquet", "orders.parquet"]
    assert orders.num_rows == len(blotter.orders) and fills.num_rows == len(blotter.fills)
    wanted = {"decision_ns", "sent_ns", "arrival_ns", "ack_ns", "queue_ahead_arrival", "queue_ahead_fill",
              "book_age_ns", "maker_qty", "taker_qty", "fee", *MARKOUTS}  # fmt: skip
    assert wanted <= set(orders.column_names)
    assert orders["side"].to_pylist() == [("buy", "sell")[side] for side in blotter.orders["side"]]
    assert orders["end"].to_pylist() == [ENDS[end] for end in blotter.orders["end"]]
    assert set(orders["venue"].to_pylist()) <= {venue.name for venue in market.config.venues}
    assert set(fills["liquidity"].to_pylist()) <= {"maker", "taker", "auction"}
    assert fills["qty"].to_pylist() == blotter.fills["qty"].tolist()


def test_everyone_is_in_it_on_request(days):
    market, tapes, _, _ = days
    blotter = Blotter(tapes, market.config, everyone=True)
    flow = blotter.orders["participant"] < 0
    assert flow.sum() > 100 and (~flow).sum() == len(Blotter(tapes, market.config).orders)
    both = blotter.fills
    assert (both["qty"] * (1 - 2 * both["side"].astype(int))).sum() == 0  # every trade has two halves
    assert set(both["liquidity"]) >= {MAKER, TAKER}


def test_tapes_must_be_whole(days):
    market, tapes, _, _ = days
    with pytest.raises(DataError, match=r"Blotter\.tapes must be whole"):
        Blotter([tapes[0][1:]], market.config)
    with pytest.raises(DataError, match=r"Blotter\.tapes must be whole"):
        Blotter([np.concatenate(tapes)], market.config)
    with pytest.raises(DataError, match=r"Blotter\.end_ns must be of shape \(2,\)"):
        Blotter(tapes, market.config, end_ns=[1])
