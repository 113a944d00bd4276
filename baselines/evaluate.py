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

from baselines.evaluation.quality import RECORDED, recorded_metrics, recorder_for
from baselines.intervals import Estimate, bootstrap, paired_difference, verdict
from baselines.policies.protocol import Policy
from qsl_envs.errors import require
from qsl_envs.metrics.orders import inventory_statistics
from qsl_envs.metrics.risk import max_drawdown, sharpe, sortino

__all__ = ["METRICS", "RECORDED", "Estimate", "Worlds", "bootstrap", "evaluate", "paired", "verdict"]

METRICS = {
    "score": "sum of rewards: what was learned and tuned for",
    "pnl": "P&L at the end, after fees and the closing step, ticks x lots",
    "fees": "fees paid; rebates are negative, ticks x lots",
    "fills": "number of fills",
    "volume": "lots traded, the closing step included",
    "turnover": "lots traded / (2 x mean size of the inventory)",
    "final_inventory": "inventory before the closing step, lots",
    "mean_abs_inventory": "mean of |inventory| over the steps, lots",
    "max_abs_inventory": "largest |inventory| at a step, lots",
    "flat_share": "share of the steps without inventory",
    "max_drawdown": "largest fall of P&L from its peak, ticks x lots",
    "step_sharpe": "mean / standard deviation of the change of P&L over a step (NaN without change)",
    "step_sortino": "mean / root of the mean square of the falls of P&L over a step (NaN without falls)",
    "steps": "length of the episode",
    "ruined": "1 where the episode ended before its close: ruin, kill switch",
}
"""Metric -> what it is. Each has one value a world; NaN where the environment does not tell its account."""

ACCOUNT = ("equity", "inventory", "fees", "fills", "volume")
"""Keys of `info["account"]`: true, and cumulative since the start of the episode. The `episode_summary` of the final
info has them too, there with the inventory from before the closing step."""
ENDED_EARLY = (2, 3)
"""Values of the summary's `end`: ruin, kill switch."""


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
    policies: Mapping[str, Policy],
    worlds: Worlds,
    tell: Callable[[float, str], None] | None = None,
    *,
    record: bool = False,
) -> dict[str, dict[str, np.ndarray]]:
    """Run every policy on every world.

    Args:
        tell: takes the share that is done and a line about it.
        record: record the runs and add the metrics of `quality.RECORDED`; it takes time and memory.

    Returns: policy -> metric -> float64 (worlds.count,), in the order of the worlds.
    Raises: ConfigError if the environment does not reset in the same step.
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
                rows = _run_block(envs, policy, worlds, numbers, record)
                parts.append({metric: values[:count] for metric, values in rows.items()})
                done += 1
                if tell:
                    tell(done / total, f"{name}: block {done} of {total}")
            results[name] = {metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}
    finally:
        envs.close()
    return results


def _run_block(
    envs: VectorEnv, policy: Policy, worlds: Worlds, numbers: np.ndarray, record: bool
) -> dict[str, np.ndarray]:
    """One block of worlds, each to the end of its first episode; what follows it is not looked at."""
    seeds = worlds.first_seed + numbers
    options = None
    if worlds.starts_ns is not None:
        options = {"start_ns": np.asarray(worlds.starts_ns, np.int64)[numbers % worlds.count]}
    recorder = recorder_for(envs) if record else None
    policy.reset(seeds)
    obs, info = envs.reset(seed=int(seeds[0]), options=options)
    n = envs.num_envs
    running, last = np.ones(n, bool), {key: np.full(n, np.nan) for key in ACCOUNT}
    score, steps, ruined = np.zeros(n), np.zeros(n), np.zeros(n)
    start = _account_of(info, np.zeros(n, bool))["equity"]
    equity, held = [start], []
    while running.any():
        obs, reward, terminated, truncated, info = envs.step(policy(obs))
        if recorder is not None:
            recorder.read()
        over = terminated | truncated
        now = _account_of(info, over)
        for key, values in last.items():
            values[running] = now[key][running]
        equity.append(np.where(running, now["equity"], np.nan))
        held.append(np.where(running, now["inventory"], np.nan))
        score += np.where(running, reward, 0.0)
        steps += running
        ruined += running & now["early"]
        running &= ~over
    path, inventory = np.stack(equity, 1) - start[:, None], inventory_statistics(np.stack(held, 1))
    changes = np.diff(path, axis=1)
    twice = 2.0 * inventory.mean_abs
    found = {
        "score": score,
        "pnl": last["equity"] - start,
        "fees": last["fees"],
        "fills": last["fills"],
        "volume": last["volume"],
        "turnover": np.divide(last["volume"], twice, out=np.full(n, np.nan), where=twice > 0),
        "final_inventory": last["inventory"],
        "mean_abs_inventory": inventory.mean_abs,
        "max_abs_inventory": inventory.max_abs,
        "flat_share": inventory.flat_share,
        "max_drawdown": max_drawdown(path),
        "step_sharpe": sharpe(changes),
        "step_sortino": sortino(changes),
        "steps": steps,
        "ruined": ruined,
    }
    if record:
        found |= recorded_metrics(recorder, n, getattr(envs.unwrapped, "seat", 0))
    return found


def _account_of(info: dict[str, Any], over: np.ndarray) -> dict[str, np.ndarray]:
    """The account after the step, float64 (n,): of the episode that ended, where one did; NaN where it is not told.

    `early` is whether the episode ended before its close.
    """
    unknown = np.full(len(over), np.nan)
    account = info.get("account", {})
    now = {key: np.array(account.get(key, unknown), np.float64) for key in ACCOUNT}
    now["early"] = np.zeros(len(over), bool)
    if over.any():
        final = info.get("final_info", {}).get("episode_summary", {})
        for key in ACCOUNT:
            last = final.get("pnl", unknown) if key == "equity" and "equity" not in final else final.get(key, unknown)
            now[key][over] = np.asarray(last, np.float64)[over]
        now["early"][over] = np.isin(np.asarray(final.get("end", unknown))[over], ENDED_EARLY)
    return now


def paired(results: Mapping[str, Mapping[str, np.ndarray]], name: str, reference: str, metric: str) -> Estimate:
    """Mean difference `name` minus `reference`, world by world, with its interval."""
    return paired_difference(results[name][metric], results[reference][metric])
