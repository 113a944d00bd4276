"""The same task in a market that differs in one thing: latency, fees, impact, or the size that is traded.

The books that episodes start from and the chance of each world stay the same, so that results can be paired.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from baselines.evaluation.tasks import Task
from qsl_envs.envs.market_words import MARKET_WORDS
from qsl_envs.errors import ConfigError, require
from qsl_envs.market.config import MarketConfig
from qsl_envs.network.config import LinkConfig

SIZES = ("max_quote_qty", "parent_qty")
"""Settings of tasks that say how many lots are traded."""
LIMITS = ("max_inventory", "max_order_qty", "firm_max_inventory")
LINES = ("order_link", "report_link", "feed_link")
FEES = ("maker_fee_bps", "taker_fee_bps", "maker_lot_fee", "taker_lot_fee", "auction_fee_bps")


def with_latency(task: Task, factor: float) -> Task:
    """The agents' lines take `factor` times as long, their jitter too."""
    require(factor >= 0, "with_latency", "factor", ">= 0", factor)

    def change(config: MarketConfig, seats: int) -> MarketConfig:
        agents = tuple(
            dataclasses.replace(p, **{line: _longer(getattr(p, line), factor) for line in LINES}) if k < seats else p
            for k, p in enumerate(config.participants)
        )
        return dataclasses.replace(config, participants=agents)

    return _changed(task, change)


def _longer(link: LinkConfig, factor: float) -> LinkConfig:
    changes: dict[str, Any] = {"latency_ns": round(link.latency_ns * factor)}
    if link.jitter != "none":
        jitter = round(link.jitter_ns * factor)
        most = None if link.jitter_max_ns is None else max(1, round(link.jitter_max_ns * factor))
        off: dict[str, Any] = {"jitter": "none", "jitter_ns": 0, "jitter_shape": None, "jitter_max_ns": None}
        changes |= {"jitter_ns": jitter, "jitter_max_ns": most} if jitter else off
    return dataclasses.replace(link, **changes)


def with_fees(task: Task, factor: float) -> Task:
    """Every venue's fees and rebates are `factor` times as high, and so are its tiers'."""
    require(factor >= 0, "with_fees", "factor", ">= 0", factor)

    def dearer(part: Any) -> Any:
        names = [name for name in FEES if hasattr(part, name)]
        return dataclasses.replace(part, **{name: getattr(part, name) * factor for name in names})

    def change(config: MarketConfig, seats: int) -> MarketConfig:
        venues = tuple(dearer(dataclasses.replace(v, tiers=tuple(dearer(t) for t in v.tiers))) for v in config.venues)
        return dataclasses.replace(config, venues=venues)

    return _changed(task, change)


def with_impact(task: Task, ticks: float) -> Task:
    """Every venue charges takers `ticks` a lot at full participation in the volume around them."""

    def change(config: MarketConfig, seats: int) -> MarketConfig:
        return dataclasses.replace(
            config, venues=tuple(dataclasses.replace(v, impact_ticks=float(ticks)) for v in config.venues)
        )

    return _changed(task, change)


def with_size(task: Task, factor: int) -> Task:
    """The agent trades `factor` times the lots: its largest quote or its parent order, and its limits.

    What it observes of its inventory is a share of the limit, so a policy asks for as many times the lots.
    """
    require(factor >= 1, "with_size", "factor", "a whole number >= 1", factor)
    envs = task.make(1)
    settings = envs.unwrapped.task
    envs.close()
    wider = {name: getattr(settings, name) * factor for name in SIZES if hasattr(settings, name)}

    def change(config: MarketConfig, seats: int) -> MarketConfig:
        agents = []
        for k, p in enumerate(config.participants):
            limits = {name: getattr(p.risk, name) * factor for name in LIMITS}
            agents.append(dataclasses.replace(p, risk=dataclasses.replace(p.risk, **limits)) if k < seats else p)
        return dataclasses.replace(config, participants=tuple(agents))

    made = _changed(task, change)
    if not wider:
        return made
    if task.shared:
        tasks = dict(made.options.get("tasks", {}))
        return dataclasses.replace(made, options={**made.options, "tasks": {**tasks, task.role: wider}})
    return dataclasses.replace(made, options={**made.options, **wider})


def _changed(task: Task, change: Callable[[MarketConfig, int], MarketConfig]) -> Task:
    """The task in a changed market. Raises: ConfigError for an environment without a market."""
    envs = task.make(1)
    base = getattr(envs, "inner", envs.unwrapped)
    market = getattr(base, "market", None)
    if market is None:
        raise ConfigError(f"{task.env_id} has no market to change")
    changed = change(market.config, base.core.num_seats)
    envs.close()
    kept = {name: value for name, value in task.options.items() if name not in (*MARKET_WORDS, "realism")}
    return dataclasses.replace(task, options={**kept, "config": changed})
