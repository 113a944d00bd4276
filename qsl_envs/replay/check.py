"""What a pair of LOBSTER files says of itself, and how well a book can be rebuilt from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError
from qsl_envs.replay import lobster
from qsl_envs.replay.convert import convert
from qsl_envs.replay.lobster import LobsterDay, read_day
from qsl_envs.replay.one_step import one_step_rows
from qsl_envs.replay.player import Player


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Findings on one day. The last three fields are None without a book file."""

    rows: int
    """messages"""
    counts: dict[str, int]
    """messages by type, "1" to "7\""""
    visible_volume: int
    """lots of type 4"""
    hidden_volume: int
    """lots of type 5"""
    one_step_share: float | None
    """share of rows, from the second on, that obey the one-step rule"""
    free_run_best_share: float | None
    """share of rows whose best quotes (price and size) are right in a book that starts from the first row and then
    follows the messages alone, with every level ever seen kept"""
    corrections: dict[str, int] | None
    """rows that needed a correction, by cause (`replay.events.Cause`)"""

    def to_json(self) -> dict:
        """The fields as they are, for `json.dumps`."""
        return asdict(self)


def check_file(message_path: str | Path) -> CheckReport:
    """Read a message file and the book file beside it, play both kinds of rebuild through the engine, and report.

    Raises: DataError if a file is broken, or if the book that the engine shows after playing the corrected events is
        not the recorded one after the last row of each time stamp; FileNotFoundError.
    """
    return check_day(read_day(message_path))


def check_day(day: LobsterDay) -> CheckReport:
    """`check_file` for files that have been read."""
    messages = day.messages
    counts = np.bincount(messages.type, minlength=lobster.HALT + 1)
    table = convert(day)
    player = Player(table)
    one_step = free_run = corrections = None
    if day.book is None:
        player.run()
    else:
        _, equal = player.compare(day, stamps_only=True)
        if not equal.all():
            row = int(np.argmin(equal))
            raise DataError(f"{day.book.path}, line {row + 1}: {_difference(day, row)}")
        obeys = one_step_rows(day)
        one_step = float(obeys[1:].mean()) if len(obeys) > 1 else 1.0
        best, _ = Player(convert(day, correct=False)).compare(day)
        free_run = float(best.mean())
        corrections = table.causes
    return CheckReport(
        rows=len(messages),
        counts={str(kind): int(counts[kind]) for kind in range(lobster.NEW, lobster.HALT + 1)},
        visible_volume=int(messages.qty[messages.type == lobster.VISIBLE_EXECUTION].sum()),
        hidden_volume=int(messages.qty[messages.type == lobster.HIDDEN_EXECUTION].sum()),
        one_step_share=one_step,
        free_run_best_share=free_run,
        corrections=corrections,
    )


def _difference(day: LobsterDay, row: int) -> str:
    """The played book against the recorded one after `row`, in words."""
    table, book = convert(day), day.book
    player = Player(table)
    player.run(int(np.searchsorted(table.rows["row"], row, side="right")))
    parts = []
    for name, side in (("bids", BUY), ("asks", SELL)):
        prices, qtys = (book.price[row, side] // table.tick_units).tolist(), book.qty[row, side].tolist()
        recorded = [level for level in zip(prices, qtys, strict=True) if level[0] != lobster.ABSENT]
        parts.append(f"{name} {player.depth(side, book.num_levels)} played, {recorded} recorded")
    return "the played book is not the recorded one: " + "; ".join(parts)
