"""Strategies in Python: the same orders as compiled code, what they are told, what becomes of their mistakes."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.engine.reasons import Reason
from qsl_envs.errors import ConfigError, ParticipantError
from qsl_envs.kernel.draw import template_key
from qsl_envs.market import layout as lay
from qsl_envs.market.config import PopulationConfig
from qsl_envs.market.constants import NEVER, WHY_START
from qsl_envs.market.market import Market
from qsl_envs.market.world import make_template
from qsl_envs.participants import participant
from qsl_envs.participants.orders import quote, rest
from qsl_envs.sdk import Strategy, backtest, run_strategies, run_strategy
from tests.market.worlds import FLOW, LOOSE, MS, SECOND, link, small
from tests.market.worlds import participant as agent

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "touch_maker.py"
LINES = link(2 * MS, jitter="exponential", jitter_ns=MS)


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("touch_maker", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(market: Market) -> dict[str, object]:
    """All that tells one run from another: messages, fills, money, orders that still stand."""
    m, run = market.arrays, market.arrays.runs[0]
    conn = m.conns[run.conns]
    return {"sent": int(conn.sent), "reports": int(conn.reports), "served": int(run.served), "orders": market.orders(0),
            "account": market.account(0), "books": [side.tolist() for side in market.true_book(levels=40)]}  # fmt: skip


def test_a_strategy_and_a_compiled_participant_send_the_same_orders(example):
    """World A: the strategy is agent 0. World B: no agent, the compiled maker is participant 0, behind equal lines."""
    common = {"templates": 1, "burn_in_ns": SECOND}
    seat = replace(agent("maker", LINES), listens="top")
    compiled = PopulationConfig(kind="touch_maker", name="maker", order_link=LINES, report_link=LINES, feed_link=LINES,
                                risk=LOOSE)  # fmt: skip
    first = Market(small(participants=(seat,), **common), 1, seed=5)
    second = Market(small(participants=(), population=(compiled,), **common), 1, seed=5)
    same_template(first, second)
    strategy = example.TouchMaker()
    run_strategies({"maker": strategy}, market=first, until_ns=3 * SECOND)
    second.reset()
    second.advance(3 * SECOND)
    assert told(first) == told(second)
    assert told(first)["sent"] > 100 and len(strategy.fills) > 10 and first.account(0)["volume"] > 20


def same_template(a: Market, b: Market) -> None:
    """Give both markets the same warm book: a template's draws are keyed by the settings, which differ."""
    for market in (a, b):
        row = market.num_replicas
        market.arena[row] = 0
        lay.init_row(market.arrays, market.layout, market.config, row)
        run = market.arrays.runs[row * market.stride]
        run.scratch, run.scratch_cap = 0, market.config.size.tape
        make_template(market.arrays, row * market.stride, template_key("same", 0), SECOND)
        run.scratch = 0


class Diary(Strategy):
    """Writes down all that it is told."""

    listens = "all"

    def on_start(self, md, trader):
        self.md, self.trader, self.told = md, trader, [("start", md.now_ns)]
        trader.set_timer(30 * MS)

    def on_book_update(self, book, ts):
        self.told.append(("book", ts, book))
        assert ts == self.md.now_ns and book == self.md.book(book.number)

    def on_fill(self, report):
        self.told.append(("fill", report))
        assert report.ts_ns == self.md.now_ns

    def on_timer(self, ts):
        self.told.append(("timer", ts))
        self.trader.buy(2)
        self.trader.sell(1, 1)
        if ts < 300 * MS:
            self.trader.set_timer(ts + 30 * MS)


