"""The search: trials count once, failures are told, a resumed search is the uninterrupted one, robust is a rule."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evolve.alpha import TradeSettings, maker, taker
from evolve.discovery.discover import DiscoverConfig, discover
from evolve.discovery.examine import ExamConfig, examine, finalists
from evolve.discovery.fair_game import FairJudge
from evolve.discovery.judge import MarketJudge, Verdict
from evolve.discovery.planted import oracle, planted_judge
from evolve.discovery.search import Search, SearchConfig, nsga2, random_search
from evolve.discovery.trials import TrialBook
from evolve.expression import evaluate
from evolve.families import GROUP, Place, base_market, family, own_books
from evolve.grow import Growth
from evolve.worlds import Setting, TrialWorlds
from qsl_envs.envs.market_making import DEFAULT_MARKET
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.market.market import Market

SECOND = 1_000_000_000


class Toy:
    """A judge without a market: P&L is how near a signal comes to a hidden formula, and noise that each world owns."""

    known = {"imbalance": np.linspace(-1, 1, 16), "inventory_share": np.sin(np.arange(16.0))}
    target = 1.7 * known["imbalance"] - 0.6 * known["inventory_share"] * known["imbalance"] + 0.25

    def __init__(self, worlds: int = 24, edge: float = 1.0, failing: str = "") -> None:
        self.calls, self.edge, self.failing = [], edge, failing
        self.noise = np.random.default_rng(0).normal(size=worlds)

    def __call__(self, alphas):
        self.calls.append([a.program() for a in alphas])
        values = np.array([np.broadcast_to(evaluate(a.trees[0], self.known), 16) for a in alphas])
        skill = np.clip(1.0 - np.abs(values - self.target).mean(1), -2, None)
        pnl = self.edge * skill[:, None] + self.noise * (1 + 0.1 * np.sin(values.mean(1)))[:, None]
        reasons = ["bad luck" if self.failing and self.failing in a.program() else "" for a in alphas]
        return Verdict(pnl, {}, reasons, np.array(["a", "b"] * (pnl.shape[1] // 2)))


TOY = SearchConfig(kind="taker", population=12, generations=5, objectives=("sharpe", "words"),
                   growth=Growth(inputs=("imbalance", "inventory_share")))  # fmt: skip


def test_every_trial_is_counted_once_and_kept(tmp_path):
    judge = Toy()
    book = Search(TOY, judge, folder=tmp_path).run()
    measured = [p for call in judge.calls for p in call]
    assert len(measured) == len(set(measured)) == len(book) > 40
    rows = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [row["trial"] for row in rows] == list(range(1, len(book) + 1))
    assert rows[-1]["generation"] == 5 and rows[0]["generation"] == 0
    again = TrialBook(tmp_path, keep=len(book))
    assert [str(a) for a in again.alphas] == [str(a) for a in book.alphas]
    assert np.array(again.pnl).tobytes() == np.array(book.pnl).tobytes()


def test_a_resumed_search_is_the_uninterrupted_one(tmp_path):
    whole = Search(TOY, Toy(), folder=tmp_path / "whole")
    whole.run()
    first = Search(TOY, Toy(), folder=tmp_path / "cut")
    for _ in range(3):
        first.advance()
    with open(tmp_path / "cut" / "trials.jsonl", "a") as file:
        file.write('{"cut off in the midst of a line')
    second = Search(TOY, Toy(), folder=tmp_path / "cut", resume=True)
    assert second.generation == 2
    second.run()
    assert [str(a) for a in second.population] == [str(a) for a in whole.population]
    for name in ("trials.jsonl", "checkpoint.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(DataError, match="other settings"):
        Search(replace(TOY, seed=1), Toy(), folder=tmp_path / "cut", resume=True)


def test_a_search_beats_random_search_where_something_can_be_learned():
    ahead = []
    for seed in range(3):
        config = replace(TOY, population=40, generations=12, seed=seed)
        book = Search(config, Toy()).run()
        control = random_search(config, Toy(), len(book))
        assert len(control) == len(book)
        ahead.append(book.sharpes().max() - control.sharpes().max())
    assert np.mean(ahead) > 0.02 and sum(x > 0 for x in ahead) >= 2, ahead


def test_a_failed_trial_counts_has_its_reason_and_is_never_chosen(tmp_path):
    search = Search(TOY, Toy(failing="imbalance"), folder=tmp_path)
    book = search.run()
    failed = [k for k, reason in enumerate(book.reasons) if reason]
    assert failed and all("imbalance" in book.alphas[k].program() for k in failed)
    assert not any("imbalance" in a.program() for a in [*search.population, *finalists(book, 50)])
    assert json.loads((tmp_path / "trials.jsonl").read_text().splitlines()[failed[0]])["reason"] == "bad luck"
    assert len(book) == len(book.sound()) + len(failed)
    with pytest.raises(ConfigError, match="every program of generation 0 failed; the first one: bad luck"):
        Search(TOY, _AllFail()).run()


class _AllFail(Toy):
    def __call__(self, alphas):
        return super().__call__(alphas)._replace(reasons=["bad luck"] * len(alphas))


def test_fronts_are_the_programs_that_nothing_dominates():
    alphas = [taker(str(k)) for k in range(5)]
    scores = [(1.0, -5.0), (2.0, -5.0), (0.0, -1.0), (2.0, -9.0), (1.5, -3.0)]
    best = nsga2(alphas, scores, 3)
    assert {str(a) for a in best} == {str(alphas[k]) for k in (1, 2, 4)}


def test_the_rule_calls_a_real_edge_robust_and_luck_not():
    book = Search(replace(TOY, generations=8), Toy(edge=2.0)).run()
    fresh = {name: Toy(worlds=60, edge=2.0) for name in ("seen", "unseen")}
    for n, judge in enumerate(fresh.values()):
        judge.noise = np.random.default_rng(n + 5).normal(size=60)
    _, found = examine(book, Toy(edge=2.0), fresh, ExamConfig(finalists=6, alphas=2, blocks=4))
    assert found["alphas"][0]["robust"] and found["trials"] == len(book)
    assert set(found["alphas"][0]["test"]) == {"seen", "unseen"}
    fresh["unseen"].edge = 0.0  # what is lost in a single family loses the name
    fresh["unseen"].noise -= fresh["unseen"].noise.mean()
    _, found = examine(book, Toy(edge=2.0), fresh, ExamConfig(finalists=6, alphas=2, blocks=4))
    assert not any(row["robust"] for row in found["alphas"])


def test_of_programs_that_earn_the_same_the_shortest_is_a_finalist():
    class Flat(Toy):
        def __call__(self, alphas):
            verdict = super().__call__(alphas)
            return verdict._replace(pnl=np.tile(self.noise, (len(alphas), 1)))

    book = TrialBook()
    book.measure([taker("imbalance + imbalance"), taker("imbalance"), taker("2 * imbalance")], Flat(), 0)
    assert [str(a) for a in finalists(book, 5)] == ["signal = imbalance"]


@pytest.mark.parametrize("make, words", [
    (lambda: SearchConfig(objectives=("luck",)), "objectives.*'luck'"), (lambda: SearchConfig(kind="dealer"), "kind"),
    (lambda: DiscoverConfig(unseen=("base",)), "unseen.*never sees.*base"),
    (lambda: DiscoverConfig(regimes=("boom",)), "regimes.*'boom'"), (lambda: DiscoverConfig(without=("risk",)), "risk"),
    (lambda: DiscoverConfig(latency="moon"), "latency.*'moon'"), (lambda: ExamConfig(alphas=9, finalists=4), "alphas"),
    (lambda: Search(TOY, Toy(), starts=[maker()]), "kind must be taker"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_named(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


# --- in the market


def small(split: str, count: int, regimes=("base",), **realism) -> MarketJudge:
    market = base_market(TradeSettings(), 2 * SECOND)
    return MarketJudge(family(market, [Place(regime=r) for r in regimes], split, count, realism=realism))


def test_a_judge_gives_each_program_the_same_whatever_its_company():
    alphas = [maker("-0.1 * inventory", "2", "5"), taker("imbalance"), maker("0", "2", "0")]
    judge = small("train", 3, ("base", "trending"))
    together = judge(alphas)
    assert together.regimes.tolist() == ["base"] * 3 + ["trending"] * 3
    for n, alpha in enumerate(alphas):
        assert judge([alpha]).pnl.tobytes() == together.pnl[n : n + 1].tobytes()
    assert together.pnl[2].tolist() == [0.0] * 6 and np.abs(together.pnl[1]).min() > 0 and together.pnl[0].any()
    assert MarketJudge(judge.worlds, num_threads=2)(alphas).pnl.tobytes() == together.pnl.tobytes()
    judge.move(1)
    assert judge(alphas).pnl[:, 0].tolist() == together.pnl[:, 1].tolist()


def test_splits_and_regimes_are_other_worlds():
    alpha = [maker("-0.1 * inventory", "1.5", "5")]
    seen = {small(split, 4)(alpha).pnl.tobytes() for split in ("train", "validation", "test")}
    assert len(seen) == 3


def test_each_split_starts_from_warm_books_of_its_own():
    """The first books of a split's worlds are few, and none of them is another split's."""
    markets = {split: own_books(base_market(TradeSettings()), split) for split in ("train", "validation", "test")}
    books = {}
    for split, market in markets.items():
        worlds = Market(market, 24, split=split)
        worlds.reset()
        sides = [worlds.true_book(replica=n, levels=30) for n in range(24)]
        books[split] = {tuple(side.tobytes() for side in both) for both in sides}
    assert all(8 <= len(found) <= 16 for found in books.values())
    assert not books["train"] & books["test"] and not books["validation"] & books["test"]


def test_without_queue_latency_and_fees_a_maker_earns_more():
    alpha = [maker("-0.1 * inventory", "1.5", "5")]
    true = small("test", 24)(alpha).pnl.mean()
    relieved = {name: small("test", 24, **{name: False})(alpha).pnl.mean() for name in ("queue", "latency")}
    assert relieved["queue"] > true + 1 and relieved["latency"] != true
    taking = [taker("sign(imbalance)", threshold=0.1)]
    assert small("test", 8, fees=False)(taking).pnl.mean() > small("test", 8)(taking).pnl.mean()


def test_two_venues_are_held_together_by_an_arbitrageur():
    market = Place(venues=2, regime="volatile").setting(base_market(TradeSettings())).market
    assert [g.name for g in market.population] == [GROUP, "arbitrageur"] and len(market.venues) == 2
    gaps = []
    for population in (market.population, market.population[:1]):
        world = Market(replace(market, population=population), 1, seed=3)
        world.reset()
        apart = []
        for step in range(1, 20):
            world.advance(step * SECOND)
            mids = [sum(side[0, 0] for side in world.true_book(book=book, levels=1)) / 2 for book in (0, 1)]
            apart.append(abs(mids[0] - mids[1]))
        gaps.append(np.mean(apart))
    assert gaps[0] < 0.5 * gaps[1], gaps


def test_the_oracle_of_the_planted_market_is_the_better_constant_position():
    judge = planted_judge("test", 12)
    best = oracle(judge)
    sides = judge([taker(text, qty=10, max_inventory=20, period_ns=250_000_000) for text in ("1", "-1")]).pnl
    assert best.tolist() == sides.max(0).tolist() and best.min() > 500
    assert (sides.min(0) < 0).all() and (sides[0] > 0).any() and (sides[1] > 0).any()


def test_a_fair_game_pays_nothing_in_expectation():
    judge = small("test", 64)
    alphas = [maker("-0.1 * inventory", "1.5", "5"), taker("imbalance")]
    true, sums = judge(alphas).pnl, []
    for salt in range(40):
        fair = FairJudge(judge, salt)(alphas).pnl
        assert all((fair[:, w] == true[:, w]).all() or (fair[:, w] == -true[:, w]).all() for w in range(64))
        sums.append(fair.mean(1))
    error = np.std(sums, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(sums, 0)) < 4 * error).all() and true.mean(1)[1] < -5


SMALL = DiscoverConfig(
    search=SearchConfig(population=6, generations=3), exam=ExamConfig(finalists=4, alphas=2, blocks=2, resamples=100),
    regimes=("base",), unseen=("volatile",), train_worlds=4, validation_worlds=4, test_worlds=6, session_ns=SECOND,
)  # fmt: skip
RUN = """
import sys
from pathlib import Path
from tests.evolve.test_discovery import SMALL
from evolve.discovery.discover import discover
discover(SMALL, folder=Path(sys.argv[1]), resume="resume" in sys.argv)
"""


def test_discovery_finds_the_same_after_a_kill(tmp_path):
    """A real process is killed after a generation, and another one goes on."""
    whole = discover(SMALL, folder=tmp_path / "whole").result
    assert set(whole["genetic"]["alphas"][0]["test"]) == {"base", "volatile"}
    assert whole["random"]["trials"] == whole["genetic"]["trials"]
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", RUN, str(folder)], cwd=root, env=env)
    checkpoint = folder / "checkpoint.json"
    while process.poll() is None and not checkpoint.is_file():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([sys.executable, "-c", RUN, str(folder), "resume"], cwd=root, env=env, check=True)
    for name in ("result.json", "trials.jsonl", "alpha_1.yaml"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_the_market_of_discovery_is_the_environments():
    market = base_market(TradeSettings())
    assert market.flow == DEFAULT_MARKET.flow and market.venues == DEFAULT_MARKET.venues
    alpha, agent = market.population[0], DEFAULT_MARKET.participants[0]
    assert (alpha.order_link, alpha.feed_link, alpha.report_link) == (agent.order_link,) * 3
    assert TrialWorlds(settings=(Setting(market=market),), group=GROUP).num_worlds == 64
