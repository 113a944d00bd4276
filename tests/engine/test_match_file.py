"""`qsl match`: a stream file in, four files out, all of them as the naive book has them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from qsl_envs.cli import main
from tests.naive.book import NaiveBook
from tests.naive.scenario import read_scenarios
from tests.naive.streams import price_jumps, random_day, scatter_ids

COLUMNS = (
    "action order_id side order_type tif price qty display_qty stop_price peg offset post_only participant new_order_id"
).split()
REQUIRED = ("action", "order_id", "side", "price", "qty")
HEADS = {
    "trades": ["seq", "maker_order_id", "taker_order_id", "price", "qty"],
    "book": ["side", "price", "position", "order_id", "qty", "display_qty"],
    "reports": ["seq", "order_id", "status", "reason", "filled", "leaves"],
    "pending": ["order_id", "side", "order_type", "qty"],
}
MODES = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")


def write_csv(path: Path, messages: list[dict], columns=COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(messages)
    return path


def words_of_files(messages: list[dict]) -> list[dict]:
    """The file knows gtc, ioc and fok only."""
    return [{**m, "tif": "gtc"} if m.get("tif") == "day" else m for m in messages]


def match(orders: Path, *options: str) -> tuple[int, dict[str, list[list[str]]]]:
    """Run the command; the exit code and the rows of every file that was written, heads checked and taken off."""
    outs = {name: orders.with_name(f"{name}.csv") for name in HEADS}
    for path in outs.values():
        path.unlink(missing_ok=True)
    code = main(["match", str(orders), *(f"--{name}={path}" for name, path in outs.items()), *options])
    rows = {}
    for name, path in outs.items():
        if path.exists() and code == 0:
            head, *rows[name] = csv.reader(path.open(newline="", encoding="utf-8"))
            assert head == HEADS[name]
    return code, rows


def text(rows) -> list[list[str]]:
    return [["" if value is None else str(value) for value in row] for row in rows]


def expected(messages: list[dict], stp: str = "off") -> dict[str, list[list[str]]]:
    book = NaiveBook(stp)
    reports = [(k, m["order_id"], *book.apply(m)[:4]) for k, m in enumerate(messages)]
    return {
        "trades": text(book.trades),
        "book": text(book.l3()),
        "reports": text(reports),
        "pending": text(book.pending()),
    }


@pytest.mark.parametrize("stp", MODES)
def test_files_are_those_of_the_naive_book(tmp_path, stp):
    day = words_of_files(random_day(seed=11, n=1_500, bad=0.02))
    code, rows = match(write_csv(tmp_path / "orders.csv", day), "--stp", stp)
    assert code == 0
    assert rows == expected(day, stp)
    assert len(rows["trades"]) > 100


def test_ids_of_64_bits_and_far_prices(tmp_path):
    day = words_of_files(scatter_ids(price_jumps(5, 800)))
    code, rows = match(write_csv(tmp_path / "orders.csv", day))
    assert code == 0
    assert rows == expected(day)


def test_required_columns_suffice_in_any_order(tmp_path):
    day = [{k: v for k, v in m.items() if k in REQUIRED} for m in random_day(seed=2, n=300, plain=True)]
    code, rows = match(write_csv(tmp_path / "orders.csv", day, REQUIRED[::-1]))
    assert code == 0
    assert rows == expected(day)


def test_a_call_is_left_open(tmp_path):
    """Market orders of a call stand first, their price empty; what is parked is pending."""
    (case,) = [
        c
        for c in read_scenarios(Path(__file__).with_name("scenarios.txt"))
        if c.title.startswith("auction: what stands in a call")
    ]
    code, rows = match(write_csv(tmp_path / "orders.csv", case.messages))
    assert code == 0
    assert rows["book"][0] == ["buy", "", "0", "2", "5", "5"]
    assert rows == expected(case.messages)


def test_all_scenarios_through_files(tmp_path):
    for case in read_scenarios(Path(__file__).with_name("scenarios.txt")):
        code, rows = match(write_csv(tmp_path / "orders.csv", case.messages), "--stp", case.stp)
        assert code == 0
        assert rows == expected(case.messages, case.stp), case.title


def test_reports_and_pending_are_optional(tmp_path):
    orders = write_csv(tmp_path / "orders.csv", random_day(seed=1, n=50, plain=True))
    assert main(["match", str(orders), f"--trades={tmp_path / 't.csv'}", f"--book={tmp_path / 'b.csv'}"]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"orders.csv", "t.csv", "b.csv"}


def test_an_empty_day(tmp_path):
    code, rows = match(write_csv(tmp_path / "orders.csv", []))
    assert code == 0
    assert rows == {name: [] for name in HEADS}


GOOD = {"action": "add", "order_id": 1, "side": "buy", "price": 10, "qty": 5}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "modify"),
        ("action", ""),
        ("order_id", ""),
        ("order_id", "one"),
        ("order_id", "1.5"),
        ("order_id", 2**63),
        ("side", "bid"),
        ("price", "10.0"),
        ("price", "ten"),
        ("qty", "5x"),
        ("order_type", "iceberg"),
        ("tif", "day"),
        ("display_qty", "all"),
        ("stop_price", "-"),
        ("peg", "last"),
        ("offset", "+-1"),
        ("post_only", "yes"),
        ("post_only", "2"),
        ("participant", "me"),
        ("new_order_id", "next"),
    ],
)
def test_a_broken_cell_stops_the_run_and_names_the_line(tmp_path, capsys, column, value):
    rows = [{**GOOD, "order_id": k} for k in range(4)]
    rows[2][column] = value
    code, _ = match(write_csv(tmp_path / "orders.csv", rows))
    message = capsys.readouterr().err
    assert code != 0
    assert re.search(r"line 4\b", message), message
    assert column in message


def test_a_missing_column_is_named(tmp_path, capsys):
    orders = write_csv(tmp_path / "orders.csv", [{k: v for k, v in GOOD.items() if k != "qty"}], REQUIRED[:-1])
    code, _ = match(orders)
    assert code != 0
    assert "qty" in capsys.readouterr().err


def test_senseless_values_are_rejects_and_the_run_goes_on(tmp_path):
    rows = [
        {**GOOD, "order_id": 1, "price": 0},
        {**GOOD, "order_id": 2, "qty": -5},
        {**GOOD, "order_id": 3, "side": ""},
        {**GOOD, "order_id": 4, "price": 10**15},
        {**GOOD, "order_id": 5, "display_qty": -1},
        {**GOOD, "order_id": 6, "qty": ""},
        {**GOOD, "order_id": 7},
    ]
    code, out = match(write_csv(tmp_path / "orders.csv", rows))
    assert code == 0
    reasons = ["BAD_PRICE", "BAD_QTY", "BAD_SIDE", "BAD_PRICE", "BAD_DISPLAY", "BAD_QTY", ""]
    assert [row[3] for row in out["reports"]] == reasons
    assert [row[3] for row in out["book"]] == ["7"]


def test_parquet_says_the_same_as_csv(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra [data]")
    from pyarrow import parquet

    day = words_of_files(random_day(seed=4, n=400, bad=0.0))
    ints = {"order_id", "price", "qty", "display_qty", "stop_price", "offset", "participant", "new_order_id"}
    table = pa.table(
        {name: pa.array([m.get(name) for m in day], pa.int64() if name in ints else pa.string()) for name in COLUMNS}
    )
    parquet.write_table(table, tmp_path / "orders.parquet")
    code, rows = match(tmp_path / "orders.parquet")
    assert code == 0
    assert rows == expected(day)
