"""Programs beside learners: their values as further observations, themselves as rivals in the market."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from baselines.policies.desk import Desk
from evolve.alpha import PARTS, Alpha
from evolve.expression import evaluate
from evolve.policy import Inputs, gain_scale_of
from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig, PopulationConfig

LIMIT = 10.0
"""Bound of an observed value of a program, in the desk's `tick_scale` or `qty_scale`; a signal is bounded as it is."""


class ProgramFeatures(VectorEnv):
    """A vector environment whose observations have the values of programs behind them.

    It stands as an environment of its own: `unwrapped` is itself, and what it does not know itself it asks the one
    inside for, so trainers, evaluation and saved policies see its shape.

    Args:
        envs: of one symbol and one venue, resetting in the same step.
        alphas: programs; each adds one element for each of its formulas, `program_<n>_<part>`.
    """

    def __init__(self, envs: VectorEnv, alphas: Sequence[Alpha]) -> None:
        mode = envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, "ProgramFeatures", "autoreset_mode", "SAME_STEP", mode)
        self.envs, self.alphas, self.desk = envs, tuple(alphas), Desk.of(envs)
        self.num_envs, self.metadata, self.spec = envs.num_envs, envs.metadata, envs.spec
        self.inputs = [Inputs(self.desk, a.settings.max_inventory, gain_scale_of(envs)) for a in self.alphas]
        parts = [(n, part) for n, alpha in enumerate(self.alphas) for part in PARTS[alpha.kind]]
        scales = {"skew": self.desk.tick_scale, "half_spread": self.desk.tick_scale, "size": self.desk.qty_scale}
        self.scales = np.array([scales.get(part, 1.0) for _, part in parts])
        names = tuple(getattr(envs.unwrapped, "observation_names", ()))
        self.observation_names = (*names, *(f"program_{n}_{part}" for n, part in parts))
        inner = envs.single_observation_space
        assert isinstance(inner, Box)
        low, high = (np.concatenate([bound, np.full(len(parts), sign * LIMIT, np.float32)])
                     for bound, sign in ((inner.low, -1.0), (inner.high, 1.0)))  # fmt: skip
        self.single_observation_space = Box(low, high, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.single_action_space, self.action_space = envs.single_action_space, envs.action_space

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "envs":
            raise AttributeError(name)
        return getattr(self.envs.unwrapped, name)

    @property
    def unwrapped(self) -> ProgramFeatures:
        """Itself."""
        return self

    def values(self, obs: np.ndarray, inputs: Sequence[Inputs]) -> np.ndarray:
        """Values of the formulas, float32 (n, formulas), for observations of the environment inside."""
        columns = []
        for alpha, of in zip(self.alphas, inputs):
            known = of(obs)
            columns += [np.broadcast_to(evaluate(tree, known), (len(obs),)) for tree in alpha.trees]
        return np.clip(np.stack(columns, 1) / self.scales, -LIMIT, LIMIT).astype(np.float32)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """As of the environment inside."""
        obs, info = self.envs.reset(seed=seed, options=options)
        for of in self.inputs:
            of.reset(self.num_envs)
        return np.hstack([obs, self.values(obs, self.inputs)]), info

    def step(self, actions: np.ndarray):
        """As of the environment inside; programs forget where an episode has ended."""
        obs, reward, terminated, truncated, info = self.envs.step(actions)
        over = terminated | truncated
        if over.any():
            info = {**info, "final_obs": self._final(info["final_obs"], over)}
            for of in self.inputs:
                of.forget(over)
        return np.hstack([obs, self.values(obs, self.inputs)]), reward, terminated, truncated, info

    def _final(self, final: np.ndarray, over: np.ndarray) -> np.ndarray:
        """Last observations of the episodes that have ended, with the programs' values; other rows are 0 there."""
        rows = np.flatnonzero(over)
        last = np.stack([final[row] for row in rows]).astype(np.float32)
        wide = np.zeros((self.num_envs, *self.single_observation_space.shape), np.float32)
        wide[rows] = np.hstack([last, self.values(last, [of.copy(rows) for of in self.inputs])])
        return wide

    def close(self, **settings: Any) -> None:
        """Close the environment inside."""
        self.envs.close(**settings)


def with_rivals(market: MarketConfig, alphas: Sequence[Alpha], each: int = 1) -> MarketConfig:
    """A market in which programs trade beside the agents, behind lines like the first agent's; with room for them.

    Args:
        alphas: programs, of one kind and with equal settings.
        each: rivals of every program.
    """
    first, count = alphas[0], each * len(alphas)
    same = all(alpha.params() == first.params() for alpha in alphas)
    require(same, "with_rivals", "alphas", "of one kind and with equal settings", [a.params() for a in alphas])
    agent, size, orders = market.participants[0], market.size, 16
    group = PopulationConfig(
        kind="program", name="rival", count=count, programs=tuple(alpha.program() for alpha in alphas), books=(0,),
        params=first.params(), order_link=agent.order_link, report_link=agent.report_link, feed_link=agent.feed_link,
        risk=dataclasses.replace(agent.risk, max_open_orders=orders),
    )  # fmt: skip
    room = dataclasses.replace(size, max_orders=size.max_orders + orders * count,
                               max_clients=size.max_clients + orders * count,
                               max_messages=size.max_messages + 2 * orders * count,
                               max_calendar=size.max_calendar + 2 * orders * count, tape=2 * size.tape)  # fmt: skip
    return dataclasses.replace(market, population=(*market.population, group), size=room)
