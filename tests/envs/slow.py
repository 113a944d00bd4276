"""The difference between wanted and standing quotes in plain Python: what `qsl_envs.market.targets` is held against."""

from __future__ import annotations

from qsl_envs.market.constants import M_CANCEL, M_NEW, M_REDUCE, M_REPLACE, P_CANCEL, P_REDUCE, P_REPLACE


def wanted_messages(orders: list[dict], side: int, price: int, qty: int) -> list[tuple]:
    """Messages that bring one side to `qty` lots at `price`: (kind, client or None, price or None, lots or None).

    `orders` are `Market.orders()`, newest first. Written from the environment's page, not from the kernel.
    """
    live = [o for o in orders if o["side"] == side and not o["pending"] & P_CANCEL]
    right = [o for o in live if price_of(o) == price]
    missing = qty - sum(lots_of(o) for o in right)
    sent = []
    for o in live:
        busy = bool(o["pending"] & (P_REDUCE | P_REPLACE))
        if o not in right:
            if missing > 0 and not busy:
                sent.append((M_REPLACE, o["client"], price, missing))
                missing = 0
            else:
                sent.append((M_CANCEL, o["client"], None, None))
        elif missing < 0:
            if lots_of(o) <= -missing:
                sent.append((M_CANCEL, o["client"], None, None))
                missing += lots_of(o)
            elif not busy:
                sent.append((M_REDUCE, o["client"], None, -missing))
                missing = 0
    if missing > 0:
        sent.append((M_NEW, None, price, missing))
    return sent


def price_of(order: dict) -> int:
    return order["next_price"] if order["pending"] & P_REPLACE else order["price"]


def lots_of(order: dict) -> int:
    if order["pending"] & P_REPLACE:
        return order["next_qty"]
    if order["pending"] & P_REDUCE:
        return max(0, order["leaves_qty"] - order["next_qty"])
    return order["leaves_qty"]
