"""The study of Cont and de Larrard (2013): two queues with equal rates, through the book and by their integral."""

from __future__ import annotations

import math
from typing import Any

from qsl_envs.theory.cont_stoikov_talreja import estimate, undecided_note
from qsl_envs.theory.queue_exact import symmetric_rise_probability
from qsl_envs.theory.queue_race import race
from qsl_envs.theory.study import Comparison, Model, Study


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Play the book, integrate."""
    bid, ask = values["bid"], values["ask"]
    ends = race((1.0,), 1.0, (0.0,), spread=1, bid=bid, ask=ask, with_ours=False, paths=values["paths"], seed=seed)
    share, error = estimate(ends, ends.rise)
    exact = symmetric_rise_probability(bid, ask)
    limit = 2.0 / math.pi * math.atan(bid / ask)
    results = {
        "model": "cont-de-larrard", "parameters": values, "seed": seed,
        "probability": share, "standard_error": error, "exact": exact, "diffusion_limit": limit,
        "paths": ends.paths, "undecided": ends.undecided,
    }  # fmt: skip
    return Study(
        f"Cont and de Larrard (2013): P(the mid rises first) with {bid} bids and {ask} asks; {ends.paths:,} paths "
        "through the book",
        results,
        ingredients=[
            ("each queue gains one at", "lambda", 1.0),
            ("and loses one at", "mu + theta = lambda", 1.0),
            (
                "probability",
                "(1/pi) int (2 - cos t - sqrt((2 - cos t)^2 - 1))^ask sin(bid t) cot(t/2) dt, 0 to pi",
                exact,
            ),
            ("diffusion limit", "(2 / pi) atan(bid / ask)", limit),
            ("paths are long", "P(still running after time t) ~ c / t: the mean does not exist", ""),
        ],
        comparisons=[Comparison("probability", share, error, exact, "integral")],
        notes=undecided_note(ends),
    )
