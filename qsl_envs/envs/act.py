"""From an action to messages: what it wants, and the difference from what stands or is on its way."""

from numpy import float64, int64

from qsl_envs.engine.constants import BUY, NIL, PRICE_MAX, SELL
from qsl_envs.envs.places import desk_of, seat_of
from qsl_envs.envs.state import ARBITRAGE, CHOOSE_QUOTE, EXECUTE, QUOTE, ROUTE
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.books import symbol_number
from qsl_envs.market.client import known_inventory
from qsl_envs.market.targets import qty_in_takes, quote_side, take

QUOTE_NUMBERS = 4
"""Numbers of an action that quotes one book: bid offset, ask offset, bid size, ask size."""


@kernel(inline=True)
def scaled(value, low, high):
    """The whole number that a value in [-1, 1] stands for: -1 is `low`, 1 is `high`; clipped outside; halves up."""
    a = min(max(float64(value), -1.0), 1.0)
    return low + int64((a + 1.0) * 0.5 * (high - low) + 0.5)


@kernel(inline=True)
def signed(value, most):
    """The whole number that a value in [-1, 1] stands for: 0 is none, 1 is `most`, -1 minus that; clipped; halves
    away from 0.
    """
    a = min(max(float64(value), -1.0), 1.0)
    return int64(a * most + 0.5) if a >= 0 else -int64(-a * most + 0.5)


@kernel
def act(m, r, w, i, s, actions, now_ns):
    """Send what makes the seat's orders those that its action asks for; `actions` is flat float32."""
    run = m.runs[r]
    seat = w.seats[seat_of(w, i, s)]
    role = w.roles[seat.role]
    at = role.act_base + (i * role.seats + seat.index) * role.act_width
    if role.action == QUOTE:
        for symbol in range(run.num_symbols):
            quote_book(m, r, w, i, s, symbol, actions, at + QUOTE_NUMBERS * symbol, now_ns)
    elif role.action == CHOOSE_QUOTE:
        quote_book(m, r, w, i, s, 0, w.table, role.table_at + QUOTE_NUMBERS * int64(actions[at]), now_ns)
    elif role.action == EXECUTE:
        execute(m, r, w, i, s, actions, at, now_ns)
    elif role.action == ROUTE:
        route(m, r, w, i, s, actions, at, now_ns)
    elif role.action == ARBITRAGE:
        arbitrage(m, r, w, i, s, actions, at, now_ns)
    else:
        go_to_target(m, r, w, i, s, actions, at, now_ns)


@kernel
def target_quotes(role, seat, desk, inventory, numbers, at):
    """Prices (ticks) and lots that four numbers in [-1, 1] ask for: (bid, bid_qty, ask, ask_qty).

    Offsets count from the known mid; half ticks round away from it. Neither price crosses what others are known to show
    on the other side, and the two do not meet. Lots are cut to what the inventory limit leaves, as far
    as the agent knows.
    """
    bid = (desk.mid_x2 - 2 * scaled(numbers[at], role.min_offset, role.max_offset)) >> 1
    ask = (desk.mid_x2 + 2 * scaled(numbers[at + 1], role.min_offset, role.max_offset) + 1) >> 1
    if desk.ask != NIL:
        bid = min(bid, desk.ask - 1)
    if desk.bid != NIL:
        ask = max(ask, desk.bid + 1)
    if bid >= ask:  # a whole mid and no offset on either side
        bid, ask = bid - 1, ask + 1
    bid_qty = min(scaled(numbers[at + 2], 0, role.max_quote_qty), seat.max_inventory - inventory)
    ask_qty = min(scaled(numbers[at + 3], 0, role.max_quote_qty), seat.max_inventory + inventory)
    if bid < 1:
        bid_qty = 0
    if ask > PRICE_MAX:
        ask_qty = 0
    return bid, max(bid_qty, 0), ask, max(ask_qty, 0)


@kernel
def quote_book(m, r, w, i, s, book, numbers, at, now_ns):
    """Make a book's quotes those that four numbers ask for."""
    seat, desk = w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, book)]
    role = w.roles[seat.role]
    inventory = known_inventory(m, r, s, symbol_number(m.runs[r], book))
    bid, bid_qty, ask, ask_qty = target_quotes(role, seat, desk, inventory, numbers, at)
    quote_both(m, r, s, book, desk, bid, bid_qty, ask, ask_qty, role.post_only, now_ns)


@kernel
def quote_both(m, r, s, book, desk, bid, bid_qty, ask, ask_qty, post_only, now_ns):
    """Send what makes the seat's quotes those of the target: the side that moves away from the other one first."""
    if bid > desk.target_bid:
        quote_side(m, r, s, book, SELL, ask, ask_qty, post_only, now_ns)
        quote_side(m, r, s, book, BUY, bid, bid_qty, post_only, now_ns)
    else:
        quote_side(m, r, s, book, BUY, bid, bid_qty, post_only, now_ns)
        quote_side(m, r, s, book, SELL, ask, ask_qty, post_only, now_ns)
    desk.target_bid, desk.target_ask = bid, ask


@kernel(inline=True)
def touch_to_take(desk, side, beyond):
    """Limit price of an order that takes on `side`: the known touch and `beyond` ticks more; NIL without a touch."""
    if side == BUY:
        return NIL if desk.ask == NIL else min(desk.ask + beyond, PRICE_MAX)
    return NIL if desk.bid == NIL else max(desk.bid - beyond, 1)