def test_what_a_strategy_is_told_and_when():
    diary = Diary()
    out = run_strategy(diary, small(participants=(agent(lines=link(3 * MS)),)), until_ns=SECOND)
    kinds = [entry[0] for entry in diary.told]
    assert kinds[0] == "start" and kinds.count("start") == 1
    assert [entry[1] for entry in diary.told if entry[0] == "timer"] == [30 * MS * n for n in range(1, 11)]
    assert kinds.count("book") > 100
    fills = [entry[1] for entry in diary.told if entry[0] == "fill"]
    assert sum(f.qty for f in fills if f.side == BUY) == 20 and sum(f.qty for f in fills if f.side == SELL) == 10
    account = out.accounts["agent"]
    assert account["inventory"] == diary.trader.position == 10
    paid = sum((1 - 2 * f.side) * f.price * f.qty for f in fills) * out.market.config.fee_unit
    assert account["cash"] == -paid - sum(f.fee for f in fills) == diary.trader.cash
    assert min(f.ts_ns for f in fills) == 30 * MS + 6 * MS  # there and back again


def test_levels_volumes_and_the_last_trade_are_what_observe_tells():
    class Looker(Strategy):
        def on_start(self, md, trader):
            self.md, self.seen = md, []
            trader.set_timer(500 * MS)

        def on_timer(self, ts):
            self.seen.append((self.md.levels(0, 5), self.md.volume(), self.md.last_trade()))

    looker = Looker()
    market = run_strategy(looker, small(participants=(agent(lines=link(3 * MS)),)), until_ns=500 * MS).market
    seen = market.observe(0, levels=5)
    (bids, asks), volumes, last = looker.seen[0]
    assert bids.tolist() == seen["bids"].tolist() and asks.tolist() == seen["asks"].tolist() and len(bids) == 5
    assert volumes == (seen["volume_buy"], seen["volume_sell"]) and last == seen["last_print"]


BAD = [("qty", 0, 1_000), ("qty", -3, 1_000), ("qty", 1.5, 1_000), ("qty", float("nan"), 1_000), ("qty", 2**40, 1_000),
       ("price", 1, 0), ("price", 1, -7), ("price", 1, 2**31), ("price", 1, 999.5), ("price", 1, "high")]  # fmt: skip


@pytest.mark.parametrize("what, qty, price", BAD)
def test_a_bad_order_is_a_reject(what, qty, price):
    class Clumsy(Strategy):
        def on_start(self, md, trader):
            self.trader, self.got = trader, trader.buy(qty, price)
            trader.quote(price, qty, 2_000, 1)

    clumsy = Clumsy()
    run_strategy(clumsy, small(), until_ns=50 * MS)
    reason = Reason.BAD_QTY if what == "qty" else Reason.BAD_PRICE
    assert (
        clumsy.got == -reason
        and clumsy.trader.rejects == (1 if qty == 0 else 2)
        and clumsy.trader.last_reason == reason
    )
    assert [(order["side"], order["price"]) for order in clumsy.trader.orders] == [(SELL, 2_000)]


def test_a_cancel_names_a_number():
    class Changer(Strategy):
        def on_start(self, md, trader):
            self.trader, self.number = trader, trader.buy(2, 900)
            assert not trader.cancel(12_345_678) and not trader.cancel(-5)
            trader.set_timer(10 * MS)

        def on_timer(self, ts):
            assert self.trader.orders[0]["number"] == self.number
            assert self.trader.cancel(self.number) and not self.trader.cancel(self.number)

    changer = Changer()
    run_strategy(changer, small(), until_ns=50 * MS)
    assert changer.trader.orders == []


@pytest.mark.parametrize("callback", ["on_start", "on_book_update", "on_fill", "on_timer"])
def test_an_exception_names_the_strategy_the_callback_and_the_time(callback):
    def fail(self, *args):
        raise ZeroDivisionError("oh")

    clumsy = type("Clumsy", (Diary,), {callback: fail})()
    with pytest.raises(ParticipantError, match=r"Clumsy of agent failed in fail at \d+ ns: ZeroDivisionError: oh"):
        run_strategy(clumsy, small(), until_ns=SECOND)


@participant("stumbler", wakes_on=WHY_START)
def stumble(m, r, p, why, now_ns):
    """Divides by what it should not."""
    return now_ns // (why - WHY_START)


