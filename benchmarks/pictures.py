"""Frames per second of the trading screen, 640 x 480 pixels drawn with NumPy alone."""

from __future__ import annotations

import numpy as np

from benchmarks.report import Row, clock, main
from qsl_envs.envs.picture import BookScreen, MarketScreen, OwnOrder, PrintMark, Screen

STEP_NS = 100_000_000


def pictures(smoke: bool) -> list[Row]:
    """Claim: 60 frames a second. Each frame takes up one moment and draws all of the picture anew."""
    return [measure(books, frames=3 if smoke else 300) for books in (1, 2, 4, 8)]


def measure(books: int, frames: int) -> Row:
    """A full strip of random books, `frames` of them timed."""
    rng = np.random.default_rng(1)
    screen = Screen()
    moments = [moment(rng, step, books) for step in range(200 + frames)]
    for one in moments[:200]:
        screen.add(one)
    with clock() as t:
        for one in moments[200:]:
            screen.add(one)
            screen.draw()
    return Row(books=books, ms_per_frame=t.seconds / frames * 1e3, frames_per_s=frames / t.seconds)


def moment(rng: np.random.Generator, step: int, books: int) -> MarketScreen:
    """A random moment: twenty levels a side, two own orders and a print every second step, in each book."""
    shown = []
    for _ in range(books):
        away, lots = np.arange(1, 21), rng.integers(1, 40, (2, 20))
        mid = 10_000 + int(rng.integers(-2, 3))
        prints = [PrintMark(step * STEP_NS, mid + 1, int(lots[0, 0]), 0, step % 8 == 0)] if step % 2 else []
        shown.append(BookScreen(
            bids=np.stack([mid - away, lots[0]], 1), asks=np.stack([mid + away, lots[1]], 1), prints=prints,
            orders=[OwnOrder(0, mid - 1, 5, 7), OwnOrder(1, mid + 2, 5, 3)], name="venue",
        ))  # fmt: skip
    return MarketScreen(
        time_ns=step * STEP_NS,
        session_ns=600 * STEP_NS,
        books=shown,
        title="benchmark",
        inventory=int(rng.integers(-9, 10)),
        equity=float(step),
        reward=float(rng.normal()),
    )


TABLES = {"pictures": pictures}

if __name__ == "__main__":
    main(TABLES)
