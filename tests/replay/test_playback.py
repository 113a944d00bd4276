"""Each rule of playback beside an agent, on days small enough to do by hand."""

from __future__ import annotations

import pytest

from qsl_envs.engine.constants import BUY, EV_FILL, EV_LEVEL, NIL, SELL
from qsl_envs.errors import ConfigError, OrderError
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import Kind
from qsl_envs.replay.playback import EV_PRINT
from qsl_envs.replay.player import Player
from tests.replay.files import make_day

AGENT = 3


def player(folder, messages, books=None, **options) -> Player:
    """A player of rows (seconds, type, id, size, price in ticks, direction)."""
    rows = [(f"{34_200 + second}", *rest) for second, *rest in messages]
    return Player(convert(make_day(folder, rows, books)), window_ticks=64, **options)


def quote(p: Player, side: int, price: int, qty: int, tag: int = 1) -> int:
    slot = p.submit(side, price, qty, owner=AGENT, tag=tag)
    assert slot >= p.table.num_slots
    return slot


def fills(events) -> list[tuple[int, int, int, int]]:
    """(owner, price, qty, leaves) of each fill."""
    events = events[events["kind"] == EV_FILL]
    return [tuple(int(event[name]) for name in ("owner", "price", "qty", "leaves_qty")) for event in events]


def book(p: Player) -> tuple[list, list]:
    return p.depth(BUY, 9), p.depth(SELL, 9)


def test_without_an_agent_the_book_is_history(tmp_path):
    p = player(
        tmp_path,
        [(1, 1, 1, 100, 10_000, 1), (2, 1, 2, 50, 10_002, -1), (3, 2, 1, 30, 10_000, 1), (4, 4, 2, 20, 10_002, -1)],
    )
    p.run(3)
    assert book(p) == ([(10_000, 70)], [(10_002, 50)])
    assert fills(p.step()) == [(NIL, 10_002, 20, 30)]
    assert book(p) == ([(10_000, 70)], [(10_002, 30)])
    assert p.next == len(p.table)


def test_an_agent_behind_the_listed_order_waits(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 100, 10_000, 1), (2, 4, 1, 60, 10_000, 1), (3, 4, 1, 40, 10_000, 1)])
    p.run(1)
    quote(p, BUY, 10_000, 30)
    assert fills(p.step()) == [(NIL, 10_000, 60, 40)]
    assert fills(p.step()) == [(NIL, 10_000, 40, 0)]
    assert book(p)[0] == [(10_000, 30)]


def test_an_agent_before_the_listed_order_fills_first_and_the_end_of_the_list_goes_without(tmp_path):
    p = player(
        tmp_path,
        [
            (1, 1, 9, 5, 9_000, 1),
            (2, 1, 1, 50, 10_000, 1),
            (2, 1, 2, 50, 9_999, 1),
            (3, 4, 1, 50, 10_000, 1),
            (3, 4, 2, 40, 9_999, 1),
        ],
    )
    p.run(1)
    quote(p, BUY, 10_000, 30)
    p.run(3)
    assert book(p)[0] == [(10_000, 80), (9_999, 50), (9_000, 5)]
    # 90 lots come: 30 to the agent, 50 to the first order, the last 10 to the second, which history leaves 10
    assert fills(p.step()) == [(AGENT, 10_000, 30, 0), (NIL, 10_000, 50, 0), (NIL, 9_999, 10, 40)]
    assert book(p)[0] == [(9_999, 10), (9_000, 5)]
    assert (p.play[0].agent_fills, p.play[0].agent_lots, p.play[0].withheld_lots) == (1, 30, 30)


def test_an_agent_at_a_better_price_fills_first_whenever_it_came(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 50, 10_000, -1), (2, 4, 1, 50, 10_000, -1)])
    p.run(1)
    quote(p, SELL, 9_999, 20)
    quote(p, SELL, 9_998, 10)
    assert fills(p.step()) == [(AGENT, 9_998, 10, 0), (AGENT, 9_999, 20, 0), (NIL, 10_000, 20, 30)]
    assert book(p)[1] == []


