"""One book on a trading screen: a strip of its levels over time and the ladder of its prices, on one price axis."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.canvas import NOWHERE, Canvas, mix
from qsl_envs.envs.palette import AMBER, ASK, BACK, BID, BLUE, DIM, GRID, HEAT, PANEL, SHADES, TEXT, WHITE

if TYPE_CHECKING:
    from qsl_envs.envs.picture import BookScreen, OwnOrder, PrintMark

ROW = 11
"""Pixels of a price's row."""
LEVELS = 32
"""Levels a side kept for the strip."""
MIN_STRIP = 60
"""Pixels; a pane without room for so wide a strip has none."""
PRINTS = 400
"""Prints kept."""
NONE = 0
"""Instead of a price: there is none. Prices begin at 1."""
NICE = tuple(base * 10**power for power in range(9) for base in (1, 2, 5))
"""Ticks that a row may stand for."""
SIDE_COLORS = (BID, ASK)


class BookPane:
    """Draws one book; its rows follow the mid slowly, so that prices stay where they were for a while.

    Args:
        x, y, width, height: place on the picture, pixels.
        history: moments kept.
    """

    def __init__(self, x: int, y: int, width: int, height: int, history: int):
        self.x, self.y, self.width = x, y, width
        self.own_width, self.bar_width, self.price_width = (52, 46, 50) if width > 500 else (46, 34, 44)
        self.strip_width = width - (2 * (self.own_width + self.bar_width) + self.price_width) - 8
        if self.strip_width < MIN_STRIP:
            self.strip_width, self.bar_width = 0, 24
            self.own_width = (width - self.price_width) // 2 - self.bar_width
        self.ladder_width = 2 * (self.own_width + self.bar_width) + self.price_width
        self.top = y + 14
        self.rows = (height - 14 - (12 if self.strip_width else 0)) // ROW
        self.bottom = self.top + self.rows * ROW
        self._shown = min(history, max(2, self.strip_width // 2))
        self._times = np.zeros(history, np.int64)
        self._levels = np.zeros((history, 2, LEVELS, 2), np.int64)
        self._own = np.zeros((history, 2), np.int64)
        self._size = 0
        self._prints: deque[PrintMark] = deque(maxlen=PRINTS)
        self._center, self._per_row, self._span = NONE, 1, 0.0
        self._book: BookScreen | None = None

    def add(self, time_ns: int, book: BookScreen) -> None:
        """Take up a moment."""
        for kept in (self._times, self._levels, self._own):
            if self._size == len(kept):
                kept[:-1] = kept[1:]
        self._size = min(self._size + 1, len(self._times))
        at = self._size - 1
        self._times[at] = time_ns
        self._levels[at], self._own[at] = 0, NONE
        for side, rows in ((BUY, book.bids), (SELL, book.asks)):
            rows = np.asarray(rows, np.int64).reshape(-1, 2)[:LEVELS]
            self._levels[at, side, : len(rows)] = rows
            prices = [order.price for order in book.orders if order.side == side]
            if prices:
                self._own[at, side] = max(prices) if side == BUY else min(prices)
        self._prints.extend(book.prints)
        self._book = book
        self._follow(at)

    def row_of(self, price: int) -> int:
        """Row of a price, 0 on top; outside of 0 .. rows - 1 it is not shown. Meaningless before any price is known."""
        return self.rows // 2 + self._center // self._per_row - price // self._per_row

    def draw(self, canvas: Canvas) -> None:
        """Draw the last moment and the strip of those before it."""
        book = self._book
        assert book is not None  # a screen adds before it draws
        canvas.box(self.x, self.top, self.width, self.rows * ROW, PANEL)
        ladder = self.x + self.width - self.ladder_width
        name = f"{book.name} {book.inventory:+d}" if book.name else "book as known, and prints"
        canvas.text(
            self.x + 2, self.y + 2, name[: (self.strip_width or self.width - 30) // 6], TEXT if book.name else DIM
        )
        if not self.strip_width and self._per_row > 1:
            canvas.text(self.x + self.width - 2, self.y + 2, f"×{self._per_row}", DIM, align="right")
        if self._center == NONE:
            canvas.text(
                self.x + self.width // 2, self.top + self.rows * ROW // 2, "no price known yet", DIM, align="middle"
            )
            return
        if self.strip_width:
            self._draw_strip(canvas)
        self._draw_ladder(canvas, ladder, book)

    # --- the price axis

    def _follow(self, at: int) -> None:
        """Move the rows after the prices of a moment; of an empty book they stay."""
        bid, ask = (int(self._levels[at, side, 0, 0]) for side in (BUY, SELL))
        marks = [price for price in (bid, ask, *self._own[at].tolist()) if price != NONE]
        if not marks:
            return
        mid = (bid + ask) // 2 if bid and ask else marks[0]
        near = self._levels[at, :, :6, 0]
        span = float(np.abs(near[near != NONE] - mid).max(initial=1)) * 2
        self._span = span if self._center == NONE else self._span + 0.05 * (span - self._span)
        rows = self.rows - 2
        if self._span > self._per_row * rows or self._span < 0.35 * self._per_row * rows:
            self._per_row = next((n for n in NICE if self._span <= 0.8 * n * rows), NICE[-1])
        if self._center == NONE or abs(mid - self._center) > self.rows // 4 * self._per_row:
            self._center = mid

    # --- the strip

    def _draw_strip(self, canvas: Canvas) -> None:
        n = min(self._size, self._shown)
        first = self._size - n
        pixels = self.strip_width // self._shown
        left = self.x + self.strip_width - n * pixels
        levels, times = self._levels[first : self._size], self._times[first : self._size]
        shades = self._heat(levels)
        numbers = np.array([canvas.number(color) for color in HEAT], np.uint8)
        canvas.cells[self.top : self.bottom, left : left + n * pixels] = (
            numbers[shades].repeat(ROW, axis=0).repeat(pixels, axis=1)
        )
        xs = left + np.arange(n) * pixels
        for side in (BUY, SELL):
            canvas.steps(xs, self._ys(levels[:, side, 0, 0]), mix(SIDE_COLORS[side], WHITE, 0.75))
            ys = self._ys(self._own[first : self._size, side])
            for k in range(pixels):
                canvas.cells[ys[ys != NOWHERE], xs[ys != NOWHERE] + k] = canvas.number(AMBER)
        self._draw_prints(canvas, times, xs + pixels // 2, n)
        self._draw_times(canvas, times, xs)

    def _heat(self, levels: np.ndarray) -> np.ndarray:
        """Numbers of colors, int64 (rows, moments): lots of each row and moment, faint to bright on a root scale."""
        n = len(levels)
        heat = np.zeros((2, self.rows, n), np.int64)
        price, qty = levels[..., 0], levels[..., 1]
        row = self.row_of(price)
        kept = (price != NONE) & (row >= 0) & (row < self.rows)
        moment, side, level = np.nonzero(kept)
        np.add.at(heat, (side, row[moment, side, level], moment), qty[moment, side, level])
        most = max(float(np.partition(heat.reshape(-1), -1 - n)[-1 - n]) if heat.size > n else 0.0, 1.0)
        shade = np.minimum(np.ceil(np.sqrt(heat / most) * SHADES), SHADES).astype(np.int64)
        return np.where(shade[BUY] > 0, shade[BUY], np.where(shade[SELL] > 0, shade[SELL] + SHADES, 0))

    def _ys(self, prices: np.ndarray) -> np.ndarray:
        """Middles of the rows of prices, `NOWHERE` for none and for what is out of sight."""
        row = self.row_of(prices)
        seen = (prices != NONE) & (row >= 0) & (row < self.rows)
        return np.where(seen, self.top + row * ROW + ROW // 2, NOWHERE)

    def _draw_prints(self, canvas: Canvas, times: np.ndarray, xs: np.ndarray, n: int) -> None:
        if n == 0 or not self._prints:
            return
        marks = [mark for mark in self._prints if mark.ts_ns >= times[0]]
        places = np.interp([mark.ts_ns for mark in marks], times, xs)
        for mark, x in zip(marks, places.tolist()):
            row = self.row_of(mark.price)
            if 0 <= row < self.rows:
                radius = min(1 + int(mark.qty**0.5), 6)
                color = SIDE_COLORS[mark.side] if mark.side in (BUY, SELL) else BLUE
                y = self.top + row * ROW + ROW // 2
                x = min(max(round(x), self.x + radius), self.x + self.strip_width - radius - 1)
                canvas.disc(x, y, radius + 1, AMBER if mark.own else BACK)
                canvas.disc(x, y, radius, mix(color, WHITE, 0.85))

    def _draw_times(self, canvas: Canvas, times: np.ndarray, xs: np.ndarray) -> None:
        """Ages under the strip: the newest moment is now."""
        y, right = self.bottom + 3, int(xs[-1])
        canvas.text(self.x + self.strip_width, y, "now", DIM, align="right")
        if len(times) < 2 or times[-1] == times[0]:
            return
        span_s = (times[-1] - times[0]) / 1e9
        step = next(s for s in (base * 10.0**power for power in range(-6, 6) for base in (1, 2, 5)) if s * 4 >= span_s)
        last = right - 24
        for k in range(1, 5):
            if k * step > span_s:
                break
            x = int(np.interp(times[-1] - k * step * 1e9, times, xs))
            words = f"-{k * step:g} s"
            if x + 3 * len(words) < last and x - 3 * len(words) >= self.x:
                canvas.box(x, self.bottom, 1, 2, DIM)
                canvas.text(x, y, words, DIM, align="middle")
                last = x - 3 * len(words) - 6

    # --- the ladder

    def _draw_ladder(self, canvas: Canvas, left: int, book: BookScreen) -> None:
        own, bar, price_width = self.own_width, self.bar_width, self.price_width
        bids, prices = left + own, left + own + bar
        asks, right = prices + price_width, prices + price_width + bar
        if self.strip_width:
            for x, words in ((left + own - 3, "own"), (prices - 3, "bids")):
                canvas.text(x, self.y + 2, words, DIM, align="right")
            for x, words in ((asks + 3, "asks"), (right + 3, "own")):
                canvas.text(x, self.y + 2, words, DIM)
            unit = "price" if self._per_row == 1 else f"×{self._per_row}"
            canvas.text(prices + price_width // 2, self.y + 2, unit, DIM, align="middle")
        canvas.box(prices, self.top, price_width, self.rows * ROW, BACK)
        lines = slice(self.top + ROW, self.bottom, ROW)
        canvas.cells[lines, left : left + self.ladder_width] = canvas.number(mix(GRID, PANEL, 0.35))
        base = self._center // self._per_row
        last = self._prints[-1] if self._prints else None
        for row in range(self.rows):
            price = (base + self.rows // 2 - row) * self._per_row
            if price + self._per_row > 1:
                y, hit = self.top + row * ROW, last is not None and self.row_of(last.price) == row
                if hit and last is not None:
                    canvas.box(prices + 1, y + 1, price_width - 2, ROW - 1,
                               SIDE_COLORS[last.side] if last.side in (BUY, SELL) else BLUE)  # fmt: skip
                canvas.text(prices + price_width // 2, y + 2, str(max(price, 1)), BACK if hit else TEXT, align="middle")
        levels = self._levels[self._size - 1]
        own_rows = _by_row(self, book.orders)
        most = max(float(levels[:, :12, 1].max()), 1.0)
        for side in (BUY, SELL):
            lots: dict[int, int] = {}
            for price, qty in levels[side].tolist():
                if price != NONE and 0 <= self.row_of(price) < self.rows:
                    lots[self.row_of(price)] = lots.get(self.row_of(price), 0) + qty
            for row, qty in lots.items():
                self._draw_lots(canvas, side, row, qty, most, prices if side == BUY else asks)
            for row, orders in own_rows[side].items():
                self._draw_own(canvas, side, row, orders, lots.get(row, 0), most, left, right)
            self._draw_far(canvas, side, own_rows[side], left if side == BUY else right)
        canvas.box(prices, self.top, 1, self.rows * ROW, GRID)
        canvas.box(asks - 1, self.top, 1, self.rows * ROW, GRID)
        canvas.box(bids, self.top, 1, self.rows * ROW, mix(GRID, PANEL, 0.5))
        canvas.box(right, self.top, 1, self.rows * ROW, mix(GRID, PANEL, 0.5))
        if self.strip_width:
            canvas.text(left + self.ladder_width, self.bottom + 3, "q: lots ahead in the queue",
                        DIM, align="right")  # fmt: skip

    def _length(self, qty: float, most: float) -> int:
        return max(1, round(min(qty / most, 1.0) * (self.bar_width - 2)))

    def _draw_lots(self, canvas: Canvas, side: int, row: int, qty: int, most: float, edge: int) -> None:
        """A bar from the price outwards, and the lots beside the price."""
        y, length = self.top + row * ROW, self._length(qty, most)
        canvas.box(edge - length if side == BUY else edge, y + 1, length, ROW - 2, mix(SIDE_COLORS[side], PANEL, 0.45))
        words = str(qty) if qty < 10 ** (self.bar_width // 6) else f"{qty // 1000}k"
        if side == BUY:
            canvas.text(edge - 3, y + 2, words, WHITE, align="right")
        else:
            canvas.text(edge + 3, y + 2, words, WHITE)

    def _draw_own(self, canvas: Canvas, side: int, row: int, orders: list[OwnOrder], shown: int, most: float,
                  left: int, right: int) -> None:  # fmt: skip
        """Own lots and the lots in front of them, and where in the level's bar they stand."""
        if not 0 <= row < self.rows:
            return
        y, qty = self.top + row * ROW, sum(order.qty for order in orders)
        known = [order.queue_ahead for order in orders if order.queue_ahead >= 0]
        ahead = min(known) if known else -1
        room = (self.own_width - 4) // 6
        forms = (f"{qty} q{ahead}", f"{qty}q{ahead}", f"{qty}")[0 if ahead >= 0 else 2 :]
        words = next((form for form in forms if len(form) <= room), f"{qty // 1000}k"[:room])
        x = left if side == BUY else right + 1
        canvas.box(x, y + 1, self.own_width - 1, ROW - 1, mix(AMBER, PANEL, 0.25))
        canvas.text(x + self.own_width - 4 if side == BUY else x + 3, y + 2, words, AMBER,
                    align="right" if side == BUY else "left")  # fmt: skip
        front = max(ahead, 0) if ahead >= 0 else max(shown - qty, 0)
        start, end = self._length(front, most) if front else 0, self._length(front + qty, most)
        edge = right - self.bar_width
        base = left + self.own_width + self.bar_width
        place = base - end if side == BUY else edge + start
        canvas.box(place, y + ROW - 2, max(end - start, 2), 2, AMBER)

    def _draw_far(self, canvas: Canvas, side: int, own_rows: dict[int, list[OwnOrder]], x: int) -> None:
        """Own orders that are out of sight: an arrow on the edge that they lie beyond, with their lots."""
        for beyond, arrow, y in ((-1, "▲", self.top), (1, "▼", self.bottom - ROW)):
            far = [rows for row, rows in own_rows.items() if (row < 0 if beyond < 0 else row >= self.rows)]
            qty = sum(order.qty for orders in far for order in orders)
            if qty:
                words = f"{arrow}{qty}"
                canvas.box(x + 1, y + 1, self.own_width - 1, ROW - 1, AMBER)
                canvas.text(x + 4, y + 2, words[: (self.own_width - 4) // 6], BACK)


def _by_row(pane: BookPane, orders: Iterable[OwnOrder]) -> tuple[dict[int, list[OwnOrder]], dict[int, list[OwnOrder]]]:
    """Own orders by side and row; rows outside of the pane too."""
    found: tuple[dict[int, list[OwnOrder]], dict[int, list[OwnOrder]]] = ({}, {})
    for order in orders:
        found[order.side].setdefault(pane.row_of(order.price), []).append(order)
    return found
