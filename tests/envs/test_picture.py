"""The trading screen: what is drawn stands where its price does, and drawing is a function of what was added."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.canvas import NOWHERE, Canvas, mix
from qsl_envs.envs.font import NUMBERS, text_mask, text_width
from qsl_envs.envs.palette import AMBER, BACK, LOSS, PANEL
from qsl_envs.envs.pane import ROW, BookPane
from qsl_envs.envs.picture import (
    HEIGHT,
    MAX_BOOKS,
    WIDTH,
    BookScreen,
    MarketScreen,
    OwnOrder,
    PrintMark,
    Screen,
    clock_text,
    number_text,
)
from qsl_envs.envs.window import Window
from qsl_envs.errors import ConfigError, MissingExtraError

STEP_NS = 100_000_000
OWN = mix(AMBER, PANEL, 0.25)


def book(mid: int = 1_000, gap: int = 1, levels: int = 8, **changes) -> BookScreen:
    away = np.arange(1, levels + 1) * gap
    lots = 3 + np.arange(levels) % 5
    return BookScreen(
        **{"bids": np.stack([mid - away, lots], 1), "asks": np.stack([mid + away, lots + 1], 1), **changes}
    )


def moment(step: int = 0, books=None, **changes) -> MarketScreen:
    usual = {"time_ns": step * STEP_NS, "session_ns": 60 * STEP_NS, "inventory": 3 - step, "equity": 1.5 * step,
             "reward": 0.5, "max_inventory": 20, "title": "a market"}  # fmt: skip
    return MarketScreen(**{**usual, "books": books if books is not None else (book(),), **changes})


def drawn(*moments: MarketScreen) -> np.ndarray:
    screen = Screen()
    for one in moments:
        screen.add(one)
    return screen.draw().copy()


def spots(picture: np.ndarray, color) -> np.ndarray:
    """Rows and columns, (n, 2), of the pixels of a color."""
    return np.argwhere((picture == np.array(color, np.uint8)).all(-1))


# --- the picture as a whole -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("books", [1, 2, 3, 4, 5, 8, 11])
def test_shape_and_kind_for_any_number_of_books(books):
    screen = Screen()
    for step in range(3):
        screen.add(moment(step, [book(1_000 + 10 * k, name=f"venue {k}") for k in range(books)]))
    picture = screen.draw()
    assert picture.shape == (HEIGHT, WIDTH, 3) == (480, 640, 3) and picture.dtype == np.uint8
    assert picture is screen.draw()  # one array, written anew
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    if books > MAX_BOOKS:
        named = drawn(moment(0, [book()] * books, title="a market"))
        assert not np.array_equal(named[:25], drawn(moment(0, [book()] * MAX_BOOKS, title="a market"))[:25])


def test_equal_moments_give_equal_pictures_and_others_others():
    moments = [moment(step) for step in range(5)]
    assert np.array_equal(drawn(*moments), drawn(*moments))
    changes = ({"equity": -3.0}, {"inventory": 9}, {"reward": -2.0}, {"time_ns": STEP_NS * 5}, {"title": "another"})
    for other in (*(moment(4, **change) for change in changes), moment(4, [book(1_001)])):
        assert not np.array_equal(drawn(*moments), drawn(*moments[:4], other))


def test_nothing_to_show_yet():
    empty = Screen().draw()
    assert empty.shape == (480, 640, 3) and 0 < (empty != np.array(BACK)).any(-1).sum() < 5_000


@pytest.mark.parametrize("sides", ["bids", "asks", "both"])
def test_empty_books(sides):
    none = np.zeros((0, 2), np.int64)
    gone = {"bids": none, "asks": none} if sides == "both" else {sides: none}
    assert drawn(moment(0, [book(**gone)])).any()
    assert drawn(moment(0), moment(1, [book(**gone)]), moment(2)).any()


@pytest.mark.parametrize("mid, gap", [(2, 1), (1_000, 1), (10_000_000, 700), (2**30, 40_000)])
def test_all_prices_find_rows(mid, gap):
    pane = BookPane(8, 34, 624, 324, 50)
    pane.add(0, book(mid, gap))
    rows = [pane.row_of(mid - gap), pane.row_of(mid + gap)]
    assert 0 <= rows[1] < rows[0] < pane.rows


def test_rows_stay_while_the_mid_moves_little_and_follow_when_it_moves_far():
    pane = BookPane(8, 34, 624, 324, 50)
    pane.add(0, book(1_000))
    before = pane.row_of(1_000)
    pane.add(1, book(1_003))
    assert pane.row_of(1_000) == before
    pane.add(2, book(1_100))
    assert pane.row_of(1_100) == before


def test_a_new_episode_begins_a_new_picture():
    screen = Screen()
    for step in range(6):
        screen.add(moment(step, equity=100.0 * step))
    screen.add(moment(0, equity=0.0))
    assert np.array_equal(screen.draw(), drawn(moment(0, equity=0.0)))


def test_history_is_bounded_and_the_newest_is_kept():
    short, long = Screen(history=4), Screen(history=4)
    for step in range(30):
        long.add(moment(step, equity=float(step % 7), reward=0.0))
    for step in range(26, 30):
        short.add(moment(step, equity=float(step % 7), reward=0.0))
    assert np.array_equal(long.draw()[366:, :468], short.draw()[366:, :468])
    with pytest.raises(ConfigError, match="history"):
        Screen(history=1)


def test_the_end_is_announced():
    assert len(spots(drawn(moment(0), moment(1, inventory=0, ended="kill_switch"))[:25], AMBER)) > 300
    assert len(spots(drawn(moment(0), moment(1, inventory=0))[:25], AMBER)) == 0


def test_a_moment_needs_a_book():
    with pytest.raises(ConfigError, match=r"Screen\.books"):
        Screen().add(moment(0, books=[]))


# --- own orders, prints ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("away", [1, 2, 5])
def test_an_own_order_stands_in_the_row_of_its_price(side, away):
    price = 1_000 - away if side == BUY else 1_000 + away
    with_order = book(orders=[OwnOrder(side, price, 2, 1)])
    picture = drawn(moment(0, [with_order]))
    pane = BookPane(8, 34, 624, 324, 50)
    pane.add(0, with_order)
    found = spots(picture, OWN)
    top = pane.top + pane.row_of(price) * ROW
    assert len(found) > 50
    assert top <= found[:, 0].min() and found[:, 0].max() < top + ROW
    middle = pane.x + pane.width - pane.ladder_width // 2
    assert (found[:, 1] < middle).all() if side == BUY else (found[:, 1] > middle).all()
    assert len(spots(drawn(moment(0)), OWN)) == 0


def test_the_queue_place_moves_forward_in_the_bar_of_its_level():
    def mark(ahead: int) -> float:
        picture = drawn(moment(0, [book(orders=[OwnOrder(SELL, 1_002, 2, ahead)])], inventory=0))
        pane = BookPane(8, 34, 624, 324, 50)
        left = pane.x + pane.width - pane.own_width - pane.bar_width
        bar = spots(picture[pane.top : pane.bottom, left : left + pane.bar_width], AMBER)
        assert len(bar) > 0
        return bar[:, 1].mean()

    assert mark(0) < mark(1) < mark(3)


@pytest.mark.parametrize("side, price", [(SELL, 1_500), (BUY, 500)])
def test_an_order_out_of_sight_is_an_arrow_on_the_edge(side, price):
    near, far = drawn(moment(0, inventory=0)), drawn(moment(0, [book(orders=[OwnOrder(side, price, 7)])], inventory=0))
    found = spots(far[34:366], AMBER)[:, 0] + 34
    assert len(found) > 50 and len(spots(near[34:366], AMBER)) == 0
    assert (found < 34 + 14 + ROW).all() if side == SELL else (found > 300).all()


def test_a_print_stands_at_its_time_and_price():
    prints = [PrintMark(STEP_NS * 5, 1_001, 8, BUY, True)]
    steps = [moment(step) for step in range(10)]
    with_print = [*steps[:5], moment(5, [book(prints=prints)]), *steps[6:]]
    changed = np.argwhere((drawn(*steps) != drawn(*with_print)).any(-1))
    strip = changed[changed[:, 1] < 370]
    pane = BookPane(8, 34, 624, 324, 50)
    pane.add(0, book())
    middle = pane.top + pane.row_of(1_001) * ROW + ROW // 2
    assert len(strip) > 20 and np.abs(strip[:, 0] - middle).max() <= 8
    newest = pane.x + pane.strip_width
    assert np.abs(strip[:, 1] - (newest - 2 * 4.5)).max() <= 10


def test_colors_of_a_loss():
    assert len(spots(drawn(moment(0), moment(1, equity=-5.0))[366:, :296], LOSS)) > 40


# --- its parts ------------------------------------------------------------------------------------------------------
def test_glyphs_differ_and_stay_in_their_cells():
    masks = {char: text_mask(char) for char in NUMBERS}
    assert len({mask.tobytes() for mask in masks.values()}) == len(masks) > 90
    assert all(mask.shape == (9, 5) for mask in masks.values())
    assert all(chr(code) in NUMBERS for code in [*range(48, 58), *range(65, 91), *range(97, 123)])
    assert np.array_equal(text_mask("\u4e00"), text_mask("?"))
    assert text_mask("ab", 2).shape == (18, text_width("ab", 2)) == (18, 22)


def test_shapes_are_cut_off_at_the_border():
    canvas = Canvas(20, 10, (0, 0, 0))
    canvas.box(-5, -5, 8, 8, (1, 1, 1))
    canvas.disc(19, 9, 4, (2, 2, 2))
    canvas.text(-3, 7, "edge", (3, 3, 3))
    canvas.steps(np.array([-4, 3, 30]), np.array([-7, 40, NOWHERE]), (4, 4, 4))
    canvas.dashes(-2, 5, 40, (5, 5, 5))
    pixels = np.zeros((10, 20, 3), np.uint8)
    canvas.paint(pixels)
    assert (pixels[:3, :3] == 1).all() and (pixels[9, 19] == 2).all()
    assert set(np.unique(pixels)) == {0, 1, 2, 3, 4, 5}


def test_a_stepped_line_has_gaps_where_there_is_nothing():
    canvas = Canvas(9, 9, (0, 0, 0))
    canvas.steps(np.array([0, 3, 6, 8]), np.array([2, NOWHERE, 6, 6]), (9, 9, 9))
    rows, columns = np.nonzero(canvas.cells)
    assert columns.tolist() == [0, 1, 2, 6, 7, 8] and rows.tolist() == [2, 2, 2, 6, 6, 6]


NUMBER_TEXTS = {0: "0", -0.001: "0", 1.234: "1.23", -12.34: "-12.3", 5_432.1: "5432", 12_345: "12.3k", -7.8e6: "-7.80M"}


@pytest.mark.parametrize("value, shown", NUMBER_TEXTS.items())
def test_numbers(value, shown):
    assert number_text(value) == shown


def test_clock():
    assert clock_text(61_250_000_000) == "01:01.2"
    assert clock_text(3_600_000_000_000 + 5_000_000_000) == "1:00:05.0"


def test_a_window_needs_its_extra(monkeypatch):
    try:
        import pygame  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"\[render\]"):
            Window("a market")
        return
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("a market", fps=1_000)
    assert window.show(Screen().draw())
    window.close()
