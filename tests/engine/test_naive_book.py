"""The reference book against outcomes that were worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.naive.book import NaiveBook
from tests.naive.scenario import read_scenarios, run_scenario

OWN = read_scenarios(Path(__file__).with_name("scenarios.txt"))


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.title)
def test_naive_book_plays_our_scenarios(case):
    run_scenario(case, NaiveBook(case.stp))


def test_naive_book_plays_the_shared_scenarios(data_dir):
    cases = read_scenarios(data_dir / "matching" / "scenarios.txt")
    assert len(cases) >= 25
    for case in cases:
        run_scenario(case, NaiveBook(case.stp))


def test_a_wrong_expectation_is_noticed():
    """The runner itself: each kind of expectation, when wrong, fails."""
    text = {"reports": [("ack", "", 0, 6)], "trades": ["0:1<1@1*1"], "bids": ["7:1*5/4"], "asks": ["7:1*5/5"]}
    for name, wrong in text.items():
        (case,) = [c for c in OWN if c.title.startswith("decrement: both")]
        case = type(case)(case.title, "off", [{"action": "add", "order_id": 1, "side": "buy", "price": 7, "qty": 5}])
        case.reports, case.bids = [("ack", "", 0, 5)], ["7:1*5/5"]
        run_scenario(case, NaiveBook())
        setattr(case, name, wrong)
        with pytest.raises(AssertionError):
            run_scenario(case, NaiveBook())
