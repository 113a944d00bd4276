"""Bytes of a headerless CSV file to integers, exactly: no float is made on the way.

Both kernels read one line a row and stop at the first bad one; they return `(rows, field, code)` with the rows read
in full, the field (0-based) where it went wrong and why (`FAULTS`), or code 0.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.kernel.jit import kernel

OK, NOT_A_NUMBER, TOO_FEW, TOO_MANY, TOO_LARGE, EMPTY_LINE = 0, 1, 2, 3, 4, 5

FAULTS = {
    NOT_A_NUMBER: "is not a whole number",
    TOO_FEW: "is missing: the line ends early",
    TOO_MANY: "is one too many",
    TOO_LARGE: "does not fit",
    EMPTY_LINE: "is missing: the line is empty",
}

MINUS, DOT, COMMA, NEWLINE, RETURN, ZERO = 45, 46, 44, 10, 13, 48
MAX_DIGITS = 18
"""Decimal digits that always fit an int64."""
MAX_SECOND_DIGITS = 9
NS_DIGITS = 9


@kernel(inline=True)
def is_digit(byte):
    return 48 <= byte <= 57


@kernel(inline=True)
def read_int(text, at, end):
    """Read `-?[0-9]+` at `at`; return (value, index behind it, code)."""
    negative = at < end and np.int64(text[at]) == MINUS
    if negative:
        at += 1
    start = at
    value = 0
    while at < end and is_digit(np.int64(text[at])):
        if at - start == MAX_DIGITS:
            return value, at, TOO_LARGE
        value = value * 10 + np.int64(text[at]) - ZERO
        at += 1
    if at == start:
        return value, at, NOT_A_NUMBER
    return (-value if negative else value), at, OK


@kernel(inline=True)
def read_time(text, at, end):
    """Read seconds after midnight, `[0-9]+(.[0-9]*)?`, as ns, rounded half up; return (ns, index behind it, code)."""
    start = at
    value = 0
    while at < end and is_digit(np.int64(text[at])):
        if at - start == MAX_SECOND_DIGITS:
            return value, at, TOO_LARGE
        value = value * 10 + np.int64(text[at]) - ZERO
        at += 1
    if at == start:
        return value, at, NOT_A_NUMBER
    digits = 0
    round_up = False
    if at < end and np.int64(text[at]) == DOT:
        at += 1
        while at < end and is_digit(np.int64(text[at])):
            if digits < NS_DIGITS:
                value = value * 10 + np.int64(text[at]) - ZERO
            elif digits == NS_DIGITS:
                round_up = np.int64(text[at]) >= ZERO + 5
            digits += 1
            at += 1
    while digits < NS_DIGITS:
        value *= 10
        digits += 1
    return value + (1 if round_up else 0), at, OK


@kernel(inline=True)
def field_end(text, at, end, last):
    """What follows a field: OK and the index of the next field (or line), or a fault."""
    if at < end and np.int64(text[at]) == COMMA:
        return at + 1, (TOO_MANY if last else OK)
    here = at
    if here < end and np.int64(text[here]) == RETURN:
        here += 1
    if here == end or np.int64(text[here]) == NEWLINE:
        return min(here + 1, end), (OK if last else TOO_FEW)
    return at, NOT_A_NUMBER


@kernel(inline=True)
def is_line_end(text, at, end):
    if at < end and np.int64(text[at]) == RETURN:
        at += 1
    return at == end or np.int64(text[at]) == NEWLINE


@kernel
def parse_rows(text, num_fields, first_is_time, out):
    """Read every line of `text` (uint8) into `out` (int64 (rows, num_fields)).

    Args:
        first_is_time: True reads field 0 as decimal seconds and stores ns.

    Returns: (rows read, field of the fault, code).
    """
    end = text.shape[0]
    at = 0
    row = 0
    while at < end:
        if is_line_end(text, at, end):
            return row, 0, EMPTY_LINE
        for field in range(num_fields):
            if field == 0 and first_is_time:
                value, at, code = read_time(text, at, end)
            else:
                value, at, code = read_int(text, at, end)
            if code == NOT_A_NUMBER and is_line_end(text, at, end):
                code = TOO_FEW
            if code != OK:
                return row, field, code
            at, code = field_end(text, at, end, field == num_fields - 1)
            if code != OK:
                return row, field + (1 if code != NOT_A_NUMBER else 0), code
            out[row, field] = value
        row += 1
    return row, 0, OK
