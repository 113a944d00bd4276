"""The two policies that every table begins with: do nothing, and act at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from baselines.policies.desk import ARBITRAGE, CHOICE, KINDS, MODEL, QUOTES, TARGET
from baselines.policies.keyed import even
from baselines.policies.protocol import Scripted


@dataclass(frozen=True)
class DoNothing(Scripted):
    """Sends no order. A parent order is left to the liquidation at the close; where quotes cannot be withheld, as in
    `qsl/AvellanedaStoikov-v0`, they stand as far away as the action allows.
    """

    name: ClassVar[str] = "do nothing"
    kinds: ClassVar[frozenset[str]] = frozenset(KINDS)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        d, n = self.desk, len(obs)
        if d.kind in (QUOTES, CHOICE, MODEL):
            far = np.full((n, d.num_symbols), d.max_offset)
            return d.quotes(far, far, 0.0, 0.0)
        nothing = 0.0 if d.kind in (ARBITRAGE, TARGET) else -1.0
        return np.full((n, len(d.action_names)), nothing, np.float32)


@dataclass(frozen=True)
class Random(Scripted):
    """Even draws over the whole action space, keyed by (seed of the world, step, element)."""

    name: ClassVar[str] = "random"
    kinds: ClassVar[frozenset[str]] = frozenset(KINDS)
    memory: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reset(self, seeds: np.ndarray) -> None:
        """Start the draws of these worlds."""
        self.memory.update(seeds=np.array(seeds, np.int64), step=0)

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        count = 1 if self.desk.kind == CHOICE else len(self.desk.action_names)
        u = even(self.memory["seeds"], self.memory["step"], count)
        self.memory["step"] += 1
        if self.desk.kind == CHOICE:
            return (u[:, 0] * self.desk.num_choices).astype(np.int64)
        return (2.0 * u - 1.0).astype(np.float32)
