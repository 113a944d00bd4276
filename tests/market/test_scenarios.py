"""Settings by name, drawn for an episode or changed within it, and the scenarios that come with the package."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.errors import ConfigError
from qsl_envs.flow.config import AnchorConfig
from qsl_envs.market.config import MarketConfig, SymbolConfig, ValueConfig, VenueConfig
from qsl_envs.market.events import Kind, fills
from qsl_envs.market.knobs import KNOBS, change, value_of
from qsl_envs.market.plan import FAMILY, Plan, RowMaker
from qsl_envs.market.scenario import NAMES, in_force, parse_scenario, read_scenario, times_of, with_settings
from tests.market.worlds import FLOW, LOOSE, MS, SECOND, START, HardTrader, link, participant, ready, small, trade

TEN = 10 * SECOND


# --- names --------------------------------------------------------------------------------------------------------
def everything() -> MarketConfig:
    """A market in which every setting that can vary has a value to vary."""
    venue = {"service_ns": 1_000, "band_ticks": 50, "limit_state_ns": SECOND}
    venues = (VenueConfig(name="A", **venue), VenueConfig(name="B", **venue))
    symbols = (SymbolConfig(start_price=START, value=ValueConfig(sigma=1.0, reversion=0.5)),)
    people = (participant(risk=replace(LOOSE, messages_per_s=100.0, max_drawdown=50.0)),)
    return small(venues=venues, symbols=symbols, participants=people, flow=replace(FLOW, anchor=AnchorConfig()))


ALL = [f"{room}.{name}" if room else name for room, names in KNOBS.items() for name in names]


@pytest.mark.parametrize("name", [*ALL, "flow.market_rate", "flow.qty_high", "flow.anchor.tilt", "flow.anchor.ticks"])
def test_every_setting_can_be_changed_by_name_and_reaches_the_row(name):
    config = everything()
    old = value_of(config, name)
    new = old + (0.5 if isinstance(old, float) else 1)
    if name.endswith("tilt"):
        new = old - 0.25
    changed = change(config, name, "set", new)
    assert value_of(changed, name) == new != old
    row = RowMaker(config)
    assert np.count_nonzero(row(changed) != row.base) > 0
    assert np.array_equal(row(config), row.base)


def test_a_name_may_pick_one_venue_or_all():
    config = everything()
    both, one = change(config, "venues.taker_fee_bps", "add", 1.0), change(config, "venues[B].taker_fee_bps", "set", 2)
    assert [v.taker_fee_bps for v in both.venues] == [1.3, 1.3] and [v.taker_fee_bps for v in one.venues] == [0.3, 2.0]
    assert change(config, "flow.market_rate", "scale", 3).flow.market_rate == 3 * FLOW.market_rate


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("size.max_orders", 500, "is not the name of a setting|fixes memory"),
        ("venues.gateway_slots", 9, "fixes memory"),
        ("symbols.start_price", 9, "fixes memory"),
        ("templates", 9, "fixes memory"),
        ("flow.market_rat", 9, "has no setting 'market_rat'"),
        ("flow.market_rate", "fast", "must be given a number"),
        ("flow.market_rate", -1, "market_rate must be a rate"),
        ("venues[C].service_ns", 9, "'C' is none of A, B"),
        ("symbols.value", 9, "fixes memory, or is no setting"),
        ("venues.taker_fee_bps", 1e6, "taker_fee_bps must be a number in"),
        ("flow.anchor", 1, "is no number"),
        ("participants.order_link.latency_ns", 9, "fixes memory, or is no setting"),
        ("!", 1, "is not the name of a setting"),
    ],
)
def test_what_cannot_vary_is_an_error_that_names_it(name, value, words):
    with pytest.raises(ConfigError, match=words):
        change(everything(), name, "set", value)


def test_a_setting_of_what_the_market_lacks_is_an_error():
    with pytest.raises(ConfigError, match="no background flow"):
        change(small(flow=None), "flow.market_rate", "set", 1)
    with pytest.raises(ConfigError, match="value is None"):
        change(small(), "symbols.value.sigma", "set", 1)


# --- drawn settings -----------------------------------------------------------------------------------------------
def test_each_episode_draws_its_settings_from_their_laws_and_only_from_its_world():
    laws = {"venues.taker_fee_bps": [0.0, 2.0], "participants.reaction_ns": {"choice": [0, 5 * MS]},
            "symbols.borrow_rate": {"log_uniform": [10, 10_000]},
            "participants.risk.max_order_qty": {"normal": [50, 10, 20, 80]}}  # fmt: skip
    market = ready(small(randomize=laws), 400, seed=3)
    drawn = [market.drawn(i) for i in range(400)]
    fees = np.array([d["venues.taker_fee_bps"] for d in drawn])
    rates = np.array([d["symbols.borrow_rate"] for d in drawn])
    sizes = np.array([d["participants.risk.max_order_qty"] for d in drawn])
    assert 0 <= fees.min() < 0.1 and 1.9 < fees.max() <= 2 and abs(fees.mean() - 1) < 0.1
    assert 10 <= rates.min() < 30 and 5_000 < rates.max() <= 10_000 and abs(np.log10(rates).mean() - 2.5) < 0.15
    assert 20 <= sizes.min() and sizes.max() <= 80 and abs(sizes.mean() - 50) < 2 and 8 < sizes.std() < 12
    assert {d["participants.reaction_ns"] for d in drawn} == {0, 5 * MS}
    run = market.arrays.runs[7 * market.stride]
    assert market.arrays.venues[run.venues].taker_rate_0 == round(100 * drawn[7]["venues.taker_fee_bps"])
    assert market.arrays.traders[run.traders].reaction_ns == drawn[7]["participants.reaction_ns"]
    assert market.arrays.traders[run.traders].max_order_qty == drawn[7]["participants.risk.max_order_qty"]
    alone = ready(small(randomize=laws), 1, seed=10)
    assert alone.drawn() == drawn[7] and alone.digest(0) == market.digest(7)
    market.reset()
    assert [market.drawn(i) for i in range(400)] != drawn


def test_a_family_is_spread_evenly_over_every_range():
    plan = Plan(small(randomize={"venues.taker_fee_bps": [0.0, 25.6], "flow.market_rate": [10.0, 30.0]}))
    for name, low, high in (("venues.taker_fee_bps", 0.0, 25.6), ("flow.market_rate", 10.0, 30.0)):
        values = np.sort(plan.drawn[name])
        parts = (values - low) / (high - low) * FAMILY
        assert (np.abs(parts - np.arange(FAMILY) - 0.5) <= 0.6).all()
    assert abs(np.corrcoef(plan.drawn["venues.taker_fee_bps"], plan.drawn["flow.market_rate"])[0, 1]) < 0.2


def test_a_ranged_flow_has_warm_books_of_the_drawn_rate():
    low = small(flow=replace(FLOW, limit_rate=2.0))
    laws = {"flow.limit_rate": {"choice": [2.0, 12.0]}}
    market = ready(replace(low, randomize=laws), 24)
    depth = {2.0: [], 12.0: []}
    for i in range(24):
        book = market.true_book(replica=i, levels=50)
        depth[market.drawn(i)["flow.limit_rate"]].append(book[0][:, 1].sum() + book[1][:, 1].sum())
        assert market.now_ns[i] == 0 and market.counters(i)["served"] == 0
    assert min(len(d) for d in depth.values()) > 4
    assert np.mean(depth[12.0]) > 3 * np.mean(depth[2.0])


@pytest.mark.parametrize(
    "laws, words",
    [
        ({"size.max_orders": [300, 400]}, r"randomize\['size.max_orders'\].*(fixes memory|not the name)"),
        ({"venues.gateway_slots": [3, 4]}, r"randomize\['venues.gateway_slots'\].*fixes memory"),
        ({"flow.market_rate": [3.0]}, r"randomize\['flow.market_rate'\].*must be \[low, high\]"),
        ({"flow.market_rate": [3.0, 1.0]}, "low < high"),
        ({"flow.market_rate": {"log_uniform": [0.0, 1.0]}}, "low > 0"),
        ({"flow.market_rate": {"poisson": [0.0, 1.0]}}, "must be"),
        ({"flow.market_rate": [-3.0, 1.0]}, r"randomize\['flow.market_rate'\].*market_rate"),
        ({"flow.limit_rate": [1.0, 9e5]}, "max_orders"),
        ({"venues.service_ns": [0, 5]}, "service_ns"),
    ],
)
def test_a_range_that_cannot_be_is_an_error_that_names_it(laws, words):
    with pytest.raises(ConfigError, match=words):
        ready(small(randomize=laws))


def test_ranges_and_scenarios_go_through_yaml(tmp_path):
    config = small(randomize={"flow.market_rate": [10.0, 30.0]}, scenario=("fee_change",))
    config.save(tmp_path / "market.yaml")
    assert MarketConfig.load(tmp_path / "market.yaml") == config
    assert MarketConfig.load(tmp_path / "market.yaml").hash() == config.hash()


# --- scenarios: their words ---------------------------------------------------------------------------------------
def test_every_scenario_of_the_package_reads_says_what_it_does_and_fits_the_default_market():
    assert set(NAMES) == {"calm", "volatile", "trending", "thin", "flash_crash", "news_jump", "latency_spike",
                          "venue_outage", "fee_change", "halt_and_auction"}  # fmt: skip
    for name in NAMES:
        scenario = read_scenario(name, TEN)
        assert scenario.name == name and len(scenario.about) > 40
        Plan(MarketConfig(scenario=(name,)))


@pytest.mark.parametrize(
    "values, words",
    [
        ({"settings": [{"scale": {"flow.speed": 2.0}}]}, "scenario 'x' at the start, flow.speed"),
        ({"changes": [{"at": 0.5, "set": {"size.tape": 2}}]}, "scenario 'x' at 5000000000 ns, size.tape"),
        ({"changes": [{"at": 1.5, "set": {"flow.market_rate": 2}}]}, r"at must be a share of the session in \[0, 1\]"),
        ({"changes": [{"at_ns": -5, "set": {"flow.market_rate": 2}}]}, "at must be"),
        ({"changes": [{"at": 0.5, "put": {"flow.market_rate": 2}}]}, "at 5000000000 ns: 'put' is none of"),
        ({"changes": [{"at": 0.5, "set": ["flow.market_rate"]}]}, "must name settings"),
        ({"changes": [{"at": 0.5, "scale": {"flow.market_rate": -1}}]}, "at 5000000000 ns, flow.market_rate"),
        ({"phases": [{"at": 0.5, "action": "sleep"}]}, "action"),
        ({"outages": [{"from": 0.5, "to": 0.2}]}, "scenario 'x' at the start: .*outages"),
        ({"moods": []}, "'moods' is none of"),
        ({"anchor": {"pull": 1}}, "scenario 'x': anchor.pull"),
    ],
)
def test_a_bad_scenario_is_named_with_its_time_and_its_setting(values, words):
    with pytest.raises(ConfigError, match=words):
        scenario = parse_scenario(values, "x", TEN)
        base = with_settings(small(), (scenario,))
        for t in times_of((scenario,)):
            in_force(base, (scenario,), t)


def test_an_unknown_scenario_is_named_and_a_file_is_read(tmp_path):
    with pytest.raises(ConfigError, match="'boom' is no file, and none of calm"):
        ready(small(scenario=("boom",)))
    file = tmp_path / "mine.yaml"
    file.write_text("about: mine\nchanges: [{at_ns: 5000, set: {venues.taker_fee_bps: 7}}]\n")
    market = ready(small(scenario=(str(file),)))
    market.advance(5_000)
    assert market.arrays.venues[market.arrays.runs[0].venues].taker_rate_0 == 700


def test_scenarios_act_one_on_the_other_and_take_back_only_their_own():
    config = everything()
    one = parse_scenario({"changes": [{"at": 0.1, "scale": {"flow.market_rate": 2}},
                                      {"at": 0.5, "restore": ["flow.market_rate"]}]}, "one", TEN)  # fmt: skip
    two = parse_scenario({"changes": [{"at": 0.2, "add": {"flow.market_rate": 5}},
                                      {"at": 0.3, "set": {"flow.market_rate": 1}}]}, "two", TEN)  # fmt: skip
    both, rate = (one, two), FLOW.market_rate
    assert times_of(both) == [SECOND, 2 * SECOND, 3 * SECOND, 5 * SECOND]
    found = [in_force(config, both, t).flow.market_rate for t in (0, *times_of(both))]
    assert found == [rate, 2 * rate, 2 * rate + 5, 1, 1]
    turned = [in_force(config, (two, one), t).flow.market_rate for t in (0, *times_of(both))]
    assert turned == [rate, 2 * rate, 2 * (rate + 5), 2, 1]


def test_a_change_acts_on_what_the_episode_has_drawn():
    file_free = {"changes": [{"at_ns": SECOND, "scale": {"venues.taker_fee_bps": 2}}]}
    import qsl_envs.market.plan as plan_module

    original = plan_module.read_scenario
    plan_module.read_scenario = lambda name, session_ns: parse_scenario(file_free, name, session_ns)
    try:
        market = ready(small(randomize={"venues.taker_fee_bps": {"choice": [1.0, 3.0]}}, scenario=("twice",)), 8)
    finally:
        plan_module.read_scenario = original
    market.advance(SECOND)
    for i in range(8):
        rate = market.arrays.venues[market.arrays.runs[i * market.stride].venues].taker_rate_0
        assert rate == round(200 * market.drawn(i)["venues.taker_fee_bps"])


def test_worlds_under_changes_are_the_same_alone_among_others_and_from_a_snapshot():
    config = small(scenario=("flash_crash", "latency_spike"), session_ns=4 * SECOND)
    market, other = ready(config, 3, seed=5), ready(config, 1, seed=6)
    trade(market, [HardTrader(market, 2, replica=1)], 1_500 * MS, 10 * MS)
    trade(other, [HardTrader(other, 2)], 1_500 * MS, 10 * MS)
    kept = market.snapshot(1)
    market.advance(3 * SECOND), other.advance(3 * SECOND)
    assert market.digest(1) == other.digest(0)
    other.restore(kept)
    other.advance(3 * SECOND)
    assert market.digest(1) == other.digest(0)


# --- scenarios: what they do --------------------------------------------------------------------------------------
LIVELY = replace(FLOW, limit_rate=6, qty_high=2)


def measure(scenario: tuple[str, ...], seconds: int = 20, replicas: int = 4, **changes) -> dict[str, np.ndarray]:
    """Sampled every 50 ms of a session, over replicas: spread, depth of 10 levels, mid; axes (replica, sample)."""
    config = small(scenario=scenario, flow=LIVELY, session_ns=seconds * SECOND, templates=4, **changes)
    market = ready(config, replicas, seed=1)
    found = {"spread": [], "depth": [], "mid": []}
    for t in range(0, seconds * SECOND, 50 * MS):
        market.advance(t)
        rows = []
        for i in range(replicas):
            bids, asks = market.true_book(replica=i, levels=10)
            rows.append((asks[0, 0] - bids[0, 0], bids[:, 1].sum() + asks[:, 1].sum(), (bids[0, 0] + asks[0, 0]) / 2))
        for name, column in zip(found, zip(*rows, strict=True), strict=True):
            found[name].append(column)
    return {name: np.array(values).T for name, values in found.items()}


def volatility(mids):
    return np.sqrt((np.diff(mids[:, ::10], axis=1) ** 2).mean())


def test_calm_volatile_and_thin_change_spread_depth_and_moves_as_their_page_says():
    plain, calm, volatile, thin = (measure(names) for names in ((), ("calm",), ("volatile",), ("thin",)))
    spread = [found["spread"].mean() for found in (calm, plain, volatile, thin)]
    assert spread[0] < 0.9 * spread[1] < spread[1] < 0.8 * spread[2] and spread[3] > 1.2 * spread[1]
    assert volatility(calm["mid"]) < volatility(plain["mid"]) < volatility(volatile["mid"])
    depth = [found["depth"].mean() for found in (thin, volatile, plain)]
    assert depth[0] < 0.7 * depth[2] and depth[1] < depth[2]


def test_trending_moves_the_price_up_with_the_value():
    trending, plain = measure(("trending",)), measure(())
    assert ((trending["mid"][:, -1] - trending["mid"][:, 0]) > 30).all()  # 3 ticks a second, 20 seconds
    assert np.abs((plain["mid"][:, -1] - plain["mid"][:, 0]).mean()) < 20


def test_a_news_jump_moves_the_price_for_good_and_not_before():
    mid = measure(("news_jump",))["mid"]
    n = mid.shape[1]
    before, after = mid[:, n // 2 - 20 : n // 2].mean(), mid[:, -40:].mean()
    assert abs(before - mid[:, :20].mean()) < 15 and 40 < after - before < 75


def test_a_flash_crash_falls_thins_and_comes_back():
    found = measure(("flash_crash",), seconds=40)
    mid, n = found["mid"], found["mid"].shape[1]
    before, low = mid[:, : n // 2].mean(), mid[:, n // 2 : int(0.56 * n)].min(axis=1)
    assert (before - low > 25).all() and abs(mid[:, -60:].mean() - before) < 15
    crash = slice(int(0.51 * n), int(0.55 * n))
    assert found["depth"][:, crash].mean() < 0.8 * found["depth"][:, : n // 2].mean()
    assert found["spread"][:, crash].mean() > 1.5 * found["spread"][:, : n // 2].mean()


def test_a_latency_spike_delays_orders_reports_and_feeds_while_it_lasts():
    lines = link(2 * MS)
    config = small(flow=None, participants=(participant(lines=lines),), scenario=("latency_spike",), session_ns=TEN)
    market = ready(config, record=1_000)
    trips = {}
    for t in (SECOND, 5 * SECOND, 7 * SECOND):
        market.advance(t)
        client = market.send(BUY, 1, START)
        market.advance(t + 100 * MS)
        row = market.events_array()
        row = row[row["kind"] == Kind.NEW][-1]
        one_way = int(row["arrival_ns"] - row["sent_ns"])
        trips[t] = (one_way, market.client(client)["ack_ns"] - t)
    assert trips == {SECOND: (2 * MS, 4 * MS), 5 * SECOND: (22 * MS, 44 * MS), 7 * SECOND: (2 * MS, 4 * MS)}
    market = ready(replace(config, flow=LIVELY))
    ages = []
    for t in (3 * SECOND, 5 * SECOND, 8 * SECOND):
        heard = []
        for k in range(200):
            market.advance(t + k * MS)
            heard.append(market.observe()["age_ns"])
        ages.append(min(heard) / MS)
    assert 2 <= ages[0] < 8 and 22 <= ages[1] < 28 and 2 <= ages[2] < 8


def test_a_venue_outage_loses_what_arrives_at_the_first_venue():
    venues = (VenueConfig(name="A"), VenueConfig(name="B"))
    market = ready(small(venues=venues, scenario=("venue_outage",), session_ns=TEN), record=100_000)
    market.advance(TEN)
    rows = market.events_array()
    out = (rows["ts_ns"] > 4 * SECOND) & (rows["ts_ns"] < 4_500 * MS)
    assert out.sum() > 50 and set(rows["book"][out].tolist()) == {1}
    assert set(rows["book"].tolist()) == {0, 1}
    run = market.arrays.runs[0]
    assert (
        market.arrays.venues[run.venues].lost_in_outage > 50 == 50 + market.arrays.venues[run.venues + 1].lost_in_outage
    )


def test_a_fee_change_raises_both_sides_fees_from_its_time_on():
    market = ready(small(scenario=("fee_change",), session_ns=TEN), record=100_000)
    market.advance(TEN)
    both = fills(market.events_array())
    unit = market.config.fee_unit
    bps = 1e4 * both["fee"] / (both["price"].astype("f8") * both["qty"] * unit)
    late = both["ts_ns"] >= 5 * SECOND
    for liquidity, early_bps, late_bps in ((1, -0.2, 0.3), (2, 0.3, 1.3)):
        mine = both["liquidity"] == liquidity
        assert bps[mine & ~late] == pytest.approx(early_bps, abs=1e-3)
        assert bps[mine & late] == pytest.approx(late_bps, abs=1e-3)


def test_halt_and_auction_stops_gathers_and_opens_at_one_price():
    market = ready(small(scenario=("halt_and_auction",), session_ns=TEN), record=100_000)
    trade(market, [HardTrader(market, 4, plain=True)], 9_900 * MS, 10 * MS)
    rows = market.events_array()
    trades = rows[rows["kind"] == Kind.TRADE]
    stopped = (trades["ts_ns"] > 5 * SECOND) & (trades["ts_ns"] < 6 * SECOND)
    assert not stopped.any()
    crossed = trades[trades["side"] == -1]
    assert len(crossed) > 0 and set(crossed["ts_ns"].tolist()) == {6 * SECOND}
    assert len(set(crossed["price"].tolist())) == 1
    assert (trades["ts_ns"] > 6 * SECOND).sum() > 20 and (trades["side"] == SELL).any()


def test_scenarios_can_be_laid_together():
    market = ready(small(scenario=("volatile", "fee_change", "halt_and_auction"), session_ns=TEN), record=100_000)
    market.advance(TEN)
    rows = market.events_array()
    assert (rows["kind"] == Kind.HALT).any()
    trades = rows[rows["kind"] == Kind.TRADE]
    late = trades["ts_ns"] > 7 * SECOND
    bps = 1e4 * trades["taker_fee"] / (trades["price"].astype("f8") * trades["qty"] * market.config.fee_unit)
    assert bps[late].mean() > 1.2 and market.world.flow.market_rate == 2.5 * FLOW.market_rate
