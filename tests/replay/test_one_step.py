"""The one-step rule, row by row: what follows, what does not, what cannot be known."""

from __future__ import annotations

import pytest

from qsl_envs.errors import DataError
from qsl_envs.replay.one_step import one_step_rows
from tests.replay.files import make_day

BIDS = [(100, 10), (98, 20)]
ASKS = [(103, 5), (105, 7)]


@pytest.mark.parametrize(
    ("message", "bids", "asks", "holds"),
    [
        ((1, 9, 5, 100, 1), [(100, 15), (98, 20)], ASKS, True),
        ((1, 9, 5, 100, 1), [(100, 10), (98, 20)], ASKS, False),
        ((1, 9, 5, 100, 1), [(100, 15), (98, 21)], ASKS, False),
        ((1, 9, 5, 100, 1), [(100, 15), (98, 20)], [(103, 5), (106, 7)], False),
        ((1, 9, 5, 101, 1), [(101, 5), (100, 10)], ASKS, True),
        ((1, 9, 5, 101, 1), [(101, 5), (98, 20)], ASKS, False),
        ((1, 9, 5, 99, 1), [(100, 10), (99, 5)], ASKS, True),
        ((1, 9, 5, 97, 1), BIDS, ASKS, True),  # behind the recorded levels
        ((1, 9, 5, 97, 1), [(100, 10), (97, 5)], ASKS, False),
        ((1, 9, 5, 104, -1), BIDS, [(103, 5), (104, 5)], True),
        ((2, 9, 4, 100, 1), [(100, 6), (98, 20)], ASKS, True),
        ((2, 9, 4, 100, 1), [(100, 5), (98, 20)], ASKS, False),
        ((3, 9, 10, 100, 1), [(98, 20), (95, 1)], ASKS, True),  # 95 was not known
        ((3, 9, 10, 100, 1), [(98, 20)], ASKS, True),
        ((3, 9, 10, 100, 1), [(98, 20), (99, 1)][::-1], ASKS, False),
        ((3, 9, 20, 98, 1), [(100, 10), (99, 1)], ASKS, False),  # 99 was known to be empty
        ((3, 9, 20, 98, 1), [(100, 10), (97, 1)], ASKS, True),
        ((3, 9, 11, 100, 1), [(98, 20), (95, 1)], ASKS, False),  # more than there was
        ((3, 9, 5, 99, 1), BIDS, ASKS, False),  # nothing was there
        ((3, 9, 5, 90, 1), BIDS, ASKS, True),
        ((4, 9, 5, 103, -1), BIDS, [(105, 7), (110, 1)], True),
        ((4, 9, 2, 103, -1), BIDS, [(103, 3), (105, 7)], True),
        ((5, 0, 2, 103, -1), BIDS, ASKS, True),
        ((5, 0, 2, 103, -1), BIDS, [(103, 3), (105, 7)], False),
        ((6, 0, 2, 103, -1), BIDS, ASKS, True),
        ((7, 0, 0, -0.01, -1), BIDS, ASKS, True),
        ((7, 0, 0, -0.01, -1), BIDS, [], False),
    ],
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_one_row(tmp_path, message, bids, asks, holds, mirrored):
    kind, order_id, qty, price, direction = message
    before = (BIDS, ASKS)
    after = (bids, asks)
    if mirrored:
        price = price if kind == 7 else 203 - price
        direction = -direction
        before, after = ([[(203 - p, q) for p, q in side] for side in rows[::-1]] for rows in (before, after))
    rows = [("34200", 5, 0, 1, 101, 1), ("34201", kind, order_id, qty, price, direction)]
    day = make_day(tmp_path, rows, [tuple(before), tuple(after)])
    assert one_step_rows(day).tolist() == [True, holds]


def test_a_side_that_is_known_whole(tmp_path):
    """With a missing level nothing can come in from behind."""
    rows = [("34200", 5, 0, 1, 101, 1), ("34201", 3, 9, 10, 100, 1)]
    assert one_step_rows(make_day(tmp_path, rows, [([(100, 10)], []), ([], [])])).tolist() == [True, True]
    assert one_step_rows(make_day(tmp_path, rows, [([(100, 10)], []), ([(99, 1)], [])])).tolist() == [True, False]


def test_without_a_book_file(tmp_path):
    with pytest.raises(DataError, match="no book file"):
        one_step_rows(make_day(tmp_path, [("34200", 5, 0, 1, 101, 1)]))
