"""A moment of a trading screen in plain text."""

from __future__ import annotations

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.picture import BookScreen, MarketScreen


def moment_text(moment: MarketScreen, levels: int = 5) -> str:
    """Every book as known, `levels` a side, own lots beside it, and how the agent fares."""
    lines = [f"{moment.title}   {moment.time_ns / 1e9:.3f} s of {moment.session_ns / 1e9:g} s".strip()]
    for book in moment.books:
        lines += _book_lines(book, levels)
    lines.append(f"inventory {moment.inventory:d}   equity {moment.equity:+.1f}   reward {moment.reward:+.2f}")
    if moment.ended:
        lines.append(f"over: {moment.ended.replace('_', ' ')}")
    return "\n".join(lines)


def _book_lines(book: BookScreen, levels: int) -> list[str]:
    own: dict[tuple[int, int], int] = {}
    for order in book.orders:
        own[order.side, order.price] = own.get((order.side, order.price), 0) + order.qty
    lines = [f"{book.name:<15} {'lots':>6} {'price':>9} {'lots':>6}   own"]
    for side, rows in ((SELL, book.asks[:levels][::-1]), (BUY, book.bids[:levels])):
        for price, qty in rows.tolist():
            left, right = ("", qty) if side == SELL else (qty, "")
            lines.append(f"{'':15} {left:>6} {price:>9} {right:>6}   {own.get((side, price), 0) or ''}".rstrip())
    return lines
