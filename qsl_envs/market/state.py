"""What one replica of a market is made of: records, and the views that kernels work on.

A replica's row holds one RUN record, which knows the absolute index of every other section (`bind` writes them).
Kernels take (m, r, ...): `m` the arrays, `r` the index of the RUN record.
"""

import numpy as np

from qsl_envs.engine.state import BookArrays, record
from qsl_envs.flow.record import FLOW_RECORD, MODEL_RECORD
from qsl_envs.kernel.views import Views, inside, outside
from qsl_envs.market.fundamental import FUNDAMENTAL
from qsl_envs.network.state import LINK
from qsl_envs.replay.events import EVENT_ROW
from qsl_envs.replay.playback import PLAY


def whole(size: int, names: str, *rest: tuple) -> np.dtype:
    """A record of int64 fields with the given names, then whatever else is listed."""
    return record(size, *[(name, "i8") for name in names.split()], *rest)


RUN = whole(
    768,
    # the world and its clock (ns from the session's start)
    "world_key now_ns close_ns stop error error_need "
    # where the sections start (absolute indices into their views)
    "books accounts gates conns clients msgs cal wheel wheel_words tapes views venues flows traders "
    "fundamentals models "
    # counts
    "num_venues num_symbols num_books num_traders num_entities num_views max_cal max_msgs max_clients "
    "max_pubs "
    "max_slots "
    # pools and the calendar
    "cal_size msg_free msgs_used msgs_peak client_free clients_used "
    # the wheel of cancel clocks
    "wheel_shift wheel_mask wheel_at wheel_next_ns wheel_code "
    # the next candidate of any flow
    "flow_next_ns flow_book "
    # the recorded day, when there is one
    "plays day_next_ns day_shift_ns "
    # rules
    "fee_unit snapshot_ns heartbeat_ns order_timeout_ns wake_on_fill "
    # counters: messages that venues served, of them from flow; candidates without effect; refused by a full gateway
    "served served_flow idle_candidates gateway_refused flow_pool_full lost_orders lost_reports cal_peak "
    "mirror "
    "impact_window_ns skipped_far scratch scratch_cap stop_trader dirty_head dirty_tail num_changes num_values "
    "num_models flow_hears "
    # participants that are woken: their CROWD record, and when the next of them is
    "crowd crowd_next_ns keeps_tops num_agents "
    # rules of the books; messages that a speed bump held back
    "rules bumped "
    # which of the drawn settings the episode has
    "member ",
)
"""One replica: its clock, its map, its counters."""

ACCOUNT = whole(
    128,
    "cash inventory basis realized fees rebates borrow volume fills mark_x2 initial_cash initial_basis "
    "borrow_rate short_lot_ns"
    " short_since_ns initial_inventory",
)
"""Money of one entity in one symbol, in 1/fee_unit of tick x lot; inventory in lots. The truth, not what anyone knows.

`cash = initial_cash - (basis - initial_basis) + realized - fees + rebates - borrow`, always.
"""

GATE = record(
    64,
    ("position", "i8"),  # lots bought minus sold here
    ("open_notional", "i8"),  # ticks x lots of open orders, at their limit price
    ("tat_ns", "i8"),  # token bucket: theoretical arrival time
    ("open_buy", "i4"),  # lots open, at worst case
    ("open_sell", "i4"),
    ("open_both", "i8", 24),  # the two as one number, buys in its low half: neither is ever negative
    ("num_open", "i4"),
    ("blocked", "i2"),  # kill switch at the venue
    ("ideal", "i2"),  # what is easier here than it is: flags of `market.ideal`
    ("max_inventory", "i4"),  # this venue's share of the participant's cap
    ("venue_volume", "i4"),  # lots traded at the venue in the session; what fee tiers go by
    ("max_notional", "i8"),
    ("own_volume", "i4"),  # lots taken in the impact window, and the one before
    ("own_volume_before", "i4"),
)
"""What one book's risk gate knows of one participant. What counts for a whole venue (`open_notional`, `max_notional`,
`tat_ns`, `num_open`, `venue_volume`) is kept in the record of its first book.
"""

