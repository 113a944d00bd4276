"""What a search has really found: finalists on validation worlds, the chosen on test worlds, the search itself counted.

The rule for calling an alpha **robust**, stated before anything is looked at: on the test worlds of every test family
(each regime that was searched in, and each that was not), the p-value of "its mean P&L is 0 or less, no better than
doing nothing" (studentised bootstrap) is at most 5 %. Of several families the largest p-value counts, and Holm's
correction is made for the number of alphas that are reported. Test worlds are looked at once, for alphas that are
frozen by then, so at most 5 % of the searches in a market where nothing can be earned call anything robust.

The deflated Sharpe ratio stands beside, with every trial counted, and decides nothing: the variance of the trials'
ratios, which it takes for luck, is here mostly that of programs that lose by what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from baselines.intervals import bootstrap
from evolve.alpha import Alpha
from evolve.discovery.aims import OBJECTIVES
from evolve.discovery.judge import Judge, Verdict
from evolve.discovery.trials import TrialBook
from evolve.statistics.honesty import (
    deflated_sharpe,
    expected_maximum_sharpe,
    holm,
    mean_above,
    moments,
    overfitting_probability,
    reality_check,
    superior_ability,
)
from qsl_envs.errors import require
from qsl_envs.settings import check_types


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamConfig:
    """How what was found is examined."""

    finalists: int = 16
    """programs that are tried on the validation worlds: the best on the training worlds"""
    alphas: int = 3
    """that are reported and meet the test worlds: the best finalists on the validation worlds"""
    level: float = 0.05
    """of the tests"""
    blocks: int = 8
    """of the cross-validation that gives the probability of overfitting"""
    resamples: int = 2000
    intervals: bool = True
    """of means, in what is reported; they decide nothing"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.alphas <= self.finalists, self, "alphas", f"in [1, {self.finalists}]", self.alphas)
        require(0 < self.level < 1, self, "level", "in (0, 1)", self.level)
        require(self.blocks % 2 == 0 and 2 <= self.blocks <= 20, self, "blocks", "even, in [2, 20]", self.blocks)
        require(self.resamples >= 1, self, "resamples", ">= 1", self.resamples)


ACTIVITY = ("messages", "fills", "volume", "max_drawdown", "mean_abs_inventory", "fees")
"""Metrics that stand beside a P&L in every table: orders, fills, turnover, ..."""


def summary(
    pnl: np.ndarray, metrics: Mapping[str, np.ndarray] | None = None, intervals: bool = True
) -> dict[str, float]:
    """A strategy over worlds in plain numbers: mean P&L with its 95 % interval, Sharpe ratio per world, activity.

    Args:
        pnl: float64 (world,), ticks x lots.
        metrics: of `evolve.fast.METRICS`, (world,).
    """
    values = {"worlds": len(pnl), "pnl": float(pnl.mean()), "sharpe": moments(pnl).sharpe}
    if intervals:
        found = bootstrap(pnl)
        values |= {"low": found.low, "high": found.high}
    values |= {name: float(np.mean(metrics[name])) for name in ACTIVITY if metrics is not None and name in metrics}
    return {name: float(value) for name, value in values.items()}


def finalists(book: TrialBook, count: int, aim: str = "sharpe") -> list[Alpha]:
    """The best trials by an objective on the training worlds, best first; of those that earn the same, the shortest."""
    found: dict[bytes, tuple[float, int, int]] = {}
    for place in book.sound():
        alpha, pnl = book.alphas[place], book.pnl[place]
        rank = (-OBJECTIVES[aim](alpha, pnl, book.regimes), alpha.words, int(place))
        found[pnl.tobytes()] = min(found.get(pnl.tobytes(), rank), rank)
    return [book.alphas[place] for _, _, place in sorted(found.values())[:count]]


