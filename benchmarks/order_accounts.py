"""The standard streams with everything on: risk gate, self-trade check, accounts, fees; one venue, no network.

Every new order passes the market's own gate (`market.gate.check_new`: size, open orders, inventory cap and notional cap
with open orders at their worst case, message rate), the engine looks for self-trades at every fill, every fill is
booked on both sides (`market.ledger`: cash, inventory, basis, realized profit, fees and rebates, the venue's account),
and the gate's open lots follow each fill, cancel and reduction. What the market does beyond that is not here: links,
reports under way, the sender's own books, the public tape.

64 participants: 48 whose orders rest, on both sides, and 16 who take. So every check runs and none ever refuses, and
the book does exactly what it does in the other lines: the digest is the same.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import ADD, BUY, CANCEL, EV_FILL, LIMIT, MARKET, MARKET_IOC, NIL, REJECT
from qsl_envs.engine.handles import (
    AHEAD,
    HandleArrays,
    fetch_neighbors,
    fetch_order,
    handle_arrays,
    write_handle_report,
)
from qsl_envs.engine.machine import resume
from qsl_envs.engine.plain import place_plain, reduce_plain, report_of, withdraw_plain
from qsl_envs.engine.pool import slot_of
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.config import MarketConfig, ParticipantConfig, RiskConfig, SizeConfig, SymbolConfig, VenueConfig
from qsl_envs.market.gate import check_new, gate_of, open_order, shrink_order, spend_token, venue_gate_of
from qsl_envs.market.layout import init_row, market_arrays, market_layout
from qsl_envs.market.ledger import (
    MAKER,
    TAKER,
    account_of,
    accrue_short,
    book_trade,
    entity_of_venue,
    pay_fee,
    trade_fee,
)
from qsl_envs.replay.events import EVENT_ROW

MAKERS, TAKERS = 48, 16


def account_market(max_orders: int, window_ticks: int, max_events: int, start_price: int) -> MarketConfig:
    """One venue with fees and self-trade prevention, 64 participants with limits that are wide enough."""
    risk = RiskConfig(
        max_inventory=10**8,
        max_order_qty=10**6,
        max_notional=2**59,
        max_open_orders=2**30,
        messages_per_s=1e9,
        burst=10**9,
    )
    return MarketConfig(
        venues=(VenueConfig(),),
        symbols=(SymbolConfig(start_price=start_price),),
        participants=tuple(ParticipantConfig(name=f"p{k}", risk=risk) for k in range(MAKERS + TAKERS)),
        flow=None,
        size=SizeConfig(max_orders=max_orders, window_ticks=window_ticks, max_events=max_events),
    )


def with_owners(messages: np.ndarray) -> np.ndarray:
    """The same messages, every order with an owner."""
    owned = messages.copy()
    number = np.arange(len(messages), dtype=np.int64) * 2654435761 % 2**32 >> 16
    owned["owner"] = np.where(messages["ioc"] == 0, number % MAKERS, MAKERS + number % TAKERS)
    return owned


class Accounts:
    """The arrays of such a market, at the start of a stream."""

    def __init__(self, config: MarketConfig) -> None:
        layout = market_layout(config)
        self.arena = layout.allocate(1)
        m = market_arrays(self.arena, config, np.zeros(1, np.int64), np.zeros(1, EVENT_ROW).view(np.recarray))
        init_row(m, layout, config, 0)
        self.m = m
        self.r = layout.base("run")
        self.h = int(m.runs[self.r].books)
        self.first = int(m.runs[self.r].accounts)
        self.count = layout.count("accounts")
        m.book.books[self.h].publish = 0  # nobody reads the levels here

    def stream(self, messages: np.ndarray, reports: np.ndarray) -> HandleArrays:
        """A stream for this market's book."""
        return handle_arrays(self.arena, messages, reports)

    def run(self, stream: HandleArrays) -> None:
        """Serve a whole stream."""
        run_accounts(self.m, stream, self.r, self.h, len(stream.messages))

    def check(self) -> None:
        """Nothing may be lost: inventory and cash over all accounts sum to zero.

        Raises:
            RuntimeError: they do not, or nothing was traded.
        """
        mine = self.m.accounts[self.first : self.first + self.count]
        cash, inventory, fills = (int(mine[name].sum()) for name in ("cash", "inventory", "fills"))
        if cash or inventory or not fills or not mine["realized"].any():
            raise RuntimeError(f"accounts: cash {cash}, inventory {inventory}, fills {fills}")


@kernel(inline=True)
def settle(account, venue, venue_account, role, sign, price, qty, fee_unit):
    """Book one side of a fill: account and fee."""
    value = price * qty * fee_unit
    book_trade(account, sign, price, qty, fee_unit)
    fee = trade_fee(venue, role, account.volume, qty, value)
    if fee != 0:
        pay_fee(account, venue_account, fee)


