"""The reader: exact numbers, and an error that names file and line for whatever is wrong."""

from __future__ import annotations

import gzip
import random
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError
from qsl_envs.replay.lobster import ABSENT, book_path, read_book, read_day, read_messages
from tests.replay.files import make_day, write_files

GOOD = [("34200.5", 1, 11, 100, 10_000, 1), ("34200.5", 1, 12, 50, 10_002, -1), ("34201", 3, 11, 100, 10_000, 1)]
BOOKS = [([(10_000, 100)], []), ([(10_000, 100)], [(10_002, 50)]), ([], [(10_002, 50)])]


def test_reads_every_field(tmp_path):
    day = make_day(tmp_path, GOOD, BOOKS)
    messages = day.messages
    assert (day.symbol, day.date, len(messages)) == ("TEST", "2000-01-03", 3)
    assert messages.ts_ns.tolist() == [34_200_500_000_000, 34_200_500_000_000, 34_201_000_000_000]
    assert messages.type.tolist() == [1, 1, 3]
    assert messages.order_id.tolist() == [11, 12, 11]
    assert messages.qty.tolist() == [100, 50, 100]
    assert messages.price.tolist() == [1_000_000, 1_000_200, 1_000_000]
    assert messages.side.tolist() == [BUY, SELL, BUY]
    assert day.book.num_levels == 2
    assert day.book.price[1].tolist() == [[1_000_000, ABSENT], [1_000_200, ABSENT]]
    assert day.book.qty[2].tolist() == [[0, 0], [50, 0]]


def test_times_are_rounded_as_decimal_text(tmp_path):
    chance = random.Random(1)
    texts = ["34200.0000000005", "34200.00000000049999", "34200.999999999501", "34200.", "0.1", "86399.999999999499"]
    texts += [f"{chance.randrange(86_400)}.{chance.randrange(10**12):0{chance.randrange(12, 15)}d}" for _ in range(200)]
    texts.sort(key=Decimal)
    path = tmp_path / "X_2000-01-03_0_1_message_1.csv"
    path.write_text("".join(f"{text},1,{n},1,100,1\n" for n, text in enumerate(texts)))
    exact = [int((Decimal(text) * 10**9).to_integral_value(ROUND_HALF_UP)) for text in texts]
    assert read_messages(path).ts_ns.tolist() == exact


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(tmp_path, line_end, last):
    path = write_files(tmp_path, GOOD)
    text = path.read_text().replace("\n", line_end)
    path.write_bytes((text if last else text.removesuffix(line_end)).encode())
    assert len(read_messages(path)) == 3


def test_gzip_is_the_same(tmp_path):
    plain = make_day(tmp_path, GOOD, BOOKS)
    folder = tmp_path / "gz"
    folder.mkdir()
    for path in (plain.messages.path, plain.book.path):
        (folder / (path.name + ".gz")).write_bytes(gzip.compress(path.read_bytes()))
    packed = read_day(folder / (plain.messages.path.name + ".gz"))
    assert packed.book.path.suffix == ".gz"
    np.testing.assert_array_equal(packed.messages.ts_ns, plain.messages.ts_ns)
    np.testing.assert_array_equal(packed.book.price, plain.book.price)


