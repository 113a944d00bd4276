"""The market for people: N replicas of venues, network, accounts and flow behind one object."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from qsl_envs.engine.constants import BUY, GTC, LIMIT, MARKET, NIL, NO_ASK, NO_BID, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.errors import CapacityError, ConfigError, OrderError, require
from qsl_envs.kernel.draw import episode_key, seed_key, template_key
from qsl_envs.market import layout as lay
from qsl_envs.market.batch import Threads, advance_rows, reset_day_rows, reset_rows
from qsl_envs.market.client import kill, send_change, send_new
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import (
    E_CALENDAR,
    E_MESSAGES,
    E_TAPE,
    HOT_LONGS,
    M_CANCEL,
    M_REDUCE,
    M_REPLACE,
    ROW_LONGS,
    STOP_CLOSE,
    STOP_ERROR,
    STOP_FILL,
    STOP_TIME,
)  # fmt: skip
from qsl_envs.market.day import skip_day
from qsl_envs.market.entries import fill_entries
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.fundamental import value_at
from qsl_envs.market.ledger import equity
from qsl_envs.market.marks import liquidate, mark
from qsl_envs.market.world import make_template
from qsl_envs.replay.events import EVENT_ROW, EventTable
from qsl_envs.replay.playback import reserve_slots

ERRORS = {
    E_CALENDAR: ("calendar", "max_calendar"),
    E_MESSAGES: ("pool of messages under way", "max_messages"),
    E_TAPE: ("public tape", "tape"),
}
STOP_NAMES = {STOP_TIME: "time", STOP_FILL: "fill", STOP_CLOSE: "close", STOP_ERROR: "error"}
SNAPSHOT_VERSION = 1
SNAPSHOT_HEAD = struct.Struct("<8sI32sqqq")
NO_DAY = np.zeros(1, EVENT_ROW).view(np.recarray)


FETCH_FROM_BYTES = 2**22
"""Arenas larger than this do not stay in a core's caches: rows are fetched ahead of their turn."""
FETCH_AT_MOST_LONGS = 2**13


