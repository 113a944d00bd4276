"""How a policy's orders fared in recorded episodes: what its trading costs, world by world, from the blotter."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.market.blotter import MARKOUTS, OPEN, Blotter
from qsl_envs.market.run_recorder import RunRecorder
from qsl_envs.metrics.arguments import mean_by_episode
from qsl_envs.metrics.fills import MAKER
from qsl_envs.metrics.orders import fill_ratio, queue_time, traded_qty
from qsl_envs.metrics.pnl import adverse_selection, pnl_parts
from qsl_envs.metrics.quality import effective_spread, mean_markouts, price_impact, realized_spread, slippage

RECORDED = {
    "orders": "orders that reached a venue",
    "fill_ratio": "lots filled / lots sent",
    "quote_age": "mean time that an order stood in the book, s",
    "queue_time": "mean time from an order's arrival to its first fill, of filled orders, s",
    "queue_ahead": "mean lots in front of an order when it came to rest",
    "maker_share": "lots filled as maker / lots filled",
    **{
        name: f"mid {name.removeprefix('markout_')} after a fill against its price, mean over lots, ticks: a gain is +"
        for name in MARKOUTS
    },
    "spread_gain": "earned against the mid at the fills, ticks x lots",
    "inventory_gain": "moves of the mid on what was held, to the mid at the end, ticks x lots",
    "rebates": "received from venues, ticks x lots",
    "adverse_selection": "-inventory_gain / spread_gain: 1 is a maker whose whole edge was taken back",
    "effective_spread": "2 x aggressor's sign x (price - mid before), mean over lots, ticks",
    "realized_spread": "the same against the mid 1 s later: what the maker of the trade keeps, ticks",
    "price_impact": "2 x aggressor's sign x (mid 1 s later - mid before), mean over lots, ticks",
    "slippage": "fill price against the mid at the order's decision, mean over lots, ticks: a cost is +",
}
"""Metric -> what it is; NaN in a world without orders or fills, or with several books where one mid is needed."""

ROWS = 8_000
"""Of the tape between two steps, in each world."""
SECOND_NS = 1_000_000_000


def recorder_for(envs: Any) -> RunRecorder | None:
    """A recorder of an environment's market, to be read after every step; None where there is no market to record."""
    market = getattr(getattr(envs, "unwrapped", envs), "market", None)
    return RunRecorder(market, ROWS) if hasattr(market, "begin_recording") else None


def recorded_metrics(recorder: RunRecorder | None, num_worlds: int, seat: int = 0) -> dict[str, np.ndarray]:
    """Metrics of `RECORDED` of the first episode of each world, float64 (num_worlds,).

    Args:
        recorder: that was read after every step; None: all NaN.
        seat: participant whose orders are looked at.
    """
    none = {name: np.full(num_worlds, np.nan) for name in RECORDED}
    if recorder is None:
        return none
    firsts = [recorder.tapes(world)[:1] for world in range(num_worlds)]
    held = np.array([len(tapes) == 1 for tapes in firsts])
    if not held.any():
        return none
    found = blotter_metrics(Blotter([tapes[0] for tapes in firsts if tapes], recorder.market.config), seat)
    for name, values in found.items():
        none[name][held] = values
    return none


def blotter_metrics(blotter: Blotter, seat: int = 0) -> dict[str, np.ndarray]:
    """Metrics of `RECORDED` of one participant, float64 (episode,)."""
    n = blotter.num_episodes
    orders = blotter.orders[blotter.orders["participant"] == seat]
    episode = orders["episode"].astype(np.int64)
    nothing = np.full(n, np.nan)
    found = {name: nothing.copy() for name in RECORDED}
    found["orders"] = np.bincount(episode, minlength=n).astype(np.float64)
    found["fill_ratio"] = fill_ratio(episode, orders["qty"], orders["filled_qty"], n)
    rested = orders["queue_ahead_arrival"] != NIL
    found["queue_ahead"] = mean_by_episode(orders["queue_ahead_arrival"][rested], episode[rested], n)
    last_ns = np.array([blotter.mids[0].end_ns[e] for e in range(n)])
    gone_ns = np.where(orders["end"] == OPEN, last_ns[episode], orders["end_ns"])
    stood = rested & (orders["entered_ns"] != NIL)
    found["quote_age"] = mean_by_episode((gone_ns - orders["entered_ns"])[stood] * 1e-9, episode[stood], n)
    served = orders["arrival_ns"] != NIL
    waited = (orders["first_fill_ns"] == NIL) | (orders["first_fill_ns"] >= orders["arrival_ns"])
    sound = served & waited
    times = queue_time(episode[sound], orders["arrival_ns"][sound], orders["first_fill_ns"][sound], n)
    found["queue_time"] = times * 1e-9
    made = _lots(blotter, seat, MAKER)
    traded = sum(traded_qty(blotter.party(seat, book)) for book in blotter.mids)
    found["maker_share"] = np.divide(made, traded, out=nothing.copy(), where=traded > 0)
    if len(blotter.mids) == 1:
        found |= _one_book(blotter, seat)
    return found


def _lots(blotter: Blotter, seat: int, liquidity: int) -> np.ndarray:
    """Lots filled with one kind of liquidity, over all books, float64 (episode,)."""
    mine = blotter.fills[(blotter.fills["participant"] == seat) & (blotter.fills["liquidity"] == liquidity)]
    return np.bincount(mine["episode"], mine["qty"], blotter.num_episodes)


def _one_book(blotter: Blotter, seat: int) -> dict[str, np.ndarray]:
    """What needs the mid of the one book that there is."""
    fills, mids, n = blotter.party(seat), blotter.mids[0], blotter.num_episodes
    known = mids.before(fills.episode, fills.ts_ns) != NIL
    decided = _decisions(blotter, seat)[known]
    fills = fills.where(known)
    found = dict(zip(MARKOUTS, mean_markouts(fills, mids).T))
    last = mids.at(np.arange(n), mids.end_ns)
    parts = pnl_parts(fills, mids, np.where(last == NIL, 0, last)).ticks_lots(fills.fee_unit)
    found["spread_gain"], found["rebates"] = parts.spread, parts.rebates
    found["inventory_gain"] = np.where(last == NIL, np.nan, parts.inventory)
    found["adverse_selection"] = np.where(last == NIL, np.nan, adverse_selection(parts))

    def mean(values: np.ndarray) -> np.ndarray:
        return mean_by_episode(values, fills.episode, n, fills.qty)

    found["effective_spread"] = mean(effective_spread(fills, mids))
    found["realized_spread"] = mean(realized_spread(fills, mids, SECOND_NS))
    found["price_impact"] = mean(price_impact(fills, mids, SECOND_NS))
    reference = np.full(len(fills), NIL, np.int64)
    told = decided >= 0
    reference[told] = mids.at(fills.episode[told], decided[told])
    found["slippage"] = mean(slippage(fills, reference)) if len(fills) else np.full(n, np.nan)
    return found


def _decisions(blotter: Blotter, seat: int) -> np.ndarray:
    """When the order of each fill of a participant was decided on, int64 (fill,); -1: not known."""
    mine = blotter.fills[(blotter.fills["participant"] == seat) & (blotter.fills["book"] == 0)]
    when = {(int(o["episode"]), int(o["order_id"])): int(o["decision_ns"]) for o in blotter.orders}
    return np.array([when.get((int(f["episode"]), int(f["order_id"])), -1) for f in mine], np.int64)
