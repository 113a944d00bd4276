"""Our book by 64-bit ids beside CppTrader's market manager in C++: the three standard streams, every fill compared.

CppTrader (github.com/chronoxor/CppTrader) is not on PyPI. What is needed of its sources and of CppCommon's is given by
`--source`, a folder that has both checkouts, and compiled there on demand with a small driver:

    git clone https://github.com/chronoxor/CppTrader peers/CppTrader
    git clone https://github.com/chronoxor/CppCommon peers/CppCommon
    python -m benchmarks.peer_cpptrader --source peers

It tells of fills only, we also report every message. What our pool of fixed size has no room for (423 messages of the
sweep) neither of the two gets. Rounds are interleaved; processor time of the one thread.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.engine import ByHandle, ById, interleave
from benchmarks.order_streams import DEEP, NEAR, SWEEP, stream_of
from benchmarks.report import Row, main
from qsl_envs.engine.arrive import POOL_FULL
from qsl_envs.engine.constants import IOC, MARKET
from qsl_envs.engine.messages import TRADE
from qsl_envs.engine.stream import NUM_TRADES

DRIVER = Path(__file__).with_suffix(".cpp")
FLAGS = ("-std=c++20", "-O3", "-march=native", "-DNDEBUG", "-shared", "-fPIC")
HALF = np.dtype([("order_id", "i8"), ("price", "i8"), ("qty", "i8")])
"""What happened to one of the two orders of an execution."""


def compiled(source: Path) -> ctypes.CDLL:
    """The driver with CppTrader's matching engine, built beside the checkouts unless it is newer than the driver."""
    target = source / "qsl_peer_cpptrader.so"
    if not target.exists() or target.stat().st_mtime < DRIVER.stat().st_mtime:
        theirs = sorted((source / "CppTrader" / "source" / "trader" / "matching").glob("*.cpp"))
        folders = [f"-I{source / name / 'include'}" for name in ("CppTrader", "CppCommon")]
        subprocess.run(["c++", *FLAGS, *folders, str(DRIVER), *map(str, theirs), "-o", str(target)], check=True)
    library = ctypes.CDLL(str(target.resolve()))
    library.play.restype = ctypes.c_int64
    return library


class CppTrader:
    """Plays what `ById` plays."""

    def __init__(self, library: ctypes.CDLL, ours: ById, num_fills: int) -> None:
        self._library = library
        self._warm_up, self._messages = ours.warm_up, ours.messages
        self.halves = np.zeros(2 * num_fills + 4096, HALF)
        self.ends = np.zeros(len(self._messages), np.int64)

    def play(self) -> float:
        """Processor seconds of the stream, played in a new book after the warm-up."""
        arrays = (self._warm_up, self._messages)
        streams = [part for a in arrays for part in (ctypes.c_void_p(a.ctypes.data), ctypes.c_int64(len(a)))]
        out = [ctypes.c_void_p(a.ctypes.data) for a in (self.halves, self.ends)]
        return self._library.play(*streams, *out, ctypes.c_int8(MARKET), ctypes.c_int8(IOC)) / 1e9

    def fills(self) -> np.ndarray:
        """TRADE records; which of the two orders is the maker is known by who sent the message."""
        halves = self.halves[: self.ends[-1]]
        first, second = halves[::2], halves[1::2]
        trades = np.zeros(len(first), TRADE)
        trades["seq"] = np.searchsorted(self.ends, np.arange(0, len(halves), 2), side="right")
        taker = self._messages["order_id"][trades["seq"]]
        trades["taker_order_id"] = taker
        trades["maker_order_id"] = np.where(first["order_id"] == taker, second["order_id"], first["order_id"])
        trades["price"], trades["qty"] = first["price"], first["qty"]
        whole = (first["price"] == second["price"]) & (first["qty"] == second["qty"])
        named = (first["order_id"] == taker) ^ (second["order_id"] == taker)
        if not (whole & named).all():
            raise RuntimeError("CppTrader: halves of executions do not fit together")
        return trades


def measure(smoke: bool, source: Path | None = None) -> list[Row]:
    """Claim: faster than a well-known book in C++ on the same machine, with the same fills."""
    if source is None and not smoke:
        return []
    library = compiled(source) if source else None
    length, rounds = (2_000, 1) if smoke else (1_000_000, 7)
    rows = []
    for kind in (NEAR, DEEP, SWEEP):
        by_handle = ByHandle(stream_of(kind, length, 200 if smoke else None))
        ours = ById(by_handle)
        for _ in range(2):  # the second time without what found no room
            ours.rewind()
            ours.play()
            ours.messages = ours.messages[ours.reports[: len(ours.messages)]["reason"] != POOL_FULL]
        fills = ours.trades[: ours.memory.names.state[NUM_TRADES]].copy()
        theirs = CppTrader(library, ours, len(fills)) if library else None
        same = theirs.play() > 0 and bool(np.array_equal(fills, theirs.fills())) if theirs else None
        mine, other = [], []
        for _ in range(rounds):
            mine += interleave([(ours.rewind, ours.play)], 1)[0]
            other += [theirs.play()] if theirs else []
        ratio = statistics.median(other) / statistics.median(mine) if theirs else None
        rows.append(
            Row(
                stream=by_handle.stream.name,
                ids_M_per_s=len(ours.messages) / statistics.median(mine) / 1e6,
                CppTrader_M_per_s=len(ours.messages) / statistics.median(other) / 1e6 if theirs else None,
                ours_against_it=ratio,
                fills=len(fills),
                same_fills=same,
            )
        )
    return rows


TABLES = {"peer_cpptrader": measure}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--source", type=Path, help="folder with checkouts of CppTrader and CppCommon")
    known, rest = parser.parse_known_args()
    sys.exit(main({"peer_cpptrader": partial(measure, source=known.source)}, rest))
