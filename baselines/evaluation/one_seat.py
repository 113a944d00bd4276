"""One seat of a multi-agent environment as a vector environment of one agent: what an evaluation runs.

The other seats are filled by residents: policies that stay the same while the one seat is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from baselines.policies.desk import Desk
from baselines.policies.keyed import mix_seats
from baselines.policies.plain import DoNothing
from qsl_envs.errors import require
from qsl_envs.registration import make_marl_vec


class SeatVectorEnv(VectorEnv):
    """The first seat of a role, with residents in all others. SAME_STEP autoreset.

    A seat that is ruined has ended, although its market goes on until its own close; what the seat is told after that
    belongs to no episode, until the market begins anew.

    Args:
        env_id: a multi-agent environment.
        num_envs: markets side by side.
        role: whose first seat it is; None: that of the first role.
        residents: role -> policy for its other seats, for rows of all markets and seats; a role left out does nothing.
        options: keyword arguments of the environment.
    """

    def __init__(self, env_id: str, num_envs: int, role: str | None = None,
                 residents: Mapping[str, Any] | None = None, **options: Any):  # fmt: skip
        self.inner = make_marl_vec(env_id, num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **options)
        self.role = next(iter(self.inner.roles)) if role is None else role
        known = f"one of {', '.join(self.inner.roles)}"
        require(self.role in self.inner.roles, env_id, "role", known, self.role)
        self.num_envs, self.market = num_envs, self.inner.market
        self.seat = 0
        for name, made in self.inner.roles.items():
            if name == self.role:
                break
            self.seat += made.num_seats
        self.task = self.inner.roles[self.role].task
        self.step_ns, self.session_ns = self.task.step_ns, self.market.config.session_ns
        self.observation_names = self.inner.observation_names(self.role)
        self.action_names = self.inner.action_names(self.role)
        self.single_observation_space = self.inner.observation_space(self.role)
        self.single_action_space = self.inner.action_space(self.role)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        idle = {name: DoNothing(Desk.of(self.inner, name)) for name in self.inner.roles}
        self.residents: dict[str, Any] = {**idle, **(residents or {})}
        self._known: dict[str, np.ndarray] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Begin an episode in every market; the residents' chance is keyed by (world, seat)."""
        require(seed is not None, self, "seed", "a number: residents' chance is keyed by it", seed)
        first = 0
        for name, made in self.inner.roles.items():
            worlds = seed + np.arange(self.num_envs)
            seeds = np.stack([mix_seats(worlds, first + k) for k in range(made.num_seats)], 1)
            self.residents[name].reset(seeds.reshape(-1))
            first += made.num_seats
        self._known, _ = self.inner.reset(seed=seed, options=options)
        return self._known[self.role][:, 0], {"account": self.accounts()}

    def step(self, actions: np.ndarray):
        """Step every market: `actions` for the one seat, the residents' for all others."""
        asked = {name: self._of_residents(name) for name in self.inner.roles}
        asked[self.role][:, 0] = actions
        self._known, rewards, terminated, truncated, infos = self.inner.step(asked)
        told: dict[str, Any] = {"account": self.accounts()}
        ended = terminated[self.role][:, 0] | truncated[self.role][:, 0]
        if ended.any():
            mine = infos["episode_summary"][self.role]
            summary = {key: value[:, 0] for key, value in mine.items() if key != "_mask"}
            told["final_info"] = {"episode_summary": summary}
        mine = (part[self.role][:, 0] for part in (self._known, rewards, terminated, truncated))
        return (*mine, told)

    def _of_residents(self, role: str) -> np.ndarray:
        """Actions of all seats of a role, (num_envs, seats, ...)."""
        obs = self._known[role]
        n, seats, width = obs.shape
        found = np.array(self.residents[role](obs.reshape(n * seats, width)))
        return found.reshape(n, seats, *found.shape[1:])

    def accounts(self) -> dict[str, np.ndarray]:
        """The seat's true account, as `TradingVectorEnv.accounts` tells it; `equity` is gained since the start."""
        config, layout = self.market.config, self.market.layout
        symbols = len(config.symbols)
        first = layout.base("accounts") + self.seat * symbols
        rows = (first + np.arange(self.num_envs) * layout.stride("accounts"))[:, None] + np.arange(symbols)
        a, unit = self.market.arrays.accounts[rows], config.fee_unit
        money = (a["cash"] + a["inventory"] * a["mark_x2"] * (unit // 2)).sum(1)
        return {
            "equity": (money - self.inner.core.by_seat("start_equity")[:, self.seat]) / unit,
            "inventory": a["inventory"].sum(1), "fees": (a["fees"] - a["rebates"]).sum(1) / unit,
            "fills": a["fills"].sum(1), "volume": a["volume"].sum(1), "mid": a["mark_x2"][:, 0] / 2.0,
        }  # fmt: skip

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is held but memory."""
        self.inner.close()
