"""Arguments of environments: the task's own settings, and the market's from whatever form a user gives them in."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from qsl_envs.envs.state import DECISION_NAMES, REWARD_TERMS
from qsl_envs.errors import ConfigError, require


def setting(default: Any, doc: str) -> Any:
    """A field of a task's settings, with the words that its page says about it."""
    metadata = {"doc": doc}
    return (
        field(default_factory=dict, metadata=metadata) if default == {} else field(default=default, metadata=metadata)
    )


BLOCK_NAMES = ("clock", "account", "parent", "signal", "book", "own", "levels")
"""Parts of an observation; an argument may name those wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """Settings that every task has, beside its market's."""

    step_ns: int = setting(100_000_000, "time between two decisions, ns")
    decide_on: str = setting("interval", "when to decide: `interval` (every `step_ns`), own `fill` heard, or `both`")
    levels: int = setting(10, "levels a side observed, 1 to 64")
    blocks: tuple[str, ...] = setting((), f"parts of the observation, of {', '.join(BLOCK_NAMES)}; none: all of them")
    frames: int = setting(1, "observations in a row that make one, the newest last")
    rewards: dict[str, float] = setting({}, "weights of reward terms, by name; those left out keep their defaults")
    tail_loss: float = setting(50.0, "ticks x lots; what a step loses beyond it is the term `tail`")
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
            elif isinstance(f.default, float):
                number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
                require(number, self, f.name, "a number", value)
        require(1 <= self.step_ns <= 10**13, self, "step_ns", "in [1, 10_000 s]", self.step_ns)
        known = self.decide_on in DECISION_NAMES
        require(known, self, "decide_on", f"one of {', '.join(DECISION_NAMES)}", self.decide_on)
        require(1 <= self.levels <= 64, self, "levels", "in [1, 64]", self.levels)
        require(1 <= self.frames <= 64, self, "frames", "in [1, 64]", self.frames)
        require(isinstance(self.blocks, (tuple, list)), self, "blocks", f"of {', '.join(BLOCK_NAMES)}", self.blocks)
        object.__setattr__(self, "blocks", tuple(self.blocks))
        for name in self.blocks:
            require(name in BLOCK_NAMES, self, "blocks", f"of {', '.join(BLOCK_NAMES)}", name)
        require(isinstance(self.rewards, dict), self, "rewards", "a mapping of weights", self.rewards)
        for name, weight in self.rewards.items():
            require(name in REWARD_TERMS, self, "rewards", f"weights of {', '.join(REWARD_TERMS)}", name)
            finite = isinstance(weight, (int, float)) and not isinstance(weight, bool) and abs(weight) <= 1e9
            require(finite, self, f"rewards[{name}]", "a number in [-1e9, 1e9]", weight)
        require(0 <= self.tail_loss <= 1e12, self, "tail_loss", "in [0, 1e12] ticks x lots", self.tail_loss)
        require(0 < self.max_loss <= 1e12, self, "max_loss", "in (0, 1e12] ticks x lots", self.max_loss)
        penalty = self.unfilled_penalty_ticks
        require(0 <= penalty <= 10**6, self, "unfilled_penalty_ticks", "in [0, 1_000_000]", penalty)
        for name in ("tick_scale", "qty_scale"):
            require(1 <= getattr(self, name) <= 1e6, self, name, "in [1, 1e6]", getattr(self, name))
        for f in dataclasses.fields(self):
            if f.name in BOUNDS:
                low, high, unit = BOUNDS[f.name]
                require(low <= getattr(self, f.name) <= high, self, f.name, f"in [{low:_}, {high:_}] {unit}",
                        getattr(self, f.name))  # fmt: skip

    def weights(self) -> dict[str, float]:
        """Weight of every reward term."""
        return {name: float(self.rewards.get(name, self.default_weight(name))) for name in REWARD_TERMS}

    def default_weight(self, term: str) -> float:
        """Weight of a term that `rewards` does not name."""
        return 1.0 if term in ("pnl", "liquidation") else 0.0