def test_an_exception_in_a_kernel_names_the_participant_the_reason_and_the_time():
    market = Market(small(population=(PopulationConfig(kind="stumbler", count=2),)), 2)
    market.reset()
    words = r"stumbler_[01] \(number [12], kind stumbler\) .* 0 ns, woken by: start"
    with pytest.raises(ParticipantError, match=words):
        market.advance(MS)
    market.reset()  # whole again
    assert int(market.arrays.crowds[market.arrays.runs[0].crowd].acting) == 0


@participant("clumsy", wakes_on=WHY_START)
def clumsy(m, r, p, why, now_ns):
    """Sends what is no order."""
    rest(m, r, p, 0, 0, 1_000, 0, now_ns)
    rest(m, r, p, 0, 1, 0, 5, now_ns)
    quote(m, r, p, 0, 2**40, 1, 5, -1, 0, now_ns)
    return NEVER


def test_a_bad_order_of_a_compiled_participant_is_a_reject_too():
    market = Market(small(population=(PopulationConfig(kind="clumsy"),)), 1)
    market.reset()
    market.advance(50 * MS)
    seen = market.observe("clumsy_0")
    assert seen["rejects"] == 4 and seen["orders"] == [] and seen["last_reason"] == "BAD_PRICE"


def test_several_strategies_trade_beside_each_other_and_a_run_is_its_seed():
    def run(seed):
        a, b = Diary(), Diary()
        config = small(participants=(agent("a", link(MS)), agent("b", link(2 * MS))), flow=FLOW)
        out = run_strategies({"a": a, "b": b}, config, seed=seed, until_ns=400 * MS)
        return a.told, b.told, out.accounts

    assert run(1) == run(1)
    assert run(1) != run(2)
    with pytest.raises(ConfigError, match="strategies"):
        run_strategies({"c": Diary()}, small())


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: run_strategy("x"), "run_strategy.strategy must be a Strategy .*, was 'x'"),
        (lambda: run_strategy(Diary), "run_strategy.strategy must be a Strategy .*Diary"),
        (
            lambda: run_strategy(Diary(), {"session_ns": 5}),
            "run_strategy.config must be a MarketConfig, or None, was {",
        ),
        (lambda: run_strategies([Diary()]), "run_strategies.strategies must be a mapping"),
        (lambda: run_strategies({"agent": None}), r"run_strategies.strategies\['agent'\] must be a Strategy"),
        (lambda: run_strategy(Diary(), sample_ns="1s"), "run_strategies.sample_ns must be .*, was '1s'"),
        (lambda: run_strategy(Diary(), until_ns=-1), "run_strategies.until_ns must be .*, was -1"),
        (lambda: run_strategy(Diary(), seed="a"), "run_strategies.seed must be a whole number >= 0, was 'a'"),
        (lambda: run_strategy(Diary(), market="m"), "run_strategies.market must be a Market of one replica"),
        (lambda: backtest("x"), "backtest.strategy must be a Strategy"),
        (lambda: backtest({"b": Diary()}), r"backtest.strategies must be of agents among \['agent'\], was \['b'\]"),
        (lambda: backtest(Diary(), 5), "open_day.data must be an EventTable or the path of a file, was 5"),
        (lambda: backtest(Diary(), end_ns=1.5), "backtest.end_ns must be .*, was 1.5"),
        (lambda: backtest(Diary(), record=-1), "backtest.record must be a whole number >= 0, was -1"),
        (lambda: backtest(Diary(), sample_ns=0), "backtest.sample_ns must be"),
    ],
)
def test_an_argument_that_cannot_be_is_named_before_anything_runs(run, words):
    with pytest.raises(ConfigError, match=words):
        run()


def test_a_market_of_several_worlds_is_no_place_for_a_strategy():
    with pytest.raises(ConfigError, match=r"run_strategies.market.num_replicas must be 1, was 2"):
        run_strategies({"agent": Diary()}, market=Market(small(), 2))
