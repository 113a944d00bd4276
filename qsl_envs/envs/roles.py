"""Roles: what the seats of one kind do and see, from settings to the records that kernels read."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.act import QUOTE_NUMBERS
from qsl_envs.envs.blocks import BLOCKS, Sight, book_fields, frame_fields, head_fields, observation_fields
from qsl_envs.envs.config import (
    ArbitrageConfig,
    DirectionalConfig,
    DiscreteMakerConfig,
    ExecutorConfig,
    MakerConfig,
    TaskConfig,
)
from qsl_envs.envs.fields import Field, field_box
from qsl_envs.envs.state import (
    ARBITRAGE,
    CHOOSE_QUOTE,
    DECISION_NAMES,
    EXECUTE,
    QUOTE,
    ROUTE,
    TARGET,
    TELL_ACCOUNT,
    TELL_BOOK,
    TELL_CLOCK,
    TELL_ELAPSED,
    TELL_LEVELS,
    TELL_OWN,
    TELL_PARENT,
    TELL_SIGNAL,
)
from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig

TELL_ALWAYS = TELL_CLOCK | TELL_ACCOUNT | TELL_BOOK | TELL_OWN | TELL_LEVELS
TELL = {QUOTE: 0, CHOOSE_QUOTE: 0, EXECUTE: TELL_PARENT, ROUTE: TELL_PARENT, ARBITRAGE: 0, TARGET: TELL_SIGNAL}
"""What a kind of action needs to be told beside the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Seats of one kind: `num_seats` participants in a row of the market's list, with one task."""

    name: str
    task: TaskConfig
    num_seats: int = 1
    action: int = field(default=-1)
    """one of the kinds of `envs.state`; -1: the one that goes with the task's settings"""

    @property
    def kind(self) -> int:
        """What an action says."""
        if self.action >= 0:
            return self.action
        kinds = {MakerConfig: QUOTE, DiscreteMakerConfig: CHOOSE_QUOTE, ExecutorConfig: EXECUTE,
                 ArbitrageConfig: ARBITRAGE, DirectionalConfig: TARGET}  # fmt: skip
        return kinds[type(self.task)]

    def sight(self, config: MarketConfig) -> Sight:
        """What its seats look at in a market."""
        blocks = TELL_ALWAYS | TELL[self.kind]
        if self.task.blocks:
            blocks = sum(BLOCKS[name] for name in set(self.task.blocks))
            most = TELL_ALWAYS | TELL[self.kind]
            names = [name for name, flag in BLOCKS.items() if flag & most]
            require(not blocks & ~most, self.task, "blocks", f"of {', '.join(names)} for this task", self.task.blocks)
        if self.task.decide_on != DECISION_NAMES[0]:
            blocks |= TELL_ELAPSED
        return Sight(blocks, self.task.levels, len(config.venues), len(config.symbols))

    def fields(self, config: MarketConfig) -> tuple[Field, ...]:
        """The table of its observation."""
        return observation_fields(self.sight(config), self.task.frames)

    def observation_space(self, config: MarketConfig) -> Box:
        """The space of one seat's observation."""
        return field_box(self.fields(config))

    def action_names(self, config: MarketConfig) -> tuple[str, ...]:
        """A name for each number of an action."""
        quote = ("bid_offset", "ask_offset", "bid_size", "ask_size")
        venues, symbols = len(config.venues), len(config.symbols)
        if self.kind == QUOTE and symbols > 1:
            return tuple(f"{name}_{s}" for s in range(symbols) for name in quote)
        route = tuple(f"{name}_{v}" for v in range(venues) for name in ("take", "rest"))
        names = {
            QUOTE: quote, CHOOSE_QUOTE: ("choice",), EXECUTE: ("take", "rest", "offset"), ROUTE: route,
            ARBITRAGE: tuple(f"trade_{v}" for v in range(venues)), TARGET: ("target", "manner"),
        }  # fmt: skip
        return names[self.kind]

    def action_space(self, config: MarketConfig) -> Space:
        """The space of one seat's action."""
        if self.kind == CHOOSE_QUOTE:
            return Discrete(len(self.choices()))
        return Box(-1.0, 1.0, (len(self.action_names(config)),), np.float32)

    def choices(self) -> np.ndarray:
        """What discrete actions stand for, float32 (choice, 4) as of a continuous quote; choice 0 quotes nothing."""
        t = self.task
        if not isinstance(t, DiscreteMakerConfig):
            return np.zeros((0, QUOTE_NUMBERS), np.float32)
        span = max(t.max_offset - t.min_offset, 1)
        scaled = [2.0 * (o - t.min_offset) / span - 1.0 for o in t.offsets]
        rows = [(-1.0, -1.0, -1.0, -1.0)]
        rows += [(bid, ask, 1.0, 1.0) for bid, ask in itertools.product(scaled, scaled)]
        rows += [(bid, -1.0, 1.0, -1.0) for bid in scaled]
        rows += [(-1.0, ask, -1.0, 1.0) for ask in scaled]
        return np.array(rows, np.float32)

    def choice_masks(self, held: np.ndarray, limit: int | np.ndarray) -> np.ndarray:
        """Which choices leave something to do at these inventories (lots, any shape): int8 (..., choice)."""
        table = self.choices()
        bids, asks = table[:, 2] > -1, table[:, 3] > -1
        full, empty = (held >= limit)[..., None], (held <= -limit)[..., None]
        return (~((full & bids) | (empty & asks))).astype(np.int8)

    def fill(self, record, config: MarketConfig) -> None:
        """Write the settings into a ROLE record; places in the flat arrays are its owner's business."""
        sight = self.sight(config)
        record.action, record.seats, record.blocks = self.kind, self.num_seats, sight.blocks
        record.frame = sum(f.count for f in frame_fields(sight))
        record.head = sum(f.count for f in head_fields(sight))
        record.book = sum(f.count for f in book_fields(sight, 0))
        record.frames, record.levels = self.task.frames, self.task.levels
        record.width = record.frame * record.frames
        record.act_width = len(self.action_names(config))
        record.num_choices = len(self.choices())
        record.max_loss = round(self.task.max_loss * config.fee_unit)
        for name in ("unfilled_penalty_ticks", "tick_scale", "qty_scale", "tail_loss", "max_quote_qty", "min_offset",
                     "max_offset", "take_ticks", "parent_qty", "signal_delay_ns", "signal_noise"):  # fmt: skip
            setattr(record, name, getattr(self.task, name, 0))
        record.post_only = int(getattr(self.task, "post_only", 0))
        record.parent_side = {"buy": BUY, "sell": SELL}.get(getattr(self.task, "parent_side", ""), 2)
