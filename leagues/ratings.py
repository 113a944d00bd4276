"""Strengths from results: Bradley-Terry for pairs, Plackett-Luce for more, with intervals over worlds.

Both are fitted by the minorise-maximise iteration of Hunter (2004), "MM algorithms for generalized Bradley-Terry
models", on the finished table of results, so the order of matches does not matter. Strengths are natural logarithms
with mean 0; `ELO` times a difference is a difference on the scale of Elo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qsl_envs.errors import MetricError, require, require_extra

ELO = 400.0 / math.log(10.0)
"""Elo points of one unit of log strength."""
LEVEL = 0.95
"""Of every interval."""


def bradley_terry(wins: np.ndarray, prior: float = 0.0, tolerance: float = 1e-10, most: int = 100_000,
                  start: np.ndarray | None = None) -> np.ndarray:  # fmt: skip
    """Log strengths that make a table of wins likeliest: i beats j with probability p_i / (p_i + p_j).

    Each round sets p_i = w_i / sum_j n_ij / (p_i + p_j), with w_i the wins of i and n_ij the games of the pair.

    Args:
        wins: float64 (player, player), how often the row beat the column; a draw is half a win of each.
        prior: games, half of them won, that each player is given against one of strength 1: pulls estimates together,
            and keeps those of who always or never won finite.
        tolerance: largest change of a log strength in the last round.
        most: rounds.
        start: log strengths to begin with; None: equal ones.
    Returns: float64 (player,), mean 0.
    Raises: MetricError without a prior, when no finite answer exists: someone won or lost against all others together.
    """
    wins = np.array(wins, np.float64)
    square = wins.ndim == 2 and wins.shape[0] == wins.shape[1]
    require(square, "bradley_terry", "wins", "a square table", wins.shape, MetricError)
    fine = bool(np.isfinite(wins).all() and (wins >= 0).all())
    require(fine, "bradley_terry", "wins", "numbers >= 0", wins, MetricError)
    np.fill_diagonal(wins, 0.0)
    if prior <= 0 and not _connected(wins > 0):
        raise MetricError(
            "bradley_terry: no finite strengths: some players together won, or lost, all games against the others; "
            "give a prior > 0"
        )
    games, won = wins + wins.T, wins.sum(1) + 0.5 * prior

    def round_of(logs: np.ndarray) -> np.ndarray:
        strength = np.exp(logs)
        pull = (games / (strength[:, None] + strength)).sum(1) + prior / (strength + 1.0)
        return _scaled(won / pull, prior)

    return _settle(round_of, np.zeros(len(wins)) if start is None else start, tolerance, most)


def plackett_luce(orders: np.ndarray, num_players: int, weights: np.ndarray | None = None, prior: float = 0.0,
                  tolerance: float = 1e-10, most: int = 100_000,
                  start: np.ndarray | None = None) -> np.ndarray:  # fmt: skip
    """Log strengths that make rankings likeliest: the next place goes to one of those left, with odds of its strength.

    Args:
        orders: int64 (ranking, place), numbers of the players from the first to the last; -1 after the last.
        num_players: how many players there are.
        weights: float64 (ranking,), how often each ranking counts; None: once.
        prior, tolerance, most, start: see `bradley_terry`.
    Returns: float64 (player,), mean 0.
    Raises: MetricError for numbers that are no players, or when no finite answer exists.
    """
    orders = np.asarray(orders, np.int64)
    fine = orders.ndim == 2 and bool(((orders >= -1) & (orders < num_players)).all())
    require(fine, "plackett_luce", "orders", f"rows of numbers below {num_players}, -1 at the end", orders, MetricError)
    weights = np.ones(len(orders)) if weights is None else np.asarray(weights, np.float64)
    there = orders >= 0
    # a place counts as won when somebody is left behind
    chosen = there & np.concatenate([there[:, 1:], np.zeros((len(orders), 1), bool)], 1)
    won = np.zeros(num_players)
    np.add.at(won, orders[chosen], np.broadcast_to(weights[:, None], orders.shape)[chosen])
    if prior <= 0:
        beaten = np.zeros((num_players, num_players), bool)
        for ahead in range(orders.shape[1] - 1):
            both = there[:, ahead] & there[:, ahead + 1] & (weights > 0)
            beaten[orders[both, ahead], orders[both, ahead + 1]] = True
        if not _connected(beaten):
            raise MetricError(
                "plackett_luce: no finite strengths: some players are always before, or behind, the others"
            )

    def round_of(logs: np.ndarray) -> np.ndarray:
        strength = np.exp(logs)
        own = np.where(there, strength[orders], 0.0)
        left = np.cumsum(own[:, ::-1], 1)[:, ::-1]
        shares = np.where(chosen, weights[:, None] / np.where(left > 0, left, 1.0), 0.0)
        pulls = np.cumsum(shares, 1)
        pull = prior / (strength + 1.0)
        np.add.at(pull, orders[there], pulls[there])
        return _scaled((won + 0.5 * prior) / pull, prior)

    return _settle(round_of, np.zeros(num_players) if start is None else start, tolerance, most)


def _settle(round_of: Callable[[np.ndarray], np.ndarray], logs: np.ndarray, tolerance: float,
            most: int) -> np.ndarray:  # fmt: skip
    """Repeat rounds until they change nothing; log strengths of mean 0.

    Two rounds are drawn out into a long step (SQUAREM, Varadhan and Roland 2008), which is taken back where the round
    after it moves farther than the one before: who nearly always wins is many rounds away.
    """
    for _ in range(0, most, 3):
        one = round_of(logs)
        two = round_of(one)
        first, bend = one - logs, two - 2.0 * one + logs
        last = float(np.abs(two - one).max())
        if last < tolerance:
            logs = two
            break
        stretch = max(1.0, min(float(np.linalg.norm(first) / max(np.linalg.norm(bend), 1e-300)), 64.0))
        far = logs + 2.0 * stretch * first + stretch * stretch * bend
        try_far = round_of(np.clip(far, -60.0, 60.0))
        logs = try_far if float(np.abs(try_far - far).max()) <= last else two
    return logs - logs.mean()


def _scaled(strength: np.ndarray, prior: float) -> np.ndarray:
    """Log strengths at the likeliest scale of all together; results do not care, so without a prior their mean is 0.

    With one it is a Newton step towards that scale: the rounds alone would creep there, the more games the slower.
    """
    logs = np.log(strength)
    if prior <= 0:
        return logs - logs.mean()
    share = strength / (strength + 1.0)
    return logs + float(np.clip((0.5 - share).sum() / (share * (1.0 - share)).sum(), -2.0, 2.0))


def _connected(beats: np.ndarray) -> bool:
    """Whether everybody beat everybody, over others perhaps (Ford 1957): then finite strengths exist."""
    reach = beats | np.eye(len(beats), dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(max(len(beats), 2))))):
        reach = (reach.astype(np.int64) @ reach.astype(np.int64)) > 0
    return bool(reach.all())


def openskill(orders: np.ndarray, num_players: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each player's skill by `openskill`'s Plackett-Luce, float64 (player,) each.

    An online rating: it takes the rankings one after another, and their order matters a little.

    Raises: MissingExtraError without the package (extra `league`).
    """
    require_extra("openskill", "league")
    from openskill.models import PlackettLuce

    model = PlackettLuce()
    skills = [model.rating(name=str(player)) for player in range(num_players)]
    for order in np.asarray(orders):
        order = order[order >= 0]
        if len(order) < 2:
            continue
        for player, fresh in zip(order, model.rate([[skills[player]] for player in order])):
            skills[player] = fresh[0]
    return np.array([skill.mu for skill in skills]), np.array([skill.sigma for skill in skills])


