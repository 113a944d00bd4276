"""The study of Avellaneda and Stoikov (2008): through the environment, beside exact moments and the optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

import qsl_envs  # noqa: F401  registers the environment
from qsl_envs.envs.avellaneda_stoikov_config import MAX_STEPS
from qsl_envs.participants.quotes import as_spread, base_spread
from qsl_envs.theory.as_exact import exact_moments
from qsl_envs.theory.as_model import AsModel, Strategy
from qsl_envs.theory.as_oracle import solve
from qsl_envs.theory.study import Comparison, Model, Study, deviation_and_error, mean_and_error

ENV_ID = "qsl/AvellanedaStoikov-v0"
ENVS_AT_ONCE = 10_000
ORACLE_STEPS = 2_000
"""The optimum is left out of the page of a model with more steps: it would take longer than the simulation."""


@dataclass(frozen=True, slots=True)
class Episodes:
    """What simulated episodes gave: float64 (episode,) each."""

    pnl: np.ndarray
    inventory: np.ndarray
    mean_spread: np.ndarray


def simulate(model: AsModel, strategy: Strategy, episodes: int, seed: int, **settings: Any) -> Episodes:
    """Play a strategy through `qsl/AvellanedaStoikov-v0`.

    Args:
        settings: further arguments of the environment, for instance `max_inventory`.
    """
    n = min(episodes, ENVS_AT_ONCE)
    task = {**model.environment(), **settings}
    envs = gym.make_vec(ENV_ID, num_envs=n, split="theory", autoreset_mode="SameStep", **task).unwrapped
    envs.reset(seed=[seed * 2**20 + i for i in range(n)])
    half, middle = 0.5 * (task["max_offset"] - task["min_offset"]), 0.5 * (task["max_offset"] + task["min_offset"])
    actions = np.empty((n, 2), np.float32)
    found: list[dict[str, np.ndarray]] = []
    for _ in range(-(-episodes // n)):
        for step in range(model.num_steps):
            bid, ask = strategy(step, envs.inventory)
            actions[:, 0] = (bid - middle) / half
            actions[:, 1] = (ask - middle) / half
            *_, infos = envs.step(actions)
        found.append(infos["final_info"]["episode_summary"])
    pnl, inventory, spread = (
        np.concatenate([summary[name] for summary in found])[:episodes] for name in ("pnl", "inventory", "mean_spread")
    )
    return Episodes(pnl, inventory, spread)


def certainty_equivalent(pnl: np.ndarray, gamma: float) -> tuple[float, float]:
    """-log(mean(exp(-gamma P&L))) / gamma and its standard error by the delta method; the mean at gamma = 0."""
    if gamma == 0:
        return mean_and_error(pnl)
    least = float(pnl.min())
    mean, error = mean_and_error(np.exp(-gamma * (pnl - least)))
    return least - math.log(mean) / gamma, error / (mean * gamma)


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Study one strategy under one rule."""
    horizon, dt = values["T"], values["dt"]
    steps = round(horizon / dt)
    whole = 1 <= steps <= MAX_STEPS and abs(horizon / dt - steps) <= 1e-6 * steps
    model.require(whole, "dt", f"T = {horizon:g} divided by a whole number, at most {MAX_STEPS:,} of them", dt)
    m = AsModel(gamma=values["gamma"], sigma=values["sigma"], k=values["k"], a=values["A"], horizon=horizon,
                num_steps=steps, fill=values["fill"])  # fmt: skip
    strategy = m.inventory_strategy() if values["strategy"] == "inventory" else m.symmetric_strategy()
    seen = simulate(m, strategy, values["episodes"], seed)
    exact = exact_moments(m, strategy)
    pnl, pnl_error = mean_and_error(seen.pnl)
    pnl_sd, pnl_sd_error = deviation_and_error(seen.pnl)
    inventory_sd, inventory_error = deviation_and_error(seen.inventory)
    spread = float(seen.mean_spread.mean())
    recursion = "exact recursion over the inventory"
    results = {
        "model": "avellaneda-stoikov", "parameters": values, "seed": seed,
        "spread_mean": spread, "pnl_mean": pnl, "pnl_sd": pnl_sd, "inventory_sd": inventory_sd,
        "standard_error": {"pnl_mean": pnl_error, "pnl_sd": pnl_sd_error, "inventory_sd": inventory_error},
        "exact": {"spread_mean": exact.spread_mean, "pnl_mean": exact.pnl_mean, "pnl_sd": exact.pnl_sd,
                  "inventory_sd": exact.inventory_sd, "certainty_equivalent": exact.certainty_equivalent},
    }  # fmt: skip
    risk = m.gamma * m.sigma * m.sigma
    study = Study(
        f"Avellaneda and Stoikov (2008): {values['strategy']} strategy, {values['fill']} fill rule, "
        f"{len(seen.pnl):,} episodes of {steps:,} steps through {ENV_ID}",
        results,
        ingredients=[
            ("price of inventory risk", "gamma sigma^2", risk),
            ("reservation price", "r = s - q gamma sigma^2 (T - t)", f"s - {risk * horizon:.6g} q at t = 0"),
            ("base spread", "(2 / gamma) ln(1 + gamma / k)", float(base_spread(m.gamma, m.k))),
            ("spread at t = 0", "gamma sigma^2 T + base", float(as_spread(m.gamma, m.sigma, m.k, horizon))),
            ("mean spread over the steps", "gamma sigma^2 T (N + 1) / (2 N) + base", m.mean_spread),
            ("intensity of a fill at d", "A exp(-k d)", f"{m.a:g} exp(-{m.k:g} d)"),
            ("fill within a step", "min(1, intensity dt)" if m.fill == "linear" else "1 - exp(-intensity dt)",
             f"{float(m.chances(np.array([m.mean_spread / 2]))[0]):.6g} at half the mean spread"),
            ("move of the mid", "sigma sqrt(dt), up or down", m.sigma * math.sqrt(m.dt)),
        ],
        comparisons=[
            Comparison("mean P&L", pnl, pnl_error, exact.pnl_mean, recursion),
            Comparison("sd of P&L", pnl_sd, pnl_sd_error, exact.pnl_sd, recursion),
            Comparison("sd of inventory", inventory_sd, inventory_error, exact.inventory_sd, recursion),
        ],
        notes=[f"mean quoted spread {spread:.6g}"],
    )  # fmt: skip
    if m.gamma > 0 and steps <= ORACLE_STEPS:
        best = solve(m).value
        results["optimal_certainty_equivalent"] = best
        study.notes.append(
            f"certainty equivalent -ln(E[exp(-gamma P&L)]) / gamma: {exact.certainty_equivalent:.6g} (recursion); the "
            f"best of all strategies has {best:.6g} (backward induction over time and inventory)"
        )
    return study
