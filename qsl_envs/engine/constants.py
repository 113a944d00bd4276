"""Numbers with names: the words of the engine. FIX's own digits where FIX has them."""

NIL = -1
"""No slot, no price, nobody. Tested before it is used as an index."""

BUY, SELL = 0, 1

# order_type (FIX 40, as small integers)
MARKET, LIMIT, STOP, STOP_LIMIT, PEGGED = 1, 2, 3, 4, 5

# tif (FIX 59)
DAY, GTC, IOC, FOK, GTD = 0, 1, 3, 4, 6

# peg
PEG_NONE, PEG_PRIMARY, PEG_MARKET, PEG_MID = 0, 1, 2, 3

# post_only
POST_OFF, POST_REJECT, POST_SLIDE = 0, 1, 2

# stp: self-trade prevention
STP_OFF, STP_CANCEL_TAKER, STP_CANCEL_RESTING, STP_CANCEL_BOTH, STP_DECREMENT = 0, 1, 2, 3, 4

# action of a message
ADD, CANCEL, REDUCE, REPLACE, CANCEL_ALL, CALL, UNCROSS = 0, 1, 2, 3, 4, 5, 6

# phase of a book
CONTINUOUS, AUCTION_CALL = 0, 1

# status of a report
ACK, PARTIAL, FILL, CANCELED, REJECT = 0, 1, 2, 3, 4

# order bits (ORDER.bits): low byte and a half are flags, bits 12..31 the generation of the slot (20 bits)
SIDE_BIT = 1
HIDDEN_BIT = 2  # stands in the hidden queue of its level
SPECIAL_BIT = 4  # has an EXT record: iceberg, hidden, peg, stop, GTD
HOLD_BIT = (
    8  # background flow: the slot stays taken after a full fill, until `release_slot`; owner, tag, ext are the flow's
)
OUTSIDE_BIT = 16  # outside the ladder window, in the side's outside list
PEG_BIT = 32
STOP_BIT = 64  # a waiting stop: in no queue
PARKED_BIT = 128  # a peg without a price, or (in a call) a market order: in no price queue
LIVE_BIT = 256  # the order exists
MARKET_BIT = 512  # a market order that rests during a call
POST_REJECT_BIT = 1024  # post-only, refused when it would trade; remembered for a replace
POST_SLIDE_BIT = 2048  # post-only, slid when it would trade
FLAG_BITS = 4095
GENERATION_SHIFT = 12

PRICE_MAX = 2**31 - 1
QTY_MAX = 2**31 - 1
NO_BID = 0
"""`SIDE.best` of an empty bid side: below every price."""
NO_ASK = 2**31
"""`SIDE.best` of an empty ask side: above every price."""

MARKET_IOC = 2
"""`submit_plain(ioc=...)`: 0 rests, 1 is an immediate-or-cancel limit order, this is a market order."""

# kind of an EVENT that a message caused, in order of happening
EV_FILL, EV_CANCELED, EV_LEVEL, EV_TRIGGERED, EV_REPRICED, EV_DECREMENTED = 1, 2, 3, 4, 5, 6
EV_STOP_DONE = 7
EV_EXPIRED = 8
