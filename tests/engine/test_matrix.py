"""Order type x time in force x flag x phase x book: one test a cell, on both sides of the book."""

from __future__ import annotations

import pytest

from tests.naive.book import NaiveBook
from tests.naive.compare import assert_same
from tests.naive.fast import Engine
from tests.naive.matrix import CELLS, aftermath, own, reflect, refusal, setting


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell)))
def test_cell(cell):
    """The refusal is the written one; everything else, and what follows, is the naive book's."""
    for image in (dict, reflect):
        engine, naive = Engine(), NaiveBook()
        before = [image(m) for m in setting(cell)]
        assert engine.run(before) == [naive.apply(m) for m in before]
        got = engine.apply(image(own(cell)))
        assert (got.reason if got.status == "reject" else "") == refusal(cell)
        assert got == naive.apply(image(own(cell)))
        assert_same(engine, naive, "after the order")
        for m in aftermath(cell):
            assert engine.apply(image(m)) == naive.apply(image(m)), m
            assert_same(engine, naive, f"after {m}")
        assert engine.trades == naive.trades
        engine.check()


def test_every_refusal_of_an_add_that_depends_on_the_cell_is_in_the_matrix():
    reached = {refusal(cell) for cell in CELLS}
    assert reached == {"", "BAD_COMBINATION", "WRONG_PHASE", "NO_REFERENCE", "POST_ONLY_WOULD_TRADE"}