@dataclass(frozen=True)
class Ratings:
    """Strengths of players with what the choice of worlds could have made of them.

    Attributes:
        players: names.
        strength: float64 (player,), log strength, mean 0.
        low, high: float64 (player,), ends of the bootstrap interval.
        rank: int64 (player,), 1 is the strongest.
        best_rank, worst_rank: int64 (player,), ends of the interval of the rank.
    """

    players: tuple[str, ...]
    strength: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rank: np.ndarray
    best_rank: np.ndarray
    worst_rank: np.ndarray

    @property
    def elo(self) -> np.ndarray:
        """float64 (player, 3): rating, low, high, on the scale of Elo around 0."""
        return ELO * np.stack([self.strength, self.low, self.high], 1)

    def order(self) -> list[int]:
        """Numbers of the players from the strongest to the weakest."""
        return [int(k) for k in np.argsort(-self.strength, kind="stable")]


Fit = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""float64 (world,), how often each world counts, and log strengths to begin with -> log strengths (player,)."""


def bootstrap_ratings(players: Sequence[str], fit: Fit, num_worlds: int,
                      resamples: int = 500, seed: int = 0) -> Ratings:  # fmt: skip
    """Ratings with intervals: whole worlds are drawn anew, all that was played in a world together.

    Games of one world share its flow, so they are no independent evidence; an interval over games would be too narrow.

    Args:
        fit: strengths of a sample of worlds.
        num_worlds: worlds.
        resamples: of the bootstrap.
        seed: of its draws.
    """
    strength = fit(np.ones(num_worlds), None)
    draws = np.random.default_rng(seed)
    sample = np.empty((resamples, len(players)))
    for k in range(resamples):
        counts = np.bincount(draws.integers(0, num_worlds, num_worlds), minlength=num_worlds)
        sample[k] = fit(counts.astype(np.float64), strength)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(sample, [tail, 100 - tail], axis=0)
    best, worst = np.percentile(ranks_of(sample), [tail, 100 - tail], axis=0, method="nearest")
    return Ratings(tuple(players), strength, low, high, ranks_of(strength[None])[0], best.astype(np.int64),
                   worst.astype(np.int64))  # fmt: skip


def ranks_of(strengths: np.ndarray) -> np.ndarray:
    """Rank of each player in each row, int64, 1 for the strongest; equals share the better one."""
    return 1 + (strengths[:, None, :] > strengths[:, :, None]).sum(2)
