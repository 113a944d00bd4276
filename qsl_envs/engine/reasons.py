"""Why a message was refused, or why an order's rest was cancelled. FIX 103 numbers where FIX has one, ours from 100."""

from enum import IntEnum


class Reason(IntEnum):
    """Reason codes of reports. The engine's own first, then those of the market around it."""

    NONE = 0
    UNKNOWN_ORDER = 5
    """FIX 103=5"""
    DUPLICATE_ORDER = 6
    """FIX 103=6"""
    BAD_SIDE = 100
    BAD_QTY = 101
    BAD_DISPLAY = 102
    BAD_PRICE = 103
    BAD_STOP_PRICE = 104
    BAD_PEG = 105
    BAD_COMBINATION = 106
    WRONG_PHASE = 107
    NO_REFERENCE = 108
    POST_ONLY_WOULD_TRADE = 109
    IOC_REST = 110
    MARKET_REST = 111
    FOK_KILLED = 112
    SELF_TRADE = 113
    POOL_FULL = 114
    """no free slot in the book's order pool"""
    EXPIRED = 115
    BAD_TYPE = 116
    BAD_TIF = 117
    # the market's
    PRICE_OUTSIDE_COLLAR = 130
    PRICE_OUTSIDE_BAND = 131
    HALTED = 132
    VENUE_CLOSED = 133
    GATEWAY_FULL = 134
    MAX_ORDER_QTY = 135
    MAX_INVENTORY = 136
    MAX_NOTIONAL = 137
    MESSAGE_RATE = 138
    KILLED = 139
    MAX_OPEN_ORDERS = 140
    LOST = 141
    """timed out without an answer: the status request found nothing"""
    UNKNOWN_PARTICIPANT = 142
    FIRM_LIMIT = 143
    """stopped at the participant's own node by the firm-wide check"""
    MIN_RESTING = 144
    """the order has not stood for the venue's `min_resting_ns` yet"""
    OFF_TICK = 145
    """the price is no multiple of the venue's tick step there"""
