"""The market for people: N replicas of venues, network, accounts and flow behind one object."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.engine.constants import BUY, GTC, LIMIT, MARKET, NIL, NO_ASK, NO_BID, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.views import best_shown, next_shown, shown_qty
from qsl_envs.errors import OrderError, require
from qsl_envs.market.client import kill, send_change, send_new
from qsl_envs.market.closing import liquidate
from qsl_envs.market.constants import M_CANCEL, M_REDUCE, M_REPLACE
from qsl_envs.market.events import to_table
from qsl_envs.market.feed import hear, known_levels, undo
from qsl_envs.market.fundamental import value_at
from qsl_envs.market.ledger import equity
from qsl_envs.market.marks import mark
from qsl_envs.market.population import member_number
from qsl_envs.market.replicas import STOP_NAMES, Replicas

__all__ = ["STOP_NAMES", "Market"]


class Market(Replicas):
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
        record: rows of the recorded tape that each replica keeps until `events` takes them; 0: nothing is recorded.
            A full tape brings `advance` back with STOP_RECORD. What is recorded changes no trajectory.
    """

    # --- orders

    def _agent(self, agent: int | str) -> int:
        index = member_number(self.config, agent) if isinstance(agent, str) else agent
        known = isinstance(index, (int, np.integer)) and 0 <= index < self.num_traders
        if not known:
            names = [p.name for p in self.config.participants]
            allowed = f"one of {names}, a member of the population, or its number"
            require(False, "Market", "agent", allowed, agent, OrderError)
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

        The liquidator takes the other side, the first venue its taker's fee; the book is not touched. What the
        displayed book cannot take is priced `unfilled_penalty_ticks` beyond its worst level.
        """
        r, p = self._run(replica), self._agent(agent)
        self._symbol(symbol)
        mark(self.arrays, r, p, symbol)
        return int(liquidate(self.arrays, r, p, symbol, unfilled_penalty_ticks, 0))

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

    # --- the recorded tape

    def events_array(self, replica: int = 0, *, keep: bool = False) -> np.ndarray:
        """The rows recorded in a replica since they were last taken: TAPE_ROW (rows,), see `market.events`.

        A reset begins a new tape. With `keep` the rows stay, and would be returned again.
        Raises: OrderError if the market does not record: `Market(..., record=100_000)`.
        """
        self._run(replica)
        recorded = self.recording.rows
        require(recorded > 0, "Market", "record", "> 0 for a market that records its events", recorded, OrderError)
        return self.recording.take(replica, keep)

    def events(self, replica: int = 0, *, keep: bool = False) -> Any:
        """`events_array` as a pyarrow.Table with names in place of numbers; columns: `market.events`.

        Raises: MissingExtraError naming the extra [data], without pyarrow; the rows are not lost.
        """
        table = to_table(self.events_array(replica, keep=True), self.config)
        if not keep:
            self.recording.take(replica, False)
        return table