TRADER = whole(
    128,
    # limits (values), what a venue's gate looks at first and in one cache line
    "max_notional message_gap_ns message_burst_ns",
    *[(name, "i4") for name in "max_inventory max_order_qty max_open_orders firm_max_inventory".split()],
    *[(name, "i8") for name in "max_drawdown reaction_ns risk_check_ns known_cash known_fees peak_known".split()],
    # what he knows, firm-wide
    *[
        (name, "i4")
        for name in (
            "client_head num_clients killed reports_heard gaps_seen fills_heard rejects last_reason sent messages_lost"
        ).split()
    ],
)
"""A participant: its limits, and what it has heard. Sizes in lots, money in 1/fee_unit of tick x lot."""

CONN = whole(
    128,
    "up_skey down_skey up_extra_ns down_extra_ns up_last_ns down_last_ns sent reports heard_number known_position "
    "order_skey last_mid_x2",
    # links: orders up, reports down; the view that hears the book's feed
    *[(name, "i4") for name in ("up_link", "down_link", "feed", "up_fifo", "down_fifo", "lossy")],
    ("listens", "i4"),  # what of the feed wakes the participant
    ("next_listener", "i4"),  # line of the next one that the same view wakes, NIL: none
)
"""One participant's line to one book: two links, numbering, and what has come back."""

CLIENT = record(
    128,
    # what its owner asks of each of his orders, in one cache line
    ("state", "i4"),
    ("pending", "i4"),
    ("book", "i4"),
    ("side", "i4"),
    ("price", "i4"),  # as known
    ("leaves_qty", "i4"),  # as known; of a sent order: what was sent
    ("next_price", "i4"),  # asked for by a pending replace
    ("next_qty", "i4"),  # open lots asked for by a pending replace; lots to take off by a pending reduce
    ("next", "i4"),
    ("prev", "i4"),
    ("serial", "i4"),
    ("owner", "i4"),
    ("sent_ns", "i8"),
    ("ack_ns", "i8"),
    # what reports on it are about
    ("filled_qty", "i4"),  # as known
    ("heard_number", "i4"),  # of the last report on it that was heard
    ("slot", "i4"),  # at the venue, NIL before it arrives and after it is gone (the truth)
    ("true_filled", "i4"),
    ("true_leaves", "i4"),  # lots open at the venue, which its gate counts
    ("gate_price", "i4"),  # at which the gate counts it
    ("dirty", "i4"),  # while the consequences of a message are collected: 1 | cancelled << 1 | reason << 2
    ("dirty_next", "i4"),
    ("cash", "i8"),  # heard
    ("true_cash", "i8"),
    ("fees", "i8"),
    ("true_fees", "i8"),
)
"""One order as its sender books it; the fields named `true` are the venue's and are read by reports only."""

MSG = record(
    96,
    ("kind", "i4"),
    ("trader", "i4"),
    ("book", "i4"),
    ("client", "i4"),  # client index | serial << 16
    ("side", "i4"),
    ("order_type", "i4"),
    ("tif", "i4"),
    ("price", "i4"),
    ("qty", "i4"),
    ("display_qty", "i4"),
    ("stop_price", "i4"),
    ("offset", "i4"),
    ("peg", "i4"),
    ("post_only", "i4"),
    ("reason", "i4"),
    ("leaves_qty", "i4"),
    ("filled_qty", "i4"),  # cumulative
    ("extra", "i4"),
    ("next", "i4"),
    ("liquidity", "i4"),
    ("number", "i8"),
    ("cash", "i8"),  # of a report: cumulative cash of the order's fills; of a new order: expire_ns
    ("fees", "i8", 40),  # of a report: cumulative fees (in place of stop_price and offset)
)
"""A message under way: an order to a venue, or a report to a participant."""

CAL = record(24, ("t_ns", "i8"), ("order", "i8"), ("what", "i4"), ("arg", "i4"))
"""An entry of the calendar, a binary heap by (t_ns, order)."""

