"""Strategies and kernel participants at the seats of a match."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from docs.examples.touch_maker import TouchMaker
from leagues.guests import ParticipantPlayer, StrategyPlayer
from leagues.match import Floor
from leagues.players import FunctionPlayer, PlayerSpec, seat_player
from leagues.stage import Stage, neutral_action
from qsl_envs.errors import ConfigError
from qsl_envs.sdk import Strategy
from tests.leagues.small import MAKERS, QUICK, Constant, maker, small_tournament, spec

SLOW = dataclasses.replace(MAKERS, settings={**QUICK, "seats": {"maker": 2}}, worlds=3)
TOUCH = "docs.examples.touch_maker:TouchMaker"


@pytest.fixture(scope="module")
def floor() -> Floor:
    return Floor(SLOW)


def still(name: str) -> FunctionPlayer:
    return FunctionPlayer(name, lambda envs, role: Constant(neutral_action(envs, role)))


class Silent(Strategy):
    """Does nothing, and writes down what it is told."""

    log: list = []

    def on_start(self, md, trader):
        self.md, self.trader = md, trader
        trader.set_timer(md.now_ns + 450_000_000)
        self.log.append(("start", md.now_ns))

    def on_book_update(self, book, ts):
        known = self.md._market.observe(0, replica=self.md._replica)
        assert [book.bid, book.bid_qty] == known["bids"][0].tolist()
        assert [book.ask, book.ask_qty] == known["asks"][0].tolist()
        self.log.append(("book", ts))

    def on_timer(self, ts):
        self.log.append(("timer", ts))


def test_a_strategy_that_does_nothing_is_an_empty_seat(floor):
    """The others earn to the bit what they earn beside a policy that does nothing."""
    Silent.log.clear()
    a = maker("a", 1.0, noise=0.2)
    guest = floor.play({"maker": [a, StrategyPlayer("s", Silent)]})
    empty = floor.play({"maker": [a, still("s")]})
    assert guest.pnl.shape == (3, 2, 2) and guest.pnl.any()
    for name, part in guest.numbers.items():
        np.testing.assert_array_equal(part, empty.numbers[name])
    np.testing.assert_array_equal(guest.entrants, empty.entrants)
    starts = [one for one in Silent.log if one[0] == "start"]
    assert len(starts) == 6 and {ts for _, ts in starts} == {0}
    # the timer of 450 ms is looked at with the decisions, every 100 ms
    assert {ts for what, ts in Silent.log if what == "timer"} == {500_000_000}
    assert sum(what == "book" for what, _ in Silent.log) > 12


class Noting(TouchMaker):
    """The example's maker, which adds up what it hears of."""

    heard: dict = {}

    def on_start(self, md, trader):
        super().on_start(md, trader)
        self.key = len(self.heard)
        self.heard[self.key] = [0, 0.0]

    def on_fill(self, report):
        super().on_fill(report)
        lots = report.qty * (1 - 2 * report.side)
        self.heard[self.key][0] += lots
        assert report.price > 0 and abs(self.trader.position) >= 0


def test_a_strategy_trades_at_a_seat_and_hears_of_its_fills(floor):
    Noting.heard.clear()
    result = floor.play({"maker": [StrategyPlayer("touch", Noting), maker("far", 8.0)]})
    mine = np.array(result.names)[result.entrants] == "touch"
    assert result.numbers["fills"][:, mine].sum() > 0 and result.pnl[:, mine].any() and not result.forfeits
    assert (result.numbers["volume"][:, mine] >= result.numbers["inventory"][:, mine]).all()
    assert (result.numbers["end"] == 1).all()
    told = np.abs([lots for lots, _ in Noting.heard.values()])
    assert told.sum() > 0 and (told <= 31).all()
    again = floor.play({"maker": [StrategyPlayer("touch", Noting), maker("far", 8.0)]})
    np.testing.assert_array_equal(result.pnl, again.pnl)


@pytest.mark.parametrize("kind", ["strategy", "participant"])
def test_a_guest_against_itself_scores_exactly_zero(floor, kind):
    if kind == "strategy":
        pair = [StrategyPlayer(name, TouchMaker) for name in "ab"]
    else:
        pair = [ParticipantPlayer(name, "touch_maker", {"qty": 4}) for name in "ab"]
    result = floor.play({"maker": pair})
    assert len(np.unique(result.pnl)) > 2
    for scores in result.scores().values():
        assert (scores == 0.0).all()


