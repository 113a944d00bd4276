"""Every order type x time in force x flag x phase x book, as messages, and a table of which cells are refused.

The books: `empty`; `meets`, where an opposite hidden order stands between the quotes at the price of the order or peg
that comes; `away`, where nothing stands there. Cells are written for a buy; the sell is its mirror image about 100.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

KINDS = {
    "limit": {"price": 101},
    "iceberg": {"price": 101, "display_qty": 2},
    "hidden": {"price": 101, "display_qty": 0},
    "market": {"order_type": "market"},
    "stop": {"order_type": "stop", "stop_price": 120},
    "stop_reached": {"order_type": "stop", "stop_price": 100},
    "stop_limit": {"order_type": "stop_limit", "stop_price": 120, "price": 125},
    "stop_limit_reached": {"order_type": "stop_limit", "stop_price": 100, "price": 101},
    "primary": {"order_type": "pegged", "peg": "primary", "offset": 6},
    "market_peg": {"order_type": "pegged", "peg": "market", "offset": -4},
    "mid": {"order_type": "pegged", "peg": "mid", "offset": 1},
    "limited_peg": {"order_type": "pegged", "peg": "market", "price": 101},
}
TIFS = ("gtc", "day", "ioc", "fok")
FLAGS = (None, "reject", "slide")
PHASES = ("continuous", "call")
BOOKS = ("empty", "meets", "away")
PEGS = ("primary", "market_peg", "mid", "limited_peg")
NEVER_POST = ("market", "stop", "stop_reached", "stop_limit", "stop_limit_reached")
WAITING = ("stop", "stop_reached", "stop_limit", "stop_limit_reached")


class Cell(NamedTuple):
    """One cell of the matrix, for a buy of 5 lots."""

    kind: str
    tif: str
    flag: str | None
    phase: str
    book: str


CELLS = [Cell(*values) for values in product(KINDS, TIFS, FLAGS, PHASES, BOOKS)]


def refusal(cell: Cell) -> str:
    """The reason with which a cell is refused, from the rule book's words; empty when it is taken."""
    at_once = cell.tif in ("ioc", "fok")
    if cell.flag and (at_once or cell.kind in NEVER_POST):
        return "BAD_COMBINATION"
    if cell.phase == "call":
        return "WRONG_PHASE" if at_once and cell.kind not in WAITING else ""
    if cell.kind in PEGS and at_once and cell.book == "empty":
        return "NO_REFERENCE"
    if cell.flag == "reject" and cell.book == "meets":
        return "POST_ONLY_WOULD_TRADE"
    return ""


def add(order_id: int, side: str, price: int, qty: int, **cells) -> dict:
    return {"action": "add", "order_id": order_id, "side": side, "price": price, "qty": qty, **cells}


def setting(cell: Cell) -> list[dict]:
    """The messages before the cell's own: a first trade at 100, the book, the phase."""
    messages = [add(1, "buy", 100, 1), add(2, "sell", 100, 1)]
    if cell.book != "empty":
        messages += [add(3, "buy", 95, 4), add(4, "sell", 105, 4), add(5, "sell", 106, 9, display_qty=2)]
    if cell.book == "meets":
        messages.append(add(6, "sell", 101, 3, display_qty=0))
    if cell.phase == "call":
        messages.append({"action": "call", "order_id": 0})
    return messages


def own(cell: Cell) -> dict:
    """The cell's own message."""
    m = {"action": "add", "order_id": 9, "side": "buy", "qty": 5, "tif": cell.tif, **KINDS[cell.kind]}
    return m | {"post_only": cell.flag} if cell.flag else m


def aftermath(cell: Cell) -> list[dict]:
    """What happens to it next: the book moves, the call ends, a big order comes from each side, it is changed."""
    messages = [add(10, "buy", 97, 1), {"action": "reduce", "order_id": 9, "qty": 1}]
    if cell.phase == "call":
        messages.append({"action": "uncross", "order_id": 0})
    messages += [
        {"action": "replace", "order_id": 9, "qty": 6, "display_qty": 1},
        add(11, "sell", 96, 4),
        add(12, "buy", 130, 20),
        {"action": "cancel", "order_id": 9},
    ]
    return messages


def reflect(m: dict) -> dict:
    """Image of a message about 100."""
    image = dict(m)
    if "side" in m:
        image["side"] = "sell" if m["side"] == "buy" else "buy"
    for name in ("price", "stop_price"):
        if name in m:
            image[name] = 200 - m[name]
    if "offset" in m:
        image["offset"] = -m["offset"]
    return image
