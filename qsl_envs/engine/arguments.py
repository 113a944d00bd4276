"""Arguments of the facade into one MESSAGE record; what no trader could mean is an OrderError."""

from __future__ import annotations

import operator
import struct
from typing import Any

import numpy as np

from qsl_envs.engine import words
from qsl_envs.engine.answers import Report
from qsl_envs.engine.constants import ADD, CANCEL, GTC, GTD, LIMIT, POST_REJECT
from qsl_envs.engine.messages import (
    BAD_OFFSET_BIT,
    HAS_DISPLAY,
    HAS_NEW_ID,
    HAS_OFFSET,
    HAS_PARTICIPANT,
    HAS_PRICE,
    HAS_STOP,
    TOTAL_BIT,
)
from qsl_envs.errors import OrderError, require

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
OPTIONAL = (
    ("price", HAS_PRICE),
    ("display_qty", HAS_DISPLAY),
    ("participant", HAS_PARTICIPANT),
    ("new_order_id", HAS_NEW_ID),
)
MESSAGE_BYTES = struct.Struct("=6bH6q2i")
"""A MESSAGE record, field by field."""

VALUES = {
    "BAD_QTY": ("qty", "in [1, 2**31 - 1] lots"),
    "BAD_DISPLAY": ("display_qty", "in [0, 2**31 - 1] lots"),
    "BAD_PRICE": ("price", "in [1, 2**31 - 1] ticks"),
    "BAD_STOP_PRICE": ("stop_price", "in [1, 2**31 - 1] ticks"),
    "BAD_PEG": ("offset", "in [-2**31, 2**31 - 1] ticks"),
}
"""Reason of a refused value -> the argument that was meant, and what it may be. In a stream it is a reject."""

CODES = (("side", words.SIDES), ("order_type", words.ORDER_TYPES), ("tif", words.TIFS))


def whole(owner: object, field: str, value: Any) -> int:
    """A value as an int64, or an OrderError that names the field."""
    try:
        number = int(operator.index(value))
    except TypeError:
        number = INT64_MAX + 1
    good = not isinstance(value, (bool, np.bool_)) and INT64_MIN <= number <= INT64_MAX
    require(good, owner, field, "a whole number of 64 bits", value, OrderError)
    return number


def code_of(owner: object, field: str, value: Any, table: dict[str, int]) -> int:
    """The number of a word, or of itself."""
    if isinstance(value, str):
        known = value in table
    else:
        known = hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_)) and value in table.values()
    require(known, owner, field, f"one of {', '.join(table)}", value, OrderError)
    return table[value] if isinstance(value, str) else int(value)


def clamped(value: int) -> int:
    """A stop price as an int32: one outside its range stays outside."""
    return value if 0 <= value <= 2**31 - 1 else -2


def judged(owner: object, report: Report, values: dict[str, Any]) -> Report:
    """The report on one call, unless it refuses a value that no state of the market would make good.

    Raises:
        OrderError: a quantity, price, offset or peg outside what the rule book allows; the book is as before.
    """
    if report.reason in VALUES:
        field, allowed = VALUES[report.reason]
        if field == "offset" and values.get("peg") is None and "side" in values:
            field, allowed = "peg", f"one of {', '.join(words.PEGS)} for a pegged order"
        require(False, owner, field, allowed, values.get(field), OrderError)
    return report


def fill_limit(target: memoryview, order_id: Any, side: Any, price: Any, qty: Any) -> bool:
    """Write a plain limit order into a MESSAGE record; False where an argument wants a closer look."""
    code = words.SIDES.get(side, -1) if type(side) is str else side
    if type(code) is not int or not 0 <= code <= 1:
        return False
    if type(order_id) is not int or type(price) is not int or type(qty) is not int:
        return False
    try:
        MESSAGE_BYTES.pack_into(target, 0, ADD, code, LIMIT, GTC, 0, 0, HAS_PRICE, order_id, price, qty, 0, 0, 0, 0, 0)
    except struct.error:
        return False
    return True


def fill_cancel(target: memoryview, order_id: Any) -> bool:
    """Write a cancel into a MESSAGE record; False where the number wants a closer look."""
    if type(order_id) is not int or not INT64_MIN <= order_id <= INT64_MAX:
        return False
    MESSAGE_BYTES.pack_into(target, 0, CANCEL, 0, 0, 0, 0, 0, 0, order_id, 0, 0, 0, 0, 0, 0, 0)
    return True


def fill_message(owner: object, target: memoryview, action: int, order_id: Any, values: dict[str, Any]) -> None:
    """Write the arguments of one call into a MESSAGE record, given as its 64 bytes.

    Raises:
        OrderError: a value is not of the documented form.
    """
    has = 0
    order_id = whole(owner, "order_id", order_id)
    side, order_type, tif = (
        code_of(owner, name, values[name], table) if name in values else 0 for name, table in CODES
    )
    peg = values.get("peg")
    peg = 0 if peg is None else code_of(owner, "peg", peg, words.PEGS)
    post_only = values.get("post_only")
    if post_only is None or post_only is False or (post_only == 0 and not isinstance(post_only, str)):
        post_only = 0
    else:
        post_only = POST_REJECT if post_only is True else code_of(owner, "post_only", post_only, words.POST_ONLY)
    numbers = []
    for field, bit in OPTIONAL:
        value = values.get(field)
        numbers.append(0 if value is None else whole(owner, field, value))
        if value is not None:
            has |= bit
    price, display_qty, participant, new_order_id = numbers
    qty = whole(owner, "qty", values["qty"]) if "qty" in values else 0
    stop_price = values.get("stop_price")
    if stop_price is not None:
        stop_price = clamped(whole(owner, "stop_price", stop_price))
        has |= HAS_STOP
    offset = values.get("offset")
    if offset is not None:
        offset = whole(owner, "offset", offset)
        fits = -(2**31) <= offset < 2**31
        offset = offset if fits else 0
        has |= HAS_OFFSET if fits else BAD_OFFSET_BIT
    total = values.get("total", False)
    require(isinstance(total, bool), owner, "total", "true or false", total, OrderError)
    if total:
        has |= TOTAL_BIT
    expire_ns = values.get("expire_ns")
    if expire_ns is not None:
        expire_ns = whole(owner, "expire_ns", expire_ns)
    if action == ADD and tif == GTD:
        require(expire_ns is not None, owner, "expire_ns", "given with tif gtd", expire_ns, OrderError)
        new_order_id = expire_ns  # the two share their place
    MESSAGE_BYTES.pack_into(
        target,
        0,
        *(action, side, order_type, tif, peg, post_only, has),
        *(order_id, price, qty, display_qty, participant, new_order_id, stop_price or 0, offset or 0),
    )