def test_an_aggressor_never_goes_beyond_its_worst_price_nor_its_quantity(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 50, 10_000, -1), (2, 4, 1, 20, 10_000, -1)])
    p.run(1)
    quote(p, SELL, 9_999, 100)
    quote(p, SELL, 10_001, 100)
    assert fills(p.step()) == [(AGENT, 9_999, 20, 80)]
    assert book(p)[1] == [(9_999, 80), (10_000, 30), (10_001, 100)]


def test_a_listed_order_that_the_agent_consumed_is_a_counted_no_op(tmp_path):
    p = player(
        tmp_path,
        [(1, 1, 1, 50, 10_000, -1), (1, 1, 2, 50, 10_001, -1), (2, 4, 1, 50, 10_000, -1), (2, 4, 2, 50, 10_001, -1)],
    )
    p.run(2)
    assert p.submit(BUY, 10_000, 50, ioc=True, owner=AGENT) == NIL
    assert fills(p.caused) == [(NIL, 10_000, 50, 0)]
    quote(p, SELL, 10_000, 10)  # at the price of the order that is gone: behind it
    assert fills(p.step()) == [(AGENT, 10_000, 10, 0), (NIL, 10_001, 40, 10)]
    assert book(p)[1] == []
    assert p.play[0].no_ops == 1


def test_an_agent_at_the_price_of_a_consumed_order_stood_behind_it(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 50, 10_000, -1), (2, 4, 1, 50, 10_000, -1)])
    p.run(1)
    p.submit(BUY, 10_000, 50, ioc=True, owner=AGENT)
    quote(p, SELL, 10_000, 10)
    assert fills(p.step()) == []
    assert book(p)[1] == [(10_000, 10)]
    assert (p.play[0].no_ops, p.play[0].withheld_lots) == (1, 50)


def test_an_order_never_keeps_more_than_its_historical_rest(tmp_path):
    p = player(
        tmp_path,
        [(1, 1, 1, 100, 10_000, -1), (2, 2, 1, 30, 10_000, -1), (3, 4, 1, 50, 10_000, -1), (4, 3, 1, 20, 10_000, -1)],
    )
    p.run(1)
    p.submit(BUY, 10_000, 60, ioc=True, owner=AGENT)
    rests = []
    for _ in range(3):
        p.step()
        rests.append(sum(qty for _, qty in book(p)[1]))
    assert rests == [40, 0, 0]  # history: 70, 20, 0
    assert p.play[0].no_ops == 1  # the deletion


def test_hidden_prints_fill_agents_at_or_better(tmp_path):
    p = player(
        tmp_path,
        [(1, 1, 1, 50, 10_000, 1), (2, 5, 0, 25, 10_001, 1), (3, 5, 0, 7, 10_001.5, 1), (4, 5, 0, 9, 10_001.5, -1)],
    )
    p.run(1)
    for price in (10_003, 10_001, 10_000):
        quote(p, BUY, price, 10)
    events = p.step()
    assert fills(events) == [(AGENT, 10_003, 10, 0), (AGENT, 10_001, 10, 0)]
    print_ = events[events["kind"] == EV_PRINT]
    assert [(int(e["slot"]), int(e["price"]), int(e["qty"]), int(e["leaves_qty"])) for e in print_] == [
        (BUY, 10_001, 5, 0)
    ]
    assert print_["tag"].tolist() == [Kind.HIDDEN_PRINT]
    quote(p, BUY, 10_001, 10)  # half a tick too low
    quote(p, BUY, 10_002, 4)
    events = p.step()
    assert fills(events) == [(AGENT, 10_002, 4, 0)]
    assert events[events["kind"] == EV_PRINT]["leaves_qty"].tolist() == [50]
    quote(p, SELL, 10_002, 5)
    quote(p, SELL, 10_001 + 3, 5)
    assert fills(p.step()) == []
    assert book(p)[0] == [(10_001, 10), (10_000, 60)]


def test_an_off_tick_hidden_sale_fills_asks_below_it(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 50, 10_009, -1), (2, 5, 0, 9, 10_001.5, -1)])
    p.run(1)
    quote(p, SELL, 10_001, 5)
    quote(p, SELL, 10_002, 5)
    assert fills(p.step()) == [(AGENT, 10_001, 5, 0)]


