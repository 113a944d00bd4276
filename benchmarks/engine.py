"""Speed of the matching engine on one core: three standard streams, by handle, by 64-bit id, and with accounts.

near: 45 % adds, 45 % cancels, 5 % reductions, 5 % orders that trade, ~1,000 live orders near the touch. deep: the same
with 100,000 live orders over 2,000 ticks. sweep: market orders that take 5 to 50 orders each, with refills. Every
message gets a report and every fill an event. "Accounts" is everything on, by handle: risk gate with inventory cap,
self-trade check, double-entry accounts, fees (what exactly: `benchmarks/order_accounts.py`). Rounds of all lines are
interleaved; a figure is the median of rounds, in processor time of the one thread. The digest is of every message's
status, fills and rest: one a stream.
"""

from __future__ import annotations

import statistics
import time
import zlib
from collections.abc import Callable

import numpy as np

from benchmarks.order_accounts import Accounts, account_market, serve, with_owners
from benchmarks.order_streams import DEEP, MID, NEAR, SWEEP, Stream, stream_of, with_ids
from benchmarks.report import Row, main
from qsl_envs.engine.handles import HANDLE_REPORT, handle_arrays, run_handles, serve_handle
from qsl_envs.engine.messages import REPORT, TRADE
from qsl_envs.engine.stream import FIRST_SEQ, NEXT, NUM_TRADES, run_stream, stream_arrays
from qsl_envs.kernel.bits import cycles
from qsl_envs.kernel.jit import kernel

COARSE_NS = 60
MUST = {"near": (70, 50, 60), "deep": (45, 20, 38), "sweep": (48, 33, 40)}


class ByHandle:
    """Plays a stream by handle, from the same book every time."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.start = stream.memory.arena.copy()
        self.reports = np.zeros(len(stream.messages), HANDLE_REPORT)
        self.arrays = handle_arrays(stream.memory.arena, stream.messages, self.reports)

    def rewind(self) -> None:
        self.stream.memory.arena[:] = self.start

    def play(self) -> None:
        run_handles(self.arrays, self.stream.memory.h, len(self.reports))

    def digest(self) -> str:
        """Of status and fills of every message: no speed-up may change it."""
        reports = np.stack([self.reports[name] for name in ("status", "filled_qty", "leaves_qty", "notional")])
        return f"{zlib.crc32(reports.astype(np.int64).tobytes()):08x}"


class ById:
    """Plays the same stream by 64-bit ids."""

    def __init__(self, by_handle: ByHandle) -> None:
        stream = by_handle.stream
        self.memory = type(stream.memory)(stream.memory.config, False)
        reports = np.zeros(len(stream.warm_up), HANDLE_REPORT)
        run_handles(handle_arrays(self.memory.arena, stream.warm_up, reports), self.memory.h, len(reports))
        self.memory = type(stream.memory)(stream.memory.config, False)
        ids = np.zeros(stream.memory.config.max_orders, np.int64)
        warm_up = self.warm_up = with_ids(stream.warm_up, reports["handle"], ids)
        by_handle.rewind()
        by_handle.play()
        self.messages = with_ids(stream.messages, by_handle.reports["handle"], ids)
        self.reports = np.zeros(len(self.messages), REPORT)
        fills = int(by_handle.reports["num_fills"].sum())
        self.trades = np.zeros(fills + 10 * len(warm_up) + 4096, TRADE)
        self._run(warm_up, np.zeros(len(warm_up), REPORT))
        self.start = (self.memory.arena.copy(), *(part.copy() for part in self.memory.names))

    def _run(self, messages: np.ndarray, reports: np.ndarray) -> None:
        names = self.memory.names
        names.state[NEXT] = names.state[NUM_TRADES] = names.state[FIRST_SEQ] = 0
        arrays = stream_arrays(self.memory.arena, names, messages, reports, self.trades)
        need = run_stream(arrays, self.memory.h, 0)
        if need:
            raise RuntimeError(f"the stream stopped at {names.state[NEXT]} (code {need})")

    def rewind(self) -> None:
        for part, start in zip((self.memory.arena, *self.memory.names), self.start, strict=True):
            part[:] = start

    def play(self) -> None:
        self._run(self.messages, self.reports)

    digest = ByHandle.digest


class ByAccounts:
    """Plays the same stream by handle, with everything on."""

    def __init__(self, by_handle: ByHandle) -> None:
        stream = by_handle.stream
        config = stream.memory.config
        self.market = Accounts(account_market(config.max_orders, config.window_ticks, config.max_events, MID))
        warm_up, self.messages = with_owners(stream.warm_up), with_owners(stream.messages)
        reports = np.zeros(len(warm_up), HANDLE_REPORT)
        self.market.run(self.market.stream(warm_up, reports))
        self.start = self.market.arena.copy()
        self.reports = np.zeros(len(self.messages), HANDLE_REPORT)
        self.arrays = self.market.stream(self.messages, self.reports)

    def rewind(self) -> None:
        self.market.arena[:] = self.start

    def play(self) -> None:
        self.market.run(self.arrays)

    digest = ByHandle.digest


def measure_speed(smoke: bool) -> list[Row]:
    """Claim: tens of millions of messages a second on one core, each with its report."""
    length, rounds = (2_000, 1) if smoke else (1_000_000, 7)
    players: list[tuple[ByHandle, ById, ByAccounts]] = []
    for kind in (NEAR, DEEP, SWEEP):
        by_handle = ByHandle(stream_of(kind, length, 200 if smoke else None))
        three = (by_handle, ById(by_handle), ByAccounts(by_handle))
        for player in three:
            player.rewind()
            player.play()
        if len({player.digest() for player in three}) != 1:
            raise RuntimeError(f"{by_handle.stream.name}: handles, ids and accounts give different reports")
        three[2].market.check()
        players.append(three)
    everyone = [player for three in players for player in three]
    seconds = interleave([(player.rewind, player.play) for player in everyone], rounds)
    rates = [length / statistics.median(taken) / 1e6 for taken in seconds]
    rows = []
    for k, (by_handle, _, _) in enumerate(players):
        name = by_handle.stream.name
        rows.append(
            Row(
                stream=name,
                handles_M_per_s=rates[3 * k],
                ids_M_per_s=rates[3 * k + 1],
                accounts_M_per_s=rates[3 * k + 2],
                must_handles=MUST[name][0],
                must_ids=MUST[name][1],
                must_accounts=MUST[name][2],
                digest=by_handle.digest(),
            )
        )
    return rows


def interleave(tasks: list[tuple[Callable, Callable]], rounds: int) -> list[list[float]]:
    """Seconds of each task, round by round, all tasks in every round; the first half of a pair is not timed.

    Seconds are processor time of this thread, which never waits: what others run on a shared machine still costs it
    caches and clock, but not its turns.
    """
    seconds: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for taken, (prepare, work) in zip(seconds, tasks, strict=True):
            prepare()
            start = time.thread_time()
            work()
            taken.append(time.thread_time() - start)
    return seconds


@kernel
def time_messages(x, h, count, batch, taken):
    """Play a stream and write the cycles that each batch of messages took, reports included."""
    for k in range(count // batch):
        start = cycles()
        for n in range(k * batch, (k + 1) * batch):
            serve_handle(x, h, n)
        taken[k] = cycles() - start


@kernel
def time_accounts(m, x, r, h, count, batch, taken):
    """The same with everything on."""
    for k in range(count // batch):
        start = cycles()
        for n in range(k * batch, (k + 1) * batch):
            serve(m, x, r, h, n)
        taken[k] = cycles() - start


@kernel
def time_nothing(taken):
    """The clock's own cost."""
    for n in range(len(taken)):
        start = cycles()
        taken[n] = cycles() - start


