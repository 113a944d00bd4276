"""Scenario files: small matching cases that a trader can read, with the outcome derived by hand.

    == title
    stp MODE                                          optional, before the first message
    ACTION ORDER_ID [SIDE] key=value ... -> STATUS[:REASON] FILLED LEAVES
    T seq:maker<taker@price*qty ...                   all trades, in order; no line means none
    B price:id*open/shown ...                         bids, best first, in queue order; no line means none
    A price:id*open/shown ...                         asks
    P id side order_type qty; ...                     waiting stops and parked pegs by entry; looked at only when given

Keys: t order_type, f tif, p price, q qty, d display_qty, s stop_price, g peg, o offset, po post_only,
w participant, n new_order_id. An empty price of a market order in a call is written `M`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KEYS = {
    "t": "order_type",
    "f": "tif",
    "p": "price",
    "q": "qty",
    "d": "display_qty",
    "s": "stop_price",
    "g": "peg",
    "o": "offset",
    "po": "post_only",
    "w": "participant",
    "n": "new_order_id",
}
WORDS = {"order_type", "tif", "peg"}


@dataclass
class Scenario:
    """One case: messages, what each reports, and what stands at the end."""

    title: str
    stp: str = "off"
    messages: list[dict] = field(default_factory=list)
    reports: list[tuple] = field(default_factory=list)  # (status, reason, filled, leaves)
    trades: list[str] = field(default_factory=list)
    bids: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    pending: list[str] | None = None


def cell(name: str, text: str):
    """The value of a cell: a word where the column holds words, else an integer."""
    if name in WORDS or (name == "post_only" and not text.lstrip("-").isdigit()):
        return text
    return int(text)


def parse_message(text: str) -> dict:
    action, order_id, *rest = text.split()
    message = {"action": action, "order_id": int(order_id)}
    for word in rest:
        if word in ("buy", "sell"):
            message["side"] = word
        else:
            key, _, value = word.partition("=")
            message[KEYS[key]] = cell(KEYS[key], value)
    return message


def parse_report(text: str) -> tuple:
    what, filled, leaves = text.split()
    status, _, reason = what.partition(":")
    return status, reason, int(filled), int(leaves)


def read_scenarios(path: Path) -> list[Scenario]:
    """All cases of a file."""
    cases: list[Scenario] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        head, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if head == "==":
            cases.append(Scenario(rest))
        elif head == "stp":
            cases[-1].stp = rest.strip()
        elif head == "T":
            cases[-1].trades = rest.split()
        elif head == "B":
            cases[-1].bids = rest.split()
        elif head == "A":
            cases[-1].asks = rest.split()
        elif head == "P":
            cases[-1].pending = [entry.strip() for entry in rest.split(";") if entry.strip()]
        else:
            message, _, report = line.partition("->")
            cases[-1].messages.append(parse_message(message))
            cases[-1].reports.append(parse_report(report))
    return cases


def run_scenario(case: Scenario, book) -> None:
    """Play a case on anything with `apply`, `trades`, `l3()` and `pending()`; assert every outcome."""
    for number, (message, expected) in enumerate(zip(case.messages, case.reports, strict=True)):
        got = tuple(book.apply(message))[:4]
        assert got == expected, f"{case.title}: message {number} {message}"
    trades = [f"{seq}:{maker}<{taker}@{price}*{qty}" for seq, maker, taker, price, qty in book.trades]
    assert trades == case.trades, case.title
    for side, expected in (("buy", case.bids), ("sell", case.asks)):
        rows = [
            f"{'M' if price is None else price}:{order_id}*{qty}/{shown}"
            for row_side, price, _, order_id, qty, shown in book.l3()
            if row_side == side
        ]
        assert rows == expected, case.title
    if case.pending is not None:
        assert [" ".join(map(str, row)) for row in book.pending()] == case.pending, case.title
