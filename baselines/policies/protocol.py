"""What a policy is to everybody who runs one, and what the scripted ones share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from baselines.policies.desk import Desk
from baselines.policies.search import Space
from qsl_envs.errors import require


class Policy(Protocol):
    """Acts in many worlds at once; row n of what it is given and gives back is world n.

    What it does in a world depends on that world's seed and observations alone, never on how worlds were divided into
    batches: draws are keyed by (seed, step).
    """

    @property
    def name(self) -> str:
        """How tables call it."""

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins; int64 (n,) key all that it draws. For agents of one world the caller mixes
        world and seat (`baselines.policies.keyed.mix_seats`). What was remembered is forgotten.
        """

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions for observations float32 (n, width): float32 (n, k) in [-1, 1], or int64 (n,) for a choice."""

    def parameters(self) -> dict[str, Any]:
        """Parameters by name, as `library.build` takes them."""


@dataclass(frozen=True)
class Scripted:
    """Base of the scripted policies: a desk, and parameters as the other fields; it remembers nothing.

    Raises: ConfigError for a desk of a kind that it cannot act at, or a parameter outside its range.
    """

    desk: Desk
    name: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    """kinds of desks it can act at"""
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}
    """least and greatest value of parameters"""

    def __post_init__(self) -> None:
        require(self.desk.kind in self.kinds, self, "desk.kind", f"one of {', '.join(sorted(self.kinds))}",
                self.desk.kind)  # fmt: skip
        for field, (low, high) in self.ranges.items():
            value = getattr(self, field)
            require(low <= value <= high, self, field, f"in [{low:g}, {high:g}]", value)

    def reset(self, seeds: np.ndarray) -> None:
        """Nothing to forget."""

    def forget(self, rows: np.ndarray) -> None:
        """New episodes begin in these rows, bool (n,), while the others go on: nothing to forget."""

    # --- what a learner may change of it (`baselines.learning.residual`)

    @property
    def corrections(self) -> tuple[str, ...]:
        """Names of the numbers by which a learner may correct it; here those of the action itself."""
        return self.desk.action_names

    def hints(self, obs: np.ndarray) -> np.ndarray:
        """What it makes of observations (n, width), float32 (n, hints), asked once a step: a learner sees it beside
        them, and `corrected` acts on it. Here the action that it would take.
        """
        return np.asarray(self(obs), np.float32)

    def corrected(self, obs: np.ndarray, hints: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Its actions with a correction, float32 (n, k) in [-1, 1]; those of `__call__` where all is 0.

        Args:
            hints: of `obs`.
            change: float (n, corrections), in units in which 1 is a great deal.
        """
        return np.clip(hints + change, -1.0, 1.0).astype(np.float32)

    def parameters(self) -> dict[str, float]:
        """Parameters by name, without the desk."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "desk" and f.init}

    @classmethod
    def space(cls, desk: Desk, sigma: float) -> Space:
        """What the tuner searches: coordinate -> span; empty: there is nothing to tune.

        Args:
            sigma: volatility of the mid, in the desk's price units per square root of its time unit.
        """
        return {}

    @classmethod
    def settings(cls, desk: Desk, sigma: float, point: dict[str, float]) -> dict[str, float]:
        """Parameters that a point of `space` stands for."""
        return point
