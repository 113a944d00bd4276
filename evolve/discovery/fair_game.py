"""The null: a market that is a fair game, and how often a search in it calls something robust.

The game is made from the true market. At the end of each world a coin that belongs to the world, and that no program
can see, decides whether the account keeps its P&L or pays it: whatever a program does, it earns 0 in expectation. All
else is as it is: heavy tails, programs that trade alike, a search that picks the luckiest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evolve.alpha import Alpha
from evolve.discovery.examine import ExamConfig, examine, finalists
from evolve.discovery.judge import MarketJudge, Verdict
from evolve.discovery.search import Search, SearchConfig
from evolve.discovery.trials import TrialBook
from evolve.families import Place, base_market, family
from evolve.statistics.honesty import binomial_interval, binomial_quantile, mean_above

SECOND = 1_000_000_000


class FairJudge:
    """A judge whose worlds toss a coin over what they pay.

    Args:
        judge: of the true worlds.
        salt: which coins.
    """

    def __init__(self, judge: MarketJudge, salt: int) -> None:
        self.judge, self.salt = judge, salt

    def __call__(self, alphas: Sequence[Alpha]) -> Verdict:
        """See `Judge`."""
        verdict = self.judge(alphas)
        worlds = self.judge.worlds
        coins = np.random.default_rng([self.salt, worlds.first_seed]).integers(0, 2, verdict.pnl.shape[1]) * 2 - 1
        return verdict._replace(pnl=verdict.pnl * coins)


def fair_game(
    runs: int = 400, *, population: int = 8, generations: int = 1, train_worlds: int = 12, test_worlds: int = 24,
    session_ns: int = 2 * SECOND, seed: int = 0, tell: Callable[[float, str], None] | None = None
) -> dict[str, Any]:  # fmt: skip
    """Search `runs` times where there is nothing to find, each time in worlds of its own.

    Returns: plain values: `runs`, `robust` (searches that called an alpha robust), its `share` with the exact 95 %
        interval `low`, `high`; `nominal` share and `most`, the 99 % quantile of the number at that share; `naive`, how
        many had an alpha whose training worlds a test that knows of no search calls better than 0 at that level.
    """
    config = SearchConfig(population=population, generations=generations, objectives=("sharpe", "pnl", "words"))
    market = base_market(config.trade, session_ns)
    places = {"train": ["base"], "validation": ["base"], "test": ["base"], "unseen": ["volatile"]}
    counts = {"train": train_worlds, "validation": train_worlds, "test": test_worlds, "unseen": test_worlds}
    judges = {name: MarketJudge(family(market, [Place(regime=r) for r in regimes], "test" if name == "unseen" else name,
                                       counts[name]))
              for name, regimes in places.items()}  # fmt: skip
    exam = ExamConfig(finalists=4, alphas=2, resamples=500, blocks=4, intervals=False)
    robust = naive = 0
    for run in range(runs):
        for name, judge in judges.items():
            judge.move((seed * runs + run) * counts[name])
        fair = {name: FairJudge(judge, n + 4 * seed) for n, (name, judge) in enumerate(judges.items())}
        now = replace(config, seed=seed * runs + run)
        book = Search(now, fair["train"]).run()
        _, found = examine(book, fair["validation"], {"base": fair["test"], "volatile": fair["unseen"]}, exam, "sharpe")
        robust += any(row["robust"] for row in found["alphas"])
        naive += _naive_best(book) <= exam.level
        if tell:
            tell((run + 1) / runs, f"run {run + 1}: {robust} called robust")
    low, high = binomial_interval(robust, runs)
    return {"runs": runs, "robust": robust, "share": robust / runs, "low": low, "high": high, "nominal": exam.level,
            "most": binomial_quantile(runs, exam.level, 0.99), "naive": naive,
            "trials_a_run": population * (generations + 1)}  # fmt: skip


def _naive_best(book: TrialBook) -> float:
    """P-value of the best trial on its training worlds, by a test that counts one trial."""
    (best,) = finalists(book, 1)
    return mean_above(book.pnl[book.place(best)], resamples=500)