def test_finds_the_book_file(tmp_path):
    path = write_files(tmp_path, GOOD)
    assert book_path(path) is None
    assert read_day(path).book is None
    best = tmp_path / path.name.replace("_message_2.csv", "_orderbook_2_bestonly.csv.gz")
    best.write_bytes(gzip.compress(b"1000200,50,1000000,100\n" * 3))
    assert book_path(path) == best
    assert read_day(path).book.num_levels == 1
    full = tmp_path / path.name.replace("message", "orderbook")
    full.write_text("")
    assert book_path(path) == full
    assert read_day(path, book=False).book is None
    assert book_path(tmp_path / "quotes.csv") is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("34200.5,1,11,100,1000000", r"field 6 \(direction\) is missing"),
        ("34200.5,1,11,100,", r"field 5 \(price\) is missing"),
        ("34200.5", r"field 2 \(type\) is missing"),
        ("", "the line is empty"),
        ("34200.5,1,11,100,1000000,1,7", "field 7 .* one too many"),
        ("34200.5,1,11,1o0,1000000,1", r"field 4 \(size\) is not a whole number"),
        ("34200.5,1,11,100,1000000,up", r"field 6 \(direction\) is not a whole number"),
        ("time,1,11,100,1000000,1", r"field 1 \(time\) is not a whole number"),
        ("3.42e4,1,11,100,1000000,1", r"field 1 \(time\) is not a whole number"),
        ("-1,1,11,100,1000000,1", r"field 1 \(time\) is not a whole number"),
        ("34200.5,1,99999999999999999999,100,1000000,1", r"field 3 \(order id\) does not fit"),
        ("34200.5,8,11,100,1000000,1", "type must be 1 to 7, was 8"),
        ("34200.5,1,11,0,1000000,1", "size must be 1 to 2147483647, was 0"),
        ("34200.5,1,11,-5,1000000,1", "size must be"),
        ("34200.5,1,11,100,0,1", "price must be 1 to"),
        ("34200.5,1,11,100,9999999999,1", "price must be 1 to"),
        ("34200.5,1,11,100,1000000,0", "direction must be 1 or -1, was 0"),
        ("34200.5,7,0,0,2,-1", "price of a halt marker"),
        ("34199.5,1,11,100,1000000,1", "time must not go back"),
    ],
)
def test_a_bad_message_names_file_and_line(tmp_path, line, says):
    path = write_files(tmp_path, GOOD)
    path.write_text(path.read_text() + line + "\n" + "34202,1,13,1,1000000,1\n")
    with pytest.raises(DataError, match=says) as error:
        read_messages(path)
    assert f"{path}, line 4: " in str(error.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1000200,50,1000000,100,9999999999,0,-9999999999", "is missing"),
        ("1000200,50,1000000,100,9999999999,0,-9999999999,0,1", "one too many"),
        ("1000200,50,1000000,x,9999999999,0,-9999999999,0", r"field 4 \(bid size\) is not a whole number"),
        ("1000200,50,1000000,100,1000100,5,-9999999999,0", "levels must go from the best"),
        ("1000200,50,1000000,100,9999999999,0,1000100,5", "levels must go from the best"),
        ("1000200,50,1000000,100,1000200,5,-9999999999,0", "levels must go from the best"),
        ("9999999999,0,1000000,100,1000200,5,-9999999999,0", "levels must go from the best"),
        ("1000200,50,1000000,100,9999999999,5,-9999999999,0", "size of a missing level"),
        ("1000200,0,1000000,100,9999999999,0,-9999999999,0", "size must be 1 to"),
        ("0,50,1000000,100,9999999999,0,-9999999999,0", "price must be 1 to"),
    ],
)
def test_a_bad_book_row_names_file_and_line(tmp_path, line, says):
    path = make_day(tmp_path, GOOD, BOOKS).book.path
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=says) as error:
        read_book(path)
    assert f"{path}, line 4: " in str(error.value)


def test_a_book_with_the_wrong_number_of_columns(tmp_path):
    path = make_day(tmp_path, GOOD, BOOKS).book.path
    for columns in (3, 5, 12):
        path.write_text(",".join(["1000200"] * columns) + "\n")
        with pytest.raises(DataError, match=rf"line 1: {columns} columns, must be 8, or 4 for best quotes only"):
            read_book(path)


def test_four_columns_are_best_quotes_whatever_the_name_declares(tmp_path):
    path = make_day(tmp_path, GOOD, BOOKS).book.path
    assert "_orderbook_2" in path.name
    best = [",".join(line.split(",")[:4]) for line in path.read_text().split()]
    path.write_text("\n".join(best) + "\n")
    book = read_book(path)
    assert (len(book), book.num_levels) == (3, 1)
    assert book.price[1].tolist() == [[1_000_000], [1_000_200]]


@pytest.mark.parametrize("cut", ["message", "orderbook"])
def test_files_of_unequal_length(tmp_path, cut):
    day = make_day(tmp_path, GOOD, BOOKS)
    path = day.messages.path if cut == "message" else day.book.path
    path.write_text("".join(path.read_text().splitlines(True)[:-1]))
    with pytest.raises(DataError, match="line 3: .* as many rows"):
        read_day(day.messages.path)


def test_every_cut_of_a_message_file_is_found_or_harmless(tmp_path):
    """A file cut after any byte: an error that names the last line, or whole rows; never a wrong number in silence."""
    path = write_files(tmp_path, GOOD)
    data = path.read_bytes()
    whole = {data.rindex(b"\n", 0, end) + 1 for end in range(data.index(b"\n") + 1, len(data) + 1)}
    for size in range(len(data)):
        path.write_bytes(data[:size])
        line = data[:size].count(b"\n") + 1
        at_line_end = size in whole or data[size : size + 1] == b"\n"
        if at_line_end and size:
            assert len(read_messages(path)) == line - (data[:size].endswith(b"\n"))
        else:
            with pytest.raises(DataError, match=rf"{path.name}, line {line}: "):
                read_messages(path)


def test_a_cut_gzip_file(tmp_path):
    path = tmp_path / "TEST_2000-01-03_0_1_message_1.csv.gz"
    chance = random.Random(2)
    rows = "".join(f"{34_200 + n}.{chance.randrange(10**9):09d},1,{n},100,1000000,1\n" for n in range(5_000))
    path.write_bytes(gzip.compress(rows.encode())[:-2_000])
    with pytest.raises(DataError, match=r"line \d+: the gzip stream is broken or cut off") as error:
        read_messages(path)
    assert int(str(error.value).split("line ")[1].split(":")[0]) > 1_000


def test_an_empty_and_a_missing_file(tmp_path):
    path = tmp_path / "TEST_2000-01-03_0_1_message_1.csv"
    path.write_text("")
    with pytest.raises(DataError, match="line 1: the file is empty"):
        read_messages(path)
    with pytest.raises(FileNotFoundError):
        read_messages(tmp_path / "nowhere_message_1.csv")
