"""Short words about the market say what a configuration says at length."""

from __future__ import annotations

import pytest

import qsl_envs
from qsl_envs.envs.market_words import MARKET_WORDS, with_words
from qsl_envs.errors import ConfigError
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import MarketConfig, ParticipantConfig, VenueConfig
from qsl_envs.network.profiles import PROFILES
from tests.envs.small import make

TWO = MarketConfig(
    venues=(VenueConfig(name="A"), VenueConfig(name="B")),
    participants=(ParticipantConfig(name="me"), ParticipantConfig(name="other")),
)


def test_each_word_changes_what_it_names_and_nothing_else():
    said = with_words(
        TWO,
        {"latency": 7_000, "fees": {"taker_fee_bps": 0.5}, "risk": {"max_inventory": 30}, "flow": {"market_rate": 2.5},
         "scenario": ("calm",), "randomize": {"flow.market_rate": [1.0, 2.0]}},
        num_agents=1,
    )  # fmt: skip
    me, other = said.participants
    assert me.order_link.latency_ns == me.report_link.latency_ns == me.feed_link.latency_ns == 7_000
    assert me.risk.max_inventory == 30 and me.risk.max_order_qty == TWO.participants[0].risk.max_order_qty
    assert other == TWO.participants[1]
    assert all(v.taker_fee_bps == 0.5 and v.maker_fee_bps == TWO.venues[0].maker_fee_bps for v in said.venues)
    assert isinstance(said.flow, PoissonFlowConfig) and said.flow.market_rate == 2.5
    assert said.flow.limit_rate == TWO.flow.limit_rate
    assert said.scenario == ("calm",) and "flow.market_rate" in said.randomize
    assert with_words(TWO, {}, 1) is TWO


def test_a_line_by_its_name_and_another_flow():
    name = next(iter(PROFILES))
    said = with_words(TWO, {"latency": name, "flow": {"kind": "queue_reactive"}}, num_agents=2)
    assert all(p.feed_link == PROFILES[name].link for p in said.participants)
    assert said.flow.kind == "queue_reactive"


def test_one_name_alone():
    said = with_words(TWO, {"flow": "hawkes", "scenario": "flash_crash"}, num_agents=2)
    assert said.flow.kind == "hawkes" and said.scenario == ("flash_crash",)


def test_environments_take_the_words():
    envs = make(2, latency=3_000_000, risk={"max_inventory": 7})
    agent = envs.market.config.participants[0]
    assert agent.order_link.latency_ns == 3_000_000 and envs.max_inventory == 7
    team = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", 1, fees={"maker_fee_bps": 0.3})
    assert team.market.config.venues[0].maker_fee_bps == 0.3
    page = type(team).__doc__
    assert all(f"| `{name}` |" in page for name in MARKET_WORDS)


@pytest.mark.parametrize(
    "words, name",
    [({"latency": 1.5}, "latency"), ({"latency": "moon"}, "moon"), ({"fees": 3}, "fees"),
     ({"risk": {"limit": 1}}, "limit"), ({"flow": 3}, "flow"),
     ({"scenario": "storm"}, "storm"), ({"weather": 1}, "weather")],
)  # fmt: skip
def test_bad_words_are_named(words, name):
    with pytest.raises(ConfigError, match=name):
        make(1, **words)
