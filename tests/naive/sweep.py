"""An order meets the other side: fills, clips, self-trade prevention."""

from __future__ import annotations

from typing import NamedTuple

from tests.naive.order import Order, meets


class Sweep(NamedTuple):
    """What an arriving order did to the other side."""

    trades: list  # (maker, price, qty), in order
    gone: list  # makers that left the book
    lost: bool  # the taker lost lots by decrement
    stopped: bool  # self-trade prevention ended the taker


def sweep(taker: Order, makers: list[Order], stp: str) -> Sweep:
    """Trade with the front of `makers` while prices meet; changes only the orders handed in and that list."""
    run = Sweep([], [], False, False)
    while taker.qty and makers:
        maker = min(makers, key=Order.rank)  # the first of the best: earliest in time
        if not meets(taker.side, taker.price, maker.price):
            break
        qty = min(taker.qty, maker.qty if maker.hidden else maker.shown)
        own = taker.participant is not None and taker.participant == maker.participant
        if own and stp in ("cancel_taker", "cancel_resting", "cancel_both"):
            if stp != "cancel_taker":
                makers.remove(maker)
                run.gone.append(maker)
            if stp != "cancel_resting":
                return run._replace(stopped=True)
            continue
        if own and stp == "decrement":
            run = run._replace(lost=True)
        else:
            run.trades.append((maker, maker.price, qty))
            maker.filled += qty
        taker.qty -= qty
        maker.qty -= qty
        take_shown(maker, qty, makers)
        if maker.qty == 0:
            run.gone.append(maker)
    return run


def take_shown(maker: Order, qty: int, makers: list[Order]) -> None:
    """Take lots off what a maker shows; an empty clip is shown anew at the back."""
    if maker.qty == 0:
        makers.remove(maker)
    elif not maker.hidden:
        maker.shown -= qty
        if maker.shown == 0:
            makers.remove(maker)
            maker.shown = maker.clip()
            makers.append(maker)
