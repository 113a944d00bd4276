"""Settings by name: those that may differ from episode to episode, or change within one.

A name is a path: `flow.market_rate`, `venues.taker_fee_bps` (of every venue), `venues[QSX].taker_fee_bps` (of one),
`symbols.value.sigma`, `participants[agent].risk.max_inventory`, `order_timeout_ns`. What a setting means stands with
its field; how it is written into a replica is what `layout.init_row` makes of the field, conversion of units included.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from qsl_envs.errors import ConfigError
from qsl_envs.market.config import MarketConfig

RISK = ("max_inventory", "max_order_qty", "max_notional", "max_open_orders", "messages_per_s", "burst", "max_drawdown",
        "firm_max_inventory")  # fmt: skip
KNOBS: dict[str, tuple[str, ...]] = {
    "": ("snapshot_ns", "heartbeat_ns", "order_timeout_ns"),
    "venues": ("maker_fee_bps", "taker_fee_bps", "maker_lot_fee", "taker_lot_fee", "auction_fee_bps", "service_ns",
               "collar_ticks", "band_ticks", "limit_state_ns", "limit_halt_ns", "limit_call_ns", "max_order_qty",
               "impact_ticks", "speed_bump_ns", "min_resting_ns"),
    "symbols": ("borrow_rate", "value.sigma", "value.drift", "value.reversion", "value.offset", "value.jump_rate",
                "value.jump_ticks"),
    "participants": ("reaction_ns", "extra_latency_ns", *(f"risk.{name}" for name in RISK)),
}  # fmt: skip
"""Room -> settings that may be ranged, and changed by scenarios; of `flow` every number is one."""
NAME = re.compile(r"(?:(?P<room>venues|symbols|participants|flow)(?:\[(?P<who>[^\]]+)\])?\.)?(?P<path>[a-z_.]+)$")
OPS: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda old, value: value,
    "scale": lambda old, value: old * value,
    "add": lambda old, value: old + value,
}
"""How a change turns the value in force into another."""


def change(config: MarketConfig, name: str, op: str, value: Any) -> MarketConfig:
    """The market with the named setting changed, wherever the name points.

    Raises: ConfigError, if there is no such setting, if it fixes memory, or if a value is out of its range.
    """
    match = NAME.match(name)
    if match is None:
        raise ConfigError(f"{name!r} is not the name of a setting, like 'flow.market_rate' or 'venues[QSX].service_ns'")
    room, who, path = match["room"] or "", match["who"], match["path"]
    act = OPS[op]
    if room == "flow":
        if config.flow is None:
            raise ConfigError(f"{name}: this market has no background flow")
        if who is not None:
            raise ConfigError(f"{name}: one flow serves every book: write flow.{path}")
        return dataclasses.replace(config, flow=_replaced(config.flow, path, act, value, name))
    if path not in KNOBS[room]:
        may = ", ".join(f"{room}.{known}" if room else known for known in KNOBS[room])
        raise ConfigError(
            f"{name} cannot vary: it fixes memory, or is no setting; of its kind those can: {may}, flow.*"
        )
    if room == "":
        return _replaced(config, path, act, value, name)
    items = getattr(config, room)
    if who is not None and who not in [item.name for item in items]:
        raise ConfigError(f"{name}: {who!r} is none of {', '.join(item.name for item in items)}")
    made = tuple(_replaced(item, path, act, value, name) if who in (None, item.name) else item for item in items)
    return dataclasses.replace(config, **{room: made})


def value_of(config: MarketConfig, name: str) -> Any:
    """The value of a named setting; where the name points to several, the first one's. Raises: ConfigError."""
    change(config, name, "add", 0)  # says what is wrong with the name
    match = NAME.match(name)
    assert match is not None
    at: Any = config.flow if match["room"] == "flow" else config
    if match["room"] in ("venues", "symbols", "participants"):
        at = next(item for item in getattr(config, match["room"]) if match["who"] in (None, item.name))
    for part in match["path"].split("."):
        at = getattr(at, part)
    return at


def _replaced(owner: Any, path: str, act: Callable[[Any, Any], Any], value: Any, name: str) -> Any:
    """A frozen dataclass with the number at `path` replaced."""
    part, _, rest = path.partition(".")
    if not dataclasses.is_dataclass(owner) or part not in {f.name for f in dataclasses.fields(owner)}:
        raise ConfigError(f"{name}: {type(owner).__name__} has no setting {part!r}")
    old = getattr(owner, part)
    if rest:
        if old is None:
            raise ConfigError(f"{name}: {type(owner).__name__}.{part} is None here")
        return dataclasses.replace(owner, **{part: _replaced(old, rest, act, value, name)})
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        raise ConfigError(f"{name} is no number and cannot vary, was {old!r}")
    try:
        new = act(old, value)
        new = round(new) if isinstance(old, int) else round(new, 2) if part.endswith("_bps") else float(new)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} must be given a number, was {value!r}") from error
    try:
        return dataclasses.replace(owner, **{part: new})
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
