"""A trading screen as pixels: what an agent knows of its books, and how it fares. Drawn with NumPy alone.

An environment fills a `MarketScreen` at each step; a `Screen` keeps the last ones and draws them into one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qsl_envs.envs.canvas import Canvas, Color
from qsl_envs.envs.font import ADVANCE, text_width
from qsl_envs.envs.palette import AMBER, BACK, BLUE, DIM, GAIN, GRID, LOSS, PANEL, TEXT, WHITE
from qsl_envs.envs.pane import BookPane
from qsl_envs.errors import require

WIDTH, HEIGHT = 640, 480
MAX_BOOKS = 8
"""Books drawn; of more, the first ones."""
HISTORY = 240
"""Moments kept."""

HEADER, TOP, BOTTOM, EDGE, GAP = 28, 34, 366, 8, 8
"""Pixels: height of the header; y of the books and of the panels below them; margin; between panels."""


class OwnOrder(NamedTuple):
    """An order of the agent's, as it knows it."""

    side: int
    price: int
    """ticks"""
    qty: int
    """lots open"""
    queue_ahead: int = -1
    """at most so many lots are in front of it; -1: not known"""


class PrintMark(NamedTuple):
    """A trade that the agent has heard of."""

    ts_ns: int
    price: int
    """ticks"""
    qty: int
    """lots"""
    side: int
    """of the aggressor: 0 buy, 1 sell, -1 an auction"""
    own: bool = False
    """the agent was a party to it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookScreen:
    """One book as the agent knows it."""

    bids: np.ndarray
    """int64 (n, 2): price in ticks and lots shown, best first; others' lots and own ones"""
    asks: np.ndarray
    orders: Sequence[OwnOrder] = ()
    prints: Sequence[PrintMark] = ()
    """heard since the last screen"""
    name: str = ""
    inventory: int = 0
    """lots held of its symbol or at its venue"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketScreen:
    """One moment of an episode, as a picture shows it."""

    time_ns: int
    """from the start of the episode; a smaller one than before begins a new picture"""
    session_ns: int
    books: Sequence[BookScreen]
    inventory: int
    """lots"""
    equity: float
    """gained since the start of the episode, ticks x lots"""
    reward: float
    """of the last step"""
    title: str = ""
    max_inventory: int = 0
    """scale of the inventory bar; 0: the largest seen"""
    ended: str = ""
    """why the episode is over; empty while it goes on"""
    notes: Sequence[str] = field(default=())
    """lines of small print, at most three are shown"""


class Screen:
    """Keeps the last moments of an episode and draws them.

    Args:
        history: moments kept, at least 2.
    """

    def __init__(self, history: int = HISTORY):
        require(isinstance(history, int) and history >= 2, self, "history", "a whole number >= 2", history)
        self.pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._canvas = Canvas(WIDTH, HEIGHT, BACK)
        self._history = history
        self._times = np.zeros(history, np.int64)
        self._series = np.zeros((3, history))  # equity, inventory, reward
        self._panes: list[BookPane] = []
        self._last: MarketScreen | None = None
        self.clear()

    def clear(self) -> None:
        """Forget what was seen: another episode begins."""
        self._size = self._steps = 0
        self._total = 0.0
        self._last = None
        self._panes = []

    def add(self, moment: MarketScreen) -> None:
        """Take up a moment. Raises: ConfigError for a moment without a book."""
        require(len(moment.books) > 0, self, "books", "at least one", moment.books)
        shown = moment.books[:MAX_BOOKS]
        if self._last is not None and (
            moment.time_ns < self._last.time_ns or len(self._panes) != len(shown) or self._last.ended
        ):
            self.clear()
        if not self._panes:
            self._panes = _panes(len(shown), self._history)
        if self._size == self._history:
            self._times[:-1] = self._times[1:]
            self._series[:, :-1] = self._series[:, 1:]
        else:
            self._size += 1
        self._times[self._size - 1] = moment.time_ns
        self._series[:, self._size - 1] = moment.equity, moment.inventory, moment.reward
        for pane, book in zip(self._panes, shown):
            pane.add(moment.time_ns, book)
        self._total += moment.reward
        self._steps += 1
        self._last = moment

    def draw(self) -> np.ndarray:
        """The picture, uint8 (480, 640, 3). It is one array that the next call writes anew: copy it to keep it."""
        canvas, now = self._canvas, self._last
        canvas.clear()
        if now is None:
            canvas.text(WIDTH // 2, HEIGHT // 2, "nothing to show yet", DIM, align="middle")
        else:
            self._draw_moment(now)
        canvas.paint(self.pixels)
        return self.pixels

    # --- parts

    def _draw_moment(self, now: MarketScreen) -> None:
        canvas = self._canvas
        self._draw_header(now)
        for pane in self._panes:
            pane.draw(canvas)
        height = HEIGHT - EDGE - BOTTOM
        self._draw_pnl(EDGE, BOTTOM, 288, height)
        self._draw_inventory(304, BOTTOM, 164, height, now)
        self._draw_reward(476, BOTTOM, 156, height, now)

    def _draw_header(self, now: MarketScreen) -> None:
        canvas = self._canvas
        canvas.box(0, 0, WIDTH, HEADER - 3, PANEL)
        more = len(now.books) - len(self._panes)
        clock = f"{clock_text(now.time_ns)} / {clock_text(now.session_ns)}"
        left = WIDTH - EDGE - text_width(clock, 2)
        canvas.text(left, 5, clock, WHITE, scale=2)
        title = now.title + (f"  (+{more} books)" if more > 0 else "")
        right = left - EDGE
        if now.ended:
            words = f"over: {now.ended.replace('_', ' ')}"
            right -= text_width(words) + 12
            canvas.box(right, 5, text_width(words) + 12, 15, AMBER)
            canvas.text(right + 6, 9, words, BACK)
        canvas.text(EDGE, 9, title[: max(0, right - 2 * EDGE) // ADVANCE], TEXT)
        share = min(max(now.time_ns / max(now.session_ns, 1), 0.0), 1.0)
        canvas.box(0, HEADER - 3, WIDTH, 2, GRID)
        canvas.box(0, HEADER - 3, WIDTH * share, 2, BLUE)

    def _panel(self, x: int, y: int, width: int, height: int, name: str) -> None:
        self._canvas.box(x, y, width, height, PANEL)
        self._canvas.text(x + 6, y + 6, name, DIM)

    def _draw_pnl(self, x: int, y: int, width: int, height: int) -> None:
        canvas, n = self._canvas, self._size
        equity = self._series[0, :n]
        span_s = (self._times[n - 1] - self._times[0]) / 1e9
        self._panel(x, y, width, height, f"P&L ticks × lots, last {span_s:.3g} s")
        color = _sign_color(equity[-1])
        canvas.text(x + width - 6, y + 5, number_text(equity[-1], sign=True), color, scale=2, align="right")
        low, high = min(0.0, equity.min()), max(0.0, equity.max())
        if high - low < 1.0:
            low, high = low - 0.5, high + 0.5
        left, right, top, bottom = x + 6, x + width - 48, y + 28, y + height - 8
        scale = (bottom - top) / (high - low)
        zero = round(bottom + low * scale)
        canvas.dashes(left, zero, right - left, GRID)
        for value, at in _apart([(high, top), (0.0, zero), (low, bottom)]):
            canvas.text(right + 6, at - 3, number_text(value), DIM)
        xs = _spread(n, self._history, left, right)
        ys = np.rint(bottom - (equity - low) * scale).astype(np.int64)
        canvas.line(xs, ys, color, thick=2)
        canvas.disc(int(xs[-1]), int(ys[-1]), 3, WHITE)

    def _draw_inventory(self, x: int, y: int, width: int, height: int, now: MarketScreen) -> None:
        canvas, n = self._canvas, self._size
        self._panel(x, y, width, height, "INVENTORY  lots")
        held = self._series[1, :n]
        color = AMBER if now.inventory else DIM
        canvas.text(x + width - 6, y + 5, f"{now.inventory:+d}" if now.inventory else "0", color, 2, "right")
        most = now.max_inventory or max(1, int(np.abs(held).max()))
        left, right, middle = x + 6, x + width - 6, x + width // 2
        canvas.box(left, y + 26, right - left, 9, GRID)
        share = min(max(now.inventory / most, -1.0), 1.0) * (right - left) / 2
        canvas.box(min(middle, middle + share), y + 26, abs(share), 9, AMBER)
        canvas.box(middle, y + 24, 1, 13, TEXT)
        canvas.text(left, y + 40, f"-{most}", DIM)
        canvas.text(right, y + 40, f"+{most}", DIM, align="right")
        top, bottom = y + 54, y + height - 6
        zero, half = (top + bottom) // 2, (bottom - top) // 2
        canvas.box(left, zero, right - left, 1, GRID)
        ys = zero - np.rint(np.clip(held / most, -1, 1) * half).astype(np.int64)
        canvas.steps(_spread(n, self._history, left, right), ys, AMBER)

    def _draw_reward(self, x: int, y: int, width: int, height: int, now: MarketScreen) -> None:
        canvas = self._canvas
        self._panel(x, y, width, height, "REWARD")
        canvas.text(x + width - 6, y + 5, number_text(now.reward, sign=True), _sign_color(now.reward), 2, "right")
        top, bottom = y + 26, y + 62
        zero, half = (top + bottom) // 2, (bottom - top) // 2
        count = (width - 12) // 3
        recent = self._series[2, : self._size][-count:]
        most = max(float(np.abs(recent).max()), 1e-9)
        canvas.box(x + 6, zero, width - 12, 1, GRID)
        left = x + width - 6 - 3 * len(recent)
        for k, value in enumerate(recent.tolist()):
            high = max(1, round(abs(value) / most * half)) if value else 0
            canvas.box(left + 3 * k, zero - high if value > 0 else zero + 1, 2, high, _sign_color(value))
        lines = [f"sum {number_text(self._total, sign=True)}  step {self._steps - 1}", *now.notes]
        for k, words in enumerate(lines[:3]):
            canvas.text(x + 6, y + 70 + 11 * k, words[: (width - 12) // 6], TEXT if k == 0 else DIM)


def clock_text(time_ns: int) -> str:
    """Minutes, seconds and tenths; with hours where there are some."""
    tenths = max(0, int(time_ns)) // 100_000_000
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    return (f"{hours}:" if hours else "") + f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def number_text(value: float, sign: bool = False) -> str:
    """A number in at most seven characters: 12.3, 4.56k, 7.8M."""
    size = abs(value)
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            scaled, name = value / (1e3 if name == "k" else unit), name
            break
    else:
        scaled, name = value, ""
    digits = 0 if abs(scaled) >= 1000 else 1 if abs(scaled) >= 10 else 2
    text = f"{scaled:+.{digits}f}" if sign else f"{scaled:.{digits}f}"
    return ("0" if float(text) == 0 else text) + name


def _sign_color(value: float) -> Color:
    return GAIN if value > 0 else LOSS if value < 0 else DIM


def _spread(size: int, history: int, left: int, right: int) -> np.ndarray:
    """Places of moments on a strip: from the left while there are few, then over all of it."""
    most = max(history - 1, 1)
    return left + np.arange(size) * (right - left - 1) // most


def _apart(labels: list[tuple[float, int]], gap: int = 10) -> list[tuple[float, int]]:
    """Labels by falling value that do not lie on each other; the outer ones stay."""
    first, middle, last = labels
    kept = [first]
    if middle[1] - first[1] >= gap and last[1] - middle[1] >= gap:
        kept.append(middle)
    if last[1] - first[1] >= gap:
        kept.append(last)
    return kept


def _panes(books: int, history: int) -> list[BookPane]:
    """Places of up to eight books: side by side up to four, then in two rows."""
    rows = 1 if books <= 4 else 2
    across = books if rows == 1 else (books + 1) // 2
    width = (WIDTH - 2 * EDGE - (across - 1) * GAP) // across
    height = (BOTTOM - GAP - TOP - (rows - 1) * GAP) // rows
    return [
        BookPane(EDGE + (k % across) * (width + GAP), TOP + (k // across) * (height + GAP), width, height, history)
        for k in range(books)
    ]
