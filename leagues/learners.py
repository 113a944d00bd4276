"""Ways to learn the exact games of `leagues.games`, each measured against the equilibrium along the way.

Independent learners see their own realized payoffs and nothing else; self-play and PSRO answer mixtures with exact best
responses. All are deterministic given their seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from leagues.games import MarketGame
from leagues.psro import psro
from leagues.solvers import META_SOLVERS
from qsl_envs.errors import require


class Mark(NamedTuple):
    """How one market stands after some rounds; all exact, given the players' mixtures."""

    round: int
    exploitability: float
    """mean gain of a best response over the players"""
    measure: float
    """of the game: see `MarketGame.measure_name`"""
    above_nash: float
    """`MarketGame.above_nash`"""
    welfare: float
    """mean payoff of a player"""


def mark(game: MarketGame, number: int, mixtures: Sequence[np.ndarray]) -> Mark:
    """Measure what the players do now."""
    measures = game.measure(mixtures), game.above_nash(mixtures), game.welfare(mixtures)
    return Mark(number, game.exploitability(mixtures), *measures)


def checkpoints(rounds: int) -> list[int]:
    """Rounds after which a learner is measured: 1, 2, 5, 10, 20, ... and the last one."""
    marks = {base * 10**power for power in range(9) for base in (1, 2, 5) if base * 10**power < rounds}
    return sorted(marks | {rounds})


def independent_q(game: MarketGame, rounds: int = 200_000, runs: int = 10, seed: int = 0, rate: float = 0.05,
                  explore: float = 1.0) -> list[list[Mark]]:  # fmt: skip
    """Stateless Q-learning by each player on its own payoffs: the learner of the studies of algorithmic collusion.

    Q moves by `rate` towards each payoff; exploration (uniform actions) falls exponentially, from `explore` to a
    thousandth of it. What is measured is what they would play without exploring: each its best action so far.

    Returns: for each of `runs` independent markets its marks.
    """
    chance = np.random.default_rng(seed)
    players = game.num_players
    q = chance.normal(scale=1e-6, size=(runs, players, game.num_actions))  # a draw among equals, nothing more
    at = np.ogrid[:runs, :players]
    found: list[list[Mark]] = [[] for _ in range(runs)]
    marks = set(checkpoints(rounds))
    for number in range(1, rounds + 1):
        explores = chance.random((runs, players)) < explore * 1e-3 ** (number / rounds)
        actions = np.where(explores, chance.integers(0, game.num_actions, (runs, players)), q.argmax(2))
        pays = game.draw(actions, chance)
        q[at[0], at[1], actions] += rate * (pays - q[at[0], at[1], actions])
        if number in marks:
            greedy = np.eye(game.num_actions)[q.argmax(2)]
            for run in range(runs):
                found[run].append(mark(game, number, list(greedy[run])))
    return found


def independent_gradient(game: MarketGame, rounds: int = 20_000, runs: int = 10, seed: int = 0, rate: float = 0.05,
                         batch: int = 32) -> list[list[Mark]]:  # fmt: skip
    """A policy gradient by each player on its own payoffs: softmax preferences, REINFORCE with a baseline.

    Each round is a batch of games; the baseline is the batch's mean, payoffs are taken in units of the range of what
    the game can pay in expectation.

    Returns: for each of `runs` independent markets its marks.
    """
    chance = np.random.default_rng(seed)
    players, count = game.num_players, game.num_actions
    unit = np.ptp(game.tables[0]) or 1.0
    preferences = np.zeros((runs, players, count))
    found: list[list[Mark]] = [[] for _ in range(runs)]
    marks = set(checkpoints(rounds))
    for number in range(1, rounds + 1):
        mixtures = softmax(preferences)
        bounds = np.cumsum(mixtures, axis=2)
        draws = chance.random((runs, batch, players, 1))
        actions = np.minimum((draws > bounds[:, None]).sum(3), count - 1)
        pays = game.draw(actions.reshape(-1, players), chance).reshape(runs, batch, players) / unit
        advantage = pays - pays.mean(1, keepdims=True)
        taken = np.eye(count)[actions]
        score = (advantage[..., None] * (taken - mixtures[:, None])).mean(1)
        preferences += rate * score * batch / max(batch - 1, 1)
        if number in marks:
            for run, mixture in enumerate(softmax(preferences)):
                found[run].append(mark(game, number, list(mixture)))
    return found