BOUNDS = {
    "max_quote_qty": (1, 10**6, "lots"), "parent_qty": (1, 10**6, "lots"),
    "min_offset": (0, 10**6, "ticks"), "max_offset": (0, 10**6, "ticks"), "take_ticks": (0, 10**6, "ticks"),
    "inventory_penalty": (0, 10**9, "ticks"), "signal_delay_ns": (0, 10**12, "ns"), "signal_noise": (0, 10**6, "ticks"),
}  # fmt: skip
"""Least and greatest value of settings that several tasks have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerConfig(TaskConfig):
    """Settings of a market-making task."""

    max_quote_qty: int = setting(10, "lots of the largest quote")
    min_offset: int = setting(0, "ticks from the known mid that an offset action of -1 stands for")
    max_offset: int = setting(10, "ticks from the known mid that an offset action of 1 stands for")
    post_only: bool = setting(True, "quotes that would trade on arrival are refused; else they take")
    inventory_penalty: float = setting(0.01, "weight of the reward term `inventory`, where `rewards` names none")

    def __post_init__(self) -> None:
        TaskConfig.__post_init__(self)
        allowed = f"in [min_offset = {self.min_offset}, 1_000_000] ticks"
        require(self.min_offset <= self.max_offset, self, "max_offset", allowed, self.max_offset)

    def default_weight(self, term: str) -> float:
        """As for every task, and the penalty on inventory."""
        return self.inventory_penalty if term == "inventory" else TaskConfig.default_weight(self, term)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteMakerConfig(MakerConfig):
    """Settings of market making by a choice among quotes."""

    offsets: tuple[int, ...] = setting((1, 2, 4, 8), "ticks from the known mid that a bid or an ask may have")

    def __post_init__(self) -> None:
        MakerConfig.__post_init__(self)
        listed = isinstance(self.offsets, (tuple, list))
        require(listed, self, "offsets", "a list of whole numbers of ticks", self.offsets)
        object.__setattr__(self, "offsets", tuple(self.offsets))
        whole = all(isinstance(o, int) and not isinstance(o, bool) for o in self.offsets)
        rising = whole and len(self.offsets) > 0 and list(self.offsets) == sorted(set(self.offsets))
        allowed = f"rising whole numbers in [{self.min_offset}, {self.max_offset}] ticks"
        inside = rising and self.min_offset <= self.offsets[0] and self.offsets[-1] <= self.max_offset
        require(inside, self, "offsets", allowed, self.offsets)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorConfig(TaskConfig):
    """Settings of the execution of a parent order, at one venue or over several."""

    parent_qty: int = setting(200, "lots to buy or sell within the session")
    parent_side: str = setting("random", "`buy`, `sell`, or `random`: drawn for each episode")
    max_offset: int = setting(5, "ticks behind the known touch that a passive order may stand")
    take_ticks: int = setting(5, "ticks beyond the known touch to which an order that takes may trade")

    def __post_init__(self) -> None:
        TaskConfig.__post_init__(self)
        require(self.parent_side in SIDES, self, "parent_side", f"one of {', '.join(SIDES)}", self.parent_side)


SIDES = ("buy", "sell", "random")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbitrageConfig(TaskConfig):
    """Settings of arbitrage between venues."""

    max_quote_qty: int = setting(10, "lots of the largest order at a venue and step")
    take_ticks: int = setting(0, "ticks beyond the known touch to which an order may trade")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionalConfig(TaskConfig):
    """Settings of trading on a signal."""

    max_offset: int = setting(5, "ticks behind the known touch that a passive order may stand")
    take_ticks: int = setting(2, "ticks beyond the known touch to which an order that takes may trade")
    signal_delay_ns: int = setting(50_000_000, "age of the value that the signal tells")
    signal_noise: float = setting(2.0, "ticks; standard deviation of the signal's error")


def task_config(values: dict[str, Any], default: Any) -> Any:
    """Settings of a task from keyword arguments; what is left out is as in `default`.

    Raises: ConfigError naming an argument that is none, or its bad value.
    """
    known = [f.name for f in dataclasses.fields(default)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{name} is not an argument; those of the task are {', '.join(known)}")
    return dataclasses.replace(default, **values)


def argument_table(task: TaskConfig) -> str:
    """The task's arguments, with these defaults, as a Markdown table."""
    rows = [f"| `{f.name}` | {getattr(task, f.name)!r} | {f.metadata['doc']} |" for f in dataclasses.fields(task)]
    return "\n".join(["| Argument | Default | Meaning |", "| --- | --- | --- |", *rows])
