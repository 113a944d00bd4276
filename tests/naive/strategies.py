"""Hypothesis strategies for short days: few ids, few prices, every type and flag."""

from __future__ import annotations

from hypothesis import strategies as st

PRICES = st.integers(1, 9)
QTYS = st.integers(1, 9)
IDS = st.integers(1, 8)
SIDE = st.sampled_from(("buy", "sell"))
WHO = st.sampled_from((None, 1, 2))


def message(action: str, **cells) -> st.SearchStrategy[dict]:
    """Messages of one action; empty cells are left out."""
    drawn = st.fixed_dictionaries({"action": st.just(action), "order_id": IDS, **cells})
    return drawn.map(lambda m: {name: value for name, value in m.items() if value is not None})


def maybe(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), values)


DISPLAY = st.sampled_from((None, None, 0, 1, 3))
TIF = st.sampled_from((None, "gtc", "ioc", "fok"))
POST = st.sampled_from((None, None, "reject", "slide"))
OFFSET = maybe(st.integers(-3, 3))

ADDS = st.one_of(
    message("add", side=SIDE, qty=QTYS, price=PRICES, tif=TIF, display_qty=DISPLAY, participant=WHO),
    message("add", side=SIDE, qty=QTYS, price=PRICES, post_only=POST, display_qty=DISPLAY, participant=WHO),
    message("add", side=SIDE, qty=QTYS, order_type=st.just("market"), tif=TIF, participant=WHO),
    message(
        "add",
        side=SIDE,
        qty=QTYS,
        order_type=st.just("pegged"),
        peg=st.sampled_from(("primary", "market", "mid")),
        offset=OFFSET,
        price=maybe(PRICES),
        tif=TIF,
        display_qty=DISPLAY,
        post_only=POST,
        participant=WHO,
    ),
    message(
        "add",
        side=SIDE,
        qty=QTYS,
        order_type=st.sampled_from(("stop", "stop_limit")),
        price=PRICES,
        stop_price=PRICES,
        tif=TIF,
        display_qty=DISPLAY,
        participant=WHO,
    ),
)
CHANGES = st.one_of(
    message("cancel"),
    message("reduce", qty=QTYS),
    message(
        "replace",
        qty=QTYS,
        price=maybe(PRICES),
        display_qty=DISPLAY,
        stop_price=maybe(PRICES),
        offset=OFFSET,
        new_order_id=maybe(IDS),
    ),
    message("cancel_all", participant=WHO),
)
AUCTION = st.one_of(message("call"), message("uncross", price=maybe(PRICES)))


def days(max_size: int = 40) -> st.SearchStrategy[list[dict]]:
    """Lists of messages in which most of what is named is alive."""
    return st.lists(st.one_of(ADDS, ADDS, ADDS, CHANGES, CHANGES, AUCTION), max_size=max_size)
