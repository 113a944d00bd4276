"""The replicas of a market: made, reset, run, copied. What people ask and send is `market.market`."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.errors import CapacityError, ConfigError, OrderError, require, require_whole
from qsl_envs.kernel.draw import episode_key, seed_key, template_key
from qsl_envs.market import layout as lay
from qsl_envs.market.batch import Threads, advance_rows, reset_day_rows, reset_rows
from qsl_envs.market.config import DAY_NS, MarketConfig
from qsl_envs.market.constants import (
    E_CALENDAR,
    E_MESSAGES,
    E_PENDING,
    E_RECORD,
    E_TAPE,
    GIVEN,
    HOT_LONGS,
    RECORD,
    ROW_LONGS,
    STOP_CLOSE,
    STOP_ERROR,
    STOP_FILL,
    STOP_RECORD,
    STOP_TIME,
    STOP_WAKE,
)  # fmt: skip
from qsl_envs.market.day import skip_day
from qsl_envs.market.entries import fill_entries, fill_kinds
from qsl_envs.market.events import Recording, start_tapes
from qsl_envs.market.plan import Plan, burn_in_ns
from qsl_envs.market.population import (
    Line,
    crowd_table,
    failure,
    kinds_of,
    lines_of,
    num_traders,
    population_cells,
    programs_of,
)
from qsl_envs.market.world import make_template
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.playback import reserve_slots

ERRORS = {
    E_CALENDAR: ("calendar", "max_calendar"),
    E_MESSAGES: ("pool of messages under way", "max_messages"),
    E_TAPE: ("public tape", "tape"),
    E_PENDING: ("children of Hawkes flow to come", "max_pending"),
}
STOP_NAMES = {STOP_TIME: "time", STOP_FILL: "fill", STOP_CLOSE: "close", STOP_ERROR: "error",
              STOP_RECORD: "record", STOP_WAKE: "wake"}  # fmt: skip
SNAPSHOT_VERSION = 1
SNAPSHOT_HEAD = struct.Struct("<8sI32sqqq")


FETCH_FROM_BYTES = 2**22
"""Arenas larger than this do not stay in a core's caches: rows are fetched ahead of their turn."""
FETCH_AT_MOST_LONGS = 2**13


