"""What background flow sees of a book: all that is shown, or, when it is blind to participants, its own orders."""

from numpy import int64

from qsl_envs.engine.constants import BUY, HOLD_BIT, LIVE_BIT, NIL, NO_ASK, NO_BID
from qsl_envs.engine.state import SIDES
from qsl_envs.engine.views import best_shown, first_order, next_order, next_price, next_shown, shown_qty
from qsl_envs.kernel.jit import kernel


@kernel
def is_flow(m, h, slot):
    """Whether a live order is background flow's."""
    o = m.book.orders[m.book.books[h].orders_base + slot]
    return (o.bits & HOLD_BIT) != 0 or o.owner < 0


@kernel
def flow_qty(m, h, side, price):
    """Lots of the flow's own orders at a price."""
    qty = int64(0)
    base = m.book.books[h].orders_base
    slot = first_order(m.book, h, side, price, 0)
    while slot != NIL:
        if is_flow(m, h, slot):
            qty += int64(m.book.orders[base + slot].leaves_qty)
        slot = next_order(m.book, h, slot)
    return qty


@kernel
def flow_best(m, h, side):
    """Best price at which the flow has an order; NO_BID / NO_ASK when it has none."""
    none = NO_BID if side == BUY else NO_ASK
    price = int64(m.book.sides[SIDES * h + side].best)
    while price != none and flow_qty(m, h, side, price) == 0:
        price = next_price(m.book, h, side, price)
    return price


@kernel
def flow_orders(m, h, side):
    """Number of the flow's own resting orders on a side."""
    b = m.book.books[h]
    count = 0
    for slot in range(int64(b.used_slots)):
        bits = int64(m.book.orders[b.orders_base + slot].bits)
        if (bits & LIVE_BIT) != 0 and (bits & 1) == side and is_flow(m, h, slot):
            count += 1
    return count


@kernel
def seen_best(m, h, flow, side):
    """Best price of a side as the flow sees it; NO_BID / NO_ASK when it sees none."""
    if flow.blind != 0:
        return flow_best(m, h, side)
    return best_shown(m.book, h, side)


@kernel
def seen_qty(m, h, flow, side, price):
    """Lots at a price as the flow sees them."""
    if flow.blind != 0:
        return flow_qty(m, h, side, price)
    return shown_qty(m.book, h, side, price)


@kernel
def seen_orders(m, h, flow, side):
    """Resting orders of a side as the flow sees them."""
    if flow.blind != 0:
        return flow_orders(m, h, side)
    return int64(m.book.sides[SIDES * h + side].num_orders)


@kernel
def look(m, h, flow):
    """Note the best prices of both sides, where there are any."""
    bid, ask = seen_best(m, h, flow, BUY), seen_best(m, h, flow, BUY ^ 1)
    if bid != NO_BID:
        flow.seen_bid = bid
    if ask != NO_ASK:
        flow.seen_ask = ask


@kernel
def takes_all(m, h, flow, side, qty):
    """Whether a market order of `qty` lots would leave nothing that the flow sees on a side of the book."""
    if flow.blind == 0:
        orders = m.book.sides[SIDES * h + side].num_orders
        if orders > qty:  # an order has a lot at least
            return False
        if orders <= 1:
            return True
    none = NO_BID if side == BUY else NO_ASK
    price = seen_best(m, h, flow, side)
    while price != none:
        qty -= seen_qty(m, h, flow, side, price)
        if qty < 0:
            return False
        price = next_price(m.book, h, side, price) if flow.blind != 0 else next_shown(m.book, h, side, price)
    return True


@kernel
def pick_at(m, h, side, price, word_below):
    """Number of the flow's orders at a price (`word_below` NIL), or the slot of the one of that number."""
    count = 0
    slot = first_order(m.book, h, side, price, 0)
    while slot != NIL:
        if is_flow(m, h, slot):
            if count == word_below:
                return slot
            count += 1
        slot = next_order(m.book, h, slot)
    return int64(count if word_below == NIL else NIL)