@kernel
def read_cycles():
    """The cycle counter now."""
    return cycles()


def cycles_per_ns() -> float:
    """Speed of the cycle counter against the clock, over a twentieth of a second."""
    read_cycles()
    start_ns, start = time.perf_counter_ns(), read_cycles()
    time.sleep(0.05)
    counted = read_cycles() - start
    return counted / (time.perf_counter_ns() - start_ns)


def measure_latency(smoke: bool) -> list[Row]:
    """Claim: one message takes tens of nanoseconds. Timed by the cycle counter, whose own cost is taken off.

    Where a look at the counter costs more than `COARSE_NS` (machines that trap it), batches of 64 messages are timed
    and a figure is a batch's mean; the column `batch` says so.
    """
    length, rounds = (2_000, 1) if smoke else (1_000_000, 3)
    rate = cycles_per_ns()
    empty = np.zeros(10_000, np.int64)
    time_nothing(empty)
    own = float(np.median(empty))
    batch = 64 if own / rate > COARSE_NS else 1
    rows = []
    for kind in (NEAR, DEEP, SWEEP):
        bare = ByHandle(stream_of(kind, length, 200 if smoke else None))
        for player in (bare, ByAccounts(bare)):
            taken = np.zeros(length // batch, np.int64)
            quantiles = []
            for _ in range(rounds + 1):
                player.rewind()
                if isinstance(player, ByHandle):
                    time_messages(player.arrays, player.stream.memory.h, length, batch, taken)
                else:
                    market = player.market
                    time_accounts(market.m, player.arrays, market.r, market.h, length, batch, taken)
                ns = np.maximum(taken - own, 0) / rate / batch
                quantiles.append([*np.quantile(ns, (0.5, 0.99, 0.999)), ns.max()])
            p50, p99, p999, worst = np.median(quantiles[1:], axis=0)
            rows.append(
                Row(
                    stream=bare.stream.name,
                    all_on=player is not bare,
                    batch=batch,
                    p50_ns=float(p50),
                    p99_ns=float(p99),
                    p999_ns=float(p999),
                    worst_ns=float(worst),
                    clock_ns=own / rate,
                )
            )
    return rows


TABLES = {"engine": measure_speed, "engine_latency": measure_latency}

if __name__ == "__main__":
    main(TABLES)