def test_cross_prints_fill_nobody_and_halts_are_told(tmp_path):
    p = player(
        tmp_path, [(1, 1, 1, 50, 10_000, 1), (2, 6, 0, 25, 9_000, 1), (3, 7, 0, 0, -0.01, -1), (4, 7, 0, 0, 0.01, -1)]
    )
    p.run(1)
    quote(p, BUY, 10_001, 10)
    events = p.step()
    assert fills(events) == []
    assert [(int(e["price"]), int(e["qty"]), int(e["tag"])) for e in events] == [(9_000, 25, Kind.CROSS_PRINT)]
    p.step()
    assert p.play[0].halt == Kind.HALT
    p.step()
    assert p.play[0].halt == Kind.TRADE_RESUME
    assert book(p)[0] == [(10_001, 10), (10_000, 50)]


def test_a_new_historical_order_trades_with_the_agents_it_meets(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 50, 10_000, 1), (2, 1, 2, 40, 10_001, -1), (3, 4, 2, 30, 10_001, -1)])
    p.run(1)
    quote(p, BUY, 10_002, 10)
    quote(p, BUY, 10_001, 5)
    assert fills(p.step()) == [(AGENT, 10_002, 10, 0), (AGENT, 10_001, 5, 0)]
    assert book(p) == ([(10_000, 50)], [(10_001, 25)])
    assert fills(p.step()) == [(NIL, 10_001, 25, 0)]
    assert book(p) == ([(10_000, 50)], [])


def test_a_move_to_the_front_leaves_an_agent_that_was_before_everybody(tmp_path):
    rows = [(1, 1, 9, 1, 9_000, 1), (2, 1, 1, 10, 10_000, 1), (2, 1, 2, 10, 10_000, 1), (3, 4, 2, 10, 10_000, 1)]
    p = player(tmp_path, rows)
    p.run(1)
    quote(p, BUY, 10_000, 4)
    p.run(3)
    quote(p, BUY, 10_000, 6)
    assert fills(p.step()) == [(AGENT, 10_000, 4, 0), (NIL, 10_000, 6, 4)]
    assert book(p)[0] == [(10_000, 16), (9_000, 1)]
    p = player(tmp_path, rows)
    p.run(2)
    quote(p, BUY, 10_000, 4)  # between the two: the second one goes before the first, so before this one too
    p.run(3)
    assert fills(p.step()) == [(NIL, 10_000, 10, 0)]


def test_a_level_that_comes_into_the_file_stands_before_agents(tmp_path):
    ask = [(10_009, 1)]
    rows = [(1, 1, 1, 10, 10_000, 1), (2, 3, 1, 10, 10_000, 1), (3, 4, 7, 20, 9_999, 1)]
    books = [([(10_000, 10)], ask), ([(9_999, 50)], ask), ([(9_999, 30)], ask)]
    rows_text = [(f"{34_200 + second}", *rest) for second, *rest in rows]
    day = make_day(tmp_path, rows_text, books, num_levels=1)
    p = Player(convert(day))
    p.run(int((p.table.rows["row"] < 1).sum()))
    quote(p, BUY, 9_999, 10)
    p.run(int((p.table.rows["row"] < 2).sum()))
    assert book(p)[0] == [(9_999, 60)]
    assert fills(p.step()) == [(NIL, 9_999, 20, 30)]


def test_an_iceberg_before_the_listed_order_shows_its_next_clip_behind_it(tmp_path):
    """What an agent's order shows is what stands before; a refreshed clip goes to the back of the queue."""
    from qsl_envs.engine.arrive import arrive
    from qsl_envs.engine.constants import GTC, LIMIT

    p = player(tmp_path, [(1, 1, 9, 1, 9_000, 1), (2, 1, 1, 10, 10_000, 1), (3, 4, 1, 10, 10_000, 1)])
    p.run(1)
    arrive(p.arrays, p.book, 0, NIL, BUY, LIMIT, GTC, 10_000, 30, 4, NIL, 0, 0, 0, AGENT, 1, NIL)
    p.run(2)
    assert fills(p.step()) == [(AGENT, 10_000, 4, 26), (NIL, 10_000, 6, 4)]
    assert book(p)[0] == [(10_000, 4), (9_000, 1)]


