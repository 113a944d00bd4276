"""The one-step rule: a row of the book file and the next message give the next row, on every level that can be known.

It tests a pair of files without rebuilding a book. What a message cannot tell is left open: the last level of a row
after a price of a full side has been emptied (it must only be worse than all that was there before).
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY
from qsl_envs.errors import DataError
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay.lobster import ABSENT, NEW, VISIBLE_EXECUTION, LobsterDay


def one_step_rows(day: LobsterDay) -> np.ndarray:
    """Which rows obey the rule: bool (row,); the first row, which has none before it, counts as obeying.

    Raises: DataError if the day has no book file.
    """
    if day.book is None:
        raise DataError(f"{day.messages.path}: no book file stands beside it")
    messages = day.messages
    obeys = np.ones(len(messages), np.bool_)
    columns = (messages.type.astype(np.int64), messages.side.astype(np.int64), messages.price, messages.qty)
    judge_rows(*columns, day.book.price, day.book.qty, obeys)
    return obeys


@kernel
def judge_rows(kinds, sides, prices, qtys, book_price, book_qty, obeys):
    """Fill `obeys` (row,) from the second row on; `book_price` and `book_qty` are (row, side, level)."""
    for row in range(1, kinds.shape[0]):
        holds = True
        for side in range(2):
            before, after = book_price[row - 1, side], book_price[row, side]
            qty_before, qty_after = book_qty[row - 1, side], book_qty[row, side]
            if kinds[row] > VISIBLE_EXECUTION or sides[row] != side:
                holds = holds and same_levels(before, qty_before, after, qty_after, 0, 0, before.shape[0])
            elif kinds[row] == NEW:
                holds = holds and follows_add(before, qty_before, after, qty_after, side, prices[row], qtys[row])
            else:
                holds = holds and follows_take(before, qty_before, after, qty_after, side, prices[row], qtys[row])
        obeys[row] = holds


@kernel
def same_levels(price, qty, other_price, other_qty, start, other_start, count):
    """Whether `count` levels are equal, from `start` of the one and `other_start` of the other."""
    for k in range(count):
        if price[start + k] != other_price[other_start + k] or qty[start + k] != other_qty[other_start + k]:
            return False
    return True


@kernel
def find_place(prices, side, price):
    """Index of the first level that is absent, or not better than `price`."""
    at = 0
    while at < prices.shape[0] and prices[at] != ABSENT and (prices[at] > price if side == BUY else prices[at] < price):
        at += 1
    return at


@kernel
def follows_add(before, qty_before, after, qty_after, side, price, qty):
    """Whether `after` is `before` with `qty` more at `price`."""
    num_levels = before.shape[0]
    at = find_place(before, side, price)
    if not same_levels(before, qty_before, after, qty_after, 0, 0, at):
        return False
    if at == num_levels:
        return True  # behind the recorded levels
    if before[at] == price:
        grown = after[at] == price and qty_after[at] == qty_before[at] + qty
        return grown and same_levels(before, qty_before, after, qty_after, at + 1, at + 1, num_levels - at - 1)
    if after[at] != price or qty_after[at] != qty:
        return False
    return same_levels(before, qty_before, after, qty_after, at, at + 1, num_levels - at - 1)


@kernel
def follows_take(before, qty_before, after, qty_after, side, price, qty):
    """Whether `after` is `before` with `qty` less at `price`."""
    num_levels = before.shape[0]
    at = find_place(before, side, price)
    if not same_levels(before, qty_before, after, qty_after, 0, 0, at):
        return False
    if at == num_levels:
        return True
    if before[at] != price or qty_before[at] < qty:
        return False
    if qty_before[at] > qty:
        shrunk = after[at] == price and qty_after[at] == qty_before[at] - qty
        return shrunk and same_levels(before, qty_before, after, qty_after, at + 1, at + 1, num_levels - at - 1)
    if not same_levels(before, qty_before, after, qty_after, at + 1, at, num_levels - at - 1):
        return False
    last, entered = before[num_levels - 1], after[num_levels - 1]
    if last == ABSENT or entered == ABSENT:
        return entered == ABSENT
    return entered < last if side == BUY else entered > last
