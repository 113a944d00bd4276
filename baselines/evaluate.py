"""Runs policies on a fixed list of worlds, each once to its end, and says how sure the averages are.

All policies see the same worlds, so differences are taken world by world. Worlds are run in blocks of one fixed shape,
the last one filled up with worlds that are not counted: a result does not depend on how the work was divided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from baselines.intervals import Estimate, bootstrap, paired_difference, verdict
from baselines.scripted import Policy
from qsl_envs.errors import require

__all__ = ["METRICS", "Estimate", "Worlds", "bootstrap", "evaluate", "paired", "verdict"]

METRICS = {
    "pnl": "P&L at the end, after fees, ticks x lots",
    "score": "sum of rewards, ticks x lots",
    "fees": "fees paid; rebates are negative, ticks x lots",
    "final_inventory": "inventory before the closing step, lots",
    "mean_abs_inventory": "mean of |inventory| over the steps, lots",
    "max_drawdown": "largest fall of P&L from its peak, ticks x lots",
    "fills": "number of fills",
    "volume": "lots traded, the closing step included",
    "maker_share": "lots filled as maker / lots filled (NaN without fills, or where the environment does not tell)",
    "step_sharpe": "mean / standard deviation of the change of P&L over a step (NaN without change)",
    "steps": "length of the episode",
}
"""Metric -> what it is. Each has one value a world."""

ACCOUNT = ("equity", "inventory", "fees", "fills", "volume")
"""Keys of `info["account"]` that an environment must offer: true, and cumulative since the start of the episode. The
`episode_summary` of its final info has them too, there with the inventory from before the closing step. Where they also
have `taker_lots`, the share of the maker is known."""


@dataclass(frozen=True)
class Worlds:
    """A fixed list of worlds.

    Args:
        make: makes the vector environment, given the number of environments; its split is the list's.
        count: how many worlds.
        first_seed: world n is (split, first_seed + n), first episode.
        block: environments side by side.
        starts_ns: for replayed days: where world n starts, int64 (count,); None leaves it to the environment.
    """

    make: Callable[[int], VectorEnv]
    count: int
    first_seed: int = 0
    block: int = 64
    starts_ns: np.ndarray | None = None

    def __post_init__(self) -> None:
        require(self.count >= 1, self, "count", ">= 1", self.count)
        require(self.block >= 1, self, "block", ">= 1", self.block)

    def blocks(self) -> list[tuple[np.ndarray, int]]:
        """(numbers of the worlds in a block, how many of them count); numbers past the end only fill the last one."""
        starts = range(0, self.count, self.block)
        return [(np.arange(s, s + self.block), min(self.block, self.count - s)) for s in starts]


def evaluate(
    policies: Mapping[str, Policy], worlds: Worlds, tell: Callable[[float, str], None] | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Run every policy on every world.

    Args:
        tell: takes the share that is done and a line about it.

    Returns: policy -> metric -> float64 (worlds.count,), in the order of the worlds.
    Raises: ConfigError if the environment does not reset in the same step, or lacks a key of `ACCOUNT`.
    """
    envs = worlds.make(worlds.block)
    mode = envs.metadata.get("autoreset_mode")
    require(mode == AutoresetMode.SAME_STEP, "evaluate", "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
    results: dict[str, dict[str, np.ndarray]] = {}
    blocks, done = worlds.blocks(), 0
    total = len(blocks) * len(policies)
    try:
        for name, policy in policies.items():
            parts = []
            for numbers, count in blocks:
                rows = _run_block(envs, policy, worlds, numbers)
                parts.append({metric: values[:count] for metric, values in rows.items()})
                done += 1
                if tell:
                    tell(done / total, f"{name}: block {done} of {total}")
            results[name] = {metric: np.concatenate([part[metric] for part in parts]) for metric in METRICS}
    finally:
        envs.close()
    return results


def _run_block(envs: VectorEnv, policy: Policy, worlds: Worlds, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """One block of worlds, each to the end of its first episode; what follows it is not looked at."""
    seeds = worlds.first_seed + numbers
    options = None
    if worlds.starts_ns is not None:
        options = {"start_ns": np.asarray(worlds.starts_ns, np.int64)[numbers % worlds.count]}
    policy.reset(seeds)
    obs, info = envs.reset(seed=int(seeds[0]), options=options)
    missing = [key for key in ACCOUNT if key not in info.get("account", {})]
    require(not missing, "evaluate", "info['account']", f"with the keys {', '.join(ACCOUNT)}", f"without {missing}")
    n = envs.num_envs
    running = np.ones(n, bool)
    account = {key: np.zeros(n) for key in (*ACCOUNT, "taker_lots")}
    account["equity"] += info["account"]["equity"]
    start = account["equity"].copy()
    peak, gain_before = np.zeros(n), np.zeros(n)
    sums = {key: np.zeros(n) for key in ("score", "inventory", "drawdown", "gain", "gain_square", "steps")}
    while running.any():
        obs, reward, terminated, truncated, info = envs.step(policy(obs))
        over = terminated | truncated
        now = _account_of(info, over)
        for key in account:
            account[key][running] = now[key][running]
        gain = account["equity"] - start
        peak = np.maximum(peak, gain)
        change = gain - gain_before
        held = np.abs(account["inventory"])
        steps = {"score": reward, "gain": change, "gain_square": change**2, "steps": 1.0, "inventory": held}
        for key, value in steps.items():
            sums[key] += np.where(running, value, 0.0)
        sums["drawdown"] = np.where(running, np.maximum(sums["drawdown"], peak - gain), sums["drawdown"])
        gain_before = gain
        running &= ~over
    mean = sums["gain"] / sums["steps"]
    spread = np.sqrt(np.maximum(sums["gain_square"] / sums["steps"] - mean**2, 0.0))
    told = ~np.isnan(account["taker_lots"]) & (account["volume"] > 0)
    return {
        "pnl": account["equity"] - start,
        "score": sums["score"],
        "fees": account["fees"],
        "final_inventory": account["inventory"],
        "mean_abs_inventory": sums["inventory"] / sums["steps"],
        "max_drawdown": sums["drawdown"],
        "fills": account["fills"],
        "volume": account["volume"],
        "maker_share": 1.0 - np.divide(account["taker_lots"], account["volume"], out=np.full(n, np.nan), where=told),
        "step_sharpe": np.divide(mean, spread, out=np.full(n, np.nan), where=spread > 1e-12),
        "steps": sums["steps"],
    }


def _account_of(info: dict[str, Any], over: np.ndarray) -> dict[str, np.ndarray]:
    """The account after the step, float64 (n,): of the episode that ended, where one did."""
    unknown = np.full(len(over), np.nan)
    keys = (*ACCOUNT, "taker_lots")
    now = {key: np.array(info["account"].get(key, unknown), np.float64) for key in keys}
    if over.any():
        final = info["final_info"]["episode_summary"]
        for key in keys:
            now[key][over] = np.asarray(final.get(key, unknown), np.float64)[over]
    return now


def paired(results: Mapping[str, Mapping[str, np.ndarray]], name: str, reference: str, metric: str) -> Estimate:
    """Mean difference `name` minus `reference`, world by world, with its interval."""
    return paired_difference(results[name][metric], results[reference][metric])