@pytest.mark.parametrize("window", [64, 4096])
def test_far_prices_keep_their_order(tmp_path, window):
    """Orders outside the ladder window are reduced, moved and deleted like others."""
    rows = [(1, 1, 1, 10, 50_000, 1), (1, 1, 2, 10, 1_000, 1), (1, 1, 3, 10, 1_000, 1), (1, 1, 4, 10, 1_000, 1)]
    rows += [
        (2, 2, 3, 4, 1_000, 1),
        (3, 3, 1, 10, 50_000, 1),
        (4, 4, 4, 5, 1_000, 1),
        (5, 4, 4, 5, 1_000, 1),
        (6, 4, 2, 10, 1_000, 1),
    ]
    p = Player(convert(make_day(tmp_path, [(f"{34_200 + s}", *rest) for s, *rest in rows])), window_ticks=window)
    p.run(4)
    quote(p, BUY, 1_000, 7)
    p.step()
    assert book(p)[0] == [(50_000, 10), (1_000, 33)]
    p.step()
    assert [fills(p.step()) for _ in range(3)] == [[(NIL, 1_000, 5, 5)], [(NIL, 1_000, 5, 0)], [(NIL, 1_000, 10, 0)]]
    assert book(p)[0] == [(1_000, 13)]


@pytest.mark.parametrize("max_events", [16, 17, 19, 1024])
def test_a_full_event_buffer_pauses_and_goes_on(tmp_path, max_events):
    """A sweep through more orders than the buffer holds causes the same events in pieces."""
    rows = [(1, 1, 99, 5, 20_000, -1)] + [(2, 1, n, 2, 10_000 + n, -1) for n in range(1, 31)]
    rows += [(3, 4, n, 2, 10_000 + n, -1) for n in range(1, 31)] + [
        (4, 1, 50, 9, 10_020, 1),
        (5, 5, 0, 100, 10_050, -1),
    ]
    p = player(tmp_path, rows, max_events=max_events, publish=True)
    p.run(31)
    for n in range(1, 13):
        quote(p, SELL, 10_000 + n, 1, tag=n)
    events = p.step()
    # 60 lots: at each of the first twelve prices 2 to the listed order and then the agent's one before the next price
    assert [f[:3] for f in fills(events)][:4] == [
        (NIL, 10_001, 2),
        (AGENT, 10_001, 1),
        (NIL, 10_002, 2),
        (AGENT, 10_002, 1),
    ]
    assert sum(f[2] for f in fills(events)) == 60
    touched = events[events["kind"] == EV_LEVEL]
    assert [int(e["price"]) for e in touched] == [10_000 + n for n in range(1, 31)]
    assert book(p) == ([], [(20_000, 5)])
    for price in (10_015, 10_017, 10_019):
        quote(p, SELL, price, 3)
    assert fills(p.step()) == [(AGENT, price, 3, 0) for price in (10_015, 10_017, 10_019)]
    assert book(p) == ([], [(20_000, 5)])


def test_what_playback_tells_of_levels(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 10, 10_000, 1), (2, 2, 1, 4, 10_000, 1), (3, 3, 1, 6, 10_000, 1)], publish=True)
    for shown in (0, 10, 6):
        events = p.step()
        assert [(int(e["kind"]), int(e["slot"]), int(e["price"]), int(e["shown_qty"])) for e in events] == [
            (EV_LEVEL, BUY, 10_000, shown)
        ]


def test_bad_arguments(tmp_path):
    p = player(tmp_path, [(1, 1, 1, 10, 10_000, 1)])
    for until in (-1, 2):
        with pytest.raises(ConfigError, match=f"until must be in .0, 1., was {until}"):
            p.run(until)
    for bad in ({"side": 2}, {"price": 0}, {"qty": 0}, {"owner": -1}):
        with pytest.raises(OrderError, match=f"{next(iter(bad))} must be"):
            p.submit(**{"side": BUY, "price": 1, "qty": 1, "owner": 0, **bad})
