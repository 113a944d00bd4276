"""Records the runs of a market that somebody else steps, episode by episode, and writes what others' tools read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsl_envs.market.blotter import Blotter
from qsl_envs.market.events import Kind
from qsl_envs.market.export import export_lobster
from qsl_envs.market.market import Market

ROWS = 20_000
"""Rows of the tape that a replica keeps between two reads."""
BEGINNING = (Kind.START, Kind.STANDING)


class RunRecorder:
    """Turns recording on in a market and collects its tapes, one an episode, whoever begins the episodes.

    What is recorded changes no trajectory. Memory: 128 bytes a row, for each replica `rows` and what has been read.

    Args:
        market: of one replica or many, run already or not.
        rows: that each replica keeps between two calls of `read`; what a step brings must fit, else CapacityError.
    """

    def __init__(self, market: Market, rows: int = ROWS):
        self.market = market
        self._parts: list[list[list[np.ndarray]]] = [[] for _ in range(market.num_replicas)]
        market.begin_recording(rows)

    def read(self) -> None:
        """Take what was recorded since the last call; after every step, and before a reset by the caller."""
        for replica, episodes in enumerate(self._parts):
            if self.market.episodes[replica] < 0:
                continue
            rows = self.market.events_array(replica)
            for part in np.split(rows, np.flatnonzero(rows["kind"] == Kind.START)):
                if len(part) and part["kind"][0] == Kind.START:
                    episodes.append([part])
                elif len(part):
                    episodes[-1].append(part)

    def tapes(self, replica: int | None = None) -> list[np.ndarray]:
        """The tapes of all episodes in which something has happened, or of those of one replica: replica by replica."""
        chosen = self._parts if replica is None else [self._parts[replica]]
        whole = [np.concatenate(parts) for episodes in chosen for parts in episodes]
        return [tape for tape in whole if not np.isin(tape["kind"], BEGINNING).all()]

    def blotter(self, *, everyone: bool = False) -> Blotter:
        """Orders and fills of all tapes; see `Blotter`."""
        return Blotter(self.tapes(), self.market.config, everyone=everyone)

    def write(self, folder: str | Path, *, lobster: bool = False, everyone: bool = False) -> list[Path]:
        """Write `orders.parquet` and `fills.parquet`; on request every book of every episode in LOBSTER's form.

        Args:
            folder: made if it is not there. LOBSTER files go to `episode_0000/VENUE/` in it.
        Returns: the Parquet files, then the message files.
        Raises: MissingExtraError naming the extra [data], without pyarrow.
        """
        folder, config = Path(folder), self.market.config
        paths = list(self.blotter(everyone=everyone).write(folder))
        for episode, tape in enumerate(self.tapes() if lobster else []):
            for book in range(config.num_books):
                place = folder / f"episode_{episode:04d}" / config.venues[book // len(config.symbols)].name
                paths.append(export_lobster(tape, config, place, book=book))
        return paths
