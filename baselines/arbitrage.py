"""Cross-venue arbitrage as a batched policy: take a crossed pair of quotes when it pays more than the fees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from qsl_envs.errors import require


@dataclass(frozen=True)
class ArbitrageDesk:
    """What the numbers of a cross-venue environment mean: columns of its observation, scales of its action."""

    inventory: int
    """column: share of `max_inventory`"""
    gap: np.ndarray
    """int64 (venue,), columns: known mid minus the first venue's; -1 for that one"""
    bid: np.ndarray
    ask: np.ndarray
    bid_qty: np.ndarray
    ask_qty: np.ndarray
    """int64 (venue,), columns of the best level"""
    tick_scale: float
    qty_scale: float
    max_quote_qty: int
    max_inventory: int

    @classmethod
    def of(cls, names: tuple[str, ...], task: Any, max_inventory: int) -> ArbitrageDesk:
        """From the names of an observation and the task's settings. Raises: ConfigError for another environment."""
        books = sum(name.endswith("_bid_distance_0") for name in names)
        require(books >= 2, "ArbitrageDesk.of", "observation_names", "of two books at least", books)

        def columns(what: str) -> np.ndarray:
            return np.array([names.index(f"book_{b}_{what}") for b in range(books)])

        gap = np.array([-1, *(names.index(f"book_{b}_mid_gap") for b in range(1, books))])
        return cls(names.index("inventory"), gap, columns("bid_distance_0"), columns("ask_distance_0"),
                   columns("bid_qty_0"), columns("ask_qty_0"), task.tick_scale, task.qty_scale, task.max_quote_qty,
                   max_inventory)  # fmt: skip


@dataclass(frozen=True)
class CrossVenueArbitrage:
    """Buys at the cheapest known ask and sells at the dearest known bid when they are more than `edge` apart; what is
    left over from legs that stayed alone is closed at the best known price.
    """

    desk: ArbitrageDesk
    edge: float = 1.0
    """ticks that must remain, before fees"""
    name: ClassVar[str] = "cross-venue arbitrage"

    def reset(self, seeds: np.ndarray) -> None:
        """Nothing to forget."""

    def parameters(self) -> dict[str, float]:
        """Parameters by name."""
        return {"edge": self.edge}

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions float32 (n, venue) for observations float32 (n, width)."""
        d, n = self.desk, np.arange(len(obs))
        mid = np.where(d.gap < 0, 0.0, obs[:, d.gap]) * d.tick_scale
        bid, ask = mid - obs[:, d.bid] * d.tick_scale, mid + obs[:, d.ask] * d.tick_scale
        bid_qty, ask_qty = obs[:, d.bid_qty] * d.qty_scale, obs[:, d.ask_qty] * d.qty_scale
        bid = np.where(bid_qty > 0, bid, -np.inf)
        ask = np.where(ask_qty > 0, ask, np.inf)
        dear, cheap = bid.argmax(1), ask.argmin(1)
        pays = (bid[n, dear] - ask[n, cheap] > self.edge) & (dear != cheap)
        lots = np.minimum(bid_qty[n, dear], ask_qty[n, cheap])
        action = np.zeros((len(obs), len(d.bid)))
        action[n[pays], cheap[pays]] = lots[pays]
        action[n[pays], dear[pays]] = -lots[pays]
        held = np.rint(obs[:, d.inventory] * d.max_inventory)
        alone = ~pays & (held != 0)
        where = np.where(held > 0, dear, cheap)
        action[n[alone], where[alone]] = -held[alone]
        return np.clip(action / d.max_quote_qty, -1.0, 1.0).astype(np.float32)
