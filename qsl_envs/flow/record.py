"""What a book's background flow is made of: a FLOW record for what every model has, a MODEL record for the rest."""

from __future__ import annotations

from qsl_envs.engine.state import record

BLOCK = 32
"""Candidates drawn at a time."""
BLOCK_LONGS = 3 * BLOCK
"""int64 cells of a block: times, words, lives."""

POISSON, CST, HAWKES, QUEUE_REACTIVE = 0, 1, 2, 3
"""FLOW.model"""

IDLE, REST, HIT, PULL = -1, 0, 1, 2
"""What a candidate does: nothing, a limit order, a market order, a cancel."""

FLOW_RECORD = record(
    384,
    ("mean_gap_ns", "f8"),
    ("mean_life_ns", "f8"),  # between two ticks of a cancel clock
    ("clock_skey", "i8"),
    ("word_skey", "i8"),
    ("life_skey", "i8"),
    ("size_skey", "i8"),
    ("first", "i8"),  # number of the first candidate of the block
    ("at", "i8"),  # place of the next candidate in the block
    ("last_ns", "i8"),  # time of the last candidate drawn
    ("block", "i8"),  # start of the block in the int64 view
    ("births", "i8"),  # start of the candidate numbers by slot in the int64 view
    ("cut_market_buy", "i8"),  # of 2**32: thresholds of the kind draw
    ("cut_market", "i8"),
    ("cut_limit_buy", "i8"),
    ("ticks", "i8"),
    ("qty_low", "i8"),
    ("qty_high", "i8"),
    ("seen_bid", "i8"),  # last best prices, for when a side is empty
    ("seen_ask", "i8"),
    ("active", "i8"),
    ("mirror", "i8"),  # 1: the side of each draw is turned round
    ("volume", "i8"),  # lots traded in the book in the impact window, and the one before
    ("volume_before", "i8"),
    ("window_start_ns", "i8"),
    ("trades", "i8"),
    ("traded_qty", "i8"),
    ("tilt", "f8"),  # lean of market orders towards the value, of limit orders, and per half tick of distance
    ("limit_tilt", "f8"),
    ("per_half_tick", "f8"),
    ("lean_skey", "i8"),
    ("model", "i8"),
    ("clocks", "i8"),  # 1: each order has its own cancel clock
    ("blind", "i8"),  # 1: does not see participants' orders
    ("thinned", "i8"),  # 1: candidates come faster than the rates in force, and are thinned
    ("market_scale", "f8"),  # factors on the rates now; a schedule of regimes may write them, up to `headroom`
    ("limit_scale", "f8"),
    ("cancel_scale", "f8"),
    ("profile_factor", "f8"),  # of the time of day
    ("inv_top", "f8"),  # 1 / (largest factor of the profile x headroom)
    ("profile_next_ns", "i8"),
    ("profile_at", "i8"),  # next step of the profile in the tables; the first one and the end
    ("profile_first", "i8"),
    ("profile_end", "i8"),
    ("thin_skey", "i8"),
    ("tick_skey", "i8"),
    ("cancel_table", "i8"),  # shares of the largest cancel rate by distance, in the tables; NIL: one rate
    ("num_cancel", "i8"),
    ("start_table", "i8"),  # orders to expect at each distance of a new book, in the tables; NIL: the same at each
)
"""Background flow of one book: rates, keys, the block in hand, what is in force now."""

MODEL_RECORD = record(
    256,
    # what the last candidate was decided to do
    ("side", "i8"),
    ("price", "i8"),
    ("qty", "i8"),
    ("slot", "i8"),
    ("pick_skey", "i8"),  # draws that choose an order to cancel, among other things
    ("limit_table", "i8"),  # of 2**32: thresholds of the distance of a limit order, in the tables
    ("num_distances", "i8"),
    # queue-reactive
    ("type_table", "i8"),  # of 2**32: thresholds of the types of candidates
    ("rate_table", "i8"),  # rates by type and queue, as shares of the type's largest
    ("max_queue", "i8"),
    ("unit_qty", "i8"),
    ("reach", "i8"),
    ("theta", "f8"),
    ("ref_x2", "i8"),
    ("refused_x2", "i8"),  # the reference price that it last declined to move to
    # Hawkes
    ("start_types", "i8"),  # thresholds of an immigrant's type; by type: children to expect, their types, their delays
    ("family", "i8"),
    ("immigrant", "i8"),  # number of the next immigrant, and its time
    ("immigrant_ns", "i8"),
    ("pending", "i8"),  # heap of children to come, in the calendar's view
    ("num_pending", "i8"),
    ("max_pending", "i8"),
    ("key", "i8"),  # of the candidate taken last, and its type
    ("kind", "i8"),
    ("hear_skey", "i8"),  # of the children of participants' orders
    ("full_orders", "i8"),  # orders a side at which every cancel candidate acts
)
"""What only some models have, one record a book when the market's model is another than Poisson."""
