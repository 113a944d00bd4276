"""Settings that a day suggests: the scales of a market-making task on it, and a synthetic market that resembles it.

Everything is measured on the part of the day that one may train on.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import DataError
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.replay.lobster import ABSENT, DELETION, NEW, PARTIAL_CANCEL, VISIBLE_EXECUTION, LobsterDay, Messages

MAX_RESTING = 180
"""Resting orders of the synthetic market: what the environment's pool holds with a margin."""
HOLDING_COST = 0.04
"""Usual spreads that the reward takes for each lot held for a second: half a spread, what a fill may earn, is gone in
twelve. Without a price for risk, reward is the mark's noise on whatever is held, and tells a learner little."""
MIN_STEPS = 40
"""Steps that an episode should have at least."""


@dataclass(frozen=True)
class Measures:
    """What was measured on the first part of a day. Rates are per second; those of flow are per side."""

    spread: float
    """median, ticks"""
    order_qty: float
    """median of new orders, lots"""
    mid: int
    """last, ticks"""
    market_rate: float
    limit_rate: float
    """per tick too"""
    cancel_rate: float
    """per resting order"""
    ticks: int
    """from the opposite best: where 90 % of new orders fall"""

    def flow(self) -> PoissonFlowConfig:
        """Zero-intelligence flow with these rates, and lots between half and three halves of the usual."""
        usual = max(1, round(self.order_qty))
        return PoissonFlowConfig(
            market_rate=self.market_rate,
            limit_rate=self.limit_rate,
            cancel_rate=self.cancel_rate,
            ticks=self.ticks,
            qty_low=max(1, usual // 2),
            qty_high=usual + usual // 2,
        )


def measure(day: LobsterDay, until_ns: int, tick_units: int) -> Measures:
    """Measure a day up to a time.

    Args:
        until_ns: ns after midnight; what is later is not looked at.
        tick_units: price units of a tick.

    Raises: DataError if the day has no book file, or too little happens before `until_ns`.
    """
    messages = day.messages
    if day.book is None:
        raise DataError(f"{messages.path}: needs the book file beside it, to measure spreads and rates")
    rows = np.flatnonzero(messages.ts_ns < until_ns)[1:]
    seconds = (until_ns - int(messages.ts_ns[0])) * 1e-9
    best = day.book.price[rows - 1, :, 0]  # right before each message
    whole = (best != ABSENT).all(1)
    rows, best = rows[whole], best[whole]
    kind, side = messages.type[rows], messages.side[rows]
    # A new order's distance from the opposite best: 1 is the nearest price at which it rests.
    opposite = np.where(side == BUY, best[:, SELL], best[:, BUY])
    distance = np.abs(messages.price[rows] - opposite) / tick_units
    added, ended = kind == NEW, (kind == DELETION) | (kind == PARTIAL_CANCEL)
    trades = messages.ts_ns[rows][kind == VISIBLE_EXECUTION]
    if added.sum() < 50 or np.unique(trades).size < 5 or ended.sum() < 20:
        raise DataError(f"{messages.path}: too little happens in its first part: {added.sum()} new orders")
    ticks = int(max(4, np.percentile(distance[added], 90)))
    near = distance <= ticks
    order_qty = float(np.median(messages.qty[rows][added]))
    resting = _resting_orders(messages, rows[added & near], until_ns) / seconds
    limit_rate = float((added & near).sum() / seconds / 2 / ticks)
    cancel_rate = float((ended & near).sum() / seconds / max(resting, 4.0))
    return Measures(
        spread=float(np.median(best[:, SELL] - best[:, BUY])) / tick_units,
        order_qty=order_qty,
        mid=int(best[-1].sum() // 2 // tick_units),
        market_rate=float(np.unique(trades).size / seconds / 2),
        limit_rate=limit_rate,
        # So that the resting orders of the synthetic market fit its pool.
        cancel_rate=max(cancel_rate, 2 * limit_rate * ticks / MAX_RESTING),
        ticks=ticks,
    )


def _resting_orders(messages: Messages, births: np.ndarray, until_ns: int) -> float:
    """Seconds that the orders born in these rows lived before `until_ns`, all together: over time, how many rest."""
    ids, first = np.unique(messages.order_id[births], return_index=True)
    born_ns, left = messages.ts_ns[births][first], messages.qty[births][first].copy()
    past = np.flatnonzero((messages.ts_ns < until_ns) & (messages.type > NEW) & (messages.type <= VISIBLE_EXECUTION))
    at = np.searchsorted(ids, messages.order_id[past])
    known = at < ids.size
    known[known] = ids[at[known]] == messages.order_id[past][known]
    np.subtract.at(left, at[known], messages.qty[past][known])
    last_ns = born_ns.copy()
    np.maximum.at(last_ns, at[known], messages.ts_ns[past][known])
    return float((np.where(left <= 0, last_ns, until_ns) - born_ns).sum() * 1e-9)


def task_options(measures: Measures, session_ns: int, step_ns: int) -> dict[str, Any]:
    """Keyword arguments of both market-making environments, so that one policy can act in either.

    Quotes reach three usual spreads from the mid, carry the usual order's lots at most; the inventory limit is ten of
    those; losing eighty usual spreads on a full inventory ends the episode. A lot that is held costs `HOLDING_COST`.
    """
    max_qty = max(1, round(measures.order_qty))
    reach = max(4, round(3 * measures.spread))
    limit = 10 * max_qty
    return {
        "session_ns": session_ns,
        "step_ns": step_ns,
        "max_quote_qty": max_qty,
        "max_offset": reach,
        "tick_scale": float(max(1.0, measures.spread)),
        "qty_scale": float(max_qty),
        "inventory_penalty": HOLDING_COST * max(1.0, measures.spread) * step_ns * 1e-9,
        "max_loss": float(80 * limit * max(1.0, measures.spread)),
        "config": {"participants": [{"risk": {"max_inventory": limit, "max_order_qty": limit}}]},
    }


def twin_options(options: dict[str, Any], measures: Measures) -> dict[str, Any]:
    """The same for the synthetic environment: its flow is that of the day."""
    flow = measures.flow()
    config = {
        **options["config"],
        "flow": dataclasses.asdict(flow),
        "symbols": [{"start_price": measures.mid}],
    }
    return {**options, "config": config}


def sessions(first_ns: int, last_ns: int, wanted_ns: int, at_least: int) -> tuple[int, int]:
    """(session_ns, step_ns) for a window of a day: shorter than wanted where fewer than `at_least` would fit.

    A step is half a second, or less where an episode would have fewer than `MIN_STEPS`.
    """
    session_ns = min(wanted_ns, (last_ns - first_ns) // at_least)
    step_ns = min(500_000_000, session_ns // MIN_STEPS)
    step_ns = max(1_000_000, step_ns // 1_000_000 * 1_000_000)
    return session_ns // step_ns * step_ns, step_ns
