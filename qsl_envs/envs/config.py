"""Arguments of environments: the task's own settings, and the market's from whatever form a user gives them in."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from qsl_envs.errors import ConfigError, require
from qsl_envs.market.config import MarketConfig
from qsl_envs.settings import from_dict, to_dict


def setting(default: Any, doc: str) -> Any:
    """A field of a task's settings, with the words that its page says about it."""
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerConfig:
    """Settings of a market-making task, beside its market's."""

    step_ns: int = setting(100_000_000, "time between two decisions, ns")
    levels: int = setting(10, "levels a side observed, 1 to 64")
    max_quote_qty: int = setting(10, "lots of the largest quote")
    min_offset: int = setting(0, "ticks from the known mid that an offset action of -1 stands for")
    max_offset: int = setting(10, "ticks from the known mid that an offset action of 1 stands for")
    post_only: bool = setting(True, "quotes that would trade on arrival are refused; else they take")
    inventory_penalty: float = setting(0.01, "ticks x lots paid per lot of inventory at the end of each step")
    max_loss: float = setting(2_000.0, "ticks x lots; an episode that has lost as much ends")
    unfilled_penalty_ticks: int = setting(20, "beyond the worst level, for what the displayed book cannot liquidate")
    tick_scale: float = setting(10.0, "ticks that stand for 1.0 in the observation")
    qty_scale: float = setting(10.0, "lots that stand for 1.0 in the observation")

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(f.default, bool):
                require(isinstance(value, bool), self, f.name, "true or false", value)
            elif isinstance(f.default, int):
                whole = isinstance(value, int) and not isinstance(value, bool)
                require(whole, self, f.name, "a whole number", value)
            else:
                number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
                require(number, self, f.name, "a number", value)
        require(1 <= self.step_ns <= 10**13, self, "step_ns", "in [1, 10_000 s]", self.step_ns)
        require(1 <= self.levels <= 64, self, "levels", "in [1, 64]", self.levels)
        require(1 <= self.max_quote_qty <= 10**6, self, "max_quote_qty", "in [1, 1_000_000] lots", self.max_quote_qty)
        require(0 <= self.min_offset <= 10**6, self, "min_offset", "in [0, 1_000_000] ticks", self.min_offset)
        allowed = f"in [min_offset = {self.min_offset}, 1_000_000] ticks"
        require(self.min_offset <= self.max_offset <= 10**6, self, "max_offset", allowed, self.max_offset)
        require(0 <= self.inventory_penalty <= 1e9, self, "inventory_penalty", "in [0, 1e9]", self.inventory_penalty)
        require(0 < self.max_loss <= 1e12, self, "max_loss", "in (0, 1e12] ticks x lots", self.max_loss)
        penalty = self.unfilled_penalty_ticks
        require(0 <= penalty <= 10**6, self, "unfilled_penalty_ticks", "in [0, 1_000_000]", penalty)
        for name in ("tick_scale", "qty_scale"):
            require(1 <= getattr(self, name) <= 1e6, self, name, "in [1, 1e6]", getattr(self, name))


def maker_config(values: dict[str, Any], default: MakerConfig) -> MakerConfig:
    """Settings from keyword arguments; what is left out is as in `default`.

    Raises: ConfigError naming an argument that is none, or its bad value.
    """
    known = [f.name for f in dataclasses.fields(MakerConfig)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{name} is not an argument; those of the task are {', '.join(known)}")
    return dataclasses.replace(default, **values)


def argument_table(task: MakerConfig) -> str:
    """The task's arguments, with these defaults, as a Markdown table."""
    rows = [f"| `{f.name}` | {getattr(task, f.name)!r} | {f.metadata['doc']} |" for f in dataclasses.fields(task)]
    return "\n".join(["| Argument | Default | Meaning |", "| --- | --- | --- |", *rows])


def market_config(
    default: MarketConfig,
    given: MarketConfig | dict[str, Any] | str | PathLike[str] | None,
    session_ns: int | None = None,
) -> MarketConfig:
    """The market of an environment: its default, with what the user wants otherwise.

    Args:
        given: a `MarketConfig` (taken as it is), a dict of changes, or a YAML file of changes. Changes name only what
            differs; in a list of venues or participants, entry by entry.
        session_ns: from the start of an episode to the close; None: as configured.
    Raises: ConfigError naming the field.
    """
    if given is None:
        config = default
    elif isinstance(given, MarketConfig):
        config = given
    else:
        changes = given if isinstance(given, dict) else _read(given)
        config = from_dict(MarketConfig, _merge(to_dict(default), changes))
    if session_ns is not None:
        require(isinstance(session_ns, int), "MarketConfig", "session_ns", "a whole number of ns", session_ns)
        config = dataclasses.replace(config, session_ns=session_ns)
    require(len(config.participants) >= 1, config, "participants", "at least one, the agent", 0)
    return config


def _read(file: str | PathLike[str]) -> dict[str, Any]:
    import yaml

    try:
        with open(file) as text:
            values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    except OSError as error:
        raise ConfigError(f"config: cannot read {file}: {error}") from error
    require(isinstance(values, dict), "config", str(file), "a mapping of settings", values)
    return values


def _merge(base: Any, changes: Any) -> Any:
    """`base` with `changes`: mappings key by key, lists of mappings entry by entry (the changes set the length)."""
    if isinstance(base, dict) and isinstance(changes, dict):
        return {**base, **{k: _merge(base[k], v) if k in base else v for k, v in changes.items()}}
    if isinstance(base, list) and isinstance(changes, (list, tuple)) and base and isinstance(base[0], dict):
        return [_merge(base[min(i, len(base) - 1)], change) for i, change in enumerate(changes)]
    return changes
