"""The phases of a book, and its next deadline."""

from __future__ import annotations

from qsl_envs.engine.auction import indicative
from qsl_envs.engine.constants import ACK, AUCTION_CALL, NIL, PRICE_MAX
from qsl_envs.engine.machine import PARKING, UNCROSSING, begin_message, refuse, run_message, write_report
from qsl_envs.engine.reasons import Reason
from qsl_envs.kernel.jit import kernel

NONE = int(Reason.NONE)
WRONG_PHASE = int(Reason.WRONG_PHASE)
NO_REFERENCE = int(Reason.NO_REFERENCE)
BAD_PRICE = int(Reason.BAD_PRICE)


@kernel
def start_call(m, h):
    """Begin a call: from here orders rest without matching; pegs are parked."""
    begin_message(m, h)
    book = m.books[h]
    if book.phase == AUCTION_CALL:
        return refuse(m, h, WRONG_PHASE)
    book.phase = AUCTION_CALL
    book.special += 1
    book.cursor = book.peg_head
    book.stage = PARKING
    run_message(m, h)


@kernel
def uncross(m, h, reference):
    """End a call: trade the most volume at one price, then go on continuously. `reference` NIL: the last trade's price.

    The report's `filled_qty` is the volume. In its EV_FILL events `slot` is the buy and `taker_slot` the sell.
    """
    begin_message(m, h)
    book = m.books[h]
    if book.phase != AUCTION_CALL:
        return refuse(m, h, WRONG_PHASE)
    if reference == NIL:
        reference = book.last_price
        if reference == NIL:
            return refuse(m, h, NO_REFERENCE)
    if reference < 1 or reference > PRICE_MAX:
        return refuse(m, h, BAD_PRICE)
    price, volume, imbalance = indicative(m, h, reference)
    write_report(m, h, ACK, NONE, volume, 0, volume * price, NIL)
    book.loop_price = price
    book.loop_left = volume
    book.stage = UNCROSSING
    run_message(m, h)
