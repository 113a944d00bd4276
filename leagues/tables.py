"""A contest's results in numbers and in rows of text: standings, scores, meta-strategies, what pairing saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from leagues.ratings import Ratings
from leagues.results import Contest
from leagues.solvers import alpha_rank, nash_conv, nash_mixture, prd


@dataclass(frozen=True)
class Standings:
    """A contest, rated.

    Attributes:
        contest: its matches.
        ratings: strengths with intervals.
        scores: float64 (player, player, 3): mean P&L of the row player less the column player's in the same markets,
            with its interval, ticks x lots.
        payoffs: float64 (player, player): mean P&L of the row player in markets with the column player.
        field: float64 (player, 3): mean difference from all others, each counted alike, with its interval.
        alpha, prd, nash: float64 (player,): alpha-rank, projected replicator dynamics and a Nash mixture of the
            zero-sum score; None where some pairs never met.
        conv: NashConv of the alpha-rank and PRD mixtures, in the payoffs; the Nash mixture's in the score.
    """

    contest: Contest
    ratings: Ratings
    scores: np.ndarray
    payoffs: np.ndarray
    field: np.ndarray
    alpha: np.ndarray | None
    prd: np.ndarray | None
    nash: np.ndarray | None
    conv: dict[str, float]

    @property
    def order(self) -> list[int]:
        """Numbers of the players from the strongest to the weakest."""
        return self.ratings.order()


def standings(contest: Contest, seed: int = 0) -> Standings:
    """Rate a contest; `seed` is of the bootstrap's draws."""
    payoffs, scores = contest.payoffs(), contest.score_intervals(seed)
    alpha = flow = nash = None
    conv: dict[str, float] = {}
    zero_sum = scores[..., 0] / 2.0
    if np.isfinite(zero_sum).all() and len(zero_sum) > 1:
        nash = nash_mixture(zero_sum)
        conv["nash, score"] = nash_conv(zero_sum, nash)
        game = payoffs if contest.at_once > 1 and np.isfinite(payoffs).all() else zero_sum
        alpha, flow = alpha_rank(game), prd(game)
        what = "P&L" if game is payoffs else "score"
        conv |= {f"alpha-rank, {what}": nash_conv(game, alpha), f"PRD, {what}": nash_conv(game, flow)}
    return Standings(contest, contest.ratings(seed), scores, payoffs, against_field(contest, seed), alpha, flow, nash,
                     conv)  # fmt: skip


