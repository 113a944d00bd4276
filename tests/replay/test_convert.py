"""Conversion, on days small enough to do by hand: every cause, aggressors, slots, ticks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import DataError
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import AT_FRONT, BEFORE_AGENTS, GROUP_END, MADE_UP, STAMP_END, EventTable, Kind
from tests.replay.files import make_day

T = "34200.{}"


def story(table: EventTable) -> list[tuple]:
    """(kind, side, price, qty, rest) of each event."""
    rows = table.rows
    kinds = [Kind(kind).name for kind in rows["kind"]]
    return list(zip(kinds, *(rows[name].tolist() for name in ("side", "price", "qty", "rest_qty")), strict=True))


def converted(folder, messages, books=None, **options) -> EventTable:
    table = convert(make_day(folder, messages, books), **options)
    table.check()
    return table


def test_messages_alone(tmp_path):
    table = converted(
        tmp_path,
        [
            (T.format(1), 1, 1, 100, 10_000, 1),
            (T.format(2), 1, 2, 60, 10_003, -1),
            (T.format(3), 2, 1, 30, 10_000, 1),
            (T.format(4), 4, 2, 20, 10_003, -1),
            (T.format(5), 5, 0, 7, 10_001.5, 1),
            (T.format(6), 6, 0, 500, 10_001, 1),
            (T.format(7), 7, 0, 0, -0.01, -1),
            (T.format(8), 7, 0, 0, 0, -1),
            (T.format(9), 7, 0, 0, 0.01, -1),
            (T.format(95), 3, 1, 70, 10_000, 1),
        ],
    )
    assert story(table) == [
        ("ADD", BUY, 10_000, 100, 100),
        ("ADD", SELL, 10_003, 60, 60),
        ("REDUCE", BUY, 10_000, 30, 70),
        ("EXECUTE", SELL, 10_003, 20, 40),
        ("HIDDEN_PRINT", BUY, 10_001, 7, 0),
        ("CROSS_PRINT", BUY, 10_001, 500, 0),
        ("HALT", SELL, 0, 0, 0),
        ("QUOTE_RESUME", SELL, 0, 0, 0),
        ("TRADE_RESUME", SELL, 0, 0, 0),
        ("DELETE", BUY, 10_000, 70, 0),
    ]
    assert table.rows["price_sub"][4] == 50  # half a tick
    assert table.causes == {}
    assert (table.rows["marks"] & STAMP_END).all()
    assert (table.num_slots, table.tick_units, table.tick_size_usd) == (2, 100, 0.01)
    assert table.index_at(table.rows["ts_ns"][3]) == 3


def test_unknown_orders_without_a_book_file(tmp_path):
    table = converted(
        tmp_path,
        [
            (T.format(1), 3, 7, 100, 10_000, 1),
            (T.format(2), 4, 8, 30, 10_000, 1),
            (T.format(3), 1, 9, 40, 10_000, 1),
            (T.format(4), 4, 9, 50, 10_000, 1),
            (T.format(5), 1, 9, 40, 10_000, 1),
            (T.format(6), 1, 9, 60, 10_001, 1),
        ],
    )
    assert story(table) == [
        ("SYNTH_ADD", BUY, 10_000, 30, 30),
        ("EXECUTE", BUY, 10_000, 30, 0),
        ("ADD", BUY, 10_000, 40, 40),
        ("EXECUTE", BUY, 10_000, 40, 0),
        ("SYNTH_ADD", BUY, 10_000, 10, 10),
        ("EXECUTE", BUY, 10_000, 10, 0),
        ("ADD", BUY, 10_000, 40, 40),
        ("WITHDRAW", BUY, 10_000, 40, 0),
        ("ADD", BUY, 10_001, 60, 60),
    ]
    assert table.causes == {"unknown_execution": 1, "unknown_reduction": 1, "oversize": 1, "duplicate": 1}
    assert table.rows["marks"][0] & (AT_FRONT | MADE_UP) == AT_FRONT | MADE_UP
    assert table.rows["order_id"][:3].tolist() == [NIL, 8, 9]


def test_a_remembered_order_that_a_new_one_would_cross_has_left(tmp_path):
    table = converted(
        tmp_path,
        [
            (T.format(1), 1, 1, 100, 10_000, 1),
            (T.format(2), 1, 2, 100, 9_999, 1),
            (T.format(3), 1, 3, 50, 10_000, -1),
        ],
    )
    assert story(table)[2:] == [("WITHDRAW", BUY, 10_000, 100, 0), ("ADD", SELL, 10_000, 50, 50)]
    assert table.causes == {"crossed": 1}


def test_one_aggressor_is_a_run_of_equal_time_and_side(tmp_path):
    adds = [(T.format(1), 1, n, 10, 10_000 + n, -1) for n in range(1, 7)] + [(T.format(1), 1, 9, 10, 10_000, 1)]
    table = converted(
        tmp_path,
        adds
        + [
            (T.format(2), 4, 1, 10, 10_001, -1),
            (T.format(2), 4, 2, 10, 10_002, -1),
            (T.format(2), 4, 9, 4, 10_000, 1),  # another side
            (T.format(2), 4, 3, 10, 10_003, -1),
            (T.format(2), 5, 0, 5, 10_004, -1),  # another kind between
            (T.format(2), 4, 4, 10, 10_004, -1),
            (T.format(3), 4, 5, 10, 10_005, -1),  # another time
        ],
    )
    trades = table.rows[len(adds) :]
    assert trades["group"].tolist() == [0, 0, 1, 2, NIL, 3, 4]
    assert ((trades["marks"] & GROUP_END) != 0).tolist() == [False, True, True, True, False, True, True]
    assert (table.rows["marks"] & STAMP_END != 0).sum() == 3


def test_an_execution_behind_the_front_moves_the_order_first(tmp_path):
    table = converted(
        tmp_path,
        [(T.format(1), 1, n, 10, 10_000, 1) for n in (1, 2, 3)]
        + [(T.format(2), 4, 2, 4, 10_000, 1), (T.format(2), 4, 3, 10, 10_000, 1), (T.format(3), 4, 2, 6, 10_000, 1)],
    )
    kinds = [Kind(kind).name for kind in table.rows["kind"][3:]]
    assert kinds == ["MOVE_FRONT", "EXECUTE", "MOVE_FRONT", "EXECUTE", "EXECUTE"]
    assert table.rows["slot"][3:].tolist() == [1, 1, 2, 2, 1]
    assert table.rows["group"][3:].tolist() == [0, 0, 0, 0, 1]
    assert table.causes == {"queue_jump": 2}


def test_corrections_by_the_book_file(tmp_path):
    ask = [(10_005, 9)]
    messages = [
        (T.format(1), 1, 1, 100, 10_000, 1),
        (T.format(2), 3, 7, 30, 10_000, 1),
        (T.format(3), 3, 1, 100, 10_000, 1),
        (T.format(4), 3, 8, 20, 9_998, 1),
        (T.format(5), 1, 2, 10, 9_999, 1),
        (T.format(6), 5, 0, 1, 10_001, 1),
        (T.format(7), 4, 9, 50, 9_997, 1),
    ]
    books = [
        ([(10_000, 130), (9_998, 40)], ask),
        ([(10_000, 100), (9_998, 40)], ask),
        ([(9_998, 40), (9_997, 60)], ask),
        ([(9_998, 20), (9_997, 60)], ask),
        ([(9_999, 10), (9_998, 25)], ask),
        ([(9_998, 5), (9_997, 60)], ask),
        ([(9_997, 10)], ask),
    ]
    table = converted(tmp_path, messages, books)
    assert story(table) == [
        ("SYNTH_ADD", BUY, 10_000, 30, 30),  # before the first message
        ("SYNTH_ADD", BUY, 9_998, 40, 40),
        ("SYNTH_ADD", SELL, 10_005, 9, 9),
        ("ADD", BUY, 10_000, 100, 100),
        ("DELETE", BUY, 10_000, 30, 0),  # an unknown order: from the made-up one
        ("DELETE", BUY, 10_000, 100, 0),
        ("SYNTH_ADD", BUY, 9_997, 60, 60),
        ("REDUCE", BUY, 9_998, 20, 20),
        ("ADD", BUY, 9_999, 10, 10),
        ("SYNTH_ADD", BUY, 9_998, 5, 5),
        ("HIDDEN_PRINT", BUY, 10_001, 1, 0),
        ("WITHDRAW", BUY, 9_999, 10, 0),  # a level that is gone
        ("WITHDRAW", BUY, 9_998, 5, 0),  # the newest first
        ("SYNTH_REDUCE", BUY, 9_998, 15, 5),
        ("EXECUTE", BUY, 9_997, 50, 10),
        ("WITHDRAW", BUY, 9_998, 5, 0),
    ]
    assert table.causes == {
        "initial": 1,
        "level_entered": 1,
        "level_grew": 1,
        "level_shrank": 1,
        "level_gone": 2,
        "unknown_execution": 1,
        "unknown_reduction": 2,
    }
    entered = table.rows[6]
    assert entered["marks"] & (BEFORE_AGENTS | MADE_UP) == BEFORE_AGENTS | MADE_UP
    assert table.rows["row"].tolist() == [0, 0, 0, 0, 1, 2, 2, 3, 4, 4, 5, 5, 5, 5, 6, 6]


def test_a_shrunken_level_spares_the_orders_that_the_file_still_names(tmp_path):
    ask = [(10_005, 9)]
    messages = [
        (T.format(1), 5, 0, 1, 10_001, 1),
        (T.format(2), 1, 1, 10, 10_000, 1),  # named again at the end
        (T.format(3), 1, 2, 10, 10_000, 1),  # never named again
        (T.format(4), 5, 0, 1, 10_001, 1),
        (T.format(5), 3, 1, 10, 10_000, 1),
    ]
    books = [
        ([(9_999, 5)], ask),
        ([(10_000, 10), (9_999, 5)], ask),
        ([(10_000, 20), (9_999, 5)], ask),
        ([(10_000, 10), (9_999, 5)], ask),
        ([(9_999, 5)], ask),
    ]
    table = converted(tmp_path, messages, books)
    last = table.rows[-2:]
    assert [Kind(kind) for kind in last["kind"]] == [Kind.WITHDRAW, Kind.DELETE]
    assert last["slot"].tolist() == [3, 2]
    assert last["order_id"].tolist() == [NIL, 1]


@pytest.mark.parametrize(
    ("message", "before"),
    [
        ((1, 1, 30, 10_000, 1), [(10_000, 70), (9_999, 50)]),
        ((1, 1, 100, 10_000, 1), [(9_999, 50)]),
        ((3, 1, 30, 10_000, 1), [(10_000, 130), (9_999, 50)]),
        ((4, 1, 30, 10_001, 1), [(10_001, 30), (10_000, 100), (9_999, 50)]),
        ((5, 0, 30, 10_001, 1), [(10_000, 100), (9_999, 50)]),
    ],
)
def test_the_start_is_the_first_row_without_its_message(tmp_path, message, before):
    books = [([(10_000, 100), (9_999, 50)], [])]
    table = converted(tmp_path, [(T.format(1), *message)], books)
    start = [(row["price"], row["qty"]) for row in table.rows if row["cause"] == 1]
    assert sorted(start, reverse=True) == before
    assert table.causes["initial"] == 1


def test_slots_are_used_again_as_soon_as_an_order_has_ended(tmp_path):
    messages = []
    for n in range(50):
        messages += [(f"{34_200 + n}.1", 1, 2 * n + 1, 10, 10_000, 1), (f"{34_200 + n}.2", 1, 2 * n + 2, 5, 10_009, -1)]
        messages += [(f"{34_200 + n}.3", 4, 2 * n + 1, 10, 10_000, 1), (f"{34_200 + n}.4", 3, 2 * n + 2, 5, 10_009, -1)]
    table = converted(tmp_path, messages)
    assert table.num_slots == 2


def test_pools_that_are_too_small_are_grown(tmp_path, monkeypatch):
    """More orders at once than the first try has room for: the same table as with room from the start."""
    messages = [(f"{34_200 + n}", 1, n + 1, 10, 10_000 + n % 7, 1) for n in range(20_000)]
    table = converted(tmp_path, messages)
    assert table.num_slots == 20_000
    assert Counter(table.rows["kind"].tolist()) == {Kind.ADD: 20_000}


def test_ticks(tmp_path):
    cents = [(T.format(1), 1, 1, 10, 10_000, 1), (T.format(2), 5, 0, 10, 10_000.25, 1)]
    assert converted(tmp_path, cents).tick_units == 100
    fine = [(T.format(1), 1, 1, 10, 50.37, 1), (T.format(2), 5, 0, 10, 50.25, 1)]
    table = converted(tmp_path, fine)
    assert (table.tick_units, table.rows["price"].tolist()) == (1, [5_037, 5_025])
    assert converted(tmp_path, cents, tick_units=1).rows["price"].tolist() == [1_000_000, 1_000_025]
    for units in (7, 0):
        with pytest.raises(DataError, match=f"tick_units {units} must divide"):
            converted(tmp_path, cents, tick_units=units)


def test_arrow_and_parquet_round_trip(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow

    table = converted(tmp_path, [(T.format(1), 1, 1, 10, 10_000, 1), (T.format(2), 5, 0, 10, 10_000.25, 1)])
    again = EventTable.from_arrow(table.to_arrow())
    table.write_parquet(tmp_path / "day.parquet")
    for other in (again, EventTable.read_parquet(tmp_path / "day.parquet")):
        np.testing.assert_array_equal(other.rows, table.rows)
        assert (other.num_slots, other.symbol, other.causes) == (table.num_slots, "TEST", table.causes)
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="other.parquet: not a table of events"):
        EventTable.read_parquet(tmp_path / "other.parquet")
