"""Rectangles, lines, discs and text as pixels. NumPy alone."""

from __future__ import annotations

import functools

import numpy as np

from qsl_envs.envs.font import text_mask, text_width

Color = tuple[int, int, int]

NOWHERE = -(1 << 30)
"""A y that is not drawn: a gap in a line."""


@functools.lru_cache(maxsize=1024)
def mix(color: Color, base: Color, share: float) -> Color:
    """`share` of `color` over `base`, channel by channel."""
    red, green, blue = (round(b + (c - b) * share) for c, b in zip(color, base))
    return red, green, blue


class Canvas:
    """A drawing of at most 256 colors; x to the right, y down, ends excluded.

    Shapes write numbers of colors into `cells`, uint8 (height, width), which is several times faster than writing
    triples; `paint` turns them into RGB. What lies outside is cut off.
    """

    def __init__(self, width: int, height: int, ground: Color):
        self.width, self.height = width, height
        self.cells = np.zeros((height, width), np.uint8)
        self._table = np.zeros((256, 3), np.uint8)
        self._numbers: dict[Color, int] = {}
        self.number(ground)

    def number(self, color: Color) -> int:
        """The number that a color has in `cells`; the ground is 0."""
        found = self._numbers.get(color)
        if found is None:
            found = self._numbers[color] = len(self._numbers)
            self._table[found] = color  # an IndexError here would be ours: too many colors in a drawing
        return found

    def clear(self) -> None:
        """Leave nothing but the ground."""
        self.cells.fill(0)

    def paint(self, pixels: np.ndarray) -> None:
        """Write the drawing into `pixels`, uint8 (height, width, 3), contiguous."""
        np.take(self._table, self.cells, axis=0, out=pixels, mode="clip")

    def box(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """A filled rectangle."""
        left, top = max(0, int(x)), max(0, int(y))
        right, bottom = min(self.width, int(x + width)), min(self.height, int(y + height))
        if left < right and top < bottom:
            self.cells[top:bottom, left:right] = self.number(color)

    def dashes(self, x: int, y: int, width: int, color: Color, on: int = 3, off: int = 3) -> None:
        """A broken horizontal line."""
        if 0 <= y < self.height:
            left, right = max(0, x), min(self.width, x + width)
            for k in range(on):
                self.cells[y, left + k : right : on + off] = self.number(color)

    def text(self, x: float, y: float, text: str, color: Color, scale: int = 1, align: str = "left") -> None:
        """A line of text; `y` is the top of its capitals, `x` its left or right edge or its middle."""
        width = text_width(text, scale)
        x = int(x) - (width if align == "right" else width // 2 if align == "middle" else 0)
        self.stamp(x, int(y), text_mask(text, scale), color)

    def stamp(self, x: int, y: int, mask: np.ndarray, color: Color) -> None:
        """Color where a mask (bool, rows x columns) is set, its first dot at (x, y)."""
        height, width = mask.shape
        top, left = max(0, y), max(0, x)
        bottom, right = min(self.height, y + height), min(self.width, x + width)
        if top < bottom and left < right:
            self.cells[top:bottom, left:right][mask[top - y : bottom - y, left - x : right - x]] = self.number(color)

    def disc(self, x: int, y: int, radius: int, color: Color) -> None:
        """A filled disc."""
        self.stamp(x - radius, y - radius, _disc(radius), color)

    def steps(self, xs: np.ndarray, ys: np.ndarray, color: Color, thick: int = 1) -> None:
        """A line that goes level to the next x and then up or down to its y.

        Args:
            xs, ys: int64 (n,), xs rising; where y is `NOWHERE` the line has a gap.
        """
        if len(xs) == 0:
            return
        at = np.arange(xs[0], xs[-1] + 1)
        y = ys[np.searchsorted(xs, at, side="right") - 1]
        before = np.concatenate([y[:1], y[:-1]])
        before = np.where(before == NOWHERE, y, before)
        drawn = (at >= 0) & (at < self.width) & (y != NOWHERE)
        at, y, before = at[drawn], y[drawn], before[drawn]
        top = np.clip(np.minimum(y, before), 0, self.height)
        lengths = np.maximum(np.clip(np.maximum(y, before) + thick, 0, self.height) - top, 0)
        below = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self.cells[np.repeat(top, lengths) + below, np.repeat(at, lengths)] = self.number(color)

    def line(self, xs: np.ndarray, ys: np.ndarray, color: Color, thick: int = 1) -> None:
        """A line through points, int64 (n,), xs rising."""
        if len(xs) > 0:
            at = np.arange(xs[0], xs[-1] + 1)
            self.steps(at, np.rint(np.interp(at, xs, ys)).astype(np.int64), color, thick)


@functools.lru_cache(maxsize=64)
def _disc(radius: int) -> np.ndarray:
    span = np.arange(-radius, radius + 1)
    return span[:, None] ** 2 + span[None, :] ** 2 <= (radius + 0.4) ** 2
