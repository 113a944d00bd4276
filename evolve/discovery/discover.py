"""Discovery from start to end: families of worlds, the search, its control, the exam; and the same without realism."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evolve.alpha import Alpha
from evolve.discovery.examine import ExamConfig, examine, summary
from evolve.discovery.judge import Judge, MarketJudge
from evolve.discovery.search import Search, SearchConfig, random_search
from evolve.discovery.trials import TrialBook
from evolve.families import REGIMES, Place, base_market, family
from qsl_envs.envs.realism import REALISM, realism_of
from qsl_envs.errors import require
from qsl_envs.market.config import MarketConfig
from qsl_envs.settings import check_types, to_dict

Tell = Callable[[float, str], None]
FRONT = 12
"""Programs of the front that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoverConfig:
    """A discovery: where it searches, how long, and on what it is held to account."""

    search: SearchConfig = field(default_factory=SearchConfig)
    exam: ExamConfig = field(default_factory=ExamConfig)
    regimes: tuple[str, ...] = ("base", "volatile", "thin")
    """that it is trained and validated in"""
    unseen: tuple[str, ...] = ("calm", "flash_crash")
    """that only the test has"""
    latency: str = "city"
    fees: str = "rebate"
    venues: int = 1
    train_worlds: int = 24
    """of each regime; the next two likewise"""
    validation_worlds: int = 48
    test_worlds: int = 96
    session_ns: int = 20_000_000_000
    without: tuple[str, ...] = ()
    """parts of realism that the search does without; the test never does"""
    control: bool = True
    """random search of the same budget, examined alike"""
    threads: int = 1
    """that share the trials of a call; no result depends on them"""

    def __post_init__(self) -> None:
        check_types(self)
        require(len(self.regimes) > 0, self, "regimes", "one at least", self.regimes)
        for name in ("regimes", "unseen"):
            for regime in getattr(self, name):
                require(regime in REGIMES, self, name, f"of {', '.join(REGIMES)}", regime)
        both = sorted(set(self.regimes) & set(self.unseen))
        require(not both, self, "unseen", "regimes that the search never sees", both)
        for name in self.without:
            require(name in REALISM, self, "without", f"of {', '.join(REALISM)}", name)
        for name in ("train_worlds", "validation_worlds", "test_worlds"):
            require(2 <= getattr(self, name) <= 10**6, self, name, "in [2, 1_000_000]", getattr(self, name))
        require(1 <= self.threads <= 1024, self, "threads", "in [1, 1024]", self.threads)
        second = 10**9
        require(second <= self.session_ns <= 3600 * second, self, "session_ns", "from 1 s to 1 h", self.session_ns)
        self.place("base")

    def place(self, regime: str) -> Place:
        """A regime at this discovery's latency, fees and number of venues."""
        return Place(latency=self.latency, fees=self.fees, regime=regime, venues=self.venues)

    def market(self) -> MarketConfig:
        """The market that all families vary."""
        return base_market(self.search.trade, self.session_ns)

    def judge(self, split: str, regimes: Sequence[str], count: int, realism: bool = True) -> MarketJudge:
        """Judge of the worlds of one split; `realism` False: without what the search does without."""
        off = {} if realism else dict.fromkeys(self.without, False)
        worlds = family(self.market(), [self.place(r) for r in regimes], split, count, realism=realism_of(off))
        return MarketJudge(worlds, self.threads)


@dataclass(frozen=True)
class Discovery:
    """What came of it."""

    alphas: list[Alpha]
    book: TrialBook
    result: dict[str, Any]
    """plain values, as in `result.json`"""


def discover(
    config: DiscoverConfig, *, folder: Path | None = None, resume: bool = False, starts: Sequence[Alpha] = (),
    tell: Tell | None = None
) -> Discovery:  # fmt: skip
    """Search, choose, test; write `result.json`, `trials.jsonl` and each alpha as YAML into the folder.

    Args:
        starts: programs that the first population has beside random ones.
    Raises: ConfigError; DataError if the folder to resume is of another search.
    """
    train = config.judge("train", config.regimes, config.train_worlds, realism=False)
    search = Search(config.search, train, folder=folder, resume=resume, starts=starts)
    book = search.run(tell)
    validation = config.judge("validation", config.regimes, config.validation_worlds, realism=False)
    tests = test_judges(config)
    aim = config.search.objectives[0]
    alphas, found = examine(book, validation, tests, config.exam, aim)
    settings = to_dict(config)
    del settings["threads"]
    result: dict[str, Any] = {"config": settings, "genetic": found}
    result["fronts"] = front_rows(search, validation, config.judge("test", config.regimes, config.test_worlds))
    if config.control:
        if tell:
            tell(1.0, f"control: {len(book)} random programs")
        control = random_search(config.search, train, len(book))
        result["random"] = examine(control, validation, tests, config.exam, aim)[1]
    if folder is not None:
        write_result(folder, result, alphas)
    return Discovery(alphas, book, result)


