"""Policy-space response oracles: grow a population by best responses to a mixture of what is already in it.

Lanctot et al. (2017). It knows neither games nor networks: what a strategy is, what two of them pay each other and how
a response is found are handed in, so that the exact games and the full book share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from leagues.solvers import META_SOLVERS, nash_conv
from qsl_envs.errors import require

S = TypeVar("S")


class Stage(NamedTuple, Generic[S]):
    """A population after an iteration."""

    strategies: list[S]
    payoffs: np.ndarray
    """float64 (n, n): what strategy r earns while all others play s"""
    mixture: np.ndarray
    """float64 (n,): the meta-solver's answer"""
    nash_conv: float
    """of the mixture inside the population"""
    closed: bool
    """the response to the last mixture was in the population already: nothing more will come"""


def psro(start: Sequence[S], payoff: Callable[[S, S], float],
         respond: Callable[[list[S], np.ndarray], S], meta_solver: str = "prd",
         iterations: int = 50) -> Iterator[Stage[S]]:  # fmt: skip
    """Grow a population of a symmetric game; yields it before the first response and after each.

    Args:
        start: strategies to begin with, one at least.
        payoff: what its first argument earns while all other players play the second; asked once for each pair.
        respond: (strategies, mixture) -> a good response to opponents drawn from the mixture.
        meta_solver: a name of `META_SOLVERS`.
        iterations: most responses. It ends before when a response equals a strategy of the population; not so under
            the uniform meta-solver, where a strategy that comes twice counts twice: that is fictitious play.

    Raises: ConfigError for a meta-solver that does not exist, or an empty start.
    """
    require(meta_solver in META_SOLVERS, "psro", "meta_solver", f"one of {', '.join(META_SOLVERS)}", meta_solver)
    require(len(start) > 0, "psro", "start", "one strategy at least", start)
    strategies = list(start)
    payoffs = np.array([[payoff(own, other) for other in strategies] for own in strategies], np.float64)
    for iteration in range(iterations + 1):
        mixture = META_SOLVERS[meta_solver](payoffs)
        response = respond(strategies, mixture) if iteration < iterations else None
        closed = response is not None and meta_solver != "uniform" and response in strategies
        yield Stage(list(strategies), payoffs.copy(), mixture, nash_conv(payoffs, mixture), closed)
        if closed or response is None:
            return
        payoffs = np.pad(payoffs, ((0, 1), (0, 1)))
        strategies.append(response)
        for k, other in enumerate(strategies):
            payoffs[-1, k] = payoff(response, other)
            payoffs[k, -1] = payoff(other, response)
