"""The study of Cont, Stoikov and Talreja (2010): paths of the book beside the exact solution of its linear system."""

from __future__ import annotations

import math
from typing import Any

from qsl_envs.theory.queue_exact import fill_probability, longest_queue, queue_rates, rise_probability
from qsl_envs.theory.queue_race import MAX_JUMPS, Ends, race
from qsl_envs.theory.study import Comparison, Model, Study

NEGLIGIBLE = 1e-6


def estimate(ends: Ends, hits: int) -> tuple[float, float]:
    """Share of paths that hit, undecided ones counted as half, and its binomial standard error."""
    share = (hits + 0.5 * ends.undecided) / ends.paths
    return share, math.sqrt(share * (1.0 - share) / ends.paths)


def undecided_note(ends: Ends) -> list[str]:
    """What to say about paths that did not end."""
    if not ends.undecided:
        return []
    return [f"{ends.undecided:,} paths had not ended after {MAX_JUMPS:,} events and count as half"]


def run(model: Model, values: dict[str, Any], seed: int) -> Study:
    """Play the book, solve the system."""
    spread, bid, ask, event = values["spread"], values["bid"], values["ask"], values["event"]
    limits, market, cancels = values["limit_rates"], values["market_rate"], values["cancel_rates"]
    model.require(len(limits) == len(cancels), "cancel_rates", f"as many as --limit-rates, {len(limits)}", cancels)
    rates = queue_rates(limits, market, cancels, spread)
    leaves = market + rates.cancel + rates.inside
    model.require(leaves > 0 and market + sum(cancels) > 0, "market_rate", "> 0 where nothing is cancelled", market)
    model.require(event == "up" or market > 0, "market_rate", "> 0: else nothing fills", market)
    bound, lost = longest_queue(rates, max(bid, ask))
    ends = race(limits, market, cancels, spread=spread, bid=bid, ask=ask, with_ours=event == "fill",
                paths=values["paths"], seed=seed)  # fmt: skip
    stuck = 2 * ends.undecided > ends.paths
    model.require(not stuck, "market_rate", "higher, or the cancel rates: most paths never end", market)
    share, error = estimate(ends, ends.rise if event == "up" else ends.fill)
    solve = rise_probability if event == "up" else fill_probability
    exact = solve(rates, bid, ask) if lost < NEGLIGIBLE else None
    results = {
        "model": "cont-stoikov-talreja", "parameters": values, "seed": seed,
        "probability": share, "standard_error": error, "exact": exact, "paths": ends.paths,
        "undecided": ends.undecided,
    }  # fmt: skip
    what = "the mid rises first" if event == "up" else "our bid, the last of the queue, fills before the mid moves"
    notes = undecided_note(ends)
    if exact is None:
        notes.append(f"queues grow beyond {bound} orders: no exact figure")
    if event == "fill":
        chance = 1.0
        for ahead in range(bid):
            chance *= (market + ahead * rates.cancel) / (market + ahead * rates.cancel + 2.0 * rates.inside)
        notes.append(f"the {bid - 1} orders in front and ours all leave before an order comes inside the spread with "
                     f"probability {chance:.6g}; the rest is the race with the ask queue")  # fmt: skip
    return Study(
        f"Cont, Stoikov and Talreja (2010): P({what}); {bid} bids, {ask} asks, spread {spread}; {ends.paths:,} paths "
        "through the book",
        results,
        ingredients=[
            ("limit orders at the best", f"lambda({spread})", rates.arrival),
            ("limit orders inside the spread", f"lambda(1) + ... + lambda({spread - 1})" if spread > 1 else "none",
             rates.inside),
            ("market orders", "mu", market),
            ("cancels of each order at the best", f"theta({spread})", rates.cancel),
            ("a queue of n gains one at", "lambda", rates.arrival),
            ("and loses one at", "mu + n theta", f"{market:g} + {rates.cancel:g} n"),
            ("ends of the race", "a queue empties, or an order comes inside the spread", what),
        ],
        comparisons=[] if exact is None else [
            Comparison("probability", share, error, exact, f"linear system, queues up to {bound}")
        ],
        notes=[*notes, f"simulated {share:.6g} +- {error:.2g}"],
    )  # fmt: skip
