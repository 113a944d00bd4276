"""The real samples: the figures that stand beside them, and the book after every time stamp."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.replay.check import check_day
from qsl_envs.replay.convert import convert
from qsl_envs.replay.lobster import HIDDEN_EXECUTION, read_day
from qsl_envs.replay.player import Player

pytestmark = pytest.mark.compiled  # hundreds of thousands of rows

DAY = "2012-06-21"
FIGURES = {
    # file: counts of types 1 to 5, visible and hidden volume, share of right best quotes in a free run (None: no book)
    f"AMZN_{DAY}_34200000_57600000_message_5": ((77_381, 450, 66_685, 8_974, 2_445), 613_248, 197_507, 0.011),
    f"AAPL_{DAY}_34200000_37800000_message_1": ((12_432, 50, 6_891, 4_067, 2_201), 350_494, 183_135, 0.0001),
    f"AAPL_{DAY}_34200000_37800000_message_50": ((44_256, 469, 41_004, 4_067, 2_201), 350_494, 183_135, 0.996),
    f"MSFT_{DAY}_34200000_37800000_message_50": ((69_946, 868, 63_528, 6_559, 606), 1_987_764, 162_741, None),
    f"MSFT_{DAY}_35999954_36002747_message_50": (None, None, None, 1.0),
    f"AAPL_{DAY}_34200000_34249086_message_10": (None, None, None, None),
}
ROWS = (155_935, 25_641, 91_997, 141_507, 1_000, 999)


@pytest.fixture(scope="module")
def lobster_dir(data_dir):
    folder = data_dir / "lobster"
    if not folder.is_dir():
        pytest.skip(f"no LOBSTER samples in {data_dir}")
    return folder


@pytest.mark.parametrize(("name", "rows"), list(zip(FIGURES, ROWS)))
def test_figures(lobster_dir, name, rows):
    counts, visible, hidden, free_run = FIGURES[name]
    report = check_day(read_day(lobster_dir / f"{name}.csv.gz"))
    assert report.rows == rows == sum(report.counts.values())
    if counts is not None:
        assert tuple(report.counts.values()) == (*counts, 0, 0)
        assert (report.visible_volume, report.hidden_volume) == (visible, hidden)
    if name.startswith("MSFT") and "37800000" in name:
        assert (report.one_step_share, report.free_run_best_share, report.corrections) == (None, None, None)
    else:
        assert report.one_step_share == 1.0
        assert report.corrections["initial"] == 1
    if free_run is not None:  # as many digits as are stated
        digits = 4 if free_run < 0.001 else 3
        assert round(report.free_run_best_share, digits) == free_run


@pytest.mark.parametrize("name", [name for name in FIGURES if "MSFT_2012-06-21_34200000" not in name])
def test_the_played_book_is_the_recorded_one_after_every_stamp(lobster_dir, name):
    day = read_day(lobster_dir / f"{name}.csv.gz")
    table = convert(day)
    table.check()
    best, levels = Player(table).compare(day, stamps_only=True)
    assert best.all() and levels.all()
    small, _ = Player(table, window_ticks=64).compare(day, stamps_only=True)
    assert small.all()


def test_times_and_off_tick_prints(lobster_dir):
    day = read_day(lobster_dir / f"AMZN_{DAY}_34200000_57600000_message_5.csv.gz")
    ts_ns, hidden = day.messages.ts_ns, day.messages.type == HIDDEN_EXECUTION
    assert (ts_ns[0], ts_ns[-1]) == (34_200_017_459_617, 57_599_959_359_650)
    assert (np.diff(ts_ns) == 0).sum() == 7_358
    assert (day.messages.price[hidden] % 100 != 0).sum() == 63
    assert (day.messages.price[~hidden] % 100 == 0).all()
    assert (day.messages.order_id[hidden] == 0).all()
    table = convert(day)
    assert (table.rows["price_sub"] != 0).sum() == 63


def test_two_owners_of_one_morning_agree(lobster_dir):
    hour = read_day(lobster_dir / f"MSFT_{DAY}_34200000_37800000_message_50.csv.gz").messages
    part = read_day(lobster_dir / f"MSFT_{DAY}_35999954_36002747_message_50.csv.gz").messages
    for name in ("ts_ns", "type", "order_id", "qty", "price", "side"):
        np.testing.assert_array_equal(getattr(hour, name)[66_912:67_912], getattr(part, name))