PUB = record(
    32,
    ("ts_ns", "i8"),
    ("seq", "i8"),
    ("price", "i4"),
    ("before", "i4"),  # lots shown at the price before this matching event; of a trade: lots traded
    ("after", "i4"),  # and after it
    ("code", "i4"),
)
"""A record of a book's public tape. All records of one matching event share seq and stamp."""

VIEW = whole(
    256,
    "book link extra_ns skey fifo cursor tail last_arrival_ns heard_ts_ns heard_seq recover_ns gaps "
    "unseen last_print volume_buy volume_sell prints lost call_price call_volume call_imbalance "
    "sure_ns "
    # its calendar entry: when it wakes those who listen, NEVER: nothing is on its way to them; the first one's line
    "alert_ns first_listener "
    # the best prices and their lots by the newest event heard in order, in a market that keeps them (NIL and 0: none),
    # and those that listeners were woken for last
    "bid bid_qty ask ask_qty told_bid told_bid_qty told_ask told_ask_qty",
)
"""What the listeners behind one link (and one constant latency) have heard of one book. `cursor`, `tail`: record
numbers.
"""

TAPE = whole(96, "first_pub head floor seq last_ts_ns first_view num_views deadline_ns start_price stop_open")
"""A book's public tape: a ring of PUB records. `head`: records ever written; `floor`: the first that a view may need.

`deadline_ns`: when the book's calendar entry for GTD orders stands, NEVER: none. `stop_open`: 1 + tag of the triggered
stop whose fills are being handed over, 0: none.
"""

CROWD = whole(
    128,
    # where the sections start: ACTOR by participant, the tree of wake-ups, parameters (float64), states (int64), TOP by
    # tape record
    "actors wakes params states tops "
    # ACTOR records: one a participant, none in a market where nobody is ever woken
    "num_actors "
    # leaves of the tree; the first wake-up's time; the first alert of a view, and which
    "leaves wake_next_ns alert_next_ns alert_view "
    # 1 + the participant whose kernel runs, 0: none, and why it was woken
    "acting acting_why",
)
"""The participants of a replica as those who are woken: agents of the outside first, then the population."""

ACTOR = record(
    64,
    ("timer_ns", "i8"),  # when it wants to be woken next, NEVER: not by the clock
    ("skey", "i8"),  # of its own draws; parameters are drawn at the indices below 0
    ("order_skey", "i8"),  # of its place among those who are woken at one nanosecond
    ("kind", "i4"),  # its kernel's place in `MarketArrays.crowd`, or KIND_NONE, KIND_OUTSIDE
    ("wakes", "i4"),  # how often it was woken
    ("why", "i4"),  # WHY_ bits that have come together since it was woken last
    ("wakes_on", "i4"),
    ("group", "i4"),  # its group's place in `MarketArrays.crowd`
    ("params", "i4"),  # counted from CROWD.params
    ("states", "i4"),  # counted from CROWD.states
    ("book", "i4"),  # the first of its books
    ("first_report", "i4"),  # reports kept for somebody outside, a chain of MSG records
    ("last_report", "i4"),
)
"""A participant as somebody who is woken."""

WAKE = record(16, ("t_ns", "i8"), ("order", "i8"))
"""An entry of the tree of wake-ups. `order`: a draw of 31 bits << 32 | participant."""

TOP = record(16, ("bid", "i4"), ("bid_qty", "i4"), ("ask", "i4"), ("ask_qty", "i4"))
"""The best shown prices of a book and their lots (NIL and 0: none) after the matching event of a tape record."""