class Market:
    """N independent replicas of one market, side by side in one block of memory.

    Every replica is a world of its own: `(split, seed + i, episode)` decides all its chance, never how many others
    there are. Time is in ns from the start of the episode; prices are ticks, quantities lots, money 1/fee_unit of
    tick x lot.

    Args:
        config: what the market is made of.
        num_replicas: worlds side by side.
        seed: replica i has seed `seed + i`.
        split: family of worlds; no seed of one split reaches another.
        num_threads: plain Python threads that share the replicas; results do not depend on it.
        day: a recorded day that is the flow of the first book (`config.flow` must be None). Episodes start at times
            drawn evenly from `day_start_ns` to `day_end_ns` (the day's clock, default: all of it) less a session.
    """

    def __init__(self, config: MarketConfig | None = None, num_replicas: int = 1, *, seed: int = 0,
                 split: str = "train", num_threads: int = 1, day: EventTable | None = None,
                 day_start_ns: int | None = None, day_end_ns: int | None = None):  # fmt: skip
        config = MarketConfig() if config is None else config
        require(isinstance(config, MarketConfig), "Market", "config", "a MarketConfig", config)
        require(1 <= num_replicas <= 10**6, "Market", "num_replicas", "in [1, 1_000_000]", num_replicas)
        self.config, self.num_replicas, self.split = config, num_replicas, split
        self.threads = Threads(num_threads)
        self.layout = lay.market_layout(config)
        self.arena = self.layout.allocate(num_replicas + config.templates)
        self.scratch_longs = lay.scratch_longs(config)
        self._scratch = np.zeros(num_threads * self.scratch_longs, np.int64)
        self.day = day
        rows = NO_DAY if day is None else np.ascontiguousarray(day.rows).view(np.recarray)
        self.arrays = lay.market_arrays(self.arena, config, self._scratch, rows)
        fill_entries(self.arrays.entries, day is not None)
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

    def _day_window(self, start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
        """First and last time of the day at which an episode may start."""
        if self.day is None:
            return 0, 0
        config, rows = self.config, self.day.rows
        require(config.flow is None, config, "flow", "None beside a recorded day", config.flow)
        need, have = self.day.num_slots + config.size.max_clients, config.size.max_orders
        require(have >= need, config.size, "max_orders", f">= {need} for this day and its agents", have)
        first = int(rows["ts_ns"][0]) if start_ns is None else start_ns
        end = int(rows["ts_ns"][-1]) if end_ns is None else end_ns
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
                lay.init_row(m, self.layout, self.config, row)
                run = m.runs[row * self.stride]
                reserve_slots(m.book, int(run.books), m.plays, int(run.plays), self.day.num_slots, len(self.day))
            else:
                lay.copy_row(m, self.row_longs, row - 1, row)
            skip_day(m, row * self.stride, first + span * k // self.config.templates)

    def _make_templates(self) -> None:
        if self.day is not None:
            self._make_day_templates()
            return
        config = self.config
        burn_in = config.burn_in_ns
        if burn_in is None:
            burn_in = int(5e9 / config.flow.cancel_rate) if config.flow else 0
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
        seeds = np.arange(self.num_replicas) + seed if np.ndim(seed) == 0 else np.asarray(seed)
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
            reset_rows(self.arrays, first, last, self.stride, self.row_longs, self.num_replicas, self.config.templates,
                       mask, self._keys)  # fmt: skip

        self.threads.run(self.num_replicas, work)
        for i in np.flatnonzero(mask):
            self._check_room(int(i))

    # --- time

    def advance(self, until_ns: int | np.ndarray) -> np.ndarray:
        """Run every replica to `until_ns` (one time, or int64 (num_replicas,)), events at that time included.

        Returns: int64 (num_replicas,), why each came back: STOP_TIME, STOP_FILL, STOP_CLOSE.
        Raises: CapacityError naming the structure that was too small, its size, and the setting to raise.
        """
        require(
            bool((self.episodes >= 0).all()), "Market", "advance", "called after `reset`", "a replica without a world"
        )
        until = np.broadcast_to(np.asarray(until_ns, np.int64), (self.num_replicas,)).copy()

        def work(first: int, last: int, thread: int) -> None:
            advance_rows(self.arrays, first, last, self.stride, thread * self.scratch_longs, self.config.size.tape,
                         until, self._stops)  # fmt: skip

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

    # --- orders

    def _run(self, replica: int) -> int:
        require(
            0 <= replica < self.num_replicas, "Market", "replica", f"in [0, {self.num_replicas})", replica, OrderError
        )
        require(self.episodes[replica] >= 0, "Market", "replica", "one that has been reset", replica, OrderError)
        return replica * self.stride

    def _agent(self, agent: int | str) -> int:
        names = [p.name for p in self.config.participants]
        index = names.index(agent) if isinstance(agent, str) and agent in names else agent
        known = isinstance(index, (int, np.integer)) and 0 <= index < len(names)
        require(known, "Market", "agent", f"one of {names} or its index", agent, OrderError)
        return int(index)

    def _book(self, book: int) -> None:
        books = self.config.num_books
        require(0 <= book < books, "Market", "book", f"in [0, {books})", book, OrderError)

    def _symbol(self, symbol: int) -> None:
        symbols = len(self.config.symbols)
        require(0 <= symbol < symbols, "Market", "symbol", f"in [0, {symbols})", symbol, OrderError)

    def send(self, side: int, qty: int, price: int | None = None, *, replica: int = 0, agent: int | str = 0,
             book: int = 0, order_type: int | None = None, tif: int = GTC, display_qty: int | None = None,
             stop_price: int | None = None, peg: int = 0, offset: int = 0, post_only: int = 0,
             expire_ns: int = NIL) -> int:  # fmt: skip
        """Send a new order from an agent's node; it arrives at the venue one link latency later.

        Args:
            side: `BUY` or `SELL`.
            qty: lots, > 0.
            price: ticks; None for a market order.
            book: `venue * num_symbols + symbol`.
        Returns: the client order (>= 0), or minus the `Reason` for which the agent's own node stopped it.
        Raises: OrderError for an argument that is not of this form.
        """
        require(side in (BUY, SELL), "Market.send", "side", "BUY (0) or SELL (1)", side, OrderError)
        require(0 < qty < 2**31, "Market.send", "qty", "in [1, 2**31) lots", qty, OrderError)
        require(price is None or 0 < price < 2**31, "Market.send", "price", "in [1, 2**31) ticks", price, OrderError)
        self._book(book)
        for name, value in (("display_qty", display_qty), ("stop_price", stop_price)):
            require(value is None or 0 <= value < 2**31, "Market.send", name, "in [0, 2**31)", value, OrderError)
        require(-(2**31) <= offset < 2**31, "Market.send", "offset", "in [-2**31, 2**31) ticks", offset, OrderError)
        for name, value in (("tif", tif), ("peg", peg), ("post_only", post_only)):
            require(0 <= value < 256, "Market.send", name, "one of the engine's constants", value, OrderError)
        if order_type is None:
            order_type = MARKET if price is None else LIMIT
        shown = NIL if display_qty is None else display_qty
        stop = NIL if stop_price is None else stop_price
        r = self._run(replica)
        client = send_new(self.arrays, r, self._agent(agent), book, side, order_type, tif,
                          NIL if price is None else price, qty, shown, stop, peg, offset, post_only, expire_ns,
                          self.arrays.runs[r].now_ns)  # fmt: skip
        self._check_room(replica)
        return int(client)

    def _change(self, client: int, kind: int, price: int, qty: int, replica: int) -> bool:
        run = self._run(replica)
        live = 0 <= client < self.config.size.max_clients and self.client(client, replica=replica)["state"] != 0
        require(live, "Market", "client", "an order that has not ended", client, OrderError)
        sent = send_change(self.arrays, run, client, kind, price, qty, self.arrays.runs[run].now_ns)
        self._check_room(replica)
        return bool(sent)

    def cancel(self, client: int, *, replica: int = 0) -> bool:
        """Ask for the cancel of an order; False if that is pending already."""
        return self._change(client, M_CANCEL, NIL, 0, replica)

    def reduce(self, client: int, qty: int, *, replica: int = 0) -> bool:
        """Ask to take `qty` lots off an order; it keeps its place."""
        require(0 < qty < 2**31, "Market.reduce", "qty", "in [1, 2**31) lots", qty, OrderError)
        return self._change(client, M_REDUCE, NIL, qty, replica)

    def replace(self, client: int, price: int, qty: int, *, replica: int = 0) -> bool:
        """Ask for another price and open quantity; the order goes to the back of its queue."""
        require(0 < qty < 2**31, "Market.replace", "qty", "in [1, 2**31) lots", qty, OrderError)
        require(0 < price < 2**31, "Market.replace", "price", "in [1, 2**31) ticks", price, OrderError)
        return self._change(client, M_REPLACE, price, qty, replica)

    def kill(self, agent: int | str = 0, *, replica: int = 0) -> None:
        """Pull an agent's kill switch: it sends no new orders, and `cancel_all` travels to every venue."""
        r = self._run(replica)
        kill(self.arrays, r, self._agent(agent), self.arrays.runs[r].now_ns)
        self._check_room(replica)

    def liquidate(
        self, agent: int | str = 0, *, replica: int = 0, symbol: int = 0, unfilled_penalty_ticks: int = 20
    ) -> int:
        """Close an agent's inventory at the touch against what others show, level by level; returns the lots closed.

        The liquidator takes the other side; the book is not touched. What the displayed book cannot take is priced
        `unfilled_penalty_ticks` beyond its worst level.
        """
        r, p = self._run(replica), self._agent(agent)
        self._symbol(symbol)
        mark(self.arrays, r, p, symbol)
        return int(liquidate(self.arrays, r, p, symbol, unfilled_penalty_ticks))

    # --- what is known, and what is true

    def client(self, client: int, *, replica: int = 0) -> dict[str, int]:
        """One order as its sender books it (`state` 0: over and forgotten)."""
        c = self.arrays.clients[self.arrays.runs[self._run(replica)].clients + client]
        names = (
            "state",
            "pending",
            "book",
            "side",
            "price",
            "leaves_qty",
            "filled_qty",
            "sent_ns",
            "ack_ns",
            "next_price",
            "next_qty",
        )
        return {name: int(c[name]) for name in names}

    def orders(self, agent: int | str = 0, *, replica: int = 0) -> list[dict[str, int]]:
        """The agent's orders that it has not heard the end of, newest first, as it knows them."""
        run = self.arrays.runs[self._run(replica)]
        i = int(self.arrays.traders[run.traders + self._agent(agent)].client_head)
        found = []
        while i >= 0:
            found.append({"client": i, **self.client(i, replica=replica)})
            i = int(self.arrays.clients[run.clients + i].next)
        return found

    def observe(self, agent: int | str = 0, *, replica: int = 0, book: int = 0, levels: int = 10) -> dict[str, Any]:
        """What an agent knows of a book now, through its feed and its reports; never what the venue knows.

        Returns: bids and asks, int64 (<= levels, 2) of price and lots; heard_ts_ns and age_ns of the newest record
        heard; gaps; prints and volumes heard; inventory, cash, fees, fills and open orders as reported.
        """
        require(1 <= levels <= 64, "Market.observe", "levels", "in [1, 64]", levels, OrderError)
        self._book(book)
        r, p = self._run(replica), self._agent(agent)
        m, run = self.arrays, self.arrays.runs[self._run(replica)]
        run.scratch, run.scratch_cap = 0, self.config.size.tape
        conn = m.conns[run.conns + p * self.config.num_books + book]
        v = int(run.views + conn.feed)
        hear(m, r, v, run.now_ns)
        bids, asks = undo(m, r, m.views[v], run.now_ns)
        out = np.zeros((2, levels, 2), np.int64)
        flat = out.reshape(-1)
        sizes = [known_levels(m, r, v, s, levels, n, flat, 2 * levels * s) for s, n in ((BUY, bids), (SELL, asks))]
        view, trader = m.views[v], m.traders[run.traders + p]
        return {
            "bids": out[0, : sizes[0]], "asks": out[1, : sizes[1]], "heard_ts_ns": int(view.heard_ts_ns),
            "age_ns": int(run.now_ns - view.heard_ts_ns), "gaps": int(view.gaps), "prints": int(view.prints),
            "last_print": int(view.last_print),
            "volume_buy": int(view.volume_buy), "volume_sell": int(view.volume_sell),
            "inventory": int(conn.known_position), "cash": int(trader.known_cash), "fees": int(trader.known_fees),
            "fills": int(trader.fills_heard), "report_gaps": int(trader.gaps_seen), "rejects": int(trader.rejects),
            "last_reason": Reason(int(trader.last_reason)).name, "killed": bool(trader.killed),
            "orders": self.orders(agent, replica=replica),
        }  # fmt: skip

    def account(self, agent: int | str = 0, *, replica: int = 0, symbol: int = 0) -> dict[str, int]:
        """An agent's true account: money in 1/fee_unit of tick x lot, marked now."""
        self._symbol(symbol)
        r, p = self._run(replica), self._agent(agent)
        mark_x2 = int(mark(self.arrays, r, p, symbol))
        run = self.arrays.runs[r]
        a = self.arrays.accounts[run.accounts + p * len(self.config.symbols) + symbol]
        values = {name: int(a[name]) for name in a.dtype.names}
        unit = self.config.fee_unit
        values["equity"] = int(equity(a, mark_x2, unit))
        values["unrealized"] = values["inventory"] * mark_x2 * (unit // 2) - values["basis"]
        return values

    def value(self, *, replica: int = 0, symbol: int = 0, ts_ns: int | None = None) -> float:
        """The fundamental value of a symbol, in ticks, now or at an earlier `ts_ns`; the truth, which no agent sees.

        The last 64 grid points of the episode are kept; an older time gives the oldest of them. Without a `ValueConfig`
        it is the start price.
        """
        self._symbol(symbol)
        r = self._run(replica)
        now = int(self.arrays.runs[r].now_ns)
        require(ts_ns is None or 0 <= ts_ns <= now, "Market.value", "ts_ns", f"in [0, {now}]", ts_ns, OrderError)
        return float(value_at(self.arrays, r, symbol, now if ts_ns is None else ts_ns))

    def true_book(self, *, replica: int = 0, book: int = 0, levels: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The book as it is at the venue: (bids, asks), int64 (<= levels, 2) of price and displayed lots."""
        self._book(book)
        run = self.arrays.runs[self._run(replica)]
        h = int(run.books + book)
        sides = []
        for side, none in ((BUY, NO_BID), (SELL, NO_ASK)):
            rows: list[tuple[int, int]] = []
            price = int(best_shown(self.arrays.book, h, side))
            while price != none and len(rows) < levels:
                rows.append((price, int(shown_qty(self.arrays.book, h, side, price))))
                price = int(next_shown(self.arrays.book, h, side, price))
            sides.append(np.array(rows, np.int64).reshape(-1, 2))
        return sides[0], sides[1]

    def counters(self, replica: int = 0) -> dict[str, int]:
        """What happened in a replica: messages served, candidates without effect, refusals, losses, peaks."""
        run = self.arrays.runs[self._run(replica)]
        names = (
            "served",
            "served_flow",
            "idle_candidates",
            "gateway_refused",
            "flow_pool_full",
            "skipped_far",
            "lost_orders",
            "lost_reports",
            "cal_peak",
            "msgs_peak",
        )
        return {name: int(run[name]) for name in names}

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
