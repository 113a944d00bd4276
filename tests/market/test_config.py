"""Settings of a market: every bad value is an error that names its field; plain values and YAML come back equal."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass

import pytest

from qsl_envs.errors import ConfigError
from qsl_envs.flow.config import PoissonFlowConfig, ProfileStep
from qsl_envs.market.config import (
    BandTier,
    FeeTier,
    MarketConfig,
    ParticipantConfig,
    PhaseChange,
    PopulationConfig,
    RiskConfig,
    SizeConfig,
    SymbolConfig,
    TickStep,
    VenueConfig,
)
from qsl_envs.market.kinds import Draw
from qsl_envs.market.market import Market
from qsl_envs.settings import to_dict
from tests.market.worlds import FLOW, participant, rich, small

TIER = FeeTier(volume=10, maker_fee_bps=0.0, taker_fee_bps=0.0)
BAD = [
    (FeeTier, "volume", {"volume": 0, "maker_fee_bps": 0.0, "taker_fee_bps": 0.0}),
    (FeeTier, "maker_fee_bps", {"volume": 1, "maker_fee_bps": 0.005, "taker_fee_bps": 0.0}),
    (FeeTier, "taker_fee_bps", {"volume": 1, "maker_fee_bps": 0.0, "taker_fee_bps": math.nan}),
    (VenueConfig, "maker_fee_bps", {"maker_fee_bps": 101.0}),
    (VenueConfig, "taker_fee_bps", {"taker_fee_bps": math.inf}),
    (VenueConfig, "maker_lot_fee", {"maker_lot_fee": math.nan}),
    (VenueConfig, "taker_lot_fee", {"taker_lot_fee": 1e9}),
    (VenueConfig, "tiers", {"tiers": (TIER, TIER)}),
    (VenueConfig, "tiers", {"tiers": (TIER, TIER, TIER, TIER)}),
    (VenueConfig, "service_ns", {"service_ns": -1}),
    (VenueConfig, "service_ns", {"service_ns": 1.5}),
    (VenueConfig, "service_ns", {"service_ns": "fast"}),
    (VenueConfig, "gateway_slots", {"gateway_slots": 0}),
    (VenueConfig, "stp", {"stp": "maybe"}),
    (VenueConfig, "collar_ticks", {"collar_ticks": -1}),
    (VenueConfig, "band_ticks", {"band_ticks": -1}),
    (VenueConfig, "max_order_qty", {"max_order_qty": 2**31}),
    (VenueConfig, "impact_ticks", {"impact_ticks": math.nan}),
    (VenueConfig, "outages", {"outages": ((5, 5),)}),
    (VenueConfig, "outages", {"outages": ((5, 9), (8, 12))}),
    (VenueConfig, "outages", {"outages": (5, 9)}),
    (VenueConfig, "schedule", {"schedule": (PhaseChange(at_ns=9, action="halt"), PhaseChange(at_ns=9, action="open"))}),
    (VenueConfig, "band_window_ns", {"band_ticks": 5, "band_window_ns": 3}),
    (VenueConfig, "band_window_ns", {"band_window_ns": 10**9}),
    (VenueConfig, "limit_state_ns", {"limit_state_ns": 10**9}),
    (VenueConfig, "limit_halt_ns", {"limit_halt_ns": -1}),
    (VenueConfig, "limit_call_ns", {"limit_call_ns": 10**15}),
    (VenueConfig, "band_tiers", {"band_ticks": 5, "band_tiers": (BandTier(from_price=9, ticks=1),) * 2}),
    (VenueConfig, "batch_interval_ns", {"batch_interval_ns": 10}),
    (VenueConfig, "speed_bump_ns", {"speed_bump_ns": -1}),
    (VenueConfig, "speed_bump_for", {"speed_bump_for": "makers"}),
    (VenueConfig, "min_resting_ns", {"min_resting_ns": 10**15}),
    (VenueConfig, "tick_table", {"tick_table": (TickStep(from_price=9, step=1), TickStep(from_price=6, step=2))}),
    (TickStep, "from_price", {"from_price": 7, "step": 5}),
    (TickStep, "step", {"from_price": 7, "step": 0}),
    (BandTier, "ticks", {"from_price": 7, "ticks": 0}),
    (PhaseChange, "action", {"at_ns": 9, "action": "sleep"}),
    (PhaseChange, "at_ns", {"at_ns": -9, "action": "halt"}),
    (SymbolConfig, "start_price", {"start_price": 0}),
    (SymbolConfig, "start_price", {"start_price": 10.5}),
    (SymbolConfig, "borrow_rate", {"borrow_rate": -1}),
    (SymbolConfig, "lot_size", {"lot_size": 0}),
    (SymbolConfig, "tick_size_usd", {"tick_size_usd": math.nan}),
    (RiskConfig, "max_inventory", {"max_inventory": 0}),
    (RiskConfig, "max_order_qty", {"max_order_qty": 2**31}),
    (RiskConfig, "max_notional", {"max_notional": 0}),
    (RiskConfig, "max_open_orders", {"max_open_orders": 0}),
    (RiskConfig, "messages_per_s", {"messages_per_s": -1.0}),
    (RiskConfig, "burst", {"burst": 0}),
    (RiskConfig, "max_drawdown", {"max_drawdown": math.inf}),
    (RiskConfig, "risk_check_ns", {"risk_check_ns": 0}),
    (RiskConfig, "firm_max_inventory", {"firm_max_inventory": -1}),
    (ParticipantConfig, "extra_latency_ns", {"extra_latency_ns": -1}),
    (MarketConfig, "randomize", {"randomize": ["flow.market_rate"]}),
    (MarketConfig, "scenario", {"scenario": 7}),
    (ParticipantConfig, "reaction_ns", {"reaction_ns": -1}),
    (ParticipantConfig, "cash", {"cash": math.nan}),
    (ParticipantConfig, "inventory", {"inventory": 1_001}),
    (ParticipantConfig, "name", {"name": 7}),
    (ParticipantConfig, "risk", {"risk": 3}),
    (ParticipantConfig, "listens", {"listens": "some"}),
    (PopulationConfig, "listens", {"kind": "noise", "listens": "some"}),
    (SizeConfig, "max_orders", {"max_orders": 0}),
    (SizeConfig, "window_ticks", {"window_ticks": 100}),
    (SizeConfig, "max_special", {"max_special": -1}),
    (SizeConfig, "max_events", {"max_events": 8}),
    (SizeConfig, "max_clients", {"max_clients": 2**16}),
    (SizeConfig, "max_messages", {"max_messages": 0}),
    (SizeConfig, "max_calendar", {"max_calendar": 0}),
    (SizeConfig, "max_pending", {"max_pending": 0}),
    (SizeConfig, "tape", {"tape": 100}),
    (SizeConfig, "wheel", {"wheel": 32}),
    (PoissonFlowConfig, "market_rate", {"market_rate": 0.0}),
    (PoissonFlowConfig, "limit_rate", {"limit_rate": math.nan}),
    (PoissonFlowConfig, "cancel_rate", {"cancel_rate": -1.0}),
    (PoissonFlowConfig, "ticks", {"ticks": 0}),
    (PoissonFlowConfig, "kind", {"kind": "cst"}),
    (PoissonFlowConfig, "profile", {"profile": (ProfileStep(at_ns=9, factor=1.0), ProfileStep(at_ns=9, factor=2.0))}),
    (PoissonFlowConfig, "headroom", {"headroom": 0.0}),
    (PoissonFlowConfig, "qty_high", {"qty_low": 3, "qty_high": 2}),
    (MarketConfig, "venues", {"venues": ()}),
    (MarketConfig, "venues", {"venues": (VenueConfig(), VenueConfig())}),
    (MarketConfig, "symbols", {"symbols": ()}),
    (MarketConfig, "participants", {"participants": (participant("a"), participant("a"))}),
    (MarketConfig, "max_inventory", {"participants": (participant(risk=RiskConfig(max_inventory=2**31 - 1)),),
                                         "symbols": (SymbolConfig(start_price=2**29),)}),
    (MarketConfig, "max_inventory", {"participants": (participant(risk=RiskConfig(max_inventory=1)),),
                                         "venues": (VenueConfig(), VenueConfig(name="B"))}),
    (PopulationConfig, "nois", {"kind": "nois"}),
    (PopulationConfig, "count", {"kind": "noise", "count": 0}),
    (PopulationConfig, "count", {"kind": "noise", "count": (1, 5)}),
    (PopulationConfig, "params", {"kind": "noise", "params": {"gap": 1}}),
    (PopulationConfig, "depth", {"kind": "noise", "params": {"depth": 0}}),
    (PopulationConfig, "depth", {"kind": "noise", "params": {"depth": "deep"}}),
    (PopulationConfig, "market_share", {"kind": "noise", "params": {"market_share": (0.1, 1.1)}}),
    (PopulationConfig, "extra_latency_ns", {"kind": "noise", "extra_latency_ns": -1}),
    (PopulationConfig, "books", {"kind": "noise", "books": (0, 0)}),
    (PopulationConfig, "programs", {"kind": "noise", "programs": ("1",)}),
    (PopulationConfig, "reaction_ns", {"kind": "noise", "reaction_ns": -1}),
    (PopulationConfig, "cash", {"kind": "noise", "cash": math.inf}),
    (PopulationConfig, "inventory", {"kind": "noise", "inventory": -1_001}),
    (Draw, "law", {"law": "cauchy", "a": 1.0}),
    (Draw, "a", {"law": "log_uniform", "a": 0.0, "b": 1.0}),
    (Draw, "b", {"law": "uniform", "a": 2.0, "b": 1.0}),
    (MarketConfig, "population", {"population": (PopulationConfig(kind="noise"), PopulationConfig(kind="noise"))}),
    (MarketConfig, "population", {"population": (PopulationConfig(kind="noise"),),
                                  "participants": (participant("noise_0"),)}),
    (MarketConfig, "population", {"population": (PopulationConfig(kind="noise", books=(1,)),)}),
    (MarketConfig, "max_clients", {"population": (PopulationConfig(kind="noise", count=64),)}),
    (MarketConfig, "session_ns", {"session_ns": 0}),
    (MarketConfig, "fee_unit", {"fee_unit": 3}),
    (MarketConfig, "templates", {"templates": 0}),
    (MarketConfig, "burn_in_ns", {"burn_in_ns": -1}),
    (MarketConfig, "snapshot_ns", {"snapshot_ns": 0}),
    (MarketConfig, "heartbeat_ns", {"heartbeat_ns": 0}),
    (MarketConfig, "order_timeout_ns", {"order_timeout_ns": 0}),
    (MarketConfig, "impact_window_ns", {"impact_window_ns": 0}),
    (MarketConfig, "mirror", {"mirror": 1}),
    (MarketConfig, "max_orders", {"flow": PoissonFlowConfig(cancel_rate=0.01)}),
    (MarketConfig, "lot_fee", {"venues": (VenueConfig(maker_lot_fee=0.00001),)}),
]  # fmt: skip


@pytest.mark.parametrize("cls, field, values", BAD)
def test_a_bad_value_is_named(cls, field, values):
    with pytest.raises(ConfigError, match=field):
        cls(**values)


def test_every_setting_with_a_range_has_a_bad_value_above():
    """New settings join the table; `seen` are those that take any value of their type."""
    free = {
        "name",
        "keep_on_decrease",
        "wake_on_fill",
        "order_link",
        "report_link",
        "feed_link",
        "qty_low",
        "size",
        "flow",
        "kind",
        "risk",
        "auction_fee_bps",
        "value",
        "anchor",
        "reactive",
        "ideal_queue",
        "ideal_takes",
    }
    for cls in (
        FeeTier,
        VenueConfig,
        SymbolConfig,
        RiskConfig,
        SizeConfig,
        PoissonFlowConfig,
        MarketConfig,
        PhaseChange,
        PopulationConfig,
        Draw,
    ):
        named = {field for owner, field, _ in BAD if owner is cls}
        missing = {f.name for f in fields(cls)} - named - free
        assert not missing, (cls.__name__, missing)


def test_yaml_and_plain_values_come_back_equal(tmp_path):
    for config in (MarketConfig(), rich(), small(flow=None)):
        assert MarketConfig.from_dict(config.to_dict()) == config
        file = tmp_path / "market.yaml"
        config.save(file)
        assert MarketConfig.load(file) == config
        assert MarketConfig.load(file).hash() == config.hash()
    assert rich().hash() != small().hash()


@pytest.mark.parametrize(
    "path, values",
    [
        ("MarketConfig.venue", {"venue": []}),
        (r"MarketConfig.venues\[0\].speed", {"venues": [{"speed": 1}]}),
        (r"MarketConfig.venues\[1\].service_ns", {"venues": [{}, {"service_ns": "x"}]}),
        ("VenueConfig.service_ns", {"venues": [{"service_ns": -5}]}),
        (r"MarketConfig.participants\[0\].order_link.latency", {"participants": [{"order_link": {"latency": 1}}]}),
        ("LinkConfig.drop_ppm", {"participants": [{"order_link": {"drop_ppm": 2_000_000}}]}),
        ("MarketConfig.size.max_orders", {"size": {"max_orders": [256, 512]}}),
        ("MarketConfig.size.max_orders", {"size": {"max_orders": {"low": 1, "high": 2}}}),
        ("MarketConfig.session_ns", {"session_ns": True}),
        ("MarketConfig.session_ns", {"session_ns": None}),
        ("MarketConfig.flow.ticks", {"flow": {"ticks": 3.5}}),
        ("MarketConfig.venues", {"venues": "QSX"}),
        ("MarketConfig", []),
    ],
)
def test_plain_values_are_named_by_their_path(path, values):
    with pytest.raises(ConfigError, match=path):
        MarketConfig.from_dict(values)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("venues: [")
    with pytest.raises(ConfigError, match="broken.yaml"):
        MarketConfig.load(file)


def test_whole_numbers_may_be_written_as_fractions_and_lists_are_tuples():
    config = MarketConfig.from_dict({"session_ns": 1e9, "venues": [{"outages": [[1, 2]]}], "flow": to_dict(FLOW)})
    assert config.session_ns == 10**9 and type(config.session_ns) is int
    assert config.venues[0].outages == ((1, 2),) and config.flow == FLOW
    assert all(is_dataclass(v) for v in config.venues)


@pytest.mark.parametrize("field, values", [("num_replicas", (0,)), ("num_threads", (1,)), ("config", (1,))])
def test_a_markets_own_arguments_are_named(field, values):
    with pytest.raises(ConfigError, match=field):
        if field == "config":
            Market({"session_ns": 1})
        elif field == "num_threads":
            Market(small(), 1, num_threads=0)
        else:
            Market(small(), *values)


def test_seeds_and_splits_are_named():
    with pytest.raises(ConfigError, match="seed"):
        Market(small(), seed=-1)
    with pytest.raises(ConfigError, match="split"):
        Market(small(), split="")
