"""Pre-trade risk at a venue's door: only what that venue knows, open orders at their worst case."""

from numpy import int64

from qsl_envs.engine.constants import MARKET, NO_ASK, NO_BID, STOP
from qsl_envs.engine.reasons import Reason
from qsl_envs.engine.views import best_shown
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number, venue_number
from qsl_envs.market.rules import tick_step

NONE = int(Reason.NONE)
KILLED = int(Reason.KILLED)
HALTED = int(Reason.HALTED)
MAX_ORDER_QTY = int(Reason.MAX_ORDER_QTY)
MAX_INVENTORY = int(Reason.MAX_INVENTORY)
MAX_NOTIONAL = int(Reason.MAX_NOTIONAL)
MAX_OPEN_ORDERS = int(Reason.MAX_OPEN_ORDERS)
MESSAGE_RATE = int(Reason.MESSAGE_RATE)
COLLAR = int(Reason.PRICE_OUTSIDE_COLLAR)
VENUE_CLOSED = int(Reason.VENUE_CLOSED)
OFF_TICK = int(Reason.OFF_TICK)


@kernel(inline=True)
def gate_of(m, r, trader, book):
    """Absolute index of a participant's GATE record at a book."""
    return m.runs[r].gates + trader * m.runs[r].num_books + book


@kernel(inline=True)
def venue_gate_of(m, r, trader, book):
    """Absolute index of the GATE record that counts for the whole venue of a book: that of the venue's first book."""
    return m.runs[r].gates + trader * m.runs[r].num_books + book - symbol_number(m.runs[r], book)


@kernel(inline=True)
def worst_price(m, h, side, order_type, price):
    """The price at which an order's notional is counted: its limit or stop price, or for a market order the
    opposite touch.
    """
    return price if order_type != MARKET and price > 0 else touch_price(m, h, side)


@kernel
def touch_price(m, h, side):
    """Best price shown on the other side of an order, else that of the last trade, else 0."""
    touch = best_shown(m.book, h, side ^ 1)
    if touch == NO_BID or touch == NO_ASK:
        last = m.book.books[h].last_price
        return last if last > 0 else 0
    return touch


@kernel(inline=True)
def spend_token(gate, trader, now_ns):
    """Count a message in the token bucket (its state is one theoretical arrival time); True if there was a token."""
    if trader.message_gap_ns == 0:
        return True
    tat = gate.tat_ns if gate.tat_ns > now_ns else now_ns
    if tat - now_ns > trader.message_burst_ns:
        return False
    gate.tat_ns = tat + trader.message_gap_ns
    return True


@kernel(inline=True)
def lean(gate, side):
    """Lots that a participant would hold on an order's side if all its open orders there were filled."""
    return (gate.position ^ -side) + side + (gate.open_both >> (side << 5) & 0xFFFF_FFFF)


@kernel
def refusal(m, r, trader_index, book, side, order_type, price, qty, replaced_qty, replaced_price, now_ns):
    """First of the limits that an order breaks, in the order in which they are looked at; NONE when it breaks none."""
    run = m.runs[r]
    gate = m.gates[gate_of(m, r, trader_index, book)]
    whole = m.gates[venue_gate_of(m, r, trader_index, book)]
    trader = m.traders[run.traders + trader_index]
    venue = m.venues[run.venues + venue_number(run, book)]
    if venue.halted != 0 or m.rules[run.rules + book].halted != 0:
        return HALTED
    if now_ns >= run.close_ns:
        return VENUE_CLOSED
    if gate.blocked != 0:
        return KILLED
    if qty > trader.max_order_qty or qty > venue.max_order_qty:
        return MAX_ORDER_QTY
    if replaced_qty == 0 and whole.num_open >= trader.max_open_orders:
        return MAX_OPEN_ORDERS
    if lean(gate, side) - replaced_qty + qty > gate.max_inventory:
        return MAX_INVENTORY
    worst = worst_price(m, run.books + book, side, order_type, price)
    if whole.open_notional - replaced_qty * replaced_price + worst * qty > whole.max_notional:
        return MAX_NOTIONAL
    return NONE


@kernel(inline=True)
def check_new(m, r, trader_index, book, side, order_type, price, qty, replaced_qty, replaced_price, now_ns):
    """Reason (0: none) to refuse a new order, or a replace that frees `replaced_qty` lots at `replaced_price`."""
    run = m.runs[r]
    h = run.books + book
    gate = m.gates[gate_of(m, r, trader_index, book)]
    whole = m.gates[venue_gate_of(m, r, trader_index, book)]
    trader = m.traders[run.traders + trader_index]
    venue = m.venues[run.venues + venue_number(run, book)]
    if not spend_token(whole, trader, now_ns):
        return MESSAGE_RATE
    worst = worst_price(m, h, side, order_type, price)
    # one branch for all limits: what is left of each, joined, has the sign bit when any is overrun
    left = (int64(trader.max_order_qty) - qty) | (venue.max_order_qty - qty) | (run.close_ns - 1 - now_ns)
    left |= -(venue.halted | m.rules[run.rules + book].halted | int64(gate.blocked))
    left |= int64(trader.max_open_orders) - whole.num_open - 1
    left |= int64(gate.max_inventory) - (lean(gate, side) - replaced_qty + qty)
    left |= whole.max_notional - whole.open_notional + replaced_qty * replaced_price - worst * qty
    if left < 0:
        reason = refusal(m, r, trader_index, book, side, order_type, price, qty, replaced_qty, replaced_price, now_ns)
        if reason != NONE:
            return reason
    if venue.collar_ticks | (venue.ticks_end - venue.ticks_at) != 0 and order_type != MARKET and price > 0:
        return off_price(m, h, venue, side, order_type, price)
    return NONE


@kernel
def off_price(m, h, venue, side, order_type, price):
    """Reason (0: none) to refuse a limit: too far from the touch of its side, or between two steps."""
    if order_type != STOP and venue.collar_ticks > 0:
        touch = best_shown(m.book, h, side)
        if touch != NO_BID and touch != NO_ASK and abs(price - touch) > venue.collar_ticks:
            return COLLAR
    if venue.ticks_at != venue.ticks_end and price % tick_step(m, venue, price) != 0:
        return OFF_TICK
    return NONE


@kernel(inline=True)
def open_order(gate, whole, side, price, qty):
    """Count an order that rests now, in its book's gate and in that of the whole venue."""
    gate.open_both += qty << (side << 5)  # without a branch: sides come as they like
    whole.open_notional += price * qty
    whole.num_open += 1


@kernel(inline=True)
def shrink_order(gate, whole, side, price, qty, gone):
    """Take `qty` lots of an open order off the count, and the order itself when it is gone."""
    gate.open_both -= qty << (side << 5)
    whole.open_notional -= price * qty
    whole.num_open -= 1 if gone else 0