VENUE = whole(
    384,
    "service_ns busy_ns line_head line_size line_max "
    "collar_ticks max_order_qty halted "
    "maker_lot_fee taker_lot_fee num_tiers tier_volume_1 tier_volume_2 tier_volume_3 "
    "maker_rate_0 maker_rate_1 maker_rate_2 maker_rate_3 taker_rate_0 taker_rate_1 taker_rate_2 taker_rate_3 "
    "auction_rate impact_rate waited_ns num_waited out_from_ns out_to_ns band_ticks line_base peak_line "
    "lost_in_outage refused outages_at outages_end "
    "batch_interval_ns speed_bump_ns bump_takers min_resting_ns limit_state_ns limit_halt_ns limit_call_ns "
    "bands_at bands_end ticks_at ticks_end",
)
"""A venue: service line, fees (rates in 0.01 bp), rules in force."""


TAPE_ROW = record(
    128,
    ("ts_ns", "i8"),
    ("seq", "i8"),  # of the matching event in the replica
    ("order_id", "i8"),  # of a trade: the resting order (in an auction the buy)
    ("taker_order_id", "i8"),  # of a trade: the aggressor (in an auction the sell)
    ("decision_ns", "i8"),
    ("sent_ns", "i8"),
    ("arrival_ns", "i8"),
    ("book_age_ns", "i8"),
    ("maker_fee", "i8"),
    ("taker_fee", "i8"),
    ("price", "i4"),
    ("qty", "i4"),
    ("leaves_qty", "i4"),
    ("display_qty", "i4"),
    ("shown_qty", "i4"),
    ("queue_ahead", "i4"),
    ("participant", "i4"),
    ("taker_participant", "i4"),
    ("client", "i4"),
    ("book", "i4"),
    ("kind", "i1"),
    ("side", "i1"),
    ("order_type", "i1"),
    ("tif", "i1"),
    ("reason", "i2"),
    ("taker_client", "i2"),
)
"""One row of the tape; `market.events` says what each field means."""


RULES = whole(
    96,
    "halted reference low high "
    # the window of trades that the reference follows: ns of a bucket, number of the newest, where the ring lies
    "bucket_ns bucket ring "
    "limit_since_ns limit_pending limit_step",
)
"""Rules in force in one book: its band, and its limit state.

`halted`: 1 while an automatic halt lasts. `low`, `high`: prices that orders may have, 0: any. `ring`: BAND_BUCKETS
pairs (sum of trade prices, trades) in the int64 view. `limit_since_ns`: NEVER outside a limit state. `limit_step`: 0
trading, 1 halted, 2 in the call after it.
"""


class MarketArrays(Views):
    """Views of one arena that holds all replicas; `longs` are plain int64 (draw blocks, births, service lines).

    `scratch` (one stretch a thread), `links` with `link_longs`, the recorded `day`, the flow's `tables`, the tape that
    is recorded (`records`, `recorder`), `crowd` (addresses of participants' kernels, and what groups of them have in
    common) and `given` (parameters that somebody has set: replica by parameter, NaN where none) lie outside the arena.
    """

    book = inside(BookArrays)
    runs = inside(RUN)
    accounts = inside(ACCOUNT)
    gates = inside(GATE)
    traders = inside(TRADER)
    conns = inside(CONN)
    clients = inside(CLIENT)
    msgs = inside(MSG)
    cal = inside(CAL)
    tapes = inside(TAPE)
    pubs = inside(PUB)
    views = inside(VIEW)
    venues = inside(VENUE)
    rules = inside(RULES)
    flows = inside(FLOW_RECORD)
    models = inside(MODEL_RECORD)
    plays = inside(PLAY)
    fundamentals = inside(FUNDAMENTAL)
    crowds = inside(CROWD)
    actors = inside(ACTOR)
    wakes = inside(WAKE)
    tops = inside(TOP)
    longs = inside(np.int64)
    floats = inside(np.float64)
    scratch = outside(np.int64)
    links = outside(LINK)
    link_longs = outside(np.int64)
    day = outside(EVENT_ROW)
    entries = outside(np.int64)
    records = outside(TAPE_ROW)
    recorder = outside(np.int64)
    changes = outside(np.int64)
    schedule = outside(np.int64)
    crowd = outside(np.int64)
    tables = outside(np.float64)
    given = outside(np.float64)
