"""The worlds of the demo: a day cut in two, and synthetic markets with the flow of its first part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

import qsl_envs  # noqa: F401  registers the environments
from baselines.demo.twin import Measures, measure, sessions, task_options, twin_options
from baselines.evaluate import Worlds
from baselines.evaluation.tasks import Task
from qsl_envs.errors import DataError
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.samples import write_sample

TRAIN_SHARE = 0.6
"""Of the day's span: what is measured on, and what may be learned on."""
SESSION_NS = 30_000_000_000
MIN_SESSIONS = 8
"""Sessions that must fit the part of the day that is evaluated on; they are made shorter for that."""
MAX_SESSIONS = 256
SYNTHETIC, REPLAY = "qsl/MarketMaking-v0", "qsl/ReplayMarketMaking-v0"


@dataclass(frozen=True)
class Setting:
    """A day, cut in two, and the environments on it and like it."""

    table: EventTable
    name: str
    first_ns: int
    split_ns: int
    last_ns: int
    num_messages: int
    measures: Measures
    options: dict[str, Any]
    threads: int
    learn_on: str
    """`worlds`: synthetic ones; `day`: the first part of the day itself"""

    @property
    def learning_id(self) -> str:
        """The environment that is learned on."""
        return SYNTHETIC if self.learn_on == "worlds" else REPLAY

    @property
    def synthetic(self) -> Task:
        """`qsl/MarketMaking-v0` with the flow and the scales of the day's first part."""
        return Task(SYNTHETIC, options=twin_options(self.options, self.measures), num_threads=self.threads)

    def replayed(self, first_ns: int, last_ns: int, split: str) -> Callable[..., VectorEnv]:
        """Maker of environments on a part of the day."""
        part = {"data": self.table, "start_ns": first_ns, "end_ns": last_ns, "split": split}
        common = {"autoreset_mode": AutoresetMode.SAME_STEP, "step_info": True, "num_threads": self.threads}

        def make(num_envs: int, **changes: Any) -> VectorEnv:
            return gym.make_vec(REPLAY, num_envs=num_envs, **{**common, **self.options, **part, **changes})

        return make

    def training(self) -> Callable[..., VectorEnv]:
        """Maker of the environments that are learned and tuned on."""
        if self.learn_on == "day":
            return self.replayed(self.first_ns, self.split_ns, "train")
        return lambda num_envs, **changes: self.synthetic.make(num_envs, "train", **changes)

    def held_out_day(self) -> Worlds:
        """Sessions that follow one another from the split on."""
        session_ns = self.options["session_ns"]
        count = min(MAX_SESSIONS, (self.last_ns - self.split_ns) // session_ns)
        starts = self.split_ns + session_ns * np.arange(count)
        return Worlds(self.replayed(self.split_ns, self.last_ns, "test"), int(count), block=32, starts_ns=starts)


def read_setting(data: Path | None, out: Path, threads: int, learn_on: str, tell: Callable[[str], None]) -> Setting:
    """Read a day, or the packaged one, and measure its first part.

    Args:
        data: LOBSTER message file; None: a synthetic day is written into `out`.
        tell: takes a line about what is done.
    Raises: DataError if the day is too short.
    """
    path = data or write_sample(out / "day")[0]
    tell(f"reading {path}")
    day = read_day(path)
    table = convert(day)
    first_ns, last_ns = int(day.messages.ts_ns[0]), int(day.messages.ts_ns[-1])
    split_ns = first_ns + int(TRAIN_SHARE * (last_ns - first_ns))
    if last_ns - first_ns < 10_000_000_000:
        raise DataError(f"{path}: {(last_ns - first_ns) / 1e9:.1f} s are too short to learn on; 10 s is the least")
    measures = measure(day, split_ns, table.tick_units)
    session_ns, step_ns = sessions(split_ns, last_ns, SESSION_NS, MIN_SESSIONS)
    options = task_options(measures, session_ns, step_ns)
    name = f"{day.symbol} {day.date}".strip()
    return Setting(table, name, first_ns, split_ns, last_ns, len(day.messages), measures, options, threads, learn_on)


def time_of_day(ts_ns: int) -> str:
    """34_200 s -> 09:30:00."""
    seconds = ts_ns // 1_000_000_000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