def examine(
    book: TrialBook, validation: Judge, tests: Mapping[str, Judge], config: ExamConfig, aim: str = "sharpe"
) -> tuple[list[Alpha], dict]:
    """Choose on the validation worlds, then test what was chosen.

    Args:
        book: all trials of the search.
        validation: judge of the validation worlds.
        tests: name of a test family -> its judge.
        aim: one of `evolve.discovery.aims.OBJECTIVES`, by which finalists and alphas are chosen.
    Returns: the alphas, best first on validation; and plain values: `trials`, `search` (statistics of the search as a
        whole), `alphas` (each with its `train`, `validation` and `test` numbers, p-values, and `robust`).
    """
    running = finalists(book, config.finalists, aim)
    held = validation(running)
    sound = [k for k, reason in enumerate(held.reasons) if not reason]
    require(len(sound) > 0, "examine", "finalists", "one at least that runs", held.reasons[:1])
    kept = {k: OBJECTIVES[aim](running[k], held.pnl[k], held.regimes) for k in sound}
    order = sorted(sound, key=lambda k: (-kept[k], k))[: config.alphas]
    chosen = [running[k] for k in order]
    variance = float(book.sharpes().var(ddof=1)) if len(book.sound()) > 1 else 0.0
    verdicts = {name: judge(chosen) for name, judge in tests.items()}
    rows = []
    for n, (k, alpha) in enumerate(zip(order, chosen)):
        train = book.pnl[book.place(alpha)]
        row = {
            "formula": str(alpha), "words": alpha.words, "alpha": alpha.to_dict(),
            "train": summary(train, None, config.intervals),
            "validation": summary(held.pnl[k], None, config.intervals),
            "deflated_sharpe": deflated_sharpe(moments(train), max(1, len(book)), variance),
        }  # fmt: skip
        rows.append(row | _tested(verdicts, n, config))
    adjusted = holm(np.array([row["p_value"] for row in rows]))
    for row, p_value in zip(rows, adjusted):
        row["p_adjusted"] = float(p_value)
        row["robust"] = bool(p_value <= config.level)
    return chosen, {"trials": len(book), "search": whole_search(book, held, variance, config), "alphas": rows}


def _tested(verdicts: Mapping[str, Verdict], n: int, config: ExamConfig) -> dict:
    """Alpha number `n` on every test family; a trial that failed there is a p-value of 1."""
    families, p_values = {}, []
    for name, verdict in verdicts.items():
        if verdict.reasons[n]:
            families[name] = {"reason": verdict.reasons[n]}
            p_values.append(1.0)
            continue
        pnl = verdict.pnl[n]
        p_values.append(mean_above(pnl, resamples=config.resamples))
        families[name] = summary(pnl, {key: values[n] for key, values in verdict.metrics.items()}, config.intervals)
        families[name]["p_value"] = p_values[-1]
    return {"test": families, "p_value": max(p_values, default=1.0)}


def whole_search(book: TrialBook, held: Verdict, variance: float, config: ExamConfig) -> dict:
    """Statistics of the search as a whole: how much of its best result the number of trials explains."""
    matrix = book.matrix()
    best = float(book.sharpes().max())
    found = {
        "failed": len(book) - len(book.sound()),
        "best_sharpe": best,
        "expected_maximum_sharpe": expected_maximum_sharpe(max(1, len(book)), variance),
        "sharpe_variance": variance,
        "reality_check": reality_check(matrix, resamples=config.resamples),
        "superior_ability": superior_ability(matrix, resamples=config.resamples).consistent,
    }
    if matrix.shape[1] >= 2 and len(matrix) >= 2 * config.blocks:
        mixed = matrix[np.random.default_rng(0).permutation(len(matrix))]  # blocks of all regimes, not of one each
        pbo = overfitting_probability(mixed, config.blocks)
        found |= {"overfitting": pbo.probability, "overfitting_slope": pbo.slope, "overfitting_loss": pbo.loss}
    sound = [k for k, reason in enumerate(held.reasons) if not reason]
    found["validation_superior_ability"] = superior_ability(held.pnl[sound].T, resamples=config.resamples).consistent
    return {name: float(value) for name, value in found.items()}
