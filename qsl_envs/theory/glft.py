"""The study of Gueant, Lehalle and Fernandez-Tapia (2013): exact offsets beside the closed-form approximation."""

from __future__ import annotations

from typing import Any

from qsl_envs.errors import ConfigError
from qsl_envs.participants.quotes import (
    base_spread,
    glft_eta,
    glft_growth,
    glft_offsets,
    glft_slope,
    glft_table,
)
from qsl_envs.theory.study import Model, Study

MOST_STEPS = 8_000
"""Taylor steps of the matrix exponential that are still a matter of seconds."""


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Offsets at one inventory, and a table over inventories. Nothing is simulated: the seed changes nothing."""
    a, k, gamma, sigma, bound = values["A"], values["k"], values["gamma"], values["sigma"], values["Q"]
    held, left = values["inventory"], values["T"]
    model.require(abs(held) <= bound, "inventory", f"in [-Q, Q] = [{-bound}, {bound}]", held)
    alpha, eta = 0.5 * k * gamma * sigma * sigma, glft_eta(a, k, gamma)
    if left is not None:
        most = MOST_STEPS / (alpha * bound * bound + 2.0 * eta)
        model.require(left <= most, "T", f"<= {most:.3g} with these parameters; leave it out for the limit", left)
    far = glft_table(a, k, gamma, sigma, bound)
    try:
        near = far if left is None else glft_table(a, k, gamma, sigma, bound, left)
    except ConfigError:
        raise model.option("Q").error(
            bound, f"so small that v does not vanish at the bound with {left:g} left"
        ) from None
    half, slope = 0.5 * float(base_spread(gamma, k)), float(glft_slope(a, k, gamma, sigma))

    def offset(table: Any, q: int) -> float | None:
        value = float(table[q + bound])
        return value if value < float("inf") else None

    bid, ask = offset(near.bid, held), offset(near.ask, held)
    closed_bid, closed_ask = (float(x) for x in glft_offsets(held, half, slope))
    results = {
        "model": "glft", "parameters": values, "seed": seed, "bid_offset": bid, "ask_offset": ask,
        "closed_form": {"bid_offset": closed_bid, "ask_offset": closed_ask},
        "base": half, "slope": slope, "smallest_eigenvalue": float(glft_growth(alpha, eta, bound)),
    }  # fmt: skip
    shown = sorted({q for q in (-bound, -10, -5, -2, -1, 0, 1, 2, 5, 10, bound, held) if abs(q) <= bound})
    rows = []
    for q in shown:
        closed = glft_offsets(q, half, slope)
        cells = [offset(near.bid, q), float(closed[0]), offset(near.ask, q), float(closed[1])]
        rows.append([f"{q:+d}" + (" <" if q == held else ""), *("none" if c is None else c for c in cells)])
    when = "far from the horizon" if left is None else f"with {left:g} left"
    return Study(
        f"Gueant, Lehalle and Fernandez-Tapia (2013): quotes {when}, inventories {-bound} to {bound}",
        results,
        ingredients=[
            ("inventory cost", "alpha = k gamma sigma^2 / 2", alpha),
            ("trading gain", "eta = A (1 + gamma / k)^-(1 + k / gamma)", eta),
            ("matrix M", "tridiagonal: alpha q^2 on, -eta beside the diagonal", f"{2 * bound + 1} x {2 * bound + 1}"),
            ("smallest eigenvalue of M", "growth far from the horizon", results["smallest_eigenvalue"]),
            ("base", "ln(1 + gamma / k) / gamma", half),
            ("bid offset", "base + ln(v_q / v_(q+1)) / k; v = exp(-M T) 1, or M's lowest eigenvector",
             "none at the bound" if bid is None else bid),
            ("ask offset", "the same with v_(q-1)", "none at the bound" if ask is None else ask),
            ("slope", "c = sqrt(sigma^2 gamma / (2 k A) (1 + gamma / k)^(1 + k / gamma))", slope),
        ],
        tables=[("Offsets from the mid: exact, and closed form base + (2q + 1) c / 2, base - (2q - 1) c / 2",
                 ["inventory", "bid exact", "bid closed form", "ask exact", "ask closed form"], rows)],
        notes=[f"at inventory {held:+d}: bid {_words(bid)} (closed form {closed_bid:.6g}), ask {_words(ask)} "
               f"(closed form {closed_ask:.6g})"],
    )  # fmt: skip


def _words(offset: float | None) -> str:
    return "none, the bound is reached" if offset is None else f"{offset:.6g}"
