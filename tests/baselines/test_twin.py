"""What a day suggests is measured on its first part only, and is right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.demo.twin import measure, sessions, task_options, twin_options
from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError
from qsl_envs.replay.lobster import BookRows, LobsterDay, Messages, read_day
from qsl_envs.replay.samples import write_sample

SECOND = 1_000_000_000


def made_day(tmp_path, spread=4, seconds=200):
    """Every second: a buy of 30 lots one tick behind the best bid, cancelled 2 s later; a trade every 4 s."""
    rows = []
    for s in range(seconds):
        rows.append((s * SECOND, 1, 1000 + s, 30, 100_00 - 100, BUY))
        if s >= 2:
            rows.append((s * SECOND + 1, 3, 1000 + s - 2, 30, 100_00 - 100, BUY))
        if s % 4 == 0:
            rows.append((s * SECOND + 2, 4, 5, 10, 100_00 + 100 * spread, SELL))
    columns = [np.array(column) for column in zip(*rows)]
    book = np.zeros((len(rows), 2, 1), np.int64)
    book[:, BUY], book[:, SELL] = 100_00, 100_00 + 100 * spread
    qty = np.full((len(rows), 2, 1), 50)
    messages = Messages(
        tmp_path / "x_message_1.csv",
        *columns[:1],
        columns[1].astype(np.int8),
        *columns[2:5],
        columns[5].astype(np.int8),
    )
    return LobsterDay("X", "2000-01-03", messages, BookRows(tmp_path / "x_orderbook_1.csv", book, qty))


def test_a_day_made_by_hand(tmp_path):
    found = measure(made_day(tmp_path), 100 * SECOND, 100)
    assert found.spread == 4 and found.order_qty == 30 and found.mid == 102
    assert found.market_rate == pytest.approx(0.25 / 2, rel=0.05)
    assert found.ticks == 5  # all orders stand five ticks from the best ask
    assert found.limit_rate == pytest.approx(1 / 2 / 5, rel=0.02)
    # Two orders of the day rest at a time, but no fewer than four are assumed: 1 cancel a second / 4.
    assert found.cancel_rate == pytest.approx(0.25, rel=0.05)


def test_the_future_is_not_looked_at(tmp_path):
    day = made_day(tmp_path)
    before = measure(day, 100 * SECOND, 100)
    late = day.messages.ts_ns >= 100 * SECOND
    day.messages.qty[late] = 7
    day.messages.price[late] += 500
    day.book.price[late] += 900
    assert measure(day, 100 * SECOND, 100) == before
    assert measure(day, 150 * SECOND, 100) != before


def test_the_packaged_day_gives_back_the_rates_that_made_it(tmp_path):
    """The generator: 0.5 market and 8 limit orders a second and side, 24 ticks deep, of which 10 levels are seen."""
    day = read_day(write_sample(tmp_path)[0])
    first = int(day.messages.ts_ns[0])
    found = measure(day, first + 1080 * SECOND, 100)
    assert 0.45 < found.market_rate < 1.0  # hidden rows aside, sweeps of several stamps count once
    assert 2 < found.limit_rate * found.ticks < 8
    assert found.order_qty == 100 and 1 <= found.spread <= 6 and 9_900 < found.mid < 10_100
    flow = found.flow()
    assert flow.mean_orders <= 180.001 and (flow.qty_low, flow.qty_high) == (50, 150)


def test_a_day_without_a_book_or_without_events_is_refused(tmp_path):
    day = made_day(tmp_path)
    with pytest.raises(DataError, match="book file"):
        measure(LobsterDay("X", "", day.messages, None), 100 * SECOND, 100)
    with pytest.raises(DataError, match="too little happens"):
        measure(day, 10 * SECOND, 100)


def test_options_scale_with_the_day(tmp_path):
    measures = measure(made_day(tmp_path), 100 * SECOND, 100)
    options = task_options(measures, 60 * SECOND, SECOND // 2)
    assert options["max_quote_qty"] == 30 and options["max_offset"] == 12
    assert options["config"]["participants"][0]["risk"]["max_inventory"] == 300
    twin = twin_options(options, measures)
    assert twin["config"]["flow"]["market_rate"] == measures.market_rate and "flow" not in options["config"]


@pytest.mark.parametrize(
    ("span_s", "expected"),
    [(720, (60 * SECOND, SECOND // 2)), (80, (10 * SECOND, 250_000_000)), (19.6, (2_440_000_000, 61_000_000))],
)
def test_sessions_shrink_on_short_days(span_s, expected):
    session_ns, step_ns = sessions(5, 5 + int(span_s * SECOND), 60 * SECOND, 8)
    assert (session_ns, step_ns) == expected
    assert session_ns % step_ns == 0 and session_ns // step_ns >= 40
