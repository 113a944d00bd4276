"""What makers of one book are paid at the close, beside what each would be paid if nobody else closed.

Every maker bids at the mid and never offers. The background flow sells to them and follows the price up that their bids
move. At the close one walk through the displayed book pays for the lots of all of them. Beside it stands a walk of its
own for each, as if the others were not there: what they would be paid twice for. Claim: makers who push together are
not paid for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import qsl_envs
from baselines.policies.library import Desk
from benchmarks.report import Row, main
from qsl_envs.engine.constants import BUY

SESSION_NS = 20_000_000_000
LOTS = 10


def exploits_close(smoke: bool) -> list[Row]:
    """One maker, two and four, who only bid."""
    rows = []
    for seats in (2,) if smoke else (1, 2, 4):
        worlds, session_ns = (2, 1_000_000_000) if smoke else (64, SESSION_NS)
        envs = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", worlds, seats={"maker": seats}, split="test",
                                      session_ns=session_ns)  # fmt: skip
        desk = Desk.of(envs, "maker")
        bids = desk.quotes(np.zeros((worlds, 1)), np.zeros((worlds, 1)), float(LOTS), 0.0)
        actions = {"maker": np.repeat(bids[:, None], seats, axis=1)}
        envs.reset(seed=0)
        before = mids(envs)
        infos: dict[str, Any] = {}
        while not infos:
            infos = envs.step(actions)[4]
        found = infos["episode_summary"]["maker"]
        paid, held = found["equity"].mean(1), found["inventory"]
        once = np.array([together(envs, i, held[i]) for i in range(worlds)])
        each = np.array([sum(together(envs, i, held[i, [s]]) for s in range(seats)) for i in range(worlds)])
        rows.append(
            Row(
                makers_who_only_bid=seats,
                lots_each=float(np.abs(held).mean()),
                price_moved_ticks=float((mids(envs) - before).mean()),
                paid_each=interval(paid),
                if_each_closed_alone=interval(paid + (each - once) / seats),
            )
        )
    return rows


def together(envs: Any, env: int, held: np.ndarray) -> float:
    """What one walk through the bids of the others pays for long inventories of these makers, ticks x lots."""
    bids, _ = envs.market.true_book(replica=env, levels=64)
    theirs = {int(price): int(lots) for price, lots in bids}
    for agent in range(envs.core.num_seats):
        for order in envs.market.orders(agent, replica=env):
            if order["side"] == BUY and order["price"] in theirs:
                theirs[order["price"]] -= order["leaves_qty"]
    left, cash, price = int(held.clip(min=0).sum()), 0, int(bids[0, 0])
    for price, lots in theirs.items():
        taken = min(left, lots)
        cash, left = cash + taken * price, left - taken
    return float(cash + left * (price - envs.roles["maker"].task.unfilled_penalty_ticks))


def mids(envs: Any) -> np.ndarray:
    """True mids, ticks, float64 (env,)."""
    books = [envs.market.true_book(replica=env, levels=1) for env in range(envs.num_envs)]
    return np.array([0.5 * (bids[0, 0] + asks[0, 0]) for bids, asks in books])


def interval(values: np.ndarray) -> str:
    """Mean and 1.96 standard errors."""
    return f"{values.mean():.0f} ± {1.96 * values.std() / len(values) ** 0.5:.0f}"


TABLES = {"exploits_close": exploits_close}

if __name__ == "__main__":
    main(TABLES)