def against_field(contest: Contest, seed: int = 0, resamples: int = 500) -> np.ndarray:
    """Mean difference of each player from all others it met, with its bootstrap interval, float64 (player, 3)."""
    apart = contest.differences()
    n, _, worlds = apart.shape
    apart[range(n), range(n)] = np.nan
    there = np.isfinite(apart)
    draws = np.random.default_rng(seed)
    counts = np.stack([np.bincount(draws.integers(0, worlds, worlds), minlength=worlds) for _ in range(resamples)])
    counts = np.concatenate([np.ones((1, worlds)), counts]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        pairs = (np.where(there, apart, 0.0) @ counts.T) / (there.astype(np.float64) @ counts.T)
        met = np.isfinite(pairs)
        means = np.where(met, pairs, 0.0).sum(1) / met.sum(1)
    low, high = np.nanpercentile(means[:, 1:], [2.5, 97.5], axis=1) if n > 1 else (means[:, 0], means[:, 0])
    return np.stack([means[:, 0], low, high], 1)


def pairing_gain(contest: Contest) -> tuple[float, float]:
    """What paired worlds save: (mean correlation of two players' P&L in a world, mean factor by which the variance of a
    difference is smaller than if both had played other worlds: 1 / (1 - correlation) for equal variances).

    Over all pairs with some variance; the worlds of a pair are the same for both.
    """
    correlations, factors = [], []
    rows = contest.pnl if contest.at_once > 1 else [contest.alone()]
    for row in rows:
        present = [k for k in range(len(contest.players)) if np.isfinite(row[k]).sum() > 2]
        for at, i in enumerate(present):
            for j in present[at + 1 :]:
                both = np.isfinite(row[i]) & np.isfinite(row[j])
                a, b = row[i][both], row[j][both]
                apart = np.var(a - b)
                if min(np.var(a), np.var(b)) > 0 and apart > 0:
                    correlations.append(np.corrcoef(a, b)[0, 1])
                    factors.append((np.var(a) + np.var(b)) / apart)
    if not factors:
        return float("nan"), float("nan")
    return float(np.mean(correlations)), float(np.median(factors))


def number(value: float, digits: int = 1) -> str:
    """A number for a table; a dash where there is none."""
    return "-" if not np.isfinite(value) else f"{value:z,.{digits}f}"


def interval(values: np.ndarray, digits: int = 1) -> str:
    """Mean and interval for a table."""
    if not np.isfinite(values).all():
        return number(values[0], digits)
    return f"{values[0]:z,.{digits}f} [{values[1]:z,.{digits}f}, {values[2]:z,.{digits}f}]"


def standings_rows(found: Standings) -> list[list[str]]:
    """The table of a contest, titles first."""
    contest, ratings = found.contest, found.ratings
    titles = ["", "player", "rating", "rank", "P&L less the field's", "P&L among its like", "alpha-rank", "Nash",
              "fills", "inventory", "fees"]  # fmt: skip
    rows = [titles]
    elo, like = ratings.elo, np.diag(found.payoffs)
    for k in found.order:
        mixtures = [
            number(100 * mixture[k], 0) + " %" if mixture is not None else "-" for mixture in (found.alpha, found.nash)
        ]
        spread = f"{ratings.best_rank[k]} to {ratings.worst_rank[k]}"
        facts = [
            number(contest.facts[name][k], digits) for name, digits in (("fills", 1), ("inventory", 1), ("fees", 2))
        ]
        rows.append([str(int(ratings.rank[k])), contest.players[k], interval(elo[k], 0), spread,
                     interval(found.field[k]), number(like[k]), *mixtures, *facts])  # fmt: skip
    return rows


def score_rows(found: Standings) -> list[list[str]]:
    """The matrix of scores with intervals, strongest first, titles first."""
    order, players = found.order, found.contest.players
    rows = [["less the column's", *(players[k] for k in order)]]
    for i in order:
        cells = [interval(found.scores[i, j]) if i != j else "" for j in order]
        rows.append([players[i], *cells])
    return rows


def payoff_rows(found: Standings) -> list[list[str]]:
    """The matrix of P&L, strongest first, titles first."""
    order, players = found.order, found.contest.players
    return [["P&L beside", *(players[k] for k in order)],
            *([players[i], *(number(found.payoffs[i, j]) for j in order)] for i in order)]  # fmt: skip


def plain(found: Standings) -> dict[str, Any]:
    """All of it in plain values, for JSON; what is no number is None."""
    contest, ratings = found.contest, found.ratings

    def values(array: np.ndarray | None) -> Any:
        if array is None:
            return None
        return [values(row) if np.ndim(row) else (float(row) if np.isfinite(row) else None) for row in array]

    correlation, factor = pairing_gain(contest)
    return {
        "contest": contest.name, "scenario": contest.scenario, "role": contest.role, "split": contest.split,
        "worlds": len(contest.worlds), "matches": contest.matches, "at_once": contest.at_once,
        "players": list(contest.players), "order": found.order,
        "elo": values(ratings.elo), "rank": ratings.rank.tolist(), "best_rank": ratings.best_rank.tolist(),
        "worst_rank": ratings.worst_rank.tolist(), "scores": values(found.scores), "payoffs": values(found.payoffs),
        "field": values(found.field), "alpha_rank": values(found.alpha), "prd": values(found.prd),
        "nash": values(found.nash), "nash_conv": found.conv, "facts": {k: values(v) for k, v in contest.facts.items()},
        "forfeits": contest.forfeits, "pairing": {"correlation": values(np.array([correlation]))[0],
                                                  "variance_factor": values(np.array([factor]))[0]},
    }  # fmt: skip


def text_table(rows: list[list[str]]) -> str:
    """Rows for a terminal, titles underlined."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def markdown_table(rows: list[list[str]]) -> str:
    """Rows as a Markdown table."""
    head, *body = [["" if cell == "" else cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)])
