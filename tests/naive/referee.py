"""A referee who sees only what goes in and what comes out, and knows no book.

He keeps a ledger of every order's open lots from messages and trades alone (conservation), and looks at each sweep for
an order that was passed over (priority). For books without self-trade prevention, which would remove lots unseen.
"""

from __future__ import annotations

from collections import Counter

SIGN = {"buy": 1, "sell": -1}


class Referee:
    """Feed every message with its outcome to `watch`; a broken rule is an AssertionError that names it."""

    def __init__(self):
        self.open: dict[int, int] = {}  # lots that are neither traded nor cancelled
        self.orders: dict[int, dict] = {}  # cells of the last message that shaped the order
        self.call = False
        self.seen = Counter()

    def watch(self, m: dict, report: tuple, trades: list, before: list, after: list, pending: list) -> None:
        """One message: `trades` are those it caused, `before` and `after` are `l3()` rows, `pending` afterwards."""
        status, _, filled, leaves, notional = report
        own = self.own_order(m, status)
        prints = [t for t in trades if own is not None and t[2] == own] if m["action"] != "uncross" else []
        if own is not None:
            assert filled == sum(t[4] for t in prints), "report: filled is not the sum of the fills"
            assert notional == sum(t[3] * t[4] for t in prints), "report: notional is not the sum of price x qty"
            self.passed_over(m, prints, before)
        for _, maker, taker, price, qty in trades:
            self.trade(maker, taker, price, qty)
        if own is not None and status in ("ack", "partial"):
            assert leaves == m["qty"] - filled, "report: leaves"
        if m["action"] in ("call", "uncross") and status != "reject":
            self.call = m["action"] == "call"
        self.survivors(m, after, pending)
        if not self.call:
            prices = {side: [row[1] for row in after if row[0] == side] for side in SIGN}
            if prices["buy"] and prices["sell"]:
                assert max(prices["buy"]) < min(prices["sell"]), "the book is crossed or locked"

    def own_order(self, m: dict, status: str) -> int | None:
        """Take the message into the ledger; the id of the order that arrived, if one did."""
        if status == "reject":
            return None
        order_id = m["order_id"]
        if m["action"] == "add":
            self.open[order_id], self.orders[order_id] = m["qty"], dict(m)
            return order_id
        if m["action"] == "replace":
            cells = self.orders.pop(order_id)
            del self.open[order_id]
            new_id = m.get("new_order_id", order_id)
            self.open[new_id] = m["qty"]
            self.orders[new_id] = cells | {k: v for k, v in m.items() if k in ("price", "display_qty", "stop_price")}
            return new_id
        if m["action"] == "reduce":
            self.open[order_id] -= min(m["qty"], self.open[order_id])
        if m["action"] == "cancel":
            self.open[order_id] = 0
        if m["action"] == "cancel_all" and m.get("participant") is not None:
            for other, cells in self.orders.items():
                if cells.get("participant") == m["participant"]:
                    self.open[other] = 0
        return None

    def trade(self, maker: int, taker: int, price: int, qty: int) -> None:
        assert qty > 0, "a trade of nothing"
        assert {self.orders[i]["side"] for i in (maker, taker)} == set(SIGN), "a trade of two orders of one side"
        for order_id in (maker, taker):
            self.open[order_id] -= qty
            assert self.open[order_id] >= 0, f"order {order_id} traded more than it had"
            cells = self.orders[order_id]
            limited = cells.get("order_type", "limit") in ("limit", "stop_limit") or (
                cells.get("order_type") == "pegged" and cells.get("price") is not None
            )
            if limited and cells.get("post_only") != "slide":
                assert SIGN[cells["side"]] * (cells["price"] - price) >= 0, f"order {order_id} traded beyond its limit"
        self.seen["trades"] += 1

    def passed_over(self, m: dict, prints: list, before: list) -> None:
        """No fill goes to an order while one ahead of it in the queue still shows lots that it had before."""
        taken: Counter = Counter()
        queue = [row for row in before if row[0] != self.orders[self.own_id(m)]["side"]]
        places = {row[3]: k for k, row in enumerate(queue)}
        for _, maker, _, price, qty in prints:
            assert maker in places, "a fill with an order that was not in the book"
            _, own_price, _, _, _, own_shown = queue[places[maker]]
            assert price == own_price, "a fill that does not print at the maker's price"
            if not taken[maker]:
                for _, other_price, _, other, other_qty, shown in queue[: places[maker]]:
                    whole = other_price != own_price or shown == 0 or own_shown == 0
                    assert taken[other] >= (other_qty if whole else shown), f"order {other} was passed over"
                    self.seen["comparisons"] += 1
            taken[maker] += qty

    @staticmethod
    def own_id(m: dict) -> int:
        return m.get("new_order_id", m["order_id"])

    def survivors(self, m: dict, after: list, pending: list) -> None:
        """Who is in the book has the lots of the ledger; who is not had a reason to leave."""
        standing = {row[3]: row[4] for row in after} | {row[0]: row[3] for row in pending}
        assert len(standing) == len(after) + len(pending), "an order stands twice"
        for order_id, qty in standing.items():
            assert self.open.get(order_id) == qty, f"order {order_id} stands with lots that the ledger has not"
        for order_id in [i for i in self.open if i not in standing]:
            cells = self.orders[order_id]
            fleeting = cells.get("order_type") in ("market", "stop") or cells.get("tif") in ("ioc", "fok")
            assert self.open[order_id] == 0 or fleeting, f"order {order_id} vanished with lots left"
            del self.open[order_id], self.orders[order_id]
        self.seen["messages"] += 1
