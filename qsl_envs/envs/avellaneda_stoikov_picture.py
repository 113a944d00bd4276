"""An episode of `qsl/AvellanedaStoikov-v0` as pixels: mid, quotes and fills over time, inventory, P&L. NumPy alone."""

from __future__ import annotations

import numpy as np

from qsl_envs.envs.canvas import Canvas, Color
from qsl_envs.envs.palette import AMBER, ASK, BACK, BID, BLUE, DIM, GAIN, GRID, LOSS, PANEL, TEXT, WHITE

WIDTH, HEIGHT = 640, 480
LEFT, RIGHT = 8, 564
"""x of the panels; labels stand to the right of them."""
PRICES, HELD, WEALTH = (36, 280), (292, 372), (384, 464)
"""y of the panels: top, bottom."""
MOMENTS = 2_000
"""Steps kept; of a longer episode, the last ones."""

MID, BID_QUOTE, ASK_QUOTE, BOUGHT, SOLD, INVENTORY, PNL = range(7)


class Film:
    """Keeps the steps of one episode and draws them.

    Args:
        num_steps: of an episode.
        start_price: mid at the start.
    """

    def __init__(self, num_steps: int, start_price: float, start_inventory: int):
        self.pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self._canvas = Canvas(WIDTH, HEIGHT, BACK)
        self._num_steps, self._start = num_steps, (start_price, start_inventory)
        self.clear()

    def clear(self) -> None:
        """Another episode begins."""
        price, inventory = self._start
        self._rows = [(price, np.nan, np.nan, False, False, float(inventory), 0.0)]
        self._step, self._reward = 0, 0.0

    def add(self, mid_before: float, offsets: tuple[float, float], account: dict[str, float], reward: float) -> None:
        """Take up a step.

        Args:
            mid_before: mid when the quotes were made.
            offsets: of bid and ask from it.
            account: after the step, see `AvellanedaStoikovVectorEnv.accounts`.
        """
        before = self._rows[-1]
        bid, ask = mid_before - offsets[0], mid_before + offsets[1]
        mid, held, pnl = account["mid"], account["inventory"], account["equity"]
        change = held - before[INVENTORY]
        # fills of both sides leave the inventory as it was: what they earned is then in the P&L, beside the mid's move
        earned = pnl - before[PNL] - held * (mid - mid_before)
        both = change == 0 and abs(earned) > 1e-9 * max(1.0, abs(pnl))
        row = (mid, bid, ask, change > 0 or both, change < 0 or both, held, pnl)
        self._rows = [*self._rows[-MOMENTS + 1 :], row]
        self._step, self._reward = self._step + 1, reward

    def draw(self) -> np.ndarray:
        """The picture, uint8 (480, 640, 3); fresh."""
        c, rows = self._canvas, np.array(self._rows, np.float64)
        c.clear()
        first = self._step - len(rows) + 1
        span = max(self._num_steps - max(first, 0), 1)
        xs = np.rint(LEFT + (RIGHT - LEFT - 1) * np.arange(len(rows)) / span).astype(np.int64)
        c.text(LEFT, 12, "AVELLANEDA-STOIKOV", WHITE)
        words = f"STEP {self._step}/{self._num_steps}   REWARD {self._reward:+.3f}"
        c.text(RIGHT, 12, words, DIM, align="right")
        self._prices(xs, rows)
        self._curve(HELD, "INVENTORY", xs, rows[:, INVENTORY], AMBER, f"{rows[-1, INVENTORY]:+.0f}")
        pnl = rows[-1, PNL]
        self._curve(WEALTH, "P&L", xs, rows[:, PNL], GAIN if pnl >= 0 else LOSS, f"{pnl:+.2f}")
        c.paint(self.pixels)
        return self.pixels.copy()

    def _prices(self, xs: np.ndarray, rows: np.ndarray) -> None:
        """Mid, quotes and fills; mids and the quotes that are not far from theirs set the scale."""
        c, (top, bottom) = self._canvas, PRICES
        mids = rows[:, MID]
        quotes = rows[1:, [BID_QUOTE, ASK_QUOTE]]
        far = np.abs(quotes - mids[:-1, None])
        near = np.concatenate([mids, quotes[far <= 3.0 * np.median(far)]] if len(quotes) else [mids])
        low, high = float(near.min()), float(near.max())
        room = 0.08 * (high - low) + 1e-9 * max(1.0, abs(high))
        low, high = low - room, high + room
        c.box(LEFT, top, RIGHT - LEFT, bottom - top, PANEL)

        def y_of(prices: np.ndarray) -> np.ndarray:
            share = np.clip((high - np.nan_to_num(prices, nan=high)) / (high - low), 0.0, 1.0)
            return np.rint(top + share * (bottom - top - 2)).astype(np.int64)

        for column, color in ((BID_QUOTE, BID), (ASK_QUOTE, ASK)):
            if len(rows) > 1:
                c.steps(xs[:-1], y_of(rows[1:, column]), color)
        c.line(xs, y_of(mids), WHITE, thick=2)
        for quote, filled, color in ((BID_QUOTE, BOUGHT, BID), (ASK_QUOTE, SOLD, ASK)):
            ys = y_of(rows[:, quote])
            for at in np.flatnonzero(rows[:, filled])[-200:].tolist():
                x = int(xs[at - 1] if at else xs[0])
                c.disc(x, int(ys[at]), 3, AMBER)
                c.disc(x, int(ys[at]), 2, color)
        c.text(RIGHT + 6, int(y_of(mids[-1:])[0]) - 3, f"{mids[-1]:.3f}", TEXT)
        c.text(LEFT + 4, bottom - 12, "MID, BID AND ASK, FILLS", DIM)

    def _curve(self, place: tuple[int, int], title: str, xs: np.ndarray, values: np.ndarray, color: Color,
               words: str) -> None:  # fmt: skip
        """One quantity over time around its zero."""
        c, (top, bottom) = self._canvas, place
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        high = high if high > low else low + 1.0
        c.box(LEFT, top, RIGHT - LEFT, bottom - top, PANEL)
        ys = np.rint(top + 3 + (high - values) / (high - low) * (bottom - top - 8)).astype(np.int64)
        c.dashes(LEFT, round(top + 3 + high / (high - low) * (bottom - top - 8)), RIGHT - LEFT, GRID)
        c.steps(xs, ys, color if title != "INVENTORY" else BLUE, thick=2)
        c.text(LEFT + 4, top + 4, title, DIM)
        c.text(RIGHT + 6, int(ys[-1]) - 3, words, color)
