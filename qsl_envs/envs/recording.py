"""Wrappers that record whatever an environment does: a blotter, and tapes in LOBSTER's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv, VectorWrapper

from qsl_envs.errors import ConfigError
from qsl_envs.market.run_recorder import ROWS, RunRecorder


def recorder_of(env: Any, rows: int = ROWS) -> RunRecorder:
    """A `RunRecorder` of any environment that has a market; its caller reads it after every step.

    Raises: ConfigError if the environment has none.
    """
    market = getattr(env.unwrapped if hasattr(env, "unwrapped") else env, "market", None)
    if market is None:
        raise ConfigError(f"{env} has no market whose run could be recorded")
    return RunRecorder(market, rows)


class RecordRun(gym.Wrapper):
    """Records every episode of a single environment; `close` writes, `write` does so before.

    Args:
        env: an environment over a `Market`.
        folder: for `orders.parquet` and `fills.parquet` (extra [data]).
        lobster: write each episode's books as LOBSTER files too.
        rows: of the tape that are kept during one step.
    """

    def __init__(self, env: gym.Env, folder: str | Path, *, lobster: bool = False, rows: int = ROWS):
        super().__init__(env)
        self.folder, self.lobster, self.recorder = Path(folder), lobster, recorder_of(env, rows)

    def reset(self, **kwargs: Any):
        """As the environment's."""
        self.recorder.read()
        found = self.env.reset(**kwargs)
        self.recorder.read()
        return found

    def step(self, action: Any):
        """As the environment's."""
        found = self.env.step(action)
        self.recorder.read()
        return found

    def write(self) -> list[Path]:
        """Write what has been recorded so far; returns the files."""
        return self.recorder.write(self.folder, lobster=self.lobster)

    def close(self) -> None:
        """Write, then close the environment."""
        self.write()
        super().close()


class RecordVectorRun(VectorWrapper):
    """`RecordRun` for a native vector environment: the tapes of all its envs, env by env."""

    def __init__(self, env: VectorEnv, folder: str | Path, *, lobster: bool = False, rows: int = ROWS):
        super().__init__(env)
        self.folder, self.lobster, self.recorder = Path(folder), lobster, recorder_of(env, rows)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None):
        """As the environment's."""
        self.recorder.read()
        found = self.env.reset(seed=seed, options=options)
        self.recorder.read()
        return found

    def step(self, actions: Any):
        """As the environment's."""
        found = self.env.step(actions)
        self.recorder.read()
        return found

    def write(self) -> list[Path]:
        """Write what has been recorded so far; returns the files."""
        return self.recorder.write(self.folder, lobster=self.lobster)

    def close(self, **kwargs: Any) -> None:
        """Write, then close the environment."""
        self.write()
        super().close(**kwargs)
