"""Watches one world under a policy: book, quotes, inventory and P&L at each step, for pictures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from gymnasium.vector import VectorEnv

from baselines.policies.protocol import Policy
from qsl_envs.engine.constants import BUY, SELL

BLOCK = 8
"""Environments of the block in which a world is watched: as in an evaluation the shape is fixed."""


class Trace(NamedTuple):
    """One episode, first axis: step, the last one right before the episode's end.

    | field       | dtype, axes            | meaning                                                         |
    | ----------- | ---------------------- | --------------------------------------------------------------- |
    | `time_s`    | float64 (step,)        | from the start of the episode                                   |
    | `mid`       | float64 (step,)        | true mid without own orders, ticks                              |
    | `price`     | float64 (step, 2, lvl) | true book, bids and asks from the best, ticks; NaN: no level    |
    | `qty`       | float64 (step, 2, lvl) | lots shown at the level                                         |
    | `quote`     | float64 (step, 2)      | own best bid and ask, as the agent books them, ticks; NaN: none |
    | `inventory` | float64 (step,)        | lots, true                                                      |
    | `pnl`       | float64 (step,)        | P&L since the start, ticks x lots, true                         |
    """

    time_s: np.ndarray
    mid: np.ndarray
    price: np.ndarray
    qty: np.ndarray
    quote: np.ndarray
    inventory: np.ndarray
    pnl: np.ndarray


def watch(
    envs: VectorEnv, policy: Policy, seed: int, options: dict | None = None, levels: int = 10, replica: int = 0
) -> Trace:
    """Run one episode of a market-making environment.

    Args:
        envs: with `market` and `step_ns` as public attributes and made with `step_info=True`; env `replica` is watched.
        levels: of the book, a side.
    """
    env = envs.unwrapped
    policy.reset(seed + np.arange(envs.num_envs))
    obs, info = envs.reset(seed=seed, options=options)
    start = float(info["account"]["equity"][replica])
    rows, over, step = [], False, 0
    while not over:
        book, quote = np.full((2, 2, levels), np.nan), [np.nan, np.nan]
        for side, known in zip((BUY, SELL), env.market.true_book(replica=replica, levels=levels)):
            book[:, side, : len(known)] = known.T
        for side, better in ((BUY, max), (SELL, min)):
            own = [o["price"] for o in env.market.orders(0, replica=replica) if o["side"] == side]
            quote[side] = float(better(own)) if own else np.nan
        account = [float(info["account"][key][replica]) for key in ("mid", "inventory", "equity")]
        rows.append((step * env.step_ns * 1e-9, account, book, quote))
        obs, _, terminated, truncated, info = envs.step(policy(obs))
        over = bool(terminated[replica] or truncated[replica])
        step += 1
    time_s, account, book, quote = (np.array(column) for column in zip(*rows))
    mid, inventory, equity = account.T
    return Trace(time_s, mid, book[:, 0], book[:, 1], quote, inventory, equity - start)