def test_a_kernel_participant_does_what_it_does_in_a_population(floor):
    """Its account is that of a market stepped by hand with the same group in it."""
    import qsl_envs
    from qsl_envs.market.config import PopulationConfig

    result = floor.play({"maker": [still("still"), ParticipantPlayer("touch", "touch_maker")]})
    base = SLOW.make(1).market.config
    line = base.participants[1]
    group = PopulationConfig(kind="touch_maker", name="g", order_link=line.order_link, report_link=line.report_link,
                             feed_link=line.feed_link, risk=line.risk)  # fmt: skip
    config = dataclasses.replace(base, population=(group,))
    envs = qsl_envs.make_marl_vec(SLOW.env_id, 1, config=config, seats={"maker": 2}, step_ns=QUICK["step_ns"],
                                  autoreset_mode="Disabled")  # fmt: skip
    envs.reset(seed=[2])
    action = np.tile(neutral_action(envs, "maker"), (1, 2, 1))
    while not envs.step({"maker": action})[2]["maker"].all():
        pass
    account = envs.market.account("g_0")
    assert account["fills"] > 0
    envs.market.liquidate("g_0")
    assert result.pnl[2, 0, 1] == envs.market.account("g_0")["equity"] / base.fee_unit


class Clumsy(TouchMaker):
    """Fails when it hears of its first fill, in the worlds in which there is one."""

    def on_fill(self, report):
        raise ZeroDivisionError("oh")


def test_a_strategy_that_fails_forfeits_its_world_and_the_others_play_on(floor):
    result = floor.play({"maker": [StrategyPlayer("bad", Clumsy), maker("a", 1.0)]})
    assert result.forfeits and all("ZeroDivisionError: oh" in reason for reason in result.forfeits.values())
    lost = {world for world, _, _ in result.forfeits}
    assert set(np.flatnonzero(np.isnan(result.means()["bad"]))) == lost
    assert np.isfinite(result.means()["a"]).all()


def test_what_cannot_be_a_guest_is_named(floor):
    crowd = Floor(Stage(env_id="qsl/MakersTakers-v0", settings=QUICK, worlds=1))
    with pytest.raises(
        ConfigError, match="player 's' cannot play 'executor': a guest cannot be given the parent order"
    ):
        crowd.check_role(StrategyPlayer("s", Silent), "executor")
    code = PlayerSpec(name="s", kind="strategy", content={"strategy": TOUCH})
    with pytest.raises(ConfigError, match="player 's'.kind must be trusted, its code runs"):
        seat_player(code)
    assert isinstance(seat_player(code, trust=True), StrategyPlayer)
    with pytest.raises(ConfigError, match="player 's': 'nowhere:X' is no module:name"):
        seat_player(dataclasses.replace(code, content={"strategy": "nowhere:X"}), trust=True)
    with pytest.raises(ConfigError, match="player 'p': 'oracle' is no kind of participant"):
        seat_player(PlayerSpec(name="p", kind="participant", content={"participant": "oracle"}))
    with pytest.raises(ConfigError, match="player 'p'.kind must be trusted"):
        seat_player(PlayerSpec(name="p", kind="participant", content={"participant": "x", "module": "docs"}))
    with pytest.raises(ConfigError, match="player 'p'.content must be with 'participant'"):
        seat_player(PlayerSpec(name="p", kind="participant", content={"kind": "glft"}))


def test_a_tournament_of_all_kinds(tmp_path):
    from leagues.results import contests_of
    from leagues.tournament import run_tournament

    players = (spec("policy", half_spread=2.0), PlayerSpec(name="code", kind="strategy", content={"strategy": TOUCH}),
               PlayerSpec(name="kernel", kind="participant", content={"participant": "inventory_skew"}))  # fmt: skip
    config = small_tournament(players=players, worlds=3, stage=SLOW)
    with pytest.raises(ConfigError, match="player 'code'.kind must be trusted"):
        run_tournament(config, tmp_path / "untrusted")
    [contest] = contests_of(run_tournament(config, tmp_path / "out", trust=True))
    assert contest.players == ("policy", "code", "kernel") and not contest.forfeits
    assert np.isfinite(contest.payoffs()).all() and (contest.facts["fills"][1:] > 0).all()
