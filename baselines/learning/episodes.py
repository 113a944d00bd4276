"""Episodes that end while a learner steps: their returns, lengths, and what their accounts came to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SHOWN = ("equity", "fees", "volume", "fills", "inventory", "peak_inventory")
"""Keys of an environment's `episode_summary` whose means are logged, where it has them; `equity` is the P&L."""


EARNED = "earned"
"""Key of the infos under which rewards stand as the environment gave them, where what is learned from is another."""
STEPS = "steps"
"""Key of the infos under which stands how many steps of an environment one decision took, where it is not one."""
DISCOUNT = "discount"
"""Key of the infos under which stands the discount of what follows, where a decision took several steps."""


class Episodes:
    """Sums up running episodes, and means over those that have ended since they were last asked for.

    Args:
        num_envs: environments side by side.
    """

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.begin()

    def begin(self) -> None:
        """All environments begin new episodes; what ran is forgotten, what has ended is not asked for any more."""
        self.returns, self.lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, np.int64)
        self.ended: dict[str, list[np.ndarray]] = {}

    def add(self, reward: np.ndarray, over: np.ndarray, info: dict[str, Any]) -> None:
        """One step.

        Args:
            reward: float (num_envs,); what the infos say was earned counts, where they say so.
            over: which episodes ended with it, bool (num_envs,).
            info: of a SAME_STEP environment.
        """
        self.returns += info.get(EARNED, reward)
        self.lengths += info.get(STEPS, 1)
        if not over.any():
            return
        summary = info.get("final_info", {}).get("episode_summary", {})
        values = {"return": self.returns, "length": self.lengths}
        values.update({"pnl" if key == "equity" else key: summary[key] for key in SHOWN if key in summary})
        for key, rows in values.items():
            self.ended.setdefault(key, []).append(np.array(rows, np.float64)[over])
        self.returns[over], self.lengths[over] = 0.0, 0

    def means(self) -> dict[str, float]:
        """Means over the episodes that ended since the last call, and their number `episodes`; NaN when none did."""
        columns = {key: np.concatenate(parts) for key, parts in self.ended.items()}
        self.ended = {}
        means = {key: float(rows.mean()) for key, rows in columns.items()}
        count = len(columns.get("return", ()))
        return {"return": math.nan, "length": math.nan, **means, "episodes": count}


def step_discounts(envs: Any, info: dict[str, Any], cut: np.ndarray, gamma: float) -> np.ndarray:
    """Discount of what follows each environment's step, float32 (num_envs,): gamma^(elapsed / step_ns).

    A step takes `step_ns`, or, where an environment decides on fills, as long as it takes. An episode that was cut off
    is gone from the infos; its final observation still tells how long its last step took (up to ten of `step_ns`).

    Args:
        info: of the step, from a SAME_STEP environment; what it says of the discount counts, where it does.
        cut: numbers of the environments whose episodes were truncated.
    """
    if DISCOUNT in info:
        return info[DISCOUNT]
    if "elapsed_ns" not in info:
        return np.full(envs.num_envs, gamma, np.float32)
    steps = np.asarray(info["elapsed_ns"], np.float64) / envs.unwrapped.step_ns
    names = list(getattr(envs.unwrapped, "observation_names", ()))
    if len(cut) and "elapsed" in names:
        column = names.index("elapsed")
        steps[cut] = [info["final_obs"][i][column] for i in cut]
    return (gamma**steps).astype(np.float32)
