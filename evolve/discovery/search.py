"""The search: genetic programming under several objectives, and random search of the same budget as its control.

Selection is NSGA-II (Deb, Pratap, Agarwal and Meyarivan 2002) by DEAP's `selNSGA2`, which draws nothing; all chance is
one generator, whose state stands in the checkpoint with the population, so a resumed search is the uninterrupted one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evolve.alpha import PARTS, Alpha, TradeSettings
from evolve.discovery.aims import OBJECTIVES
from evolve.discovery.judge import Judge
from evolve.discovery.trials import TrialBook
from evolve.grow import Growth, crossover, mutate, ramped, random_alpha
from qsl_envs.errors import ConfigError, DataError, require, require_extra
from qsl_envs.settings import check_types, config_hash

CHECKPOINT = "checkpoint.json"
RENEWALS = 6
"""Mutations that a child undergoes, at most, when it is a program that was tried before."""
Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """How programs are searched for."""

    kind: str = "maker"
    """of the programs: see `evolve.alpha.PARTS`"""
    population: int = 64
    generations: int = 12
    """after the first population"""
    objectives: tuple[str, ...] = ("worst_sharpe", "pnl", "words")
    """names of `OBJECTIVES`; by the first one finalists are chosen, and alphas among them"""
    crossover_share: float = 0.6
    """of children; the others are mutants"""
    random_share: float = 0.05
    """of children that are new random programs"""
    seed: int = 0
    growth: Growth = field(default_factory=Growth)
    trade: TradeSettings = field(default_factory=TradeSettings)

    def __post_init__(self) -> None:
        check_types(self)
        require(self.kind in PARTS, self, "kind", f"one of {', '.join(PARTS)}", self.kind)
        require(4 <= self.population <= 100_000, self, "population", "in [4, 100_000]", self.population)
        require(0 <= self.generations <= 100_000, self, "generations", "in [0, 100_000]", self.generations)
        require(len(self.objectives) > 0, self, "objectives", "one at least", self.objectives)
        for name in self.objectives:
            require(name in OBJECTIVES, self, "objectives", f"of {', '.join(OBJECTIVES)}", name)
        for name in ("crossover_share", "random_share"):
            require(0 <= getattr(self, name) <= 1, self, name, "in [0, 1]", getattr(self, name))


class Search:
    """One search, from its seed to its last generation.

    Args:
        judge: of the training worlds.
        folder: where the checkpoint and the trials go; None: nowhere.
        resume: go on from the folder's checkpoint.
        starts: programs that the first population has beside random ones.
    Raises: ConfigError; DataError if the checkpoint is of another search.
    """

    def __init__(self, config: SearchConfig, judge: Judge, *, folder: Path | None = None, resume: bool = False,
                 starts: Sequence[Alpha] = ()) -> None:  # fmt: skip
        self.config, self.judge, self.folder, self.starts = config, judge, folder, tuple(starts)
        for start in starts:
            require(start.kind == config.kind, f"start {start.name}", "kind", config.kind, start.kind)
        self.rng = np.random.default_rng(config.seed)
        self.population: list[Alpha] = []
        self.generation = -1
        self._scores: dict[int, tuple[float, ...]] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        state = self._read() if resume else None
        self.book = TrialBook(folder, keep=state["trials"] if state else 0)
        if state:
            self.rng.bit_generator.state = state["rng"]
            self.book.regimes = np.array(state["regimes"])
            self.generation = state["generation"]
            self.population = [self.book.alphas[k] for k in state["population"]]

    # --- running

    def run(self, tell: Tell | None = None) -> TrialBook:
        """Go on to the last generation; returns the book of all trials."""
        while self.generation < self.config.generations:
            self.advance()
            if tell:
                done = (self.generation + 1) / (self.config.generations + 1)
                best = max((self.scores(alpha)[0] for alpha in self.population), default=np.nan)
                tell(done, f"generation {self.generation}: {len(self.book)} trials, best "
                           f"{self.config.objectives[0]} {best:.3f}")  # fmt: skip
        return self.book

    def advance(self) -> None:
        """One generation, and its checkpoint."""
        c = self.config
        if self.generation < 0:
            pool = [*self.starts, *ramped(self.rng, c.growth, c.kind, c.population, c.trade)]
        else:
            pool = [*self.population, *self.children()]
        self.book.measure(pool, self.judge, self.generation + 1)
        self.population = self.survivors(pool, c.population)
        self.generation += 1
        self._save()

    def scores(self, alpha: Alpha) -> tuple[float, ...]:
        """Its objectives, more is better; NaN when its trial failed."""
        place = self.book.place(alpha)
        if self.book.reasons[place]:
            return (np.nan,) * len(self.config.objectives)
        if place not in self._scores:
            pnl = self.book.pnl[place]
            names = self.config.objectives
            self._scores[place] = tuple(OBJECTIVES[name](alpha, pnl, self.book.regimes) for name in names)
        return self._scores[place]

    def survivors(self, pool: Sequence[Alpha], count: int) -> list[Alpha]:
        """The best `count` of a pool, best first; of programs that earn the same, the shortest. Those whose trial
        failed are none of them.
        """
        places = sorted({self.book.place(alpha) for alpha in pool}, key=lambda k: (self.book.alphas[k].words, k))
        sound = list({self.book.pnl[k].tobytes(): self.book.alphas[k]
                      for k in reversed(places) if not self.book.reasons[k]}.values())[::-1]  # fmt: skip
        if not sound:
            reason = next(reason for reason in self.book.reasons if reason)
            raise ConfigError(f"every program of generation {self.generation + 1} failed; the first one: {reason}")
        return nsga2(sound, [self.scores(alpha) for alpha in sound], count)

    def children(self) -> list[Alpha]:
        """As many children as the population has members; programs that were tried before are changed once more."""
        c, found, seen = self.config, [], set()
        while len(found) < c.population:
            draw = self.rng.random()
            if draw < c.random_share:
                depth = 1 + int(self.rng.integers(max(1, c.growth.max_depth)))
                born = [random_alpha(self.rng, c.growth, c.kind, c.trade, depth, full=False)]
            elif draw < c.random_share + c.crossover_share:
                born = list(crossover(self.rng, c.growth, self._parent(), self._parent()))
            else:
                born = [mutate(self.rng, c.growth, self._parent())]
            for child in born:
                for _ in range(RENEWALS):
                    if not (self.book.knows(child) or str(child) in seen):
                        break
                    child = mutate(self.rng, c.growth, child)
                seen.add(str(child))
                found.append(child)
        return found[: c.population]

    def _parent(self) -> Alpha:
        """By even chance the better of two in the order of fronts, or the best of three by the first objective: short
        programs alone, which the fronts are full of, lead nowhere.
        """
        if self.rng.random() < 0.5:
            return self.population[int(self.rng.integers(len(self.population), size=2).min())]
        picks = self.rng.integers(len(self.population), size=3)
        return max((self.population[int(k)] for k in picks), key=lambda alpha: self.scores(alpha)[0])

    # --- checkpoint

    def _save(self) -> None:
        if self.folder is None:
            return
        state = {
            "config": config_hash(self.config), "generation": self.generation, "trials": len(self.book),
            "population": [self.book.place(alpha) for alpha in self.population],
            "regimes": self.book.regimes.tolist(), "rng": self.rng.bit_generator.state,
        }  # fmt: skip
        new = self.folder / f"{CHECKPOINT}.new"
        new.write_text(json.dumps(state))
        new.replace(self.folder / CHECKPOINT)

    def _read(self) -> dict[str, Any] | None:
        assert self.folder is not None
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        state = json.loads(path.read_text())
        if state["config"] != config_hash(self.config):
            raise DataError(f"{path} is of a search with other settings; resume with the same ones, or begin anew")
        return state


def random_search(config: SearchConfig, judge: Judge, trials: int) -> TrialBook:
    """The control: as many different random programs as a search has tried, from the same grammar, in the same worlds.

    Args:
        trials: programs to try.
    """
    rng, book = np.random.default_rng([config.seed, 1]), TrialBook()
    tries = 0
    while len(book) < trials and tries < 50:  # small grammars have fewer programs than that
        batch = ramped(rng, config.growth, config.kind, trials - len(book), config.trade)
        book.measure(batch, judge, 0)
        tries += 1
    return book


def nsga2(alphas: Sequence[Alpha], scores: Sequence[tuple[float, ...]], count: int) -> list[Alpha]:
    """The best `count` by fronts, then by crowding distance; in that order. More is better in every score."""
    base = require_extra("deap.base", "evolve")
    selection = require_extra("deap.tools", "evolve")

    class Fitness(base.Fitness):
        weights = (1.0,) * len(scores[0])

    class Member:
        def __init__(self, alpha: Alpha, values: tuple[float, ...]) -> None:
            self.alpha, self.fitness = alpha, Fitness(values)

    chosen = selection.selNSGA2([Member(a, s) for a, s in zip(alphas, scores)], min(count, len(alphas)))
    return [member.alpha for member in chosen]