class Replicas:
    """N rows of one arena, each a world of its own, and the templates behind them."""

    def __init__(self, config: MarketConfig | None = None, num_replicas: int = 1, *, seed: int = 0,
                 split: str = "train", num_threads: int = 1, day: EventTable | None = None,
                 day_start_ns: int | None = None, day_end_ns: int | None = None, record: int = 0):  # fmt: skip
        config = MarketConfig() if config is None else config
        require(isinstance(config, MarketConfig), "Market", "config", "a MarketConfig", config)
        require_whole("Market", "num_replicas", num_replicas, 1, 1_000_000)
        self.config, self.num_replicas, self.split = config, num_replicas, split
        self.plan = Plan(config)
        self.world = self.plan.base
        """the settings at the start of an episode: those of `config` under its scenarios"""
        self.num_traders = num_traders(config)
        self.threads = Threads(num_threads)
        self.layout = lay.market_layout(self.world)
        self.arena = self.layout.allocate(num_replicas + config.templates)
        self.scratch_longs = lay.scratch_longs(config)
        self._scratch = np.zeros(num_threads * self.scratch_longs, np.int64)
        self.day = day
        rows = lay.NO_DAY if day is None else np.ascontiguousarray(day.rows).view(np.recarray)
        require_whole("Market", "record", record, 0, 2**31)
        self.recording = Recording(config, num_replicas, record)
        self.arrays = lay.market_arrays(self.arena, self.world, self._scratch, rows, self.recording, self.plan.cells)
        fill_entries(self.arrays.entries, day is not None, None if config.flow is None else config.flow.kind)
        self.kinds = kinds_of(config)
        fill_kinds(self.arrays.crowd, self.kinds)
        self._programs: dict[str, np.ndarray] = {}
        if self.arena.nbytes > FETCH_FROM_BYTES:
            hot = self.layout.base("book.events") * self.arrays.book.events.itemsize // 8
            self.arrays.entries[HOT_LONGS] = min(hot, FETCH_AT_MOST_LONGS)
        self.arrays.entries[ROW_LONGS] = self.layout.row_bytes // 8
        self.starts = np.full(num_replicas, NIL, np.int64)
        self.day_first_ns, self.day_last_ns = self._day_window(day_start_ns, day_end_ns)
        self.stride = self.layout.stride("run")
        self.row_longs = self.layout.row_bytes // 8
        self._stops = np.zeros(num_replicas, np.int64)
        self.episodes = np.full(num_replicas, -1, np.int64)
        self.seeds = np.zeros(num_replicas, np.int64)
        self.base_keys = np.zeros(num_replicas, np.int64)
        self._keys = np.zeros(num_replicas, np.int64)
        self.reseed(seed)
        self._make_templates()
        self.arrays.entries[RECORD] = self.recording.longs  # templates are made unrecorded

    def begin_recording(self, rows: int) -> None:
        """Record from now on in a market that another steps: an environment's. What was recorded before is dropped.

        Such a market never comes back to have its tape read; whoever steps it reads `events_array` often enough, or a
        full tape is a CapacityError.

        Args:
            rows: of the tape that each replica keeps, > 0.
        """
        require_whole("Market.begin_recording", "rows", rows, 1, 2**31)
        self.recording = Recording(self.config, self.num_replicas, rows, stop=False)
        entries, day = self.arrays.entries, self.arrays.day
        self.arrays = lay.market_arrays(self.arena, self.world, self._scratch, day, self.recording, self.plan.cells)
        self.arrays.entries[:] = entries
        self.arrays.entries[RECORD] = self.recording.longs
        start_tapes(self.arrays, self.stride, self.episodes >= 0)

    def _day_window(self, start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
        """First and last time of the day at which an episode may start."""
        if self.day is None:
            return 0, 0
        config, rows = self.config, self.day.rows
        require(config.flow is None, config, "flow", "None beside a recorded day", config.flow)
        need, have = self.day.num_slots + config.size.max_clients, config.size.max_orders
        require(have >= need, config.size, "max_orders", f">= {need} for this day and its agents", have)
        first, end = int(rows["ts_ns"][0]), int(rows["ts_ns"][-1])
        latest = max(end, DAY_NS)
        first = first if start_ns is None else require_whole("Market", "day_start_ns", start_ns, 0, end)
        end = end if end_ns is None else require_whole("Market", "day_end_ns", end_ns, first, latest)
        allowed = f"at most the day's window of {end - first} ns"
        require(config.session_ns <= end - first, config, "session_ns", allowed, config.session_ns)
        return first, end - config.session_ns

    def _make_day_templates(self) -> None:
        """The book of the day at evenly spaced times: an episode plays on from the last one before its start."""
        assert self.day is not None
        first, span, m = self.day_first_ns, self.day_last_ns - self.day_first_ns, self.arrays
        for k in range(self.config.templates):
            row = self.num_replicas + k
            if k == 0:
                lay.init_row(m, self.layout, self.world, row)
                run = m.runs[row * self.stride]
                reserve_slots(m.book, int(run.books), m.plays, int(run.plays), self.day.num_slots, len(self.day))
            else:
                lay.copy_row(m, self.row_longs, row - 1, row)
            skip_day(m, row * self.stride, first + span * k // self.config.templates)

    def _make_templates(self) -> None:
        if self.day is not None:
            self._make_day_templates()
            return
        config = self.world
        burn_in = burn_in_ns(config)
        digest = config.template_hash()
        for k in range(config.templates):
            row = self.num_replicas + k
            lay.init_row(self.arrays, self.layout, config, row)
            run = self.arrays.runs[row * self.stride]
            run.scratch, run.scratch_cap = 0, config.size.tape
            stop = make_template(self.arrays, row * self.stride, template_key(digest, k), burn_in)
            run.scratch = 0
            if stop == STOP_ERROR:
                self.raise_error(row)

    # --- worlds

    def reseed(self, seed: int | np.ndarray, mask: np.ndarray | None = None) -> None:
        """Give the replicas new seeds (one: replica i gets seed + i; or one each) and start their episodes at 0.

        With a `mask` (bool, (num_replicas,)) only those that it names.
        """
        mask = np.ones(self.num_replicas, np.bool_) if mask is None else mask
        if np.ndim(seed) == 0:
            seed = np.arange(self.num_replicas) + require_whole("Market", "seed", seed, 0, 2**63 - 2**20)
        seeds = np.asarray(seed)
        self.seeds[mask] = seeds[mask]
        for i in np.flatnonzero(mask):
            self.base_keys[i] = seed_key(self.split, int(self.seeds[i]))
        self.episodes[mask] = -1

    def reset(self, mask: np.ndarray | None = None, start_ns: np.ndarray | None = None) -> None:
        """Start the next episode in every replica, or in those whose `mask` (bool, (num_replicas,)) is set.

        On a recorded day `start_ns` (int64 (num_replicas,), the day's clock, NIL: drawn) says where.
        """
        mask = np.ones(self.num_replicas, np.bool_) if mask is None else np.asarray(mask, np.bool_)
        require(mask.shape == (self.num_replicas,), "Market", "mask", f"of shape ({self.num_replicas},)", mask.shape)
        self.episodes[mask] += 1
        for i in np.flatnonzero(mask):
            self._keys[i] = episode_key(self.base_keys[i], self.episodes[i])

        self.starts[:] = NIL if start_ns is None else start_ns
        if self.day is not None and start_ns is not None:
            late = (self.starts > self.day_last_ns) | ((self.starts < self.day_first_ns) & (self.starts != NIL))
            allowed = f"in [{self.day_first_ns}, {self.day_last_ns}] of the day's clock"
            require(not (late & mask).any(), "Market", "start_ns", allowed, self.starts[late & mask][:3].tolist())

        def work(first: int, last: int, thread: int) -> None:
            if self.day is not None:
                reset_day_rows(self.arrays, first, last, self.stride, self.row_longs, self.num_replicas,
                               self.config.templates, mask, self._keys, self.day_first_ns, self.day_last_ns,
                               self.starts)  # fmt: skip
                return
            reset_rows(self.arrays, first, last, self.stride, thread * self.scratch_longs, self.config.size.tape,
                       self.row_longs, self.num_replicas, self.config.templates,
                       mask, self._keys)  # fmt: skip

        self.recording.clear(mask)
        self.threads.run(self.num_replicas, work)
        for i in np.flatnonzero(mask):
            self._check_room(int(i))

    def drawn(self, replica: int = 0) -> dict[str, float]:
        """The settings that were drawn for the replica's episode: name -> value; empty without `randomize`."""
        return self.plan.settings_of(int(self.arrays.runs[self._run(replica)].member))

    # --- participants

    def _group(self, name: str) -> Line:
        groups = {line.config.name: line for line in lines_of(self.config) if line.kind}
        require(name in groups, "Market", "group", f"one of {list(groups)}", name)
        return groups[name]

    def set_params(self, group: str, **values: np.ndarray | float | None) -> None:
        """Give parameters of a group of the population, instead of those drawn; in force from each next reset on.

        Args:
            group: name of the group (`PopulationConfig.name`).
            values: by parameter: one number, or float64 (num_replicas, members) or what is broadcast to it, NaN where
                the world's own draw holds; None: everywhere.
        Raises: ConfigError.
        """
        line, cells = self._group(group), population_cells(self.config)[0]
        assert line.kind is not None
        if self.arrays.entries[GIVEN] == 0:
            self.arrays.swap("given", np.full(self.num_replicas * cells, np.nan))
            self.arrays.entries[GIVEN] = cells
        table = self.arrays.given.reshape(self.num_replicas, cells)
        kinds = line.kind.params
        mine = table[:, line.params : line.params + (line.last - line.first) * len(kinds)]
        for name, value in values.items():
            require(name in kinds, f"Market.set_params({group})", "params", f"among {', '.join(kinds)}", name)
            given = np.asarray(np.nan if value is None else value, np.float64)
            low, high = kinds[name].low, kinds[name].high
            inside = bool((np.isnan(given) | ((given >= low) & (given <= high))).all())
            require(inside, f"Market.set_params({group})", name, f"in [{low:g}, {high:g}]", value)
            mine[:, list(kinds).index(name) :: len(kinds)] = given

    def set_programs(self, group: str, programs: Sequence[str]) -> None:
        """Give a group other programs; member i of n runs program i % len(programs), or the one that its parameter
        `program` names. In force at once: best before a reset. Raises: ConfigError naming the program and the place.
        """
        line = self._group(group)
        self._programs[group] = programs_of(line, tuple(programs))
        table = crowd_table(self.config, self._programs)
        table[: len(self.kinds)] = self.arrays.crowd[: len(self.kinds)]
        self.arrays.swap("crowd", table)

    # --- time

    def advance(self, until_ns: int | np.ndarray) -> np.ndarray:
        """Run every replica to `until_ns` (one time, or int64 (num_replicas,)), events at that time included.

        Returns:
            int64 (num_replicas,), why each came back: STOP_TIME, STOP_FILL, STOP_CLOSE, or STOP_RECORD: its tape is
            full, read it with `events` and call again.

        Raises: CapacityError naming the structure that was too small, its size, and the setting to raise.
        """
        require(
            bool((self.episodes >= 0).all()), "Market", "advance", "called after `reset`", "a replica without a world"
        )
        until = np.empty(self.num_replicas, np.int64)
        until[:] = until_ns

        def work(first: int, last: int, thread: int) -> None:
            try:
                advance_rows(self.arrays, first, last, self.stride, thread * self.scratch_longs, self.config.size.tape,
                             until, self._stops)  # fmt: skip
            except Exception as error:
                named = failure(self.config, self.arrays, range(first * self.stride, last * self.stride, self.stride))
                if named is None:
                    raise
                raise named from error

        self.threads.run(self.num_replicas, work)
        if (self._stops == STOP_ERROR).any():
            self.raise_error(int(np.flatnonzero(self._stops == STOP_ERROR)[0]))
        return self._stops.copy()

    def _check_room(self, replica: int) -> None:
        if self.arrays.runs[replica * self.stride].error != 0:
            self.raise_error(replica)

    def raise_error(self, row: int) -> None:
        """Raise the CapacityError of a row whose kernels have run out of room."""
        run = self.arrays.runs[row * self.stride]
        if run.error == E_RECORD:
            kept = self.recording.rows
            raise CapacityError(
                f"recorded tape full: replica {row} at {int(run.now_ns)} ns needs more than the {kept} rows that it "
                f"keeps and {self.recording.rows_each - kept} behind them: read it oftener, or raise "
                f"Market(record={kept})"
            )
        what, setting = ERRORS[int(run.error)]
        size = getattr(self.config.size, setting)
        raise CapacityError(
            f"{what} full: {size} of {size} in replica {row} at {int(run.now_ns)} ns; "
            f"it needs {int(run.error_need)} or more: raise SizeConfig.{setting}"
        )

    @property
    def now_ns(self) -> np.ndarray:
        """Time of each replica, int64 (num_replicas,), ns from the start of the episode."""
        return self.arrays.runs.now_ns[: self.num_replicas * self.stride : self.stride].copy()

    def _run(self, replica: int) -> int:
        require(
            0 <= replica < self.num_replicas, "Market", "replica", f"in [0, {self.num_replicas})", replica, OrderError
        )
        require(self.episodes[replica] >= 0, "Market", "replica", "one that has been reset", replica, OrderError)
        return replica * self.stride

    # --- copies

    def snapshot(self, replica: int = 0) -> bytes:
        """One replica as bytes, with a version, the configuration's hash and its world."""
        self._run(replica)
        head = SNAPSHOT_HEAD.pack(b"qsl-mkt\0", SNAPSHOT_VERSION, self.config.hash().encode(), replica,
                                  int(self.episodes[replica]), int(self.seeds[replica]))  # fmt: skip
        return head + self.arena[replica].tobytes()

    def restore(self, data: bytes, replica: int = 0) -> None:
        """Put a snapshot into a replica (also another one). Raises: ConfigError if it is not of this configuration."""
        require(
            0 <= replica < self.num_replicas, "Market", "replica", f"in [0, {self.num_replicas})", replica, OrderError
        )
        size = SNAPSHOT_HEAD.size + self.layout.row_bytes
        require(len(data) == size, "Market.restore", "data", f"{size} bytes", len(data), ConfigError)
        magic, version, digest, source, episode, seed = SNAPSHOT_HEAD.unpack(data[: SNAPSHOT_HEAD.size])
        require(magic == b"qsl-mkt\0", "Market.restore", "data", "a market snapshot", magic, ConfigError)
        require(version == SNAPSHOT_VERSION, "Market.restore", "version", str(SNAPSHOT_VERSION), version, ConfigError)
        mine = self.config.hash().encode()
        require(digest == mine, "Market.restore", "config hash", mine.decode(), digest.decode(), ConfigError)
        self.arena[replica] = np.frombuffer(data, np.uint8, offset=SNAPSHOT_HEAD.size)
        lay.rebind(self.arrays, replica * self.stride, (replica - source) * self.layout.row_bytes)
        self.episodes[replica] = episode
        self.seeds[replica] = seed
        self.base_keys[replica] = seed_key(self.split, seed)
        if self.recording.longs:  # the tape goes on from the book that stands now
            only = np.arange(self.num_replicas) == replica
            self.recording.clear(only)
            start_tapes(self.arrays, self.stride, only)

    def digest(self, replica: int | None = None) -> str:
        """Hex digest of all replicas' state, or of one's; equal states, equal digest, whatever their place in
        memory.
        """
        import hashlib

        h = hashlib.blake2b(digest_size=16)
        for i in range(self.num_replicas) if replica is None else (replica,):
            keep = self.arena[0].copy()  # absolute indices are bound anew where the bytes lie: in the first row
            self.arena[0] = self.arena[i]
            lay.rebind(self.arrays, 0, -i * self.layout.row_bytes)
            h.update(self.arena[0].tobytes())
            self.arena[0] = keep
        return h.hexdigest()
