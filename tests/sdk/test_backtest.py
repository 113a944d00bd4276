"""Strategies over a recorded day: the same as compiled code there, in the window that was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.market.config import PopulationConfig
from qsl_envs.market.market import Market
from qsl_envs.market.recorded import day_market
from qsl_envs.replay.files import open_day
from qsl_envs.replay.player import Player
from qsl_envs.replay.samples import write_sample
from qsl_envs.sdk import Strategy, backtest
from tests.sdk.test_strategy import example, told  # noqa: F401  a fixture

NINE_AND_A_HALF, MINUTE = 34_200 * 10**9, 60 * 10**9


class Idle(Strategy):
    """Counts what it hears."""

    def on_start(self, md, trader):
        self.md, self.books = md, []

    def on_book_update(self, book, ts):
        self.books.append((ts, book))


def test_a_strategy_and_a_compiled_participant_trade_the_same_day(example):  # noqa: F811
    start = NINE_AND_A_HALF + 5 * MINUTE
    run = backtest(example.TouchMaker(), start_ns=start, end_ns=start + MINUTE, seed=3)
    day = open_day(None)
    full = replace(day_market(day), session_ns=MINUTE, templates=1)
    agent = full.participants[0]
    group = PopulationConfig(kind="touch_maker", name="agent", order_link=agent.order_link, risk=agent.risk,
                             report_link=agent.report_link, feed_link=agent.feed_link)  # fmt: skip
    beside = Market(replace(full, participants=(), population=(group,)), 1, seed=3, day=day, day_start_ns=start,
                    day_end_ns=start + MINUTE)  # fmt: skip
    beside.reset()
    beside.advance(MINUTE)
    assert told(run.market) == told(beside)
    assert run.now_ns == MINUTE and run.accounts["agent"]["volume"] > 0


def test_what_came_of_it_in_ticks_and_dollars(example):  # noqa: F811
    start = NINE_AND_A_HALF + 5 * MINUTE
    run = backtest(example.TouchMaker(), start_ns=start, end_ns=start + MINUTE, seed=3)
    account, seen = run.accounts["agent"], run.summary()
    assert seen == run.summary("agent") and seen["fills"] == account["fills"] > 0
    parts = seen["realized"] + seen["unrealized"] - seen["fees"] + seen["rebates"] - seen["borrow"]
    assert seen["gain"] == pytest.approx(parts) and seen["gain"] != 0
    cash = account["cash"] / run.market.config.fee_unit
    assert seen["gain"] == pytest.approx(cash + seen["inventory"] * seen["mark"])
    assert seen["gain_usd"] == pytest.approx(seen["gain"] * 0.01)
    assert str(run).startswith("agent: gained ") and f"{seen['gain_usd']:,.2f} USD" in str(run)
    with pytest.raises(ConfigError, match="StrategyRun.name must be one of agent, was 'bgent'"):
        run.summary("bgent")


def test_the_way_there_is_looked_at_and_left_alone(example):  # noqa: F811
    start, sample = NINE_AND_A_HALF + 5 * MINUTE, 7 * 10**9
    window = {"start_ns": start, "end_ns": start + MINUTE, "seed": 3}
    run, plain = (backtest(example.TouchMaker(), sample_ns=ns, **window) for ns in (sample, None))
    assert told(run.market) == told(plain.market) and len(plain.paths["agent"]) == 0
    path, seen = run.paths["agent"], run.summary()
    assert path["ts_ns"].tolist() == [*range(0, MINUTE, sample), MINUTE]
    assert path["gain"][0] == 0 and path["gain"][-1] == seen["gain"] == plain.summary()["gain"]
    assert path["inventory"].shape == (10, 1) and path["inventory"][-1, 0] == seen["inventory"]
    assert path["mark"][-1, 0] == seen["mark"] and len(set(path["gain"].tolist())) > 5
    falls = [max(path["gain"][: k + 1]) - gain for k, gain in enumerate(path["gain"])]
    assert seen["max_drawdown"] == max(falls) > 0 and "max_drawdown" not in plain.summary()
    with pytest.raises(ConfigError, match="sample_ns"):
        backtest(example.TouchMaker(), sample_ns=0, **window)


def test_whoever_does_nothing_sees_the_day_and_leaves_it_as_it_was():
    start, idle = NINE_AND_A_HALF + 7 * MINUTE, Idle()
    run = backtest(idle, start_ns=start, end_ns=start + MINUTE)
    day = Player(open_day(None))
    day.run(day.table.index_at(start + MINUTE + 1))
    for side, book in zip((BUY, SELL), run.market.true_book(levels=10)):
        assert [tuple(level) for level in book.tolist()] == [tuple(level[:2]) for level in day.depth(side, 10)]
    assert run.accounts["agent"]["volume"] == 0 and len(idle.books) > 50


def test_a_file_of_ones_own_and_several_strategies(tmp_path):
    messages, _ = write_sample(tmp_path)
    pair = {"slow": Idle(), "quick": Idle()}
    seats = [{"name": name, "feed_link": {"latency_ns": ns, "jitter": "none", "jitter_ns": 0}}
             for name, ns in (("slow", 50_000_000), ("quick", 1_000))]  # fmt: skip
    end = NINE_AND_A_HALF + MINUTE
    backtest(pair, messages, {"participants": seats}, end_ns=end)
    quick = {book: ts for ts, book in reversed(pair["quick"].books)}
    late = [ts - quick[book] for ts, book in pair["slow"].books if book in quick]
    assert len(late) > 20 and min(late) >= 49_000_000


@pytest.mark.parametrize(
    ("window", "name"), [({"start_ns": 0}, "start_ns"), ({"end_ns": 10**15}, "end_ns"),
                         ({"start_ns": NINE_AND_A_HALF + MINUTE, "end_ns": NINE_AND_A_HALF}, "start_ns")]
)  # fmt: skip
def test_a_window_outside_the_day_is_an_error(window, name):
    with pytest.raises(ConfigError, match=name):
        backtest(Idle(), **window)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere.csv"):
        backtest(Idle(), tmp_path / "nowhere.csv")
