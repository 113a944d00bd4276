"""Small stages and simple players for the tests of the leagues."""

from __future__ import annotations

from typing import Any

import numpy as np

from leagues.players import FunctionPlayer, PlayerSpec
from leagues.stage import Stage
from leagues.tournament_config import ContestConfig, TournamentConfig

QUICK = {
    "config": {"templates": 2, "burn_in_ns": 200_000_000},
    "step_ns": 100_000_000,
    "session_ns": 2_000_000_000,
}
"""Twenty decisions."""
MAKERS = Stage(env_id="qsl/MarketMakers-v0", name="makers", settings=QUICK, worlds=6)


class Constant:
    """The same action for all rows, and what the seat's noise adds to it."""

    def __init__(self, action: Any, noise: float = 0.0):
        self.action, self.noise = np.asarray(action, np.float32), noise

    def reset(self, seeds: np.ndarray) -> None:
        self.seeds, self.step = seeds, 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        assert len(obs) == len(self.seeds)
        self.step += 1
        shift = np.sin(self.seeds.astype(np.float64) % 1e6 * self.step)[:, None]
        return (self.action + self.noise * shift).astype(np.float32)


def maker(name: str, half_spread: float = 2.0, qty: float = 5.0, noise: float = 0.0) -> FunctionPlayer:
    """Quotes on both sides, distances in ticks of ten, sizes in lots of ten."""
    offset, size = half_spread / 5.0 - 1.0, qty / 5.0 - 1.0
    return FunctionPlayer(name, lambda envs, role: Constant([offset, offset, size, size], noise))


def spec(name: str, policy: str = "fixed spread", **parameters: float) -> PlayerSpec:
    return PlayerSpec(name=name, content={"policy": policy, "parameters": parameters})


def small_tournament(worlds: int = 9, **changes: Any) -> TournamentConfig:
    """Three makers, in blocks of which the last is not full."""
    players = (spec("near", half_spread=1.0, qty=5.0), spec("far", half_spread=3.0, qty=5.0), spec("random", "random"))
    contest = ContestConfig(**{"name": "makers", "stage": MAKERS, "role": "maker", "players": players,
                               "worlds": worlds, **changes})  # fmt: skip
    return TournamentConfig(name="small", contests=(contest,))