@kernel(inline=True)
def price_to_rest(desk, side, offset):
    """Price of a passive order `offset` ticks behind the known own touch, or behind the known mid without one."""
    if side == BUY:
        touch = desk.bid if desk.bid != NIL else (desk.mid_x2 >> 1)
        return max(touch - offset, 1)
    touch = desk.ask if desk.ask != NIL else ((desk.mid_x2 + 1) >> 1)
    return min(touch + offset, PRICE_MAX)


@kernel
def rest_alone(m, r, s, book, side, price, qty, now_ns):
    """Let `qty` lots stand at a price on one side of a book, and nothing on the other."""
    quote_side(m, r, s, book, side ^ 1, NIL, 0, 0, now_ns)
    quote_side(m, r, s, book, side, price, qty, 0, now_ns)


@kernel
def left_to_trade(m, r, s, symbol, target):
    """(side, lots) that bring the known inventory of a symbol, and what is on its way to be taken, to `target`."""
    held = known_inventory(m, r, s, symbol)
    held += qty_in_takes(m, r, s, symbol, BUY) - qty_in_takes(m, r, s, symbol, SELL)
    return (BUY, target - held) if target >= held else (SELL, held - target)


@kernel
def execute(m, r, w, i, s, actions, at, now_ns):
    """Share of the rest to take now; share of what then is left to rest; how far behind the touch."""
    desk, role = w.desks[desk_of(w, i, s, 0)], w.roles[w.seats[seat_of(w, i, s)].role]
    side, left = left_to_trade(m, r, s, 0, 0)
    limit = touch_to_take(desk, side, role.take_ticks)
    now = scaled(actions[at], 0, left) if limit != NIL else 0
    rest = scaled(actions[at + 1], 0, left - now)
    price = price_to_rest(desk, side, scaled(actions[at + 2], 0, role.max_offset))
    rest_alone(m, r, s, 0, side, price, rest, now_ns)
    take(m, r, s, 0, side, limit, now, now_ns)


@kernel
def route(m, r, w, i, s, actions, at, now_ns):
    """For each venue: share of the rest to take there now, share of it to rest at the touch there; in turn, as far as
    the rest goes.
    """
    run, role = m.runs[r], w.roles[w.seats[seat_of(w, i, s)].role]
    side, left = left_to_trade(m, r, s, 0, 0)
    whole = left
    for venue in range(run.num_venues):
        book = venue * run.num_symbols
        desk = w.desks[desk_of(w, i, s, book)]
        limit = touch_to_take(desk, side, role.take_ticks)
        now = min(left, scaled(actions[at + 2 * venue], 0, whole)) if limit != NIL else 0
        left -= now
        take(m, r, s, book, side, limit, now, now_ns)
    for venue in range(run.num_venues):
        book = venue * run.num_symbols
        desk = w.desks[desk_of(w, i, s, book)]
        rest = min(left, scaled(actions[at + 2 * venue + 1], 0, whole))
        left -= rest
        rest_alone(m, r, s, book, side, price_to_rest(desk, side, 0), rest, now_ns)


@kernel
def arbitrage(m, r, w, i, s, actions, at, now_ns):
    """For each venue: lots to buy (sell, when negative) now, at its known touch; cut to what the limit leaves."""
    run, seat = m.runs[r], w.seats[seat_of(w, i, s)]
    role = w.roles[seat.role]
    held = known_inventory(m, r, s, 0)
    long = held + qty_in_takes(m, r, s, 0, BUY)
    short = qty_in_takes(m, r, s, 0, SELL) - held
    for venue in range(run.num_venues):
        book = venue * run.num_symbols
        desk = w.desks[desk_of(w, i, s, book)]
        wanted = signed(actions[at + venue], role.max_quote_qty)
        side = BUY if wanted > 0 else SELL
        limit = touch_to_take(desk, side, role.take_ticks)
        if limit != NIL:
            # each leg counts by itself: a hedge may not come
            qty = min(abs(wanted), seat.max_inventory - (long if side == BUY else short))
            take(m, r, s, book, side, limit, qty, now_ns)
            if side == BUY:
                long += max(qty, 0)
            else:
                short += max(qty, 0)


@kernel
def go_to_target(m, r, w, i, s, actions, at, now_ns):
    """Inventory wanted, as a share of the limit; and how to come there: below 0 by resting (-1 at the touch, towards 0
    behind it), from 0 on by taking.
    """
    seat, desk = w.seats[seat_of(w, i, s)], w.desks[desk_of(w, i, s, 0)]
    role = w.roles[seat.role]
    side, left = left_to_trade(m, r, s, 0, signed(actions[at], seat.max_inventory))
    if actions[at + 1] >= 0:
        quote_side(m, r, s, 0, BUY, NIL, 0, 0, now_ns)
        quote_side(m, r, s, 0, SELL, NIL, 0, 0, now_ns)
        limit = touch_to_take(desk, side, role.take_ticks)
        if limit != NIL:
            take(m, r, s, 0, side, limit, left, now_ns)
    else:
        offset = scaled(2.0 * float64(actions[at + 1]) + 1.0, 0, role.max_offset)
        rest_alone(m, r, s, 0, side, price_to_rest(desk, side, offset), left, now_ns)
