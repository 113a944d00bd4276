"""A market maker's screen in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qsl_envs.engine.constants import BUY, SELL

AGENT, BOOK = 0, 0
"""Whose screen it is, and the book that it shows."""

if TYPE_CHECKING:
    from qsl_envs.envs.vector import TradingVectorEnv


def book_text(envs: TradingVectorEnv, env: int, levels: int = 5) -> str:
    """The book as the agent knows it, `levels` a side, own quotes beside it, and the account as it is."""
    market = envs.market
    known = market.observe(AGENT, replica=env, book=BOOK, levels=levels)
    own: dict[tuple[int, int], int] = {}
    for order in known["orders"]:
        key = (order["side"], order["price"])
        own[key] = own.get(key, 0) + order["leaves_qty"]
    lines = [f"{int(market.now_ns[env]) / 1e9:10.3f} s   {'lots':>6} {'price':>9} {'lots':>6}   own"]
    for side, rows in ((SELL, known["asks"][::-1]), (BUY, known["bids"])):
        for price, qty in rows.tolist():
            mine = own.get((side, price), 0)
            left, right = ("", qty) if side == SELL else (qty, "")
            lines.append(f"{'':15}{left:>6} {price:>9} {right:>6}   {mine or ''}".rstrip())
    account = {name: value[env] for name, value in envs.accounts().items()}
    lines.append(
        f"inventory {account['inventory']:d}   equity {account['equity']:+.1f}   fees {account['fees']:+.1f}   "
        f"fills {account['fills']:d}   reward {float(envs.reward_terms[env] @ envs.reward_weights[env]):+.2f}"
    )
    return "\n".join(lines)