def softmax(preferences: np.ndarray) -> np.ndarray:
    """Mixtures, along the last axis."""
    weights = np.exp(preferences - preferences.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def self_play(game: MarketGame, rounds: int = 200, start: int | None = None) -> list[Mark]:
    """Answer the latest self, again and again: all players take the best response to what it did last."""
    action = game.num_actions - 1 if start is None else start
    found, marks = [], set(checkpoints(rounds))
    for number in range(1, rounds + 1):
        latest = np.eye(game.num_actions)[action]
        action, _ = game.best_response([latest] * game.num_players)
        if number in marks:
            found.append(mark(game, number, [np.eye(game.num_actions)[action]] * game.num_players))
    return found


def fictitious_play(game: MarketGame, rounds: int = 2_000, start: int | None = None) -> list[Mark]:
    """Answer the average of all past selves (Brown 1951); the average is what is measured."""
    counts = np.zeros(game.num_actions)
    counts[game.num_actions - 1 if start is None else start] = 1.0
    found, marks = [], set(checkpoints(rounds))
    for number in range(1, rounds + 1):
        average = counts / counts.sum()
        action, _ = game.best_response([average] * game.num_players)
        counts[action] += 1.0
        if number in marks:
            found.append(mark(game, number, [counts / counts.sum()] * game.num_players))
    return found


def population_play(game: MarketGame, meta_solver: str = "prd", iterations: int = 50,
                    start: int | None = None) -> list[Mark]:  # fmt: skip
    """PSRO with exact best responses, from one action; the meta-solver's mixture is what is measured.

    Raises: ConfigError for more than two players: a table of pairs does not know such a game.
    """
    require(game.num_players == 2, "population_play", "players", "2", game.num_players)

    def spread(strategies: list[int], mixture: np.ndarray) -> np.ndarray:
        whole = np.zeros(game.num_actions)
        np.add.at(whole, strategies, mixture)  # under uniform weights a strategy may have come more than once
        return whole

    def respond(strategies: list[int], mixture: np.ndarray) -> int:
        return game.best_response([spread(strategies, mixture)] * 2)[0]

    first = game.num_actions - 1 if start is None else start
    stages = psro([first], lambda own, other: float(game.tables[0][own, other]), respond, meta_solver, iterations)
    return [mark(game, k, [spread(stage.strategies, stage.mixture)] * 2) for k, stage in enumerate(stages)]


class Studied(NamedTuple):
    """What came of one way to learn, in each of its runs."""

    learner: str
    marks: list[list[Mark]]


def study(game: MarketGame, runs: int = 10, seed: int = 0, share: float = 1.0) -> Iterator[Studied]:
    """Every learner on one game, in turn: PSRO with each meta-solver where there are two players.

    Args:
        runs: independent markets of each learner that draws.
        share: of the default rounds.
    """
    require(runs >= 1, "study", "runs", ">= 1", runs)
    require(share > 0, "study", "share", "> 0", share)

    def rounds(full: int) -> int:
        return max(1, round(share * full))

    yield Studied("independent Q", independent_q(game, rounds(200_000), runs, seed))
    yield Studied("independent gradient", independent_gradient(game, rounds(20_000), runs, seed))
    yield Studied("self-play, latest", [self_play(game, rounds(200))])
    yield Studied("fictitious play", [fictitious_play(game, rounds(2_000))])
    if game.num_players == 2:
        for solver in META_SOLVERS:
            yield Studied(f"PSRO, {solver}", [population_play(game, solver)])
