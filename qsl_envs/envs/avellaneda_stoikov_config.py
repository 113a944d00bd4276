"""Settings of `qsl/AvellanedaStoikov-v0`, and what is derived from them: fields, tables, constants of the kernel."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from qsl_envs.envs.avellaneda_stoikov_step import MODEL
from qsl_envs.envs.fields import Field
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types, from_dict, load_yaml

FILL_RULES = ("linear", "exponential")
MAX_STEPS = 1_000_000

REWARD_DOCS = {
    "pnl": "change of cash + inventory x mid within the step",
    "inventory": "minus `dt` x inventory^2, the inventory after the step's fills",
    "utility": "with the last step: (1 - exp(-`gamma` x P&L of the episode)) / `gamma`, the P&L itself at `gamma` 0",
}
"""What each reward term is."""


def setting(default: Any, doc: str) -> Any:
    """A field with the words that the page says about it."""
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class AvellanedaStoikovConfig:
    """The model of Avellaneda and Stoikov (2008); prices, times and lots in the paper's own units."""

    horizon: float = setting(1.0, "length of an episode, T")
    dt: float = setting(0.005, "length of a step; `horizon` must be a whole number of them")
    start_price: float = setting(100.0, "mid at the start")
    sigma: float = setting(2.0, "price moved per square root of time")
    a: float = setting(140.0, "fills per unit of time of a quote at the mid")
    k: float = setting(1.5, "decay of the fill intensity per unit of price")
    fill: str = setting("linear", "rule of the fill probability: `linear` or `exponential`, see above")
    min_offset: float = setting(-2.0, "offset from the mid that an action of -1 stands for; may be negative")
    max_offset: float = setting(4.0, "offset from the mid that an action of 1 stands for")
    start_inventory: int = setting(0, "lots at the start")
    max_inventory: int | None = setting(None, "lots, long or short; a fill beyond is refused. None: never reached")
    inventory_scale: float = setting(10.0, "lots that stand for 1.0 in the observation")
    gamma: float = setting(0.1, "risk aversion of the reward term `utility`")
    pnl_weight: float = setting(1.0, "weight of the reward term `pnl`")
    inventory_weight: float = setting(0.0, "weight of the reward term `inventory`")
    utility_weight: float = setting(0.0, "weight of the reward term `utility`")

    def __post_init__(self) -> None:
        check_types(self)
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, float):
                require(math.isfinite(value), self, f.name, "a finite number", value)
        for name in ("horizon", "dt", "k", "inventory_scale"):
            value = getattr(self, name)
            require(1e-9 <= value <= 1e9, self, name, "in [1e-9, 1e9]", value)
        for name in ("sigma", "a", "gamma"):
            value = getattr(self, name)
            require(0 <= value <= 1e9, self, name, "in [0, 1e9]", value)
        for name in ("start_price", "min_offset", "max_offset", "pnl_weight", "inventory_weight", "utility_weight"):
            value = getattr(self, name)
            require(abs(value) <= 1e12, self, name, "in [-1e12, 1e12]", value)
        require(self.max_offset >= self.min_offset, self, "max_offset", f">= min_offset = {self.min_offset}",
                self.max_offset)  # fmt: skip
        require(self.fill in FILL_RULES, self, "fill", f"one of {', '.join(FILL_RULES)}", self.fill)
        steps = self.horizon / self.dt
        whole = 1 <= round(steps) <= MAX_STEPS and abs(steps - round(steps)) <= 1e-6 * steps
        allowed = f"a whole fraction of horizon = {self.horizon}, at least horizon / {MAX_STEPS:,}"
        require(whole, self, "dt", allowed, self.dt)
        require(abs(self.start_inventory) <= 10**6, self, "start_inventory", "in [-1e6, 1e6]", self.start_inventory)
        if self.max_inventory is not None:
            least = max(1, abs(self.start_inventory))
            allowed = f"None or in [{least}, 10_000_000], not below |start_inventory|"
            require(least <= self.max_inventory <= 10**7, self, "max_inventory", allowed, self.max_inventory)

    @property
    def num_steps(self) -> int:
        """Steps of an episode."""
        return round(self.horizon / self.dt)

    @property
    def inventory_bound(self) -> int:
        """Lots that an inventory cannot exceed: the limit, or one fill each step."""
        reachable = abs(self.start_inventory) + self.num_steps
        return reachable if self.max_inventory is None else min(self.max_inventory, reachable)


def as_config(
    values: dict[str, Any], config: AvellanedaStoikovConfig | dict[str, Any] | str | PathLike[str] | None = None
) -> AvellanedaStoikovConfig:
    """Settings from keyword arguments on top of a config.

    Args:
        config: settings, a dict of those that differ from the defaults, or a YAML file of such.
    Raises: ConfigError naming an argument that is none, or its bad value.
    """
    known = [f.name for f in dataclasses.fields(AvellanedaStoikovConfig)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{name} is not an argument; those of the task are {', '.join(known)}")
    if config is None:
        base = AvellanedaStoikovConfig()
    elif isinstance(config, (str, PathLike)):
        try:
            base = load_yaml(AvellanedaStoikovConfig, Path(config))
        except OSError as error:
            raise ConfigError(f"config: cannot read {config}: {error}") from error
    else:
        base = from_dict(AvellanedaStoikovConfig, config)
    return dataclasses.replace(base, **values)


def model_record(
    config: AvellanedaStoikovConfig, max_steps: int | None, autoreset: int, stagger: bool = False
) -> np.recarray:
    """The kernel's constants, one MODEL record."""
    models = np.zeros(1, MODEL).view(np.recarray)
    m = models[0]
    n = config.num_steps
    m.dt, m.num_steps = config.horizon / n, n
    m.last_step = n if max_steps is None else min(n, max_steps)
    m.fill_scale = math.log(config.a * m.dt) if config.a > 0 else -1e9
    m.k, m.move, m.gamma = config.k, config.sigma * math.sqrt(m.dt), config.gamma
    m.offset_low, m.offset_range = config.min_offset, (config.max_offset - config.min_offset) / 2
    m.held_scale, m.walk_scale, m.time_scale = 1 / config.inventory_scale, 1 / math.sqrt(n), 1 / n
    m.max_held, m.start_held = config.inventory_bound, config.start_inventory
    m.exponential, m.autoreset = FILL_RULES.index(config.fill), autoreset
    m.stagger = int(stagger)
    return models


def observation_fields(config: AvellanedaStoikovConfig) -> tuple[Field, ...]:
    """The observation's table: nothing in it is late, because the model has no network."""
    held, walk = config.inventory_bound / config.inventory_scale, math.sqrt(config.num_steps)
    return (
        Field("time_left", 0, 1, "`horizon`", "now", "time to the end"),
        Field("inventory", -held, held, "`inventory_scale` lots", "now", "lots held; negative: short"),
        Field("mid", -walk, walk, "`sigma` sqrt(`horizon`)", "now", "mid less its start"),
    )


def argument_table(config: AvellanedaStoikovConfig) -> str:
    """The task's arguments, with these defaults, as a Markdown table."""
    rows = [f"| `{f.name}` | {getattr(config, f.name)!r} | {f.metadata['doc']} |" for f in dataclasses.fields(config)]
    return "\n".join(["| Argument | Default | Meaning |", "| --- | --- | --- |", *rows])


def reward_table() -> str:
    """The reward's terms as a Markdown table."""
    rows = [f"| `{name}` | `{name}_weight` | {doc} |" for name, doc in REWARD_DOCS.items()]
    return "\n".join(["| Term | Weight | Meaning |", "| --- | --- | --- |", *rows])
