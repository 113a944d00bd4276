"""Numbers with names: what travels, what waits, what is published."""

NEVER = 2**62
"""A time that does not come."""

# kinds of MSG on their way to a venue
M_NEW, M_CANCEL, M_REDUCE, M_REPLACE, M_CANCEL_ALL, M_STATUS = 1, 2, 3, 4, 5, 6
# kinds of MSG on their way back
M_ACK, M_FILL, M_CANCELED, M_REJECT, M_REPLACED, M_STATUS_ANSWER, M_CANCEL_REJECT = 11, 12, 13, 14, 15, 16, 17

# classes of calendar entries: their order at one nanosecond
C_REGIME, C_DEADLINE, C_SERVICE_END, C_AT_VENUE, C_AT_NODE, C_WAKE, C_FLOW = 0, 1, 2, 3, 4, 5, 6
C_RISK = 7
"""Kind of an entry of class C_WAKE: a participant looks at his drawdown."""
C_BATCH, C_LIMIT, C_BUMPED, C_CHANGE = 20, 21, 22, 23
"""Kinds of entries: a batch auction of a venue, a limit state of a book, a
change of settings (class C_REGIME); a message that a speed bump
lets go (class C_AT_VENUE)."""

# state of a CLIENT record, as its owner knows it
K_FREE, K_SENT, K_LIVE = 0, 1, 2
# what the owner has asked for and not heard back
P_CANCEL, P_REDUCE, P_REPLACE = 1, 2, 4
P_TAKE = 8
"""Flag of an order that was sent to take and not to rest: it ends on arrival, so it counts as no quote."""

# PUB.code: kind + side, last record of its matching event
PUB_LEVEL, PUB_TRADE = 0, 1
PUB_SIDE_BIT = 2  # of the level, or of the aggressor
PUB_LAST_BIT = 4
PUB_CROSS_BIT = 8  # a print of an auction: no aggressor
PUB_CALL_BIT = 16  # no trade: indicative price, its volume (before) and imbalance (after) of a call

# kinds of service-line entries
L_MESSAGE, L_CANDIDATE, L_CANCEL_TICK = 0, 1, 2

# RUN.stop: why `advance` came back
STOP_TIME, STOP_FILL, STOP_CLOSE, STOP_ERROR, STOP_RECORD, STOP_WAKE = 0, 1, 2, 3, 4, 5

# RUN.error: what was too small
E_NONE, E_CALENDAR, E_MESSAGES, E_TAPE, E_CLIENTS, E_SERVICE, E_EVENTS, E_RECORD = 0, 1, 2, 3, 4, 5, 6, 7
E_PENDING = 8

CROSS = -1
"""Instead of an aggressor's side: both sides of the trade met in an auction."""
PHASE_HALT, PHASE_CALL, PHASE_OPEN = 0, 1, 2
"""Actions of a schedule: no new orders; orders gather without matching; uncross, if there was a call, and trade on."""
SCHEDULE_LONGS = 3

ADVANCE, PLAY_EVENT, ROW_LONGS, HOT_LONGS, RECORD = 0, 1, 2, 3, 4
FLOW_DECIDE, FLOW_START, FLOW_TAKE, FLOW_HEAR, GIVEN, NUM_ENTRIES = 5, 6, 7, 8, 9, 10
"""Places in `MarketArrays.entries`: two addresses, the int64 cells of a row, how many of them, from its start, are
fetched ahead of its turn, and the int64 cells of a replica's recorder (0: nothing is recorded); then the addresses of a
flow model's parts, and the cells of a replica in `MarketArrays.given` (0: no parameters are given)."""

# kind of a row of the recorded tape
T_START, T_STANDING, T_NEW, T_TRADE, T_CANCELED, T_REDUCED, T_REPLACED, T_RESTATED = 0, 1, 2, 3, 4, 5, 6, 7
T_TRIGGERED, T_REJECTED, T_EXPIRED, T_HALT, T_CALL, T_OPEN, T_HEARD = 8, 9, 10, 11, 12, 13, 14

DAY_BOOK = 0
"""The book whose flow a recorded day is."""

CODE_SHIFT = 20
"""A flow order in the cancel wheel is `book << CODE_SHIFT | slot`."""

# why a participant is woken: bits, all that hold at that nanosecond
WHY_START, WHY_TIMER, WHY_BOOK, WHY_FILL, WHY_REPORT = 1, 2, 4, 8, 16
WHY_NAMES = {WHY_START: "start", WHY_TIMER: "timer", WHY_BOOK: "book", WHY_FILL: "fill", WHY_REPORT: "report"}

# what of a book's feed wakes a participant that listens: nothing, a change of the best prices or their lots, all
HEAR_NOTHING, HEAR_TOP, HEAR_ALL = 0, 1, 2
LISTENS = ("nothing", "top", "all")
"""Their names in settings."""

KEEP = -1
"""What a participant's kernel returns to leave its timer as it stands."""

# ACTOR.kind of a participant that has no code in the kernel: nobody wakes it, or `advance` comes back for it
KIND_NONE, KIND_OUTSIDE = -1, -2

LAW_LONGS = 5
"""int64 cells of a law in `MarketArrays.crowd`: its number in `kinds.LAWS`, and a, b, low, high as bits of floats."""
GROUP_PARAMS, GROUP_STATES, GROUP_BOOKS, GROUP_LAWS, GROUP_FIRST, GROUP_DATA, GROUP_ROWS, GROUP_LONGS = range(8)
"""Cells of a group of equal participants in `MarketArrays.crowd`: numbers of parameters, of state cells and of books,
where its laws stand (that of the extra latency first), its first member, where the kind's own data stand and how many
rows they have; its books follow."""

IDEAL_QUEUE, IDEAL_TAKES = 1, 2
"""Flags of GATE.ideal: what is easier for a participant than it is."""
