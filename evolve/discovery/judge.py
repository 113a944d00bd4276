"""Judges: what programs earn, by the true account, in every world of a family."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from evolve.alpha import Alpha
from evolve.fast import FastPath
from evolve.worlds import TrialWorlds


class Verdict(NamedTuple):
    """What programs earned."""

    pnl: np.ndarray
    """float64 (program, world), ticks x lots after fees and the liquidation at the end; NaN where a trial failed"""
    metrics: dict[str, np.ndarray]
    """of `evolve.fast.METRICS`: float64 (program, world)"""
    reasons: list[str]
    """why a program's trial failed; empty where none did"""
    regimes: np.ndarray
    """str (world,): the regime of each world"""


class Judge(Protocol):
    """What a search asks of the worlds that it is measured on."""

    def __call__(self, alphas: Sequence[Alpha]) -> Verdict:
        """Try every program in every world; the order of programs changes no number."""


class MarketJudge:
    """Programs in the compiled market, all of them in one call.

    Args:
        worlds: of one split.
        num_threads: that share the trials; results do not depend on it.
    """

    def __init__(self, worlds: TrialWorlds, num_threads: int = 1) -> None:
        self.path = FastPath(worlds, num_threads=num_threads)

    @property
    def worlds(self) -> TrialWorlds:
        """The worlds it judges in."""
        return self.path.worlds

    def move(self, first_seed: int) -> None:
        """Judge from now on in other worlds of the same markets and split."""
        self.path.worlds = dataclasses.replace(self.path.worlds, first_seed=first_seed)

    def __call__(self, alphas: Sequence[Alpha]) -> Verdict:
        """See `Judge`."""
        names = list(alphas[0].params())
        params = {name: np.array([alpha.params()[name] for alpha in alphas]) for name in names}
        outcome = self.path.evaluate(params, [alpha.program() for alpha in alphas])
        return Verdict(outcome.metrics["pnl"], outcome.metrics, outcome.reasons, self.worlds.labels("regime"))
