"""Settings of queue-reactive flow (Huang, Lehalle and Rosenbaum 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from qsl_envs.errors import require
from qsl_envs.flow.config import FlowConfig

Table = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReactiveFlowConfig(FlowConfig):
    """Rates that depend on the queue that they would change.

    Queues stand at 1/2, 3/2, ... ticks on either side of a reference price, counted in units of the mean order size,
    rounded up. `limit_rates[d - 1][q]` and `cancel_rates[d - 1][q]` are those of the queue at distance d when it holds
    q units, `market_rates[q]` that of market orders when the best queue of the other side holds q; the last number of a
    list holds for longer queues. A cancel takes one of the flow's orders of the queue, each as likely as the other.
    When the middle of the book has moved, the reference price follows it with probability `theta` (once a move).
    Orders that have come to lie beyond the last queue are cancelled at `far_rate` each.
    """

    clocks: ClassVar[bool] = False
    answers: ClassVar[bool] = True

    kind: Literal["queue_reactive"] = "queue_reactive"
    limit_rates: Table = (
        (4.0, 3.6, 3.2, 2.8, 2.4, 2.1, 1.9, 1.7, 1.6, 1.5, 1.4),
        (3.0, 2.8, 2.6, 2.4, 2.2, 2.0, 1.9, 1.8, 1.7, 1.6, 1.5),
        (2.2, 2.1, 2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2),
        (1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8),
    )
    """limit orders per second at distance 1, 2, ... by the queue there"""
    cancel_rates: Table = (
        (0.0, 0.4, 0.7, 1.0, 1.2, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9),
        (0.0, 0.4, 0.8, 1.1, 1.4, 1.6, 1.8, 2.0, 2.1, 2.2, 2.3),
        (0.0, 0.3, 0.6, 0.9, 1.2, 1.4, 1.6, 1.7, 1.8, 1.9, 2.0),
        (0.0, 0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
    )
    """cancels per second in the queue at distance 1, 2, ... by its length; none in an empty queue"""
    market_rates: tuple[float, ...] = (0.0, 2.6, 2.2, 1.9, 1.6, 1.4, 1.2, 1.1, 1.0, 0.9, 0.8)
    """market orders per second and side, by the best queue that they meet; none against an empty one"""
    theta: float = 0.7
    """probability that the reference price follows a move of the mid"""
    far_rate: float = 0.2
    """cancels per second and order that lies beyond the last queue"""

    def __post_init__(self) -> None:
        self.check("far_rate")
        for name in ("limit_rates", "cancel_rates"):
            rows = getattr(self, name)
            require(1 <= len(rows) <= 50, self, name, "1 to 50 distances", len(rows))
            for row in rows:
                self.check_rates(name, row)
                require(len(row) <= 1_000, self, name, "at most 1_000 lengths of a queue", len(row))
        same = len(self.cancel_rates) == len(self.limit_rates)
        require(same, self, "cancel_rates", f"as many distances as limit_rates, {len(self.limit_rates)}",
                len(self.cancel_rates))  # fmt: skip
        self.check_rates("market_rates", self.market_rates)
        none = all(row[0] == 0 for row in self.cancel_rates)
        require(none, self, "cancel_rates", "0 for an empty queue", [row[0] for row in self.cancel_rates])
        require(self.market_rates[0] == 0, self, "market_rates", "0 for an empty queue", self.market_rates[0])
        for d, (born, gone) in enumerate(zip(self.limit_rates, self.cancel_rates)):
            last = gone[-1] + (self.market_rates[-1] if d == 0 else 0.0)
            require(last > born[-1], self, "limit_rates", f"in the end less than what leaves queue {d + 1}, {last:g}",
                    born[-1])  # fmt: skip
        require(0 <= self.theta <= 1, self, "theta", "in [0, 1]", self.theta)

    @property
    def reach(self) -> int:
        """Number of queues a side."""
        return len(self.limit_rates)

    @property
    def unit_qty(self) -> int:
        """Lots of a unit of queue length: the mean order, rounded."""
        return (self.qty_low + self.qty_high + 1) // 2

    def stationary(self, distance: int) -> list[float]:
        """P(queue at `distance` holds 0, 1, ... units) when nothing else changes, by detailed balance.

        Queues at distance 1 lose market orders too. Unit orders, a reference price that stays. The tail is cut where it
        falls below 1e-12.
        """
        born, gone = self.limit_rates[distance - 1], self.cancel_rates[distance - 1]
        market = self.market_rates if distance == 1 else (0.0,)
        weights = [1.0]
        while len(weights) < 10_000 and (weights[-1] > 1e-12 * max(weights) or len(weights) <= len(born)):
            n = len(weights)
            out = gone[min(n, len(gone) - 1)] + market[min(n, len(market) - 1)]
            if out == 0:
                break
            weights.append(weights[-1] * born[min(n - 1, len(born) - 1)] / out)
        total = sum(weights)
        return [w / total for w in weights]

    @property
    def start_means(self) -> tuple[float, ...]:
        """Orders to expect in each queue of a new book."""
        means = [sum(n * p for n, p in enumerate(self.stationary(d))) for d in range(1, self.reach + 1)]
        return tuple(means)

    @property
    def mean_orders(self) -> float:
        """Resting orders to expect: the queues in reach, and what was left behind by moves of the price."""
        return 2 * sum(self.start_means) + 4 * max(self.start_means) * min(20.0, 1 / self.far_rate)

    @property
    def relax_ns(self) -> int:
        """Time in which the longest queue turns over."""
        return int(1e9 * max(m / row[1] for m, row in zip(self.start_means, self.cancel_rates) if len(row) > 1))