@kernel
def settle_events(m, r, h, side, owner, now_ns):
    """Book the fills among the events, both sides; return their number."""
    if side == BUY:  # a copy for either side: in each the sign is a constant
        return settle_fills(m, r, h, 1, owner, now_ns)
    return settle_fills(m, r, h, -1, owner, now_ns)


@kernel(inline=True)
def settle_fills(m, r, h, sign, owner, now_ns):
    """`settle_events` of a taker who buys (`sign` 1) or sells (-1)."""
    book = m.book.books[h]
    run = m.runs[r]
    base, count = book.events_base, np.int64(book.num_events)
    fee_unit = run.fee_unit
    venue = m.venues[run.venues]
    account = m.accounts[account_of(m, r, owner, 0)]
    venue_account = m.accounts[account_of(m, r, entity_of_venue(m, r, 0), 0)]
    accrue_short(account, now_ns)
    fills = np.int64(0)
    bought = np.int64(0)
    for k in range(base, base + count):
        event = m.book.events[k]
        maker = np.int64(event.owner)
        price, qty, gone = np.int64(event.price), np.int64(event.qty), event.leaves_qty == 0
        gate = m.gates[gate_of(m, r, maker, 0)]
        if event.kind == EV_FILL:
            other = m.accounts[account_of(m, r, maker, 0)]
            accrue_short(other, now_ns)
            settle(account, venue, venue_account, TAKER, sign, price, qty, fee_unit)
            settle(other, venue, venue_account, MAKER, -sign, price, qty, fee_unit)
            gate.position -= sign * qty
            bought += sign * qty
            fills += 1
        whole = m.gates[venue_gate_of(m, r, maker, 0)]
        shrink_order(gate, whole, (1 + sign) >> 1, price, qty, gone)
    m.gates[gate_of(m, r, owner, 0)].position += bought
    return fills


@kernel(inline=True)
def serve_new(m, x, r, h, n):
    """A new order: gate, engine, accounts; return (the report as `plain.place_plain`'s, number of fills)."""
    message = x.messages[n]
    side, price, qty = np.int64(message.side), np.int64(message.price), np.int64(message.qty)
    owner, ioc = np.int64(message.owner), np.int64(message.ioc)
    order_type = MARKET if ioc == MARKET_IOC else LIMIT
    reason = check_new(m, r, owner, 0, side, order_type, price, qty, 0, 0, n)
    if reason != 0:
        m.book.books[h].num_events = 0
        return (REJECT, reason, 0, 0, 0, NIL), 0
    answer = place_plain(m.book, h, side, price, qty, ioc, 0, owner, NIL)
    fills = np.int64(0)
    if m.book.books[h].num_events > 0:
        fills = settle_events(m, r, h, side, owner, n)
        while m.book.books[h].suspended != 0:
            resume(m.book, h, n)
            fills += settle_events(m, r, h, side, owner, n)
            answer = report_of(m.book, h)
    if answer[5] != NIL:
        open_order(m.gates[gate_of(m, r, owner, 0)], m.gates[venue_gate_of(m, r, owner, 0)], side, price, answer[3])
    return answer, fills


@kernel(inline=True)
def serve_less(m, x, r, h, n):
    """A cancel or a reduction: engine, gate; return the report."""
    message = x.messages[n]
    slot = slot_of(m.book, h, message.handle)
    if slot == NIL:
        return withdraw_plain(m.book, h, slot)
    order = m.book.orders[m.book.books[h].orders_base + slot]
    owner, side, price = np.int64(order.owner), np.int64(order.bits) & 1, np.int64(order.price)
    had = np.int64(order.leaves_qty)
    gate, whole = m.gates[gate_of(m, r, owner, 0)], m.gates[venue_gate_of(m, r, owner, 0)]
    spend_token(whole, m.traders[m.runs[r].traders + owner], n)
    if message.action == CANCEL:
        answer = withdraw_plain(m.book, h, slot)
    else:
        answer = reduce_plain(m.book, h, slot, np.int64(message.qty))
    shrink_order(gate, whole, side, price, had - answer[3], answer[3] == 0)
    return answer


@kernel(inline=True)
def serve(m, x, r, h, n):
    """Serve message `n` and report it."""
    if x.messages[n].action == ADD:
        answer, fills = serve_new(m, x, r, h, n)
        write_handle_report(x, h, n, fills, answer)
    else:
        write_handle_report(x, h, n, 0, serve_less(m, x, r, h, n))


@kernel
def run_accounts(m, x, r, h, count):
    """Serve the first `count` messages in order."""
    for n in range(count):
        if n + AHEAD < count:
            fetch_order(x, h, n + AHEAD)
            fetch_neighbors(x, h, n + (AHEAD >> 1))
        serve(m, x, r, h, n)
