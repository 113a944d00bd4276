"""The survival table: where an alpha goes on earning when latency, fees, regime and the number of venues change.

At every point of the grid three are measured on the same test worlds: the frozen program, the best one that the same
search finds there, and doing nothing (which earns 0 with no order). A point says how the search there would have done
because a frozen program may fail where nothing can be earned, or where another one would have.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evolve.alpha import Alpha
from evolve.discovery.discover import DiscoverConfig
from evolve.discovery.examine import ExamConfig, examine, summary
from evolve.discovery.judge import MarketJudge
from evolve.discovery.search import Search, SearchConfig
from evolve.families import Place, family
from evolve.statistics.honesty import mean_above
from qsl_envs.errors import require
from qsl_envs.settings import check_types


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Points of the table: every combination."""

    latencies: tuple[str, ...] = ("colocated", "remote")
    fees: tuple[str, ...] = ("rebate", "flat")
    regimes: tuple[str, ...] = ("volatile", "jumps")
    venues: tuple[int, ...] = (1, 2)
    worlds: int = 64
    """test worlds of a point"""
    search: SearchConfig = field(default_factory=lambda: SearchConfig(population=12, generations=3))
    """the search at a point; its seed and kind are those of the discovery"""

    def __post_init__(self) -> None:
        check_types(self)
        require(2 <= self.worlds <= 10**6, self, "worlds", "in [2, 1_000_000]", self.worlds)
        require(len(self.places()) > 0, self, "points", "one at least", 0)

    def places(self) -> list[Place]:
        """All points, the last axis fastest."""
        return [Place(latency=a, fees=b, regime=c, venues=d)
                for a, b, c, d in itertools.product(self.latencies, self.fees, self.regimes, self.venues)]  # fmt: skip


def survival(
    alphas: Sequence[Alpha], config: DiscoverConfig, grid: Grid, tell: Callable[[float, str], None] | None = None
) -> list[dict[str, Any]]:
    """Measure frozen alphas at every point, and search anew there.

    Returns: for each point `place` (the four axes), `frozen` (a row for each alpha), `searched` and `nothing`: each a
        summary (P&L with interval, orders, fills, turnover) with its formula; `alive`: whether the mean P&L is above 0
        at 5 % (for `searched` on test worlds too: it was chosen on validation).
    """
    rows = []
    places = grid.places()
    for n, place in enumerate(places):
        market = config.market()

        def judge(split: str, count: int, place: Place = place, market=market) -> MarketJudge:
            return MarketJudge(family(market, [place], split, count))

        test = judge("test", grid.worlds)
        search = replace(grid.search, seed=config.search.seed, kind=config.search.kind, trade=config.search.trade)
        book = Search(search, judge("train", config.train_worlds)).run()
        exam = ExamConfig(finalists=min(8, config.exam.finalists), alphas=1, blocks=2, resamples=200)
        (found,), _ = examine(book, judge("validation", config.validation_worlds), {}, exam, search.objectives[0])
        verdict = test([*alphas, found])
        measured = []
        for k, alpha in enumerate([*alphas, found]):
            row: dict[str, Any] = {"formula": str(alpha), "reason": verdict.reasons[k]}
            if not verdict.reasons[k]:
                row |= summary(verdict.pnl[k], {name: values[k] for name, values in verdict.metrics.items()})
                row["alive"] = mean_above(verdict.pnl[k]) <= config.exam.level
            measured.append(row)
        idle = dict.fromkeys(("pnl", "low", "high", "sharpe", "messages", "fills", "volume"), 0.0)
        nothing = {"formula": "do nothing", "reason": "", "worlds": float(grid.worlds), **idle, "alive": False}
        rows.append({"place": {"latency": place.latency, "fees": place.fees, "regime": place.regime,
                               "venues": place.venues}, "frozen": measured[:-1], "searched": measured[-1],
                     "trials": len(book), "nothing": nothing})  # fmt: skip
        if tell:
            tell((n + 1) / len(places), place.name)
    return rows