def test_judges(config: DiscoverConfig) -> dict[str, Judge]:
    """Test families, each a regime: those that were searched in on test worlds, then those that were not."""
    return {regime: config.judge("test", [regime], config.test_worlds) for regime in (*config.regimes, *config.unseen)}


def first_front(search: Search) -> list[Alpha]:
    """Programs of the last population that no other one dominates, best first by the first objective."""
    scored = [(search.scores(alpha), alpha) for alpha in search.population]
    front = [(s, a) for s, a in scored if not any(_dominates(other, s) for other, _ in scored)]
    return [alpha for _, alpha in sorted(front, key=lambda pair: (*(-x for x in pair[0]), str(pair[1])))]


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x >= y for x, y in zip(a, b)) and a != b


def front_rows(search: Search, validation: Judge, test: Judge) -> list[dict[str, Any]]:
    """Programs of the front, at most FRONT: objectives on the training worlds, and the mean P&L there, on validation
    and on test worlds of the searched regimes. Nothing is chosen by these: all choices have been made by then.
    """
    front = first_front(search)[:FRONT]
    verdicts, rows = {"validation": validation(front), "test": test(front)}, []
    for n, alpha in enumerate(front):
        pnl = {name: None if v.reasons[n] else float(v.pnl[n].mean()) for name, v in verdicts.items()}
        train = float(search.book.pnl[search.book.place(alpha)].mean())
        rows.append({"formula": str(alpha), "words": alpha.words, "train": train, **pnl,
                     "objectives": dict(zip(search.config.objectives, search.scores(alpha)))})  # fmt: skip
    return rows


def write_result(folder: Path, result: dict[str, Any], alphas: Sequence[Alpha]) -> None:
    """`result.json` and one YAML file for each alpha."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "result.json.new"
    new.write_text(json.dumps(result, indent=2) + "\n")
    new.replace(folder / "result.json")
    for number, alpha in enumerate(alphas, 1):
        alpha.save(folder / f"alpha_{number}.yaml")


# --- why backtests lie

ABLATIONS = ((), ("latency",), ("queue",), ("fees",), ("latency", "queue", "fees"))
"""What the search does without, one by one and together."""


def ablation(config: DiscoverConfig, tell: Tell | None = None) -> list[dict[str, Any]]:
    """The same search with parts of realism switched off while it searches; what it promises there, and what is left.

    Returns: a row for each of `ABLATIONS`: `without`, `formula` of the alpha that was best on validation, its
        `promised` P&L (validation worlds as the search knew them) and its `true` one (the same number of test worlds of
        the searched regimes, whole market), both as `examine.summary`.
    """
    rows = []
    truth = config.judge("test", config.regimes, config.test_worlds)
    for n, without in enumerate(ABLATIONS):
        now = replace(config, without=without)
        if tell:
            tell(n / len(ABLATIONS), f"without {', '.join(without) or 'nothing'}")
        train = now.judge("train", now.regimes, now.train_worlds, realism=False)
        book = Search(now.search, train).run()
        promise = now.judge("validation", now.regimes, now.validation_worlds, realism=False)
        (alpha, *_), _ = examine(book, promise, {}, replace(now.exam, alphas=1), now.search.objectives[0])
        told, kept = promise([alpha]), truth([alpha])
        rows.append({
            "without": list(without), "formula": str(alpha), "trials": len(book),
            "promised": summary(told.pnl[0], {k: v[0] for k, v in told.metrics.items()}),
            "true": summary(kept.pnl[0], {k: v[0] for k, v in kept.metrics.items()}),
        })  # fmt: skip
    if tell:
        tell(1.0, "done")
    return rows


# --- starting from a policy


def compare_starts(config: DiscoverConfig, starts: Sequence[Alpha], tell: Tell | None = None) -> list[dict[str, Any]]:
    """The same search with and without given programs among its first ones, and those programs as they are.

    Returns: rows with `name`, `trials`, `formula`, and `train`, `validation`, `test` as `examine.summary`.
    """
    aim = config.search.objectives[0]
    train = config.judge("train", config.regimes, config.train_worlds)
    validation = config.judge("validation", config.regimes, config.validation_worlds)
    test = config.judge("test", config.regimes, config.test_worlds)
    rows = []

    def add(name: str, trials: int, alpha: Alpha) -> None:
        found = {where: judge([alpha]).pnl[0]
                 for where, judge in (("train", train), ("validation", validation), ("test", test))}  # fmt: skip
        rows.append({"name": name, "trials": trials, "formula": str(alpha),
                     **{where: summary(pnl) for where, pnl in found.items()}})  # fmt: skip

    for start in starts:
        add(start.name, 0, start)
    for n, (name, given) in enumerate((("without", ()), ("with", starts))):
        book = Search(config.search, train, starts=given).run()
        (alpha, *_), _ = examine(book, validation, {}, replace(config.exam, alphas=1), aim)
        add(f"search {name} it", len(book), alpha)
        if tell:
            tell((n + 1) / 2, f"search {name} it")
    return rows
