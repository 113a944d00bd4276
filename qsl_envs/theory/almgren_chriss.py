"""The study of Almgren and Chriss (2000): the optimal trajectory, its cost and risk, and a simulation of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.kernel.draw import world_key
from qsl_envs.participants.quotes import ac_cost, ac_holdings, ac_kappa
from qsl_envs.theory.shortfall import simulate_shortfalls
from qsl_envs.theory.study import Comparison, Model, Study, deviation_and_error, mean_and_error

MOST_DRAWS = 10**9
SHOWN = 12
"""Rows of the trajectory on the page."""


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Closed forms, then a simulation of the same sale."""
    qty, horizon, slices = values["X"], values["T"], values["N"]
    sigma, epsilon, gamma, eta = values["sigma"], values["epsilon"], values["gamma"], values["eta"]
    averse = values["lambda"]
    tau = horizon / slices
    model.require(eta > 0.5 * gamma * tau, "eta", f"> gamma T / (2 N) = {0.5 * gamma * tau:g}", eta)
    model.require(values["paths"] * slices <= MOST_DRAWS, "paths", f"<= {MOST_DRAWS // slices:,} with these slices",
                  values["paths"])  # fmt: skip
    kappa = float(ac_kappa(averse, sigma, eta, gamma, tau))
    times = [horizon * j / slices for j in range(slices + 1)]
    holdings = np.array([float(ac_holdings(qty, horizon, t, kappa)) for t in times])
    cost, sd = ac_cost(holdings, sigma, epsilon, eta, gamma, tau)
    shortfalls = np.empty(values["paths"])
    simulate_shortfalls(world_key("theory", seed, 0), holdings, sigma, epsilon, eta, gamma, tau, shortfalls)
    seen_cost, cost_error = mean_and_error(shortfalls)
    seen_sd, sd_error = deviation_and_error(shortfalls)
    even = np.linspace(qty, 0.0, slices + 1)
    at_once = np.array([qty, *np.zeros(slices)])
    rivals = [
        (name, *ac_cost(x, sigma, epsilon, eta, gamma, tau))
        for name, x in (("optimal", holdings), ("even", even), ("all at once", at_once))
    ]
    results = {
        "model": "almgren-chriss", "parameters": values, "seed": seed,
        "kappa": kappa, "expected_cost": cost, "cost_sd": sd, "trajectory": holdings.tolist(),
        "simulated": {"expected_cost": seen_cost, "cost_sd": seen_sd},
        "standard_error": {"expected_cost": cost_error, "cost_sd": sd_error},
    }  # fmt: skip
    rows = [[j, times[j], holdings[j], holdings[j - 1] - holdings[j] if j else 0.0] for j in range(slices + 1)]
    if len(rows) > SHOWN:
        rows = [*rows[: SHOWN // 2], ["...", "", "", ""], *rows[-SHOWN // 2 :]]
    return Study(
        f"Almgren and Chriss (2000): selling {qty:,.10g} lots in {slices} slices",
        results,
        ingredients=[
            ("length of a slice", "tau = T / N", tau),
            ("effective temporary impact", "eta~ = eta - gamma tau / 2", eta - 0.5 * gamma * tau),
            ("urgency", "2 (cosh(kappa tau) - 1) / tau^2 = lambda sigma^2 / eta~", kappa),
            ("time in which the holdings fall e-fold", "1 / kappa", 1.0 / kappa if kappa > 0 else "none: a line"),
            ("holdings", "x_j = X sinh(kappa (T - t_j)) / sinh(kappa T)", ""),
            ("permanent impact", "gamma X^2 / 2", 0.5 * gamma * qty * qty),
            ("fixed cost", "epsilon X", epsilon * qty),
        ],
        tables=[
            ("Trajectory", ["slice", "time", "held", "sold"], rows),
            ("Cost against risk", ["trajectory", "expected cost", "sd", "cost + lambda sd^2"],
             [[name, e, s, e + averse * s * s] for name, e, s in rivals]),
        ],
        comparisons=[
            Comparison("expected cost", seen_cost, cost_error, cost, "closed form"),
            Comparison("sd of the cost", seen_sd, sd_error, sd, "closed form"),
        ],
    )  # fmt: skip
